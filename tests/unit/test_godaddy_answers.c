/* What GoDaddy may answer beside what it should, and what is made of it (dns-providers.md 6). */
#include "dns_service_world.h"

#define ABOUT "/records/NS"
#define READ "GET https://api.godaddy.com/v1/domains/example.test/records/TXT"
#define READ_CNAME "/records/CNAME"
#define ADD "PATCH "
#define REPLACE "PUT "
#define REMOVE "DELETE "
#define A_RECORD(name, data) "{\"type\":\"TXT\",\"name\":" name ",\"data\":" data ",\"ttl\":600}"
#define HERE(value) A_RECORD("\"_acme-challenge\"", "\"" value "\"")
#define FAILURE(code, words, more) "{\"code\":\"" code "\",\"message\":\"" words "\"" more "}"

static const struct script_row well[] = {
    {.asked = ABOUT, .status = 200, .answer = "[]"},
    {.asked = ADD, .status = 200, .answer = ""},
    {.asked = REPLACE, .status = 200, .answer = ""},
    {.asked = REMOVE, .status = 204, .answer = ""},
    {.asked = READ, .after = REPLACE, .status = 200, .answer = "[" HERE("foreign") "]"},
    {.asked = READ, .after = REMOVE, .status = 200, .answer = "[]"},
    {.asked = READ,
     .after = ADD,
     .status = 200,
     .answer = "[" HERE(VALUE) "," HERE(THERE) "," HERE("foreign") "]"},
    {.asked = READ, .status = 200, .answer = "[" HERE(THERE) "," HERE("foreign") "," HERE(" ") "]"},
    {.asked = READ_CNAME, .after = ADD, .status = 200, .answer = "[" HERE(VALUE) "]"},
    {.asked = READ_CNAME, .status = 200, .answer = "[]"},
    {.status = -1},
};

static void whatever_is_bad_in_an_answer_is_told(void)
{
    static const struct trouble troubles[] = {
        TROUBLES_OF_ANY_SERVICE,
        {{.status = 400, .answer = FAILURE("INVALID_VALUE", "no", "")}, ERROR_REFUSED},
        {{.status = 409, .answer = FAILURE("X", "no", "")}, ERROR_REFUSED},
        {{.status = 404, .answer = FAILURE("UNKNOWN_DOMAIN", "no", "")}, ERROR_NOT_FOUND},
        {{.status = 401, .answer = "[]"}, ERROR_CREDENTIAL},
        {{.status = 302, .answer = ""}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "[7]"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "[" A_RECORD("\"x\"", "7") "]"}, ERROR_MALFORMED},
    };
    static const struct bearable bearable[] = {
        /* a write has no body: what came instead is looked at by reading again */
        {ADD, ERROR_MALFORMED},
        {REPLACE, ERROR_MALFORMED},
        {NULL, ERROR_NONE}};
    any_request_may_meet_trouble("TXT", troubles, COUNT_OF(troubles), bearable);
    any_request_may_meet_trouble("CNAME", troubles, COUNT_OF(troubles), bearable);
}

static void without_its_credentials_nothing_is_asked(void)
{
    without_credential_nobody_is_asked("key");
    without_credential_nobody_is_asked("password");
}

static void domains_are_read_strictly(void)
{
#define ODD(number, text) \
    { \
        ABOUT, .status = number, .answer = text \
    }
    static const struct odd_case cases[] = {
        {ZONE_OF, ODD(404, ""), ERROR_NOT_FOUND, "no zone that holds"},
        {ZONE_OF, ODD(422, ""), ERROR_NOT_FOUND, "no zone that holds"},
        {CHECK_IT, ODD(404, ""), ERROR_NOT_FOUND, "no longer has"},
        {ZONE_OF, ODD(403, FAILURE("ACCESS_DENIED", "no", "")), ERROR_CREDENTIAL, "10 or more"},
        {ZONE_OF, ODD(200, "{\"data\":[]}"), ERROR_MALFORMED, "no list"},
        {ZONE_OF,
         ODD(200, "[{\"name\":7,\"data\":\"ns.test\"},{\"name\":\"@\"},{\"name\":\"@\",\"data\":\"\"}]"),
         ERROR_NONE, NULL},
    };
#undef ODD
    CHECK_CASES(cases, "TXT");
}

