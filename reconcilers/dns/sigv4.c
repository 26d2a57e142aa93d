#include "reconcilers/dns/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/secret.h"

static struct span span_text(const char *text) { return span_of(text, strlen(text)); }

static char *encode(struct arena *arena, const char *text, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = strlen(text), used = 0;
    char *out = arena_alloc(arena, 3 * length + 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     strchr("-_.~", c) != NULL || strchr(also, c) != NULL;
        if (plain) {
            out[used++] = (char)c;
        } else {
            out[used++] = '%';
            out[used++] = digits[c >> 4];
            out[used++] = digits[c & 15];
        }
    }
    return out;
}

char *sigv4_date(struct arena *arena, int64_t unix_s)
{
    struct tm tm = {0};
    time_t time = (time_t)unix_s;
    gmtime_r(&time, &tm);
    char *out = arena_alloc(arena, 32);
    strftime(out, 32, "%Y%m%dT%H%M%SZ", &tm);
    return out;
}

static int compare_parameters(const void *a, const void *b)
{
    const struct sigv4_parameter *x = a, *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : strcmp(x->value, y->value);
}

char *sigv4_query(struct arena *arena, const struct sigv4_parameter *query, size_t count)
{
    struct sigv4_parameter *sorted = arena_array(arena, count + 1, sizeof *sorted);
    struct string_list pairs = {0};
    for (size_t i = 0; i < count; i++)
        sorted[i] =
            (struct sigv4_parameter){encode(arena, query[i].name, ""), encode(arena, query[i].value, "")};
    qsort(sorted, count, sizeof *sorted, compare_parameters);
    for (size_t i = 0; i < count; i++)
        string_list_push(arena, &pairs, arena_printf(arena, "%s=%s", sorted[i].name, sorted[i].value));
    return string_list_join(arena, &pairs, "&");
}

char *sigv4_path(struct arena *arena, const char *const *segments, size_t count)
{
    struct string_list parts = {0};
    for (size_t i = 0; i < count; i++)
        string_list_push(arena, &parts, arena_printf(arena, "/%s", encode(arena, segments[i], "")));
    return string_list_join(arena, &parts, "");
}

/* Runs of spaces become one, none at the ends. */
static char *header_value(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, strlen(text) + 1);
    size_t used = 0;
    for (; *text != '\0'; text++) {
        if (*text != ' ' || (used > 0 && out[used - 1] != ' '))
            out[used++] = *text;
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
    return out;
}

static const char *signed_headers(struct arena *arena, const struct sigv4_request *request,
                                  const struct sigv4_credentials *credentials)
{
    return arena_printf(arena, "%shost;x-amz-date%s", request->content_type != NULL ? "content-type;" : "",
                        credentials->session_token != NULL ? ";x-amz-security-token" : "");
}

char *sigv4_canonical_request(struct arena *arena, const struct sigv4_request *request,
                              const struct sigv4_credentials *credentials)
{
    AUTO(buffer) struct buffer out = {0};
    unsigned char digest[32];
    hash_sha256(request->body, digest);
    buffer_printf(&out, "%s\n%s\n%s\n", request->method, encode(arena, request->path, "/"),
                  sigv4_query(arena, request->query, request->query_count));
    if (request->content_type != NULL)
        buffer_printf(&out, "content-type:%s\n", header_value(arena, request->content_type));
    buffer_printf(&out, "host:%s\nx-amz-date:%s\n", request->host, request->date);
    if (credentials->session_token != NULL)
        buffer_printf(&out, "x-amz-security-token:%s\n",
                      header_value(arena, secret_bytes(credentials->session_token)));
    buffer_printf(&out, "\n%s\n%s", signed_headers(arena, request, credentials), text_hex(arena, digest, 32));
    return arena_strdup(arena, buffer_text(&out));
}

void sigv4_key(const struct secret *secret, const char *day, const char *region, const char *service,
               unsigned char out[32], unsigned char (*out_steps)[32])
{
    AUTO(buffer) struct buffer start = {0};
    const char *parts[] = {day, region, service, "aws4_request"};
    unsigned char key[32];
    buffer_puts(&start, "AWS4");
    buffer_append(&start, secret_bytes(secret), secret_length(secret));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        hash_hmac_sha256(i == 0 ? span_of(start.data, start.length) : span_of((const char *)key, 32),
                         span_text(parts[i]), out);
        memcpy(key, out, sizeof key);
        if (out_steps != NULL && i < 3)
            memcpy(out_steps[i], key, sizeof key);
    }
    secret_wipe(key, sizeof key);
    secret_wipe(start.data, start.length);
}

char *sigv4_authorization(struct arena *arena, const struct sigv4_request *request,
                          const struct sigv4_credentials *credentials)
{
    unsigned char digest[32], key[32], signature[32];
    const char *day = arena_strndup(arena, request->date, 8);
    const char *scope = arena_printf(arena, "%s/%s/%s/aws4_request", day, request->region, request->service);
    hash_sha256(span_text(sigv4_canonical_request(arena, request, credentials)), digest);
    const char *text = arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", request->date, scope,
                                    text_hex(arena, digest, 32));
    sigv4_key(credentials->secret, day, request->region, request->service, key, NULL);
    hash_hmac_sha256(span_of((const char *)key, 32), span_text(text), signature);
    secret_wipe(key, sizeof key);
    return arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                        credentials->key_id, scope, signed_headers(arena, request, credentials),
                        text_hex(arena, signature, 32));
}
