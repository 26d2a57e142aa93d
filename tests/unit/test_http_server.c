/* base/http_server: whole requests in, whole answers out, and the ways to misbehave. */
#include "base/http_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "check.h"
#include "failing_openssl.h"
#include "failing_sockets.h"

/* One connection, what to say on it, what came back. Runs on a thread beside the server's loop. */
struct talk {
    int port, done_fd;
    const char *say;
    bool tls, leaves; /* after it has said so, without listening */
    char heard[70000];
    size_t length;
    int64_t took_ms;
};

static void *talk_thread(void *arg)
{
    struct talk *talk = arg;
    int64_t start = clock_boot_ms();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)talk->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
        SSL_CTX *context = talk->tls ? SSL_CTX_new(TLS_client_method()) : NULL;
        SSL *ssl = context != NULL ? SSL_new(context) : NULL;
        if (ssl != NULL) {
            SSL_set_fd(ssl, fd);
            if (SSL_connect(ssl) == 1)
                SSL_write(ssl, talk->say, (int)strlen(talk->say));
        } else if (write(fd, talk->say, strlen(talk->say)) < 0) {
            talk->length = 0;
        }
        for (; !talk->leaves;) {
            size_t room = sizeof talk->heard - 1 - talk->length;
            ssize_t got = ssl != NULL ? SSL_read(ssl, talk->heard + talk->length, (int)room)
                                      : read(fd, talk->heard + talk->length, room);
            if (got <= 0)
                break;
            talk->length += (size_t)got;
        }
        SSL_free(ssl);
        SSL_CTX_free(context);
    }
    close(fd);
    talk->took_ms = clock_boot_ms() - start;
    uint64_t one = 1;
    if (write(talk->done_fd, &one, sizeof one) < 0)
        abort();
    return NULL;
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static char seen_path[100], seen_query[100], seen_body[100], seen_method[10], seen_agent[100];
static int seen_count;

static void serve(struct http_exchange *exchange, void *arg)
{
    (void)arg;
    const char *path = http_exchange_path(exchange);
    const char *query = http_exchange_query(exchange, "q");
    size_t length;
    const char *body = http_exchange_body(exchange, &length);
    snprintf(seen_path, sizeof seen_path, "%s", path);
    snprintf(seen_query, sizeof seen_query, "%s", query != NULL ? query : "");
    snprintf(seen_body, sizeof seen_body, "%.*s", (int)length, body);
    const char *agent = http_exchange_header(exchange, "user-agent");
    snprintf(seen_agent, sizeof seen_agent, "%s", agent != NULL ? agent : "(none)");
    seen_count++;
    CHECK(http_exchange_body(exchange, NULL) == body);
    snprintf(seen_method, sizeof seen_method, "%s", http_exchange_method(exchange));
    static char big[60000], huge[8 << 20]; /* the second is more than the kernel takes at once */
    memset(big, 'x', sizeof big);
    if (text_equal(path, "/drop"))
        http_exchange_drop(exchange);
    else if (text_equal(path, "/cut"))
        http_exchange_reply_cut(exchange, 200, "text/plain", "0123456789", 10, 4);
    else if (text_equal(path, "/cut0"))
        http_exchange_reply_cut(exchange, 200, "text/plain", "0123456789", 10, 0);
    else if (text_equal(path, "/cut-all"))
        http_exchange_reply_cut(exchange, 200, NULL, "0123456789", 10, 99);
    else if (text_equal(path, "/cut-big"))
        http_exchange_reply_cut(exchange, 200, "text/plain", big, sizeof big, sizeof big - 1);
    else if (text_equal(path, "/cut-huge"))
        http_exchange_reply_cut(exchange, 200, "text/plain", huge, sizeof huge, sizeof huge - 1);
    else if (text_equal(path, "/untyped"))
        http_exchange_reply(exchange, 200, NULL, "plain", 5);
    else if (text_equal(path, "/byte-by-byte"))
        http_exchange_reply_slowly(exchange, 0, 0, 200, "text/plain", "01", 2);
    else if (text_equal(path, "/long"))
        http_exchange_reply_slowly(exchange, 1, 5, 200, "text/plain", big, sizeof big);
    else if (text_equal(path, "/later"))
        http_exchange_reply_later(exchange, 30, 200, "text/plain", "late", 4);
    else if (text_equal(path, "/slowly"))
        http_exchange_reply_slowly(exchange, 2, 5, 200, "text/plain", "0123456789", 10);
    else if (text_equal(path, "/big"))
        http_exchange_reply(exchange, 200, "text/plain", big, sizeof big);
    else if (text_equal(path, "/never"))
        ; /* answered by nobody; destroying the server frees it */
    else {
        http_exchange_set_header(exchange, "Retry-After", "7");
        http_exchange_reply(exchange, 200, "application/json", "{}", 2);
    }
}

