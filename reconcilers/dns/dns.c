#include "reconcilers/dns/dns.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/text.h"

extern const struct dns_provider_ops dns_rfc2136, dns_cloudflare, dns_route53, dns_azure, dns_godaddy,
    dns_cloudns, dns_exec, dns_webhook;

static const struct dns_provider_ops *const providers[] = {
    [DNS_PROVIDER_RFC2136] = &dns_rfc2136,
    [DNS_PROVIDER_MANUAL] = NULL, /* a person makes the records */
    [DNS_PROVIDER_CLOUDFLARE] = &dns_cloudflare,
    [DNS_PROVIDER_ROUTE53] = &dns_route53,
    [DNS_PROVIDER_AZURE_DNS] = &dns_azure,
    [DNS_PROVIDER_GODADDY] = &dns_godaddy,
    [DNS_PROVIDER_CLOUDNS] = &dns_cloudns,
    [DNS_PROVIDER_EXEC] = &dns_exec,
    [DNS_PROVIDER_WEBHOOK] = &dns_webhook,
};
static_assert(COUNT_OF(providers) == DNS_PROVIDER_COUNT, "provider without an entry");

const struct dns_provider_ops *dns_provider_ops(enum dns_provider provider)
{
    assert((size_t)provider < COUNT_OF(providers));
    return providers[provider];
}

static bool is_printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            return false;
    }
    return *text != '\0';
}

/* Inside the zone of one of the ordered names: below the name, or below a parent of it down to the
 * registrable domain, where CAs look too. */
static bool belongs_to(const char *owner, const struct string_list *ordered_names)
{
    for (size_t i = 0; i < ordered_names->count; i++) {
        const char *name = name_without_wildcard(ordered_names->items[i]);
        if (text_name_within(owner, name))
            return true;
        const char *parent = strchr(owner, '.');
        if (parent != NULL && strchr(parent + 1, '.') != NULL && text_name_within(name, parent + 1) &&
            !name_is_public_suffix(parent + 1))
            return true;
    }
    return false;
}

static bool is_ordered_name(const char *owner, const struct string_list *ordered_names)
{
    for (size_t i = 0; i < ordered_names->count; i++) {
        if (strcasecmp(owner, name_without_wildcard(ordered_names->items[i])) == 0)
            return true;
    }
    return false;
}

bool dns_challenge_confined(const struct dns_challenge *challenge, const struct string_list *ordered_names,
                            struct error *err)
{
    const char *owner = challenge->name, *type = challenge->type, *value = challenge->value;
    bool cname = text_equal(type, "CNAME"), txt = text_equal(type, "TXT");
    if (!cname && !txt)
        return error_raise(err, ERROR_REFUSED,
                           "a challenge record is a CNAME or a TXT, nothing else is written");
    if (owner == NULL || !dns_name_usable(owner) || owner[0] == '*')
        return error_raise(err, ERROR_REFUSED, "the challenge's record name is not usable");
    if (owner[0] != '_' && !(txt && is_ordered_name(owner, ordered_names)))
        return error_raise(err, ERROR_REFUSED,
                           "the %s record at %s is not written: its name does not begin with \"_\"%s", type,
                           owner, txt ? " and is none of the ordered names" : "");
    if (!belongs_to(owner, ordered_names))
        return error_raise(err, ERROR_REFUSED,
                           "the %s record at %s is not written: it belongs to none of the ordered "
                           "names",
                           type, owner);
    if (value == NULL || !is_printable(value) || strlen(value) > 255)
        return error_raise(err, ERROR_REFUSED,
                           "the value of the record at %s is not 1 to 255 printable characters", owner);
    if (cname && (!dns_name_usable(value) || value[0] == '*'))
        return error_raise(err, ERROR_REFUSED, "the CNAME at %s does not point to a usable name", owner);
    return true;
}
