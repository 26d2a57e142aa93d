/* Questions and updates when a call fails once, when a server says what no server should, and when it is asked for what cannot
 * be put on the wire. */
#include "base/dns.h"

#include <ldns/ldns.h>

#include "base/arena.h"
#include "base/dns_transport.h"
#include "base/error.h"
#include "base/secret.h"
#include "check.h"
#include "dns_peer.h"
#include "failing_sockets.h"

FAILING_LIBRARY(ldns_rdf *, NULL, ldns_dname_new_frm_str, (const char *a), a)
FAILING_LIBRARY(ldns_rdf *, NULL, ldns_rdf_new_frm_data, (ldns_rdf_type a, size_t b, const void *c), a, b, c)
FAILING_LIBRARY(ldns_rr *, NULL, ldns_rr_new, (void), )
FAILING_LIBRARY(bool, false, ldns_rr_push_rdf, (ldns_rr * a, const ldns_rdf *b), a, b)
FAILING_LIBRARY(bool, false, ldns_rr_list_push_rr, (ldns_rr_list * a, const ldns_rr *b), a, b)
FAILING_LIBRARY(ldns_pkt *, NULL, ldns_pkt_query_new,
                (ldns_rdf * a, ldns_rr_type b, ldns_rr_class c, uint16_t d), a, b, c, d)
FAILING_LIBRARY(ldns_pkt *, NULL, ldns_update_pkt_new,
                (ldns_rdf * a, ldns_rr_class b, const ldns_rr_list *c, const ldns_rr_list *d,
                 const ldns_rr_list *e),
                a, b, c, d, e)
FAILING_LIBRARY(ldns_status, LDNS_STATUS_MEM_ERR, ldns_pkt2wire,
                (uint8_t * *a, const ldns_pkt *b, size_t *c), a, b, c)

static struct arena *arena;
static struct error err;
static struct dns_answer answer;

static size_t over_tcp_alone(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    return tcp ? says_hello(question, length, tcp, out) : 0;
}

static size_t done(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    (void)tcp;
    return echo(question, length, out);
}

static int asked_tcp;

static bool ask(size_t (*how)(const unsigned char *, size_t, bool, unsigned char *), int timeout_ms)
{
    struct peer peer = {.answer = how};
    struct dns_address server = start(&peer);
    err = (struct error){0};
    bool ok = dns_ask(&server, "_x.example.test", DNS_TXT, false, timeout_ms, arena, &answer, &err);
    well();
    stop(&peer);
    asked_tcp = peer.asked_tcp;
    return ok;
}

static bool update(const struct dns_change *change, int timeout_ms)
{
    struct peer peer = {.answer = done};
    struct dns_address server = start(&peer);
    err = (struct error){0};
    bool ok = dns_update(&server, "example.test", change, 1, NULL, timeout_ms, NULL, &err);
    well();
    stop(&peer);
    return ok;
}

static const struct dns_change add = {DNS_UPDATE_ADD, {"_x.example.test", DNS_TXT, 60, "hello"}};

struct faulty_call {
    const char *name;
    int at, code;
    bool ok;
    enum error_kind kind;
};

