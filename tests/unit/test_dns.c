/* DNS messages, and a server that answers in odd ways. */
#include "base/dns.h"

#include <openssl/hmac.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/dns_transport.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/tsig.h"
#include "check.h"
#include "dns_peer.h"

static struct arena *arena;

static size_t cut_over_udp(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    size_t n = says_hello(question, length, tcp, out);
    if (!tcp)
        out[2] |= 2;
    return n;
}
static size_t silent_over_udp(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    return tcp ? says_hello(question, length, tcp, out) : 0;
}
static size_t silent(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    (void)question, (void)length, (void)tcp, (void)out;
    return 0;
}
static size_t wrong_id(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    size_t n = says_hello(question, length, tcp, out);
    out[0] ^= 1;
    return n;
}
static size_t wrong_question(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    size_t n = says_hello(question, length, tcp, out);
    out[13] ^= 1;
    return n;
}
static size_t no_question(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    (void)length, (void)tcp;
    memcpy(out, question, 12);
    out[2] |= 0x84;
    memset(out + 4, 0, 8);
    return 12;
}
static size_t knows_no_edns(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    size_t n = echo(question, length, out);
    if (question[11] != 0) {
        out[3] = 1;
        return n;
    }
    return says_hello(question, length, tcp, out);
}
static size_t answers_in_upper_case(const unsigned char *question, size_t length, bool tcp,
                                    unsigned char *out)
{
    size_t n = says_hello(question, length, tcp, out);
    for (size_t i = 12; out[i] != 0; i++)
        out[i] = (unsigned char)(out[i] >= 'a' && out[i] <= 'z' ? out[i] - 32 : out[i]);
    return n;
}

static void an_answer_is_read_whichever_way_it_comes(void)
{
    static const struct {
        size_t (*answer)(const unsigned char *, size_t, bool, unsigned char *);
        bool tcp;
    } cases[] = {{says_hello, false},
                 {cut_over_udp, true},
                 {silent_over_udp, true},
                 {knows_no_edns, false},
                 {answers_in_upper_case, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct peer peer = {.answer = cases[i].answer};
        struct dns_address server = start(&peer);
        struct dns_answer answer;
        struct error err = {0};
        bool ok = dns_ask(&server, "_x.Example.test.", DNS_TXT, false, 600, arena, &answer, &err);
        stop(&peer);
        CHECK_OK(ok, err);
        CHECK_INT(answer.rcode, 0);
        CHECK(answer.authoritative);
        CHECK_INT(answer.answer_count, 1);
        CHECK_TEXT(answer.answers[0].name, "_x.example.test");
        CHECK_TEXT(answer.answers[0].value, "hello");
        CHECK_INT(answer.answers[0].ttl, 60);
        CHECK_INT(peer.asked_tcp > 0, cases[i].tcp);
    }
}

static void anothers_answer_is_not_taken(void)
{
    static size_t (*const answers[])(const unsigned char *, size_t, bool,
                                     unsigned char *) = {wrong_id, wrong_question, no_question};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct peer peer = {.answer = answers[i]};
        struct dns_address server = start(&peer);
        struct dns_answer answer;
        struct error err = {0};
        bool ok = dns_ask(&server, "_x.example.test", DNS_TXT, false, 300, arena, &answer, &err);
        stop(&peer);
        CHECK(!ok);
        CHECK_INT(err.kind, ERROR_MALFORMED);
    }
}