static struct talk talk;
static bool leaves;

/* Serve until the one conversation is over (or until `limit_ms`), and take the server down. */
static void converse(const struct http_server_options *given, const char *say)
{
    struct error err = {0};
    struct http_server_options options = *given;
    options.address = "127.0.0.1";
    struct event_base *base = event_base_new();
    struct http_server *server = http_server_create(base, &options, serve, NULL, &err);
    CHECK_OK(server != NULL, err);
    memset(&talk, 0, sizeof talk);
    talk.say = say;
    talk.port = http_server_port(server);
    talk.leaves = leaves;
    talk.tls = options.certificate_file != NULL;
    talk.done_fd = eventfd(0, EFD_CLOEXEC);
    struct event *done = event_new(base, talk.done_fd, EV_READ, on_done, base);
    event_add(done, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, talk_thread, &talk);
    if (strstr(say, "/never") != NULL || leaves)
        event_base_loopexit(base, &(struct timeval){.tv_usec = 100000});
    event_base_dispatch(base);
    if (leaves) /* the loop ended with the conversation: what came of it takes its turns */
        event_base_loopexit(base, &(struct timeval){.tv_usec = 150000}), event_base_dispatch(base);
    http_server_destroy(server);
    event_free(done);
    event_base_free(base);
    pthread_join(thread, NULL);
    close(talk.done_fd);
}

#define CLOSING "Host: here\r\nConnection: close\r\n"

static void answers_a_request(void)
{
    converse(&(struct http_server_options){0},
             "POST /a%20b/?q=1%262 HTTP/1.1\r\n" CLOSING "Content-Length: 5\r\n\r\nhello");
    CHECK(text_has_prefix(talk.heard, "HTTP/1.1 200 "));
    CHECK(strstr(talk.heard, "Content-Type: application/json\r\n") != NULL);
    CHECK(strstr(talk.heard, "Retry-After: 7\r\n") != NULL);
    CHECK(strstr(talk.heard, "Date: ") != NULL);
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n{}"));
    CHECK_TEXT(seen_path, "/a b/");
    CHECK_TEXT(seen_query, "1&2");
    CHECK_TEXT(seen_body, "hello");
    CHECK_TEXT(seen_method, "POST");
}

static void keeps_a_connection(void)
{
    converse(&(struct http_server_options){0},
             "GET /one HTTP/1.1\r\nHost: here\r\n\r\nGET /two HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK_TEXT(seen_path, "/two");
    CHECK(strstr(talk.heard + 10, "HTTP/1.1 200") != NULL);
}

static void sends_a_large_answer_whole(void)
{
    converse(&(struct http_server_options){0}, "GET /big HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(talk.length > 60000);
}

static void drops_without_a_byte(void)
{
    converse(&(struct http_server_options){0}, "GET /drop HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK_INT(talk.length, 0);
}

static void cuts_the_body(void)
{
    converse(&(struct http_server_options){0}, "GET /cut HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(strstr(talk.heard, "Content-Length: 10\r\n") != NULL);
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n0123"));
    converse(&(struct http_server_options){0}, "GET /cut0 HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n"));
}

static void answers_late_and_slowly(void)
{
    converse(&(struct http_server_options){0}, "GET /later HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\nlate"));
    CHECK(talk.took_ms >= 30);
    converse(&(struct http_server_options){0}, "GET /slowly HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n0123456789"));
    CHECK(talk.took_ms >= 25);
}

static void tells_methods_headers_and_bodies_that_are_not_there(void)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        char say[200];
        snprintf(say, sizeof say, "%s /x HTTP/1.1\r\n" CLOSING "%s\r\n", methods[i],
                 i % 2 ? "User-Agent: one\r\n" : "");
        converse(&(struct http_server_options){0}, say);
        CHECK_TEXT(seen_method, methods[i]);
        CHECK_TEXT(seen_agent, i % 2 ? "one" : "(none)");
        CHECK_TEXT(seen_body, "");
        CHECK_TEXT(seen_query, "");
    }
    converse(&(struct http_server_options){0}, "GET /untyped HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\nplain") && strstr(talk.heard, "Content-Type") == NULL);
    converse(&(struct http_server_options){0}, "GET /byte-by-byte HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n01"));
    converse(&(struct http_server_options){0}, "GET /cut-all HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n0123456789"));
    CHECK(strstr(talk.heard, "Content-Type: text/plain\r\n") != NULL);
}

