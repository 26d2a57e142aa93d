/* What a primary name server may answer to questions and updates beside what it should (dns-providers.md 5), and accounts that
 * lack something. */
#include "check.h"
#include "dns_script.h"
#include "scratch.h"

#include <netdb.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/clock.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/turns.h"
#include "schema/operator.h"
#include "schema/resource.h"

#define NAME "_acme-challenge.example.test"
#define VALUE "ours-ours-ours"
#define END \
    { \
        .rcode = END_OF_ROWS \
    }

static struct arena *arena;
static struct operator_config config;
static struct dns_account spec = {.enabled = true, .provider = DNS_PROVIDER_RFC2136};
static struct resource account = {.kind = KIND_DNS_ACCOUNT, .namespace_ = "default", .dns_account = &spec};
static struct context ctx;
static char secrets[96];
static const char *zone;
static struct string_list values;
static struct dns_challenge challenge;
static struct error err;

enum act { ZONE_OF, PRESENT, ABSENT, LIST, CHECK_IT, ACTS };

static void begin(const struct dns_row *rows)
{
    static int count;
    account.name = arena_printf(arena, "account-%d", ++count);
    challenge = (struct dns_challenge){"example.test", NAME, "TXT", VALUE};
    err = (struct error){0};
    values = (struct string_list){0};
    dns_begin(rows);
}

static bool act(enum act what, struct error *out)
{
    const struct dns_provider_ops *ops = dns_provider_ops(DNS_PROVIDER_RFC2136);
    switch (what) {
    case ZONE_OF: return ops->zone_of(&ctx, &account, NAME, &zone, out);
    case PRESENT: return ops->present(&ctx, &account, &challenge, out);
    case ABSENT: return ops->absent(&ctx, &account, &challenge, out);
    case LIST: return ops->list(&ctx, &account, &challenge, &values, out);
    default: return ops->check(&ctx, &account, "example.test", out);
    }
}

struct odd_case {
    enum act act;
    const char *type;
    struct dns_row rows[5];
    enum error_kind update; /* what the update ends with */
    enum error_kind kind;   /* ERROR_NONE: it works */
    const char *says;
    int updates;
};

