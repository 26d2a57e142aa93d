/* One request in, one response out, over libcurl. HTTP/1.1, TLS 1.2 or later always verified, no redirects, no
 * proxies but the one given, no retries of any kind. One client per worker thread keeps its connections. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct http_client;

/* What the operator says about reaching the world; shared, const, set once. */
struct http_network {
    const struct string_list *resolve;         /* "host:port=address:port" (operator's `resolve`) */
    const struct string_list *allow_addresses; /* private ranges that may be reached, CIDR */
};

struct http_header {
    const char *name, *value;
};

struct http_request {
    const char *method; /* "GET", "POST", … */
    const char *url;
    const struct http_header *headers;
    size_t header_count;
    const void *body;
    size_t body_length;
    const char *ca_file;     /* NULL: the system's roots */
    const char *proxy;       /* NULL: none, whatever the environment says */
    bool trusted_address;    /* an endpoint that the operator configured or the vendor's own: its address is not checked */
    bool insecure_tls;       /* only for looking at a challenge file over HTTPS */
    bool once;               /* fresh connection, closed afterwards: a request that must be sent at most once */
    int64_t send_deadline_ms; /* boot clock; later than this nothing is sent; 0: none */
    int64_t connect_timeout_ms; /* 0: 15 s */
    int64_t timeout_ms;         /* 0: 60 s */
    size_t response_limit;      /* bytes; 0: 1 MiB */
    int follow_redirects;       /* at most so many; 0: none (never set for an API) */
};

enum http_outcome {
    HTTP_NOT_SENT, /* surely not one byte of the request left */
    HTTP_UNKNOWN,  /* something may have left; no complete answer */
    HTTP_ANSWERED, /* status and whole body are there */
};

struct http_response {
    enum http_outcome outcome;
    int status;
    const char *body; /* in the arena, NUL-terminated */
    size_t body_length;
    const char *content_type; /* "" if none */
    int64_t date;             /* the Date header, Unix seconds; 0: none */
    int64_t retry_after_s;    /* 0: none */
};

struct http_client *http_client_create(const struct http_network *network);
void http_client_destroy(struct http_client *client);
/* True only with HTTP_ANSWERED, whatever the status. `out` is filled in either way, outcome included.
 * Fails: UNREACHABLE (connect, TLS, time-out), MALFORMED (too large, cut), CONFIG (CA file, address not allowed). */
bool http_perform(struct http_client *client, const struct http_request *request, struct arena *arena,
                  struct http_response *out, struct error *err);
/* Once, at the start of a process. */
void http_setup(void);
