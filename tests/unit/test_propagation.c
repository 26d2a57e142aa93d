/* Seeing a record at every authoritative server: two real BINDs. The first also plays the resolver, and
 * listens on ::1 too. The second is seen at 127.0.0.2 and 127.0.0.5, where BIND itself would not listen,
 * through relays; 127.0.0.3 is an address where nobody is. */
#include "reconcilers/dns/propagation.h"
#include "reconcilers/dns/follow.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/text.h"
#include "check.h"
#include "named.h"
#include "schema/dns_account.h"
#include "schema/operator.h"
#include "schema/resource.h"

static struct arena *arena;
static char directory[64];
static int port;
static bool has_ipv6;
static pid_t first_pid, second_pid;
static struct operator_config config;
static struct context ctx;

/* "example.test" differs between the two; "dead.test" has a third server that is not there;
 * "mostly-dead.test" has one that is; "child.example.test" lies at the second alone. */
#define APEX "$TTL 60\n@ SOA ns1.example.test. h 1 3600 600 86400 60\n" \
             "@ NS ns1.example.test.\n@ NS ns2.example.test.\n%s"
static const char first_zone[] = APEX "_both CNAME Value.Sectigo.com.\n_first CNAME value.sectigo.com.\n"
                                      "_txt TXT \"one\"\n_txt TXT \"tw\" \"o\"\n"
                                      "_other CNAME something.else.\n_alias CNAME value.sectigo.com.\n";
static const char second_zone[] = APEX "_both CNAME value.sectigo.com.\n_txt TXT \"two\"\n"
                                       "_other CNAME something.else.\n_alias CNAME value.sectigo.com.\n";
static const char hosts[] =
    "ns1 A 127.0.0.1\nns2 A 127.0.0.2\nns3 A 127.0.0.3\nns4 A 127.0.0.4\nns5 A 10.1.2.3\n"
    "ns6 AAAA ::1\nns7 A 127.0.0.5\nboth A 127.0.0.1\nboth AAAA ::1\n"
    "child NS ns2\n";
static const char child_zone[] =
    "$TTL 60\n@ SOA ns2.example.test. h 1 3600 600 86400 60\n@ NS ns2.example.test.\n"
    "_deep CNAME value.sectigo.com.\n";
static const char dead_lines[] = "@ NS ns3.example.test.\n",
                  mostly_dead_lines[] = "@ NS ns3.example.test.\n@ NS ns4.example.test.\n";
static const char inner_zone[] =
    "$TTL 60\n@ SOA ns5.example.test. h 1 3600 600 86400 60\n@ NS ns5.example.test.\n";

/* One of three is out of use, of two, or lacks the record; the second server has "lame.test" and "half.test"
 * not at all, "broken.test" without its contents, "lags.test" without the record. */
#define HERE(servers) \
    "$TTL 60\n@ SOA ns1.example.test. h 1 3600 600 86400 60\n@ NS ns1.example.test.\n" servers \
    "_here TXT \"value\"\n"
#define THREE "@ NS ns6.example.test.\n@ NS ns7.example.test.\n"
static const char
    three_zone[] = HERE(THREE),
    half_zone[] = HERE("@ NS ns7.example.test.\n"),
    six_zone[] = "$TTL 60\n@ SOA ns1.example.test. h 1 3600 600 86400 60\n@ NS both.example.test.\n_here TXT "
                 "\"value\"\n",
    lags_zone[] = "$TTL 60\n@ SOA ns1.example.test. h 0 3600 600 86400 60\n@ NS ns1.example.test.\n" THREE;
/* Aliases; "other.test" lies at the first server as well. */
static const char alias_zone[] =
    APEX "_plain TXT \"x\"\n_one CNAME There.Other.test.\n_two CNAME _one\n*.wild CNAME there.other.test.\n"
         "_named.wild CNAME elsewhere.other.test.\n_loop CNAME _back.other.test.\n_self CNAME _self\n"
         "_gone CNAME _x.nobody.test.\n_odd CNAME a\\032b.other.test.\nhanded DNAME other.test.\n"
         "_c0 CNAME _c1\n_c1 CNAME _c2\n_c2 CNAME _c3\n_c3 CNAME _c4\n_c4 CNAME _c5\n_c5 CNAME _c6\n_c6 "
         "CNAME _c7\n"
         "_c7 CNAME _c8\n_c8 CNAME _c9\n_c9 TXT \"end\"\n";
static const char other_zone[] = APEX "_back CNAME _loop.alias.test.\n";

