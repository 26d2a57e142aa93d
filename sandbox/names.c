/* Host names, the registrable domain (libpsl), and the five constructed addresses (BR 3.2.2.4.4). */
#include <ctype.h>
#include <string.h>

#include <libpsl.h>

#include "base/arena.h"
#include "sandbox/wire.h"

static bool label_good(const char *label, size_t length)
{
    if (length == 0 || length > 63 || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)label[i]) && label[i] != '-')
            return false;
    return true;
}

const char *host_problem(struct arena *arena, const char *name, bool wildcard_allowed)
{
    const char *host = name;
    if (text_has_prefix(name, "*.")) {
        if (!wildcard_allowed)
            return arena_printf(arena, "%s is a wildcard name, which this product does not take", name);
        host = name + 2;
    }
    size_t labels = 0, length = strlen(host);
    bool all_digits = false;
    for (const char *label = host; label != NULL; labels++) {
        const char *dot = strchr(label, '.');
        size_t size = dot != NULL ? (size_t)(dot - label) : strlen(label);
        if (!label_good(label, size))
            return arena_printf(arena, "%s is not a valid domain name", name);
        all_digits = strspn(label, "0123456789") == size;
        label = dot != NULL ? dot + 1 : NULL;
    }
    if (labels < 2 || length > 253 || all_digits)
        return arena_printf(arena, "%s is not a valid domain name", name);
    if (psl_is_public_suffix(psl_builtin(), host))
        return arena_printf(arena, "%s is a public suffix", name);
    return NULL;
}

const char *host_registrable(struct arena *arena, const char *name)
{
    const char *host = text_has_prefix(name, "*.") ? name + 2 : name;
    const char *found = psl_registrable_domain(psl_builtin(), host);
    return arena_strdup(arena, found != NULL ? found : host);
}

struct string_list approver_addresses(struct arena *arena, const char *domain)
{
    static const char *const mailboxes[] = {"admin", "administrator", "hostmaster", "postmaster",
                                            "webmaster"};
    const char *host = text_has_prefix(domain, "*.") ? domain + 2 : domain;
    const char *top = host_registrable(arena, host);
    struct string_list list = {0};
    /* From the registrable domain up to the name itself: each is an authorization domain name. */
    for (const char *at = host + strlen(host) - strlen(top);; at--) {
        if (at == host || at[-1] == '.')
            for (size_t i = 0; i < COUNT_OF(mailboxes); i++)
                string_list_push(arena, &list, arena_printf(arena, "%s@%s", mailboxes[i], at));
        if (at == host)
            return list;
    }
}
