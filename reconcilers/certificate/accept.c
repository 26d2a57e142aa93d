#include "reconcilers/certificate/accept.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/x509.h"

enum {
    CLOCKS_DIFFER_S = 5 * 60,  /* the issuer's clock may be ahead by this */
    LEAST_LIFE_S = 24 * 3600,  /* less is not worth a deployment */
    CERTIFICATES_MOST = 10,
};

struct evidence {
    const struct x509_bundle *bundle;
    const struct acceptance *rules;
    struct x509_info leaf; /* read from the PEM that would be deployed, not what somebody noted beside it */
    struct arena *arena;
};

/* Each gives the reason for refusal, or NULL when it holds. */

static const char *other_key(const struct evidence *e)
{
    if (text_equal(e->leaf.spki_sha256, e->rules->key_id))
        return NULL;
    return arena_printf(e->arena, "it is for the key %.16s…, ours is %.16s…", e->leaf.spki_sha256,
                        e->rules->key_id != NULL ? e->rules->key_id : "");
}

static const char *weak_key(const struct evidence *e)
{
    bool strong = (text_equal(e->leaf.algorithm, "RSA") && e->leaf.key_size >= 2048) ||
                  (text_equal(e->leaf.algorithm, "ECDSA") && e->leaf.key_size >= 256);
    if (strong)
        return NULL;
    return arena_printf(e->arena, "its key is %s with %d bits; RSA 2048 or P-256 is the least",
                        e->leaf.algorithm, e->leaf.key_size);
}

static const char *name_missing(const struct evidence *e)
{
    for (size_t i = 0; i < e->rules->names.count; i++)
        if (!string_list_contains(&e->leaf.dns_names, e->rules->names.items[i]))
            return arena_printf(
                e->arena, "%s was ordered and is not in it; it has %s", e->rules->names.items[i],
                e->leaf.dns_names.count > 0 ? string_list_join(e->arena, &e->leaf.dns_names, ", ")
                                            : "no names");
    return NULL;
}

/* The additions that the product documents, and no others. */
static bool is_documented(const struct acceptance *rules, const char *name)
{
    const char *main_name = rules->common_name;
    if (text_empty(main_name))
        main_name = rules->names.count > 0 ? rules->names.items[0] : "";
    if (text_has_prefix(main_name, "*."))
        return rules->base_allowed && strcmp(name, main_name + 2) == 0;
    if (!rules->www_allowed)
        return false;
    if (text_has_prefix(main_name, "www."))
        return strcmp(name, main_name + 4) == 0;
    return text_has_prefix(name, "www.") && strcmp(name + 4, main_name) == 0;
}

static const char *name_added(const struct evidence *e)
{
    for (size_t i = 0; i < e->leaf.dns_names.count; i++) {
        const char *name = e->leaf.dns_names.items[i];
        if (!string_list_contains(&e->rules->names, name) && !is_documented(e->rules, name))
            return arena_printf(
                e->arena, "it also has %s, which was not ordered and which the product does not add", name);
    }
    if (e->leaf.other_names.count > 0)
        return arena_printf(e->arena, "it also has \"%s\", which was not ordered",
                            e->leaf.other_names.items[0]);
    return NULL;
}

static const char *begins_late(const struct evidence *e)
{
    if (e->leaf.not_before <= e->rules->now + CLOCKS_DIFFER_S)
        return NULL;
    return arena_printf(e->arena, "it begins at %s, and now is %s: is this host's clock right?",
                        clock_rfc3339(e->arena, e->leaf.not_before), clock_rfc3339(e->arena, e->rules->now));
}

static const char *ends_soon(const struct evidence *e)
{
    if (e->leaf.not_after > e->rules->now + LEAST_LIFE_S)
        return NULL;
    return arena_printf(e->arena, "it ends at %s, which is within a day of now, %s",
                        clock_rfc3339(e->arena, e->leaf.not_after), clock_rfc3339(e->arena, e->rules->now));
}

static const char *ends_before_served(const struct evidence *e)
{
    if (e->rules->served_not_after == 0 || e->leaf.not_after >= e->rules->served_not_after)
        return NULL;
    return arena_printf(e->arena, "it ends at %s, before the one that is served now, %s",
                        clock_rfc3339(e->arena, e->leaf.not_after),
                        clock_rfc3339(e->arena, e->rules->served_not_after));
}

static const char *is_authority(const struct evidence *e)
{
    return e->leaf.is_ca ? "it is a certificate of an authority, not of a server" : NULL;
}

