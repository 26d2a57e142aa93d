/* The vendor's answers where they are odd: each operation with each bad answer, values that are cut or beyond all bounds, and
 * what an order costs when the price list leaves something out. */
#include "check.h"
#include "http_script.h"

#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "reconcilers/issuer/sslstore/sslstore.h"
#include "schema/catalogue.h"
#include "schema/operator.h"

static struct arena *arena;
static struct context ctx;
static struct issuer_account account;
static struct answer answer;
static const struct issuer_ops *const ops = &issuer_sslstore;

/* Texts are written with ' in place of ". */
static const char *json_of(const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static bool reads(const char *text, struct error *err)
{
    const char *json = json_of(text);
    answer_release(&answer);
    return answer_read(json, strlen(json), arena, &answer, err);
}

static struct vendor_order order_of(const char *text)
{
    struct error err = {0};
    struct vendor_order order;
    CHECK_OK(reads(text, &err), err);
    sslstore_read_order(answer.object, arena, &order);
    return order;
}

/* ---- each operation with each bad answer ---- */

static const struct product positivessl = {.code = "positivessl", .family = FAMILY_SECTIGO};

enum question { CREDENTIALS, PRICES, BALANCE, APPROVERS, STATUS, ORDERS, DOWNLOAD, RESEND, QUESTIONS };
static const char *const question_names[] = {"check", "prices", "balance", "approvers", "status", "list", "download", "resend"};

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
        {{.status = 200, .answer = "[{\"isError\":false,\"CustomOrderID\":1,\"customorderid\":2}]"}, ERROR_MALFORMED},
        {{.status = 200, .answer = "{\"isError\":true,\"Message\":[\"ErrorCode:-9008|Message:Token/Authentication Failure\"]}"},
         ERROR_CREDENTIAL},
        {{.status = 200, .answer = "{\"isError\":true,\"Message\":[\"something new\"]}"}, ERROR_NONE},
        {{.status = 200, .answer = "{\"isError\":true}"}, ERROR_NONE},
    };
    static const enum error_kind unknown[QUESTIONS] = {[CREDENTIALS] = ERROR_CREDENTIAL, [PRICES] = ERROR_MALFORMED,
                                                       [BALANCE] = ERROR_MALFORMED,      [APPROVERS] = ERROR_REFUSED,
                                                       [STATUS] = ERROR_MALFORMED,       [ORDERS] = ERROR_MALFORMED,
                                                       [DOWNLOAD] = ERROR_MALFORMED,     [RESEND] = ERROR_REFUSED};
    for (enum question what = 0; what < QUESTIONS; what++) {
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            struct error err = {0};
            odd = cases[i].row;
            enum error_kind wanted = cases[i].kind != ERROR_NONE ? cases[i].kind : unknown[what];
            bool ok = ask(what, &err), deaf = ask(what, NULL);
            odd.status = -1;
            if (ok || err.kind != wanted)
                fprintf(stderr, "%s, case %zu: %s %s\n", question_names[what], i, error_kind_name(err.kind), err.message);
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
        {{.status = 200, .answer = "{\"isError\":true,\"VendorOrderID\":\"\",\"PartnerOrderID\":\"\"}"}, ANSWER_REFUSED},
        {{.status = 200, .answer = "{\"isError\":true,\"VendorOrderID\":\"7\"}"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "{\"isError\":true,\"VendorOrderID\":[]}"}, ANSWER_UNKNOWN},
        {{.status = 200, .answer = "{\"isError\":false,\"TheSSLStoreOrderID\":\"1\",\"CustomOrderID\":\"cw1-ours\"}"}, ANSWER_ACCEPTED},
        {{.status = 200, .answer = "[{\"isError\":false,\"TheSSLStoreOrderID\":\"1\",\"CustomOrderID\":\"cw1-ours\"}]"}, ANSWER_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int deaf = 0; deaf < 2; deaf++) {
            struct vendor_order order;
            struct error err = {0};
            const char *evidence = NULL;
            odd = cases[i].row;
            enum answer_class class = ops->order_place(&ctx, &account, "{" SSLSTORE_MARK_TOKEN "," SSLSTORE_MARK_REPLAY "}", "cw1-ours", 0,
                                                       &order, &evidence, deaf ? NULL : &err);
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
    for (int i = 1; i <= 100; i++) /* reissues have the number of their order, and one of the partner's of their own */
        buffer_printf(&page, "%s{\"isError\":false,\"TheSSLStoreOrderID\":\"%d\",\"PartnerOrderID\":\"%d\"}", i > 1 ? "," : "", 1 + i / 2, i);
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
    static const char *const none[] = {
        "", "x", "7", "7/", "7/23", "7/23/", "7-23-2026", "7/x/2026", "7/23/x", "x/23/2026", "13/1/2026", "0/1/2026", "2/30/2026",
        "2/29/2027", "2/29/2100", "1/0/2026", "1/32/2026", "4/31/2026", "1/1/1970", "1/1/1900 12:00:00 AM", "1/1/0001", "7/23/2026 x",
        "7/23/2026 1", "7/23/2026 1-50", "7/23/2026 1:x", "7/23/2026 1:50:x", "7/23/2026 24:00", "7/23/2026 23:60",
        "7/23/2026 23:59:61", "7/23/2026 13:00 PM", "7/23/2026 0:10 AM", "7/23/2026 1:50:20 XM", "7/23/2026 1:50 AM.", "2026-07",
        "2026-x-23", "2026-07/23", "2026-07-x", "2026-07-23T", "2026-07-23Tx", "2026-07-23T10", "2026-07-23T10:", "2026-07-23T10:00:00+",
        "2026-07-23T10:00:00+02", "2026-07-23T10:00:00+02:", "2026-07-23T10:00:00+02:x", "2026-07-23T10:00:00+02:00x",
        "2026-07-23T10:00:00+24:00", "2026-07-23T10:00:00-02:60", "2026-07-23T10:00:00ZZ", "1900-01-01T00:00:00-04:00",
        "0001-01-01T00:00:00-12:00", "2026-13-01-04:00", "/Date(x)/", "/Date(-5)/", "/Date(0)/", "/Date(1408320000000/", "/Date(1408320000000)",
        "/Date(1408320000000-04)/", "/Date(1408320000000*0400)/", "/Date(9999999999999999)/", "/Date(99999999999999999999999)/"};
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
        {"'1,23'", -1},     {"'1,2'", -1},      {"'1,'", -1},       {"'1,2345'", -1}, {"',123'", -1}, {"'1,x23'", -1}, {"'1,234'", 123400},
        {"'1,234,567.5'", 123456750},           {"'.5'", -1},       {"'5.'", 500},    {"'5.x'", -1},  {"'5 x'", -1},   {"' 7.499 '", 750},
        {"'7.4949'", 749},  {"'9999999999999'", -1},                {"'-5'", -1},     {"-5", -1},     {"1e13", -1},    {"7.499", 750},
        {"true", -1},       {"null", -1},
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
        {"'-9008|Message:  no  '", -9008, "no"}, {"'-9008 no'", -9008, "no"}, {"'-9008'", -9008, ""},        {"'-9008x no'", 0, "-9008x no"},
        {"'- 5 no'", 0, "- 5 no"},               {"'-1000000|no'", 0, "-1000000|no"},                        {"'ErrorCode: -5| no'", -5, "no"},
        {"'ErrorCode:5|no'", 0, "ErrorCode:5|no"},                           {"['','  ','no']", 0, ""},      {"['',null,'no']", 0, "no"},
        {"7", 0, ""},                            {"[]", 0, ""},
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
                   "{'ProductCode':'b','PricingInfo':[7,{'NumberOfMonths':0},{'NumberOfMonths':12,'NumberOfServer':99999999,'Price':'x'}]}]",
                   &err), err);
    CHECK_OK(sslstore_read_prices(&answer, arena, &prices, &err), err);
    CHECK_INT(prices.count, 1);
    CHECK_INT(prices.items[0].servers, -1);
    CHECK_INT(prices.items[0].price_cents, -1);
    CHECK_OK(reads("{'isError':false,'ApproverEmailList':[7,'no-address','adminx@example.org','admin@evil.test','Admin@Example.org',"
                   "'admin@example.org','hostmaster@org']}", &err), err);
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

