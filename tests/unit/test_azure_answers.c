/* What Azure may answer beside what it should, and what is made of it (dns-providers.md 2). */
#include "dns_service_world.h"

#include "base/json.h"
#include "reconcilers/dns/service_answers.h"

#define TOKEN "/oauth2/v2.0/token"
#define AT_SET "/TXT/_acme-challenge"
#define READ "GET https://management.azure.com"
#define SET_ROW "TXT/"
#define A_TOKEN(token, type, more) "{\"access_token\":" token ",\"token_type\":" type more "}"
#define A_ZONE(name, properties) "{\"name\":" name ",\"properties\":" properties "}"
#define A_SET(etag, properties) "{\"etag\":" etag ",\"properties\":" properties "}"
#define RECORDS(items) "{\"TTL\":60,\"TXTRecords\":[" items "]}"
#define RECORD(text) "{\"value\":[\"" text "\"]}"
#define FAILURE(code, words) "{\"error\":{\"code\":\"" code "\",\"message\":\"" words "\"}}"

static const struct script_row well[] = {
    {.asked = TOKEN, .status = 200, .answer = A_TOKEN("\"tok.en-1\"", "\"Bearer\"", ",\"expires_in\":3600")},
    {.asked = "PUT ", .status = 200, .answer = "{}"},
    {.asked = "DELETE ", .status = 200, .answer = ""},
    {.asked = "/TXT/",
     .status = 200,
     .answer = A_SET("\"e1\"", RECORDS(RECORD(THERE) "," RECORD("foreign")))},
    {.asked = "/CNAME/", .status = 404, .answer = FAILURE("NotFound", "no such set")},
    {.asked = "dnsZones/test?", .status = 404, .answer = FAILURE("ResourceNotFound", "no")},
    {.asked = "dnsZones/", .status = 200, .answer = A_ZONE("\"example.test\"", "{\"zoneType\":\"Public\"}")},
    {.status = -1},
};

static void whatever_is_bad_in_an_answer_is_told(void)
{
    static const struct trouble troubles[] = {
        TROUBLES_OF_ANY_SERVICE,
        {{.status = 400, .answer = FAILURE("BadRequest", "no")}, ERROR_REFUSED},
        {{.status = 400, .answer = "{\"code\":\"BadRequest\",\"message\":\"no\"}"}, ERROR_REFUSED},
        {{.status = 400, .answer = "{\"error\":\"odd\"}"}, ERROR_REFUSED},
        {{.status = 403, .answer = FAILURE("AuthorizationFailed", "no")}, ERROR_CREDENTIAL},
        {{.status = 404, .answer = FAILURE("ParentResourceNotFound", "no")}, ERROR_NOT_FOUND},
        {{.status = 200, .answer = "[]"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"properties\":7}"}, ERROR_MALFORMED},
    };
    static const struct bearable bearable[] = {{"PUT ", ERROR_MALFORMED}, /* the status is the word */
                                               {"PUT ", ERROR_NOT_FOUND}, /* changed meanwhile: made again */
                                               {"DELETE ", ERROR_MALFORMED},
                                               {"DELETE ", ERROR_NOT_FOUND},
                                               {NULL, ERROR_NONE}};
    any_request_may_meet_trouble("TXT", troubles, COUNT_OF(troubles), bearable);
    any_request_may_meet_trouble("CNAME", troubles, COUNT_OF(troubles), bearable);
}

static void without_its_credentials_nothing_is_asked(void) { without_credential_nobody_is_asked("password"); }

