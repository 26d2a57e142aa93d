/* The listener: libevent's evhttp, with bufferevent_openssl for TLS.
 *
 * evhttp has a silence time-out only and no ceiling on connections, so both are kept here: every accepted
 * connection has a `struct connection` with a deadline, looked at once a second while there are any. evhttp
 * does not tell when a bufferevent goes before its first request; therefore each one is held by a reference
 * of ours, and a bufferevent whose callbacks are gone is one that evhttp has let go. */
#include "base/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/error.h"
#include "base/fatal.h"
#include "base/text.h"

enum {
    MAX_HEADERS = 16 * 1024,
    DEFAULT_BODY = 1 << 20,
    DEFAULT_CONNECTIONS = 512,
    DEFAULT_DEADLINE_S = 30
};
enum { IDLE_S = 120, SWEEP_S = 1 };

struct connection {
    LIST_ENTRY(connection) next;
    struct http_server *server;
    struct bufferevent *bev; /* one reference is ours */
    int64_t deadline_ms;     /* real_ms(); 0: idle between requests, or the handler has it */
    bool in_handler;
};

struct http_exchange {
    LIST_ENTRY(http_exchange) next;
    struct http_server *server;
    struct connection *connection; /* NULL: unknown */
    struct evhttp_request *request;
    char *path;
    struct evkeyvalq query;
    struct event *timer;    /* an answer held back */
    struct evbuffer *later; /* its body, or what is left to trickle */
    int status;
    size_t step;
    int step_ms;
};

struct http_server {
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener; /* evhttp's */
    SSL_CTX *tls;
    http_handler *handler;
    void *arg;
    struct event *sweep;
    LIST_HEAD(, connection) connections;
    LIST_HEAD(, http_exchange) exchanges;
    int connection_count, max_connections, deadline_ms, port;
    bool paused;
};

/* Peers live in real time, whatever a test does to the clock. */
static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- connections ----------------------------------------------------------------------------- */

static struct connection *connection_find(struct http_server *server, const struct bufferevent *bev)
{
    struct connection *connection;
    LIST_FOREACH (connection, &server->connections, next)
        if (connection->bev == bev)
            return connection;
    return NULL;
}

static void connection_forget(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange;
    LIST_FOREACH (exchange, &server->exchanges, next)
        if (exchange->connection == connection)
            exchange->connection = NULL;
    LIST_REMOVE(connection, next);
    server->connection_count--;
    bufferevent_decref(connection->bev);
    free(connection);
    if (server->paused && server->connection_count < server->max_connections) {
        server->paused = false;
        evconnlistener_enable(server->listener);
    }
}

static bool connection_let_go(const struct connection *connection)
{
    bufferevent_data_cb read_cb, write_cb;
    bufferevent_event_cb event_cb;
    void *arg;
    bufferevent_getcb(connection->bev, &read_cb, &write_cb, &event_cb, &arg);
    return event_cb == NULL;
}

/* Once a second while there are connections: those that evhttp has freed go, those past their deadline are
 * shut down, which evhttp then sees as the end of the stream. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_server *server = arg;
    int64_t now = real_ms();
    struct connection *connection = LIST_FIRST(&server->connections);
    while (connection != NULL) {
        struct connection *next = LIST_NEXT(connection, next);
        if (connection_let_go(connection))
            connection_forget(connection);
        else if (connection->deadline_ms != 0 && now > connection->deadline_ms)
            shutdown(bufferevent_getfd(connection->bev), SHUT_RDWR);
        connection = next;
    }
    if (server->connection_count > 0)
        evtimer_add(server->sweep, &(struct timeval){.tv_sec = SWEEP_S});
}

/* The first bytes of a further request on a kept connection start its deadline. */
static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
    (void)buffer;
    struct connection *connection = arg;
    if (info->n_added > 0 && connection->deadline_ms == 0 && !connection->in_handler)
        connection->deadline_ms = real_ms() + connection->server->deadline_ms;
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct http_server *server = arg;
    struct bufferevent *bev = NULL;
    if (server->tls != NULL) {
        SSL *ssl = SSL_new(server->tls);
        if (ssl != NULL)
            bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                 BEV_OPT_CLOSE_ON_FREE);
        if (bev != NULL)
            bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    } else {
        bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (bev == NULL || connection == NULL)
        fatal_memory(); /* memory is gone; evhttp would go on without TLS */
    bufferevent_incref(bev);
    *connection = (struct connection){
        .server = server, .bev = bev, .deadline_ms = real_ms() + server->deadline_ms};
    evbuffer_add_cb(bufferevent_get_input(bev), on_input, connection);
    LIST_INSERT_HEAD(&server->connections, connection, next);
    if (server->connection_count++ == 0)
        evtimer_add(server->sweep, &(struct timeval){.tv_sec = SWEEP_S});
    if (server->connection_count >= server->max_connections) {
        server->paused = true;
        evconnlistener_disable(server->listener);
    }
    return bev;
}