static void whatever_the_server_answers_is_taken_for_what_it_is(void)
{
#define HERE(value) \
    { \
        .type = DNS_TXT, .answers = NAME " TXT " value \
    }
#define LATER(value, count) \
    { \
        .type = DNS_TXT, .answers = NAME " TXT " value, .after = count \
    }
    static const struct odd_case cases[] = {
        {PRESENT, "TXT", {HERE(VALUE), END}, 0, 0, NULL, 0},
        {PRESENT, "TXT", {LATER(VALUE, 1), {.rcode = 3}, END}, 0, 0, NULL, 1},
        {PRESENT,
         "TXT",
         {LATER(VALUE, 1), HERE("other"), END},
         ERROR_CONFLICT,
         0,
         NULL,
         1}, /* somebody at the same time */
        {PRESENT, "TXT", {HERE("other"), END}, 0, ERROR_CONFLICT, "other records", 1},
        {PRESENT, "TXT", {{.type = DNS_TXT, .foreign = true}, END}, 0, ERROR_REFUSED, "does not serve it", 1},
        {PRESENT,
         "TXT",
         {{.type = DNS_TXT, .answers = NAME " CNAME elsewhere.test"}, END},
         ERROR_CONFLICT,
         ERROR_CONFLICT,
         "elsewhere.test",
         1},
        {PRESENT,
         "TXT",
         {{.type = DNS_TXT, .answers = "other.test TXT " VALUE "|" NAME " A 192.0.2.1"}, END},
         ERROR_REFUSED,
         ERROR_REFUSED,
         "no",
         1},
        {PRESENT, "TXT", {{.rcode = SILENT}, END}, 0, ERROR_UNREACHABLE, "silence", 0},
        {PRESENT,
         "TXT",
         {{.rcode = SILENT, .after = 1}, {.rcode = 3}, END},
         0,
         ERROR_UNREACHABLE,
         "silence",
         1},
        {PRESENT, "TXT", {{.rcode = 3}, END}, ERROR_UNREACHABLE, ERROR_UNREACHABLE, "no", 1},
        {PRESENT, "CNAME", {{.answers = NAME " CNAME OURS-ours-ours."}, END}, 0, ERROR_CONFLICT, "OURS", 1},
        {PRESENT, "CNAME", {{.answers = NAME " CNAME OURS-ours-ours"}, END}, 0, 0, NULL, 0},
        {PRESENT,
         "CNAME",
         {{.answers = NAME " CNAME OURS-ours-ours", .after = 1}, {.rcode = 3}, END},
         0,
         0,
         NULL,
         1},
        {ABSENT, "TXT", {{.rcode = 3}, END}, 0, 0, NULL, 0},
        {ABSENT, "TXT", {{.rcode = 3, .after = 1}, HERE(VALUE), END}, 0, 0, NULL, 1},
        {ABSENT, "TXT", {HERE(VALUE), END}, 0, ERROR_REFUSED, "still serves it", 1},
        {ABSENT,
         "TXT",
         {{.foreign = true}, END},
         0,
         0,
         NULL,
         1}, /* it answers no questions: removed blindly */
        {ABSENT, "TXT", {{.rcode = 5}, END}, 0, 0, NULL, 1},
        {ABSENT, "TXT", {HERE(VALUE), END}, ERROR_REFUSED, ERROR_REFUSED, "no", 1},
        {ABSENT,
         "TXT",
         {{.rcode = SILENT, .after = 1}, HERE(VALUE), END},
         0,
         ERROR_UNREACHABLE,
         "silence",
         1},
        {ABSENT, "TXT", {{.rcode = SILENT}, END}, 0, ERROR_UNREACHABLE, "silence", 0},
        {ABSENT,
         "CNAME",
         {{.answers = NAME " CNAME " VALUE}, END},
         0,
         0,
         NULL,
         1}, /* a wildcard may make it up again */
        {ABSENT, "CNAME", {{.foreign = true}, END}, 0, 0, NULL, 1},
        {LIST, "TXT", {{.foreign = true}, END}, 0, ERROR_REFUSED, "does not answer for", 0},
        {LIST, "TXT", {{.rcode = 5}, END}, 0, ERROR_REFUSED, "does not answer for", 0},
        {LIST, "TXT", {{.rcode = SILENT}, END}, 0, ERROR_UNREACHABLE, "silence", 0},
        {LIST, "TXT", {{.rcode = 3}, END}, 0, 0, NULL, 0},
        {CHECK_IT, "TXT", {END}, 0, 0, NULL, 1},
        {CHECK_IT, "TXT", {END}, ERROR_CREDENTIAL, ERROR_CREDENTIAL, "no", 1},
    };
#undef HERE
#undef LATER
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int deaf = 0; deaf < 2; deaf++) {
            begin(cases[i].rows);
            challenge.type = cases[i].type;
            if (cases[i].update != ERROR_NONE)
                error_raise(&dns_update_failure, cases[i].update, "the server says no");
            bool ok = act(cases[i].act, deaf ? NULL : &err);
            bool fits = cases[i].kind == ERROR_NONE
                            ? ok
                            : !ok && (deaf || (err.kind == cases[i].kind &&
                                               strstr(err.message, cases[i].says) != NULL &&
                                               strstr(err.message, account.name) != NULL));
            if (!fits)
                fprintf(stderr, "case %zu: %d %s %s\n", i, ok, error_kind_name(err.kind), err.message);
            CHECK(fits);
            CHECK_INT(dns_updated, cases[i].updates);
        }
    }
}