static void does_not_take_what_cannot_be_a_path_or_a_query(void)
{
    static const char *const bad[] = {"/a%00b", "/x?a=%zz&&=", "/x?=1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char say[200];
        seen_count = 0;
        snprintf(say, sizeof say, "GET %s HTTP/1.1\r\n" CLOSING "\r\n", bad[i]);
        converse(&(struct http_server_options){0}, say);
        CHECK(text_has_prefix(talk.heard, "HTTP/1.1 400 "));
        CHECK_INT(seen_count, 0);
    }
    converse(&(struct http_server_options){0}, "GET http://here HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_prefix(talk.heard, "HTTP/1.1 200 "));
    CHECK_TEXT(seen_path, "/");
}

static void outlives_who_leaves_before_the_answer(void)
{
    static const char *const paths[] = {"/later",    "/slowly", "/long", "/cut-big",
                                        "/cut-huge", "/big",    "/drop", "/x"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char say[200];
        seen_count = 0;
        snprintf(say, sizeof say, "GET %s HTTP/1.1\r\n" CLOSING "\r\n", paths[i]);
        leaves = true;
        converse(&(struct http_server_options){0}, say);
        leaves = false;
        CHECK_INT(talk.length, 0);
        CHECK(seen_count <= 1);
    }
}

/* One more than the server holds at a time: it is served when the first has gone. */
static void serves_the_next_when_one_has_gone(void)
{
    struct error err = {0};
    struct http_server_options options = {.address = "127.0.0.1", .max_connections = 1};
    struct event_base *base = event_base_new();
    struct http_server *server = http_server_create(base, &options, serve, NULL, &err);
    CHECK_OK(server != NULL, err);
    static struct talk talks[3];
    pthread_t threads[3];
    memset(talks, 0, sizeof talks);
    seen_count = 0;
    for (int i = 0; i < 3; i++) {
        talks[i] = (struct talk){.say = "GET /later HTTP/1.1\r\n" CLOSING "\r\n",
                                 .port = http_server_port(server),
                                 .done_fd = eventfd(0, EFD_CLOEXEC)};
        pthread_create(&threads[i], NULL, talk_thread, &talks[i]);
    }
    int64_t deadline = clock_boot_ms() + 20000;
    while (seen_count < 3 && clock_boot_ms() < deadline)
        event_base_loop(base, EVLOOP_ONCE);
    event_base_loopexit(base, &(struct timeval){.tv_usec = 150000});
    event_base_dispatch(base);
    http_server_destroy(server);
    event_base_free(base);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        close(talks[i].done_fd);
    }
    CHECK_INT(seen_count, 3);
    for (int i = 0; i < 3; i++)
        CHECK(text_has_suffix(talks[i].heard, "\r\n\r\nlate"));
}