static void a_call_that_fails_is_borne_or_told(void)
{
    /* A question goes on over TCP where UDP fails; an update goes over UDP where no connection came about. */
    static const struct faulty_call questions[] = {
        {"socket", 1, EMFILE, true, 0},
        {"connect", 1, ENETUNREACH, true, 0},
        {"send", 1, EPERM, true, 0},
        {"poll", 1, EINTR, true, 0},
        {"poll", 1, ENOMEM, true, 0},
        {"recv", 1, EINTR, true, 0},
        {"recv", 1, EAGAIN, true, 0},
        {"recv", 1, ECONNREFUSED, true, 0},
        {"ldns_dname_new_frm_str", 1, 0, false, ERROR_INTERNAL},
        {"ldns_pkt_query_new", 1, 0, false, ERROR_INTERNAL},
        {"ldns_pkt2wire", 1, 0, false, ERROR_INTERNAL},
    };
    static const struct faulty_call updates[] = {
        {"socket", 1, EMFILE, true, 0},
        {"connect", 1, ENETUNREACH, true, 0},
        {"poll", 1, EINTR, true, 0},
        {"send", 1, EINTR, true, 0},
        {"send", 1, EAGAIN, true, 0},
        {"send", 1, EPIPE, false, ERROR_UNREACHABLE},
        {"recv", 1, EINTR, true, 0},
        {"recv", 1, ECONNRESET, false, ERROR_UNREACHABLE},
        {"recv", 3, ECONNRESET, false, ERROR_UNREACHABLE},
        {"ldns_rr_new", 1, 0, false, ERROR_INTERNAL},
        {"ldns_rr_list_push_rr", 1, 0, false, ERROR_INTERNAL},
        {"ldns_rdf_new_frm_data", 2, 0, false, ERROR_INTERNAL}, /* the first makes the name */
        {"ldns_rr_push_rdf", 1, 0, false, ERROR_INTERNAL},
        {"ldns_dname_new_frm_str", 1, 0, false, ERROR_INTERNAL},
        {"ldns_dname_new_frm_str", 2, 0, false, ERROR_INTERNAL},
        {"ldns_update_pkt_new", 1, 0, false, ERROR_INTERNAL},
    };
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        const struct faulty_call *one = &questions[i];
        fail_at(one->name, one->at, one->code);
        bool ok = ask(says_hello, 3000);
        if (ok != one->ok || !was_hit())
            fprintf(stderr, "question %s %d: %d %s\n", one->name, one->at, was_hit(), err.message);
        CHECK(was_hit());
        CHECK_INT(ok, one->ok);
        CHECK(ok ? strcmp(answer.answers[0].value, "hello") == 0 : err.kind == one->kind);
        if (one->code == EINTR || one->code == EAGAIN) /* no reason to change the way */
            CHECK_INT(asked_tcp, 0);
    }
    for (size_t i = 0; i < COUNT_OF(updates); i++) {
        const struct faulty_call *one = &updates[i];
        fail_at(one->name, one->at, one->code);
        bool ok = update(&add, 3000);
        if (ok != one->ok && was_hit())
            fprintf(stderr, "update %s %d: %d %s\n", one->name, one->at, was_hit(), err.message);
        CHECK(was_hit() || one->at > 1); /* how many pieces come is the kernel's affair */
        CHECK(ok == one->ok || !was_hit());
        CHECK(ok || err.kind == one->kind);
    }
    well();
    at_most_at_once = 1; /* what goes out goes byte by byte */
    bool ok = update(&add, 3000);
    at_most_at_once = 0;
    CHECK_OK(ok, err);
}

static void an_update_holds_what_can_be_written(void)
{
    char *long_value = arena_alloc(arena, 4098);
    memset(long_value, 'a', 4097);
    const struct {
        struct dns_change change;
        enum error_kind kind; /* ERROR_NONE: it is sent */
        const char *says;
    } cases[] = {
        {{DNS_UPDATE_ADD, {"_x.example.test", DNS_TXT, 60, long_value}}, ERROR_REFUSED, "longer than 4096"},
        {{DNS_UPDATE_ADD, {"_x.example.test", DNS_TXT, 60, long_value + 2000}}, ERROR_NONE, NULL},
        {{DNS_UPDATE_ADD, {"_x.example.test", DNS_TXT, 60, ""}}, ERROR_NONE, NULL},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_A, 60, "192.0.2.1"}}, ERROR_NONE, NULL},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_AAAA, 60, "2001:db8::1"}}, ERROR_NONE, NULL},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_A, 60, "2001:db8::1"}}, ERROR_REFUSED, "not an address"},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_AAAA, 60, "192.0.2.1"}}, ERROR_REFUSED, "not an address"},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_NS, 60, "ns.example.net"}}, ERROR_NONE, NULL},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_CNAME, 60, "a b"}}, ERROR_REFUSED, "not a name"},
        {{DNS_UPDATE_ADD, {"x.example.test", DNS_SOA, 60, "ns.example.net"}}, ERROR_INTERNAL, "type 6"},
        {{DNS_UPDATE_DELETE, {"a b", DNS_TXT, 60, "x"}}, ERROR_REFUSED, "not a name"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool ok = update(&cases[i].change, 3000);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK_INT(ok, cases[i].kind == ERROR_NONE);
        CHECK(ok || strstr(err.message, cases[i].says) != NULL);
    }
    struct dns_address nowhere = {"nowhere", 53}, zoned = {"127.0.0.1", 1};
    CHECK(!dns_update(&nowhere, "example.test", &add, 1, NULL, 100, NULL, &err));
    CHECK(err.kind == ERROR_CONFIG && strstr(err.message, "not a numeric address") != NULL);
    CHECK(!dns_update(&zoned, "a b", &add, 1, NULL, 100, NULL, &err));
    CHECK(err.kind == ERROR_REFUSED && strstr(err.message, "not a name") != NULL);
    CHECK(!dns_ask(&zoned, "a b", DNS_TXT, false, 100, arena, &answer, &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(dns_rcode_name(-1), "unknown") != NULL && strstr(dns_rcode_name(11), "unknown") != NULL);
    CHECK_TEXT(dns_rcode_name(10), "NOTZONE");
}

