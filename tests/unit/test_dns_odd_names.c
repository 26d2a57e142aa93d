/* What is concluded from a DNS whose servers are silent, lame, cross or in a circle: of aliases, of CAA and of signatures. */
#include "dns_odd_world.h"

#include "reconcilers/dns/caa.h"
#include "reconcilers/dns/dnssec.h"
#include "reconcilers/dns/follow.h"

/* ---- aliases ---- */

static void an_alias_is_believed_from_who_serves_it(void)
{
    static const struct {
        struct dns_row rows[8];
        const char *leads_to; /* NULL: refused */
        const char *says;
    } cases[] = {
        {{{.type = DNS_CNAME, .rcode = 2}, END}, "_x.example.test", NULL},
        {{{.type = DNS_CNAME, .foreign = true, .answers = "_x.example.test CNAME there.test"}, END},
         "_x.example.test",
         NULL},
        {{{.type = DNS_CNAME,
           .rcode = 3,
           .answers = "other.example.test CNAME there.test|_x.example.test TXT x"},
          END},
         "_x.example.test",
         NULL},
        {{{.name = "_x.example.test", .type = DNS_CNAME, .answers = "_X.example.test CNAME There.test"},
          {.name = "there.test", .type = DNS_CNAME},
          {.rcode = 3},
          END},
         "there.test",
         NULL},
        {{{.name = "_x.example.test", .type = DNS_CNAME, .answers = "_x.example.test CNAME there.test"},
          {.name = "there.test", .rcode = 2},
          {.rcode = 3},
          END},
         NULL,
         "_x.example.test leads to there.test"},
        {{{.name = "_x.example.test", .type = DNS_CNAME, .answers = "_x.example.test CNAME a b"},
          {.rcode = 3},
          END},
         NULL,
         "no name that can be written"},
        {{{.name = "_x.example.test", .type = DNS_CNAME, .answers = "_x.example.test CNAME *.there.test"},
          {.rcode = 3},
          END},
         NULL,
         "no name that can"},
        {{{.name = "_x.example.test", .type = DNS_CNAME, .answers = "_x.example.test CNAME _X.example.test"},
          {.rcode = 3},
          END},
         NULL,
         "lead back"},
    };
    named_server(".", "127.0.0.9");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *end = NULL;
        dns_begin(cases[i].rows);
        err = (struct error){0};
        bool ok = dns_follow_by(&ctx, &world, "_x.example.test", &end, &err);
        if (ok != (cases[i].leads_to != NULL))
            fprintf(stderr, "case %zu: %s\n%s", i, err.message, dns_asked_all);
        CHECK_INT(ok, cases[i].leads_to != NULL);
        CHECK(ok ? strcmp(end, cases[i].leads_to) == 0 : strstr(err.message, cases[i].says) != NULL);
        dns_begin(cases[i].rows);
        CHECK_INT(dns_follow_by(&ctx, &world, "_x.example.test", &end, NULL), ok);
    }
    named_server(NULL, NULL);
}

/* ---- CAA and signatures ---- */

