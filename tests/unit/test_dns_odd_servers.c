/* What is concluded from a DNS whose servers are silent, lame, cross or in a circle: of delegations and of a record's spread. */
#include "dns_odd_world.h"

#include "reconcilers/dns/caa.h"
#include "reconcilers/dns/delegation.h"
#include "schema/dns_account.h"
#include "schema/resource.h"

/* ---- delegations ---- */

static void a_zone_that_others_answer_for_is_refused_and_doubt_is_no_reason(void)
{
    static const struct {
        struct dns_row rows[6];
        const char *servers; /* that hold the zone; NULL: not known */
        bool ok;
        const char *says;
    } cases[] = {
        {{END}, NULL, true, NULL},
        {{END}, "ns1.here.test", true, NULL}, /* nobody answers */
        {{{.rcode = 2}, END}, "ns1.here.test", true, NULL},
        {{{.rcode = 5}, END}, "ns1.here.test", true, NULL},
        {{{.type = DNS_NS, .answers = "example.test NS ns1.here.test"}, END}, "NS1.here.test.", true, NULL},
        {{{.type = DNS_NS, .answers = "Example.Test NS ns1.here.test."}, END}, "ns1.here.test", true, NULL},
        {{{.type = DNS_NS, .rcode = 3}, END}, "ns1.here.test", false, "delegates it to nobody"},
        {{{.type = DNS_NS, .answers = "example.test CNAME other.test|other.test NS ns1.here.test"}, END},
         "ns1.here.test",
         false,
         "to nobody"},
        {{{.type = DNS_NS, .answers = "example.test NS ns.there.test"}, END},
         "ns1.here.test",
         true,
         NULL}, /* addresses: unknown */
        {{{.type = DNS_NS, .answers = "example.test NS ns.there.test"},
          {.name = "ns1.here.test", .type = DNS_A, .answers = "ns1.here.test A 192.0.2.7"},
          END},
         "ns1.here.test",
         true,
         NULL},
        {{{.type = DNS_NS, .answers = "example.test NS ns.there.test"},
          {.name = "ns1.here.test", .type = DNS_A, .answers = "ns1.here.test A 192.0.2.7"},
          {.name = "ns.there.test",
           .type = DNS_A,
           .answers = "ns.there.test A 192.0.2.8|ns.there.test AAAA 192.0.2.7"},
          END},
         "ns1.here.test",
         false,
         "delegates it to ns.there.test"},
        {{{.type = DNS_NS,
           .answers = "example.test NS white.label.test"}, /* a name of one's own for the same server */
          {.name = "ns1.here.test", .type = DNS_AAAA, .answers = "ns1.here.test AAAA 2001:db8::7"},
          {.name = "white.label.test", .type = DNS_AAAA, .answers = "white.label.test AAAA 2001:db8::7"},
          END},
         "ns1.here.test",
         true,
         NULL},
        {{{.type = DNS_NS, .answers = "example.test NS ns.there.test"},
          {.type = DNS_A, .answers = "x A 192.0.2.7"},
          END},
         "a b",
         true,
         NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct string_list servers = {0};
        if (cases[i].servers != NULL)
            string_list_push(arena, &servers, cases[i].servers);
        dns_begin(cases[i].rows);
        err = (struct error){0};
        bool ok = delegation_check(&ctx, "the service", "main", "example.test", &servers, NULL, &err);
        if (ok != cases[i].ok)
            fprintf(stderr, "case %zu: %s\n%s", i, err.message, dns_asked_all);
        CHECK_INT(ok, cases[i].ok);
        CHECK(ok || (err.kind == ERROR_NOT_FOUND && strstr(err.message, cases[i].says) != NULL &&
                     strstr(err.message, "main") != NULL));
    }
    /* Whether others have it or nobody makes a difference. */
    static const struct dns_row nowhere[] = {{.rcode = 3}, END},
                                others[] = {{.type = DNS_NS, .answers = "example.test NS a.test"},
                                            {.type = DNS_A, .answers = "x A 192.0.2.1", .after = 3},
                                            {.type = DNS_A, .answers = "x A 192.0.2.2"}, END};
    struct string_list some = {0};
    string_list_push(arena, &some, "ns1.here.test");
    bool nobody = false;
    dns_begin(nowhere);
    CHECK(!delegation_check(&ctx, "the service", "main", "example.test", &some, &nobody, &err) && nobody);
    dns_begin(others);
    CHECK(!delegation_check(&ctx, "the service", "main", "example.test", &some, &nobody, &err) && !nobody);
    /* The operator names who tells the delegation: then it is its word alone. */
    static const struct dns_row there[] = {{.type = DNS_NS, .answers = "example.test NS ns.there.test"}, END};
    struct string_list servers = {0};
    string_list_push(arena, &servers, "ns1.here.test");
    named_server("example.test", "127.0.0.53:5300");
    dns_begin(there);
    CHECK(!delegation_check(&ctx, "the service", "main", "example.test", &servers, NULL, &err));
    CHECK(strstr(dns_asked_all, "127.0.0.53 example.test") != NULL);
    string_list_push(arena, &servers, "NS.there.test.");
    dns_begin(there); /* one name in common will do: no addresses are wanted */
    CHECK_OK(delegation_check(&ctx, "the service", "main", "example.test", &servers, NULL, &err), err);
    CHECK_INT(dns_asked, 1);
    named_server("example.test", "a b:x"); /* an address that is none tells nothing */
    dns_begin(there);
    CHECK_OK(delegation_check(&ctx, "the service", "main", "example.test", &servers, NULL, &err), err);
    CHECK_INT(dns_asked, 0);
    named_server(NULL, NULL);
}

static void a_name_below_a_delegation_is_refused_by_the_zones_own_server(void)
{
#define ADDRESS \
    { \
        .name = "ns1.here.test", .type = DNS_A, .answers = "ns1.here.test A 127.0.0.7" \
    }
    static const struct {
        struct dns_row rows[4];
        const char *name;
        bool ok;
    } cases[] = {
        {{END}, "_x.child.example.test", true},          /* no address */
        {{ADDRESS, END}, "_x.child.example.test", true}, /* silence */
        {{ADDRESS,
          {.server = "127.0.0.7", .foreign = true, .authority = "child.example.test NS ns.child.test"},
          END},
         "_x.child.example.test",
         false},
        {{ADDRESS, {.server = "127.0.0.7", .authority = "child.example.test NS ns.child.test"}, END},
         "_x.child.example.test",
         true},
        {{ADDRESS,
          {.server = "127.0.0.7",
           .rcode = 5,
           .foreign = true,
           .authority = "child.example.test NS ns.child.test"},
          END},
         "_x.child.example.test",
         true},
        {{ADDRESS,
          {.server = "127.0.0.7", .foreign = true, .authority = "example.test NS ns.child.test"},
          END},
         "_x.child.example.test",
         true}, /* upwards */
        {{ADDRESS, {.server = "127.0.0.7", .foreign = true, .authority = "test NS ns.child.test"}, END},
         "_x.child.example.test",
         true},
        {{ADDRESS,
          {.server = "127.0.0.7", .foreign = true, .authority = "sister.example.test NS ns.child.test"},
          END},
         "_x.child.example.test",
         true},
        {{ADDRESS,
          {.server = "127.0.0.7", .foreign = true, .authority = "child.example.test SOA ns.child.test"},
          END},
         "_x.child.example.test",
         true},
        {{END}, "EXAMPLE.test", true}, /* the zone itself */
        {{{.name = "ns1.here.test", .type = DNS_A, .answers = "ns1.here.test A 10.9.9.9"},
          {.server = "10.9.9.9", .foreign = true, .authority = "child.example.test NS ns.child.test"},
          END},
         "_x.child.example.test",
         true}, /* inside: not asked */
        {{{.name = "ns1.here.test", .type = DNS_A, .answers = "ns1.here.test A nonsense"}, END},
         "_x.child.example.test",
         true},
        {{{.name = "ns1.here.test",
           .type = DNS_A,
           .answers =
               "ns1.here.test A 12345678901234567890123456789012345678901234567890123456789012345678901"},
          END},
         "_x.child.example.test",
         true},
    };
#undef ADDRESS
    struct string_list servers = {0};
    string_list_push(arena, &servers, "ns1.here.test.");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        dns_begin(cases[i].rows);
        err = (struct error){0};
        bool ok = delegation_check_not_below(&ctx, "example.test", &servers, cases[i].name, &err);
        if (ok != cases[i].ok)
            fprintf(stderr, "case %zu: %s\n%s", i, err.message, dns_asked_all);
        CHECK_INT(ok, cases[i].ok);
        CHECK(ok || (err.kind == ERROR_NOT_FOUND && strstr(err.message, "child.example.test") != NULL));
        CHECK(strstr(dns_asked_all, "10.9.9.9 ") == NULL);
    }
    struct string_list none = {0};
    dns_begin(cases[2].rows);
    CHECK_OK(delegation_check_not_below(&ctx, "example.test", &none, "_x.child.example.test", &err), err);
}