/* ---- the order object ---- */

static void what_is_odd_in_an_order_is_not_stated(void)
{
    CHECK_INT(order_of("{'Validity':-5}").term_months, 0);
    CHECK_INT(order_of("{'Validity':1201}").term_months, 0);
    CHECK_INT(order_of("{'Validity':1200}").term_months, 1200);
    CHECK_TEXT(order_of("{'SerialNumber':'00:AB cd-0E'}").serial, "abcd0e");
    CHECK_TEXT(order_of("{'SerialNumber':'12g4'}").serial, "");
    CHECK_TEXT(order_of("{'SerialNumber':'0'}").serial, "");
    CHECK_TEXT(order_of("{'OrderStatus':{'MajorStatus':'Active','MinorStatus':'PENDING_REISSUE 2'}}").minor_status, "PENDING_REISSUE 2");
    CHECK_INT(order_of("{'OrderStatus':{'MajorStatus':'Active','MinorStatus':'Pending Reissue'}}").phase, VENDOR_REISSUING);
    CHECK_INT(order_of("{'OrderStatus':7}").phase, VENDOR_UNKNOWN);
    struct vendor_order order = order_of("{'OrderStatus':{'OrderNotes':[{'Comments':'1'},{'Comments':'2'},{'Comments':'3'},{'Comments':'4'},"
                                         "{'Comments':'5'},{'Comments':'6'},{'Comments':'7'},{'Comments':'8'},{'Comments':'9'},{}]}}");
    CHECK_TEXT(order.notes, "1; 2; 3; 4; 5; 6; 7; 8");
    order = order_of("{'CommonName':'a.example.org','DNSNames':['b.example.org',7,'A.example.org','Some Title']}");
    CHECK_TEXT(string_list_join(arena, &order.names, " "), "a.example.org b.example.org");
}