static void the_zone_is_found_by_its_soa(void)
{
#define SOA_OF(owner) owner " SOA ns1.test"
    static const struct {
        struct dns_row rows[5];
        const char *zone; /* NULL: none */
        const char *says;
        enum error_kind kind;
    } cases[] = {
        {{{.type = DNS_SOA, .rcode = 3, .authority = SOA_OF("example.test")}, {.rcode = 0}, END},
         "example.test",
         NULL,
         0},
        {{{.type = DNS_SOA, .answers = SOA_OF(NAME)}, {.rcode = 0}, END}, NAME, NULL, 0},
        {{{.name = NAME, .type = DNS_SOA, .answers = NAME " CNAME there.test|" SOA_OF("there.test")},
          {.name = "example.test", .type = DNS_SOA, .answers = SOA_OF("example.test")},
          {.rcode = 0},
          END},
         "example.test",
         NULL,
         0},
        {{{.type = DNS_SOA, .answers = "x CNAME y"}, END}, NULL, "holds no zone", ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .authority = SOA_OF("other.test")}, END}, NULL, "holds no zone", ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .authority = "example.test NS ns1.test"}, END},
         NULL,
         "holds no zone",
         ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .foreign = true, .authority = "test NS ns1.test"}, END},
         NULL,
         "hands test to other servers",
         ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .foreign = true, .authority = "other.test NS ns1.test|example.test TXT x"}, END},
         NULL,
         "holds no zone",
         ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .rcode = 5, .foreign = true, .authority = "test NS ns1.test"}, END},
         NULL,
         "holds no zone",
         ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .rcode = 2}, END}, NULL, "holds no zone", ERROR_NOT_FOUND},
        {{{.type = DNS_SOA, .rcode = SILENT}, END}, NULL, "silence", ERROR_UNREACHABLE},
        {{{.type = DNS_SOA, .answers = SOA_OF("example.test")}, {.type = DNS_NS, .rcode = SILENT}, END},
         NULL,
         "silence",
         ERROR_UNREACHABLE},
        {{{.type = DNS_SOA, .answers = SOA_OF("example.test")},
          {.server = "127.0.0.7", .type = DNS_NS, .answers = "example.test NS ns1.test|other.test NS x.test"},
          {.type = DNS_NS, .answers = "example.test NS else.test"},
          END},
         "example.test",
         NULL,
         0}, /* addresses unknown: no reason to refuse */
        {{{.type = DNS_SOA, .answers = SOA_OF("example.test")},
          {.server = "127.0.0.7", .type = DNS_NS, .answers = "example.test NS ns1.test"},
          {.type = DNS_NS, .rcode = 3},
          END},
         NULL,
         "delegates it to nobody",
         ERROR_NOT_FOUND},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin(cases[i].rows);
        zone = NULL;
        bool ok = act(ZONE_OF, &err);
        if (ok != (cases[i].zone != NULL) || (!ok && strstr(err.message, cases[i].says) == NULL))
            fprintf(stderr, "case %zu: %s\n%s", i, err.message, dns_asked_all);
        CHECK_INT(ok, cases[i].zone != NULL);
        if (ok) {
            CHECK_TEXT(zone, cases[i].zone);
            int before = dns_asked;
            CHECK(act(ZONE_OF, NULL));
            CHECK(dns_asked - before < before || before <= 2); /* the delegation is remembered */
        } else {
            CHECK_INT(err.kind, cases[i].kind);
            CHECK(strstr(err.message, cases[i].says) != NULL && strstr(err.message, account.name) != NULL);
            CHECK(!act(ZONE_OF, NULL));
        }
    }
}

