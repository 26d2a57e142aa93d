/* An Issuer with its endpoint and credentials at hand, and what an order costs by a price list. */
#include "reconcilers/issuer/issuer.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "schema/operator.h"

/* A header or a JSON string carries the token as it is: a line break or another control character in it is a
 * mistake in the file. */
static bool token_usable(const struct secret *token)
{
    const char *bytes = secret_bytes(token);
    for (size_t i = 0; i < secret_length(token); i++)
        if ((unsigned char)bytes[i] <= ' ' || (unsigned char)bytes[i] >= 0x7F)
            return false;
    return secret_length(token) > 0;
}

static bool read_token(const struct operator_config *config, const struct secret_ref *ref, const char *issuer,
                       struct secret **out, struct error *err)
{
    if (ref->name == NULL || ref->key == NULL)
        return error_raise(err, ERROR_MANIFEST, "issuer %s names no authTokenSecretRef", issuer);
    struct secret *token = file_read_named_secret(config->secrets_directory, ref->name, ref->key, err);
    if (token == NULL) {
        if (err != NULL && err->kind == ERROR_NOT_FOUND)
            error_raise(
                err, ERROR_CREDENTIAL,
                "issuer %s has no token: put the token into %s/%s/%s (mode 0400, owned by the user that runs "
                "certwright)",
                issuer, config->secrets_directory, ref->name, ref->key);
        return false;
    }
    if (!token_usable(token)) {
        secret_destroy(token);
        return error_raise(
            err, ERROR_CREDENTIAL,
            "the token of issuer %s is empty or holds blanks or line breaks: put the token alone into "
            "%s/%s/%s (mode 0400)",
            issuer, config->secrets_directory, ref->name, ref->key);
    }
    *out = token;
    return true;
}

bool issuer_account_open(struct context *ctx, const struct resource *issuer, struct issuer_account *out,
                         struct error *err)
{
    if (issuer == NULL)
        return error_raise(err, ERROR_MANIFEST, "the Issuer that is to be asked is not in the manifests");
    const struct issuer *spec = issuer->issuer;
    const char *environment = spec->sslstore.environment != NULL ? spec->sslstore.environment : "Live";
    const struct endpoint *endpoint = operator_endpoint(ctx->config, environment);
    if (endpoint == NULL || endpoint->url == NULL)
        return error_raise(
            err, ERROR_CONFIG,
            "issuer %s wants the environment %s, which is neither Live, EU nor Sandbox nor listed under "
            "`endpoints` in the operator's file",
            issuer->name, environment);
    if (spec->sslstore.partner_code == NULL || *spec->sslstore.partner_code == '\0')
        return error_raise(err, ERROR_MANIFEST, "issuer %s names no partnerCode", issuer->name);
    struct secret *token = NULL;
    if (!read_token(ctx->config, &spec->sslstore.auth_token_secret_ref, issuer->name, &token, err))
        return false;
    *out = (struct issuer_account){
        .name = arena_strdup(ctx->arena, issuer->name),
        .url =
            arena_printf(ctx->arena, "%s%s", endpoint->url, text_has_suffix(endpoint->url, "/") ? "" : "/"),
        .ca = endpoint->ca,
        .proxy = endpoint->proxy,
        .sandbox = endpoint->sandbox,
        .partner_code = arena_strdup(ctx->arena, spec->sslstore.partner_code),
        .token = token,
        .token_place = arena_printf(ctx->arena, "secret %s/%s in %s", spec->sslstore.auth_token_secret_ref.name,
                                    spec->sslstore.auth_token_secret_ref.key, ctx->config->secrets_directory),
        .csr_encoding = spec->sslstore.csr_encoding,
        .requests_per_second = ctx->config->requests_per_second,
    };
    return true;
}

void issuer_account_close(struct issuer_account *account)
{
    secret_destroy(account->token);
    account->token = NULL;
}

/* base += count * each; -1 when `each` is not stated or the sum does not fit. */
static int64_t add_times(int64_t base, int64_t count, int64_t each)
{
    int64_t more, sum;
    if (count <= 0 || base < 0)
        return base;
    if (each < 0 || __builtin_mul_overflow(count, each, &more) || __builtin_add_overflow(base, more, &sum))
        return -1;
    return sum;
}

/* Rows of one product and term differ by their number of servers: the row of that number, else the largest
 * below it. */
static const struct price *find_row(const struct price_list *prices, const char *product, int months,
                                    int servers)
{
    const struct price *best = NULL;
    for (size_t i = 0; i < prices->count; i++) {
        const struct price *row = &prices->items[i];
        if (row->months != months || row->product == NULL || strcasecmp(row->product, product) != 0)
            continue;
        if (row->servers == servers)
            return row;
        if ((servers < 0 || row->servers < servers) && (best == NULL || row->servers > best->servers))
            best = row;
    }
    return best;
}

int64_t price_of(const struct price_list *prices, const char *product, int months, int servers,
                 int plain_names, int wildcard_names, const char **out_currency)
{
    const struct price *row = find_row(prices, product, months, servers);
    if (row == NULL)
        return -1;
    int64_t total = row->price_cents;
    int64_t more_servers = servers - (row->servers > 0 ? row->servers : 1);
    if (servers < 0 && row->servers >= 0) /* unlimited: known only where further servers cost nothing */
        more_servers = row->per_server_cents == 0 ? 0 : -1;
    if (total < 0 || (servers < 0 && more_servers < 0))
        return -1;
    /* The common name is in the base price. It is a plain name unless there are only wildcards. What is
     * included besides (MinSan, sslstore-api.md 7.4) counts additional names. */
    int64_t plain = plain_names, wildcard = wildcard_names;
    if (plain > 0)
        plain--;
    else if (wildcard > 0)
        wildcard--;
    if (row->per_wildcard_cents < 0) { /* no price of their own: names like any other */
        plain += wildcard;
        wildcard = 0;
    }
    total = add_times(total, plain - (row->min_names > 0 ? row->min_names : 0), row->per_name_cents);
    total = add_times(total, wildcard, row->per_wildcard_cents);
    total = add_times(total, more_servers, row->per_server_cents);
    if (total >= 0 && out_currency != NULL)
        *out_currency = row->currency;
    return total;
}
