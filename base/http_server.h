/* A small HTTP(S) listener over libevent: sandbox today, status page later. Requests are handed whole to one
 * handler on the thread that runs the server. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct event_base;
struct http_server;
struct http_exchange; /* one request and its pending answer */

typedef void http_handler(struct http_exchange *exchange, void *arg);

struct http_server_options {
    const char *address; /* "127.0.0.1" */
    int port;            /* 0: any; http_server_port() tells */
    const char *certificate_file, *key_file; /* both NULL: plain HTTP */
    size_t max_body;     /* 0: 1 MiB */
    int max_connections; /* 0: 512 */
    int deadline_s;      /* for a whole request; 0: 30 */
};

/* Fails: SYSTEM (address in use), CONFIG (certificate). */
struct http_server *http_server_create(struct event_base *base, const struct http_server_options *options,
                                       http_handler *handler, void *arg, struct error *err);
void http_server_destroy(struct http_server *server);
int http_server_port(const struct http_server *server);

const char *http_exchange_method(const struct http_exchange *exchange);
const char *http_exchange_path(const struct http_exchange *exchange);  /* without the query, percent-decoded */
const char *http_exchange_query(const struct http_exchange *exchange, const char *name); /* NULL: absent */
const char *http_exchange_header(const struct http_exchange *exchange, const char *name);
const char *http_exchange_body(const struct http_exchange *exchange, size_t *out_length); /* NUL-terminated */
/* A further header of the answer; before any of the calls below. */
void http_exchange_set_header(struct http_exchange *exchange, const char *name, const char *value);
/* Answer now; the exchange is gone afterwards. */
void http_exchange_reply(struct http_exchange *exchange, int status, const char *content_type, const void *body,
                         size_t length);
/* Ways to misbehave, for stand-ins. After any of them the exchange is gone. */
void http_exchange_drop(struct http_exchange *exchange); /* close without a byte */
/* Send the head with the full Content-Length, only the first `sent` bytes of the body, then close. */
void http_exchange_reply_cut(struct http_exchange *exchange, int status, const char *content_type, const void *body,
                             size_t length, size_t sent);
/* Answer after a delay in milliseconds (copies the body). */
void http_exchange_reply_later(struct http_exchange *exchange, int delay_ms, int status, const char *content_type,
                               const void *body, size_t length);
/* Answer `step` bytes of the body at a time, one step each interval (copies the body). */
void http_exchange_reply_slowly(struct http_exchange *exchange, size_t step, int interval_ms, int status,
                                const char *content_type, const void *body, size_t length);
