/* What a script of the operator's may answer beside what docs/dns/exec.md asks for, and what is made of
 * it. */
#include "dns_service_world.h"

#include "reconcilers/dns/script.h"

#define IS_ZONE "\"operation\":\"zone\""
#define IS_LIST "\"operation\":\"list\""
#define IS_PRESENT "\"operation\":\"present\""
#define IS_ABSENT "\"operation\":\"absent\""
#define RECORDS(items) "{\"ok\":true,\"records\":[" items "]}"
#define TXT(value) "{\"type\":\"TXT\",\"value\":\"" value "\"}"

static const struct script_row well[] = {
    {.body = IS_ZONE, .status = 200, .answer = "{\"ok\":true,\"found\":true}"},
    {.body = IS_LIST, .after = IS_ABSENT, .status = 200, .answer = RECORDS(TXT("foreign"))},
    {.body = IS_LIST,
     .status = 200,
     .answer = RECORDS(TXT(THERE) "," TXT("foreign") ",{\"type\":\"A\",\"ttl\":5}")},
    {.body = IS_PRESENT, .status = 200, .answer = "{\"ok\":true}"},
    {.body = IS_ABSENT, .status = 200, .answer = " {\"ok\":true}\n"},
    {.status = -1},
};

static void whatever_is_bad_in_an_answer_is_told(void)
{
    static const struct trouble troubles[] = {
        TROUBLES_OF_ANY_SERVICE,
        {{.status = 429, .answer = "busy", .retry_after_s = 5}, ERROR_THROTTLED},
        {{.status = 403, .answer = ""}, ERROR_CREDENTIAL},
        {{.status = 405, .answer = ""}, ERROR_CONFIG},
        {{.status = 201, .answer = "{\"ok\":true}"}, ERROR_MALFORMED}, /* 200 is the word */
        {{.status = 200, .answer = " \r\n\t"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":true"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "[]"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":1}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":true,\"\":1}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":true,\"extra\":1}"}, ERROR_MALFORMED},
        {{.status = 500, .answer = "{\"ok\":false,\"error\":\"refused\",\"message\":\"why\"}"},
         ERROR_REFUSED},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"conflict\",\"message\":null}"}, ERROR_CONFLICT},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"throttled\",\"retryAfter\":99999999}"},
         ERROR_THROTTLED},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"notFound\"}"}, ERROR_NOT_FOUND},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"refused\",\"found\":true}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"refused\",\"message\":[]}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"refused\",\"retryAfter\":1.5}"},
         ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"refused\",\"retryAfter\":-1}"},
         ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":false,\"error\":\"refused\",\"retryAfter\":\"5\"}"},
         ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"ok\":false}"}, ERROR_MALFORMED},
    };
    static const struct bearable none[] = {{NULL, ERROR_NONE}};
    any_request_may_meet_trouble("TXT", troubles, COUNT_OF(troubles), none);
}

static void the_time_to_come_again_is_the_scripts_or_the_headers_and_bounded(void)
{
    static const struct {
        struct script_row row;
        int64_t least, most;
    } cases[] = {
        {{.body = IS_LIST,
          .status = 200,
          .answer = "{\"ok\":false,\"error\":\"throttled\",\"retryAfter\":40}",
          .retry_after_s = 90},
         37,
         40},
        {{.body = IS_LIST,
          .status = 200,
          .answer = "{\"ok\":false,\"error\":\"throttled\"}",
          .retry_after_s = 90},
         87,
         90},
        {{.body = IS_LIST,
          .status = 200,
          .answer = "{\"ok\":false,\"error\":\"throttled\",\"retryAfter\":99999999}"},
         60,
         7 * 86400},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        new_account();
        odd = cases[i].row;
        CHECK(!act(LIST, &err));
        int64_t wait = err.retry_at - clock_now();
        CHECK(wait >= cases[i].least && wait <= cases[i].most);
    }
}

