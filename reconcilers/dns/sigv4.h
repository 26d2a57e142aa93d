/* AWS Signature Version 4 over one request (dns-providers.md 4.3). Pure: the time, the credentials and the
 * request in, header values out. Knows no service and sends nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct secret;

struct sigv4_parameter {
    const char *name, *value; /* as meant, not encoded */
};
struct sigv4_request {
    const char *method;
    const char *path; /* as sent */
    const char *host; /* as the Host header says it: with its port when that is not the scheme's own */
    const char *date; /* sigv4_date() */
    const struct sigv4_parameter *query;
    size_t query_count;
    const char *content_type; /* NULL: not sent */
    struct span body;
    const char *region, *service;
};
struct sigv4_credentials {
    const char *key_id;
    const struct secret *secret;
    const struct secret *session_token; /* NULL: none; else sent as x-amz-security-token */
};

/* "20260115T123456Z" */
char *sigv4_date(struct arena *arena, int64_t unix_s);
/* The query as it must be sent: encoded and sorted; "" for none. */
char *sigv4_query(struct arena *arena, const struct sigv4_parameter *query, size_t count);
/* The path of the segments, each encoded, with a slash before each: what may be sent and signed. */
char *sigv4_path(struct arena *arena, const char *const *segments, size_t count);
/* The text that is hashed and signed: for tests. */
char *sigv4_canonical_request(struct arena *arena, const struct sigv4_request *request,
                              const struct sigv4_credentials *credentials);
/* The key of a day, region and service. `out_steps` (may be NULL) gets the three keys on the way there: for
 * tests. */
void sigv4_key(const struct secret *secret, const char *day, const char *region, const char *service,
               unsigned char out[32], unsigned char (*out_steps)[32]);
/* The value of the Authorization header. Sent beside it must be: Host, X-Amz-Date, Content-Type and
 * X-Amz-Security-Token where they are given, each as it stands in the request. */
char *sigv4_authorization(struct arena *arena, const struct sigv4_request *request,
                          const struct sigv4_credentials *credentials);
