/* Our client against a stand-in of its own (sslstore_stand_in.h), which answers in every odd way that is
 * documented (sslstore-api.md 3, 4, 14) and some that the network adds. The shipped sandbox has no part in
 * this. */
#include "reconcilers/issuer/issuer.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/log.h"
#include "base/secret.h"
#include "check.h"
#include "schema/catalogue.h"
#include "schema/operator.h"
#include "sslstore_stand_in.h"

/* ---- a time limit that a test can shorten ---- */

static long asked_timeout_ms, short_timeout_ms;

/* Stands before libcurl's own, so that a time-out is tried without waiting 150 seconds, and the 150 are seen.
 */
#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    static CURLcode (*real)(CURL *, CURLoption, ...);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "curl_easy_setopt");
    va_list args;
    va_start(args, option);
    void *value = va_arg(args, void *);
    va_end(args);
    if (option == CURLOPT_TIMEOUT_MS) {
        asked_timeout_ms = (long)(intptr_t)value;
        if (short_timeout_ms > 0)
            return real(curl, option, short_timeout_ms);
    }
    return real(curl, option, value);
}

/* ---- the test's own side ---- */

static struct arena *arena;
static struct context ctx;
static struct issuer_account account;
static struct error err;
static const struct issuer_ops *const ops = &issuer_sslstore;

static int asked_count(void)
{
    pthread_mutex_lock(&far.lock);
    int count = far.count;
    pthread_mutex_unlock(&far.lock);
    return count;
}

static const struct product positivessl = {
    .code = "positivessl", .family = FAMILY_SECTIGO, .www_included = true};
#define OUR_ID "cw1-abcdefghijklmnopqrstuvwxyz234567"

static const char *frozen_order(void)
{
    static const char *names[] = {"www.example.org"};
    static const enum dcv_method methods[] = {DCV_DNS};
    static const char *const approvers[] = {NULL};
    struct order_request request = {.custom_order_id = OUR_ID, .product = &positivessl, .term_months = 12,
                                    .server_count = 1, .csr = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n",
                                    .common_name = names[0], .names = {names, 1}, .methods = methods,
                                    .approvers = approvers, .unique_value = "u1"};
    struct buffer out = {0};
    CHECK_OK(ops->order_freeze(&request, &account, arena, &out, &err), err);
    const char *frozen = arena_strdup(arena, buffer_text(&out));
    buffer_release(&out);
    return frozen;
}

static struct vendor_order order;
static const char *evidence;

static enum answer_class place(int64_t deadline_ms)
{
    evidence = NULL;
    err = (struct error){0};
    return ops->order_place(&ctx, &account, frozen_order(), OUR_ID, deadline_ms, &order, &evidence, &err);
}

#define PLACED                                                                                               \
    "{" FINE ",'TheSSLStoreOrderID':'4567890','CustomOrderID':'" OUR_ID                                      \
    "','OrderStatus':{'MajorStatus':'Pending'}}"
#define AUTH_FAILURE                                                                                         \
    "{'AuthResponse':{'isError':true,'Message':['ErrorCode:-9008|Message:Token/Authentication "              \
    "Failure'],'ReplayToken':'%R'}}"

/* ---- placing ---- */

static void an_order_is_sent_as_frozen_and_accepted(void)
{
    SCRIPT({.body = PLACED});
    CHECK_INT(place(0), ANSWER_ACCEPTED);
    CHECK_TEXT(order.vendor_order_id, "4567890");
    CHECK_TEXT(evidence, "HTTP 200, accepted, order 4567890");
    CHECK_INT(asked_count(), 1);
    CHECK_INT(asked_timeout_ms, 150000);
    const char *asked = far.asked[0];
    CHECK(text_has_prefix(asked, "POST /rest/order/neworder/ HTTP/1.1\r\n"));
    CHECK(strcasestr(asked, "\r\nContent-Type: application/json; charset=utf-8\r\n") != NULL);
    CHECK(strcasestr(asked, "\r\nAccept: application/json\r\n") != NULL);
    CHECK(strcasestr(asked, "\r\nExpect:") == NULL && strcasestr(asked, "\r\nAuthorization:") == NULL);
    CHECK(strcasestr(asked, "\r\nAccept-Encoding:") == NULL);
    const char *body = strstr(asked, "\r\n\r\n") + 4, *frozen = frozen_order();
    const char *rest = strstr(frozen, ",\"UserAgent\"");
    CHECK(text_has_prefix(body, "{\"AuthRequest\":{\"PartnerCode\":\"10012345\",\"AuthToken\":\"s3cr3t-"
                                "t0ken\",\"ReplayToken\":\"cw-"));
    CHECK(text_has_suffix(body, rest)); /* behind the two values, byte for byte what was frozen */
}

