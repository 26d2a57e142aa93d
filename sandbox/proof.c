/* How control of each name is shown (sections 8.3 and 11): the words of ApproverEmail and the indicators
 * become a method per name, and each method a challenge. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/crypto.h"
#include "sandbox/wire.h"

static const char *base_name(const char *domain)
{
    return text_has_prefix(domain, "*.") ? domain + 2 : domain;
}

static bool default_method(struct call *call, bool sectigo, enum method *out)
{
    bool file = wire_bool(call->body, "FileAuthDVIndicator"),
         https = wire_bool(call->body, "HTTPSFileAuthDVIndicator");
    bool cname = wire_bool(call->body, "CNAMEAuthDVIndicator");
    if (file + https + cname > 1)
        return refuse(call, CODE_INPUT,
                      "Only one of FileAuthDVIndicator, HTTPSFileAuthDVIndicator and "
                      "CNAMEAuthDVIndicator may be true");
    *out = file    ? METHOD_HTTP
           : https ? METHOD_HTTPS
           : cname ? (sectigo ? METHOD_CNAME : METHOD_TXT)
                   : METHOD_EMAIL;
    return true;
}

static bool word_method(const char *word, bool sectigo, enum method *out)
{
    static const struct {
        const char *word;
        bool sectigo, digicert;
        enum method method, digicert_method;
    } words[] = {
        {"HTTP", true, true, METHOD_HTTP, METHOD_HTTP},
        {"HTTPS", true, false, METHOD_HTTPS, METHOD_HTTPS},
        {"DNS", true, true, METHOD_CNAME, METHOD_TXT},
        {"dns_cname_token", false, true, METHOD_CNAME, METHOD_CNAME},
        {"EMAIL", false, true, METHOD_EMAIL, METHOD_EMAIL},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasecmp(words[i].word, word) == 0 && (sectigo ? words[i].sectigo : words[i].digicert)) {
            *out = sectigo ? words[i].method : words[i].digicert_method;
            return true;
        }
    return false;
}

static bool may_approve(struct call *call, const char *address, const char *domain)
{
    struct string_list allowed = approver_addresses(call->arena, domain);
    for (size_t i = 0; i < allowed.count; i++)
        if (strcasecmp(allowed.items[i], address) == 0)
            return true;
    return refuse(call, CODE_VENDOR, "Vendor returns error: %s is not an approver address for %s", address,
                  domain);
}

/* BR 3.2.2.4.4 with SC-090: e-mail ends in 2028. */
static bool mail_still_allowed(struct call *call)
{
    if (clock_now() < clock_from_civil(2028, 3, 15, 0, 0, 0))
        return true;
    return refuse(call, CODE_VENDOR,
                  "Vendor returns error: validation by e-mail is not allowed since 2028-03-15");
}

/* One word or address per name, or one for all. */
static bool sectigo_methods(struct call *call, const struct string_list *words, enum method fallback,
                            struct wish *wish)
{
    bool multi = wish->product->flags & MULTI;
    if (words->count > 1 && (!multi || words->count != wish->proof_count))
        return refuse(call, CODE_INPUT,
                      "ApproverEmail has %zu elements, but there are %zu names to validate", words->count,
                      wish->proof_count);
    for (size_t i = 0; i < wish->proof_count; i++) {
        struct proof *proof = &wish->proofs[i];
        const char *word = words->count > 1 ? words->items[i] : words->count == 1 ? words->items[0] : "";
        bool is_address = strchr(word, '@') != NULL;
        proof->method = fallback;
        /* With an indicator, old clients send an address as well: for the main name, or alone, it means
         * nothing. */
        if (is_address && (fallback == METHOD_EMAIL || (words->count > 1 && i > 0)))
            proof->method = METHOD_EMAIL;
        else if (!text_empty(word) && !is_address && strcasecmp(word, "none") != 0 &&
                 !word_method(word, true, &proof->method))
            return refuse(call, CODE_INPUT,
                          "ApproverEmail: %s is neither an address nor HTTP, HTTPS or DNS", word);
        if (i == 0 && proof->method != fallback)
            return refuse(call, CODE_INPUT,
                          "The indicators do not agree with the first element of ApproverEmail");
        if (proof->method != METHOD_EMAIL)
            continue;
        if (strcasecmp(word, "none") == 0 && i > 0) /* another name's approver stands for this one too */
            word = text_empty(wish->proofs[0].approver) ? "" : wish->proofs[0].approver;
        if (text_empty(word) || strchr(word, '@') == NULL)
            return refuse(call, CODE_INPUT, "ApproverEmail is required for %s", proof->domain);
        if (!may_approve(call, word, proof->domain) || !mail_still_allowed(call))
            return false;
        proof->approver = text_lower(call->arena, word);
    }
    return true;
}

/* One method for the whole order, and with e-mail exactly one address (section 8.3). */
static bool digicert_methods(struct call *call, const struct string_list *words, enum method fallback,
                             struct wish *wish)
{
    enum method method = fallback, other;
    const char *address = NULL;
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->items[i];
        if (strchr(word, '@') != NULL) {
            if (address != NULL && fallback == METHOD_EMAIL)
                return refuse(call, CODE_VENDOR,
                              "Vendor returns error: exactly one approver e-mail address is taken");
            address = word;
            continue;
        }
        if (text_empty(word))
            continue;
        if (!word_method(word, false, &other))
            return refuse(call, CODE_INPUT, "ApproverEmail: %s is not EMAIL, HTTP, DNS or dns_cname_token",
                          word);
        bool agrees = other == fallback || (fallback == METHOD_TXT && other == METHOD_CNAME) ||
                      (fallback == METHOD_HTTPS && other == METHOD_HTTP);
        if (!agrees || (i > 0 && method != other && method != fallback))
            return refuse(call, CODE_VENDOR,
                          "Vendor returns error: one validation method for all names of an order");
        method = fallback == METHOD_HTTPS ? METHOD_HTTPS : other;
    }
    if (method == METHOD_EMAIL && address == NULL)
        return refuse(call, CODE_INPUT, "ApproverEmail is required");
    if (method == METHOD_EMAIL && !mail_still_allowed(call))
        return false;
    for (size_t i = 0; i < wish->proof_count; i++) {
        wish->proofs[i].method = method;
        if (method == METHOD_EMAIL && !may_approve(call, address, wish->proofs[i].domain))
            return false;
        wish->proofs[i].approver = method == METHOD_EMAIL ? text_lower(call->arena, address) : "";
    }
    return true;
}

