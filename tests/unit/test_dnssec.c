/* Signed, unsigned and bogus zones of a real BIND, seen through a resolver that validates and one that does
 * not. */
#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "named.h"
#include "reconcilers/dns/caa.h"
#include "reconcilers/dns/dnssec.h"
#include "schema/operator.h"

static struct arena *arena;
static char directory[64];
static int ports[3]; /* named serves addresses that the interface has: 127.0.0.1 */
static pid_t pids[3];
static struct operator_config config;
static struct context ctx;

static const char sign_script[] =
    "set -e; cd %s\n"
    "command -v dnssec-signzone >/dev/null || exit 77\n"
    "head='$TTL 60\n@ SOA ns.test. root.test. 1 3600 600 86400 5\n@ NS ns.test.\n'\n"
    "for z in signed.test bogus.test plain.test; do printf '%%s' \"$head\" >$z.db; echo 'www A 127.0.0.1' "
    ">>$z.db;\n"
    "  echo '@ CAA 0 issue \"sectigo.com\"' >>$z.db; done\n"
    "for z in signed.test bogus.test test; do\n"
    "  dnssec-keygen -q -a ECDSAP256SHA256 -f KSK $z >ksk.$z; dnssec-keygen -q -a ECDSAP256SHA256 $z "
    ">/dev/null; done\n"
    "for z in signed.test bogus.test; do dnssec-signzone -q -S -o $z -f $z.signed $z.db >/dev/null; done\n"
    "cp plain.test.db plain.test.signed\n"
    "printf '%%s' \"$head\" >test.db\n"
    "echo 'ns A 127.0.0.1' >>test.db\n"
    "for z in signed bogus plain; do echo \"$z NS ns.test.\" >>test.db; done\n"
    "cat dsset-signed.test. >>test.db\n"
    "sed 's/[0-9A-F]\\{8\\}$/00000000/' dsset-bogus.test. >>test.db\n" /* the DS of a key that nobody has */
    "dnssec-signzone -q -S -o test -f test.signed test.db >/dev/null\n"
    "sed -n 's/^test\\. IN DNSKEY \\([0-9]* [0-9]* [0-9]*\\) \\(.*\\)/test. static-key \\1 \"\\2\";/p' $(cat "
    "ksk.test).key >anchor\n"
    "printf '%%s' \"$head\" >example.test.db\n";

static void set_up(void)
{
    static const char *const loopback[] = {"127.0.0.1"};
    AUTO(buffer)
    struct buffer anchor = {0};
    struct error err = {0};
    strcpy(directory, "/tmp/test-dnssec-XXXXXX");
    if (mkdtemp(directory) == NULL)
        abort();
    int code = system(arena_printf(arena, sign_script, directory));
    if (code != 0) {
        fprintf(stderr, "the zones cannot be signed: install the Debian package bind9-utils\n");
        const char *ci = getenv("CI");
        exit(ci != NULL && strcmp(ci, "true") == 0 ? 1 : 77);
    }
    if (!file_read_path(arena_printf(arena, "%s/anchor", directory), 4096, &anchor, &err) ||
        anchor.length == 0)
        abort();
    ports[0] = named_free_port(loopback, 1);
    pids[0] = named_start(directory, "authority", "127.0.0.1", ports[0], "listen-on-v6 { none; };",
                          "zone \"test\" { type primary; file \"test.signed\"; };\n"
                          "zone \"signed.test\" { type primary; file \"signed.test.signed\"; };\n"
                          "zone \"bogus.test\" { type primary; file \"bogus.test.signed\"; };\n"
                          "zone \"plain.test\" { type primary; file \"plain.test.signed\"; };\n"
                          "zone \"example.test\" { type primary; file \"example.test.db\"; };\n");
    for (int i = 1; i < 3; i++) {
        const char *view = arena_printf(
            arena,
            "view \"all\" { match-clients { any; }; recursion yes; allow-recursion { any; }; "
            "dnssec-validation %s;\n"
            "zone \"example.test\" { type primary; file \"example.test.db\"; };\n"
            "zone \"test\" { type forward; forward only; forwarders { 127.0.0.1 port %d; }; };\n%s };\n",
            i == 1 ? "yes" : "no", ports[0],
            i == 1 ? arena_printf(arena, "trust-anchors { %s };", buffer_text(&anchor)) : "");
        ports[i] = named_free_port(loopback, 1);
        pids[i] = named_start(directory, i == 1 ? "checks" : "trusts", "127.0.0.1", ports[i],
                              "listen-on-v6 { none; };", view);
    }
    ctx = (struct context){.arena = arena, .config = &config};
}