static const char *zone_file(const char *folder, const char *zone, const char *format, const char *extra)
{
    const char *path = arena_printf(arena, "%s/%s/%s", directory, folder, zone);
    AUTO(buffer) struct buffer text = {0};
    const char *gap = strstr(format, "%s");
    buffer_append(&text, format, gap != NULL ? (size_t)(gap - format) : strlen(format));
    buffer_puts(&text, gap != NULL ? extra : "");
    buffer_puts(&text, gap != NULL ? gap + 2 : "");
    named_write(path, "%s", buffer_text(&text));
    return arena_printf(arena, "zone \"%s\" { type primary; file \"%s\"; };\n", zone, path);
}

static int relay_fds[2], relay_to;
static pthread_t relay_threads[2];

/* One question at a time, over UDP. */
static void *relay(void *arg)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)relay_to),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char data[4096];
    int relay_fd = *(int *)arg;
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(relay_fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
        if (n <= 0)
            return NULL;
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0 &&
            send(fd, data, (size_t)n, 0) == n && (n = recv(fd, data, sizeof data, 0)) > 0)
            sendto(relay_fd, data, (size_t)n, 0, (struct sockaddr *)&from, size);
        close(fd);
    }
}

static void start_relay(int number, const char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    relay_fds[number] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(relay_fds[number], (struct sockaddr *)&address, sizeof address) != 0 ||
        pthread_create(&relay_threads[number], NULL, relay, &relay_fds[number]) != 0)
        abort();
}

static void set_up(void)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"};
    static const struct {
        const char *zone, *text;
    } more[] = {{"lame.test", three_zone}, {"half.test", half_zone}, {"broken.test", three_zone},
                {"lags.test", three_zone}, {"six.test", six_zone},   {"alias.test", alias_zone},
                {"other.test", other_zone}};
    AUTO(buffer) struct buffer one = {0}, two = {0};
    strcpy(directory, "/tmp/test-propagation-XXXXXX");
    if (mkdtemp(directory) == NULL || mkdir(arena_printf(arena, "%s/one", directory), 0700) != 0 ||
        mkdir(arena_printf(arena, "%s/two", directory), 0700) != 0)
        abort();
    buffer_puts(&one, zone_file("one", "example.test", first_zone, hosts));
    buffer_puts(&one, zone_file("one", "dead.test", first_zone, dead_lines));
    buffer_puts(&one, zone_file("one", "mostly-dead.test", first_zone, mostly_dead_lines));
    buffer_puts(&one, zone_file("one", "inner.test", inner_zone, ""));
    buffer_puts(&two, zone_file("two", "example.test", second_zone, hosts));
    buffer_puts(&two, zone_file("two", "dead.test", second_zone, dead_lines));
    buffer_puts(&two, zone_file("two", "mostly-dead.test", second_zone, mostly_dead_lines));
    buffer_puts(&two, zone_file("two", "child.example.test", child_zone, ""));
    for (size_t i = 0; i < COUNT_OF(more); i++)
        buffer_puts(&one, zone_file("one", more[i].zone, more[i].text, ""));
    buffer_puts(&two, zone_file("two", "lags.test", lags_zone, ""));
    buffer_puts(&two, "zone \"broken.test\" { type secondary; primaries { 127.0.0.1 port 1; }; };\n");
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    port = named_free_port(addresses, COUNT_OF(addresses));
    first_pid = named_start(directory, "first", "127.0.0.1", port,
                            has_ipv6 ? arena_printf(arena, "listen-on-v6 port %d { ::1; };", port)
                                     : "listen-on-v6 { none; };",
                            buffer_text(&one));
    relay_to = named_free_port(addresses, 1);
    second_pid = named_start(directory, "second", "127.0.0.1", relay_to, "listen-on-v6 { none; };",
                             buffer_text(&two));
    start_relay(0, "127.0.0.2");
    start_relay(1, "127.0.0.5");
    string_list_push(arena, &config.allow_addresses, "127.0.0.0/8");
    string_list_push(arena, &config.allow_addresses, "::1");
    ctx = (struct context){.arena = arena, .config = &config};
}

static bool check_one(const char *zone, const char *name, const char *type, const char *value,
                      struct propagation *out, struct error *err)
{
    struct dns_address resolvers[] = {{"127.0.0.3", port}, {"127.0.0.1", port}}; /* the first is not there */
    struct propagation_world world = {resolvers, COUNT_OF(resolvers), port};
    struct dns_challenge challenge = {zone, name, type, value};
    return propagation_check_by(&ctx, &world, &challenge, out, err);
}

