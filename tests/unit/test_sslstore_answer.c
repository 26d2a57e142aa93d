/* The envelope, plain values and lists in every odd form that sslstore-api.md tells of (3.2, 3.3, 4, 7, 12,
 * 16). */
#include "reconcilers/issuer/sslstore/sslstore.h"

#include "base/arena.h"
#include "base/json.h"
#include "check.h"

static struct arena *arena;
static struct error err;
static struct answer answer;

/* Texts are written with ' in place of ". */
static const char *json_of(const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static bool reads(const char *text)
{
    const char *json = json_of(text);
    answer_release(&answer);
    err = (struct error){0};
    return answer_read(json, strlen(json), arena, &answer, &err);
}

/* ---- envelope ---- */

static void is_error_is_found_in_four_shapes(void)
{
    static const struct {
        const char *text;
        bool said, is_error, list;
    } cases[] = {
        {"{'AuthResponse':{'isError':true,'Message':['no']}}", true, true, false},
        {"{'AuthResponse':{'isError':false,'Message':null},'TheSSLStoreOrderID':'1'}", true, false, false},
        {"{'isError':true,'Message':['no']}", true, true, false},
        {"{'isError':false,'Message':null,'ReplayToken':'r'}", true, false, false},
        {"[{'AuthResponse':{'isError':true,'Message':['no']}}]", true, true, true},
        {"[{'AuthResponse':{'isError':false}},{'AuthResponse':null},{}]", true, false, true},
        {"[{'AuthResponse':null},{'AuthResponse':{'isError':true}}]", true, true, true},
        {"[]", false, false, true},
        {"{'Orders':[]}", false, false, false},
        {"{'authresponse':{'IsError':'True'}}", true, true, false},
        {"{'AuthResponse':{'isError':'false'}}", true, false, false},
        {"{'AuthResponse':{'isError':null}}", false, false, false},
        {"{'AuthResponse':{'isError':true},'isError':true}", true, true, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_OK(reads(cases[i].text), err);
        CHECK_INT(answer.said, cases[i].said);
        CHECK_INT(answer.is_error, cases[i].is_error);
        CHECK_INT(answer.list != NULL, cases[i].list);
    }
}

static void doubt_is_malformed(void)
{
    static const char *const texts[] = {
        "",
        "   ",
        "null",
        "true",
        "12",
        "'OK'",
        "[1]",
        "[null]",
        "[[]]",
        "{",
        "{'isError':false",
        "{'isError':false}x",
        "<html><body>Service Unavailable</body></html>",
        "\n\n <!DOCTYPE html>",
        "{'AuthResponse':{'isError':'maybe'}}",
        "{'AuthResponse':{'isError':0}}",
        "{'isError':false,'IsError':true}",
        "{'isError':false,'isError':false}",
        "{'AuthResponse':{'isError':false},'isError':true}",
        "{'AuthResponse':{},'authResponse':{}}",
        "{'TheSSLStoreOrderID':'1','thesslstoreorderid':'2'}",
        "{'CustomOrderID':'a','CustomOrderId':'b'}",
        "[{'AuthResponse':{'isError':false}},7]",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (reads(texts[i]))
            CHECK_TEXT(texts[i], "malformed");
        CHECK_INT(err.kind, ERROR_MALFORMED);
    }
    CHECK(!reads("<html>"));
    CHECK_TEXT(err.message, "the vendor answered with a page instead of data");
    CHECK(!reads("\xEF\xBB\xBF<html>"));
    CHECK_TEXT(err.message, "the vendor answered with a page instead of data");
}

static void a_byte_order_mark_is_skipped(void)
{
    CHECK_OK(reads("\xEF\xBB\xBF{'isError':false}"), err);
    CHECK(answer.said);
}

static void messages_come_in_many_forms(void)
{
    static const struct {
        const char *message;
        int code;
        const char *text;
    } cases[] = {
        {"['ErrorCode:-9008|Message:Token/Authentication Failure']", -9008, "Token/Authentication Failure"},
        {"'ErrorCode:-9009|Message:Vendor returns error: no'", -9009, "Vendor returns error: no"},
        {"['-9008 Token/Authentication Failure']", -9008, "Token/Authentication Failure"},
        {"['just words']", 0, "just words"},
        {"'just words'", 0, "just words"},
        {"[null,'','second']", 0, "second"},
        {"[]", 0, ""},
        {"null", 0, ""},
        {"7", 0, ""},
        {"['ErrorCode:-77']", -77, ""},
        {"['- not a code']", 0, "- not a code"},
        {"['-99999999999999999999 huge']", 0, "-99999999999999999999 huge"},
        {"['a\\u001b[31mred\\u202ed']", 0, "a\xEF\xBF\xBD[31mred\xEF\xBF\xBD" "d"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_OK(reads(arena_printf(arena, "{'isError':true,'Message':%s}", cases[i].message)), err);
        CHECK_INT(answer.code, cases[i].code);
        CHECK_TEXT(answer.message, cases[i].text);
    }
}

static void texts_become_kinds(void)
{
    static const struct {
        const char *message;
        enum error_kind reading, ordering;
    } cases[] = {
        {"ErrorCode:-9008|Message:Token/Authentication Failure", ERROR_CREDENTIAL, ERROR_CREDENTIAL},
        {"-9008 Token/Authentication Failure", ERROR_CREDENTIAL, ERROR_CREDENTIAL},
        {"Authentication failed", ERROR_CREDENTIAL, ERROR_CREDENTIAL},
        {"ErrorCode:-9009|Message:Vendor returns error: csr_invalid", ERROR_REFUSED, ERROR_REFUSED},
        {"Failed to parse CSR. Generate CSR as valid Base-64 data", ERROR_REFUSED, ERROR_REFUSED},
        {"The CSR cannot be decoded!", ERROR_REFUSED, ERROR_REFUSED},
        {"ErrorCode:-9009|Message:Vendor returns error: apprepcountryname is invalid", ERROR_REFUSED,
         ERROR_MANIFEST},
        {"ErrorCode:-9009|Message:Vendor returns error: timeout", ERROR_UNREACHABLE, ERROR_REFUSED},
        {"The service is under maintenance", ERROR_UNREACHABLE, ERROR_REFUSED},
        {"ErrorCode:-9009|Message:Vendor returns error: order not found", ERROR_MALFORMED, ERROR_REFUSED},
        {"file_random_value_not_found", ERROR_REFUSED, ERROR_REFUSED},
        {"Order not found", ERROR_NOT_FOUND, ERROR_REFUSED},
        {"The order does not exist.", ERROR_NOT_FOUND, ERROR_REFUSED},
        {"ErrorCode:-9001|Message:No order found for the given id", ERROR_NOT_FOUND, ERROR_REFUSED},
        {"Insufficient account balance", ERROR_CREDENTIAL, ERROR_CREDENTIAL},
        {"Something new", ERROR_MALFORMED, ERROR_REFUSED},
        {"", ERROR_MALFORMED, ERROR_REFUSED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_OK(reads(arena_printf(arena, "{'isError':true,'Message':['%s']}", cases[i].message)), err);
        CHECK(!answer_raise(&answer, false, &err));
        if (err.kind != cases[i].reading)
            CHECK_TEXT(cases[i].message, error_kind_name(err.kind));
        CHECK(!answer_raise(&answer, true, &err));
        if (err.kind != cases[i].ordering)
            CHECK_TEXT(cases[i].message, error_kind_name(err.kind));
    }
    size_t rows = 0;
    while (sslstore_problem_at(rows) != NULL)
        rows++;
    const struct sslstore_problem *last = sslstore_problem_at(rows - 1);
    CHECK(last->code == 0 && last->text == NULL); /* the search ends */
}

/* ---- plain values ---- */

static void dates_come_in_three_forms(void)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } cases[] = {
        {"7/23/2026 1:50:20 AM", 1784771420},     {"7/23/2026 1:50:20 PM", 1784814620},
        {"7/23/2026 12:00:00 AM", 1784764800},    {"7/23/2026 12:30:00 PM", 1784809800},
        {"07/23/2026 01:50:20", 1784771420},      {"7/23/2026", 1784764800},
        {"12/31/2026 11:59:59 PM", 1798761599},   {"2/29/2028 12:00:00 AM", 1835395200},
        {"2026-07-23T01:50:20", 1784771420},      {"2026-07-23T01:50:20.123", 1784771420},
        {"2026-07-23T01:50:20Z", 1784771420},     {"2026-07-23T01:50:20-04:00", 1784785820},
        {"2026-07-23 01:50:20", 1784771420},      {"2026-07-23", 1784764800},
        {"/Date(1408320000000)/", 1408320000},    {"/Date(928164000000-0400)/", 928164000},
        {"1/1/1900 12:00:00 AM", 0},              {"1/1/0001 12:00:00 AM", 0},
        {"0001-01-01T00:00:00", 0},               {"/Date(-62135596800000)/", 0},
        {"", 0},                                  {"   ", 0},
        {"n/a", 0},                               {"13/1/2026 1:00:00 AM", 0},
        {"2/29/2027 1:00:00 AM", 0},              {"7/23/2026 13:00:00 PM", 0},
        {"7/23/2026 1:50:20 AM and more", 0},     {"7/23/2026 0:10:00 AM", 0},
        {"7/23/2026 25:00:00", 0},                {"2026-07-23T", 0},
        {"/Date(99999999999999999999)/", 0},      {"/Date(1408320000000", 0},
        {"23.7.2026", 0},                         {"7/23/26", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (sslstore_date(cases[i].text) != cases[i].unix_s)
            CHECK_TEXT(cases[i].text, arena_printf(arena, "%lld", (long long)sslstore_date(cases[i].text)));
    CHECK_INT(sslstore_date(NULL), 0);
}

static void money_is_read_without_loss(void)
{
    static const struct {
        const char *json;
        int64_t cents;
    } cases[] = {
        {"'25.00'", 2500},
        {"'7.5'", 750},
        {"7.5", 750},
        {"25", 2500},
        {"'0'", 0},
        {"0.29", 29},
        {"'0.29'", 29},
        {"'1,234.50'", 123450},
        {"'8.995'", 900},
        {"'8.994'", 899},
        {"' 8.00 '", 800},
        {"'19.'", 1900},
        {"null", -1},
        {"''", -1},
        {"'-5'", -1},
        {"-5", -1},
        {"'free'", -1},
        {"'1,23'", -1},
        {"'1.2.3'", -1},
        {"'$25'", -1},
        {"'99999999999999999999'", -1},
        {"1e300", -1},
        {"true", -1},
        {"[]", -1},
        {"'1.005'", 101},
        {"'123456789.01'", 12345678901},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_OK(reads(arena_printf(arena, "{'OrderAmount':%s}", cases[i].json)), err);
        int64_t cents = sslstore_cents(json_member(answer.object, "OrderAmount"));
        if (cents != cases[i].cents)
            CHECK_TEXT(cases[i].json, arena_printf(arena, "%lld", (long long)cents));
    }
    CHECK_INT(sslstore_cents(NULL), -1);
}

/* ---- lists ---- */

static void prices_are_read_from_numbers_and_strings(void)
{
    struct price_list prices;
    CHECK_OK(
        reads(
            "[{'AuthResponse':{'isError':false},'ProductCode':'PositiveSSL','MinSan':0,'MaxSan':0,'"
            "IsSanEnable':false,"
            "'CanbeReissued':true,'isNoOfServerFree':true,'CurrencyCode':'USD','PricingInfo':[{'"
            "NumberOfMonths':12,"
            "'NumberOfServer':1,'Price':7.5,'SRP':49.0,'PricePerAdditionalSAN':null}]},"
            "{'AuthResponse':null,'ProductCode':'digi_flex','MinSan':'1','MaxSan':'250','IsSanEnable':'true',"
            "'isFlexProduct':true,'IsNoOfServerFree':false,'CurrencyCode':'USD','PricingInfo':[{'"
            "NumberOfMonths':'12',"
            "'NumberOfServer':'1','Price':'100.10','PricePerAdditionalSAN':'20','PricePerWildcardSAN':'90.00'"
            ","
            "'PricePerAdditionalServer':'50'},{'NumberOfMonths':0,'Price':1},{'NumberOfMonths':24,'Price':'"
            "oops'}]},"
            "{'ProductCode':'mdc','MinSan':2,'MaxSan':250,'IsSanEnable':true,'isFlexProduct':false,'"
            "CurrencyCode':'USD',"
            "'PricingInfo':[{'NumberOfMonths':12,'NumberOfServer':1,'Price':159,'PricePerAdditionalSAN':12,"
            "'PricePerWildcardSAN':60}]},{'ProductCode':'nothing','PricingInfo':null}]"),
        err);
    CHECK_OK(sslstore_read_prices(&answer, arena, &prices, &err), err);
    CHECK_INT(prices.count, 4);
    CHECK_TEXT(prices.items[0].product, "positivessl");
    CHECK_INT(prices.items[0].price_cents, 750);
    CHECK(prices.items[0].can_be_reissued);
    const char *currency = NULL;
    CHECK_INT(price_of(&prices, "positivessl", 12, 1, 2, 0, &currency), 750); /* the twin is included */
    CHECK_TEXT(currency, "USD");
    CHECK_INT(price_of(&prices, "positivessl", 12, 5, 1, 0, NULL), 750); /* servers are free */
    CHECK_INT(price_of(&prices, "positivessl", 12, -1, 1, 0, NULL), 750);
    CHECK_INT(price_of(&prices, "positivessl", 24, 1, 1, 0, NULL), -1);
    CHECK_INT(price_of(&prices, "DIGI_FLEX", 12, 1, 1, 0, NULL), 10010);
    CHECK_INT(price_of(&prices, "digi_flex", 12, 1, 2, 0, NULL), 10010); /* one more is included */
    CHECK_INT(price_of(&prices, "digi_flex", 12, 1, 4, 1, NULL), 10010 + 2 * 2000 + 9000);
    CHECK_INT(price_of(&prices, "digi_flex", 12, 1, 0, 2, NULL), 10010 + 9000);
    CHECK_INT(price_of(&prices, "digi_flex", 12, 3, 1, 0, NULL), 10010 + 2 * 5000);
    CHECK_INT(price_of(&prices, "digi_flex", 12, -1, 1, 0, NULL), -1); /* unlimited is not stated */
    CHECK_INT(price_of(&prices, "digi_flex", 24, 1, 1, 0, NULL), -1);  /* unreadable is unknown */
    CHECK_INT(price_of(&prices, "mdc", 12, 1, 3, 0, NULL), 15900); /* the common name and two more */
    CHECK_INT(price_of(&prices, "mdc", 12, 1, 3, 2, NULL),
              15900 + 2 * 1200); /* wildcards are names like any other */
    CHECK_INT(price_of(&prices, "unknown", 12, 1, 1, 0, NULL), -1);
    CHECK_OK(reads("{'AuthResponse':{'isError':false}}"), err);
    CHECK(!sslstore_read_prices(&answer, arena, &prices, &err));
}

static void only_constructed_approvers_are_kept(void)
{
    struct string_list list;
    CHECK_OK(
        reads(
            "{'AuthResponse':{'isError':false},'ApproverEmailList':['none','',null,7,'support@geotrust.com',"
            "'support_preprod@geotrust.com','Admin@Example.org','admin@example.org','owner@example.org',"
            "'postmaster@www.shop.example.org','webmaster@org','hostmaster@example.net','admin@shop.example."
            "org',"
            "'admin@evil-example.org','admin@example.org,x@y'],'baseDomainName':'example.org'}"),
        err);
    sslstore_read_approvers(&answer, "*.www.shop.example.org", arena, &list);
    CHECK_TEXT(string_list_join(arena, &list, " "),
               "admin@example.org postmaster@www.shop.example.org admin@shop.example.org");
    CHECK_OK(reads("{'AuthResponse':{'isError':false},'ApproverEmailList':null}"), err);
    sslstore_read_approvers(&answer, "example.org", arena, &list);
    CHECK_INT(list.count, 0);
}

static void downloads_may_be_empty(void)
{
    static const struct {
        const char *text;
        bool ok;
        size_t count;
    } cases[] = {
        {"{'AuthResponse':{'isError':false},'Certificates':[{'FileName':'a','FileContent':'X'},{'FileName':'"
         "b',"
         "'FileContent':'Y'}]}",
         true, 2},
        {"{'AuthResponse':{'isError':false},'Certificates':null}", true, 0},
        {"{'AuthResponse':{'isError':false},'Certificates':[]}", true, 0},
        {"{'AuthResponse':{'isError':false},'Certificates':[{'FileName':'a','FileContent':null},null,7]}",
         true, 0},
        {"{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':4567890,'Certificates':[]}", true, 0},
        {"{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':'99','Certificates':[]}", false, 0},
        {"{'something':'else'}", false, 0},
        {"[]", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span *files = NULL;
        size_t count = 0;
        CHECK_OK(reads(cases[i].text), err);
        CHECK_INT(sslstore_read_files(&answer, "4567890", arena, &files, &count, &err), cases[i].ok);
        CHECK_INT(count, cases[i].count);
    }
}

int main(void)
{
    arena = arena_create();
    RUN(is_error_is_found_in_four_shapes);
    RUN(doubt_is_malformed);
    RUN(a_byte_order_mark_is_skipped);
    RUN(messages_come_in_many_forms);
    RUN(texts_become_kinds);
    RUN(dates_come_in_three_forms);
    RUN(money_is_read_without_loss);
    RUN(prices_are_read_from_numbers_and_strings);
    RUN(only_constructed_approvers_are_kept);
    RUN(downloads_may_be_empty);
    answer_release(&answer);
    arena_destroy(arena);
    return CHECK_REPORT();
}
