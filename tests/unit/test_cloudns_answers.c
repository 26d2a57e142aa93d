/* What ClouDNS may answer beside what it should, and what is made of it (dns-providers.md 7). Failures come
 * with status 200. */
#include "dns_service_world.h"

#include "reconcilers/dns/service.h"

#define ABOUT "get-zone-info"
#define READ "records.json"
#define ADD "add-record"
#define REMOVE "delete-record"
#define TIMES "get-available-ttl"
#define LOOK "is-updated"
#define A_RECORD(id, type, host, value) \
    "{\"id\":" id ",\"type\":" type ",\"host\":" host ",\"record\":" value "}"
#define OURS(value) "{\"7\":" A_RECORD("\"7\"", "\"TXT\"", "\"_acme-challenge\"", "\"" value "\"") "}"
#define FAILED(words) "{\"status\":\"Failed\",\"statusDescription\":\"" words "\"}"
#define SUCCESS "{\"status\":\"Success\",\"statusDescription\":\"done\"}"
#define A_ZONE(name, type, more) "{\"name\":" name ",\"type\":" type more "}"

static const struct script_row well[] = {
    {.asked = ABOUT, .status = 200, .answer = A_ZONE("\"example.test\"", "\"master\"", ",\"status\":\"1\"")},
    {.asked = READ, .body = "type=NS", .status = 200, .answer = "[]"},
    {.asked = READ, .status = 200, .answer = OURS(THERE)},
    {.asked = ADD, .status = 200, .answer = SUCCESS},
    {.asked = REMOVE, .status = 200, .answer = SUCCESS},
    {.asked = TIMES, .status = 200, .answer = "[30,300,3600,120]"},
    {.asked = LOOK, .status = 200, .answer = "true"},
    {.status = -1},
};

static void whatever_is_bad_in_an_answer_is_told(void)
{
    static const struct trouble troubles[] = {
        TROUBLES_OF_ANY_SERVICE,
        {{.status = 200, .answer = FAILED("Request blocked, too many")}, ERROR_THROTTLED},
        {{.status = 200, .answer = FAILED("no")}, ERROR_REFUSED},
        {{.status = 200, .answer = "{\"status\":\"Failed\"}"}, ERROR_REFUSED},
        {{.status = 200, .answer = FAILED("Missing domain-name")}, ERROR_NOT_FOUND},
        {{.status = 200, .answer = FAILED("Invalid authentication")}, ERROR_CREDENTIAL},
        {{.status = 200, .answer = "7"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "[7]"}, ERROR_MALFORMED},
    };
    static const struct bearable bearable[] = {
        {READ, ERROR_CREDENTIAL}, {READ, ERROR_REFUSED}, /* of the zone's name servers alone: see below */
        {LOOK, ERROR_CREDENTIAL}, {LOOK, ERROR_REFUSED},
        {LOOK, ERROR_NOT_FOUND},  {LOOK, ERROR_MALFORMED}, /* the DNS decides */
        {NULL, ERROR_NONE},
    };
    any_request_may_meet_trouble("TXT", troubles, COUNT_OF(troubles), bearable);
    static const struct odd_case cases[] = {
        {LIST,
         {READ, .body = "host=_acme", .status = 200, .answer = FAILED("no")},
         ERROR_REFUSED,
         "no (HTTP 200"},
        {LIST,
         {READ, .body = "host=_acme", .status = 200, .answer = FAILED("Invalid authentication")},
         ERROR_CREDENTIAL,
         "password"},
    };
    CHECK_CASES(cases, "TXT");
}

static void without_its_credentials_nothing_is_asked(void) { without_credential_nobody_is_asked("password"); }

static void zones_are_read_strictly(void)
{
#define ODD(text) \
    { \
        ABOUT, .status = 200, .answer = text \
    }
    static const struct odd_case cases[] = {
        {ZONE_OF, ODD("[]"), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD("{\"type\":\"master\"}"), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("7", "\"master\"", "")), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "7", "")), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("\"other.test\"", "\"master\"", "")), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "\"master\"", ",\"status\":0")), ERROR_REFUSED,
         "switched off"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "\"slave\"", "")), ERROR_REFUSED, "elsewhere"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "\"cloud\"", "")), ERROR_MALFORMED, "of what"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "\"cloud\"", ",\"cloud-master\":\"a b\"")), ERROR_MALFORMED,
         "of what"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "\"cloud\"", ",\"cloud-master\":7")), ERROR_MALFORMED,
         "of what"},
        {ZONE_OF, ODD(A_ZONE("\"example.test.\"", "\"cloud\"", ",\"cloud-master\":\"Main.test.\"")),
         ERROR_NONE, NULL},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "\"master\"", "")), ERROR_NONE, NULL},
        {ZONE_OF, ODD(FAILED("Missing domain-name")), ERROR_NOT_FOUND, "no zone that holds"},
        {PRESENT, ODD(FAILED("Missing domain-name")), ERROR_NOT_FOUND, "no longer has"},
        /* a 404 of some proxy is not the service's word that the zone is not there */
        {ZONE_OF, {ABOUT, .status = 404, .answer = "<html>"}, ERROR_NOT_FOUND, "HTTP 404"},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
    struct error err = {0};
    new_account(); /* what is written goes to the zone of which this is a copy */
    odd = (struct script_row){
        ABOUT, .status = 200,
        .answer = A_ZONE("\"example.test\"", "\"cloud\"", ",\"cloud-master\":\"Main.test.\"")};
    CHECK_OK(act(PRESENT, &err), err);
    CHECK(strstr(asked_body, "domain-name=main.test&") != NULL);
}

