/* The HTTP client where its caller, its operator or libcurl is odd: nothing is sent that was not meant, and the kind of the
 * error says who can cure it. */
#include "base/http.h"

#include <curl/curl.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "check.h"
#include "failing.h"
#include "http_peer.h"

#define HEAD "HTTP/1.1 200 OK\r\n"

static CURLcode answer_of_curl; /* not CURLE_OK: what the next request ends with, and nothing is sent */

#undef curl_easy_perform
CURLcode curl_easy_perform(CURL *easy)
{
    return answer_of_curl != CURLE_OK ? answer_of_curl : NEXT(curl_easy_perform)(easy);
}
FAILING_LIBRARY(struct curl_slist *, NULL, curl_slist_append, (struct curl_slist * a, const char *b), a, b)
FAILING_LIBRARY(CURLU *, NULL, curl_url, (void), )

static struct arena *arena;
static struct string_list loopback;
static struct http_response response;
static struct error err;

static bool perform(struct http_peer *peer, struct http_request request, const struct string_list *resolve)
{
    struct http_network network = {.allow_addresses = &loopback, .resolve = resolve};
    struct http_client *client = http_client_create(&network);
    http_peer_start(peer);
    err = (struct error){0};
    if (request.method == NULL)
        request.method = "GET";
    const char *format = request.url != NULL ? request.url : "http://127.0.0.1:%d/x";
    request.url = strstr(format, "%d") != NULL
                      ? arena_printf(arena, "http://127.0.0.1:%d%s", peer->port, strstr(format, "%d") + 2)
                      : format;
    bool ok = http_perform(client, &request, arena, &response, &err);
    http_client_destroy(client);
    http_peer_stop(peer);
    return ok;
}

static void what_ends_in_libcurl_has_a_kind(void)
{
    static const struct {
        CURLcode code;
        enum error_kind kind;
    } cases[] = {
        {CURLE_SSL_CACERT_BADFILE, ERROR_CONFIG},    {CURLE_PARTIAL_FILE, ERROR_MALFORMED},
        {CURLE_URL_MALFORMAT, ERROR_MALFORMED},      {CURLE_UNSUPPORTED_PROTOCOL, ERROR_MALFORMED},
        {CURLE_WEIRD_SERVER_REPLY, ERROR_MALFORMED}, {CURLE_BAD_CONTENT_ENCODING, ERROR_MALFORMED},
        {CURLE_TOO_MANY_REDIRECTS, ERROR_MALFORMED}, {CURLE_OUT_OF_MEMORY, ERROR_SYSTEM},
        {CURLE_FAILED_INIT, ERROR_INTERNAL},         {CURLE_BAD_FUNCTION_ARGUMENT, ERROR_INTERNAL},
        {CURLE_UNKNOWN_OPTION, ERROR_INTERNAL},      {CURLE_NOT_BUILT_IN, ERROR_INTERNAL},
        {CURLE_COULDNT_CONNECT, ERROR_UNREACHABLE},  {CURLE_GOT_NOTHING, ERROR_UNREACHABLE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
        answer_of_curl = cases[i].code;
        bool ok = perform(&peer, (struct http_request){.ca_file = i % 2 ? "/own/roots.pem" : NULL}, NULL);
        answer_of_curl = CURLE_OK;
        CHECK(!ok && peer.requests == 0);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK_INT(response.outcome, HTTP_NOT_SENT);
        CHECK(strstr(err.message, "127.0.0.1:") != NULL);
        CHECK(cases[i].code != CURLE_SSL_CACERT_BADFILE ||
              strstr(err.message, "/etc/ssl/certs/ca-certificates.crt") != NULL);
    }
}

static void a_request_that_cannot_be_built_is_not_sent(void)
{
    static const struct http_header no_name[] = {{"", "x"}}, strange[] = {{"a b", "x"}},
                                    foreign[] = {{"caf\xc3\xa9", "x"}}, breaks[] = {{"X-A", "a\r\nX-B: b"}},
                                    deletes[] = {{"X-A", "\x7f"}};
    const struct {
        struct http_request request;
        enum error_kind kind;
    } cases[] = {
        {{.method = ""}, ERROR_INTERNAL},
        {{.method = "GET /"}, ERROR_INTERNAL},
        {{.method = "G\xc3\x89T"}, ERROR_INTERNAL},
        {{.headers = no_name, .header_count = 1}, ERROR_INTERNAL},
        {{.headers = strange, .header_count = 1}, ERROR_INTERNAL},
        {{.headers = foreign, .header_count = 1}, ERROR_INTERNAL},
        {{.headers = breaks, .header_count = 1}, ERROR_CREDENTIAL},
        {{.headers = deletes, .header_count = 1}, ERROR_CREDENTIAL},
        {{.url = "http://127.0.0.1:%d/a b"}, ERROR_CONFIG},
        {{.url = "http://127.0.0.1:%d/\x7f"}, ERROR_CONFIG},
        {{.url = "http://user@127.0.0.1/"}, ERROR_CONFIG},
        {{.url = ""}, ERROR_CONFIG},
        {{.url = "http://"}, ERROR_CONFIG},
        {{.url = "ftp://127.0.0.1/"}, ERROR_CONFIG},
        {{.url = "file:///etc/passwd"}, ERROR_CONFIG},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
        bool ok = perform(&peer, cases[i].request, NULL);
        if (ok || err.kind != cases[i].kind)
            fprintf(stderr, "case %zu: %s %s\n", i, error_kind_name(err.kind), err.message);
        CHECK(!ok && peer.connections == 0);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK_INT(response.outcome, HTTP_NOT_SENT);
    }
    static const struct http_header good[] = {{"X-A", "a"}};
    static const struct {
        const char *name;
        int at;
        enum error_kind kind;
    } calls[] = {{"curl_slist_append", 1, ERROR_SYSTEM},
                 {"curl_slist_append", 2, ERROR_SYSTEM},
                 {"curl_slist_append", 3, ERROR_SYSTEM},
                 {"curl_url", 1, ERROR_CONFIG}};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
        fail_at(calls[i].name, calls[i].at, ENOMEM);
        bool ok = perform(&peer, (struct http_request){.headers = good, .header_count = 1}, NULL);
        CHECK(well());
        CHECK(!ok && peer.connections == 0);
        CHECK_INT(err.kind, calls[i].kind);
    }
}