static void goes_down_with_a_request_pending(void)
{
    converse(&(struct http_server_options){0}, "GET /never HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK_INT(talk.length, 0);
}

static void refuses_what_is_malformed(void)
{
    converse(&(struct http_server_options){0}, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(text_has_prefix(talk.heard, "HTTP/1.1 400 "));
    converse(&(struct http_server_options){0},
             "POST / HTTP/1.1\r\n" CLOSING
             "Transfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(text_has_prefix(talk.heard, "HTTP/1.1 400 "));
    converse(&(struct http_server_options){.max_body = 4},
             "POST / HTTP/1.1\r\n" CLOSING "Content-Length: 5\r\n\r\nhello");
    CHECK(text_has_prefix(talk.heard, "HTTP/1.1 413 "));
    converse(&(struct http_server_options){0}, "TRACE / HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_prefix(talk.heard, "HTTP/1.1 501 "));
}

static void ends_a_connection_past_its_deadline(void)
{
    converse(&(struct http_server_options){.deadline_s = 1}, "GET / HTTP/1.1\r\nHost: he");
    CHECK_INT(talk.length, 0);
    CHECK(talk.took_ms >= 1000 && talk.took_ms < 10000);
}

static char folder[] = "/tmp/certwright-test-XXXXXX";

static void serves_tls(void)
{
    CHECK(mkdtemp(folder) != NULL);
    char certificate_file[100], key_file[100];
    snprintf(certificate_file, sizeof certificate_file, "%s/cert.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    FILE *out = fopen(certificate_file, "w");
    PEM_write_X509(out, certificate);
    fclose(out);
    out = fopen(key_file, "w");
    PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);

    struct http_server_options options = {.certificate_file = certificate_file, .key_file = key_file};
    converse(&options, "GET /tls HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n{}"));
    converse(&options, "GET /big HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(talk.length > 60000);
    converse(&options, "GET /cut HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK(text_has_suffix(talk.heard, "\r\n\r\n0123"));
    converse(&options, "GET /drop HTTP/1.1\r\n" CLOSING "\r\n");
    CHECK_INT(talk.length, 0);

    struct error err = {0};
    options.key_file = certificate_file;
    options.address = "127.0.0.1";
    struct event_base *base = event_base_new();
    CHECK(http_server_create(base, &options, serve, NULL, &err) == NULL);
    CHECK_INT(err.kind, ERROR_CONFIG);
    event_base_free(base);
    unlink(certificate_file);
    unlink(key_file);
    rmdir(folder);
}

static void says_that_an_address_is_in_use(void)
{
    struct error err = {0};
    struct event_base *base = event_base_new();
    struct http_server_options options = {.address = "127.0.0.1"};
    struct http_server *first = http_server_create(base, &options, serve, NULL, &err);
    CHECK_OK(first != NULL, err);
    options.port = http_server_port(first);
    CHECK(http_server_create(base, &options, serve, NULL, &err) == NULL);
    CHECK_INT(err.kind, ERROR_SYSTEM);
    http_server_destroy(first);
    event_base_free(base);
}

static void says_when_it_cannot_listen_or_prove_who_it_is(void)
{
    struct error err = {0};
    struct event_base *base = event_base_new();
    struct http_server_options options = {.address = "127.0.0.1"};
    fail_at("getsockname", 1, EIO);
    struct http_server *server = http_server_create(base, &options, serve, NULL, &err);
    CHECK(well());
    CHECK(server == NULL && err.kind == ERROR_SYSTEM);
    options.certificate_file = "/nonexistent/cert.pem";
    options.key_file = "/nonexistent/key.pem";
    CHECK(http_server_create(base, &options, serve, NULL, &err) == NULL);
    CHECK(err.kind == ERROR_CONFIG && strstr(err.message, "/nonexistent/cert.pem") != NULL);
    fail_at("SSL_CTX_new", 1, 0);
    server = http_server_create(base, &options, serve, NULL, &err);
    CHECK(well());
    CHECK(server == NULL && err.kind == ERROR_CONFIG && strstr(err.message, "unknown reason") != NULL);
    options = (struct http_server_options){.address = "::1"};
    server = http_server_create(base, &options, serve, NULL, &err);
    CHECK(server == NULL || http_server_port(server) > 0); /* a host without IPv6 has none */
    http_server_destroy(server);
    http_server_destroy(NULL);
    event_base_free(base);
}

int main(void)
{
    RUN(answers_a_request);
    RUN(keeps_a_connection);
    RUN(sends_a_large_answer_whole);
    RUN(drops_without_a_byte);
    RUN(cuts_the_body);
    RUN(answers_late_and_slowly);
    RUN(tells_methods_headers_and_bodies_that_are_not_there);
    RUN(does_not_take_what_cannot_be_a_path_or_a_query);
    RUN(outlives_who_leaves_before_the_answer);
    RUN(serves_the_next_when_one_has_gone);
    RUN(goes_down_with_a_request_pending);
    RUN(refuses_what_is_malformed);
    RUN(ends_a_connection_past_its_deadline);
    RUN(serves_tls);
    RUN(says_that_an_address_is_in_use);
    RUN(says_when_it_cannot_listen_or_prove_who_it_is);
    return CHECK_REPORT();
}
