/* The HTTP client against a far side that misbehaves. */
#include "base/http.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "check.h"
#include "http_peer.h"

#define HEAD "HTTP/1.1 200 OK\r\n"

static struct arena *arena;
static struct string_list loopback;

static const char *url_of(const struct http_peer *peer)
{
    return arena_printf(arena, "http://127.0.0.1:%d/x", peer->port);
}

static bool perform(struct http_peer *peer, struct http_request *request, struct http_response *out,
                    struct error *err)
{
    struct http_network network = {.allow_addresses = &loopback};
    struct http_client *client = http_client_create(&network);
    http_peer_start(peer);
    if (request->method == NULL)
        request->method = "GET";
    if (request->url == NULL)
        request->url = url_of(peer);
    bool ok = http_perform(client, request, arena, out, err);
    http_client_destroy(client);
    http_peer_stop(peer);
    return ok;
}

static void an_answer_arrives_whole(void)
{
    struct http_peer peer = {
        .answers = {HEAD "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Type: application/json\r\n"
                         "Retry-After: 120\r\nContent-Length: 7\r\n\r\n{\"a\":1}"}};
    struct http_request request = {0};
    struct http_response response;
    struct error err = {0};
    CHECK_OK(perform(&peer, &request, &response, &err), err);
    CHECK_INT(response.outcome, HTTP_ANSWERED);
    CHECK_INT(response.status, 200);
    CHECK_TEXT(response.body, "{\"a\":1}");
    CHECK_INT(response.body_length, 7);
    CHECK_TEXT(response.content_type, "application/json");
    CHECK_INT(response.date, 784887151);
    CHECK_INT(response.retry_after_s, 120);
}