static void odd_sets_are_read_for_what_they_are(void)
{
    struct error err = {0};
    new_account(); /* no data, none, blank; a time to live of no use */
    odd = (struct script_row){READ, .status = 200,
                              .answer = "[{\"name\":\"x\"},{\"data\":null},{\"data\":\"   "
                                        "\"},{\"data\":\"good\",\"ttl\":-5},{\"data\":\"" THERE
                                        "\",\"ttl\":\"x\"}]"};
    CHECK_OK(act(LIST, &err), err);
    CHECK_INT(values.count, 2);
    CHECK_TEXT(values.items[0], "good");
    odd_at = 1;
    asked = 0;
    static const struct script_row rows[] = {
        {.asked = REPLACE, .body = "[{\"data\":\"good\",\"ttl\":600}]", .status = 200, .answer = ""},
        {.asked = READ, .status = 200, .answer = "[{\"data\":\"good\"}]"},
        {.status = -1},
    };
    script = rows;
    bool ok = act(ABSENT, &err);
    script = well;
    CHECK_OK(ok, err);
}

static void what_is_added_is_looked_at_again(void)
{
    static const struct odd_case cases[] = {
        {PRESENT, {READ, .status = 200, .answer = "[]"}, ERROR_UNREACHABLE, "does not list it yet"},
        {PRESENT,
         {READ, .status = 200, .answer = "[" HERE("other") "," HERE("  ") "]"},
         ERROR_REFUSED,
         "Domain Protection"},
        {PRESENT, {ADD, .status = 422, .answer = FAILURE("DUPLICATE_RECORD", "", "")}, ERROR_NONE, NULL},
    };
    /* These name the record, and the account in front where the service's words are handed on. */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = cases[i].row;
        bool ok = act(PRESENT, &err);
        CHECK_INT(ok, cases[i].kind == ERROR_NONE);
        CHECK(ok || (err.kind == cases[i].kind && strstr(err.message, cases[i].says) != NULL &&
                     strstr(err.message, NAME) != NULL));
        new_account();
        odd = cases[i].row;
        CHECK_INT(act(PRESENT, NULL), ok);
    }
}