/* Called while evhttp frees its connection; the bufferevent lives on by our reference until the sweep,
 * unless it can go at once. Letting go here is safe: evhttp holds its own reference until after this call.
 */
static void on_closed(struct evhttp_connection *evcon, void *arg)
{
    struct connection *connection = connection_find(arg, evhttp_connection_get_bufferevent(evcon));
    if (connection != NULL) {
        evbuffer_remove_cb(bufferevent_get_input(connection->bev), on_input, connection);
        connection_forget(connection);
    }
}

/* ---- exchanges ------------------------------------------------------------------------------- */

static void exchange_free(struct http_exchange *exchange)
{
    LIST_REMOVE(exchange, next);
    if (exchange->timer != NULL)
        event_free(exchange->timer);
    if (exchange->later != NULL)
        evbuffer_free(exchange->later);
    evhttp_clear_headers(&exchange->query);
    free(exchange->path);
    free(exchange);
}

static void on_answered(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    struct connection *connection = evcon != NULL
                                        ? connection_find(server, evhttp_connection_get_bufferevent(evcon))
                                        : NULL;
    if (connection != NULL)
        connection->deadline_ms = 0;
}

static bool take_target(struct http_exchange *exchange)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(exchange->request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
    size_t length = 0;
    exchange->path = evhttp_uridecode(text_empty(path) ? "/" : path, 0, &length);
    if (exchange->path == NULL || strlen(exchange->path) != length)
        return false;
    return text_empty(query) || evhttp_parse_query_str(query, &exchange->query) == 0;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    struct http_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        fatal_memory();
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    exchange->server = server;
    exchange->request = request;
    exchange->connection = connection_find(server, evhttp_connection_get_bufferevent(evcon));
    TAILQ_INIT(&exchange->query);
    LIST_INSERT_HEAD(&server->exchanges, exchange, next);
    evhttp_connection_set_closecb(evcon, on_closed, server);
    evhttp_request_set_on_complete_cb(request, on_answered, server);
    if (exchange->connection != NULL) {
        exchange->connection->deadline_ms = 0;
        exchange->connection->in_handler = true;
    }
    evbuffer_add(evhttp_request_get_input_buffer(request), "", 1);
    /* RFC 9112, section 3.2: HTTP/1.1 without Host is an error that evhttp lets pass. HTTP/1.0 is held to
     * it too. */
    if (!take_target(exchange) ||
        evhttp_find_header(evhttp_request_get_input_headers(request), "Host") == NULL) {
        http_exchange_reply(exchange, 400, "text/plain", "bad request\n", 12);
        return;
    }
    server->handler(exchange, server->arg);
}

const char *http_exchange_method(const struct http_exchange *exchange)
{
    switch (evhttp_request_get_command(exchange->request)) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_DELETE: return "DELETE";
    default: return "";
    }
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

const char *http_exchange_query(const struct http_exchange *exchange, const char *name)
{
    return evhttp_find_header(&exchange->query, name);
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(exchange->request), name);
}

const char *http_exchange_body(const struct http_exchange *exchange, size_t *out_length)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(exchange->request);
    if (out_length != NULL)
        *out_length = evbuffer_get_length(input) - 1;
    return (const char *)evbuffer_pullup(input, -1);
}

/* ---- answers --------------------------------------------------------------------------------- */