static void a_status_of_any_kind_is_an_answer(void)
{
    struct http_peer peer = {.answers = {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"}};
    struct http_request request = {0};
    struct http_response response;
    struct error err = {0};
    CHECK_OK(perform(&peer, &request, &response, &err), err);
    CHECK_INT(response.status, 503);
    CHECK_TEXT(response.body, "");
    CHECK_TEXT(response.content_type, "");
    CHECK_INT(response.date, 0);
}

static void what_goes_out_is_what_was_asked_and_no_more(void)
{
    struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
    struct http_header headers[] = {{"Content-Type", "application/json; charset=utf-8"}, {"X-Empty", ""}};
    char body[3000];
    memset(body, 'b', sizeof body); /* large enough for libcurl's Expect, were it not taken away */
    struct http_request request = {
        .method = "POST", .headers = headers, .header_count = 2, .body = body, .body_length = sizeof body};
    struct http_response response;
    struct error err = {0};
    CHECK_OK(perform(&peer, &request, &response, &err), err);
    CHECK(strncmp(peer.last, "POST /x HTTP/1.1\r\n", 18) == 0);
    CHECK(strcasestr(peer.last, "\nexpect") == NULL);
    CHECK(strcasestr(peer.last, "\nauthorization") == NULL &&
          strcasestr(peer.last, "\naccept-encoding") == NULL);
    CHECK(strstr(peer.last, "\r\nContent-Length: 3000\r\n") != NULL);
    CHECK(strstr(peer.last, "\r\nContent-Type: application/json; charset=utf-8\r\n") != NULL);
    CHECK(strstr(peer.last, "\r\nX-Empty:") != NULL);
    CHECK(strstr(peer.last, "\r\nUser-Agent: certwright/") != NULL);
    CHECK_INT(strlen(strstr(peer.last, "\r\n\r\n") + 4), 3000);
}

static void methods_and_bodies_go_together(void)
{
    static const struct {
        const char *method, *body, *line;
    } cases[] = {
        {"GET", NULL, "GET /x HTTP/1.1\r\n"},       {"POST", NULL, "POST /x HTTP/1.1\r\n"},
        {"PUT", "b", "PUT /x HTTP/1.1\r\n"},        {"PATCH", "b", "PATCH /x HTTP/1.1\r\n"},
        {"DELETE", NULL, "DELETE /x HTTP/1.1\r\n"}, {"HEAD", NULL, "HEAD /x HTTP/1.1\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
        struct http_request request = {
            .method = cases[i].method, .body = cases[i].body, .body_length = cases[i].body != NULL ? 1 : 0};
        struct http_response response;
        struct error err = {0};
        CHECK_OK(perform(&peer, &request, &response, &err), err);
        CHECK(strncmp(peer.last, cases[i].line, strlen(cases[i].line)) == 0);
        CHECK(strcasestr(peer.last, "content-type") == NULL);
        if (cases[i].body != NULL)
            CHECK_TEXT(strstr(peer.last, "\r\n\r\n") + 4, cases[i].body);
    }
}

static void connections_are_kept_except_for_once(void)
{
    struct http_network network = {.allow_addresses = &loopback};
    for (int once = 0; once < 2; once++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 2\r\n\r\nok"}, .keep = true};
        struct http_client *client = http_client_create(&network);
        http_peer_start(&peer);
        struct http_request request = {.method = "GET", .url = url_of(&peer), .once = once};
        struct http_response response;
        struct error err = {0};
        bool ok = true;
        for (int i = 0; i < 3; i++)
            ok = ok && http_perform(client, &request, arena, &response, &err);
        http_client_destroy(client);
        http_peer_stop(&peer);
        CHECK_OK(ok, err);
        CHECK_INT(peer.connections, once ? 3 : 1);
        CHECK_INT(peer.requests, 3);
    }
}

static void once_is_sent_once_though_the_far_side_takes_it_and_leaves(void)
{
    /* reliability.md R5: on the connection that was kept, libcurl would send it a second time. */
    struct http_network network = {.allow_addresses = &loopback};
    struct http_peer peer = {.answers = {HEAD "Content-Length: 2\r\n\r\nok", ""}, .keep = true};
    struct http_client *client = http_client_create(&network);
    struct http_response response;
    struct error err = {0};
    http_peer_start(&peer);
    struct http_request request = {.method = "GET", .url = url_of(&peer)};
    bool first = http_perform(client, &request, arena, &response, &err);
    request.method = "POST";
    request.once = true;
    bool second = http_perform(client, &request, arena, &response, &err);
    http_client_destroy(client);
    http_peer_stop(&peer);
    CHECK(first && !second);
    CHECK_INT(response.outcome, HTTP_UNKNOWN);
    CHECK_INT(peer.connections, 2);
    CHECK_INT(peer.requests, 2);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

static void after_the_deadline_nothing_is_sent(void)
{
    struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
    struct http_request request = {.once = true, .send_deadline_ms = clock_boot_ms() - 1};
    struct http_response response;
    struct error err = {0};
    CHECK(!perform(&peer, &request, &response, &err));
    CHECK_INT(response.outcome, HTTP_NOT_SENT);
    CHECK_INT(peer.connections, 0);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

static void a_connection_that_came_up_too_late_carries_nothing(void)
{
    struct http_peer peer = {.socks_late = true};
    struct http_request request = {.method = "POST",
                                   .body = "money",
                                   .body_length = 5,
                                   .once = true,
                                   .url = "http://192.0.2.1/",
                                   .send_deadline_ms = clock_boot_ms() + 60000};
    struct http_response response;
    struct error err = {0};
    http_peer_start(&peer);
    request.proxy = arena_printf(arena, "socks5://127.0.0.1:%d", peer.port);
    struct http_client *client = http_client_create(NULL);
    bool ok = http_perform(client, &request, arena, &response, &err);
    http_client_destroy(client);
    http_peer_stop(&peer);
    clock_turn(0);
    CHECK(!ok);
    CHECK_INT(peer.connections, 1);
    CHECK_INT(peer.bytes, 0);
    CHECK_INT(response.outcome, HTTP_NOT_SENT);
    CHECK(strstr(err.message, "too late") != NULL);
}

static void what_never_got_through_was_not_sent(void)
{
    struct http_peer peer = {.answers = {"this is no TLS\r\n"}, .keep = false};
    struct http_request closed = {.method = "POST", .once = true}, plain = {.method = "POST", .once = true};
    struct http_response response;
    struct error err = {0};
    struct http_network network = {.allow_addresses = &loopback};
    struct http_client *client = http_client_create(&network);
    http_peer_start(&peer);
    plain.url = arena_printf(arena, "https://127.0.0.1:%d/", peer.port);
    plain.timeout_ms = 300; /* the peer waits for a request's end that never comes */
    bool ok = http_perform(client, &plain, arena, &response, &err);
    http_peer_stop(&peer);
    CHECK(!ok);
    CHECK_INT(response.outcome, HTTP_NOT_SENT);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
    closed.url = url_of(&peer); /* the port is closed now */
    ok = http_perform(client, &closed, arena, &response, &err);
    http_client_destroy(client);
    CHECK(!ok);
    CHECK_INT(response.outcome, HTTP_NOT_SENT);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

static void what_got_no_whole_answer_is_unknown(void)
{
    static const struct {
        const char *answer;
        enum error_kind kind;
    } cases[] = {
        {NULL, ERROR_UNREACHABLE},
        {HEAD "Content-Length: 10\r\n\r\nhalf", ERROR_MALFORMED},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nab", ERROR_MALFORMED},
        {HEAD "Content-Le", ERROR_MALFORMED},
        {"SMTP ready\r\n\r\n", ERROR_MALFORMED},
        {HEAD "Content-Length: 9\r\n\r\n123456789", ERROR_MALFORMED}, /* limit 8 */
        {HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n", ERROR_MALFORMED},
        {HEAD "\r\n123456789", ERROR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {cases[i].answer}};
        struct http_request request = {.method = "POST", .once = true, .response_limit = 8};
        struct http_response response;
        struct error err = {0};
        bool ok = perform(&peer, &request, &response, &err);
        if (ok)
            fprintf(stderr, "case %zu was taken for an answer\n", i);
        CHECK(!ok);
        CHECK_INT(response.outcome, HTTP_UNKNOWN);
        CHECK_INT(peer.requests, 1);
        CHECK_TEXT(response.body, "");
        if (err.kind != cases[i].kind)
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(err.kind, cases[i].kind);
    }
}

static void silence_ends_at_the_time_limit_as_unknown(void)
{
    struct http_peer peer = {.silent = true};
    struct http_request request = {.method = "POST", .once = true, .timeout_ms = 150};
    struct http_response response;
    struct error err = {0};
    CHECK(!perform(&peer, &request, &response, &err));
    CHECK_INT(response.outcome, HTTP_UNKNOWN);
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

static void a_head_without_end_is_refused(void)
{
    AUTO(buffer) struct buffer many = {0}, wide = {0};
    buffer_puts(&many, HEAD);
    for (int i = 0; i < 120; i++)
        buffer_printf(&many, "X-%d: y\r\n", i);
    buffer_puts(&many, "Content-Length: 0\r\n\r\n");
    buffer_puts(&wide, HEAD "X-Wide: ");
    for (int i = 0; i < 7000; i++)
        buffer_puts(&wide, "0123456789");
    buffer_puts(&wide, "\r\nContent-Length: 0\r\n\r\n");
    const char *heads[] = {buffer_text(&many), buffer_text(&wide)};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct http_peer peer = {.answers = {heads[i]}};
        struct http_request request = {0};
        struct http_response response;
        struct error err = {0};
        CHECK(!perform(&peer, &request, &response, &err));
        CHECK_INT(err.kind, ERROR_MALFORMED);
        CHECK_INT(response.outcome, HTTP_UNKNOWN);
    }
}

static void addresses_inside_are_reached_only_by_the_operators_word(void)
{
    struct http_peer peer = {.answers = {HEAD "Content-Length: 2\r\n\r\nok"}};
    http_peer_start(&peer);
    struct string_list resolve = {0}, foreign = {0};
    string_list_push(arena, &resolve, arena_printf(arena, "shop.example.test:80=127.0.0.1:%d", peer.port));
    string_list_push(arena, &foreign, "10.0.0.0/8");
    struct http_network by_resolve = {.resolve = &resolve}, by_range = {.allow_addresses = &loopback};
    struct http_network by_other_range = {.allow_addresses = &foreign};
    struct {
        const struct http_network *network;
        const char *url;
        bool trusted, reached;
    } cases[] = {
        {NULL, url_of(&peer), false, false},       {&by_other_range, url_of(&peer), false, false},
        {&by_range, url_of(&peer), false, true},   {&by_resolve, "http://shop.example.test/x", false, true},
        {&by_resolve, url_of(&peer), false, true}, /* the very target the operator named */
        {NULL, url_of(&peer), true, true},         {NULL, "http://169.254.169.254/latest", false, false},
        {NULL, "http://[::1]:9/", false, false},   {NULL, "http://[::ffff:127.0.0.1]:9/", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_client *client = http_client_create(cases[i].network);
        struct http_request request = {
            .method = "GET", .url = cases[i].url, .trusted_address = cases[i].trusted};
        struct http_response response;
        struct error err = {0};
        int before = peer.connections;
        bool ok = http_perform(client, &request, arena, &response, &err);
        http_client_destroy(client);
        if (ok != cases[i].reached)
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(ok, cases[i].reached);
        CHECK_INT(peer.connections - before, cases[i].reached);
        if (!ok) {
            CHECK_INT(err.kind, ERROR_CONFIG);
            CHECK(strstr(err.message, "allowAddresses") != NULL);
            CHECK_INT(response.outcome, HTTP_NOT_SENT);
        }
        if (i == 3)
            CHECK(strstr(peer.last, "\r\nHost: shop.example.test\r\n") != NULL);
    }
    http_peer_stop(&peer);
}

static void a_redirect_is_followed_only_when_asked_and_never_inside(void)
{
    struct http_peer inside = {.answers = {HEAD "Content-Length: 6\r\n\r\nsecret"}};
    http_peer_start(&inside);
    const char *there = arena_printf(arena, "HTTP/1.1 302 Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
                                     url_of(&inside));
    struct http_peer door = {.answers = {there}};
    http_peer_start(&door);
    struct string_list resolve = {0};
    string_list_push(arena, &resolve, arena_printf(arena, "shop.example.test:80=127.0.0.1:%d", door.port));
    struct http_network network = {.resolve = &resolve};
    struct http_client *client = http_client_create(&network);
    struct http_request request = {.method = "GET", .url = "http://shop.example.test/"};
    struct http_response response, followed;
    struct error err = {0};
    bool plain = http_perform(client, &request, arena, &response, &err);
    request.follow_redirects = 5;
    bool follow = http_perform(client, &request, arena, &followed, &err);
    http_client_destroy(client);
    http_peer_stop(&door);
    http_peer_stop(&inside);
    CHECK(plain && response.status == 302);
    CHECK(!follow);
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK_INT(inside.connections, 0);
}

static void redirects_in_a_circle_end(void)
{
    struct http_peer peer = {
        .answers = {"HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"}};
    struct http_request request = {.follow_redirects = 5};
    struct http_response response;
    struct error err = {0};
    CHECK(!perform(&peer, &request, &response, &err));
    CHECK_INT(peer.requests, 6);
    CHECK_INT(err.kind, ERROR_MALFORMED);
}

static void proxies_of_the_environment_are_ignored(void)
{
    struct http_peer peer = {.answers = {HEAD "Content-Length: 2\r\n\r\nok"}};
    struct http_request request = {0};
    struct http_response response;
    struct error err = {0};
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    bool ok = perform(&peer, &request, &response, &err);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    CHECK_OK(ok, err);
}

static void what_could_smuggle_is_refused_before_anything_is_sent(void)
{
    static const struct {
        const char *url, *name, *value;
        enum error_kind kind;
    } cases[] = {
        {NULL, "Authorization", "Bearer a\r\nX-Evil: 1", ERROR_CREDENTIAL},
        {NULL, "Authorization", "Bearer a\n", ERROR_CREDENTIAL},
        {NULL, "X Y", "v", ERROR_INTERNAL},
        {NULL, "X:", "v", ERROR_INTERNAL},
        {"http://127.0.0.1:1/a b", "X", "v", ERROR_CONFIG},
        {"http://127.0.0.1:1/a\r\nX: y", "X", "v", ERROR_CONFIG},
        {"http://user:word@127.0.0.1:1/", "X", "v", ERROR_CONFIG},
        {"file:///etc/passwd", "X", "v", ERROR_CONFIG},
        {"gopher://127.0.0.1:1/", "X", "v", ERROR_CONFIG},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {HEAD "Content-Length: 0\r\n\r\n"}};
        struct http_header header = {cases[i].name, cases[i].value};
        struct http_request request = {.url = cases[i].url, .headers = &header, .header_count = 1};
        struct http_response response;
        struct error err = {0};
        CHECK(!perform(&peer, &request, &response, &err));
        CHECK_INT(response.outcome, HTTP_NOT_SENT);
        CHECK_INT(peer.connections, 0);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(strstr(err.message, "Bearer") == NULL && strstr(err.message, "word") == NULL);
    }
}

static void a_missing_ca_file_is_the_operators_to_cure(void)
{
    struct http_peer peer = {.answers = {""}};
    http_peer_start(&peer);
    struct http_network network = {.allow_addresses = &loopback};
    struct http_client *client = http_client_create(&network);
    struct http_request request = {.method = "GET",
                                   .url = arena_printf(arena, "https://127.0.0.1:%d/", peer.port),
                                   .ca_file = "/nonexistent/ca.pem"};
    struct http_response response;
    struct error err = {0};
    bool ok = http_perform(client, &request, arena, &response, &err);
    http_client_destroy(client);
    http_peer_stop(&peer);
    CHECK(!ok);
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "/nonexistent/ca.pem") != NULL);
    CHECK_INT(response.outcome, HTTP_NOT_SENT);
}

int main(void)
{
    http_setup();
    arena = arena_create();
    string_list_push(arena, &loopback, "127.0.0.0/8");
    RUN(an_answer_arrives_whole);
    RUN(a_status_of_any_kind_is_an_answer);
    RUN(what_goes_out_is_what_was_asked_and_no_more);
    RUN(methods_and_bodies_go_together);
    RUN(connections_are_kept_except_for_once);
    RUN(once_is_sent_once_though_the_far_side_takes_it_and_leaves);
    RUN(after_the_deadline_nothing_is_sent);
    RUN(a_connection_that_came_up_too_late_carries_nothing);
    RUN(what_never_got_through_was_not_sent);
    RUN(what_got_no_whole_answer_is_unknown);
    RUN(silence_ends_at_the_time_limit_as_unknown);
    RUN(a_head_without_end_is_refused);
    RUN(addresses_inside_are_reached_only_by_the_operators_word);
    RUN(a_redirect_is_followed_only_when_asked_and_never_inside);
    RUN(redirects_in_a_circle_end);
    RUN(proxies_of_the_environment_are_ignored);
    RUN(what_could_smuggle_is_refused_before_anything_is_sent);
    RUN(a_missing_ca_file_is_the_operators_to_cure);
    arena_destroy(arena);
    return CHECK_REPORT();
}