static void caa_is_known_or_it_is_not(void)
{
    static const struct {
        struct dns_row rows[5];
        enum caa_verdict verdict;
        const char *says;
    } cases[] = {
        {{{.rcode = 3}, END}, CAA_ALLOWED, "no CAA"},
        {{{.rcode = 2}, END}, CAA_UNKNOWN, "SERVFAIL"},
        {{END}, CAA_UNKNOWN, "silence"},
        {{{.server = "192.0.2.1", .rcode = 2}, {.rcode = 3}, END}, CAA_ALLOWED, "no CAA"},
        {{{.name = "a.example.test",
           .answers = "a.example.test CNAME there.test|there.test CAA 0 issue ca.test"},
          {.rcode = 3},
          END},
         CAA_ALLOWED,
         "names ca.test"},
        {{{.name = "a.example.test", .answers = "a.example.test CNAME a.example.test"}, {.rcode = 3}, END},
         CAA_ALLOWED,
         "no CAA"},
        {{{.answers = "other.test CNAME there.test|other.test CAA 0 issue x.test"}, END},
         CAA_ALLOWED,
         "no CAA"},
        {{{.name = "example.test", .answers = "example.test CAA 0 issue ;"}, {.rcode = 3}, END},
         CAA_FORBIDDEN,
         "nobody"},
        {{{.name = "example.test", .answers = "example.test CAA x"}, {.rcode = 3}, END},
         CAA_FORBIDDEN,
         "critical"},
        {{{.name = "example.test", .answers = "example.test CAA 128 contactemail x"}, {.rcode = 3}, END},
         CAA_UNKNOWN,
         "critical"},
        {{{.name = "example.test",
           .answers = "example.test CAA 128 contactemail x|example.test CAA 0 issue ca.test"},
          {.rcode = 3},
          END},
         CAA_UNKNOWN,
         "critical"},
        {{{.name = "example.test", .answers = "example.test CAA 0 issue ca.test; a=b"}, {.rcode = 3}, END},
         CAA_LIMITED,
         "parameters"},
        {{{.name = "example.test",
           .answers = "example.test CAA 0 issue a.test|example.test CAA 0 issue b.test|example.test CAA 0 "
                      "issue c.test|example.test CAA 0 issue d.test"
                      "|example.test CAA 0 issue e.test|example.test CAA 0 issue f.test"},
          {.rcode = 3},
          END},
         CAA_FORBIDDEN,
         "e.test, …, not ca.test"},
        {{{.name = "example.test", .answers = "example.test CAA 0 iodef"}, {.rcode = 3}, END},
         CAA_ALLOWED,
         "nothing about who"},
    };
    struct string_list identities = {0};
    string_list_push(arena, &identities, "ca.test");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct caa_answer answer;
        dns_begin(cases[i].rows);
        caa_check(&ctx, &world, "a.example.test", &identities, &answer);
        if (answer.verdict != cases[i].verdict || strstr(answer.words, cases[i].says) == NULL)
            fprintf(stderr, "case %zu: %d %s\n", i, (int)answer.verdict, answer.words);
        CHECK_INT(answer.verdict, cases[i].verdict);
        CHECK(strstr(answer.words, cases[i].says) != NULL);
    }
    /* At the operator's server each alias is asked for anew: a circle ends, a name that is none is told. */
    static const struct dns_row
        circle[] = {{.name = "a.example.test", .answers = "a.example.test CNAME b.example.test"},
                    {.name = "b.example.test", .answers = "b.example.test CNAME a.example.test"},
                    {.rcode = 3},
                    END},
        odd[] = {{.name = "a.example.test", .answers = "a.example.test CNAME a b"}, {.rcode = 3}, END};
    struct caa_answer answer;
    named_server(".", "127.0.0.9");
    dns_begin(circle);
    caa_check(&ctx, &world, "a.example.test", &identities, &answer);
    CHECK(answer.verdict == CAA_UNKNOWN && strstr(answer.words, "no end") != NULL);
    dns_begin(odd);
    caa_check(&ctx, &world, "a.example.test", &identities, &answer);
    CHECK(answer.verdict == CAA_UNKNOWN && strstr(answer.words, "no name that can be asked") != NULL);
    named_server(NULL, NULL);
}