/* ---- spread ---- */

#define TWO "example.test NS ns1.test|example.test NS ns2.test"
#define AT(host, address) \
    { \
        .name = host, .type = DNS_A, .answers = host " A " address \
    }
#define HERE "_x.example.test TXT value"
static const struct dns_challenge challenge = {"example.test", "_x.example.test", "TXT", "value"};

static void what_the_servers_say_is_summed_up(void)
{
    static const struct {
        struct dns_row rows[8];
        bool everywhere;
        int seen, servers;
        enum error_kind kind; /* ERROR_NONE: told */
        const char *says;
    } cases[] = {
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          AT("ns2.test", "127.0.0.2"),
          {.type = DNS_TXT, .answers = HERE},
          {.type = DNS_SOA},
          END},
         true,
         2,
         2,
         0,
         "2 of 2 servers have it"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          AT("ns2.test", "127.0.0.1"), /* the same address */
          {.type = DNS_TXT, .answers = HERE},
          END},
         true,
         1,
         1,
         0,
         "1 of 1 server has it"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          AT("ns2.test", "127.0.0.2"),
          {.server = "127.0.0.1", .type = DNS_TXT, .answers = HERE},
          {.type = DNS_TXT, .rcode = 5},
          END},
         false,
         1,
         2,
         0,
         "does not serve the zone"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          AT("ns2.test", "127.0.0.2"),
          {.server = "127.0.0.1", .type = DNS_TXT, .answers = HERE},
          {.type = DNS_TXT, .foreign = true, .answers = HERE},
          END},
         false,
         1,
         2,
         0,
         "not authoritative"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          AT("ns2.test", "127.0.0.2"),
          {.server = "127.0.0.1", .type = DNS_TXT, .rcode = 9},
          {.type = DNS_TXT, .answers = "_x.example.test TXT other"},
          END},
         false,
         0,
         2,
         0,
         "127.0.0.2 has another value"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          AT("ns2.test", "127.0.0.2"),
          {.server = "127.0.0.1", .type = DNS_TXT, .rcode = SILENT},
          {.type = DNS_TXT, .answers = "_x.example.test CNAME other.test"},
          END},
         false,
         0,
         2,
         0,
         "has another CNAME there"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          {.type = DNS_TXT, .rcode = SILENT},
          END},
         false,
         0,
         0,
         ERROR_UNREACHABLE,
         "none of 1 name servers"},
        {{{.type = DNS_NS, .answers = TWO}, {.type = DNS_A, .rcode = 3}, {.type = DNS_AAAA, .rcode = 2}, END},
         false,
         0,
         0,
         ERROR_UNREACHABLE,
         "no name server of zone example.test"},
        {{{.type = DNS_NS, .answers = TWO}, {.type = DNS_A, .rcode = 3}, {.type = DNS_AAAA, .rcode = 3}, END},
         false,
         0,
         0,
         ERROR_UNREACHABLE,
         "can be reached"},
        {{{.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "10.9.9.9"),
          AT("ns2.test", "nonsense"),
          {.type = DNS_AAAA, .rcode = 3},
          END},
         false,
         0,
         0,
         ERROR_CONFIG,
         "allowAddresses"},
        {{{.type = DNS_NS, .answers = "other.test NS ns1.test|example.test CNAME other.test"}, END},
         false,
         0,
         0,
         ERROR_NOT_FOUND,
         "not delegated"},
        {{{.type = DNS_NS, .rcode = 3}, END}, false, 0, 0, ERROR_NOT_FOUND, "not delegated"},
        {{{.type = DNS_NS, .rcode = 2}, END}, false, 0, 0, ERROR_UNREACHABLE, "192.0.2.2 answers SERVFAIL"},
        {{{.server = "192.0.2.1", .rcode = SILENT},
          {.type = DNS_NS, .answers = TWO},
          AT("ns1.test", "127.0.0.1"),
          {.type = DNS_TXT, .answers = HERE},
          END},
         true,
         1,
         1,
         0,
         "1 of 1"},
        {{END}, false, 0, 0, ERROR_UNREACHABLE, "silence"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct propagation result = {0};
        dns_begin(cases[i].rows);
        err = (struct error){0};
        bool ok = propagation_check_by(&ctx, &world, &challenge, &result, &err);
        const char *words = ok ? result.words : err.message;
        if (err.kind != cases[i].kind || strstr(words, cases[i].says) == NULL)
            fprintf(stderr, "case %zu: %s\n%s", i, words, dns_asked_all);
        CHECK_INT(ok ? ERROR_NONE : err.kind, cases[i].kind);
        CHECK(strstr(words, cases[i].says) != NULL);
        CHECK(!ok || (result.everywhere == cases[i].everywhere && result.seen == cases[i].seen &&
                      result.servers == cases[i].servers));
        CHECK(strstr(dns_asked_all, "10.9.9.9 ") == NULL &&
              strstr(dns_asked_all, "192.0.2.1 _x") == NULL); /* no resolver is asked for the record */
    }
}