#define ELEMENT(text) "{'CommonName':'www.example.org','OrderStatus':{'DomainAuthVettingStatus':[{" text "}]}}"

static void an_element_names_its_domain_in_one_way_or_another(void)
{
    CHECK_TEXT(order_of(ELEMENT("'domain':'a.example.org'")).challenges[0].domain, "a.example.org");
    CHECK_TEXT(order_of(ELEMENT("'domain':'','DomainToValidate':'b.example.org'")).challenges[0].domain, "b.example.org");
    CHECK_TEXT(order_of(ELEMENT("'domain':'Some Title'")).challenges[0].domain, "www.example.org");
    CHECK_INT(order_of("{'OrderStatus':{'DomainAuthVettingStatus':[7,null]}}").challenge_count, 0);
}

static void records_and_files_that_lead_elsewhere_are_dropped(void)
{
    static const char *const bad[] = {
        "'domain':'a.example.org','DNSName':'a b','DNSEntry':'x'",
        "'domain':'a.example.org','DNSName':'_x.a.example.org','DNSEntry':'line\\nbreak'",
        "'domain':'a.example.org','DNSName':'_x.a.example.org','DNSEntry':'\\u007f'",
        "'domain':'a.example.org','DNSName':'_x.a.example.org','DNSEntry':''",
        "'domain':'a.example.org','FileName':'a.txt'",
        "'domain':'a.example.org','FileContents':'x'",
        "'domain':'a.example.org','FileName':'folder/','FileContents':'x'",
        "'domain':'a.example.org','FileName':'..','FileContents':'x'",
        "'domain':'a.example.org','FileName':'a b.txt','FileContents':'x'",
        "'domain':'a.example.org','FileName':'a.txt','FileContents':'\\u0001'",
        "'domain':'a.example.org','FileName':'a.txt','FileContents':'\\u00e4'",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct vendor_order order = order_of(arena_printf(arena, ELEMENT("%s"), bad[i]));
        CHECK_INT(order.challenge_count, 1);
        CHECK(order.challenges[0].record_name == NULL && order.challenges[0].file_name == NULL);
    }
    char *long_name = arena_alloc(arena, 140), *long_text = arena_alloc(arena, 5000);
    memset(long_name, 'a', 129);
    memset(long_text, 'a', 4097);
    CHECK(order_of(arena_printf(arena, ELEMENT("'FileName':'%s','FileContents':'x'"), long_name)).challenges[0].file_name == NULL);
    CHECK(order_of(arena_printf(arena, ELEMENT("'FileName':'a','FileContents':'%s'"), long_text)).challenges[0].file_name == NULL);
    long_text[256] = '\0';
    CHECK(order_of(arena_printf(arena, ELEMENT("'DNSName':'_x.a.example.org','DNSEntry':'%s'"), long_text)).challenges[0].record_name == NULL);
    /* lines are fine in a file; the path before it is not ours */
    CHECK_TEXT(order_of(ELEMENT("'FileName':'http:\\/\\/x\\/a.txt','FileContents':'1\\r\\n2'")).challenges[0].file_content, "1\r\n2");
}