static void every_server_is_asked_and_must_agree(void)
{
    static const struct {
        const char *name, *type, *value;
        bool everywhere;
        int seen;
        const char *words;
    } cases[] = {
        {"_both.example.test", "CNAME", "value.sectigo.com.", true, 2, "2 of 2"},
        {"_first.example.test", "CNAME", "value.sectigo.com", false, 1, "127.0.0.2 answers NXDOMAIN"},
        {"_txt.example.test", "TXT", "two", true, 2, "2 of 2"},
        {"_txt.example.test", "TXT", "one", false, 1, "127.0.0.2 has another value"},
        {"_txt.example.test", "TXT", "Two", false, 0, "0 of 2"},
        {"_none.example.test", "TXT", "two", false, 0, "NXDOMAIN"},
        {"_other.example.test", "CNAME", "value.sectigo.com", false, 0, "another CNAME"},
        {"_alias.example.test", "TXT", "two", false, 0, "another CNAME"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct propagation result;
        struct error err = {0};
        CHECK_OK(check_one("example.test", cases[i].name, cases[i].type, cases[i].value, &result, &err),
                 err);
        if (result.seen != cases[i].seen || strstr(result.words, cases[i].words) == NULL)
            fprintf(stderr, "case %zu: %s\n", i, result.words);
        CHECK_INT(result.everywhere, cases[i].everywhere);
        CHECK_INT(result.servers, 2);
        CHECK_INT(result.seen, cases[i].seen);
        CHECK(strstr(result.words, cases[i].words) != NULL);
    }
}

static void a_zone_not_told_is_found_from_above(void)
{
    struct propagation result;
    struct error err = {0};
    CHECK_OK(check_one(NULL, "_both.example.test", "CNAME", "value.sectigo.com", &result, &err), err);
    CHECK(result.everywhere && result.servers == 2);
    CHECK_OK(check_one("", "_deep.child.example.test", "CNAME", "value.sectigo.com", &result, &err), err);
    CHECK(result.everywhere && result.servers == 1); /* down the referral, to the child's own server */
    CHECK_OK(
        check_one("example.test", "_deep.child.example.test", "CNAME", "value.sectigo.com", &result, &err),
        err);
    CHECK(result.everywhere && result.servers == 1);
}

static void a_minority_may_be_dead_but_no_half(void)
{
    struct propagation result;
    struct error err = {0};
    CHECK_OK(check_one("dead.test", "_both.dead.test", "CNAME", "value.sectigo.com", &result, &err), err);
    CHECK(result.everywhere && result.servers == 3 && result.seen == 2);
    CHECK(strstr(result.words, "127.0.0.3 does not answer") != NULL);
    CHECK_OK(check_one("mostly-dead.test", "_both.mostly-dead.test", "CNAME", "value.sectigo.com", &result,
                       &err),
             err);
    CHECK(!result.everywhere && result.servers == 4 && result.seen == 2);
}

static void the_lame_are_passed_over_and_the_late_are_waited_for(void)
{
    static const struct {
        const char *zone;
        bool everywhere;
        int servers, seen;
        const char *words;
    } cases[] = {
        {"lame.test", true, 3, 2, "127.0.0.5 answers REFUSED: it does not serve the zone"},
        {"half.test", false, 2, 1, "127.0.0.5 answers REFUSED"},
        {"broken.test", false, 3, 2, "127.0.0.5 answers SERVFAIL"},
        {"lags.test", false, 3, 2, "127.0.0.5 answers NXDOMAIN"},
        {"six.test", true, 2, 2, "2 of 2 servers have it"},
    };
    for (size_t i = 0; i < COUNT_OF(cases) && has_ipv6; i++) {
        struct propagation result;
        struct error err = {0};
        CHECK_OK(check_one(cases[i].zone, arena_printf(arena, "_here.%s", cases[i].zone), "TXT", "value",
                           &result, &err),
                 err);
        if (strstr(result.words, cases[i].words) == NULL)
            fprintf(stderr, "case %zu: %s\n", i, result.words);
        CHECK_INT(result.everywhere, cases[i].everywhere);
        CHECK_INT(result.servers, cases[i].servers);
        CHECK_INT(result.seen, cases[i].seen);
        CHECK(strstr(result.words, cases[i].words) != NULL);
    }
}

/* The first server is authoritative, the second plays the account's resolver. */
static void resolvers_are_asked_when_the_servers_have_it(void)
{
    struct name_pair named = {"example.test", arena_printf(arena, "127.0.0.1:%d", port)};
    struct operator_config operators = {
        .nameservers = &named, .nameserver_count = 1, .allow_addresses = config.allow_addresses};
    struct context context = {.arena = arena, .config = &operators};
    struct dns_account spec = {.enabled = true};
    struct resource account = {.name = "corp", .dns_account = &spec};
    struct dns_challenge both = {"example.test", "_both.example.test", "CNAME", "value.sectigo.com"},
                         first = {"example.test", "_first.example.test", "CNAME", "value.sectigo.com"},
                         none = {"example.test", "_none.example.test", "CNAME", "value.sectigo.com"};
    struct propagation result;
    struct error err = {0};
    string_list_push(arena, &spec.propagation.resolvers, arena_printf(arena, "127.0.0.1:%d", relay_to));
    CHECK_OK(propagation_check_for(&context, &account, both.name, &both, &result, &err), err);
    CHECK(result.everywhere);
    CHECK_OK(propagation_check_for(&context, &account, first.name, &first, &result, &err), err);
    CHECK(!result.everywhere && strstr(result.words, "the resolver 127.0.0.1 answers NXDOMAIN") != NULL);
    CHECK_OK(propagation_check_for(&context, NULL, first.name, &first, &result, &err), err);
    CHECK(result.everywhere);
    /* One that may not be asked is an error, but only once the servers have the record: before, nobody is
     * asked. */
    string_list_push(arena, &spec.propagation.resolvers, "10.1.2.3");
    CHECK_OK(propagation_check_for(&context, &account, none.name, &none, &result, &err), err);
    CHECK(!result.everywhere && strstr(result.words, "resolver") == NULL);
    CHECK(!propagation_check_for(&context, &account, both.name, &both, &result, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "10.1.2.3") != NULL && strstr(err.message, "allowAddresses") != NULL);
}

static void aliases_are_followed_at_the_authoritative_servers(void)
{
    static const struct {
        const char *name, *place, *words; /* place NULL: refused, in such words */
    } cases[] = {
        {"_plain.alias.test", "_plain.alias.test", NULL},
        {"_none.alias.test", "_none.alias.test", NULL},
        {"_one.alias.test", "there.other.test", NULL},
        {"_two.alias.test", "there.other.test", NULL},
        {"_x.wild.alias.test", "_x.wild.alias.test", NULL}, /* made up by the wildcard */
        {"_named.wild.alias.test", "elsewhere.other.test", NULL},
        {"_x.handed.alias.test", "_x.other.test", NULL},
        {"_c1.alias.test", "_c9.alias.test", NULL},
        {"_c0.alias.test", NULL, "more than 8 aliases"},
        {"_loop.alias.test", NULL, "lead back to _loop.alias.test"},
        {"_self.alias.test", NULL, "lead back to _self.alias.test"},
        {"_gone.alias.test", NULL, "_x.nobody.test"},
        {"_odd.alias.test", NULL, "no name that can be written"},
        {"_x.nobody.test", "_x.nobody.test", NULL}, /* whoever writes there will see */
    };
    struct dns_address resolvers[] = {{"127.0.0.1", port}};
    struct propagation_world world = {resolvers, 1, port};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *place = NULL;
        struct error err = {0};
        bool ok = dns_follow_by(&ctx, &world, cases[i].name, &place, &err);
        if (ok != (cases[i].place != NULL))
            fprintf(stderr, "%s: %s\n", cases[i].name, ok ? place : err.message);
        CHECK_INT(ok, cases[i].place != NULL);
        if (ok)
            CHECK_TEXT(place, cases[i].place);
        else
            CHECK(strstr(err.message, cases[i].words) != NULL);
    }
}

