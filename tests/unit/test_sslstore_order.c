/* The order object, its challenges and what the answer to an order means (sslstore-api.md 9 - 11, 14;
 * reliability.md 4.3). */
#include "reconcilers/issuer/sslstore/sslstore.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/log.h"
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

static struct vendor_order order_of(const char *text)
{
    struct vendor_order order;
    CHECK_OK(reads(text), err);
    sslstore_read_order(answer.object, arena, &order);
    return order;
}

/* ---- the order object ---- */

static void order_numbers_are_digits(void)
{
    static const struct {
        const char *json;
        enum order_number is;
    } cases[] = {
        {"'4567890'", NUMBER_GOOD},
        {"4567890", NUMBER_GOOD},
        {"'1234567890123456789'", NUMBER_GOOD},
        {"'12345678901234567890'", NUMBER_ODD},
        {"null", NUMBER_NONE},
        {"''", NUMBER_NONE},
        {"'0'", NUMBER_ODD},
        {"0", NUMBER_ODD},
        {"-4", NUMBER_ODD},
        {"'45 67'", NUMBER_ODD},
        {"'A1'", NUMBER_ODD},
        {"4.5", NUMBER_ODD},
        {"9007199254740993000", NUMBER_ODD},
        {"[]", NUMBER_ODD},
        {"{}", NUMBER_ODD},
        {"true", NUMBER_ODD},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vendor_order order = order_of(arena_printf(arena, "{'TheSSLStoreOrderID':%s}", cases[i].json));
        if (sslstore_order_number(answer.object) != cases[i].is)
            CHECK_TEXT(cases[i].json, "otherwise");
        CHECK_INT(*order.vendor_order_id != '\0', cases[i].is == NUMBER_GOOD);
    }
    CHECK_INT(sslstore_order_number(NULL), NUMBER_NONE);
}

static void dates_in_utc_are_preferred(void)
{
    struct vendor_order order =
        order_of("{'PurchaseDate':'7/23/2026 1:50:20 AM','PurchaseDateInUTC':'7/23/2026 5:50:20 AM',"
                 "'CertificateEndDate':'2/7/2027 1:00:00 AM','CertificateEndDateInUTC':null,"
                 "'OrderExpiryDate':'','OrderExpiryDateInUTC':'1/1/1900 12:00:00 AM'}");
    CHECK_INT(order.purchased_at, 1784785820);
    CHECK_INT(order.certificate_ends_at, 1801962000);
    CHECK_INT(order.subscription_ends_at, 0);
}

static const char example[] = /* sslstore-api.md 9 */
    "{'AuthResponse':{'isError':false,'Message':null,'Timestamp':'','ReplayToken':'corr-0003','"
    "InvokingPartnerCode':''},"
    "'PartnerOrderID':'900111','CustomOrderID':'6f0c1a52','TheSSLStoreOrderID':'4567890','VendorOrderID':'"
    "1200345678',"
    "'RefundRequestID':'','isRefundApproved':false,'TinyOrderLink':'','OrderStatus':{'isTinyOrder':false,"
    "'isTinyOrderClaimed':false,'MajorStatus':'Pending','MinorStatus':'Awaiting domain validation',"
    "'AuthenticationStatuses':null,'AuthenticationComments':null,'OrderNotes':[],'DomainAuthVettingStatus':["
    "{'domain':'www.example.org','dcvMethod':'CNAME','dcvStatus':'Pending','FileName':null,'FileContents':"
    "null,"
    "'DNSName':'_0a1b2c3d4e5f60718293a4b5c6d7e8f9.www.example.org',"
    "'DNSEntry':'00112233445566778899aabbccddeeff.ffeeddccbbaa99887766554433221100.k7qm2zt9xb4rw1ls8vdn."
    "sectigo.com',"
    "'PollStatus':'','LastPollDate':'1/1/1900 12:00:00 "
    "AM'}]},'OrderAmount':'25.00','PurchaseDate':'7/23/2026 1:50:20 AM',"
    "'PurchaseDateInUTC':'7/23/2026 5:50:20 AM','CertificateStartDate':'1/1/1900 12:00:00 AM',"
    "'CertificateEndDate':'1/1/1900 12:00:00 AM','OrderExpiryDateInUTC':'7/23/2027 12:00:00 AM',"
    "'CommonName':'www.example.org','DNSNames':'example.org,shop.example.net','SANCount':2,'ServerCount':1,'"
    "Validity':12,"
    "'AuthFileName':'','AuthFileContent':'','CNAMEAuthName':'_0a1b2c3d4e5f60718293a4b5c6d7e8f9.www.example."
    "org',"
    "'CNAMEAuthValue':'00112233445566778899aabbccddeeff.ffeeddccbbaa99887766554433221100."
    "k7qm2zt9xb4rw1ls8vdn.sectigo.com',"
    "'ProductCode':'positivemdcssl','VendorName':'COMODO','SerialNumber':'','Token':'AAA111#!BBB222','"
    "TokenID':'AAA111',"
    "'TokenCode':'BBB222'}";