static void more_challenges_than_any_order_has_are_not_kept(void)
{
    struct buffer many = {0};
    buffer_puts(&many, "{'CommonName':'www.example.org','OrderStatus':{'DomainAuthVettingStatus':[");
    for (int i = 0; i < 1002; i++)
        buffer_printf(&many, "%s{'domain':'n%d.example.org'}", i > 0 ? "," : "", i);
    buffer_puts(&many, "]}}");
    const char *text = arena_strdup(arena, buffer_text(&many));
    buffer_release(&many);
    CHECK_INT(order_of(text).challenge_count, 1000);
}

#define HASH "0123456789ABCDEF0123456789abcdef"
#define SUM HASH HASH

static void a_file_of_the_order_goes_to_the_names_it_can_prove(void)
{
    struct vendor_order order = order_of("{'CommonName':'*.example.org','AuthFileName':'a.txt','AuthFileContent':'x','OrderStatus':{"
                                         "'DomainAuthVettingStatus':[{'domain':'*.example.org','dcvMethod':'HTTP'},"
                                         "{'domain':'example.org','FileName':'a.txt','FileContents':'x'}]}}");
    CHECK_INT(order.challenge_count, 2); /* the second proves the main name: it is listed */
    CHECK(order.challenges[0].file_name == NULL);
    order = order_of("{'CommonName':'*.example.org','AuthFileName':'a.txt','AuthFileContent':'x'}");
    CHECK_INT(order.challenge_count, 1);
    CHECK_TEXT(order.challenges[0].file_name, "a.txt");
    order = order_of("{'CommonName':'www.example.org','DNSNames':'*.example.org,shop.example.org','AuthFileName':'" HASH ".txt',"
                     "'AuthFileContent':'" SUM "'}");
    CHECK_INT(order.challenge_count, 2); /* no file for a wildcard */
    CHECK_TEXT(order.challenges[1].domain, "shop.example.org");
    static const struct {
        const char *method, *name, *content;
        bool gets_it;
    } cases[] = {
        {"HTTP_CSR_HASH", HASH ".txt", SUM, true},  {"File", HASH ".TXT", SUM, true},   {"CNAME", HASH ".txt", SUM, false},
        {"HTTP", HASH ".tx", SUM, false},           {"HTTP", HASH ".dat", SUM, false},  {"HTTP", HASH ".txt", "x" SUM, false},
        {"HTTP", "x" HASH "txt", SUM, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        order = order_of(arena_printf(arena, "{'CommonName':'www.example.org','AuthFileName':'%s','AuthFileContent':'%s','OrderStatus':{"
                                             "'DomainAuthVettingStatus':[{'domain':'shop.example.org','dcvMethod':'%s'},"
                                             "{'domain':'*.example.org','dcvMethod':'%s'}]}}",
                                      cases[i].name, cases[i].content, cases[i].method, cases[i].method));
        CHECK_INT(order.challenges[0].file_name != NULL, cases[i].gets_it);
        CHECK(order.challenges[1].file_name == NULL);
    }
}

/* ---- what it costs ---- */

static void what_the_list_leaves_out_makes_the_price_unknown(void)
{
    const int64_t huge = INT64_MAX / 2;
    static const struct price plain = {"p", 12, 1, 1000, 100, -1, 50, "USD", 0, 10, true};
    static const struct {
        int servers, plain, wildcard;
        struct price row; /* product NULL: `plain` */
        int64_t cents;
    } cases[] = {
        {1, 1, 0, {0}, 1000},
        {1, 3, 0, {0}, 1200},
        {3, 1, 0, {0}, 1100},
        {1, 0, 2, {0}, 1100},  /* a second wildcard is a name like any */
        {1, 0, 0, {0}, 1000},
        {-1, 1, 0, {0}, -1},   /* unlimited, and each server costs something */
        {-1, 1, 0, {"p", 12, 1, 1000, 100, -1, 0, "USD", 0, 10, true}, 1000},
        {-1, 1, 0, {"p", 12, -1, 1000, 100, -1, 50, "USD", 0, 10, true}, -1}, /* of how many it is the price is not stated */
        {1, 3, 0, {"p", 12, 1, 1000, -1, -1, 50, "USD", 0, 10, true}, -1},
        {1, 3, 0, {"p", 12, 1, 1000, -1, -1, 50, "USD", 2, 10, true}, 1000}, /* included */
        {2, 1, 0, {"p", 12, 1, 1000, 100, -1, -1, "USD", 0, 10, true}, -1},
        {1, 1, 2, {"P", 12, 1, 1000, 100, 300, 50, "USD", 0, 10, true}, 1600},
        {1, 1, 0, {"p", 12, 1, -1, 100, -1, 50, "USD", 0, 10, true}, -1},
        {1, 1, 0, {"q", 12, 1, 1000, 100, -1, 50, "USD", 0, 10, true}, -1},
        {1, 1, 0, {"p", 24, 1, 1000, 100, -1, 50, "USD", 0, 10, true}, -1},
        {1, 1, 0, {"p", 12, 5, 1000, 100, -1, 50, "USD", 0, 10, true}, -1}, /* more servers than wanted */
        {5, 1, 0, {"p", 12, -1, 1000, 100, -1, 50, "USD", 0, 10, true}, 1200},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct price row = cases[i].row.product != NULL ? cases[i].row : plain;
        const char *currency = NULL;
        int64_t cents = price_of(&(struct price_list){&row, 1}, "p", 12, cases[i].servers, cases[i].plain, cases[i].wildcard, &currency);
        if (cents != cases[i].cents)
            fprintf(stderr, "row %zu\n", i);
        CHECK_INT(cents, cases[i].cents);
        CHECK_INT(currency != NULL, cents >= 0);
    }
    struct price row = plain;
    row.per_name_cents = huge;
    CHECK_INT(price_of(&(struct price_list){&row, 1}, "p", 12, 1, 9, 0, NULL), -1); /* the product is too large */
    row.price_cents = huge;
    CHECK_INT(price_of(&(struct price_list){&row, 1}, "p", 12, 1, 3, 0, NULL), -1); /* the sum is */
    /* the row of that number, else the largest below it; without a number the largest */
    struct price rows[] = {plain, plain, plain, {.months = 12}};
    rows[1].servers = 5, rows[1].price_cents = 3000;
    rows[2].servers = 3, rows[2].price_cents = 2000;
    const struct price_list list = {rows, COUNT_OF(rows)};
    CHECK_INT(price_of(&list, "p", 12, 3, 1, 0, NULL), 2000);
    CHECK_INT(price_of(&list, "p", 12, 4, 1, 0, NULL), 2050);
    CHECK_INT(price_of(&list, "p", 12, 9, 1, 0, NULL), 3200);
    rows[1].per_server_cents = 0;
    CHECK_INT(price_of(&list, "p", 12, -1, 1, 0, NULL), 3000);
}

static void an_issuer_that_lacks_something_is_told_what(void)
{
    static const struct {
        const char *partner_code, *name, *key, *says;
    } cases[] = {{NULL, "s", "k", "partnerCode"}, {"", "s", "k", "partnerCode"}, {"1", NULL, "k", "authTokenSecretRef"}, {"1", "s", NULL, "authTokenSecretRef"}};
    struct operator_config config = {.secrets_directory = "/nowhere"};
    struct context own = {.arena = arena, .config = &config};
    struct issuer_account opened;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct issuer spec = {.sslstore = {.partner_code = cases[i].partner_code,
                                           .auth_token_secret_ref = {.name = cases[i].name, .key = cases[i].key}}};
        struct resource issuer = {.kind = KIND_ISSUER, .name = "main", .issuer = &spec};
        CHECK(!issuer_account_open(&own, &issuer, &opened, &err));
        CHECK_INT(err.kind, ERROR_MANIFEST);
        CHECK(strstr(err.message, cases[i].says) != NULL && strstr(err.message, "main") != NULL);
        CHECK(!issuer_account_open(&own, &issuer, &opened, NULL));
    }
    struct issuer spec = {.sslstore = {.partner_code = "1", .auth_token_secret_ref = {.name = "s", .key = "k"}}};
    struct resource issuer = {.kind = KIND_ISSUER, .name = "main", .issuer = &spec};
    CHECK(!issuer_account_open(&own, &issuer, &opened, NULL));
}

