/* Orders where they are odd: what is read of one that is there, what one costs when the price list leaves something out, and
 * what is not written when something lacks. */
#include "sslstore_odd.h"

/* ---- the order object ---- */

static void what_is_odd_in_an_order_is_not_stated(void)
{
    CHECK_INT(order_of("{'Validity':-5}").term_months, 0);
    CHECK_INT(order_of("{'Validity':1201}").term_months, 0);
    CHECK_INT(order_of("{'Validity':1200}").term_months, 1200);
    CHECK_TEXT(order_of("{'SerialNumber':'00:AB cd-0E'}").serial, "abcd0e");
    CHECK_TEXT(order_of("{'SerialNumber':'12g4'}").serial, "");
    CHECK_TEXT(order_of("{'SerialNumber':'0'}").serial, "");
    CHECK_TEXT(
        order_of("{'OrderStatus':{'MajorStatus':'Active','MinorStatus':'PENDING_REISSUE 2'}}").minor_status,
        "PENDING_REISSUE 2");
    CHECK_INT(order_of("{'OrderStatus':{'MajorStatus':'Active','MinorStatus':'Pending Reissue'}}").phase,
              VENDOR_REISSUING);
    CHECK_INT(order_of("{'OrderStatus':7}").phase, VENDOR_UNKNOWN);
    struct vendor_order order = order_of(
        "{'OrderStatus':{'OrderNotes':[{'Comments':'1'},{'Comments':'2'},{'Comments':'3'},{'Comments':'4'},"
        "{'Comments':'5'},{'Comments':'6'},{'Comments':'7'},{'Comments':'8'},{'Comments':'9'},{}]}}");
    CHECK_TEXT(order.notes, "1; 2; 3; 4; 5; 6; 7; 8");
    order = order_of(
        "{'CommonName':'a.example.org','DNSNames':['b.example.org',7,'A.example.org','Some Title']}");
    CHECK_TEXT(string_list_join(arena, &order.names, " "), "a.example.org b.example.org");
}

#define ELEMENT(text) \
    "{'CommonName':'www.example.org','OrderStatus':{'DomainAuthVettingStatus':[{" text "}]}}"