static void silence_and_closed_ports_are_unreachable(void)
{
    struct peer peer = {.answer = silent};
    struct dns_address server = start(&peer);
    struct dns_answer answer;
    struct error err = {0};
    bool ok = dns_ask(&server, "_x.example.test", DNS_TXT, false, 300, arena, &answer, &err);
    stop(&peer);
    CHECK(!ok);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK_INT(peer.asked_udp, 2); /* asked again once */
    ok = dns_ask(&server, "_x.example.test", DNS_TXT, false, 3000, arena, &answer, &err);
    CHECK(!ok);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

/* What a scripted server says to an update: see answer_update. */
static struct {
    int rcode, tsig_error;
    bool is_signed, bad_mac;
    int64_t clock; /* the server's, for BADTIME */
} script;
static struct secret *secret;

/* The request's MAC lies before its last 6 bytes (original id, error, other length). */
static size_t answer_update(const unsigned char *question, size_t length, bool tcp, unsigned char *out)
{
    (void)tcp;
    unsigned char mac_input[2048];
    size_t n = echo(question, length, out), used = 0, record = n;
    out[3] = (unsigned char)script.rcode;
    if (!script.is_signed)
        return n;
    bool has_mac = script.tsig_error == 0 || script.tsig_error == TSIG_BADTIME;
    size_t other = script.tsig_error == TSIG_BADTIME ? 6 : 0;
    static const unsigned char name[] = "\1k", algorithm[] = "\13hmac-sha256";
    unsigned char times[10], others[8] = {0, (unsigned char)other};
    for (int i = 0; i < 6; i++) {
        times[i] = question[length - 6 - 32 - 10 + (size_t)i]; /* time and fudge as the request has them */
        others[2 + i] = (unsigned char)((uint64_t)script.clock >> 8 * (5 - i));
    }
    times[6] = 1, times[7] = 0x2c, times[8] = 0, times[9] = (unsigned char)script.tsig_error;
#define PUT(data, size) (memcpy(mac_input + used, (data), (size)), used += (size))
    PUT("\0\40", 2);
    PUT(question + length - 6 - 32, 32);
    PUT(out, n);
    PUT(name, 3);
    PUT("\0\377\0\0\0\0", 6);
    PUT(algorithm, 13);
    PUT(times, 10);
    PUT(others, 2 + other);
    unsigned char mac[32];
    HMAC(EVP_sha256(), secret_bytes(secret), (int)secret_length(secret), mac_input, used, mac, NULL);
    if (script.bad_mac)
        mac[5] ^= 1;
    size_t mac_length = has_mac ? 32 : 0, rdata = 13 + 10 + mac_length + 4 + 2 + other;
    unsigned char head[] = {
        1, 'k', 0, 0, 250, 0, 255, 0, 0, 0, 0, (unsigned char)(rdata >> 8), (unsigned char)rdata};
    unsigned char size[] = {0, (unsigned char)mac_length};
    out[11] = 1;
#define OUT(data, count) (memcpy(out + record, (data), (count)), record += (count))
    OUT(head, sizeof head);
    OUT(algorithm, 13);
    OUT(times, 8);
    OUT(size, 2);
    OUT(mac, mac_length);
    OUT(out, 2);
    OUT(times + 8, 2);
    OUT(others, 2 + other);
    return record;
}

static void every_answer_to_an_update_has_its_meaning(void)
{
    static const struct {
        int rcode, tsig_error;
        bool is_signed, bad_mac, ok;
        enum error_kind kind;
        const char *words;
    } cases[] = {
        {.is_signed = true, .ok = true},
        {.is_signed = true, .bad_mac = true, .kind = ERROR_MALFORMED, .words = "altered"},
        {.is_signed = false, .kind = ERROR_MALFORMED, .words = "not signed"},
        {9, 16, true, false, false, ERROR_CREDENTIAL, "BADSIG"},
        {9, 17, true, false, false, ERROR_CREDENTIAL, "BADKEY"},
        {9, 18, true, false, false, ERROR_CREDENTIAL, "behind"},
        {9, 18, true, true, false, ERROR_MALFORMED, "without a good signature"},
        {9, 0, true, false, false, ERROR_REFUSED, "NOTAUTH"},
        {9, 0, false, false, false, ERROR_REFUSED, "not signed"},
        {5, 0, true, false, false, ERROR_REFUSED, "may not write"},
        {5, 0, false, false, false, ERROR_CREDENTIAL, "key"},
        {10, 0, true, false, false, ERROR_REFUSED, "NOTZONE"},
        {4, 0, true, false, false, ERROR_REFUSED, "NOTIMP"},
        {2, 0, true, false, false, ERROR_UNREACHABLE, "SERVFAIL"},
        {6, 0, true, false, false, ERROR_CONFLICT, "YXDOMAIN"},
        {7, 0, true, false, false, ERROR_CONFLICT, "YXRRSET"},
    };
    struct dns_tsig tsig = {.key_name = "k", .algorithm = TSIG_HMAC_SHA256, .key = secret};
    struct dns_change change = {DNS_UPDATE_ADD, {"_x.example.test", DNS_TXT, 60, "hello"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        script.rcode = cases[i].rcode;
        script.tsig_error = cases[i].tsig_error;
        script.is_signed = cases[i].is_signed;
        script.bad_mac = cases[i].bad_mac;
        script.clock = clock_wire() - 4000;
        struct peer peer = {.answer = answer_update};
        struct dns_address server = start(&peer);
        struct error err = {0};
        int rcode = -1;
        bool ok = dns_update(&server, "example.test", &change, 1, &tsig, 2000, &rcode, &err);
        stop(&peer);
        if (ok != cases[i].ok || err.kind != cases[i].kind ||
            (!ok && strstr(err.message, cases[i].words) == NULL))
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(ok, cases[i].ok);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(ok || strstr(err.message, cases[i].words) != NULL);
        CHECK_INT(peer.asked_udp, 0);
        CHECK_INT(peer.asked_tcp, 1); /* never sent twice */
    }
}

/* What a firewall does that lets nothing but UDP through. */
static void close_tcp(struct peer *peer)
{
    close(peer->tcp);
    peer->tcp = -1;
}

static void an_update_goes_over_udp_where_tcp_is_closed(void)
{
    struct dns_tsig tsig = {.key_name = "k", .algorithm = TSIG_HMAC_SHA256, .key = secret};
    struct dns_change change = {DNS_UPDATE_ADD, {"_x.example.test", DNS_TXT, 60, "hello"}};
    static size_t (*const answers[])(const unsigned char *, size_t, bool,
                                     unsigned char *) = {answer_update, silent};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        memset(&script, 0, sizeof script);
        script.is_signed = true;
        struct peer peer = {.answer = answers[i], .prepare = close_tcp};
        struct dns_address server = start(&peer);
        struct error err = {0};
        int rcode = -1;
        bool ok = dns_update(&server, "example.test", &change, 1, &tsig, 600, &rcode, &err);
        stop(&peer);
        CHECK_INT(ok, answers[i] == answer_update);
        CHECK(ok || (err.kind == ERROR_UNREACHABLE && strstr(err.message, "TCP") != NULL));
        CHECK_INT(peer.asked_udp, 1); /* never sent twice */
        CHECK_INT(peer.asked_tcp, 0);
    }
}

static void names_are_checked_before_use(void)
{
    static const char *const good[] = {"example.com",
                                       "example.com.",
                                       "_x.example.com",
                                       "*.example.com",
                                       "a-b.c",
                                       "xn--bcher-kva.example",
                                       "123.example",
                                       "*",
                                       "0123456789012345678901234567890123456789012345678901234567890ab.c"};
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      ".a",
                                      "a b",
                                      "a\\032b",
                                      "a\"b",
                                      "a\nb",
                                      "-a.b",
                                      "a._b-_.c",
                                      "a_b.c",
                                      "x.*.y",
                                      "**.a",
                                      "*a.b",
                                      "a;b",
                                      "a@b",
                                      "caf\xc3\xa9.fr",
                                      "0123456789012345678901234567890123456789012345678901234567890123.c"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        CHECK(dns_name_usable(good[i]) || fprintf(stderr, "%s\n", good[i]) < 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!dns_name_usable(bad[i]) || fprintf(stderr, "%s\n", bad[i]) < 0);
    char *longest = arena_alloc(arena, 300);
    memset(longest, 'a', 254);
    for (size_t i = 50; i < 254; i += 51)
        longest[i] = '.';
    CHECK(!dns_name_usable(longest));
    longest[252] = '\0';
    CHECK(dns_name_usable(longest));
}

static void no_bad_name_or_value_reaches_the_wire(void)
{
    struct peer peer = {.answer = answer_update};
    struct dns_address server = start(&peer);
    static const struct dns_change bad[] = {
        {DNS_UPDATE_ADD, {"a b.example.test", DNS_TXT, 60, "v"}},
        {DNS_UPDATE_ADD, {"_x.example.test", DNS_CNAME, 60, "evil name."}},
        {DNS_UPDATE_ADD, {"_x.example.test", DNS_A, 60, "not an address"}},
    };
    bool failed = true;
    struct error err = {0};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        failed = failed && !dns_update(&server, "example.test", &bad[i], 1, NULL, 500, NULL, &err) &&
                 err.kind == ERROR_REFUSED;
    }
    stop(&peer);
    CHECK(failed);
    CHECK_INT(peer.asked_tcp, 0);
}