static void zones_and_records_are_read_strictly(void)
{
#define ODD_ZONE(text) \
    { \
        .body = IS_ZONE, .status = 200, .answer = text \
    }
#define ODD_LIST(text) \
    { \
        .body = IS_LIST, .status = 200, .answer = text \
    }
    static const struct odd_case cases[] = {
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":1}"), ERROR_MALFORMED, "found"},
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":true,\"nameservers\":{}}"), ERROR_MALFORMED,
         "nameservers"},
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":true,\"nameservers\":[7]}"), ERROR_MALFORMED, "no name"},
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":true,\"nameservers\":[\"*.test\"]}"), ERROR_MALFORMED,
         "no name"},
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":true,\"nameservers\":[\"\"]}"), ERROR_MALFORMED,
         "no name"},
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":true,\"nameservers\":null}"), ERROR_NONE, NULL},
        {ZONE_OF, ODD_ZONE("{\"ok\":true,\"found\":false}"), ERROR_NOT_FOUND, "no zone that holds"},
        {CHECK_IT, ODD_ZONE("{\"ok\":true,\"found\":false}"), ERROR_NOT_FOUND, "no longer has"},
        {CHECK_IT, ODD_ZONE("{\"ok\":false,\"error\":\"credential\"}"), ERROR_CREDENTIAL, "expired"},
        {LIST, ODD_LIST("{\"ok\":true,\"records\":{}}"), ERROR_MALFORMED, "records"},
        {LIST, ODD_LIST(RECORDS("7")), ERROR_MALFORMED, "type"},
        {LIST, ODD_LIST(RECORDS("{\"type\":\"\",\"value\":\"x\"}")), ERROR_MALFORMED, "type"},
        {LIST,
         ODD_LIST(
             RECORDS("{\"type\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ\",\"value\":\"x\"}")),
         ERROR_MALFORMED, "type"},
        {LIST, ODD_LIST(RECORDS("{\"type\":\"CNAME\"}")), ERROR_MALFORMED, "value"},
        {LIST, ODD_LIST(RECORDS("{\"type\":\"CNAME\",\"value\":null}")), ERROR_MALFORMED, "value"},
        {LIST, ODD_LIST(RECORDS("{\"type\":\"A\",\"value\":7}")), ERROR_MALFORMED, "value"},
        {LIST, ODD_LIST(RECORDS("{\"type\":\"A\",\"value\":null}")), ERROR_NONE, NULL},
        {LIST, ODD_LIST(RECORDS("{\"type\":\"TXT\",\"value\":\"x\",\"name\":\"y\"}")), ERROR_MALFORMED,
         "does not belong"},
        {ABSENT,
         {.body = IS_LIST, .status = 200, .answer = RECORDS(TXT(THERE))},
         ERROR_UNREACHABLE,
         "still lists it"},
    };
#undef ODD_ZONE
#undef ODD_LIST
    CHECK_CASES(cases, "TXT");
    AUTO(buffer) struct buffer many = {0};
    buffer_puts(&many, "{\"ok\":true,\"records\":[" TXT("x"));
    for (int i = 0; i < 20000; i++)
        buffer_puts(&many, "," TXT("x"));
    buffer_puts(&many, "]}");
    struct error err = {0};
    new_account();
    odd = (struct script_row){.body = IS_LIST, .status = 200, .answer = buffer_text(&many)};
    bool listed = act(LIST, &err);
    buffer_clear(&many);
    buffer_puts(&many, "{\"ok\":true,\"records\":[{\"type\":\"TXT\",\"value\":\"");
    for (int i = 0; i < 70000; i++)
        buffer_putc(&many, 'x');
    buffer_puts(&many, "\"}]}");
    odd.answer = buffer_text(&many);
    bool long_one = act(LIST, NULL);
    buffer_release(&many);
    many = (struct buffer){0};
    CHECK(!listed && err.kind == ERROR_MALFORMED && strstr(err.message, "at most") != NULL);
    CHECK(!long_one);
}

static void what_keeps_a_record_away_is_named(void)
{
    static const struct {
        const char *type, *answer, *says;
    } cases[] = {
        {"TXT", RECORDS("{\"type\":\"CNAME\",\"value\":\"elsewhere.test\"}"), "elsewhere.test"},
        {"CNAME", RECORDS("{\"type\":\"CNAME\",\"value\":\"elsewhere.test\"}"), "elsewhere.test"},
        {"CNAME", RECORDS("{\"type\":\"A\"}"), "other records"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_kept_away(cases[i].type,
                        (struct script_row){.body = IS_LIST, .status = 200, .answer = cases[i].answer},
                        cases[i].says, IS_PRESENT);
}

static void without_its_key_or_its_entry_nothing_is_asked(void)
{
    without_credential_nobody_is_asked("key");
    for (enum act what = 0; what < APPLIED; what++) {
        struct error err = {0};
        new_account();
        spec.webhook.endpoint = "another";
        bool ok = act(what, &err), deaf = act(what, NULL);
        spec.webhook.endpoint = "hook";
        CHECK(!ok && !deaf && asked == 0);
        CHECK_INT(err.kind, ERROR_CONFIG);
        CHECK(strstr(err.message, "\"another\"") != NULL && strstr(err.message, account.name) != NULL);
    }
}

static void a_zone_that_is_gone_is_looked_up_anew(void)
{
    check_looked_up_anew(
        ZONE_OF, PRESENT,
        (struct script_row){
            .body = IS_LIST, .status = 200, .answer = "{\"ok\":false,\"error\":\"notFound\"}"},
        IS_ZONE);
}

int main(void)
{
    static struct dns_helper hook = {.name = "hook", .url = "https://hook.test/dns", .timeout_s = 5};
    world_begin(DNS_PROVIDER_WEBHOOK, well);
    static const char *all[] = {"default"};
    hook.namespaces = (struct string_list){all, 1};
    config.dns_webhooks = &hook;
    config.dns_webhook_count = 1;
    spec.webhook.endpoint = "hook";
    spec.webhook.key_secret_ref = (struct secret_ref){.name = "dns", .key = "key"};
    keep_secret("key", "secret-of-the-test");
    RUN(whatever_is_bad_in_an_answer_is_told);
    RUN(the_time_to_come_again_is_the_scripts_or_the_headers_and_bounded);
    RUN(zones_and_records_are_read_strictly);
    RUN(what_keeps_a_record_away_is_named);
    RUN(without_its_key_or_its_entry_nothing_is_asked);
    RUN(a_zone_that_is_gone_is_looked_up_anew);
    return CHECK_REPORT();
}