static void the_documented_order_is_read_whole(void)
{
    struct vendor_order order = order_of(example);
    CHECK_TEXT(order.vendor_order_id, "4567890");
    CHECK_TEXT(order.custom_order_id, "6f0c1a52");
    CHECK_TEXT(order.partner_order_id, "900111");
    CHECK_TEXT(order.ca_order_id, "1200345678");
    CHECK_INT(order.phase, VENDOR_PENDING);
    CHECK_TEXT(order.major_status, "Pending");
    CHECK_TEXT(order.minor_status, "Awaiting domain validation");
    CHECK_TEXT(order.notes, "");
    CHECK_TEXT(order.product, "positivemdcssl");
    CHECK_TEXT(order.common_name, "www.example.org");
    CHECK_TEXT(string_list_join(arena, &order.names, " "), "www.example.org example.org shop.example.net");
    CHECK_INT(order.amount_cents, 2500);
    CHECK_INT(order.term_months, 12);
    CHECK_INT(order.subscription_ends_at, 1816300800);
    CHECK_INT(order.certificate_ends_at, 0);
    CHECK_INT(order.challenge_count, 1); /* the element and the order's own level are the same record */
    const struct vendor_challenge *challenge = &order.challenges[0];
    CHECK_TEXT(challenge->domain, "www.example.org");
    CHECK_TEXT(challenge->record_type, "CNAME");
    CHECK_TEXT(challenge->record_name, "_0a1b2c3d4e5f60718293a4b5c6d7e8f9.www.example.org");
    CHECK(challenge->file_name == NULL && !challenge->validated);
}

static void null_everywhere_is_nothing(void)
{
    static const char *const texts[] = {
        "{}", "{'AuthResponse':null,'OrderStatus':null,'DNSNames':null,'CommonName':null,'OrderAmount':null}",
        "{'OrderStatus':{'MajorStatus':null,'DomainAuthVettingStatus':null,'OrderNotes':null}}",
        "{'OrderStatus':[],'DNSNames':{},'CommonName':7,'Validity':'many','OrderAmount':{}}",
        "{'OrderStatus':{'DomainAuthVettingStatus':[null,7,[],'x'],'OrderNotes':[null,7]}}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct vendor_order order = order_of(texts[i]);
        CHECK_TEXT(order.vendor_order_id, "");
        CHECK_INT(order.phase, VENDOR_UNKNOWN);
        CHECK_INT(order.amount_cents, -1);
        CHECK_INT(order.challenge_count, 0);
    }
}

static void numbers_may_be_strings_and_members_of_any_case(void)
{
    struct vendor_order order =
        order_of("{'thesslstoreorderid':4567890,'VALIDITY':'24','partnerorderid':17,"
                 "'orderstatus':{'majorstatus':'ACTIVE'},'dnsnames':['A.Example.org','b.example.org'],"
                 "'commonName':'A.example.org.'}");
    CHECK_TEXT(order.vendor_order_id, "4567890");
    CHECK_INT(order.term_months, 24);
    CHECK_TEXT(order.partner_order_id, "17");
    CHECK_INT(order.phase, VENDOR_ACTIVE);
    CHECK_TEXT(string_list_join(arena, &order.names, " "), "a.example.org b.example.org");
}