static void tokens_are_read_strictly(void)
{
#define ODD(text) \
    { \
        TOKEN, .status = 200, .answer = text \
    }
    static const struct odd_case cases[] = {
        {LIST, ODD("{}"), ERROR_MALFORMED, "no token"},
        {LIST, ODD(A_TOKEN("7", "\"Bearer\"", "")), ERROR_MALFORMED, "no token"},
        {LIST, ODD(A_TOKEN("\"\"", "\"Bearer\"", "")), ERROR_MALFORMED, "no token"},
        {LIST, ODD("{\"access_token\":\"t\"}"), ERROR_MALFORMED, "no token"},
        {LIST, ODD(A_TOKEN("\"t\"", "\"mac\"", "")), ERROR_MALFORMED, "no token"},
        {LIST, ODD(A_TOKEN("\"a b\"", "\"Bearer\"", "")), ERROR_MALFORMED, "its token is none"},
        {LIST, ODD(A_TOKEN("\"a\\nb\"", "\"Bearer\"", "")), ERROR_MALFORMED, "its token is none"},
        {LIST, ODD(A_TOKEN("\"a\\u00e4\"", "\"Bearer\"", "")), ERROR_MALFORMED, "its token is none"},
        {LIST, ODD(A_TOKEN("\"a\\u007f\"", "\"Bearer\"", "")), ERROR_MALFORMED, "its token is none"},
        {LIST, ODD(A_TOKEN("\"t\"", "\"bearer\"", "")), ERROR_NONE, NULL},
        {LIST,
         {TOKEN, .status = 401,
          .answer = "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: x\\r\\nTrace\"}"},
         ERROR_CREDENTIAL,
         "has expired"},
        {LIST,
         {TOKEN, .status = 400, .answer = "{\"error\":7,\"error_description\":7}"},
         ERROR_REFUSED,
         "HTTP 400"},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
}

static void a_token_is_kept_for_as_long_as_it_is_good(void)
{
    static const struct {
        const char *answer;
        int64_t good_s, bad_s; /* asked again at the second, not at the first */
    } cases[] = {
        {A_TOKEN("\"t\"", "\"Bearer\"", ",\"expires_in\":3600"), 3200, 3400},
        {A_TOKEN("\"t\"", "\"Bearer\"", ",\"expires_in\":100"), 40, 60},
        {A_TOKEN("\"t\"", "\"Bearer\"", ""), 250, 350},
        {A_TOKEN("\"t\"", "\"Bearer\"", ",\"expires_in\":-1"), 250, 350},
        {A_TOKEN("\"t\"", "\"Bearer\"", ",\"expires_in\":99999999"), 250, 350},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = (struct script_row){TOKEN, .status = 200, .answer = cases[i].answer};
        CHECK_OK(act(LIST, &err), err);
        for (int late = 0; late < 2; late++) {
            clock_turn(late ? cases[i].bad_s : cases[i].good_s);
            asked_all[0] = '\0';
            bool ok = act(LIST, &err);
            clock_turn(0);
            CHECK_OK(ok, err);
            CHECK_INT(strstr(asked_all, TOKEN) != NULL, late);
        }
    }
}

static void a_token_that_is_no_longer_taken_is_renewed_once(void)
{
    struct error err = {0};
    static const struct script_row rows[] = {
        {.asked = TOKEN, .after = "/TXT/", .status = 200, .answer = A_TOKEN("\"second\"", "\"Bearer\"", "")},
        {.asked = TOKEN, .status = 200, .answer = A_TOKEN("\"first\"", "\"Bearer\"", "")},
        {.asked = "/TXT/", .after = "/TXT/", .status = 404, .answer = FAILURE("NotFound", "no set")},
        {.asked = "/TXT/", .status = 401, .answer = FAILURE("ExpiredAuthenticationToken", "no")},
        {.status = -1},
    };
    CHECK_OK(act_by(rows, "TXT", LIST, &err), err);
    CHECK_INT(asked, 4);
    new_account();
    odd = (struct script_row){"/TXT/", .status = 401, .answer = FAILURE("InvalidAuthenticationToken", "no")};
    CHECK(!act(LIST, &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK_INT(asked, 4);
}

static void zones_are_read_strictly(void)
{
#define ODD(text) \
    { \
        "dnsZones/example.test?", .status = 200, .answer = text \
    }
    static const struct odd_case cases[] = {
        {ZONE_OF, ODD("{\"name\":\"example.test\"}"), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "[]")), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("7", "{}")), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("\"other.test\"", "{}")), ERROR_MALFORMED, "not about zone"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "{\"zoneType\":\"Private\"}")), ERROR_NOT_FOUND,
         "no zone that holds"},
        {CHECK_IT, ODD(A_ZONE("\"example.test\"", "{\"zoneType\":\"Private\"}")), ERROR_NOT_FOUND,
         "no longer has"},
        {ZONE_OF, ODD(A_ZONE("\"example.test\"", "{\"zoneType\":7,\"nameServers\":[7,null]}")), ERROR_NONE,
         NULL},
        {ZONE_OF,
         {"dnsZones/example.test?", .status = 403, .answer = FAILURE("AuthorizationFailed", "no")},
         ERROR_CREDENTIAL,
         "Contributor"},
        {ZONE_OF,
         {"dnsZones/example.test?", .status = 404, .answer = FAILURE("ResourceGroupNotFound", "no")},
         ERROR_MANIFEST,
         "resourceGroupName"},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
}