static void an_order_that_is_not_whole_is_not_written(void)
{
    static const char *names[] = {"www.example.org", "*.example.org"};
    static const enum dcv_method methods[] = {DCV_DNS, DCV_DNS};
    static const char *const approvers[] = {NULL, NULL};
    const struct order_request good = {.custom_order_id = "cw1-ours", .product = &positivessl, .term_months = 12, .server_count = 1,
                                       .csr = "PEM\r\n", .common_name = names[0], .names = {names, 1}, .methods = methods,
                                       .approvers = approvers, .unique_value = "u1"};
    struct order_request bad[8];
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i] = good;
    bad[0].custom_order_id = "";
    bad[1].csr = NULL;
    bad[2].names.count = 0;
    bad[3].common_name = "";
    bad[4].common_name = "other.example.org";
    bad[5].unique_value = "u-1";
    bad[6].unique_value = "u12345678901234567890";
    bad[7].term_months = 0;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        struct buffer out = {0};
        CHECK(!ops->order_freeze(&bad[i], &account, arena, &out, &err));
        CHECK_INT(err.kind, i == 7 ? ERROR_MANIFEST : ERROR_INTERNAL);
        CHECK_INT(out.length, 0);
    }
    static const enum dcv_method odd_methods[] = {DCV_UNSET, DCV_METHOD_COUNT};
    for (size_t i = 0; i < COUNT_OF(odd_methods); i++) {
        struct error err = {0};
        struct buffer out = {0};
        struct order_request order = good;
        order.methods = &odd_methods[i];
        CHECK(!ops->order_freeze(&order, &account, arena, &out, &err));
        CHECK(err.kind == ERROR_MANIFEST && strstr(err.message, "www.example.org") != NULL);
    }
    struct error err = {0};
    struct buffer out = {0};
    account.csr_encoding = CSR_ONE_LINE;
    bool ok = ops->order_freeze(&good, &account, arena, &out, &err);
    account.csr_encoding = CSR_PEM;
    bool one_line = ok && strstr(buffer_text(&out), "\"CSR\":\"PEM\"") != NULL;
    buffer_release(&out);
    CHECK_OK(ok, err);
    CHECK(one_line);
}