/* By resolvers: "c" checks, "t" trusts, "n" is not there. */
static struct dnssec_answer seen_by(const char *resolvers, const char *name)
{
    struct dns_address all[3];
    struct propagation_world world = {.resolvers = all, .port = 53};
    struct dnssec_answer answer;
    for (const char *at = resolvers; *at != '\0'; at++) {
        struct dns_address *one = &all[world.resolver_count++];
        strcpy(one->host, "127.0.0.1");
        one->port = *at == 'c' ? ports[1] : *at == 't' ? ports[2] : 1;
    }
    dnssec_check(&ctx, &world, name, &answer);
    return answer;
}

static void signatures_that_hold_are_fine(void)
{
    struct dnssec_answer answer = seen_by("c", "www.signed.test");
    CHECK_INT(answer.verdict, DNSSEC_FINE);
    CHECK(strstr(answer.words, "hold") != NULL);
    CHECK_INT(seen_by("c", "nowhere.signed.test").verdict, DNSSEC_FINE);
}

static void an_unsigned_zone_is_fine_where_the_resolver_checks(void)
{
    struct dnssec_answer answer = seen_by("c", "www.plain.test");
    CHECK_INT(answer.verdict, DNSSEC_FINE);
    CHECK(strstr(answer.words, "not signed") != NULL);
}

static void a_bogus_zone_is_a_no(void)
{
    struct dnssec_answer answer = seen_by("c", "www.bogus.test");
    CHECK_INT(answer.verdict, DNSSEC_BOGUS);
    CHECK(strstr(answer.words, "bogus") != NULL);
}

static void who_does_not_check_cannot_say(void)
{
    CHECK_INT(seen_by("t", "www.plain.test").verdict, DNSSEC_UNKNOWN);
    CHECK_INT(seen_by("t", "www.bogus.test").verdict, DNSSEC_UNKNOWN);
    CHECK_INT(seen_by("t", "www.signed.test").verdict, DNSSEC_UNKNOWN);
}

static void one_that_does_not_check_never_answers_for_one_that_does(void)
{
    CHECK_INT(seen_by("tc", "www.bogus.test").verdict, DNSSEC_BOGUS);
    CHECK_INT(seen_by("ct", "www.bogus.test").verdict, DNSSEC_BOGUS);
    CHECK_INT(seen_by("tc", "www.signed.test").verdict, DNSSEC_FINE);
}

static void nobody_there_is_unknown(void)
{
    CHECK_INT(seen_by("n", "www.signed.test").verdict, DNSSEC_UNKNOWN);
    CHECK_INT(seen_by("", "www.signed.test").verdict, DNSSEC_UNKNOWN);
}

/* CAA through a resolver: it follows aliases itself, and a bogus zone is unknown there. */
static void caa_through_a_resolver(void)
{
    static const char *const ours[] = {"sectigo.com"}, *const theirs[] = {"digicert.com"};
    struct dns_address resolver = {.host = "127.0.0.1", .port = ports[1]};
    struct propagation_world world = {&resolver, 1, 53};
    struct string_list sectigo = {(const char **)ours, 1}, digicert = {(const char **)theirs, 1};
    struct caa_answer answer;
    caa_check(&ctx, &world, "*.www.signed.test", &sectigo, &answer);
    CHECK_INT(answer.verdict, CAA_ALLOWED);
    CHECK_TEXT(answer.found_at, "signed.test");
    caa_check(&ctx, &world, "www.signed.test", &digicert, &answer);
    CHECK_INT(answer.verdict, CAA_FORBIDDEN);
    caa_check(&ctx, &world, "www.bogus.test", &sectigo, &answer);
    CHECK_INT(answer.verdict, CAA_UNKNOWN);
}

int main(void)
{
    arena = arena_create();
    set_up();
    RUN(signatures_that_hold_are_fine);
    RUN(an_unsigned_zone_is_fine_where_the_resolver_checks);
    RUN(a_bogus_zone_is_a_no);
    RUN(who_does_not_check_cannot_say);
    RUN(one_that_does_not_check_never_answers_for_one_that_does);
    RUN(nobody_there_is_unknown);
    RUN(caa_through_a_resolver);
    for (size_t i = 0; i < COUNT_OF(pids); i++)
        named_stop(pids[i]);
    named_remove(directory);
    arena_destroy(arena);
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed > 0;
}