static void records_are_read_strictly(void)
{
#define ODD(text) \
    { \
        READ, .body = "host=_acme", .status = 200, .answer = text \
    }
    static const struct odd_case cases[] = {
        {LIST, ODD("[{}]"), ERROR_MALFORMED, "no list"},
        {LIST, ODD("true"), ERROR_MALFORMED, "no list"},
        {LIST, ODD("{\"7\":7}"), ERROR_MALFORMED, "no id, type or host"},
        {LIST, ODD("{\"7\":{\"type\":\"TXT\",\"host\":\"\"}}"), ERROR_MALFORMED, "no id, type or host"},
        {LIST, ODD("{\"7\":" A_RECORD("\"7\"", "7", "\"\"", "\"x\"") "}"), ERROR_MALFORMED,
         "no id, type or host"},
        {LIST, ODD("{\"7\":" A_RECORD("\"7\"", "\"TXT\"", "7", "\"x\"") "}"), ERROR_MALFORMED,
         "no id, type or host"},
        {ABSENT, ODD("{\"7\":" A_RECORD("\"\"", "\"TXT\"", "\"_acme-challenge\"", "\"" THERE "\"") "}"),
         ERROR_MALFORMED, "no id"},
        {ABSENT, ODD("{\"7\":" A_RECORD("\"7&x=1\"", "\"TXT\"", "\"_acme-challenge\"", "\"" THERE "\"") "}"),
         ERROR_MALFORMED, "no id"},
        {LIST, ODD("[]"), ERROR_NONE, NULL},
        /* its own zone's servers: those at the apex, with a name */
        {ZONE_OF,
         {READ, .body = "type=NS", .status = 200,
          .answer = "{\"1\":" A_RECORD(
              "\"1\"", "\"NS\"", "\"child\"",
              "\"ns.child.test\"") ","
                                   "\"2\":" A_RECORD("\"2\"", "\"TXT\"", "\"\"",
                                                     "\"x\"") ","
                                                              "\"3\":" A_RECORD("\"3\"", "\"NS\"", "\"\"",
                                                                                "null") "}"},
         ERROR_NONE,
         NULL},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
    /* the filter is ours too, and a record without a value is one with none */
    check_not_ours(
        (struct script_row){
            READ, .body = "host=_acme", .status = 200,
            .answer = "{\"7\":" A_RECORD("7", "\"TXT\"", "\"_ACME-challenge\"", "null")
                      ",\"8\":" A_RECORD("8", "\"TXT\"", "\"other\"", "\"" THERE "\"") "}"},
        REMOVE);
}

static void pages_are_read_to_their_end_and_must_have_one(void)
{
    struct buffer page = {0};
    struct error err = {0};
    buffer_putc(&page, '{');
    for (int i = 1; i <= 100; i++)
        buffer_printf(&page, "%s\"%d\":" A_RECORD("\"%d\"", "\"TXT\"", "\"_acme-challenge\"", "\"v\""),
                      i > 1 ? "," : "", i, i);
    buffer_putc(&page, '}');
    for (enum act what = ABSENT; what <= LIST; what++) {
        new_account();
        odd = (struct script_row){READ, .body = "host=_acme", .status = 200, .answer = buffer_text(&page)};
        CHECK(!act(what, &err)); /* the same page again and again: whether ours is there nobody knows */
        CHECK_INT(err.kind, ERROR_MALFORMED);
        CHECK(strstr(err.message, "no end") != NULL && strstr(err.message, account.name) != NULL);
    }
    new_account();
    odd = (struct script_row){READ, .body = "&page=1", .status = 200, .answer = buffer_text(&page)};
    CHECK_OK(act(LIST, &err), err);
    CHECK_INT(values.count, 101);
    buffer_release(&page);
}

static void a_time_to_live_that_the_plan_lacks_is_replaced_by_the_next_it_has(void)
{
    static const char refused[] = FAILED("Invalid TTL. Choose from the list.");
    static const struct {
        const char *times, *ttl;
        int status;
    } cases[] = {
        {"[30,300,3600,120]", "&ttl=120", 200}, {"[]", NULL, 200}, {"[30]", NULL, 200},
        {"[\"many\",false]", NULL, 200},        {"", NULL, 500},   {"7", NULL, 200},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        const struct script_row rows[] = {
            {.asked = TIMES, .status = cases[i].status, .answer = cases[i].times},
            {.asked = ADD, .body = "&ttl=60", .status = 200, .answer = refused},
            well[0],
            well[1],
            well[2],
            well[3],
            {.status = -1},
        };
        bool ok = act_by(rows, "TXT", PRESENT, &err);
        CHECK_INT(ok, cases[i].ttl != NULL);
        if (ok)
            CHECK(strstr(asked_body, cases[i].ttl) != NULL);
        else
            CHECK(err.kind == ERROR_REFUSED && strstr(err.message, "Invalid TTL") != NULL);
    }
    static const struct odd_case again[] = {
        /* refused a second time: once is enough */
        {PRESENT, {ADD, .status = 200, .answer = refused}, ERROR_REFUSED, "Invalid TTL"},
        {PRESENT, {ADD, .status = 200, .answer = "{\"status\":\"Perhaps\"}"}, ERROR_MALFORMED, "was added"},
        {PRESENT, {ADD, .status = 200, .answer = "{}"}, ERROR_MALFORMED, "was added"},
        {ABSENT, {REMOVE, .status = 200, .answer = FAILED("Invalid record-id param.")}, ERROR_NONE, NULL},
        {ABSENT, {REMOVE, .status = 200, .answer = FAILED("no")}, ERROR_REFUSED, "removing"},
    };
    CHECK_CASES(again, "TXT");
}

static void whether_it_is_served_is_the_services_word_or_the_dns(void)
{
    static const struct {
        struct script_row row;
        bool ok, applied;
    } cases[] = {
        {{LOOK, .status = 200, .answer = "false"}, true, false},
        {{LOOK, .status = 200, .answer = "\"perhaps\""}, true, true},
        {{LOOK, .status = 200, .answer = FAILED("You are not allowed")}, true, true},
        {{LOOK, .status = 200, .answer = FAILED("Request blocked")}, false, true},
        {{LOOK, .status = 502, .answer = ""}, false, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = cases[i].row;
        CHECK_INT(act(APPLIED, &err), cases[i].ok);
        CHECK_INT(applied, cases[i].applied);
        CHECK(cases[i].ok || err.retry_at != 0 || err.kind == ERROR_UNREACHABLE);
    }
}

static void what_keeps_a_record_away_is_named(void)
{
    static const struct {
        const char *type, *answer, *says;
    } cases[] = {
        {"TXT", "{\"7\":" A_RECORD("\"7\"", "\"CNAME\"", "\"_acme-challenge\"", "\"elsewhere.test\"") "}",
         "elsewhere.test"},
        {"CNAME", OURS("x"), "other records"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_kept_away(cases[i].type,
                        (struct script_row){READ, .body = "host=_acme", .status = 200,
                                            .answer = cases[i].answer},
                        cases[i].says, ADD);
}

static void a_zone_that_is_gone_is_looked_up_anew(void)
{
    check_looked_up_anew(
        LIST, PRESENT,
        (struct script_row){READ, .status = 200, .answer = FAILED("Missing domain-name")}, ABOUT);
}

int main(void)
{
    world_begin(DNS_PROVIDER_CLOUDNS, well);
    spec.cloudns.auth_id = "1234";
    spec.cloudns.auth_password_secret_ref = (struct secret_ref){.name = "dns", .key = "password"};
    keep_secret("password", "secret-of-the-test");
    RUN(whatever_is_bad_in_an_answer_is_told);
    RUN(without_its_credentials_nothing_is_asked);
    RUN(zones_are_read_strictly);
    RUN(records_are_read_strictly);
    RUN(pages_are_read_to_their_end_and_must_have_one);
    RUN(a_time_to_live_that_the_plan_lacks_is_replaced_by_the_next_it_has);
    RUN(whether_it_is_served_is_the_services_word_or_the_dns);
    RUN(what_keeps_a_record_away_is_named);
    RUN(a_zone_that_is_gone_is_looked_up_anew);
    return CHECK_REPORT();
}