static void sets_that_could_not_be_put_back_are_not_touched(void)
{
#define ODD(text) \
    { \
        AT_SET, .status = 200, .answer = text \
    }
#define BAD(text) \
    { \
        PRESENT, ODD(text), ERROR_MALFORMED, "could be put back" \
    }
    static const struct odd_case cases[] = {
        BAD("{\"properties\":" RECORDS("") "}"),
        BAD(A_SET("7", RECORDS(""))),
        BAD(A_SET("\"\"", RECORDS(""))),
        BAD(A_SET("\"a\\r\\nX: y\"", RECORDS(""))),
        BAD(A_SET("\"a\\tb\"", RECORDS(""))),
        BAD(A_SET("\"e\"", "{\"TXTRecords\":[]}")),
        BAD(A_SET("\"e\"", "{\"TTL\":\"x\",\"TXTRecords\":[]}")),
        BAD(A_SET("\"e\"", "{\"TTL\":-1,\"TXTRecords\":[]}")),
        BAD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":{}}")),
        BAD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":[7]}")),
        BAD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":[{\"value\":\"x\"}]}")),
        BAD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":[{\"value\":[7]}]}")),
        BAD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":[],\"metadata\":{\"a\":7}}")),
        BAD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":[],\"metadata\":[\"a\"]}")),
        {PRESENT, ODD(A_SET("\"e\"", "{\"TTL\":60,\"metadata\":{\"a\":\"b\"}}")), ERROR_NONE, NULL},
        {PRESENT, ODD(A_SET("\"e\"", "{\"TTL\":60,\"TXTRecords\":null}")), ERROR_NONE, NULL},
    };
#undef BAD
    CHECK_CASES(cases, "TXT");
    struct error err = {0}; /* what hangs on the set comes back with it */
    new_account();
    odd = (struct script_row)ODD(A_SET(
        "\"e\"", "{\"TTL\":77,\"metadata\":{\"a\":\"b\"},\"TXTRecords\":[{\"value\":[\"fo\",\"reign\"]}]}"));
    CHECK_OK(act(PRESENT, &err), err);
    CHECK_TEXT(asked_body, "{\"properties\":{\"metadata\":{\"a\":\"b\"},\"TTL\":77,\"TXTRecords\":[{"
                           "\"value\":[\"fo\",\"reign\"]},"
                           "{\"value\":[\"" VALUE "\"]}]}}");
    new_account();
    odd = (struct script_row)ODD(A_SET("\"e\"", "{\"TTL\":60,\"targetResource\":{\"id\":\"/x\"}}"));
    CHECK(!act(PRESENT, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(strstr(err.message, "alias") != NULL && strstr(asked_all, "PUT ") == NULL);
#undef ODD
}

static void cnames_are_looked_at_before_one_is_placed(void)
{
#define SET_WITH(properties) A_SET("\"e\"", "{\"TTL\":60" properties "}")
    static const struct {
        enum act act;
        const char *answer;
        bool ok;
        const char *written; /* NULL: nothing */
        size_t listed;
    } cases[] = {
        {PRESENT, SET_WITH(",\"CNAMERecord\":{\"cname\":\"OURS-ours-ours.\"}"), true, NULL, 0},
        {PRESENT, SET_WITH(",\"CNAMERecord\":{\"cname\":\"elsewhere.test\"}"), false, NULL, 0},
        {PRESENT, SET_WITH(",\"CNAMERecord\":7"), false, NULL, 0},
        {ABSENT, SET_WITH(",\"CNAMERecord\":{\"cname\":\"" THERE "\"}"), true, "DELETE ", 0},
        {ABSENT, SET_WITH(",\"CNAMERecord\":{\"cname\":\"" THERE "\"},\"targetResource\":{\"id\":\"/x\"}"),
         true, NULL, 0},
        {ABSENT, SET_WITH(""), true, NULL, 0},
        {LIST, SET_WITH(",\"CNAMERecord\":{\"cname\":\"elsewhere.test\"}"), true, NULL, 1},
        {LIST, SET_WITH(""), true, NULL, 0},
    };
#undef SET_WITH
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        values.count = 0;
        challenge.type = "CNAME";
        odd = (struct script_row){"GET https://management.azure.com/", .after = TOKEN, .status = 200,
                                  .answer = cases[i].answer};
        bool ok = act(cases[i].act, &err);
        CHECK_INT(ok, cases[i].ok);
        CHECK(ok || err.kind == ERROR_CONFLICT);
        CHECK(cases[i].written != NULL
                  ? strstr(asked_all, cases[i].written) != NULL
                  : strstr(asked_all, "PUT ") == NULL && strstr(asked_all, "DELETE ") == NULL);
        CHECK_INT(values.count, cases[i].listed);
    }
}