/* Section 11.2. */
static void sectigo_challenge(struct arena *arena, const struct wish *wish, struct proof *proof)
{
    const char *sha = wish->csr_sha256, *unique = text_lower(arena, wish->unique_value);
    if (proof->method == METHOD_CNAME) {
        proof->record_name = arena_printf(arena, "_%s.%s", wish->csr_md5, base_name(proof->domain));
        proof->record_data = arena_printf(arena, "%.32s.%s.%s%ssectigo.com", sha, sha + 32, unique,
                                          text_empty(unique) ? "" : ".");
    } else if (proof->method != METHOD_EMAIL) {
        char *upper = arena_strdup(arena, wish->csr_md5);
        for (char *c = upper; *c != '\0'; c++)
            *c = (char)toupper((unsigned char)*c);
        proof->file_name = arena_printf(arena, "%s.txt", upper);
        proof->file_content = arena_printf(arena, "%s\nsectigo.com%s%s", sha,
                                           text_empty(unique) ? "" : "\n", wish->unique_value);
    }
}

/* Section 11.3: one random value for the whole order. */
static void digicert_challenge(struct arena *arena, const char *token, struct proof *proof)
{
    if (proof->method == METHOD_TXT) {
        proof->record_name = arena_printf(arena, "_dnsauth.%s", base_name(proof->domain));
        proof->record_data = token;
    } else if (proof->method == METHOD_CNAME) {
        proof->record_name = arena_printf(arena, "_%s.%s", token, base_name(proof->domain));
        proof->record_data = "dcv.digicert.com";
    } else if (proof->method != METHOD_EMAIL) {
        proof->file_name = "fileauth.txt";
        proof->file_content = token;
    }
}

static int reuse_days(int64_t now)
{
    return now >= clock_from_civil(2029, 3, 15, 0, 0, 0)   ? 10
           : now >= clock_from_civil(2027, 3, 15, 0, 0, 0) ? 100
           : now >= clock_from_civil(2026, 3, 15, 0, 0, 0) ? 198
                                                           : 398;
}

/* Section 11.4; Sectigo's proof hangs on the CSR, so there a new key means everything anew. */
static bool validated_already(struct call *call, const struct wish *wish, const char *domain)
{
    if (!call->sandbox->settings.reuse_validations || product_is_sectigo(wish->product))
        return false;
    const char *key = arena_printf(call->arena, "0 %s", base_name(domain));
    int64_t at = (int64_t)(uintptr_t)text_map_get(call->sandbox->validated, key);
    return at != 0 && clock_now() - at < (int64_t)reuse_days(clock_now()) * 86400;
}

static struct string_list split_words(struct arena *arena, const char *words)
{
    struct string_list list = {0};
    if (text_empty(words))
        return list;
    struct string_list parts = text_split(arena, words, ',');
    for (size_t i = 0; i < parts.count; i++)
        string_list_push(arena, &list, text_trim(arena, parts.items[i]));
    return list;
}

bool wish_make_proofs(struct call *call, const char *words, struct wish *wish)
{
    struct arena *arena = call->arena;
    bool sectigo = product_is_sectigo(wish->product);
    enum method fallback = METHOD_EMAIL;
    if (!default_method(call, sectigo, &fallback))
        return false;
    struct proof *main_proof = arena_push(arena, &wish->proofs, wish->proof_count);
    main_proof->domain = wish->common_name;
    for (size_t i = 0; i < wish->more_names.count; i++) {
        struct proof *proof = arena_push(arena, &wish->proofs, wish->proof_count);
        proof->domain = wish->more_names.items[i];
    }
    struct string_list list = split_words(arena, words);
    if (!(sectigo ? sectigo_methods(call, &list, fallback, wish)
                  : digicert_methods(call, &list, fallback, wish)))
        return false;
    const char *token = random_word(arena, 32), *mail_token = random_hex(arena, 16);
    for (size_t i = 0; i < wish->proof_count; i++) {
        struct proof *proof = &wish->proofs[i];
        bool file = proof->method == METHOD_HTTP || proof->method == METHOD_HTTPS;
        if (file && text_has_prefix(proof->domain, "*."))
            return refuse(call, CODE_VENDOR,
                          "Vendor returns error: a wildcard name (%s) cannot be validated by a file",
                          proof->domain);
        if (sectigo)
            sectigo_challenge(arena, wish, proof);
        else
            digicert_challenge(arena, token, proof);
        if (proof->method == METHOD_EMAIL)
            proof->mail_token = sectigo ? random_hex(arena, 16) : mail_token;
        proof->done = validated_already(call, wish, proof->domain);
    }
    /* A file proves its own name only (BR 3.2.2.4.18), so it cannot stand for the twin. */
    enum method method = wish->proofs[0].method;
    wish->twin = (wish->product->flags & TWIN) && method != METHOD_HTTP && method != METHOD_HTTPS;
    return true;
}