static void zones_of_the_manifest_are_taken_longest_first(void)
{
    static const char *listed[] = {"test", "example.test", "other.test"};
    static struct rfc2136_zone mapped[] = {{.name = "test", .tsig_algorithm = -1},
                                           {.name = "deep.example.test", .tsig_algorithm = -1}};
    static const struct dns_row rows[] = {{.rcode = 0}, END},
                                below[] = {{.type = DNS_SOA,
                                            .foreign = true,
                                            .authority = NAME " NS ns.child.test"},
                                           {.rcode = 0},
                                           END},
                                silent[] = {END};
    spec.zones = (struct string_list){listed, 3};
    begin(rows);
    bool first = act(ZONE_OF, &err);
    const char *by_list = zone;
    begin(below);
    bool handed = !act(ZONE_OF, &err) && err.kind == ERROR_NOT_FOUND && strstr(err.message, NAME) != NULL;
    begin(silent);
    bool silence = !act(ZONE_OF, &err) && err.kind == ERROR_UNREACHABLE && !act(ZONE_OF, NULL);
    spec.zones = (struct string_list){listed + 2, 1};
    begin(rows);
    bool none = !act(ZONE_OF, &err) && err.kind == ERROR_NOT_FOUND;
    spec.rfc2136.zones = mapped;
    spec.rfc2136.zone_count = 2;
    begin(rows);
    bool second = act(ZONE_OF, &err);
    const char *by_map = zone;
    spec.zones = (struct string_list){0};
    spec.rfc2136.zones = NULL;
    spec.rfc2136.zone_count = 0;
    CHECK(first && handed && silence && none && second);
    CHECK_TEXT(by_list, "example.test");
    CHECK_TEXT(by_map, "test");
}

static void an_account_that_lacks_something_is_told_what_and_nobody_is_asked(void)
{
    static const struct dns_row rows[] = {{.rcode = 0}, END};
    static const struct {
        const char *nameserver, *key_name, *secret, *content;
        enum error_kind kind;
        const char *says;
    } cases[] = {
        {NULL, NULL, NULL, NULL, ERROR_MANIFEST, "no server is named"},
        {"1.2.3", NULL, NULL, NULL, ERROR_CONFIG, "1.2.3"},
        {"10.9.9.9", NULL, NULL, NULL, ERROR_CONFIG, "allowAddresses"},
        {"127.0.0.7", "key", NULL, NULL, ERROR_MANIFEST, "the other way round"},
        {"127.0.0.7", NULL, "tsig", NULL, ERROR_MANIFEST, "the other way round"},
        {"127.0.0.7", "key", "tsig", NULL, ERROR_CREDENTIAL, "TSIG secret"},
        {"127.0.0.7", "key", "tsig", "no base64!", ERROR_CREDENTIAL, "not base64"},
        {"127.0.0.7", "key", "tsig", "\n", ERROR_CREDENTIAL, "not base64"},
        {"127.0.0.7", "key", "tsig", "c2VjcmV0\n", ERROR_NONE, NULL},
    };
    char path[160];
    snprintf(path, sizeof path, "%s/dns/tsig", secrets);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        spec.rfc2136.nameserver = cases[i].nameserver;
        spec.rfc2136.tsig_key_name = cases[i].key_name;
        spec.rfc2136.tsig_secret_ref =
            (struct secret_ref){.name = cases[i].secret != NULL ? "dns" : NULL, .key = cases[i].secret};
        remove(path);
        if (cases[i].content != NULL) {
            FILE *file = fopen(path, "w");
            CHECK(file != NULL && fputs(cases[i].content, file) >= 0 && fclose(file) == 0 &&
                  chmod(path, 0400) == 0);
        }
        for (enum act what = 0; what < ACTS; what++) {
            begin(rows);
            bool ok = act(what, &err), deaf = act(what, NULL);
            if (cases[i].kind == ERROR_NONE) {
                CHECK(dns_asked + dns_updated > 0);
                continue;
            }
            CHECK(!ok && !deaf && dns_asked == 0 && dns_updated == 0);
            CHECK_INT(err.kind, cases[i].kind);
            CHECK(strstr(err.message, cases[i].says) != NULL && strstr(err.message, account.name) != NULL);
        }
    }
    spec.rfc2136.nameserver = "127.0.0.7";
    spec.rfc2136.tsig_key_name = NULL;
    spec.rfc2136.tsig_secret_ref = (struct secret_ref){0};
}