static void referrals_are_followed_to_an_end(void)
{
    static const struct dns_row goes_on[] = {
        {.name = "test.example.test", .type = DNS_NS, .answers = "test.example.test NS ns1.test"},
        {.type = DNS_NS, .answers = TWO},
        AT("ns1.test", "127.0.0.1"),
        AT("ns2.test", "127.0.0.1"),
        {.type = DNS_SOA,
         .foreign = true,
         .authority = "a.b.c.d.e.f.g.example.test NS ns1.test",
         .after = 12},
        {.type = DNS_SOA, .foreign = true, .authority = "g.example.test NS ns1.test"},
        {.type = DNS_TXT, .answers = HERE},
        END};
    struct dns_challenge deep = {"example.test", "_x.a.b.c.d.e.f.g.example.test", "TXT", "value"};
    struct propagation result;
    dns_begin(goes_on);
    CHECK_OK(propagation_check_by(&ctx, &world, &deep, &result, &err), err);
    static const struct dns_row nobody[] = {
        {.type = DNS_NS, .answers = TWO},
        AT("ns1.test", "127.0.0.1"),
        {.type = DNS_SOA, .foreign = true, .authority = "g.example.test NS gone.test"},
        END};
    dns_begin(nobody);
    CHECK(!propagation_check_by(&ctx, &world, &deep, &result, &err));
    CHECK(err.kind == ERROR_UNREACHABLE && strstr(err.message, "g.example.test") != NULL);
    static const struct dns_row steps[] = {
        /* each step one label further down, and the name has more than we go */
        {.type = DNS_NS, .answers = TWO},
        {.type = DNS_AAAA, .rcode = 3},
        {.name = "ns1.test", .type = DNS_A, .answers = "ns1.test A 127.0.0.1"},
        {.name = "ns2.test", .rcode = 3},
        {.type = DNS_SOA, .foreign = true, .authority = "e.f.g.example.test NS ns1.test", .after = 16},
        {.type = DNS_SOA, .foreign = true, .authority = "d.e.f.g.example.test NS ns1.test", .after = 13},
        {.type = DNS_SOA, .foreign = true, .authority = "f.g.example.test NS ns1.test", .after = 8},
        {.type = DNS_SOA, .foreign = true, .authority = "g.example.test NS ns1.test"},
        END};
    dns_begin(steps);
    propagation_check_by(&ctx, &world, &deep, &result, &err); /* whatever it says, it ends */
    CHECK(dns_asked < 60);
}