static void a_refusal_is_a_conflict_when_a_cname_stands_there(void)
{
    static const char no[] = FAILURE("UNPROCESSABLE", "no", "");
    static const struct {
        const char *type, *answer, *cnames;
        int cname_status;
        enum error_kind kind;
        const char *says;
    } cases[] = {
        {"TXT", no, "[" HERE("elsewhere.test") "]", 200, ERROR_CONFLICT, "elsewhere.test"},
        {"TXT", no, "[]", 200, ERROR_REFUSED, "no (HTTP 422"},
        {"TXT", no, "", 500, ERROR_REFUSED, "no (HTTP 422"},
        {"TXT", FAILURE("INVALID_BODY", "bad", ""), "[" HERE("elsewhere.test") "]", 200, ERROR_REFUSED,
         "bad"},
        {"CNAME", no, "[]", 200, ERROR_CONFLICT, "other records"},
        {"CNAME", no, "[" HERE("elsewhere.test") "]", 200, ERROR_CONFLICT, "elsewhere.test"},
        {"CNAME", FAILURE("INVALID_BODY", "bad", ""), "[]", 200, ERROR_REFUSED, "bad"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        const struct script_row rows[] = {
            {.asked = READ_CNAME, .status = cases[i].cname_status, .answer = cases[i].cnames},
            {.asked = ADD, .status = 422, .answer = cases[i].answer},
            {.status = -1},
        };
        CHECK(!act_by(rows, cases[i].type, PRESENT, &err));
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(strstr(err.message, cases[i].says) != NULL);
    }
    struct error err = {0}; /* ours is there: nothing is written */
    new_account();
    challenge.type = "CNAME";
    odd = (struct script_row){READ_CNAME, .status = 200, .answer = "[" HERE("OURS-ours-ours.") "]"};
    CHECK_OK(act(PRESENT, &err), err);
    CHECK(strstr(asked_all, ADD) == NULL);
}

static void what_a_replacement_lost_is_put_back(void)
{
    static const struct {
        const char *after; /* what is listed when the set was written */
        int add_status;
        bool ok, put_back;
    } cases[] = {
        {"[" HERE("foreign") "]", 200, true, false},
        {"[" HERE("newcomer") "]", 200, true, true},
        {"[" HERE("newcomer") "]", 500, false, true},
        {"[" HERE("foreign") "," HERE(THERE) "]", 200, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        const struct script_row rows[] = {
            {.asked = ADD, .body = "foreign", .status = cases[i].add_status, .answer = ""},
            {.asked = READ, .after = REPLACE, .status = 200, .answer = cases[i].after},
            {.asked = READ, .status = 200, .answer = "[" HERE(THERE) "," HERE("foreign") "]"},
            {.asked = REPLACE, .status = 200, .answer = ""},
            {.status = -1},
        };
        bool ok = act_by(rows, "TXT", ABSENT, &err);
        CHECK_INT(ok, cases[i].ok);
        CHECK_INT(strstr(asked_all, ADD) != NULL, cases[i].put_back);
        CHECK(ok || err.kind == ERROR_UNREACHABLE);
    }
}

/* dns-providers.md 6.2: a time to live below 600 gives 422; others' may be from a time when it did not. */
static void a_short_life_of_others_does_not_keep_ours_there(void)
{
#define LOW(value) "{\"name\":\"_acme-challenge\",\"data\":\"" value "\",\"ttl\":300}"
#define TOO_SHORT FAILURE("INVALID_BODY", "no", ",\"fields\":[{\"path\":\"records[0].ttl\",\"message\":\"is too short\"}]")
    static const struct {
        const char *listed;
        int status, raised_status; /* of the replacement as it was read, and with lives that are raised */
        int puts;
        enum error_kind kind;
    } cases[] = {
        {"[" HERE(THERE) "," LOW("foreign") "]", 200, 200, 1, ERROR_NONE},
        {"[" HERE(THERE) "," LOW("foreign") "]", 422, 200, 2, ERROR_NONE},
        {"[" HERE(THERE) "," LOW("foreign") "]", 422, 422, 2, ERROR_REFUSED},
        {"[" HERE(THERE) "," LOW("foreign") "]", 500, 200, 1, ERROR_UNREACHABLE},
        {"[" LOW(THERE) "," HERE("foreign") "]", 422, 422, 1, ERROR_REFUSED}, /* nothing to raise */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        const struct script_row rows[] = {
            {.asked = REPLACE, .body = "\"ttl\":300", .status = cases[i].status, .answer = TOO_SHORT},
            {.asked = REPLACE, .body = "[{\"data\":\"foreign\",\"ttl\":600}]", .status = cases[i].raised_status,
             .answer = TOO_SHORT},
            {.asked = READ, .after = REPLACE, .status = 200, .answer = "[" HERE("foreign") "]"},
            {.asked = READ, .status = 200, .answer = cases[i].listed},
            {.status = -1},
        };
        bool ok = act_by(rows, "TXT", ABSENT, &err);
        CHECK_INT(ok, cases[i].kind == ERROR_NONE);
        CHECK(ok || (err.kind == cases[i].kind && strstr(err.message, NAME) != NULL));
        int puts = 0;
        for (const char *at = asked_all; (at = strstr(at, REPLACE)) != NULL; at++)
            puts++;
        CHECK_INT(puts, cases[i].puts);
    }
    /* what is put back is added, so its life must be long enough */
    struct error err = {0};
    const struct script_row rows[] = {
        {.asked = ADD, .body = "\"ttl\":600", .status = 200, .answer = ""},
        {.asked = READ, .after = REPLACE, .status = 200, .answer = "[]"},
        {.asked = READ, .status = 200, .answer = "[" HERE(THERE) "," LOW("foreign") "]"},
        {.asked = REPLACE, .status = 200, .answer = ""},
        {.status = -1},
    };
    CHECK_OK(act_by(rows, "TXT", ABSENT, &err), err);
    CHECK(strstr(asked_all, ADD) != NULL);
}

static void the_last_value_is_removed_with_its_set(void)
{
    static const struct {
        int status;
        bool ok;
    } cases[] = {{204, true}, {404, true}, {500, false}, {0, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        const struct script_row rows[] = {
            {.asked = REMOVE, .status = cases[i].status, .answer = ""},
            {.asked = READ, .status = 200, .answer = "[" HERE(THERE) "]"},
            {.status = -1},
        };
        bool ok = act_by(rows, "TXT", ABSENT, &err);
        CHECK_INT(ok, cases[i].ok);
        CHECK(ok || err.kind == ERROR_UNREACHABLE);
    }
}

static void the_services_words_and_its_time_are_kept(void)
{
    static const struct {
        const char *answer, *says;
        int64_t header, wait;
    } cases[] = {
        {FAILURE("TOO_MANY_REQUESTS", "slow down", ",\"retryAfterSec\":40"), "slow down", 0, 40},
        {FAILURE("TOO_MANY_REQUESTS", "slow down", ",\"retryAfterSec\":40"), "slow down", 90, 90},
        {FAILURE("TOO_MANY_REQUESTS", "slow down", ",\"retryAfterSec\":-1"), "slow down", 0, 60},
        {FAILURE("TOO_MANY_REQUESTS", "slow down", ",\"retryAfterSec\":\"soon\""), "slow down", 0, 60},
        {FAILURE("QUOTA_EXCEEDED", "no more", ""), "quota", 0, 6 * 3600},
        {FAILURE("X", "bad", ",\"fields\":[{\"path\":\"records[0]\",\"message\":\"is too long\"}]"),
         "bad: records[0] is too long", 0, 60},
        {FAILURE("X", "bad", ",\"fields\":[{\"path\":\"records[0]\"}]"), "bad: records[0] (", 0, 60},
        {FAILURE("X", "bad", ",\"fields\":[{\"message\":\"is too long\"}]"), "bad (", 0, 60},
        {"{\"fields\":[{\"path\":\"p\"}]}", ": p (", 0, 60},
        {FAILURE("X", "bad", ",\"retryAfterSec\":999999999"), "bad", 0, 86400},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = (struct script_row){ABOUT, .status = 429, .answer = cases[i].answer,
                                  .retry_after_s = cases[i].header};
        CHECK(!act(ZONE_OF, &err));
        CHECK_INT(err.kind, ERROR_THROTTLED);
        CHECK(strstr(err.message, cases[i].says) != NULL);
        int64_t wait = err.retry_at - clock_now();
        CHECK(wait <= cases[i].wait && wait >= cases[i].wait - 3);
    }
}

static void a_domain_that_is_gone_is_looked_up_anew(void)
{
    check_looked_up_anew(
        ZONE_OF, PRESENT,
        (struct script_row){ADD, .status = 404, .answer = FAILURE("NOT_FOUND", "gone", "")}, ABOUT);
}

int main(void)
{
    world_begin(DNS_PROVIDER_GODADDY, well);
    spec.godaddy.api_key_secret_ref = (struct secret_ref){.name = "dns", .key = "key"};
    spec.godaddy.api_secret_secret_ref = (struct secret_ref){.name = "dns", .key = "password"};
    keep_secret("key", "key-of-the-test");
    keep_secret("password", "secret-of-the-test");
    RUN(whatever_is_bad_in_an_answer_is_told);
    RUN(without_its_credentials_nothing_is_asked);
    RUN(domains_are_read_strictly);
    RUN(odd_sets_are_read_for_what_they_are);
    RUN(what_is_added_is_looked_at_again);
    RUN(a_refusal_is_a_conflict_when_a_cname_stands_there);
    RUN(what_a_replacement_lost_is_put_back);
    RUN(a_short_life_of_others_does_not_keep_ours_there);
    RUN(the_last_value_is_removed_with_its_set);
    RUN(the_services_words_and_its_time_are_kept);
    RUN(a_domain_that_is_gone_is_looked_up_anew);
    return CHECK_REPORT();
}