static const char *not_for_servers(const struct evidence *e)
{
    return e->leaf.server_auth ? NULL : "its key usage does not allow TLS servers";
}

static bool same_serial(const char *a, const char *b)
{
    a += strspn(a, "0");
    b += strspn(b, "0");
    return strcasecmp(a, b) == 0;
}

static const char *known_as_revoked(const struct evidence *e)
{
    for (size_t i = 0; i < e->rules->revoked_serials.count; i++)
        if (same_serial(e->rules->revoked_serials.items[i], e->leaf.serial))
            return arena_printf(e->arena, "its serial number %s is one that was revoked", e->leaf.serial);
    return NULL;
}

static const char begin_mark[] = "-----BEGIN ", certificate_mark[] = "-----BEGIN CERTIFICATE-----";

static const char *something_else_inside(const struct evidence *e)
{
    for (const char *at = strstr(e->bundle->fullchain, begin_mark); at != NULL;
         at = strstr(at + 1, begin_mark))
        if (!text_has_prefix(at, certificate_mark))
            return strstr(at, "PRIVATE KEY-----") != NULL ? "a private key came with it"
                                                          : "something else than certificates came with it";
    if (strcmp(arena_printf(e->arena, "%s%s", e->bundle->leaf, e->bundle->chain), e->bundle->fullchain) != 0)
        return "the full chain is not the certificate followed by its chain";
    return NULL;
}

static const char *too_many(const struct evidence *e)
{
    int count = 0;
    for (const char *at = strstr(e->bundle->fullchain, begin_mark); at != NULL;
         at = strstr(at + 1, begin_mark))
        count++;
    return count <= CERTIFICATES_MOST
               ? NULL
               : arena_printf(e->arena, "it comes with a chain of %d certificates; %d together are the most",
                              count, CERTIFICATES_MOST);
}

static const char *twice_in_chain(const struct evidence *e)
{
    struct string_list seen = {0};
    for (const char *at = strstr(e->bundle->fullchain, certificate_mark); at != NULL;) {
        const char *next = strstr(at + 1, certificate_mark);
        const char *block = arena_strndup(e->arena, at, next != NULL ? (size_t)(next - at) : strlen(at));
        struct x509_info info;
        struct error why = {0};
        if (!x509_parse(block, e->arena, &info, &why))
            return arena_printf(e->arena, "%s", why.message);
        if (string_list_contains(&seen, info.fingerprint))
            return arena_printf(e->arena, "the certificate of \"%s\" is in the chain twice", info.subject_cn);
        string_list_push(e->arena, &seen, info.fingerprint);
        at = next;
    }
    return NULL;
}

static const char *chain_broken(const struct evidence *e)
{
    struct error why = {0};
    /* The few minutes that begins_late() forgives must not fail here. */
    int64_t at = e->leaf.not_before > e->rules->now ? e->leaf.not_before : e->rules->now;
    if (x509_verify(e->bundle->leaf, e->bundle->chain, &e->rules->trust_roots, at, &why))
        return NULL;
    return arena_printf(e->arena, "%s", why.message);
}

/* Cheap ones first, the chain last. A life longer than the rules allow is the issuer's matter. */
static const struct check {
    const char *word;
    const char *(*reason)(const struct evidence *e);
} checks[] = {
    {"key", other_key},
    {"key strength", weak_key},
    {"names ordered", name_missing},
    {"names added", name_added},
    {"begin", begins_late},
    {"end", ends_soon},
    {"end against served", ends_before_served},
    {"authority", is_authority},
    {"server use", not_for_servers},
    {"revoked", known_as_revoked},
    {"content", something_else_inside},
    {"count", too_many},
    {"duplicates", twice_in_chain},
    {"chain", chain_broken},
};

const char *certificate_accept_check(size_t index)
{
    return index < COUNT_OF(checks) ? checks[index].word : NULL;
}

bool certificate_accept(const struct x509_bundle *bundle, const struct acceptance *rules, struct arena *arena,
                        struct error *err)
{
    struct evidence evidence = {.bundle = bundle, .rules = rules, .arena = arena};
    struct error why = {0};

    if (!x509_parse(bundle->leaf, arena, &evidence.leaf, &why))
        return error_raise(err, ERROR_REFUSED, "the certificate is not accepted (content): %s", why.message);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        const char *reason = checks[i].reason(&evidence);
        if (reason != NULL)
            return error_raise(err, ERROR_REFUSED, "the certificate for \"%s\" is not accepted (%s): %s",
                               evidence.leaf.subject_cn, checks[i].word, reason);
    }
    return true;
}
