/* The vendor's answers where they are odd: each operation with each bad answer, and values that are cut or beyond all bounds. */
#include "sslstore_odd.h"

/* ---- each operation with each bad answer ---- */

enum question { CREDENTIALS, PRICES, BALANCE, APPROVERS, STATUS, ORDERS, DOWNLOAD, RESEND, QUESTIONS };
static const char *const question_names[] = {"check",  "prices", "balance",  "approvers",
                                             "status", "list",   "download", "resend"};

static bool ask(enum question what, struct error *err)
{
    struct price_list prices;
    struct vendor_balance balance;
    struct string_list approvers;
    struct vendor_order order, *orders;
    struct span *files;
    size_t count;
    switch (what) {
    case CREDENTIALS: return ops->check(&ctx, &account, err);
    case PRICES: return ops->prices(&ctx, &account, &prices, err);
    case BALANCE: return ops->balance(&ctx, &account, &balance, err);
    case APPROVERS: return ops->approvers(&ctx, &account, "positivessl", "example.org", &approvers, err);
    case STATUS: return ops->order_status(&ctx, &account, "4567890", "cw1-ours", &order, err);
    case ORDERS: return ops->order_list(&ctx, &account, 0, 0, &orders, &count, err);
    case DOWNLOAD: return ops->order_download(&ctx, &account, "4567890", &files, &count, err);
    default: return ops->order_resend(&ctx, &account, "4567890", NULL, err);
    }
}

static void a_bad_answer_is_told_whoever_hears_of_it(void)
{
    static const struct {
        struct script_row row;
        enum error_kind kind; /* ERROR_NONE: by the question, see below */
    } cases[] = {
        {{.status = 0}, ERROR_UNREACHABLE},
        {{.status = 500, .answer = ""}, ERROR_UNREACHABLE},
        {{.status = 403, .answer = ""}, ERROR_CREDENTIAL},
        {{.status = 429, .answer = "", .retry_after_s = 999999}, ERROR_THROTTLED},
        {{.status = 302, .answer = ""}, ERROR_MALFORMED},
        {{.status = 404, .answer = ""}, ERROR_MALFORMED},
        {{.status = 200, .answer = ""}, ERROR_MALFORMED},
        {{.status = 200, .answer = "\xEF\xBB\xBF \r\n\t"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "<html>"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "7"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"isError\":false,\"ReplayToken\":\"somebody's\"}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"isError\":false,\"isError\":true}"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "[{\"isError\":false,\"CustomOrderID\":1,\"customorderid\":2}]"},
         ERROR_MALFORMED},
        {{.status = 200,
          .answer =
              "{\"isError\":true,\"Message\":[\"ErrorCode:-9008|Message:Token/Authentication Failure\"]}"},
         ERROR_CREDENTIAL},
        {{.status = 200, .answer = "{\"isError\":true,\"Message\":[\"something new\"]}"}, ERROR_NONE},
        {{.status = 200, .answer = "{\"isError\":true}"}, ERROR_NONE},
    };
    static const enum error_kind unknown[QUESTIONS] = {
        [CREDENTIALS] = ERROR_CREDENTIAL, [PRICES] = ERROR_MALFORMED, [BALANCE] = ERROR_MALFORMED,
        [APPROVERS] = ERROR_REFUSED,      [STATUS] = ERROR_MALFORMED, [ORDERS] = ERROR_MALFORMED,
        [DOWNLOAD] = ERROR_MALFORMED,     [RESEND] = ERROR_REFUSED};
    for (enum question what = 0; what < QUESTIONS; what++) {
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            struct error err = {0};
            odd = cases[i].row;
            enum error_kind wanted = cases[i].kind != ERROR_NONE ? cases[i].kind : unknown[what];
            bool ok = ask(what, &err), deaf = ask(what, NULL);
            odd.status = -1;
            if (ok || err.kind != wanted)
                fprintf(stderr, "%s, case %zu: %s %s\n", question_names[what], i, error_kind_name(err.kind),
                        err.message);
            CHECK(!ok && !deaf);
            CHECK_INT(err.kind, wanted);
            CHECK(err.message[0] != '\0');
        }
    }
}

