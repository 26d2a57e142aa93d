#include "schema/resource.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

/* The word of manifests, then what else people type. */
static const char *const kind_words[][6] = {
    [KIND_CERTIFICATE] = {"Certificate", "certificates", "cert", "certs"},
    [KIND_ISSUER] = {"Issuer", "issuers", "iss"},
    [KIND_DNS_ACCOUNT] = {"DNSAccount", "dnsaccounts", "dns", "dns-account", "dns-accounts"},
    [KIND_DEPLOY_TARGET] = {"DeployTarget", "deploytargets", "target", "targets", "deploy-target", "deploy-targets"},
    [KIND_ORGANIZATION] = {"Organization", "organizations", "org", "orgs", "organisation"},
    [KIND_CONTACT] = {"Contact", "contacts", "con"},
};
static_assert(COUNT_OF(kind_words) == KIND_COUNT, "kind without a word");

const char *resource_kind_name(enum resource_kind kind)
{
    return kind < KIND_COUNT ? kind_words[kind][0] : "?";
}

enum resource_kind resource_kind_parse(const char *word)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (size_t i = 0; i < COUNT_OF(kind_words[0]) && kind_words[kind][i] != NULL; i++)
            if (strcasecmp(word, kind_words[kind][i]) == 0)
                return (enum resource_kind)kind;
    return KIND_COUNT;
}

enum resource_kind resource_kind_near(const char *word)
{
    const char *candidates[KIND_COUNT * COUNT_OF(kind_words[0])];
    size_t count = 0;
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (size_t i = 0; i < COUNT_OF(kind_words[0]) && kind_words[kind][i] != NULL; i++)
            if (strlen(kind_words[kind][i]) > 3) /* whatever is short is near to one of those */
                candidates[count++] = kind_words[kind][i];
    const char *near = text_nearest(word, candidates, count);
    return near != NULL ? resource_kind_parse(near) : KIND_COUNT;
}

char *resource_id(struct arena *arena, enum resource_kind kind, const char *namespace_, const char *name)
{
    char *id = text_empty(namespace_) || strcmp(namespace_, "default") == 0
                   ? arena_printf(arena, "%s/%s", resource_kind_name(kind), name)
                   : arena_printf(arena, "%s/%s/%s", resource_kind_name(kind), namespace_, name);
    for (char *c = id; *c != '/' && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    return id;
}

const char *label_value(const struct label_list *labels, const char *name)
{
    for (size_t i = 0; i < labels->count; i++)
        if (strcmp(labels->items[i].name, name) == 0)
            return labels->items[i].value;
    return NULL;
}

bool label_list_match(const struct label_list *wanted, const struct label_list *labels)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (!text_equal(label_value(labels, wanted->items[i].name), wanted->items[i].value))
            return false;
    return wanted->count > 0;
}