void http_exchange_set_header(struct http_exchange *exchange, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), name, value);
}

static void set_head(struct http_exchange *exchange, const char *content_type, size_t length)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    char digits[32];
    snprintf(digits, sizeof digits, "%zu", length);
    evhttp_add_header(headers, "Content-Length", digits);
    if (content_type != NULL)
        evhttp_add_header(headers, "Content-Type", content_type);
}

/* From here on the client's reading has a deadline. */
static void start_answer(struct http_exchange *exchange)
{
    if (exchange->connection != NULL) {
        exchange->connection->in_handler = false;
        exchange->connection->deadline_ms = real_ms() + exchange->server->deadline_ms;
    }
}

static void send_body(struct http_exchange *exchange, int status, struct evbuffer *body)
{
    start_answer(exchange);
    evhttp_send_reply(exchange->request, status, NULL, body);
    exchange_free(exchange);
}

void http_exchange_reply(struct http_exchange *exchange, int status, const char *content_type,
                         const void *body, size_t length)
{
    struct evbuffer *buffer = evbuffer_new();
    if (buffer == NULL)
        fatal_memory();
    evbuffer_add(buffer, body, length);
    set_head(exchange, content_type, length);
    send_body(exchange, status, buffer);
    evbuffer_free(buffer);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_exchange *exchange = arg;
    struct evbuffer *body = exchange->later;
    exchange->later = NULL;
    send_body(exchange, exchange->status, body);
    evbuffer_free(body);
}

static void hold_back(struct http_exchange *exchange, event_callback_fn callback, short flags, int delay_ms)
{
    exchange->timer = event_new(exchange->server->base, -1, flags, callback, exchange);
    if (exchange->timer == NULL)
        fatal_memory();
    event_add(exchange->timer,
              &(struct timeval){.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000});
}

void http_exchange_reply_later(struct http_exchange *exchange, int delay_ms, int status,
                               const char *content_type, const void *body, size_t length)
{
    exchange->later = evbuffer_new();
    if (exchange->later == NULL)
        fatal_memory();
    evbuffer_add(exchange->later, body, length);
    exchange->status = status;
    set_head(exchange, content_type, length);
    hold_back(exchange, on_later, 0, delay_ms);
}

static void on_trickle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_exchange *exchange = arg;
    struct evhttp_request *request = exchange->request;
    struct evbuffer *part = evbuffer_new();
    if (part == NULL)
        fatal_memory();
    evbuffer_remove_buffer(exchange->later, part, exchange->step);
    evhttp_send_reply_chunk(request, part);
    evbuffer_free(part);
    if (evhttp_request_get_connection(request) == NULL || evbuffer_get_length(exchange->later) == 0) {
        start_answer(exchange);
        exchange_free(exchange);
        evhttp_send_reply_end(request);
    }
}

void http_exchange_reply_slowly(struct http_exchange *exchange, size_t step, int interval_ms, int status,
                                const char *content_type, const void *body, size_t length)
{
    exchange->later = evbuffer_new();
    if (exchange->later == NULL)
        fatal_memory();
    evbuffer_add(exchange->later, body, length);
    exchange->step = step > 0 ? step : 1;
    set_head(exchange, content_type, length);
    evhttp_send_reply_start(exchange->request, status, NULL);
    hold_back(exchange, on_trickle, EV_PERSIST, interval_ms > 0 ? interval_ms : 1);
}

static void on_drop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct http_exchange *exchange = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(exchange->request);
    if (evcon != NULL)
        evhttp_connection_free(evcon);
    exchange_free(exchange);
}

/* evhttp is still inside its own call when a handler runs, so the connection goes in the next turn of the
 * loop. */
void http_exchange_drop(struct http_exchange *exchange)
{
    hold_back(exchange, on_drop, 0, 0);
}

static void on_cut_written(struct bufferevent *bev, void *arg)
{
    if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        evhttp_connection_free(arg);
}

static void on_cut_failed(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF | BEV_EVENT_TIMEOUT))
        evhttp_connection_free(arg);
}