static void addresses_are_read_in_every_spelling(void)
{
    static const struct {
        const char *text, *host;
        int port;
    } good[] = {
        {"192.0.2.53", "192.0.2.53", 53},
        {"192.0.2.53:5300", "192.0.2.53", 5300},
        {"[2001:db8::1]:5353", "2001:db8::1", 5353},
        {"[2001:db8::1]", "2001:db8::1", 53},
        {"2001:DB8::1", "2001:db8::1", 53},
        {"localhost:53", NULL, 53},
    };
    static const char *const bad[] = {"",
                                      ":53",
                                      "192.0.2.53:",
                                      "192.0.2.53:0",
                                      "192.0.2.53:65536",
                                      "192.0.2.53:5x",
                                      "[2001:db8::1",
                                      "[2001:db8::1]x",
                                      "[]:53",
                                      "192.0.2.999",
                                      "1.2.3"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct dns_address address;
        struct error err = {0};
        CHECK_OK(dns_parse_address(good[i].text, 53, &address, &err), err);
        if (good[i].host != NULL)
            CHECK_TEXT(address.host, good[i].host);
        CHECK_INT(address.port, good[i].port);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct dns_address address;
        struct error err = {0};
        CHECK(!dns_parse_address(bad[i], 53, &address, &err));
        CHECK_INT(err.kind, ERROR_CONFIG);
    }
}