static void a_product_title_is_no_name(void)
{
    struct vendor_order order =
        order_of("{'CommonName':'PositiveSSL Multi Domain','DNSNames':' , ,example.org,'}");
    CHECK_TEXT(order.common_name, "");
    CHECK_TEXT(string_list_join(arena, &order.names, " "), "example.org");
}

static void status_words_have_phases(void)
{
    static const struct {
        const char *major, *minor;
        enum vendor_phase phase;
    } cases[] = {
        {"Initial", "", VENDOR_INITIAL},       {"Pending", "", VENDOR_PENDING},
        {"pending", "PENDING_REISSUE", VENDOR_PENDING}, {"Active", "", VENDOR_ACTIVE},
        {"Active", "PENDING_REISSUE", VENDOR_REISSUING}, {"ACTIVE", "Pending Reissue", VENDOR_REISSUING},
        {"Cancelled", "", VENDOR_CANCELLED},   {"Canceled", "", VENDOR_CANCELLED},
        {"Order Rejected", "", VENDOR_CANCELLED}, {"Expired", "", VENDOR_EXPIRED},
        {"Issued", "", VENDOR_ACTIVE},         {"Transmogrified", "", VENDOR_UNKNOWN},
        {"", "", VENDOR_UNKNOWN},              {"Not Active", "", VENDOR_UNKNOWN},
        {"Activeish", "", VENDOR_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vendor_order order =
            order_of(arena_printf(arena, "{'OrderStatus':{'MajorStatus':'%s','MinorStatus':'%s'}}",
                                  cases[i].major, cases[i].minor));
        if (order.phase != cases[i].phase)
            CHECK_TEXT(cases[i].major, arena_printf(arena, "phase %d", order.phase));
    }
}

static void notes_are_gathered_and_cleaned(void)
{
    struct vendor_order order =
        order_of("{'OrderStatus':{'AuthenticationComments':'call\\u0007us','OrderNotes':"
                 "[{'Comments':'documents wanted','DateAdded':'x'}],'AuthenticationStatuses':"
                 "[{'AuthenticationStep':'Phone','Status':'Open'}]},'SerialNumber':'00:AB:0c'}");
    CHECK_TEXT(order.notes, "call\xEF\xBF\xBDus; Phone: Open; documents wanted");
    CHECK_TEXT(order.serial, "ab0c");
}

static void secrets_of_an_order_are_not_kept(void)
{
    struct vendor_order order =
        order_of("{'TheSSLStoreOrderID':'1','Token':'QQ1#!QQ2','TokenID':'QQ1','TokenCode':'QQ2',"
                 "'CustomerPassword':'QQ3','CustomerLoginName':'x'}");
    const char *const texts[] = {order.vendor_order_id, order.custom_order_id, order.partner_order_id,
                                 order.ca_order_id,     order.notes,           order.major_status,
                                 order.serial,          order.product};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        CHECK(strstr(texts[i], "QQ") == NULL);
}

/* ---- challenges ---- */

static struct vendor_challenge only_challenge(const char *element)
{
    struct vendor_order order = order_of(arena_printf(
        arena, "{'CommonName':'www.example.org','OrderStatus':{'DomainAuthVettingStatus':[%s]}}", element));
    CHECK_INT(order.challenge_count, 1);
    return order.challenges[0];
}

static void the_type_of_a_record_follows_word_and_shape(void)
{
    static const struct {
        const char *method, *name, *value, *type;
    } cases[] = {
        {"", "_0a.example.org", "aa.bb.sectigo.com", "CNAME"},
        {"", "_0a.example.org", "dcv.digicert.com", "CNAME"},
        {"", "_0a.example.org", "aa.bb.trust-provider.com.", "CNAME"},
        {"", "_dnsauth.example.org", "token0123456789", "TXT"},
        {"", "_dnsauth.example.org", "a=b.c", "TXT"},
        {"", "_dnsauth.example.org", "two words.org", "TXT"},
        {"", "", "token0123456789", "TXT"},
        {"CNAME", "", "dcv.digicert.com", "TXT"}, /* no CNAME at the name itself */
        {"", "example.org", "aa.bb.example.com", "TXT"},
        {"dns_txt_token", "_dnsauth.example.org", "aa.bb.example.com", "TXT"},
        {"dns-txt-token", "_dnsauth.example.org", "aa.bb.example.com", "TXT"},
        {"TXT", "_dnsauth.example.org", "aa.bb.example.com", "TXT"},
        {"dns_cname_token", "_dnsauth.example.org", "token0123456789", "CNAME"},
        {"CNAME", "_0a.example.org", "token0123456789", "CNAME"},
        {"CNAME", "_0a.example.org", "a token", "TXT"}, /* that is no name */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vendor_challenge challenge = only_challenge(
            arena_printf(arena, "{'domain':'example.org','dcvMethod':'%s','DNSName':'%s','DNSEntry':'%s'}",
                         cases[i].method, cases[i].name, cases[i].value));
        if (!text_equal(challenge.record_type, cases[i].type))
            CHECK_TEXT(arena_printf(arena, "%s %s %s", cases[i].method, cases[i].name, cases[i].value),
                       cases[i].type);
    }
}

static void record_names_are_canonical(void)
{
    static const struct {
        const char *domain, *name, *is;
    } cases[] = {
        {"*.example.org", "_AB.*.example.org", "_ab.example.org"},
        {"*.example.org", "*.example.org", "example.org"},
        {"*.example.org", "", "example.org"},
        {"example.org", "_AB.Example.ORG.", "_ab.example.org"},
        {"EXAMPLE.org", "", "example.org"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_TEXT(only_challenge(arena_printf(arena, "{'domain':'%s','DNSName':'%s','DNSEntry':'token'}",
                                               cases[i].domain, cases[i].name))
                       .record_name,
                   cases[i].is);
    CHECK_TEXT(
        only_challenge("{'domain':'*.example.org','DNSName':'_a.example.org','DNSEntry':'x.sectigo.com.'}")
            .domain,
        "*.example.org");
    CHECK_TEXT(
        only_challenge("{'domain':'example.org','DNSName':'_a.example.org','DNSEntry':'x.sectigo.com.'}")
            .record_value,
        "x.sectigo.com");
}

static void files_are_bare_names(void)
{
    static const struct {
        const char *given, *is; /* NULL: not usable */
    } cases[] = {
        {"AB12.txt", "AB12.txt"},
        {"/.well-known/pki-validation/AB12.txt", "AB12.txt"},
        {"http:\\/\\/example.org\\/.well-known\\/pki-validation\\/fileauth.txt", "fileauth.txt"},
        {"..\\\\..\\\\etc\\\\AB12.txt", "AB12.txt"},
        {"../../etc/passwd", "passwd"},
        {"..", NULL}, {".htaccess", NULL}, {"a b.txt", NULL}, {"dir/", NULL}, {"caf\xC3\xA9.txt", NULL},
    };
    log_to(-1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vendor_challenge challenge = only_challenge(arena_printf(
            arena, "{'domain':'example.org','FileName':'%s','FileContents':'abc\\r\\nsectigo.com'}",
            cases[i].given));
        if (!text_equal(challenge.file_name, cases[i].is))
            CHECK_TEXT(challenge.file_name, cases[i].is);
        if (cases[i].is != NULL)
            CHECK_TEXT(challenge.file_content, "abc\r\nsectigo.com"); /* byte for byte */
    }
    CHECK(only_challenge("{'domain':'example.org','FileName':'a.txt','FileContents':'\\u0001'}").file_name ==
          NULL);
    CHECK(only_challenge("{'domain':'example.org','DNSName':'_a.example.org','DNSEntry':'a\\u0001'}")
              .record_name == NULL);
    CHECK(only_challenge("{'domain':'example.org','DNSName':'a b','DNSEntry':'abc'}").record_name == NULL);
    log_to(2);
}

static void status_words_of_a_challenge_are_judged(void)
{
    static const struct {
        const char *word;
        bool validated;
    } cases[] = {
        {"Approved", true},           {"Validated", true},      {"COMPLETED", true},
        {"Complete", true},           {"valid", true},          {"Pending", false},
        {"NotValidated", false},      {"Not Validated", false}, {"not_validated", false},
        {"Invalid", false},           {"Unapproved", false},    {"", false},
        {"Awaiting approval", false}, {"Incomplete", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (only_challenge(arena_printf(arena, "{'domain':'example.org','dcvStatus':'%s'}", cases[i].word))
                .validated != cases[i].validated)
            CHECK_TEXT(cases[i].word, "otherwise");
}

static void both_sources_are_united(void)
{
    /* the order's own level fills the element of the main domain */
    struct vendor_order order =
        order_of("{'CommonName':'www.example.org','CNAMEAuthName':'_a.www.example.org','CNAMEAuthValue':'x."
                 "sectigo.com',"
                 "'OrderStatus':{'DomainAuthVettingStatus':[{'domain':'www.example.org','dcvMethod':'CNAME'},"
                 "{'domain':'example.org','DNSName':'_b.example.org','DNSEntry':'y.sectigo.com'}]}}");
    CHECK_INT(order.challenge_count, 2);
    CHECK_TEXT(order.challenges[0].record_name, "_a.www.example.org");
    /* it stands alone when there is no element */
    order = order_of(
        "{'CommonName':'*.example.org','CNAMEAuthName':'_a.example.org','CNAMEAuthValue':'x.sectigo.com'}");
    CHECK_INT(order.challenge_count, 1);
    CHECK_TEXT(order.challenges[0].domain, "*.example.org");
    CHECK_TEXT(order.challenges[0].record_type, "CNAME");
    /* the same record in another case is not made twice, nor an element that comes twice */
    order = order_of(
        "{'CommonName':'example.org','CNAMEAuthName':'_A.EXAMPLE.org.','CNAMEAuthValue':'x.sectigo.com',"
        "'OrderStatus':{'DomainAuthVettingStatus':[{'domain':'example.org','DNSName':'_a.example.org',"
        "'DNSEntry':'x.sectigo.com'},{'domain':'example.org','DNSName':'_a.example.org','DNSEntry':"
        "'x.sectigo.com'}]}}");
    CHECK_INT(order.challenge_count, 1);
    /* a parent's is the main domain's too, when the order's own level says so */
    order = order_of(
        "{'CommonName':'www.example.org','CNAMEAuthName':'_a.example.org','CNAMEAuthValue':'x.sectigo.com',"
        "'OrderStatus':{'DomainAuthVettingStatus':[{'domain':'example.org','DNSName':'_a.example.org',"
        "'DNSEntry':'x.sectigo.com'}]}}");
    CHECK_INT(order.challenge_count, 2);
    CHECK_TEXT(order.challenges[0].domain, "example.org");
    CHECK_TEXT(order.challenges[1].domain, "www.example.org");
    CHECK_TEXT(order.challenges[1].record_name, "_a.example.org");
    CHECK_TEXT(order.challenges[1].record_type, "CNAME");
    /* another record for the main domain is kept beside */
    order = order_of(
        "{'CommonName':'example.org','CNAMEAuthName':'_z.example.org','CNAMEAuthValue':'x.sectigo.com',"
        "'OrderStatus':{'DomainAuthVettingStatus':[{'domain':'example.org','DNSName':'_a.example.org',"
        "'DNSEntry':'x.sectigo.com'}]}}");
    CHECK_INT(order.challenge_count, 2);
}

#define HASH_FILE                                                                                            \
    "'AuthFileName':'00112233445566778899AABBCCDDEEFF.txt','AuthFileContent':'"                              \
    "00112233445566778899aabbccddeeff"                                                                       \
    "00112233445566778899aabbccddeeff\\nsectigo.com\\nk7'"

static void a_file_named_by_hash_is_for_every_name(void)
{
    struct vendor_order order =
        order_of("{'CommonName':'example.org','DNSNames':'www.example.org,*.example.net'," HASH_FILE "}");
    CHECK_INT(order.challenge_count, 2); /* not for the wildcard */
    CHECK_TEXT(order.challenges[0].domain, "example.org");
    CHECK_TEXT(order.challenges[1].domain, "www.example.org");
    CHECK_TEXT(order.challenges[1].file_name, "00112233445566778899AABBCCDDEEFF.txt"); /* case kept */
    order = order_of(
        "{'CommonName':'example.org'," HASH_FILE ",'OrderStatus':{'DomainAuthVettingStatus':["
        "{'domain':'example.org','dcvMethod':'HTTP'},{'domain':'www.example.org','dcvMethod':'HTTP'},"
        "{'domain':'example.net','dcvMethod':'admin@example.net'}]}}");
    CHECK_INT(order.challenge_count, 3);
    CHECK(order.challenges[0].file_name != NULL && order.challenges[1].file_name != NULL);
    CHECK(order.challenges[2].file_name == NULL);
    order = order_of("{'CommonName':'example.org','DNSNames':'www.example.org','AuthFileName':'fileauth.txt',"
                     "'AuthFileContent':'random'}");
    CHECK_INT(order.challenge_count, 1); /* a random value is of the main domain alone */
}

/* ---- what the answer to an order means (reliability.md 4.3) ---- */

#define OK_ORDER "'TheSSLStoreOrderID':'4567890','CustomOrderID':'cw1-abc'"

static void answers_to_an_order_are_classified(void)
{
    static const struct {
        int status;
        const char *body;
        enum answer_class class;
        enum error_kind kind;
    } cases[] = {
        {200, "{'AuthResponse':{'isError':false}," OK_ORDER "}", ANSWER_ACCEPTED, ERROR_NONE},
        {200, "{'AuthResponse':{'isError':false,'ReplayToken':'r1'}," OK_ORDER "}", ANSWER_ACCEPTED,
         ERROR_NONE},
        {200, "{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':4567890,'CustomOrderID':'cw1-abc'}",
         ANSWER_ACCEPTED, 0},
        {200, "{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':'4567890','CustomOrderID':'CW1-ABC'}",
         ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':'4567890','CustomOrderID':'cw1-abc '}",
         ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':'4567890','CustomOrderID':null}",
         ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':false},'CustomOrderID':'cw1-abc'}", ANSWER_UNKNOWN,
         ERROR_MALFORMED},
        {200,
         "{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':'12345678901234567890','CustomOrderID':'cw1-"
         "abc'}",
         ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':false,'ReplayToken':'other'}," OK_ORDER "}", ANSWER_UNKNOWN,
         ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':true,'Message':['no']}," OK_ORDER "}", ANSWER_UNKNOWN,
         ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':true,'Message':['no']},'VendorOrderID':'12'}", ANSWER_UNKNOWN,
         ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':true,'Message':['no']},'TheSSLStoreOrderID':0}", ANSWER_UNKNOWN,
         ERROR_MALFORMED},
        {200, "{" OK_ORDER "}", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "[{'AuthResponse':{'isError':false}," OK_ORDER "}]", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "[]", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200,
         "{'AuthResponse':{'isError':true,'Message':['ErrorCode:-9009|Message:Vendor returns error: bad']}}",
         ANSWER_REFUSED, ERROR_REFUSED},
        {200,
         "{'AuthResponse':{'isError':true,'Message':['new "
         "words']},'TheSSLStoreOrderID':null,'VendorOrderID':''}",
         ANSWER_REFUSED, ERROR_REFUSED},
        {200, "{'isError':true,'Message':'flat'}", ANSWER_REFUSED, ERROR_REFUSED},
        {200, "[{'AuthResponse':{'isError':true,'Message':['in a list']}}]", ANSWER_REFUSED, ERROR_REFUSED},
        {200,
         "{'AuthResponse':{'isError':true,'Message':['ErrorCode:-9008|Message:Token/Authentication "
         "Failure']}}",
         ANSWER_REFUSED, ERROR_CREDENTIAL},
        {200, "{'AuthResponse':{'isError':true},'isError':false}", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "<html>ok</html>", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {200, "{'AuthResponse':{'isError':false}," OK_ORDER, ANSWER_UNKNOWN, ERROR_MALFORMED},
        {201, "{'AuthResponse':{'isError':false}," OK_ORDER "}", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {302, "", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {400, "{'AuthResponse':{'isError':true,'Message':['no']}}", ANSWER_UNKNOWN, ERROR_MALFORMED},
        {401, "", ANSWER_UNKNOWN, ERROR_CREDENTIAL},
        {403, "", ANSWER_UNKNOWN, ERROR_CREDENTIAL},
        {429, "", ANSWER_UNKNOWN, ERROR_THROTTLED},
        {500, "{'AuthResponse':{'isError':true}}", ANSWER_UNKNOWN, ERROR_UNREACHABLE},
        {503, "", ANSWER_UNKNOWN, ERROR_THROTTLED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *body = json_of(cases[i].body), *evidence = NULL;
        struct http_response response = {.outcome = HTTP_ANSWERED, .status = cases[i].status, .body = body,
                                         .body_length = strlen(body), .content_type = ""};
        struct vendor_order order;
        struct error reason = {0};
        enum answer_class class =
            sslstore_classify(&response, "cw1-abc", "r1", arena, &order, &evidence, &reason);
        if (class != cases[i].class || reason.kind != cases[i].kind)
            CHECK_TEXT(cases[i].body,
                       arena_printf(arena, "%d: class %d, %s", cases[i].status, class, reason.message));
        CHECK(evidence != NULL && *evidence != '\0' && strlen(evidence) <= 120 &&
              strchr(evidence, '\n') == NULL);
        CHECK_INT(reason.kind == ERROR_NONE, class == ANSWER_ACCEPTED);
    }
}

static void every_cut_of_an_answer_is_unknown(void)
{
    const char *whole =
        json_of("{'AuthResponse':{'isError':false,'Message':null,'ReplayToken':'r1'}," OK_ORDER
                ",'OrderStatus':{'MajorStatus':'Pending'}}");
    for (size_t length = 0; length < strlen(whole); length++) {
        struct http_response response = {.outcome = HTTP_ANSWERED,
                                         .status = 200,
                                         .body = arena_strndup(arena, whole, length),
                                         .body_length = length,
                                         .content_type = ""};
        struct vendor_order order;
        const char *evidence;
        CHECK_INT(sslstore_classify(&response, "cw1-abc", "r1", arena, &order, &evidence, &err),
                  ANSWER_UNKNOWN);
    }
}

static void waiting_is_taken_from_retry_after(void)
{
    struct http_response response = {.status = 429, .retry_after_s = 30, .body = ""};
    clock_turn(0);
    CHECK(!sslstore_http_status(&response, &err));
    CHECK(err.retry_at >= clock_now() + 29 && err.retry_at <= clock_now() + 30);
    response.retry_after_s = 100000000;
    CHECK(!sslstore_http_status(&response, &err));
    CHECK(err.retry_at <= clock_now() + 86400);
    response.retry_after_s = 0;
    CHECK(!sslstore_http_status(&response, &err));
    CHECK_INT(err.retry_at, 0);
}

int main(void)
{
    arena = arena_create();
    RUN(dates_in_utc_are_preferred);
    RUN(order_numbers_are_digits);
    RUN(the_documented_order_is_read_whole);
    RUN(null_everywhere_is_nothing);
    RUN(numbers_may_be_strings_and_members_of_any_case);
    RUN(a_product_title_is_no_name);
    RUN(status_words_have_phases);
    RUN(notes_are_gathered_and_cleaned);
    RUN(secrets_of_an_order_are_not_kept);
    RUN(the_type_of_a_record_follows_word_and_shape);
    RUN(record_names_are_canonical);
    RUN(files_are_bare_names);
    RUN(status_words_of_a_challenge_are_judged);
    RUN(both_sources_are_united);
    RUN(a_file_named_by_hash_is_for_every_name);
    RUN(answers_to_an_order_are_classified);
    RUN(every_cut_of_an_answer_is_unknown);
    RUN(waiting_is_taken_from_retry_after);
    answer_release(&answer);
    arena_destroy(arena);
    return CHECK_REPORT();
}