static void the_operators_server_must_be_an_address(void)
{
    static const struct dns_row rows[] = {
        {.type = DNS_TXT, .answers = HERE}, {.type = DNS_SOA, .foreign = true}, {.type = DNS_CAA, .foreign = true, .answers = "example.test CAA 0 issue ca.test"},
                                          END};
    struct propagation result;
    struct authority authority;
    named_server("example.test", "1.2.3:53");
    dns_begin(rows);
    CHECK(!propagation_check_by(&ctx, &world, &challenge, &result, &err));
    CHECK(err.kind == ERROR_CONFIG && strstr(err.message, "`nameservers`") != NULL);
    struct caa_answer caa;
    struct string_list identities = {0};
    string_list_push(arena, &identities, "ca.test");
    caa_check(&ctx, &world, "example.test", &identities, &caa);
    CHECK(caa.verdict == CAA_UNKNOWN && strstr(caa.words, "`nameservers`") != NULL);
    named_server(".", "127.0.0.9");
    dns_begin(rows);
    CHECK_OK(propagation_check_by(&ctx, &world, &challenge, &result, &err), err);
    CHECK(result.everywhere);
    CHECK_OK(propagation_authority_by(&ctx, &world, "_x.example.test", NULL, &authority, &err), err);
    CHECK(authority.count == 1 && authority.servers[0].answers && !authority.servers[0].authoritative);
    CHECK(strstr(authority.servers[0].words, "does not answer for it itself") != NULL);
    caa_check(&ctx, &world, "example.test", &identities, &caa); /* its own word is wanted, not hearsay */
    CHECK(caa.verdict == CAA_UNKNOWN && strstr(caa.words, "does not answer for") != NULL);
    named_server(NULL, NULL);
}