static void inner_addresses_are_told_from_public_ones(void)
{
    static const char *const inner[] = {
        "127.0.0.1",   "10.1.2.3",        "172.16.0.1",      "172.31.255.255",
        "192.168.1.1", "0.0.0.0",         "169.254.169.254", "100.64.0.1",
        "224.0.0.1",   "255.255.255.255", "168.63.129.16",   "::1",
        "::",          "fe80::1",         "fd00:ec2::254",   "fc00::1",
        "ff02::1",     "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "198.18.0.1"};
    static const char *const open[] = {"8.8.8.8",        "172.32.0.1",     "172.15.255.255",
                                       "100.128.0.1",    "11.0.0.1",       "2a00::1",
                                       "::ffff:8.8.8.8", "2002:808:808::", "169.253.0.1"};
    struct sockaddr_storage address;
    for (size_t i = 0; i < COUNT_OF(inner); i++) {
        CHECK(address_from_text(inner[i], 53, &address));
        CHECK(!address_is_public((struct sockaddr *)&address) || fprintf(stderr, "%s\n", inner[i]) < 0);
    }
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        CHECK(address_from_text(open[i], 53, &address));
        CHECK(address_is_public((struct sockaddr *)&address) || fprintf(stderr, "%s\n", open[i]) < 0);
    }
    struct string_list ranges = {0};
    string_list_push(arena, &ranges, "nonsense/8");
    string_list_push(arena, &ranges, "10.0.0.0/33");
    CHECK(address_from_text("10.200.3.4", 53, &address));
    CHECK(!address_in_ranges((struct sockaddr *)&address, &ranges));
    string_list_push(arena, &ranges, "10.192.0.0/10");
    CHECK(address_in_ranges((struct sockaddr *)&address, &ranges));
    CHECK(address_from_text("10.128.3.4", 53, &address));
    CHECK(!address_in_ranges((struct sockaddr *)&address, &ranges));
}