static void signatures_are_judged_by_who_looks_at_them(void)
{
    static const struct {
        struct dns_row rows[6];
        bool by_operator;
        enum dnssec_verdict verdict;
        const char *says;
    } cases[] = {
        {{{.authentic = true}, END}, false, DNSSEC_FINE, "signatures hold"},
        {{{.rcode = 3, .authentic = true}, END}, false, DNSSEC_FINE, "signatures hold"},
        {{{.rcode = 5}, END}, false, DNSSEC_UNKNOWN, "answers REFUSED"},
        {{{.rcode = 2}, END}, false, DNSSEC_UNKNOWN, "and without"},
        {{{.rcode = 0, .flags = DNS_UNCHECKED}, {.rcode = 2}, END}, false, DNSSEC_BOGUS, "bogus"},
        {{{.rcode = SILENT, .flags = DNS_UNCHECKED}, {.rcode = 2}, END},
         false,
         DNSSEC_UNKNOWN,
         "and without"},
        {{{.name = "test", .authentic = true}, {.rcode = 0}, END}, false, DNSSEC_FINE, "not signed"},
        {{{.name = "test"}, {.rcode = 0}, END}, false, DNSSEC_UNKNOWN, "does not say that it checks"},
        {{{.name = "test", .rcode = SILENT}, {.rcode = 0}, END},
         false,
         DNSSEC_UNKNOWN,
         "does not say that it checks"},
        {{{.server = "192.0.2.1", .rcode = 5}, {.authentic = true}, END},
         false,
         DNSSEC_FINE,
         "signatures hold"},
        {{END}, false, DNSSEC_UNKNOWN, "silence"},
        {{{.type = DNS_SOA, .answers = "example.test SOA x"}, {.type = DNS_DNSKEY}, END},
         true,
         DNSSEC_FINE,
         "is not signed"},
        {{{.type = DNS_SOA, .authority = "example.test SOA x"},
          {.type = DNS_DNSKEY, .answers = "example.test DNSKEY k"},
          END},
         true,
         DNSSEC_UNKNOWN,
         "zone is signed"},
        {{{.type = DNS_SOA, .answers = "example.test SOA x"},
          {.type = DNS_DNSKEY, .answers = "example.test TXT k"},
          END},
         true,
         DNSSEC_FINE,
         "is not signed"},
        {{{.type = DNS_SOA, .answers = "example.test SOA x"}, {.type = DNS_DNSKEY, .rcode = 2}, END},
         true,
         DNSSEC_UNKNOWN,
         "does not tell"},
        {{{.type = DNS_SOA, .answers = "example.test SOA x"}, END}, true, DNSSEC_UNKNOWN, "does not tell"},
        {{{.type = DNS_SOA, .answers = "other.test SOA x|example.test TXT x"}, END},
         true,
         DNSSEC_UNKNOWN,
         "does not tell"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dnssec_answer answer;
        named_server(".", cases[i].by_operator ? "127.0.0.9" : NULL);
        dns_begin(cases[i].rows);
        dnssec_check(&ctx, &world, "a.example.test", &answer);
        if (answer.verdict != cases[i].verdict || strstr(answer.words, cases[i].says) == NULL)
            fprintf(stderr, "case %zu: %d %s\n", i, (int)answer.verdict, answer.words);
        CHECK_INT(answer.verdict, cases[i].verdict);
        CHECK(strstr(answer.words, cases[i].says) != NULL);
    }
    named_server(NULL, NULL);
    struct dnssec_answer answer;
    static const struct propagation_world nobody = {NULL, 0, 53};
    dnssec_check(&ctx, &nobody, "a.example.test", &answer);
    CHECK(answer.verdict == DNSSEC_UNKNOWN && strstr(answer.words, "no resolver") != NULL);
}

static void resolvers_are_read_from_odd_lines(void)
{
    struct dns_address out[3];
    CHECK_INT(
        propagation_read_resolvers(
            "nameserver \nnameserver\t192.0.2.9 # x\nnameserverx 192.0.2.8\nnameserver "
            "fe80::1%eth0\nnameserver "
            "1234567890123456789012345678901234567890123456789012345678901234567890\n  nameserver ::1;\n",
            out),
        2);
    CHECK_TEXT(out[0].host, "192.0.2.9");
    CHECK_TEXT(out[1].host, "::1");
    CHECK_INT(propagation_read_resolvers(
                  "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4", out),
              3);
    CHECK_INT(propagation_read_resolvers("", out), 1);
    CHECK_TEXT(out[0].host, "127.0.0.1");
    CHECK_INT(propagation_read_resolvers(NULL, out), 1);
}

int main(void)
{
    world_begin();
    RUN(an_alias_is_believed_from_who_serves_it);
    RUN(caa_is_known_or_it_is_not);
    RUN(signatures_are_judged_by_who_looks_at_them);
    RUN(resolvers_are_read_from_odd_lines);
    arena_destroy(arena);
    return CHECK_REPORT();
}
