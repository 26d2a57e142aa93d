/* What Cloudflare may answer beside what it should, and what is made of it (dns-providers.md 3). */
#include "dns_service_world.h"

#define ZONES "/zones?"
#define READ "GET https://api.cloudflare.com/client/v4/zones/abc123/dns_records"
#define WRITE "POST "
#define REMOVE "DELETE "
#define A_ZONE(id, name, more) "{\"id\":" id ",\"name\":" name more "}"
#define RESULT(items, more) "{\"success\":true,\"result\":[" items "]" more "}"
#define A_RECORD(id, type, name, content) \
    "{\"id\":" id ",\"type\":" type ",\"name\":" name ",\"content\":" content "}"
#define FAILURE(code, words) "{\"success\":false,\"errors\":[{\"code\":" code ",\"message\":\"" words "\"}]}"
#define OURS(value) A_RECORD("\"f00\"", "\"TXT\"", "\"" NAME "\"", "\"\\\"" value "\\\"\"")

static const struct script_row well[] = {
    {.asked = ZONES,
     .status = 200,
     .answer = RESULT(A_ZONE("\"abc123\"", "\"example.test\"", ",\"status\":\"active\""), "")},
    {.asked = REMOVE, .status = 200, .answer = "{\"success\":true,\"result\":{\"id\":\"f00\"}}"},
    {.asked = WRITE, .status = 200, .answer = "{\"success\":true,\"result\":{\"id\":\"f01\"}}"},
    {.asked = READ, .status = 200, .answer = RESULT(OURS(THERE), ",\"result_info\":{\"total_pages\":1}")},
    {.status = -1},
};

static void whatever_is_bad_in_an_answer_is_told(void)
{
    static const struct trouble troubles[] = {
        TROUBLES_OF_ANY_SERVICE,
        {{.status = 429, .answer = "{\"errors\":7}"}, ERROR_THROTTLED},
        {{.status = 400, .answer = FAILURE("1004", "no")}, ERROR_REFUSED},
        {{.status = 404, .answer = FAILURE("7003", "no")}, ERROR_NOT_FOUND},
        {{.status = 403, .answer = FAILURE("9109", "no")}, ERROR_CREDENTIAL},
        {{.status = 200, .answer = "[]"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"success\":\"yes\"}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"success\":false}"}, ERROR_MALFORMED},
    };
    static const struct bearable none[] = {{NULL, ERROR_NONE}};
    any_request_may_meet_trouble("TXT", troubles, COUNT_OF(troubles), none);
}

static void without_its_credentials_nothing_is_asked(void)
{
    without_credential_nobody_is_asked("token");
    spec.cloudflare.api_token_secret_ref.name = NULL;
    spec.cloudflare.email = "dns@example.com";
    spec.cloudflare.api_key_secret_ref = (struct secret_ref){.name = "dns", .key = "key"};
    without_credential_nobody_is_asked("key");
    spec.cloudflare.api_token_secret_ref.name = "dns";
}