static size_t odd_code(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    size_t n = done(question, length, tcp, out);
    out[3] = 15;
    return n;
}

static void an_update_answered_with_a_code_nobody_knows_is_refused(void)
{
    struct peer peer = {.answer = odd_code};
    struct dns_address server = start(&peer);
    int rcode = 0;
    bool ok = dns_update(&server, "example.test", &add, 1, NULL, 3000, &rcode, &err);
    stop(&peer);
    CHECK(!ok && rcode == 15);
    CHECK(err.kind == ERROR_REFUSED && strstr(err.message, "an unknown code (15)") != NULL);
}

/* ---- answers that are cut, or not to our question ---- */

static void an_answer_fits_its_question_or_is_none(void)
{
    static const unsigned char question[] = {0xab, 0xcd, 0, 0,   0, 1, 0,  0, 0, 0,
                                             0,    0,    1, 'x', 0, 0, 16, 0, 1};
    static const struct {
        size_t at;           /* this byte of the answer … */
        unsigned char value; /* … is this */
        size_t length;       /* of the answer; 0: whole */
        bool update;
        bool fits;
    } cases[] = {
        {2, 0x80, 0, false, true},   {2, 0x80, 11, false, false}, {2, 0x80, 12, false, false},
        {2, 0x80, 18, false, false}, {2, 0x00, 0, false, false},  {2, 0x88, 0, false, false},
        {0, 0xac, 0, false, false},  {5, 2, 0, false, false},     {13, 'X', 0, false, true},
        {13, 'y', 0, false, false},  {16, 1, 0, false, false},    {5, 0, 0, false, false},
        {2, 0xa8, 0, true, true},    {2, 0x80, 0, true, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char asked[sizeof question], answered[sizeof question];
        memcpy(asked, question, sizeof asked);
        asked[2] = cases[i].update ? 0x28 : 0;
        memcpy(answered, asked, sizeof answered);
        answered[2] |= 0x80;
        answered[cases[i].at] = cases[i].value;
        size_t length = cases[i].length > 0 ? cases[i].length : sizeof answered;
        if (dns_answer_fits(asked, sizeof asked, answered, length) != cases[i].fits)
            fprintf(stderr, "case %zu\n", i);
        CHECK_INT(dns_answer_fits(asked, sizeof asked, answered, length), cases[i].fits);
    }
    unsigned char bare[12] = {0xab, 0xcd, 0x80}, asked[sizeof question];
    memcpy(asked, question, sizeof asked);
    static const struct {
        unsigned char code;
        bool fits;
    } codes[] = {{0, false}, {3, false}, {1, true}, {5, true}};
    for (size_t i = 0; i < COUNT_OF(codes);
         i++) { /* an error may come without the question, a "yes" or "no" may not */
        bare[3] = codes[i].code;
        CHECK_INT(dns_answer_fits(asked, sizeof asked, bare, sizeof bare), codes[i].fits);
    }
    asked[12] = 0xc0; /* a question of ours has no pointer, and no label without its end */
    CHECK(!dns_answer_fits(asked, sizeof asked, asked, sizeof asked));
    memcpy(bare, question, sizeof bare);
    bare[2] = 0x80;
    CHECK(!dns_answer_fits(question, 11, bare, sizeof bare));
    bare[5] = 1;
    CHECK(!dns_answer_fits(question, 14, bare, sizeof bare));
    AUTO(buffer) struct buffer out = {0};
    struct dns_address server = {"127.0.0.1", 1};
    CHECK(!dns_exchange(&server, question, 11, DNS_UDP_FIRST, 100, &out, &err));
    CHECK_INT(err.kind, ERROR_INTERNAL);
    CHECK(!dns_exchange(&server, question, 65536, DNS_UDP_FIRST, 100, &out, &err));
    CHECK_INT(err.kind, ERROR_INTERNAL);
}

static void records_of_a_strange_shape_are_left_out(void)
{
    /* One question for "x", then one record: its type, class and data. */
    static const struct {
        unsigned char type[2], class;
        size_t length;
        const char *data;
        const char *value; /* NULL: left out */
    } cases[] = {
        {{0, 1}, 1, 4, "\x7f\0\0\1", "127.0.0.1"},
        {{0, 28}, 1, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "::1"},
        {{0, 1}, 3, 4, "\x7f\0\0\1", NULL}, /* of another class */
        {{0, 99}, 1, 2, "\1a", NULL},       /* of a type that is not read */
        {{0, 16}, 1, 6, "\2a\0\2bc", NULL}, /* a NUL: written out */
        {{1, 1}, 1, 11, "\0\5issueca.x", "0 issue ca.x"},
        {{0, 48}, 1, 6, "\1\0\3\10ab", ""},
        {{0, 5}, 1, 5, "\1\xe4\1B\0", "\\228.B"},
        {{0, 2}, 1, 1, "\0", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char wire[128] = {0xab, 0xcd, 0x84, 0, 0, 1,  0, 1, 0,    0, 0,
                                   0,    1,    'x',  0, 0, 16, 0, 1, 0xc0, 12};
        size_t at = 21;
        memcpy(wire + at, cases[i].type, 2);
        wire[at + 3] = cases[i].class;
        wire[at + 7] = 60;
        wire[at + 9] = (unsigned char)cases[i].length;
        memcpy(wire + at + 10, cases[i].data, cases[i].length);
        CHECK_OK(dns_read_answer(wire, at + 10 + cases[i].length, arena, &answer, &err), err);
        const char *value = i == 4 ? "a\\000bc" : cases[i].value;
        CHECK_INT(answer.answer_count, value != NULL);
        if (value != NULL)
            CHECK_TEXT(answer.answers[0].value, value);
    }
    unsigned char question[19] = {0xab, 0xcd, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 0, 16, 0, 1};
    CHECK(!dns_read_answer(question, sizeof question, arena, &answer, &err));
    CHECK(err.kind == ERROR_MALFORMED && strstr(err.message, "is a question") != NULL);
    unsigned char *large = arena_alloc(arena, 70000);
    CHECK(!dns_read_answer(large, 70000, arena, &answer, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

static void a_server_that_is_silent_over_udp_is_asked_over_tcp(void)
{
    CHECK_OK(ask(over_tcp_alone, 1000), err);
    CHECK_TEXT(answer.answers[0].value, "hello");
}

static int code_to_say;

static size_t says_code(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    size_t n = says_hello(question, length, tcp, out);
    out[3] = (unsigned char)code_to_say;
    return n;
}

static void a_signed_question_is_answered_signed_or_not_at_all(void)
{
    static const struct {
        int code;
        const char *key;
        enum error_kind kind; /* ERROR_NONE: an answer, whatever it says */
        const char *says;
    } cases[] = {
        {0, "k", ERROR_MALFORMED, "is not signed"},
        {3, "k", ERROR_MALFORMED, "is not signed"},
        {9, "k", ERROR_CREDENTIAL, "(NOTAUTH)"},
        {2, "k", ERROR_NONE, NULL},
        {1, "k", ERROR_NONE, NULL}, /* without EDNS too */
        {4, "k", ERROR_NONE, NULL},
        {0, "a..b", ERROR_CONFIG, "no name for a TSIG key"},
    };
    struct secret *secret = secret_create("12345678", 8);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dns_tsig key = {.key_name = cases[i].key, .algorithm = TSIG_HMAC_SHA256, .key = secret};
        struct peer peer = {.answer = says_code};
        code_to_say = cases[i].code;
        struct dns_address server = start(&peer);
        err = (struct error){0};
        bool ok = dns_ask_signed(&server, "_x.example.test", DNS_TXT, &key, 3000, arena, &answer, &err);
        stop(&peer);
        if (ok != (cases[i].kind == ERROR_NONE))
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(ok, cases[i].kind == ERROR_NONE);
        CHECK(ok ? answer.rcode == cases[i].code
                 : err.kind == cases[i].kind && strstr(err.message, cases[i].says) != NULL);
        bool again = cases[i].code == 1 || cases[i].code == 4; /* FORMERR, NOTIMP */
        CHECK_INT(peer.asked_udp, cases[i].kind == ERROR_CONFIG ? 0 : again ? 2 : 1);
    }
    secret_destroy(secret);
}

int main(void)
{
    arena = arena_create();
    RUN(a_call_that_fails_is_borne_or_told);
    RUN(an_update_holds_what_can_be_written);
    RUN(an_update_answered_with_a_code_nobody_knows_is_refused);
    RUN(an_answer_fits_its_question_or_is_none);
    RUN(records_of_a_strange_shape_are_left_out);
    RUN(a_server_that_is_silent_over_udp_is_asked_over_tcp);
    RUN(a_signed_question_is_answered_signed_or_not_at_all);
    arena_destroy(arena);
    return CHECK_REPORT();
}