static void entries_of_resolve_are_used_or_left_out(void)
{
    static const struct {
        const char *entry; /* %d: the far side's port */
        bool reached;
    } cases[] = {
        {"shop.test:80=127.0.0.1:%d", true},
        {"shop.test:80", false},
        {"shop.test=127.0.0.1", false},
        {"shop.test:80=", false},
        {"shop.test:80=:%d", false},
        {"shop.test:80=127.0.0.1:0", false},
        {"shop.test:80=127.0.0.1:65536", false},
        {"shop.test:80=127.0.0.1:x", false},
        {"shop.test:80=localhost:%d", false},
        {"shop.test:80=[::1:%d", false},
        {"shop.test:80=[127.0.0.1]:%d", true},
        {"shop.test:80=1234567890123456789012345678901234567890123456789012345678901234567890:%d", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 2\r\n\r\nok"}};
        struct http_network network = {.allow_addresses = NULL};
        const char *entry;
        struct string_list list = {.items = &entry, .count = 1};
        http_peer_start(&peer);
        const char *mark = strstr(cases[i].entry, "%d");
        entry = mark != NULL
                    ? arena_printf(arena, "%.*s%d", (int)(mark - cases[i].entry), cases[i].entry, peer.port)
                    : cases[i].entry;
        network.resolve = &list;
        struct http_client *client = http_client_create(&network);
        struct http_request request = {
            .method = "GET", .url = "http://shop.test/x", .connect_timeout_ms = 3000, .timeout_ms = 3000};
        bool ok = http_perform(client, &request, arena, &response, &err);
        http_client_destroy(client);
        http_peer_stop(&peer);
        if (ok != cases[i].reached)
            fprintf(stderr, "%s: %s\n", entry, err.message);
        CHECK_INT(ok, cases[i].reached);
        CHECK_INT(peer.requests, cases[i].reached);
    }
    char *long_name = arena_alloc(arena, 800);
    memset(long_name, 'a', 700);
    const char *entry = arena_printf(arena, "%s:80=127.0.0.1:1", long_name);
    struct string_list list = {.items = &entry, .count = 1};
    struct http_network network = {.resolve = &list};
    http_client_destroy(http_client_create(&network));
    const char *good = "shop.test:80=127.0.0.1:1";
    list.items = &good;
    fail_at("curl_slist_append", 1, ENOMEM);
    struct http_client *client = http_client_create(&network);
    CHECK(well());
    http_client_destroy(client);
    http_client_destroy(NULL);
}

static void odd_heads_are_read_for_what_they_say(void)
{
    static const struct {
        const char *answer;
        int64_t date, retry;
        const char *type;
    } cases[] = {
        {HEAD "Date: yesterday\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", 0, 0, ""},
        {HEAD "Date:\r\nRetry-After: -5\r\nContent-Length: 0\r\n\r\n", 0, 0, ""},
        {HEAD "DATE: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 0\r\n\r\n", 784887151, 0, ""},
        {HEAD "Date: Tue, 15 Nov 1994 08:12:31 GMT                                                           "
              "           \r\nContent-Length: 0\r\n\r\n",
         0, 0, ""},
        {HEAD "Dat: x\r\nContent-Type: a\tb\r\nContent-Length: 0\r\n\r\n", 0, 0, "a b"},
        {"HTTP/1.1 100 Continue\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n" HEAD
         "Content-Length: 0\r\n\r\n",
         0, 0, ""},
        {HEAD "Content-Length: 0\n\n", 0, 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {cases[i].answer}};
        CHECK_OK(perform(&peer, (struct http_request){0}, NULL), err);
        CHECK_INT(response.date, cases[i].date);
        CHECK_INT(response.retry_after_s, cases[i].retry);
        CHECK(*cases[i].type == '\0' || *response.content_type != '\0');
    }
}

static void a_body_that_is_none_goes_out_with_its_length(void)
{
    static const struct {
        const char *method, *line;
        bool length;
    } cases[] = {{"PUT", "PUT /x HTTP/1.1\r\n", true},
                 {"POST", "POST /x HTTP/1.1\r\n", true},
                 {"DELETE", "DELETE /x HTTP/1.1\r\n", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
        CHECK_OK(perform(&peer, (struct http_request){.method = cases[i].method}, NULL), err);
        CHECK(strncmp(peer.last, cases[i].line, strlen(cases[i].line)) == 0);
        CHECK_INT(strstr(peer.last, "Content-Length: 0\r\n") != NULL, cases[i].length);
    }
}

int main(void)
{
    static const char *const ranges[] = {"127.0.0.0/8"};
    http_setup();
    log_setup(LOG_LOGFMT, LOG_ERROR);
    arena = arena_create();
    string_list_push(arena, &loopback, ranges[0]);
    RUN(what_ends_in_libcurl_has_a_kind);
    RUN(a_request_that_cannot_be_built_is_not_sent);
    RUN(entries_of_resolve_are_used_or_left_out);
    RUN(odd_heads_are_read_for_what_they_say);
    RUN(a_body_that_is_none_goes_out_with_its_length);
    arena_destroy(arena);
    return CHECK_REPORT();
}