static void an_address_that_the_operator_names_may_be_inside(void)
{
    static const struct dns_row rows[] = {{.rcode = 3}, END};
    static struct name_pair pairs[] = {{"x.test", "nonsense:x"}, {"y.test", "10.9.9.9:53"}};
    spec.rfc2136.nameserver = "10.9.9.9";
    for (int list = 0; list < 2; list++) {
        config.resolve = list == 0 ? pairs : NULL;
        config.resolve_count = list == 0 ? 2 : 0;
        config.nameservers = list == 1 ? pairs : NULL;
        config.nameserver_count = list == 1 ? 2 : 0;
        begin(rows);
        bool ok = act(LIST, &err);
        config.resolve_count = config.nameserver_count = 0;
        CHECK_OK(ok, err);
    }
    spec.rfc2136.nameserver = "127.0.0.7";
}

/* ---- a server with several addresses ---- */

static const char *const *host; /* the addresses of every name; NULL ends */
static struct addrinfo infos[8];
static struct sockaddr_storage infos_at[8];

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    (void)name, (void)service, (void)hints;
    size_t count = 0;
    for (; host[count] != NULL; count++) {
        CHECK(count < COUNT_OF(infos) && address_from_text(host[count], 0, &infos_at[count]));
        infos[count] = (struct addrinfo){.ai_addr = (struct sockaddr *)&infos_at[count], .ai_next = &infos[count + 1]};
    }
    infos[count - 1].ai_next = NULL;
    *out = infos;
    return 0;
}
void freeaddrinfo(struct addrinfo *found) { (void)found; }

#define FIRST "127.0.0.8"
#define SECOND "127.0.0.9"
#define DEAD(address) {.server = address, .rcode = SILENT}

/* dns-providers.md 11, 20. */
static void a_dead_address_of_the_servers_name_is_passed_over(void)
{
    static const struct dns_row first_dead[] = {DEAD(FIRST), {.type = DNS_TXT, .after = 2, .answers = NAME " TXT " VALUE},
                                                {.rcode = 3, .authority = "example.test SOA ns.test"}, END},
                                all_dead[] = {END};
    host = (const char *const[]){FIRST, SECOND, NULL};
    spec.rfc2136.nameserver = "ns.test:5353";
    for (enum act what = 0; what < ACTS; what++) {
        begin(first_dead);
        bool ok = act(what, &err);
        CHECK_OK(ok, err);
        CHECK(what == CHECK_IT || strstr(dns_asked_all, SECOND) != NULL);
        if (what == PRESENT) { /* to the one that has answered, and looked for there */
            CHECK_INT(dns_updated, 1);
            CHECK_TEXT(dns_updated_at, SECOND);
            CHECK_INT(dns_asked, 3);
        }
        begin(all_dead);
        dns_update_failure = (struct error){.kind = ERROR_UNREACHABLE};
        CHECK(!act(what, &err) && !act(what, NULL));
        CHECK_INT(err.kind, ERROR_UNREACHABLE);
        CHECK_INT(dns_asked + dns_updated, 2 * 2);
    }
    begin(all_dead); /* where an update may be tried, it changes nothing */
    dns_update_failure = (struct error){.kind = ERROR_REFUSED};
    CHECK(!act(CHECK_IT, &err) && dns_updated == 1);
    spec.rfc2136.nameserver = "127.0.0.7";
}

/* What was sent to one address may have been done there. */
static void an_address_that_has_answered_is_left_no_more(void)
{
    static const struct dns_row once[] = {{.server = FIRST, .rcode = SILENT, .after = 1}, {.rcode = 3}, END};
    host = (const char *const[]){FIRST, SECOND, NULL};
    spec.rfc2136.nameserver = "ns.test";
    begin(once);
    CHECK(!act(PRESENT, &err)); /* the look after the update */
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK_INT(dns_updated, 1);
    CHECK(strstr(dns_asked_all, SECOND) == NULL);
    begin(once);
    dns_update_failure = (struct error){.kind = ERROR_UNREACHABLE};
    CHECK(!act(PRESENT, &err));
    CHECK_INT(dns_updated, 1);
    CHECK_TEXT(dns_updated_at, FIRST);
    spec.rfc2136.nameserver = "127.0.0.7";
}

