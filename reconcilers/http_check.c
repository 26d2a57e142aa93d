#include "reconcilers/http_check.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/http.h"

enum { CONTENT_MAX = 4096, REDIRECTS = 5, TIMEOUT_MS = 20000, CONNECT_MS = 10000 };

/* reliability.md 8.5 */
static bool file_name_usable(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > 128 || name[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isascii((unsigned char)name[i]) ||
            (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL))
            return false;
    }
    return true;
}

static size_t without_newline(const char *text, size_t length)
{
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    return length;
}

static bool fetch(struct context *ctx, const char *name, bool https, const char *file_name, const char **out_url,
                  struct http_response *out, struct error *err)
{
    if (!dns_name_usable(name) || name[0] == '*')
        return error_raise(err, ERROR_REFUSED, "\"%.80s\" is no name that a file can be fetched from",
                           name);
    if (!file_name_usable(file_name))
        return error_raise(err, ERROR_REFUSED,
                           "the name of the challenge file for %s is not usable: letters, digits, "
                           "dots, hyphens and underscores, at most 128, no dot in front",
                           name);
    const char *url = arena_printf(ctx->arena, "%s://%s/.well-known/pki-validation/%s",
                                   https ? "https" : "http", name, file_name);
    struct http_request request = {
        .method = "GET",
        .url = url,
        .insecure_tls = true, /* of a redirect's HTTPS too: the certificate is what is being bought */
        .connect_timeout_ms = CONNECT_MS,
        .timeout_ms = TIMEOUT_MS,
        .response_limit = CONTENT_MAX * 4,
        .follow_redirects = REDIRECTS,
        .once = true,
    };
    *out_url = url;
    if (http_perform(ctx->http, &request, ctx->arena, out, err))
        return true;
    if (err != NULL && err->kind == ERROR_MALFORMED)
        err->kind = ERROR_REFUSED; /* something else than the file is there */
    return error_prefix(err, "%s", url);
}

bool http_reach_check(struct context *ctx, const char *name, bool https, const char *file_name, int *out_status,
                      struct error *err)
{
    struct http_response response = {0};
    const char *url = NULL;
    if (!fetch(ctx, name, https, file_name, &url, &response, err))
        return false;
    *out_status = response.status;
    return true;
}

bool http_challenge_check(struct context *ctx, const char *name, bool https, const char *file_name,
                          const char *content, struct error *err)
{
    struct http_response response = {0};
    const char *url = NULL;
    if (!fetch(ctx, name, https, file_name, &url, &response, err))
        return false;
    if (response.status != 200)
        return error_raise(err, ERROR_REFUSED, "%s answers %d, not 200", url, response.status);
    size_t wanted = without_newline(content, strlen(content));
    size_t length = without_newline(response.body, response.body_length);
    if (length != wanted || memcmp(response.body, content, wanted) != 0)
        return error_raise(err, ERROR_REFUSED, "%s holds other content: \"%s\"", url,
                           text_clean(ctx->arena, response.body, response.body_length, 80));
    return true;
}