static void an_element_names_its_domain_in_one_way_or_another(void)
{
    CHECK_TEXT(order_of(ELEMENT("'domain':'a.example.org'")).challenges[0].domain, "a.example.org");
    CHECK_TEXT(order_of(ELEMENT("'domain':'','DomainToValidate':'b.example.org'")).challenges[0].domain,
               "b.example.org");
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
    CHECK(order_of(arena_printf(arena, ELEMENT("'FileName':'%s','FileContents':'x'"), long_name))
              .challenges[0]
              .file_name == NULL);
    CHECK(order_of(arena_printf(arena, ELEMENT("'FileName':'a','FileContents':'%s'"), long_text))
              .challenges[0]
              .file_name == NULL);
    long_text[256] = '\0';
    CHECK(order_of(arena_printf(arena, ELEMENT("'DNSName':'_x.a.example.org','DNSEntry':'%s'"), long_text))
              .challenges[0]
              .record_name == NULL);
    /* lines are fine in a file; the path before it is not ours */
    CHECK_TEXT(order_of(ELEMENT("'FileName':'http:\\/\\/x\\/a.txt','FileContents':'1\\r\\n2'"))
                   .challenges[0]
                   .file_content,
               "1\r\n2");
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
    struct vendor_order order =
        order_of("{'CommonName':'*.example.org','AuthFileName':'a.txt','AuthFileContent':'x','OrderStatus':{"
                 "'DomainAuthVettingStatus':[{'domain':'*.example.org','dcvMethod':'HTTP'},"
                 "{'domain':'example.org','FileName':'a.txt','FileContents':'x'}]}}");
    CHECK_INT(order.challenge_count, 2); /* the second proves the main name: it is listed */
    CHECK(order.challenges[0].file_name == NULL);
    order = order_of("{'CommonName':'*.example.org','AuthFileName':'a.txt','AuthFileContent':'x'}");
    CHECK_INT(order.challenge_count, 1);
    CHECK_TEXT(order.challenges[0].file_name, "a.txt");
    order = order_of(
        "{'CommonName':'www.example.org','DNSNames':'*.example.org,shop.example.org','AuthFileName':'" HASH
        ".txt',"
        "'AuthFileContent':'" SUM "'}");
    CHECK_INT(order.challenge_count, 2); /* no file for a wildcard */
    CHECK_TEXT(order.challenges[1].domain, "shop.example.org");
    static const struct {
        const char *method, *name, *content;
        bool gets_it;
    } cases[] = {
        {"HTTP_CSR_HASH", HASH ".txt", SUM, true}, {"File", HASH ".TXT", SUM, true},
        {"CNAME", HASH ".txt", SUM, false},        {"HTTP", HASH ".tx", SUM, false},
        {"HTTP", HASH ".dat", SUM, false},         {"HTTP", HASH ".txt", "x" SUM, false},
        {"HTTP", "x" HASH "txt", SUM, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        order = order_of(arena_printf(
            arena,
            "{'CommonName':'www.example.org','AuthFileName':'%s','AuthFileContent':'%s','OrderStatus':{"
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
        {1, 0, 2, {0}, 1100}, /* a second wildcard is a name like any */
        {1, 0, 0, {0}, 1000},
        {-1, 1, 0, {0}, -1}, /* unlimited, and each server costs something */
        {-1, 1, 0, {"p", 12, 1, 1000, 100, -1, 0, "USD", 0, 10, true}, 1000},
        {-1,
         1,
         0,
         {"p", 12, -1, 1000, 100, -1, 50, "USD", 0, 10, true},
         -1}, /* of how many it is the price is not stated */
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
        int64_t cents = price_of(&(struct price_list){&row, 1}, "p", 12, cases[i].servers, cases[i].plain,
                                 cases[i].wildcard, &currency);
        if (cents != cases[i].cents)
            fprintf(stderr, "row %zu\n", i);
        CHECK_INT(cents, cases[i].cents);
        CHECK_INT(currency != NULL, cents >= 0);
    }
    struct price row = plain;
    row.per_name_cents = huge;
    CHECK_INT(price_of(&(struct price_list){&row, 1}, "p", 12, 1, 9, 0, NULL),
              -1); /* the product is too large */
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
    } cases[] = {{NULL, "s", "k", "partnerCode"},
                 {"", "s", "k", "partnerCode"},
                 {"1", NULL, "k", "authTokenSecretRef"},
                 {"1", "s", NULL, "authTokenSecretRef"}};
    struct operator_config config = {.secrets_directory = "/nowhere"};
    struct context own = {.arena = arena, .config = &config};
    struct issuer_account opened;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct issuer spec = {
            .sslstore = {.partner_code = cases[i].partner_code,
                         .auth_token_secret_ref = {.name = cases[i].name, .key = cases[i].key}}};
        struct resource issuer = {.kind = KIND_ISSUER, .name = "main", .issuer = &spec};
        CHECK(!issuer_account_open(&own, &issuer, &opened, &err));
        CHECK_INT(err.kind, ERROR_MANIFEST);
        CHECK(strstr(err.message, cases[i].says) != NULL && strstr(err.message, "main") != NULL);
        CHECK(!issuer_account_open(&own, &issuer, &opened, NULL));
    }
    struct issuer spec = {
        .sslstore = {.partner_code = "1", .auth_token_secret_ref = {.name = "s", .key = "k"}}};
    struct resource issuer = {.kind = KIND_ISSUER, .name = "main", .issuer = &spec};
    CHECK(!issuer_account_open(&own, &issuer, &opened, NULL));
}

static void an_order_that_is_not_whole_is_not_written(void)
{
    static const char *names[] = {"www.example.org", "*.example.org"};
    static const enum dcv_method methods[] = {DCV_DNS, DCV_DNS};
    static const char *const approvers[] = {NULL, NULL};
    const struct order_request good = {.custom_order_id = "cw1-ours",
                                       .product = &positivessl,
                                       .term_months = 12,
                                       .server_count = 1,
                                       .csr = "PEM\r\n",
                                       .common_name = names[0],
                                       .names = {names, 1},
                                       .methods = methods,
                                       .approvers = approvers,
                                       .unique_value = "u1"};
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
    vendor_begin();
    RUN(what_is_odd_in_an_order_is_not_stated);
    RUN(an_element_names_its_domain_in_one_way_or_another);
    RUN(records_and_files_that_lead_elsewhere_are_dropped);
    RUN(more_challenges_than_any_order_has_are_not_kept);
    RUN(a_file_of_the_order_goes_to_the_names_it_can_prove);
    RUN(what_the_list_leaves_out_makes_the_price_unknown);
    RUN(an_issuer_that_lacks_something_is_told_what);
    RUN(an_order_that_is_not_whole_is_not_written);
    vendor_end();
    return CHECK_REPORT();
}
