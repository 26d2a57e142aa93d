/* Looking for a challenge file as a CA will. */
#include "reconcilers/http_check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/http.h"
#include "base/text.h"
#include "check.h"
#include "http_peer.h"
#include "schema/operator.h"

#define CONTENT "0a1b2c\nsectigo.com\ntoken"

static struct arena *arena;

static bool look(struct http_peer *peer, const char *name, const char *file, struct error *err)
{
    struct string_list resolve = {0};
    http_peer_start(peer);
    string_list_push(arena, &resolve, arena_printf(arena, "shop.example.test:80=127.0.0.1:%d", peer->port));
    struct http_network network = {.resolve = &resolve};
    struct operator_config config = {0};
    struct context ctx = {.arena = arena, .config = &config, .http = http_client_create(&network)};
    bool ok = http_challenge_check(&ctx, name, false, file, CONTENT, err);
    http_client_destroy(ctx.http);
    http_peer_stop(peer);
    return ok;
}

static void the_file_is_found_where_the_ca_looks(void)
{
    struct http_peer peer = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" CONTENT}};
    struct error err = {0};
    CHECK_OK(look(&peer, "shop.example.test", "AB12.txt", &err), err);
    CHECK(strncmp(peer.last, "GET /.well-known/pki-validation/AB12.txt HTTP/1.1\r\n", 51) == 0);
    CHECK(strstr(peer.last, "\r\nHost: shop.example.test\r\n") != NULL);
}

static void a_newline_at_the_end_is_forgiven(void)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" CONTENT "\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n" CONTENT "\r\n"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct http_peer peer = {.answers = {answers[i]}};
        struct error err = {0};
        CHECK_OK(look(&peer, "shop.example.test", "AB12.txt", &err), err);
    }
}

static void anything_else_is_told(void)
{
    static const struct {
        const char *answer, *words;
        enum error_kind kind;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", ERROR_REFUSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n" CONTENT "\n\n", "other content", ERROR_REFUSED},
        {"HTTP/1.1 404 No\r\nContent-Length: 24\r\n\r\n" CONTENT, "404", ERROR_REFUSED},
        {"HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "edirect", ERROR_REFUSED},
        {"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:9/x\r\nContent-Length: 0\r\n\r\n", "allowAddresses",
         ERROR_CONFIG},
        {"HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "file",
         ERROR_REFUSED},
        {NULL, "shop.example.test", ERROR_UNREACHABLE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {cases[i].answer}};
        struct error err = {0};
        CHECK(!look(&peer, "shop.example.test", "AB12.txt", &err));
        if (err.kind != cases[i].kind || strstr(err.message, cases[i].words) == NULL)
            fprintf(stderr, "case %zu: %s\n", i, err.message);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(strstr(err.message, cases[i].words) != NULL);
    }
}

static void a_redirect_on_the_same_host_is_followed(void)
{
    struct http_peer peer = {.answers = {"HTTP/1.1 301 Go\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" CONTENT}};
    struct error err = {0};
    CHECK_OK(look(&peer, "shop.example.test", "AB12.txt", &err), err);
    CHECK_INT(peer.requests, 2);
}

static void names_and_files_that_could_point_elsewhere_are_refused(void)
{
    static const struct {
        const char *name, *file;
    } cases[] = {
        {"shop.example.test", "../../secret"},
        {"shop.example.test", ".htaccess"},
        {"shop.example.test", "a/b"},
        {"shop.example.test", "a?b"},
        {"shop.example.test", ""},
        {"shop.example.test/x", "a.txt"},
        {"shop@127.0.0.1", "a.txt"},
        {"*.example.test", "a.txt"},
        {"", "a.txt"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_peer peer = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" CONTENT}};
        struct error err = {0};
        CHECK(!look(&peer, cases[i].name, cases[i].file, &err));
        CHECK_INT(err.kind, ERROR_REFUSED);
        CHECK_INT(peer.connections, 0);
    }
}

int main(void)
{
    http_setup();
    arena = arena_create();
    RUN(the_file_is_found_where_the_ca_looks);
    RUN(a_newline_at_the_end_is_forgiven);
    RUN(anything_else_is_told);
    RUN(a_redirect_on_the_same_host_is_followed);
    RUN(names_and_files_that_could_point_elsewhere_are_refused);
    arena_destroy(arena);
    return CHECK_REPORT();
}