static void an_address_that_may_not_be_spoken_to_is_none(void)
{
    static const struct dns_row rows[] = {DEAD(FIRST), {.rcode = 3}, END};
    static const struct {
        const char *host[8];
        bool ok;
    } cases[] = {
        {{"10.9.9.9", SECOND}, true},
        {{FIRST, "10.9.9.9", SECOND}, true},
        {{"10.9.9.9", "10.9.9.8"}, false},
        {{FIRST, "10.9.9.9"}, false},
        {{FIRST, FIRST, FIRST, SECOND}, true},
        {{FIRST, FIRST, FIRST, FIRST, SECOND}, false}, /* there is an end to it */
    };
    spec.rfc2136.nameserver = "ns.test";
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        host = cases[i].host;
        begin(rows);
        CHECK_INT(act(LIST, &err), cases[i].ok);
        CHECK(strstr(dns_asked_all, "10.9") == NULL);
        CHECK(i != 2 || (err.kind == ERROR_CONFIG && strstr(err.message, "10.9.9.9") != NULL && dns_asked == 0));
    }
    spec.rfc2136.nameserver = "127.0.0.7";
}

static void who_has_no_turn_left_asks_and_writes_nothing(void)
{
    static const struct dns_row rows[] = {{.rcode = 3}, END};
    for (enum act what = 0; what < ACTS; what++) {
        for (int left = 0; left < (what == PRESENT ? 3 : 1); left++) {
            struct dns_gate *gate = dns_gate_create((struct dns_limits){1, 5});
            struct dns_turns mine = {0}, others = {0};
            CHECK_INT(dns_gate_reserve(gate, 4 - left, &others), 0);
            CHECK_INT(dns_gate_reserve(gate, 1 + left, &mine), 0);
            mine.held--; /* one of them is somebody's too */
            begin(rows);
            ctx.turns = &mine;
            bool ok = act(what, &err);
            ctx.turns = NULL;
            CHECK_INT(dns_asked + dns_updated, left);
            mine.held++;
            dns_turns_finish(&mine);
            dns_turns_finish(&others);
            dns_gate_destroy(gate);
            CHECK(!ok && err.kind == ERROR_THROTTLED && strstr(err.message, account.name) != NULL);
        }
    }
    dns_gate_destroy(NULL);
}

int main(void)
{
    char path[128];
    arena = arena_create();
    scratch_folder(secrets, sizeof secrets);
    snprintf(path, sizeof path, "%s/dns", secrets);
    if (mkdir(path, 0700) != 0)
        abort();
    config.secrets_directory = secrets;
    string_list_push(arena, &config.allow_addresses, "127.0.0.0/8");
    ctx = (struct context){.arena = arena, .config = &config};
    spec.rfc2136.nameserver = "127.0.0.7";
    RUN(whatever_the_server_answers_is_taken_for_what_it_is);
    RUN(the_zone_is_found_by_its_soa);
    RUN(zones_of_the_manifest_are_taken_longest_first);
    RUN(an_account_that_lacks_something_is_told_what_and_nobody_is_asked);
    RUN(an_address_that_the_operator_names_may_be_inside);
    RUN(a_dead_address_of_the_servers_name_is_passed_over);
    RUN(an_address_that_has_answered_is_left_no_more);
    RUN(an_address_that_may_not_be_spoken_to_is_none);
    RUN(who_has_no_turn_left_asks_and_writes_nothing);
    arena_destroy(arena);
    return CHECK_REPORT();
}