static void zones_are_read_strictly(void)
{
#define ODD(text) \
    { \
        ZONES, .status = 200, .answer = RESULT(text, "") \
    }
    static const struct odd_case cases[] = {
        {ZONE_OF,
         {ZONES, .status = 200, .answer = "{\"success\":true,\"result\":{}}"},
         ERROR_MALFORMED,
         "list of zones"},
        {ZONE_OF, ODD("7"), ERROR_NOT_FOUND, "no zone"},
        {ZONE_OF, ODD("{\"name\":\"example.test\"}"), ERROR_NOT_FOUND, "no zone"},
        {ZONE_OF, ODD("{\"id\":\"abc123\"}"), ERROR_NOT_FOUND, "no zone"},
        {ZONE_OF, ODD(A_ZONE("\"abc123\"", "7", "")), ERROR_NOT_FOUND, "no zone"},
        {ZONE_OF, ODD(A_ZONE("\"abc123\"", "\"other.test\"", "")), ERROR_NOT_FOUND, "no zone"},
        {PRESENT, ODD(A_ZONE("\"abc123\"", "\"other.test\"", "")), ERROR_NOT_FOUND, "no longer has zone"},
        {ZONE_OF, ODD(A_ZONE("\"\"", "\"example.test\"", "")), ERROR_MALFORMED, "id is none"},
        {ZONE_OF, ODD(A_ZONE("\"abc/..\"", "\"example.test\"", "")), ERROR_MALFORMED, "id is none"},
        {ZONE_OF, ODD(A_ZONE("\"abc123\"", "\"example.test\"", ",\"status\":\"pending\"")), ERROR_REFUSED,
         "pending"},
        {ZONE_OF, ODD(A_ZONE("\"abc123\"", "\"example.test\"", ",\"type\":\"secondary\"")), ERROR_REFUSED,
         "elsewhere"},
        {ZONE_OF, ODD(A_ZONE("\"abc123\"", "\"example.test\"", ",\"type\":\"partial\"")), ERROR_REFUSED,
         "elsewhere"},
        {ZONE_OF,
         ODD(A_ZONE("\"abc123\"", "\"example.test\"", "") "," A_ZONE("\"abc124\"", "\"example.test\"", "")),
         ERROR_REFUSED, "twice"},
        /* one of two accounts gave the zone up; a name server that is no text */
        {ZONE_OF,
         ODD(A_ZONE("\"abc123\"", "\"example.test\"", ",\"status\":\"moved\"") "," A_ZONE(
             "\"abc124\"", "\"Example.Test.\"", ",\"status\":\"active\",\"name_servers\":[7,null]")),
         ERROR_NONE, NULL},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
}

/* dns-providers.md 3.3: a token for one zone may be refused when it asks for another name. */
static void a_name_that_may_not_be_asked_for_does_not_end_the_walk(void)
{
    static const struct {
        int status;
        const char *answer;
        bool goes_on;
    } cases[] = {
        {403, FAILURE("9109", "Unauthorized to access requested resource"), true},
        {403, FAILURE("10000", "Authentication error"), true},
        {400, FAILURE("10000", "Authentication error"), false},
        {403, FAILURE("9103", "Unknown X-Auth-Key or X-Auth-Email"), false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        const struct script_row rows[] = {
            {.asked = "name=www.example.test", .status = cases[i].status, .answer = cases[i].answer},
            {.asked = "name=example.test", .status = 200,
             .answer = RESULT(A_ZONE("\"abc123\"", "\"example.test\"", ""), "")},
            {.status = -1},
        };
        new_account();
        challenge.name = "_acme-challenge.www.example.test";
        script = rows;
        bool ok = act(ZONE_OF, &err);
        script = well;
        CHECK_INT(ok, cases[i].goes_on);
        CHECK_INT(asked, cases[i].goes_on ? 2 : 1);
        if (ok)
            CHECK_TEXT(zone, ZONE);
        else
            CHECK_INT(err.kind, ERROR_CREDENTIAL);
    }
    /* and is what is told when no other holds the name */
    struct error err = {0};
    new_account();
    challenge.name = "_acme-challenge.www.example.test";
    odd = (struct script_row){ZONES, .status = 403, .answer = FAILURE("10000", "Authentication error")};
    CHECK(!act(ZONE_OF, &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK(strstr(err.message, "looking for zone www.example.test") != NULL);
}

static void records_are_read_strictly(void)
{
#define ODD(text) \
    { \
        READ, .status = 200, .answer = RESULT(text, "") \
    }
    static const struct odd_case cases[] = {
        {LIST,
         {READ, .status = 200, .answer = "{\"success\":true,\"result\":null}"},
         ERROR_MALFORMED,
         "list of records"},
        {PRESENT, {READ, .status = 200, .answer = "{\"success\":true}"}, ERROR_MALFORMED, "list of records"},
        {LIST, ODD("7"), ERROR_MALFORMED, "no id, type or name"},
        {LIST, ODD("{\"type\":\"TXT\",\"name\":\"" NAME "\"}"), ERROR_MALFORMED, "no id, type or name"},
        {LIST, ODD(A_RECORD("\"f00\"", "7", "\"" NAME "\"", "\"x\"")), ERROR_MALFORMED,
         "no id, type or name"},
        {LIST, ODD(A_RECORD("\"f00\"", "\"TXT\"", "null", "\"x\"")), ERROR_MALFORMED, "no id, type or name"},
        {ABSENT, ODD(A_RECORD("\"\"", "\"TXT\"", "\"" NAME "\"", "\"" THERE "\"")), ERROR_MALFORMED,
         "no id, type or name"},
        {ABSENT, ODD(A_RECORD("\"../f00\"", "\"TXT\"", "\"" NAME "\"", "\"" THERE "\"")), ERROR_MALFORMED,
         "no id, type or name"},
        {ABSENT,
         {REMOVE, .status = 404, .answer = FAILURE("81044", "Record does not exist.")},
         ERROR_NONE,
         NULL},
        {PRESENT,
         {WRITE, .status = 400, .answer = FAILURE("81057", "Record already exists.")},
         ERROR_NONE,
         NULL},
        {PRESENT,
         {WRITE, .status = 400, .answer = FAILURE("81058", "An identical record already exists.")},
         ERROR_NONE,
         NULL},
        {PRESENT,
         {WRITE, .status = 400, .answer = FAILURE("81053", "An A record exists.")},
         ERROR_CONFLICT,
         "stand at that name"},
        {PRESENT,
         {WRITE, .status = 404, .answer = FAILURE("7003", "gone")},
         ERROR_NOT_FOUND,
         "not known there"},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
}

static void what_stands_at_other_names_or_has_no_content_is_not_ours(void)
{
    check_not_ours(
        (struct script_row){
            READ, .status = 200,
            .answer = RESULT(A_RECORD("\"f00\"", "\"TXT\"", "\"other.example.test\"", "\"" THERE "\"")
                             "," A_RECORD("\"f01\"", "\"TXT\"", "\"" NAME "\"", "7")
                             "," A_RECORD("\"f02\"", "\"A\"", "\"" NAME "\"", "\"" THERE "\""), "")},
        REMOVE);
}

static void pages_are_read_to_their_end_and_must_have_one(void)
{
    struct error err = {0};
    static const struct script_row rows[] = {
        {.asked = ZONES, .status = 200, .answer = RESULT(A_ZONE("\"abc123\"", "\"example.test\"", ""), "")},
        {.asked = "&page=2",
         .status = 200,
         .answer = RESULT(OURS("two"), ",\"result_info\":{\"total_pages\":2}")},
        {.asked = READ, .status = 200, .answer = RESULT(OURS("one"), ",\"result_info\":{\"total_pages\":2}")},
        {.status = -1},
    };
    CHECK_OK(act_by(rows, "TXT", LIST, &err), err);
    CHECK_INT(values.count, 2);
    static const struct odd_case endless[] = {
        {LIST,
         {READ, .status = 200, .answer = RESULT(OURS("x"), ",\"result_info\":{\"total_pages\":99999}")},
         ERROR_MALFORMED,
         "no end"},
        {ABSENT,
         {READ, .status = 200, .answer = RESULT(OURS("x"), ",\"result_info\":{\"total_pages\":99999}")},
         ERROR_MALFORMED,
         "no end"},
        /* nothing on the page: there is no next one, whatever is said */
        {LIST,
         {READ, .status = 200, .answer = RESULT("", ",\"result_info\":{\"total_pages\":99999}")},
         ERROR_NONE,
         NULL},
        {LIST,
         {READ, .status = 200, .answer = RESULT(OURS("x"), ",\"result_info\":{\"total_pages\":\"many\"}")},
         ERROR_NONE,
         NULL},
    };
    CHECK_CASES(endless, "TXT");
}

static void what_keeps_a_record_away_is_named(void)
{
#define AT_NAME(type, content, more) \
    RESULT("{\"id\":\"f00\",\"type\":\"" type "\",\"name\":\"" NAME "\",\"content\":\"" content "\"" more \
           "}", \
           "")
    static const struct {
        const char *type, *answer, *says;
    } cases[] = {
        {"TXT", AT_NAME("CNAME", "elsewhere.test", ""), "elsewhere.test"},
        {"CNAME", AT_NAME("A", "192.0.2.1", ""), "other records"},
        {"CNAME", AT_NAME("CNAME", "Ours-Ours-Ours.", ",\"proxied\":true"), "proxied"},
    };
#undef AT_NAME
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_kept_away(cases[i].type,
                        (struct script_row){READ, .status = 200, .answer = cases[i].answer},
                        cases[i].says, WRITE);
}

static void a_zone_that_is_gone_is_looked_up_anew(void)
{
    for (enum act what = PRESENT; what <= ABSENT; what++)
        check_looked_up_anew(LIST, what,
                             (struct script_row){READ, .status = 404, .answer = FAILURE("7003", "gone")},
                             ZONES);
}

static void what_the_service_says_of_a_failure_is_handed_on_without_the_token(void)
{
    static const struct {
        const char *answer, *says;
    } cases[] = {
        {"{\"success\":false,\"errors\":[{\"code\":1004,\"message\":\"m\",\"error_chain\":[{\"code\":9007,"
         "\"message\":\"deeper\"}]}]}",
         "m: deeper, 9007 (HTTP 400, 1004)"},
        {"{\"success\":false,\"errors\":[{\"code\":\"x\",\"message\":\"m\",\"error_chain\":[{\"message\":"
         "\"deeper\"}]}]}",
         "m: deeper (HTTP 400, x)"},
        {"{\"success\":false,\"errors\":[{\"error_chain\":[{\"code\":9007}]}]}", ", 9007 (HTTP 400)"},
        {"{\"success\":false,\"errors\":[{\"code\":1,\"message\":\"token secret\\u002dof-the-test here\"}]}",
         "token ****"},
        {"{\"success\":false,\"errors\":[]}", "HTTP 400"},
        {"oops", "HTTP 400"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = (struct script_row){ZONES, .status = 400, .answer = cases[i].answer};
        CHECK(!act(ZONE_OF, &err));
        if (strstr(err.message, cases[i].says) == NULL)
            fprintf(stderr, "%s\n", err.message);
        CHECK(strstr(err.message, cases[i].says) != NULL);
        CHECK(strstr(err.message, "secret-of-the-test") == NULL);
    }
}

int main(void)
{
    world_begin(DNS_PROVIDER_CLOUDFLARE, well);
    spec.cloudflare.api_token_secret_ref = (struct secret_ref){.name = "dns", .key = "token"};
    keep_secret("token", "secret-of-the-test");
    keep_secret("key", "secret-of-the-test");
    RUN(whatever_is_bad_in_an_answer_is_told);
    RUN(without_its_credentials_nothing_is_asked);
    RUN(zones_are_read_strictly);
    RUN(a_name_that_may_not_be_asked_for_does_not_end_the_walk);
    RUN(records_are_read_strictly);
    RUN(what_stands_at_other_names_or_has_no_content_is_not_ours);
    RUN(pages_are_read_to_their_end_and_must_have_one);
    RUN(what_keeps_a_record_away_is_named);
    RUN(a_zone_that_is_gone_is_looked_up_anew);
    RUN(what_the_service_says_of_a_failure_is_handed_on_without_the_token);
    return CHECK_REPORT();
}