static void a_message_cut_anywhere_is_malformed_or_less(void)
{
    unsigned char question[64] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, message[512];
    memcpy(question + 12, "\1a\4test\0\0\20\0\1", 13);
    size_t length = says_hello(question, 25, false, message);
    struct dns_answer answer;
    struct error err = {0};
    CHECK_OK(dns_read_answer(message, length, arena, &answer, &err), err);
    for (size_t cut = 0; cut < length; cut++) {
        unsigned char *copy = malloc(cut + 1);
        memcpy(copy, message, cut);
        bool ok = dns_read_answer(copy, cut, arena, &answer, &err);
        free(copy);
        CHECK(!ok);
        CHECK_INT(err.kind, ERROR_MALFORMED);
    }
    memcpy(message + 25, "\300\31", 2); /* a name that points to itself */
    CHECK(!dns_read_answer(message, length, arena, &answer, &err));
}

static void foreign_bytes_in_values_stay_harmless(void)
{
    unsigned char question[64] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, message[512];
    memcpy(question + 12, "\1a\4test\0\0\20\0\1", 13);
    size_t length = add_txt(message, echo(question, 25, message), "\5ab\0cd", 6);
    struct dns_answer answer;
    struct error err = {0};
    CHECK_OK(dns_read_answer(message, length, arena, &answer, &err), err);
    CHECK_TEXT(answer.answers[0].value, "ab\\000cd");
    message[13] = '"'; /* in the owner, by way of the question */
    CHECK_OK(dns_read_answer(message, length, arena, &answer, &err), err);
    CHECK_TEXT(answer.answers[0].name, "\\034.test");
}

/* RFC 8945, section 5.2. The library would also lose the memory of the first one. */
static void two_signatures_are_refused(void)
{
    static const unsigned char message[] = "\x12\x34\x84\0\0\0\0\0\0\0\0\2"
                                           "\0\0\xfa\0\xff\0\0\0\0\0\0"
                                           "\0\0\xfa\0\xff\0\0\0\0\0\0";
    struct dns_answer answer;
    struct error err = {0};
    CHECK(!dns_read_answer(message, sizeof message - 1, arena, &answer, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(strstr(err.message, "signature") != NULL);
}

int main(void)
{
    arena = arena_create();
    secret = secret_create("12345678901234567890123456789012", 32);
    RUN(an_answer_is_read_whichever_way_it_comes);
    RUN(anothers_answer_is_not_taken);
    RUN(silence_and_closed_ports_are_unreachable);
    RUN(every_answer_to_an_update_has_its_meaning);
    RUN(an_update_goes_over_udp_where_tcp_is_closed);
    RUN(names_are_checked_before_use);
    RUN(no_bad_name_or_value_reaches_the_wire);
    RUN(addresses_are_read_in_every_spelling);
    RUN(inner_addresses_are_told_from_public_ones);
    RUN(a_message_cut_anywhere_is_malformed_or_less);
    RUN(foreign_bytes_in_values_stay_harmless);
    RUN(two_signatures_are_refused);
    secret_destroy(secret);
    arena_destroy(arena);
    return CHECK_REPORT();
}