static void a_set_that_changed_meanwhile_is_read_again_and_five_times_are_enough(void)
{
    static const struct {
        const char *read;
        int read_status, write_status, requests; /* beside the token's */
        enum error_kind kind;
    } cases[] = {
        {A_SET("\"e\"", RECORDS(RECORD("foreign") "," RECORD(THERE))), 200, 412, 10, ERROR_CONFLICT},
        {A_SET("\"e\"", RECORDS(RECORD("foreign") "," RECORD(THERE))), 200, 404, 10, ERROR_NOT_FOUND},
        {A_SET("\"e\"", RECORDS(RECORD("foreign") "," RECORD(THERE))), 200, 409, 2, ERROR_CONFLICT},
        {FAILURE("NotFound", "no set"), 404, 412, 10, ERROR_CONFLICT},
        {FAILURE("NotFound", "no set"), 404, 404, 2, ERROR_NOT_FOUND},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (enum act what = PRESENT; what <= (cases[i].read_status == 200 ? ABSENT : PRESENT); what++) {
            struct error err = {0};
            const struct script_row rows[] = {
                well[0],
                {.asked = "PUT ", .status = cases[i].write_status, .answer = FAILURE("X", "no")},
                {.asked = READ, .status = cases[i].read_status, .answer = cases[i].read},
                {.status = -1},
            };
            CHECK(!act_by(rows, "TXT", what, &err));
            CHECK_INT(err.kind, cases[i].kind);
            CHECK_INT(asked, 1 + cases[i].requests);
        }
    }
}

static void a_zone_that_is_gone_is_looked_up_anew(void)
{
    check_looked_up_anew(
        ZONE_OF, LIST,
        (struct script_row){AT_SET, .status = 404, .answer = FAILURE("ParentResourceNotFound", "gone")},
        "dnsZones/example.test?");
}

int main(void)
{
    world_begin(DNS_PROVIDER_AZURE_DNS, well);
    spec.azure_dns.subscription_id = "sub";
    spec.azure_dns.tenant_id = "tenant";
    spec.azure_dns.client_id = "client";
    spec.azure_dns.resource_group_name = "group";
    spec.azure_dns.client_secret_secret_ref = (struct secret_ref){.name = "dns", .key = "password"};
    keep_secret("password", "secret-of-the-test");
    RUN(whatever_is_bad_in_an_answer_is_told);
    RUN(without_its_credentials_nothing_is_asked);
    RUN(tokens_are_read_strictly);
    RUN(a_token_is_kept_for_as_long_as_it_is_good);
    RUN(a_token_that_is_no_longer_taken_is_renewed_once);
    RUN(zones_are_read_strictly);
    RUN(sets_that_could_not_be_put_back_are_not_touched);
    RUN(cnames_are_looked_at_before_one_is_placed);
    RUN(a_set_that_changed_meanwhile_is_read_again_and_five_times_are_enough);
    RUN(a_zone_that_is_gone_is_looked_up_anew);
    return CHECK_REPORT();
}