static void without_a_delegation_there_is_nobody_to_ask(void)
{
    struct propagation result;
    struct error err = {0};
    CHECK(!check_one("nowhere.test", "_x.nowhere.test", "TXT", "v", &result, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    /* Delegated to a private address. */
    CHECK(!check_one("inner.test", "_x.inner.test", "TXT", "v", &result, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "allowAddresses") != NULL);
}

static void the_operators_server_replaces_the_delegation(void)
{
    struct name_pair named[] = {{"test", arena_printf(arena, "127.0.0.3:%d", port)},
                                {"example.test", arena_printf(arena, "127.0.0.1:%d", port)}};
    struct operator_config other = {.nameservers = named, .nameserver_count = COUNT_OF(named)};
    struct context context = {.arena = arena, .config = &other};
    struct propagation_world none = {0};
    struct dns_challenge challenge = {"example.test", "_first.example.test", "CNAME", "value.sectigo.com"};
    struct propagation result;
    struct error err = {0};
    CHECK_OK(propagation_check_by(&context, &none, &challenge, &result, &err), err);
    CHECK(result.everywhere && result.servers == 1);
    challenge.name = "_first.dead.test"; /* the entry for "test", where nobody answers */
    CHECK(!propagation_check_by(&context, &none, &challenge, &result, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

static void resolvers_are_read_from_the_systems_file(void)
{
    struct dns_address resolvers[3];
    CHECK_INT(propagation_read_resolvers(
                  "# nameserver 192.0.2.9\nsearch example.com\n  nameserver\t192.0.2.1  # first\n"
                  "nameserver 2001:db8::1\nnameserver fe80::1%eth0\nnameservers 192.0.2.8\n"
                  "nameserver ns.example.com\nnameserver 192.0.2.2\nnameserver 192.0.2.3",
                  resolvers),
              3);
    CHECK_TEXT(resolvers[0].host, "192.0.2.1");
    CHECK_TEXT(resolvers[1].host, "2001:db8::1");
    CHECK_TEXT(resolvers[2].host, "192.0.2.2");
    CHECK_INT(resolvers[2].port, 53);
    CHECK_INT(propagation_read_resolvers("", resolvers), 1);
    CHECK_TEXT(resolvers[0].host, "127.0.0.1");
}

static void only_records_of_the_order_are_confined(void)
{
    struct string_list ordered = {0};
    string_list_push(arena, &ordered, "www.shop.example.com");
    string_list_push(arena, &ordered, "*.example.org");
    static const struct {
        const char *name, *type, *value;
        bool ok;
    } cases[] = {
        {"_ab12.www.shop.example.com", "CNAME", "a.b.sectigo.com", true},
        {"_ab12.shop.example.com", "CNAME", "a.b.sectigo.com", true}, /* a parent, where CAs look too */
        {"_ab12.example.com", "CNAME", "a.b.sectigo.com", true},
        {"_dnsauth.example.org", "TXT", "token", true},
        {"example.org", "TXT", "token", true},
        {"www.shop.example.com", "TXT", "token", true},
        {"_ab12.com", "CNAME", "a.b.sectigo.com", false},
        {"_ab12.example.net", "CNAME", "a.b.sectigo.com", false},
        {"_ab12.badexample.org", "CNAME", "a.b.sectigo.com", false},
        {"mail.example.org", "TXT", "token", false},
        {"example.com", "TXT", "token", false},
        {"example.org", "CNAME", "a.b", false},
        {"www.shop.example.com", "CNAME", "a.b", false},
        {"_ab12.example.org", "A", "192.0.2.1", false},
        {"_ab12.example.org", "NS", "a.b", false},
        {"_ab12.example.org", "CNAME", "a b.c", false},
        {"_ab12.example.org", "CNAME", "*.b.c", false},
        {"_ab12.example.org", "TXT", "", false},
        {"_ab12.example.org", "TXT", "a\nb", false},
        {"_ab12.example.org", "TXT", "caf\xc3\xa9", false},
        {"_ab 12.example.org", "TXT", "token", false},
        {"*.example.org", "TXT", "token", false},
        {"", "TXT", "token", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dns_challenge challenge = {"", cases[i].name, cases[i].type, cases[i].value};
        struct error err = {0};
        bool ok = dns_challenge_confined(&challenge, &ordered, &err);
        if (ok != cases[i].ok)
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(ok, cases[i].ok);
        CHECK(ok || err.kind == ERROR_REFUSED);
    }
    char longest[257];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    struct dns_challenge challenge = {"", "_a.example.org", "TXT", longest};
    CHECK(!dns_challenge_confined(&challenge, &ordered, NULL));
    longest[255] = '\0';
    CHECK(dns_challenge_confined(&challenge, &ordered, NULL));
}

int main(void)
{
    arena = arena_create();
    named_program();
    set_up();
    RUN(every_server_is_asked_and_must_agree);
    RUN(a_zone_not_told_is_found_from_above);
    RUN(a_minority_may_be_dead_but_no_half);
    RUN(the_lame_are_passed_over_and_the_late_are_waited_for);
    RUN(resolvers_are_asked_when_the_servers_have_it);
    RUN(aliases_are_followed_at_the_authoritative_servers);
    RUN(without_a_delegation_there_is_nobody_to_ask);
    RUN(the_operators_server_replaces_the_delegation);
    RUN(resolvers_are_read_from_the_systems_file);
    RUN(only_records_of_the_order_are_confined);
    named_stop(first_pid);
    named_stop(second_pid);
    for (size_t i = 0; i < COUNT_OF(relay_fds); i++) {
        shutdown(relay_fds[i], SHUT_RDWR);
        pthread_join(relay_threads[i], NULL);
        close(relay_fds[i]);
    }
    named_remove(directory);
    arena_destroy(arena);
    return CHECK_REPORT();
}
