/* Judging one CAA set (RFC 8659), without a server; the climb is tested against BIND
 * (tests/flow/test_preflight.py). */
#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "check.h"
#include "reconcilers/dns/caa.h"
#include "schema/rules.h"

static struct arena *arena;

static enum caa_verdict judged(bool wildcard, const char *lines)
{
    struct string_list set = text_split(arena, lines, '\n');
    struct caa_answer answer = {0};
    caa_judge(&set, wildcard, rules_caa_identities(FAMILY_SECTIGO), arena, &answer);
    CHECK(answer.words != NULL && answer.words[0] != '\0');
    return answer.verdict;
}

static void sets_are_judged(void)
{
    static const struct {
        bool wildcard;
        const char *set;
        enum caa_verdict verdict;
    } rows[] = {
        {false, "0 issue sectigo.com", CAA_ALLOWED},
        {false, "0 issue Comodo.COM", CAA_ALLOWED},
        {false, "0 ISSUE sectigo.com", CAA_ALLOWED},
        {false, "0 issue   sectigo.com  ; ", CAA_ALLOWED},
        {false, "0 issue sectigo.com; validationmethods=dns-01", CAA_LIMITED},
        {false, "0 issue sectigo.com; a=b\n0 issue sectigo.com", CAA_ALLOWED},
        {false, "0 issue ;", CAA_FORBIDDEN},
        {false, "0 issue ", CAA_FORBIDDEN},
        {false, "0 issue", CAA_FORBIDDEN},
        {false, "0 issue digicert.com", CAA_FORBIDDEN},
        {false, "0 issue sectigo.com.", CAA_FORBIDDEN},
        {false, "0 issue xsectigo.com", CAA_FORBIDDEN},
        {false, "0 issue ;\n0 issue sectigo.com", CAA_ALLOWED},
        {false, "0 issuewild ;", CAA_ALLOWED},
        {true, "0 issuewild ;", CAA_FORBIDDEN},
        {true, "0 issuewild ;\n0 issue sectigo.com", CAA_FORBIDDEN},
        {true, "0 issuewild sectigo.com\n0 issue ;", CAA_ALLOWED},
        {true, "0 issue digicert.com", CAA_FORBIDDEN},
        {true, "0 iodef mailto:a@b.example", CAA_ALLOWED},
        {false, "0 iodef mailto:a@b.example", CAA_ALLOWED},
        {false, "128 tbs x", CAA_FORBIDDEN},
        {false, "128 tbs x\n0 issue sectigo.com", CAA_FORBIDDEN},
        {false, "1 tbs x\n0 issue sectigo.com", CAA_ALLOWED}, /* another bit than the critical one */
        {false, "255 tbs x\n0 issue sectigo.com", CAA_FORBIDDEN},
        {false, "128 issue sectigo.com", CAA_ALLOWED},
        {false, "128 iodef mailto:a@b.example\n0 issue sectigo.com", CAA_ALLOWED},
        {false, "128 issuemail ;\n0 issue sectigo.com", CAA_UNKNOWN},
        {false, "128 issuemail ;\n0 issue digicert.com", CAA_FORBIDDEN},
        {false, "128 issuemail ;", CAA_UNKNOWN},
        {false, "0 issuemail ;", CAA_ALLOWED},
        {false, "128 ? x\n0 issue sectigo.com", CAA_FORBIDDEN}, /* a record without a tag */
        {false, "0 ? x\n0 issue sectigo.com", CAA_ALLOWED},
        {false, "128 is\\032sue x\n0 issue sectigo.com", CAA_FORBIDDEN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum caa_verdict verdict = judged(rows[i].wildcard, rows[i].set);
        if (verdict != rows[i].verdict)
            fprintf(stderr, "%s\"%s\": %d, not %d\n", rows[i].wildcard ? "wildcard, " : "", rows[i].set,
                    (int)verdict, (int)rows[i].verdict);
        CHECK_INT(verdict, rows[i].verdict);
    }
}

static void families_have_names_of_their_own(void)
{
    const struct string_list *sectigo = rules_caa_identities(FAMILY_SECTIGO),
                             *digicert = rules_caa_identities(FAMILY_DIGICERT);
    CHECK(string_list_contains(sectigo, "sectigo.com") && string_list_contains(digicert, "digicert.com"));
    for (size_t i = 0; i < sectigo->count; i++)
        CHECK(!string_list_contains(digicert, sectigo->items[i]));
}

/* A message with one CAA record of these bytes. */
static const char *read_wire(const char *rdata, size_t length)
{
    struct buffer wire = {0};
    struct dns_answer answer;
    struct error err = {0};
    unsigned char size[2] = {0, (unsigned char)length};
    buffer_append(&wire, "\x12\x34\x84\x00\0\x01\0\x01\0\0\0\0\x01x\0\x01\x01\0\x01", 19);
    buffer_append(&wire, "\xc0\x0c\x01\x01\0\x01\0\0\0\x05", 10);
    buffer_append(&wire, size, 2);
    buffer_append(&wire, rdata, length);
    bool ok = dns_read_answer(wire.data, wire.length, arena, &answer, &err);
    buffer_release(&wire);
    return !ok ? "unreadable" : answer.answer_count == 1 ? answer.answers[0].value : "left out";
}

static void bytes_become_text_and_none_is_lost(void)
{
    CHECK_TEXT(read_wire("\x00\x05issuesectigo.com", 18), "0 issue sectigo.com");
    CHECK_TEXT(read_wire("\x80\x03tbs", 5), "128 tbs ");
    CHECK_TEXT(read_wire("\x00\x05issuea\0b", 10), "0 issue a\\000b");
    CHECK_TEXT(read_wire("\x80\x05is uex", 8), "128 is\\032ue x");
    CHECK_TEXT(read_wire("\x00\x05issue\\\xff", 9), "0 issue \\092\\255");
    const char *tagless = read_wire("\x80\x00x", 3); /* whichever way, it is not an empty set */
    CHECK(strcmp(tagless, "128 ? x") == 0 || strcmp(tagless, "unreadable") == 0);
}

int main(void)
{
    arena = arena_create();
    RUN(sets_are_judged);
    RUN(families_have_names_of_their_own);
    RUN(bytes_become_text_and_none_is_lost);
    arena_destroy(arena);
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed > 0;
}