int main(void)
{
    static const struct script_row nothing[] = {{.status = -1}};
    log_setup(LOG_LOGFMT, LOG_ERROR);
    script = nothing;
    odd.status = -1;
    arena = arena_create();
    ctx = (struct context){.arena = arena};
    account = (struct issuer_account){.name = "main", .partner_code = "10012345", .token = secret_create("s3cr3t-t0ken", 12),
                                      .token_place = "secret main/token", .url = "https://vendor.test/rest/"};
    RUN(a_bad_answer_is_told_whoever_hears_of_it);
    RUN(what_is_said_to_be_an_order_of_ours_must_be_it);
    RUN(an_order_whose_end_nobody_hears_is_classed_all_the_same);
    RUN(a_list_without_an_end_is_told);
    RUN(dates_that_are_cut_or_impossible_are_none);
    RUN(money_is_digits_or_not_stated);
    RUN(a_code_in_a_message_is_a_negative_number_alone);
    RUN(lists_are_taken_for_what_they_hold);
    RUN(what_is_odd_in_an_order_is_not_stated);
    RUN(an_element_names_its_domain_in_one_way_or_another);
    RUN(records_and_files_that_lead_elsewhere_are_dropped);
    RUN(more_challenges_than_any_order_has_are_not_kept);
    RUN(a_file_of_the_order_goes_to_the_names_it_can_prove);
    RUN(what_the_list_leaves_out_makes_the_price_unknown);
    RUN(an_issuer_that_lacks_something_is_told_what);
    RUN(an_order_that_is_not_whole_is_not_written);
    answer_release(&answer);
    secret_destroy(account.token);
    return CHECK_REPORT();
}