static void a_resolver_of_the_account_that_is_none_is_told(void)
{
    static const struct dns_row rows[] = {
        {.server = "127.0.0.8", .rcode = SILENT},
        {.server = "127.0.0.7", .type = DNS_TXT, .answers = "elsewhere.test TXT value"},
        {.type = DNS_TXT, .answers = HERE},
        END};
    static const struct {
        const char *resolver;
        bool ok, everywhere;
        const char *says;
    } cases[] = {
        {"1.2.3", false, false, "1.2.3"},
        {"10.9.9.9", false, false, "allowAddresses"},
        {"127.0.0.8", true, false, "127.0.0.8 does not answer"},
        {"127.0.0.7", true, true, "1 of 1"},
    };
    named_server(".", "127.0.0.9");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct propagation result = {0};
        struct dns_account spec = {.enabled = true};
        struct resource account = {.kind = KIND_DNS_ACCOUNT, .name = "main", .dns_account = &spec};
        string_list_push(arena, &spec.propagation.resolvers, cases[i].resolver);
        dns_begin(rows);
        bool ok = propagation_check_for(&ctx, &account, "_x.example.test", &challenge, &result, &err);
        CHECK_INT(ok, cases[i].ok);
        CHECK(strstr(ok ? result.words : err.message, cases[i].says) != NULL);
        CHECK(!ok || result.everywhere == cases[i].everywhere);
    }
    named_server(NULL, NULL);
}

int main(void)
{
    world_begin();
    RUN(a_zone_that_others_answer_for_is_refused_and_doubt_is_no_reason);
    RUN(a_name_below_a_delegation_is_refused_by_the_zones_own_server);
    RUN(what_the_servers_say_is_summed_up);
    RUN(referrals_are_followed_to_an_end);
    RUN(the_operators_server_must_be_an_address);
    RUN(a_resolver_of_the_account_that_is_none_is_told);
    arena_destroy(arena);
    return CHECK_REPORT();
}