static void what_is_said_to_be_an_order_of_ours_must_be_it(void)
{
    static const struct {
        const char *text;
        enum error_kind kind;
    } cases[] = {
        {"{'isError':false,'TheSSLStoreOrderID':'4567890','CustomOrderID':'cw1-ours'}", ERROR_NONE},
        {"{'isError':false,'TheSSLStoreOrderID':'4567890'}", ERROR_NONE}, /* made at the vendor's page */
        {"{'isError':false,'TheSSLStoreOrderID':'4567891','CustomOrderID':'cw1-ours'}", ERROR_MALFORMED},
        {"{'isError':false,'TheSSLStoreOrderID':'4567890','CustomOrderID':'other'}", ERROR_MALFORMED},
        {"{'isError':false,'TheSSLStoreOrderID':''}", ERROR_NOT_FOUND},
        {"{'isError':false}", ERROR_NOT_FOUND},
        {"[{'isError':false}]", ERROR_MALFORMED},
        {"{'isError':true,'Message':['No order found'],'TheSSLStoreOrderID':'4567890'}", ERROR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        odd = (struct script_row){.status = 200, .answer = json_of(cases[i].text)};
        bool ok = ask(STATUS, &err), deaf = ask(STATUS, NULL);
        odd.status = -1;
        CHECK_INT(err.kind, cases[i].kind);
        CHECK_INT(ok, cases[i].kind == ERROR_NONE);
        CHECK_INT(deaf, ok);
    }
    struct vendor_order order;
    struct error err = {0};
    CHECK(!ops->order_status(&ctx, &account, "", NULL, &order, &err));
    CHECK_INT(err.kind, ERROR_INTERNAL);
}

static void an_order_whose_end_nobody_hears_is_classed_all_the_same(void)
{
    static const struct {
        struct script_row row;
        enum answer_class class;
    } cases[] = {
        {{.status = 0}, ANSWER_UNKNOWN},
        {{.status = 500, .answer = ""}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "[]"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "[{\"isError\":true},{}]"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "[{\"isError\":false},{}]"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "{\"isError\":true,\"PartnerOrderID\":7}"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "{\"isError\":true,\"VendorOrderID\":\"\",\"PartnerOrderID\":\"\"}"},
         ANSWER_REFUSED},
        {{.status = 200, .answer = "{\"isError\":true,\"VendorOrderID\":\"7\"}"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "{\"isError\":true,\"VendorOrderID\":[]}"}, ANSWER_UNKNOWN},
        {{.status = 200,
          .answer = "{\"isError\":false,\"TheSSLStoreOrderID\":\"1\",\"CustomOrderID\":\"cw1-ours\"}"},
         ANSWER_ACCEPTED},
        {{.status = 200,
          .answer = "[{\"isError\":false,\"TheSSLStoreOrderID\":\"1\",\"CustomOrderID\":\"cw1-ours\"}]"},
         ANSWER_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int deaf = 0; deaf < 2; deaf++) {
            struct vendor_order order;
            struct error err = {0};
            const char *evidence = NULL;
            odd = cases[i].row;
            enum answer_class class =
                ops->order_place(&ctx, &account, "{" SSLSTORE_MARK_TOKEN "," SSLSTORE_MARK_REPLAY "}",
                                 "cw1-ours", 0, &order, &evidence, deaf ? NULL : &err);
            odd.status = -1;
            CHECK_INT(class, cases[i].class);
            CHECK(evidence != NULL && *evidence != '\0');
            CHECK(deaf || (err.kind == ERROR_NONE) == (class == ANSWER_ACCEPTED));
        }
    }
}

static void a_list_without_an_end_is_told(void)
{
    AUTO(buffer) struct buffer page = {0};
    struct error err = {0};
    buffer_putc(&page, '[');
    for (int i = 1; i <= 100;
         i++) /* reissues have the number of their order, and one of the partner's of their own */
        buffer_printf(&page, "%s{\"isError\":false,\"TheSSLStoreOrderID\":\"%d\",\"PartnerOrderID\":\"%d\"}",
                      i > 1 ? "," : "", 1 + i / 2, i);
    buffer_putc(&page, ']');
    odd = (struct script_row){.status = 200, .answer = buffer_text(&page)};
    bool ok = ask(ORDERS, &err);
    odd.status = -1;
    buffer_release(&page);
    page = (struct buffer){0};
    CHECK(!ok);
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(strstr(err.message, "page 2") != NULL && strstr(err.message, "repeats") != NULL);
}

/* ---- values ---- */