static void every_order_has_a_connection_of_its_own(void)
{
    SCRIPT({.body = "{'isError':false,'ReplayToken':'%R'}"}, {.body = PLACED}, {.body = PLACED},
           {.body = "{'isError':false,'ReplayToken':'%R'}"});
    CHECK_OK(ops->check(&ctx, &account, &err), err);
    pthread_mutex_lock(&far.lock);
    int before = far.connections; /* the question may have taken up an older connection */
    pthread_mutex_unlock(&far.lock);
    CHECK_INT(place(0), ANSWER_ACCEPTED);
    CHECK_INT(place(0), ANSWER_ACCEPTED);
    CHECK_INT(far.connections, before + 2);
    char *first = member_of(far.asked[1], "ReplayToken"), *second = member_of(far.asked[2], "ReplayToken");
    bool differ = strcmp(first, second) != 0;
    free(first);
    free(second);
    CHECK(differ);
}

/* One thing after another goes wrong; what class, what kind, and never a second request. */
static void faults_on_the_order_call_are_unknown(void)
{
    static const struct {
        struct reply reply;
        enum error_kind kind;
    } cases[] = {
        {{.fault = DROP}, ERROR_UNREACHABLE},
        {{.fault = RESET}, ERROR_UNREACHABLE},
        {{.fault = CUT, .body = PLACED}, ERROR_MALFORMED},
        {{.fault = GARBAGE}, ERROR_NONE},
        {{.fault = SILENCE}, ERROR_UNREACHABLE},
        {{.fault = HUGE}, ERROR_MALFORMED},
        {{.body = "<html><title>Sorry</title></html>"}, ERROR_MALFORMED},
        {{.status = 200, .body = ""}, ERROR_MALFORMED},
        {{.status = 204, .body = ""}, ERROR_MALFORMED},
        {{.status = 301, .headers = "Location: /rest/order/neworder/\r\n", .body = ""}, ERROR_MALFORMED},
        {{.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n", .body = PLACED}, ERROR_MALFORMED},
        {{.status = 307, .headers = "Location: /rest/order/neworder/\r\n", .body = ""}, ERROR_MALFORMED},
        {{.status = 400, .body = "bad"}, ERROR_MALFORMED},
        {{.status = 401, .headers = "WWW-Authenticate: Basic realm=x\r\n", .body = ""}, ERROR_CREDENTIAL},
        {{.status = 403, .body = ""}, ERROR_CREDENTIAL},
        {{.status = 404, .body = "<html>"}, ERROR_MALFORMED},
        {{.status = 429, .headers = "Retry-After: 7\r\n", .body = ""}, ERROR_THROTTLED},
        {{.status = 500, .body = "<html>"}, ERROR_UNREACHABLE},
        {{.status = 502, .body = "<html>"}, ERROR_UNREACHABLE},
        {{.status = 503, .headers = "Retry-After: 7\r\n", .body = ""}, ERROR_THROTTLED},
        {{.body = "{" FINE ",'TheSSLStoreOrderID':'1','CustomOrderID':'cw1-other'}"}, ERROR_MALFORMED},
        {{.body = "{'AuthResponse':{'isError':false,'ReplayToken':'stale'},'TheSSLStoreOrderID':'1','"
                  "CustomOrderID':'" OUR_ID "'}"},
         ERROR_MALFORMED},
        {{.body = "{'AuthResponse':{'isError':true,'Message':['x']},'TheSSLStoreOrderID':'1'}"},
         ERROR_MALFORMED},
        {{.body = "[" PLACED "]"}, ERROR_MALFORMED},
        {{.body = "{" FINE "}"}, ERROR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        short_timeout_ms = cases[i].reply.fault == SILENCE ? 200 : 0;
        script(1, &cases[i].reply);
        enum answer_class class = place(0);
        short_timeout_ms = 0;
        if (class != ANSWER_UNKNOWN || (cases[i].kind != ERROR_NONE && err.kind != cases[i].kind))
            CHECK_TEXT(arena_printf(arena, "case %zu: class %d, %s", i, class, err.message), "UNKNOWN");
        CHECK(evidence != NULL && strlen(evidence) <= 120 && strlen(evidence) > 3);
        CHECK_INT(asked_count(), 1);
    }
}

static void retry_after_is_kept(void)
{
    SCRIPT({.status = 429, .headers = "Retry-After: 7\r\n", .body = ""});
    int64_t now = clock_now();
    CHECK_INT(place(0), ANSWER_UNKNOWN);
    CHECK(err.retry_at >= now + 7 && err.retry_at <= now + 9);
}

static void well_formed_errors_are_refusals(void)
{
    SCRIPT({.body =
                "{'AuthResponse':{'isError':true,'Message':['ErrorCode:-9009|Message:Vendor returns error: "
                "apprepcountryname is invalid'],'ReplayToken':'%R'},'TheSSLStoreOrderID':null}"});
    CHECK_INT(place(0), ANSWER_REFUSED);
    CHECK_INT(err.kind, ERROR_MANIFEST);
    CHECK(strstr(err.message, "apprepcountryname") != NULL && strstr(err.message, "-9009") != NULL);
    SCRIPT({.body = AUTH_FAILURE});
    CHECK_INT(place(0), ANSWER_REFUSED);
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    SCRIPT({.body = "{'isError':'True','Message':'Insufficient account balance'}"});
    CHECK_INT(place(0), ANSWER_REFUSED);
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
}

static void what_never_left_is_not_sent(void)
{
    struct issuer_account nowhere = account;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound and not listening: refuses */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    CHECK(bind(probe, (struct sockaddr *)&address, size) == 0 &&
          getsockname(probe, (struct sockaddr *)&address, &size) == 0);
    nowhere.url = arena_printf(arena, "http://127.0.0.1:%d/rest/", ntohs(address.sin_port));
    enum answer_class class =
        ops->order_place(&ctx, &nowhere, frozen_order(), OUR_ID, 0, &order, &evidence, &err);
    close(probe);
    CHECK_INT(class, ANSWER_NOT_SENT);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    CHECK(text_has_prefix(evidence, "not sent: "));
    SCRIPT({.body = PLACED});
    CHECK_INT(place(clock_boot_ms() - 1), ANSWER_NOT_SENT); /* the deadline is over */
    CHECK_INT(asked_count(), 0);
    SCRIPT({.body = PLACED});
    CHECK_INT(ops->order_place(&ctx, &account, "{}", OUR_ID, 0, &order, &evidence, &err), ANSWER_NOT_SENT);
    CHECK_INT(err.kind, ERROR_INTERNAL);
    CHECK_INT(asked_count(), 0);
}

static void the_token_is_in_no_message(void)
{
    SCRIPT(
        {.body =
             "{'AuthResponse':{'isError':true,'Message':['token %T is bad, I say %T'],'ReplayToken':'%R'}}"},
        {.body = "{'isError':true,'Message':'%T'}"});
    CHECK_INT(place(0), ANSWER_REFUSED);
    CHECK(strstr(err.message, "s3cr3t") == NULL && strstr(evidence, "s3cr3t") == NULL);
    CHECK(strstr(err.message, "************ is bad") != NULL);
    CHECK(!ops->check(&ctx, &account, &err));
    CHECK(strstr(err.message, "s3cr3t") == NULL);
}

/* ---- asking ---- */

static void check_tells_good_from_bad(void)
{
    static const struct {
        struct reply reply;
        enum error_kind kind; /* NONE: accepted */
    } cases[] = {
        {{.body =
              "{'isError':false,'Message':null,'Timestamp':'','ReplayToken':'%R','InvokingPartnerCode':''}"},
         ERROR_NONE},
        {{.body = "\xEF\xBB\xBF{'AuthResponse':{'IsError':'false'}}"}, ERROR_NONE},
        {{.body = AUTH_FAILURE}, ERROR_CREDENTIAL},
        {{.body = "{'isError':true,'Message':['no idea']}"}, ERROR_CREDENTIAL},
        {{.body = "{'isError':true,'Message':['under maintenance']}"}, ERROR_UNREACHABLE},
        {{.body = "{'isError':false,'ReplayToken':'of somebody else'}"}, ERROR_MALFORMED},
        {{.body = "{'Status':'OK'}"}, ERROR_MALFORMED},
        {{.body = "<html>"}, ERROR_MALFORMED},
        {{.status = 401, .body = ""}, ERROR_CREDENTIAL},
        {{.status = 403, .body = "{'isError':false}"}, ERROR_CREDENTIAL},
        {{.status = 429, .body = ""}, ERROR_THROTTLED},
        {{.status = 302, .headers = "Location: /\r\n", .body = ""}, ERROR_MALFORMED},
        {{.status = 500, .body = ""}, ERROR_UNREACHABLE},
        {{.fault = CUT, .body = "{'isError':false,'Message':null}"}, ERROR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        script(1, &cases[i].reply);
        err = (struct error){0};
        bool ok = ops->check(&ctx, &account, &err);
        if (ok != (cases[i].kind == ERROR_NONE) || err.kind != cases[i].kind)
            CHECK_TEXT(arena_printf(arena, "case %zu: %s", i, err.message), error_kind_name(cases[i].kind));
    }
    CHECK(text_has_prefix(far.asked[0], "POST /rest/health/validate/ "));
    CHECK(strstr(far.asked[0], "AuthRequest") == NULL); /* flat */
}

static void status_tells_absent_from_unknown(void)
{
    static const struct {
        struct reply reply;
        const char *number, *id;
        enum error_kind kind; /* NONE: found */
    } cases[] = {
        {{.body = PLACED}, NULL, OUR_ID, ERROR_NONE},
        {{.body = PLACED}, "4567890", OUR_ID, ERROR_NONE},
        {{.body = "[" PLACED "]"}, "4567890", NULL, ERROR_NONE},
        {{.body = PLACED}, NULL, "cw1-another", ERROR_MALFORMED},
        {{.body = PLACED}, "99", NULL, ERROR_MALFORMED},
        {{.body = PLACED}, "4567890", "cw1-another", ERROR_MALFORMED},
        {{.body = "{" FINE ",'TheSSLStoreOrderID':'4567890','CustomOrderID':''}"},
         NULL,
         OUR_ID,
         ERROR_MALFORMED},
        {{.body = "{" FINE ",'TheSSLStoreOrderID':'4567890','CustomOrderID':''}"},
         "4567890",
         OUR_ID,
         ERROR_NONE},
        {{.body = "{'TheSSLStoreOrderID':'4567890','CustomOrderID':'" OUR_ID "'}"}, NULL, OUR_ID, ERROR_NONE},
        {{.body = "{" FINE ",'TheSSLStoreOrderID':''}"}, NULL, OUR_ID, ERROR_NOT_FOUND},
        {{.body = "{" FINE ",'TheSSLStoreOrderID':null}"}, NULL, OUR_ID, ERROR_NOT_FOUND},
        {{.body = "{'AuthResponse':{'isError':true,'Message':['Order not found']}}"},
         NULL,
         OUR_ID,
         ERROR_NOT_FOUND},
        {{.body = "{'AuthResponse':{'isError':true,'Message':'ErrorCode:-9001|Message:The order does not "
                  "exist'}}"},
         NULL,
         OUR_ID,
         ERROR_NOT_FOUND},
        {{.body = "{'AuthResponse':{'isError':true,'Message':['Order not found']},'TheSSLStoreOrderID':'4'}"},
         NULL,
         OUR_ID,
         ERROR_MALFORMED},
        {{.body = AUTH_FAILURE}, NULL, OUR_ID, ERROR_CREDENTIAL},
        {{.body = "{'AuthResponse':{'isError':true,'Message':['Token not found: Authentication']}}"},
         NULL,
         OUR_ID,
         ERROR_CREDENTIAL},
        {{.body = "{'AuthResponse':{'isError':true,'Message':['words nobody knows']}}"},
         NULL,
         OUR_ID,
         ERROR_MALFORMED},
        {{.body = "{'AuthResponse':{'isError':true,'Message':['request timed out']}}"},
         NULL,
         OUR_ID,
         ERROR_UNREACHABLE},
        {{.body = "{}"}, NULL, OUR_ID, ERROR_MALFORMED},
        {{.body = "[]"}, NULL, OUR_ID, ERROR_MALFORMED},
        {{.body = "[{'AuthResponse':{'isError':false},'TheSSLStoreOrderID':null}]"},
         NULL,
         OUR_ID,
         ERROR_MALFORMED},
        {{.body = "<html>not found</html>"}, NULL, OUR_ID, ERROR_MALFORMED},
        {{.status = 404, .body = "<html>not found</html>"}, NULL, OUR_ID, ERROR_MALFORMED},
        {{.status = 401, .body = ""}, NULL, OUR_ID, ERROR_CREDENTIAL},
        {{.status = 503, .headers = "Retry-After: 3\r\n", .body = ""}, NULL, OUR_ID, ERROR_THROTTLED},
        {{.fault = DROP}, NULL, OUR_ID, ERROR_UNREACHABLE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        script(1, &cases[i].reply);
        err = (struct error){0};
        bool ok = ops->order_status(&ctx, &account, cases[i].number, cases[i].id, &order, &err);
        if (ok != (cases[i].kind == ERROR_NONE) || err.kind != cases[i].kind)
            CHECK_TEXT(arena_printf(arena, "case %zu: %s", i, err.message), error_kind_name(cases[i].kind));
        if (ok)
            CHECK_TEXT(order.vendor_order_id, "4567890");
    }
}

/* A page of `count` orders, numbered from `first`. */
static const char *page(int first, int count)
{
    struct buffer out = {0};
    buffer_puts(&out, "[");
    for (int i = 0; i < count; i++)
        buffer_printf(&out, "%s{'AuthResponse':%s,'TheSSLStoreOrderID':'%d'}", i > 0 ? "," : "",
                      i == 0 ? "{'isError':false,'ReplayToken':'%R'}" : "null", first + i);
    buffer_puts(&out, "]");
    const char *text = arena_strdup(arena, buffer_text(&out));
    buffer_release(&out);
    return text;
}

static bool list(size_t *count)
{
    struct vendor_order *orders = NULL;
    *count = 777;
    err = (struct error){0};
    return ops->order_list(&ctx, &account, 1408320000, 1414368000, &orders, count, &err);
}

static void every_page_of_the_list_is_read(void)
{
    size_t count;
    SCRIPT({.body = page(1, 100)}, {.body = page(100, 100)},
           {.body = page(200, 30)}); /* one has moved a page down */
    CHECK_OK(list(&count), err);
    CHECK_INT(count, 229);
    CHECK_INT(asked_count(), 3);
    CHECK(strstr(far.asked[2], "\"PageNumber\":3") != NULL);
    CHECK(strstr(far.asked[0], "\"StartDate\":\"\\/Date(1408320000000)\\/\"") != NULL);
    SCRIPT({.body = page(1, 100)}, {.body = "[]"});
    CHECK_OK(list(&count), err);
    CHECK_INT(count, 100);
    SCRIPT({.body = page(1, 250)}, {.body = page(1, 250)}); /* a service that knows no pages */
    CHECK_OK(list(&count), err);
    CHECK_INT(count, 250);
}

static void an_empty_list_has_many_spellings(void)
{
    static const char *const spellings[] = {
        "[]",
        "[{'AuthResponse':{'isError':false,'Message':null,'ReplayToken':'%R'},'TheSSLStoreOrderID':null}]",
        "[{'AuthResponse':{'isError':true,'Message':['No orders found']}}]",
        "{'AuthResponse':{'isError':true,'Message':['No record found']}}",
    };
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        size_t count;
        SCRIPT({.body = spellings[i]});
        CHECK_OK(list(&count), err);
        CHECK_INT(count, 0);
    }
}

static void a_page_that_fails_fails_the_list(void)
{
    static const struct {
        struct reply second;
        enum error_kind kind;
    } cases[] = {
        {{.body = AUTH_FAILURE}, ERROR_CREDENTIAL},
        {{.body = "[" AUTH_FAILURE "]"}, ERROR_CREDENTIAL},
        {{.body = "[{'TheSSLStoreOrderID':'500'},{'AuthResponse':{'isError':true,'Message':['odd']}}]"},
         ERROR_MALFORMED},
        {{.body = "[{'TheSSLStoreOrderID':'500'},{'TheSSLStoreOrderID':null}]"}, ERROR_MALFORMED},
        {{.body = "[{'TheSSLStoreOrderID':'none'}]"}, ERROR_MALFORMED},
        {{.body = "{'AuthResponse':{'isError':false}}"}, ERROR_MALFORMED},
        {{.body = "[null]"}, ERROR_MALFORMED},
        {{.status = 500, .body = ""}, ERROR_UNREACHABLE},
        {{.fault = CUT, .body = "[{'TheSSLStoreOrderID':'500'}]"}, ERROR_MALFORMED},
        {{.fault = DROP}, ERROR_UNREACHABLE},
        {{.body = "<html>"}, ERROR_MALFORMED},
    };
    const char *first = page(1, 100);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t count;
        struct reply both[] = {{.body = first}, cases[i].second};
        script(2, both);
        if (list(&count) || err.kind != cases[i].kind)
            CHECK_TEXT(arena_printf(arena, "case %zu: %s", i, err.message), error_kind_name(cases[i].kind));
        CHECK_INT(count, 777); /* results are written only on success */
        CHECK(text_has_prefix(err.message, "listing orders, page 2: "));
    }
    size_t count;
    SCRIPT({.body = first}, {.body = first}); /* the same full page again: what lies behind it is hidden */
    CHECK(!list(&count));
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

static void the_other_questions_work(void)
{
    struct price_list prices;
    struct string_list approvers;
    struct span *files;
    size_t count;
    SCRIPT({.body = "[{'AuthResponse':{'isError':false,'ReplayToken':'%R'},'ProductCode':'positivessl','"
                    "CurrencyCode':'USD',"
                    "'PricingInfo':[{'NumberOfMonths':12,'NumberOfServer':1,'Price':'7.50'}]}]"},
           {.body =
                "{" FINE ",'ApproverEmailList':['none','admin@example.org'],'baseDomainName':'example.org'}"},
           {.body = "{" FINE ",'Certificates':[{'FileName':'x','FileContent':'PEM'}]}"},
           {.body = "{'isError':false,'Message':null,'ReplayToken':'%R'}"});
    CHECK_OK(ops->prices(&ctx, &account, &prices, &err), err);
    CHECK_INT(price_of(&prices, "positivessl", 12, 1, 1, 0, NULL), 750);
    CHECK_OK(ops->approvers(&ctx, &account, "positivessl", "example.org", &approvers, &err), err);
    CHECK_INT(approvers.count, 1);
    CHECK_OK(ops->order_download(&ctx, &account, "4567890", &files, &count, &err), err);
    CHECK_INT(count, 1);
    CHECK_OK(ops->order_resend(&ctx, &account, "4567890", "example.org", &err), err);
    CHECK(text_has_prefix(far.asked[0], "POST /rest/product/query/ "));
    CHECK(text_has_prefix(far.asked[1], "POST /rest/order/approverlist/ "));
    CHECK(text_has_prefix(far.asked[2], "POST /rest/order/download/ "));
    CHECK(text_has_prefix(far.asked[3], "POST /rest/order/resend/ "));
}

static void refusals_of_questions_are_told(void)
{
    struct string_list approvers;
    struct span *files;
    size_t count;
    SCRIPT({.body = "{'isError':true,'Message':['This order is not pending']}"},
           {.body = "{'AuthResponse':{'isError':true,'Message':['Domain not supported']}}"},
           {.body = "{'AuthResponse':{'isError':true,'Message':['still working on it']}}"}, {.body = "{}"},
           {.body = "{}"},
           {.body = "{'AuthResponse':{'isError':true,'Message':['The certificate is not issued yet']}}"});
    err = (struct error){0};
    CHECK(!ops->order_resend(&ctx, &account, "4567890", NULL, &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(!ops->approvers(&ctx, &account, "positivessl", "example.org", &approvers, &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(!ops->order_download(&ctx, &account, "4567890", &files, &count, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED); /* a paid certificate is asked for again */
    CHECK(!ops->order_resend(&ctx, &account, "4567890", NULL, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK(!ops->approvers(&ctx, &account, "positivessl", "example.org", &approvers, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    CHECK_OK(ops->order_download(&ctx, &account, "4567890", &files, &count, &err), err);
    CHECK_INT(count, 0); /* none yet is no failure */
}

/* ---- opening ---- */

static void an_account_opens_with_endpoint_and_token(void)
{
    char folder[] = "/tmp/certwright-test-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    struct endpoint endpoint = {
        .name = "offline", .url = "https://127.0.0.1:14443/rest", .ca = "/ca.pem", .sandbox = true};
    struct operator_config config = {.secrets_directory = folder, .endpoints = &endpoint, .endpoint_count = 1,
                                     .requests_per_second = 5};
    struct context own = {.arena = arena, .config = &config};
    struct issuer spec = {.sslstore = {.environment = "offline", .partner_code = "10012345",
                                       .auth_token_secret_ref = {.name = "sslstore", .key = "auth-token"}}};
    struct resource issuer = {.kind = KIND_ISSUER, .name = "main", .issuer = &spec};
    struct issuer_account opened;
    const char *directory = arena_printf(arena, "%s/sslstore", folder),
               *path = arena_printf(arena, "%s/auth-token", directory);

    bool missing = !issuer_account_open(&own, &issuer, &opened, &err) && err.kind == ERROR_CREDENTIAL &&
                   strstr(err.message, path) != NULL && strstr(err.message, "mode 0400") != NULL;
    mkdir(directory, 0700);
    FILE *file = fopen(path, "w");
    fputs("s3cr3t\n", file);
    fclose(file);
    chmod(path, 0400);
    bool opens = issuer_account_open(&own, &issuer, &opened, &err);
    bool right = opens && strcmp(opened.url, "https://127.0.0.1:14443/rest/") == 0 && opened.sandbox &&
                 strcmp(secret_bytes(opened.token), "s3cr3t") == 0 && opened.requests_per_second == 5;
    if (opens)
        issuer_account_close(&opened);
    chmod(path, 0600);
    file = fopen(path, "w");
    fputs("two words\n", file);
    fclose(file);
    bool blank = !issuer_account_open(&own, &issuer, &opened, &err) && err.kind == ERROR_CREDENTIAL &&
                 strstr(err.message, "two words") == NULL;
    spec.sslstore.environment = "elsewhere";
    bool unknown = !issuer_account_open(&own, &issuer, &opened, &err) && err.kind == ERROR_CONFIG;
    unlink(path);
    rmdir(directory);
    rmdir(folder);
    CHECK(missing);
    CHECK(right);
    CHECK(blank);
    CHECK(unknown);
}

int main(void)
{
    http_setup();
    log_setup(LOG_LOGFMT, LOG_ERROR);
    start_stand_in();
    arena = arena_create();
    ctx = (struct context){.arena = arena, .http = http_client_create(NULL)};
    account = (struct issuer_account){.name = "main",
                                      .partner_code = "10012345",
                                      .token = secret_create("s3cr3t-t0ken", 12),
                                      .url = arena_printf(arena, "http://127.0.0.1:%d/rest/", far.port)};
    RUN(an_order_is_sent_as_frozen_and_accepted);
    RUN(every_order_has_a_connection_of_its_own);
    RUN(faults_on_the_order_call_are_unknown);
    RUN(retry_after_is_kept);
    RUN(well_formed_errors_are_refusals);
    RUN(what_never_left_is_not_sent);
    RUN(the_token_is_in_no_message);
    RUN(check_tells_good_from_bad);
    RUN(status_tells_absent_from_unknown);
    RUN(every_page_of_the_list_is_read);
    RUN(an_empty_list_has_many_spellings);
    RUN(a_page_that_fails_fails_the_list);
    RUN(the_other_questions_work);
    RUN(refusals_of_questions_are_told);
    RUN(an_account_opens_with_endpoint_and_token);
    issuer_account_close(&account);
    http_client_destroy(ctx.http);
    stop_stand_in();
    arena_destroy(arena);
    return CHECK_REPORT();
}