void http_exchange_reply_cut(struct http_exchange *exchange, int status, const char *content_type,
                             const void *body, size_t length, size_t sent)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(exchange->request);
    if (evcon == NULL) {
        http_exchange_drop(exchange);
        return;
    }
    start_answer(exchange);
    /* evhttp sends whole answers only; for this one we write on the connection ourselves and close it. */
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    bufferevent_setcb(bev, NULL, on_cut_written, on_cut_failed, evcon);
    bufferevent_enable(bev, EV_WRITE);
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "HTTP/1.1 %d Cut\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
                        content_type != NULL ? content_type : "text/plain", length);
    bufferevent_write(bev, body, sent < length ? sent : length);
    exchange_free(exchange);
}

/* ---- the server ------------------------------------------------------------------------------ */

static SSL_CTX *load_tls(const struct http_server_options *options, struct error *err)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
        SSL_CTX_use_certificate_chain_file(tls, options->certificate_file) == 1 &&
        SSL_CTX_use_PrivateKey_file(tls, options->key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(tls) == 1) {
        SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
        return tls;
    }
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);
    error_raise(err, ERROR_CONFIG, "certificate %s with key %s cannot be used: %s",
                options->certificate_file, options->key_file, reason != NULL ? reason : "unknown reason");
    ERR_clear_error();
    SSL_CTX_free(tls);
    return NULL;
}

static bool start_listening(struct http_server *server, const struct http_server_options *options,
                            struct error *err)
{
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(server->http, options->address,
                                                                       (ev_uint16_t)options->port);
    if (bound == NULL)
        return error_raise(err, ERROR_SYSTEM, "cannot listen on %s:%d: %s", options->address, options->port,
                           evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    int fd = evhttp_bound_socket_get_fd(bound);
    server->listener = evhttp_bound_socket_get_listener(bound);
    /* Inherited by what is accepted; without it TLS answers wait for delayed acknowledgements. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct sockaddr_storage where;
    socklen_t length = sizeof where;
    if (getsockname(fd, (struct sockaddr *)&where, &length) != 0)
        return error_raise(err, ERROR_SYSTEM, "the listener on %s has no name", options->address);
    server->port = ntohs(where.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&where)->sin6_port
                                                     : ((struct sockaddr_in *)&where)->sin_port);
    return true;
}

struct http_server *http_server_create(struct event_base *base, const struct http_server_options *options,
                                       http_handler *handler, void *arg, struct error *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        fatal_memory();
    *server = (struct http_server){.base = base, .handler = handler, .arg = arg};
    server->max_connections = options->max_connections > 0 ? options->max_connections : DEFAULT_CONNECTIONS;
    server->deadline_ms = (options->deadline_s > 0 ? options->deadline_s : DEFAULT_DEADLINE_S) * 1000;
    LIST_INIT(&server->connections);
    LIST_INIT(&server->exchanges);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes by write(2) */
    if (options->certificate_file != NULL) {
        server->tls = load_tls(options, err);
        if (server->tls == NULL) {
            free(server);
            return NULL;
        }
    }
    server->sweep = evtimer_new(base, on_sweep, server);
    server->http = evhttp_new(base);
    if (server->sweep == NULL || server->http == NULL)
        fatal_memory();
    evhttp_set_bevcb(server->http, on_connection, server);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_timeout(server->http, IDLE_S);
    evhttp_set_max_headers_size(server->http, MAX_HEADERS);
    evhttp_set_max_body_size(server->http,
                             options->max_body > 0 ? (ev_ssize_t)options->max_body : DEFAULT_BODY);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                 EVHTTP_REQ_HEAD | EVHTTP_REQ_DELETE);
    evhttp_set_default_content_type(server->http, NULL);
    if (!start_listening(server, options, err)) {
        http_server_destroy(server);
        return NULL;
    }
    return server;
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL)
        return;
    while (!LIST_EMPTY(&server->exchanges))
        exchange_free(LIST_FIRST(&server->exchanges));
    server->paused = false;
    evhttp_free(server->http);
    while (!LIST_EMPTY(&server->connections))
        connection_forget(LIST_FIRST(&server->connections));
    /* The bufferevents themselves go in the next turn of the loop, or with the base. */
    event_free(server->sweep);
    SSL_CTX_free(server->tls);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}