static void dates_that_are_cut_or_impossible_are_none(void)
{
    static const char *const none[] = {"",
                                       "x",
                                       "7",
                                       "7/",
                                       "7/23",
                                       "7/23/",
                                       "7-23-2026",
                                       "7/x/2026",
                                       "7/23/x",
                                       "x/23/2026",
                                       "13/1/2026",
                                       "0/1/2026",
                                       "2/30/2026",
                                       "2/29/2027",
                                       "2/29/2100",
                                       "1/0/2026",
                                       "1/32/2026",
                                       "4/31/2026",
                                       "1/1/1970",
                                       "1/1/1900 12:00:00 AM",
                                       "1/1/0001",
                                       "7/23/2026 x",
                                       "7/23/2026 1",
                                       "7/23/2026 1-50",
                                       "7/23/2026 1:x",
                                       "7/23/2026 1:50:x",
                                       "7/23/2026 24:00",
                                       "7/23/2026 23:60",
                                       "7/23/2026 23:59:61",
                                       "7/23/2026 13:00 PM",
                                       "7/23/2026 0:10 AM",
                                       "7/23/2026 1:50:20 XM",
                                       "7/23/2026 1:50 AM.",
                                       "2026-07",
                                       "2026-x-23",
                                       "2026-07/23",
                                       "2026-07-x",
                                       "2026-07-23T",
                                       "2026-07-23Tx",
                                       "2026-07-23T10",
                                       "2026-07-23T10:",
                                       "2026-07-23T10:00:00+",
                                       "2026-07-23T10:00:00+02",
                                       "2026-07-23T10:00:00+02:",
                                       "2026-07-23T10:00:00+02:x",
                                       "2026-07-23T10:00:00+02:00x",
                                       "2026-07-23T10:00:00+24:00",
                                       "2026-07-23T10:00:00-02:60",
                                       "2026-07-23T10:00:00ZZ",
                                       "1900-01-01T00:00:00-04:00",
                                       "0001-01-01T00:00:00-12:00",
                                       "2026-13-01-04:00",
                                       "/Date(x)/",
                                       "/Date(-5)/",
                                       "/Date(0)/",
                                       "/Date(1408320000000/",
                                       "/Date(1408320000000)",
                                       "/Date(1408320000000-04)/",
                                       "/Date(1408320000000*0400)/",
                                       "/Date(9999999999999999)/",
                                       "/Date(99999999999999999999999)/"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        if (sslstore_date(none[i]) != 0)
            CHECK_TEXT(none[i], "no date");
    static const struct {
        const char *text;
        int64_t date;
    } some[] = {
        {"2/29/2028", 1835395200},
        {"2/29/2000", 951782400},
        {" 7/23/2026  1:50:20.123  AM ", 0}, /* a blank at the end belongs to nothing */
        {"7/23/2026 12:00:00 AM", 1784764800},
        {"7/23/2026 12:00:00 PM", 1784808000},
        {"7/23/2026 13:05", 1784811900},
        {"2026-07-23", 1784764800},
        {"2026-07-23 10:00:00.123Z", 1784800800},
        {"2026-07-23T10:00:00+0200", 1784793600},
        {"2026-07-23T10:00:00-02:30", 1784809800},
        {"/Date(1408320000000+0400)/", 1408320000},
    };
    for (size_t i = 0; i < COUNT_OF(some); i++)
        CHECK_INT(sslstore_date(some[i].text), some[i].date);
    CHECK_INT(sslstore_date(NULL), 0);
}

static void money_is_digits_or_not_stated(void)
{
    static const struct {
        const char *json;
        int64_t cents;
    } cases[] = {
        {"'1,23'", -1},
        {"'1,2'", -1},
        {"'1,'", -1},
        {"'1,2345'", -1},
        {"',123'", -1},
        {"'1,x23'", -1},
        {"'1,234'", 123400},
        {"'1,234,567.5'", 123456750},
        {"'.5'", -1},
        {"'5.'", 500},
        {"'5.x'", -1},
        {"'5 x'", -1},
        {"' 7.499 '", 750},
        {"'7.4949'", 749},
        {"'9999999999999'", -1},
        {"'-5'", -1},
        {"-5", -1},
        {"1e13", -1},
        {"7.499", 750},
        {"true", -1},
        {"null", -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vendor_order order = order_of(arena_printf(arena, "{'OrderAmount':%s}", cases[i].json));
        if (order.amount_cents != cases[i].cents)
            CHECK_TEXT(cases[i].json, "other cents");
    }
}

static void a_code_in_a_message_is_a_negative_number_alone(void)
{
    static const struct {
        const char *message;
        int code;
        const char *text;
    } cases[] = {
        {"'-9008|Message:  no  '", -9008, "no"},
        {"'-9008 no'", -9008, "no"},
        {"'-9008'", -9008, ""},
        {"'-9008x no'", 0, "-9008x no"},
        {"'- 5 no'", 0, "- 5 no"},
        {"'-1000000|no'", 0, "-1000000|no"},
        {"'ErrorCode: -5| no'", -5, "no"},
        {"'ErrorCode:5|no'", 0, "ErrorCode:5|no"},
        {"['','  ','no']", 0, ""},
        {"['',null,'no']", 0, "no"},
        {"7", 0, ""},
        {"[]", 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK_OK(reads(arena_printf(arena, "{'isError':true,'Message':%s}", cases[i].message), &err), err);
        CHECK_INT(answer.code, cases[i].code);
        CHECK_TEXT(answer.message, cases[i].text);
    }
}

static void lists_are_taken_for_what_they_hold(void)
{
    struct error err = {0};
    struct price_list prices;
    struct string_list approvers;
    struct vendor_balance balance;
    struct span *files;
    size_t count;
    CHECK_OK(reads("[{'PricingInfo':[{'NumberOfMonths':12}]},{'ProductCode':'a','PricingInfo':{}},"
                   "{'ProductCode':'b','PricingInfo':[7,{'NumberOfMonths':0},{'NumberOfMonths':12,'"
                   "NumberOfServer':99999999,'Price':'x'}]}]",
                   &err),
             err);
    CHECK_OK(sslstore_read_prices(&answer, arena, &prices, &err), err);
    CHECK_INT(prices.count, 1);
    CHECK_INT(prices.items[0].servers, -1);
    CHECK_INT(prices.items[0].price_cents, -1);
    CHECK_OK(reads("{'isError':false,'ApproverEmailList':[7,'no-address','adminx@example.org','admin@evil."
                   "test','Admin@Example.org',"
                   "'admin@example.org','hostmaster@org']}",
                   &err),
             err);
    sslstore_read_approvers(&answer, "*.example.org", arena, &approvers);
    CHECK_TEXT(string_list_join(arena, &approvers, " "), "admin@example.org");
    CHECK_OK(reads("{'isError':false,'ApproverEmailList':['admin@co.uk','admin@uk']}", &err), err);
    sslstore_read_approvers(&answer, "co.uk", arena, &approvers); /* nobody has registered it: itself alone */
    CHECK_TEXT(string_list_join(arena, &approvers, " "), "admin@co.uk");
    CHECK_OK(reads("{'isError':false,'ApproverEmailList':'admin@example.org'}", &err), err);
    sslstore_read_approvers(&answer, "example.org", arena, &approvers);
    CHECK_INT(approvers.count, 0);
    CHECK_OK(reads("[{},{}]", &err), err);
    sslstore_read_approvers(&answer, "example.org", arena, &approvers);
    CHECK_INT(approvers.count, 0);
    CHECK(!sslstore_read_balance(&answer, arena, &balance, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(!sslstore_read_files(&answer, "1", arena, &files, &count, &err));
    CHECK_OK(reads("{'isError':false,'Certificates':7}", &err), err);
    CHECK_OK(sslstore_read_files(&answer, "1", arena, &files, &count, &err), err);
    CHECK_INT(count, 0);
    CHECK_OK(reads("{'Certificates':[7,{'FileContent':7},{'FileContent':'PEM'}]}", &err), err);
    CHECK_OK(sslstore_read_files(&answer, "1", arena, &files, &count, &err), err);
    CHECK_INT(count, 1);
    struct buffer many = {0};
    buffer_puts(&many, "{'Certificates':[{'FileContent':'x'}");
    for (int i = 0; i < 64; i++)
        buffer_puts(&many, ",{'FileContent':'x'}");
    buffer_puts(&many, "]}");
    const char *text = arena_strdup(arena, buffer_text(&many));
    buffer_release(&many);
    CHECK_OK(reads(text, &err), err);
    CHECK(!sslstore_read_files(&answer, "1", arena, &files, &count, &err));
    CHECK(strstr(err.message, "more than 64") != NULL);
}

int main(void)
{
    vendor_begin();
    RUN(a_bad_answer_is_told_whoever_hears_of_it);
    RUN(what_is_said_to_be_an_order_of_ours_must_be_it);
    RUN(an_order_whose_end_nobody_hears_is_classed_all_the_same);
    RUN(a_list_without_an_end_is_told);
    RUN(dates_that_are_cut_or_impossible_are_none);
    RUN(money_is_digits_or_not_stated);
    RUN(a_code_in_a_message_is_a_negative_number_alone);
    RUN(lists_are_taken_for_what_they_hold);
    vendor_end();
    return CHECK_REPORT();
}
