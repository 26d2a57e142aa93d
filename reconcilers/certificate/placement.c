#include "reconcilers/certificate/placement.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/names.h"
#include "reconcilers/dns/credential.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/follow.h"

struct candidates {
    const struct resource **items;
    size_t count;
};

const struct resource *placement_account(const struct certificate_view *view, const char *name)
{
    for (size_t i = 0; i < view->refs.dns_account_count; i++) {
        if (text_equal(view->refs.dns_accounts[i]->name, name))
            return view->refs.dns_accounts[i];
    }
    return NULL;
}

/* Ready to write for this certificate. */
static bool can_write(const struct certificate_view *view, const struct resource *account)
{
    const struct dns_account *spec = account->dns_account;
    return spec->enabled && dns_provider_ops(spec->provider) != NULL &&
           (spec->selector.count == 0 ||
            (view->want != NULL && label_list_match(&spec->selector, &view->want->labels)));
}

static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    return dns_credential_good(account, clock_now(), ctx->arena, err) &&
           dns_provider_ops(account->dns_account->provider)->zone_of(ctx, account, name, out_zone, err);
}

/* Those whose manifests name the longest zone. */
static struct candidates by_zone(struct arena *arena, const struct certificate_view *view, const char *name)
{
    struct candidates found = {0};
    size_t longest = 0;
    for (size_t i = 0; i < view->refs.dns_account_count; i++) {
        const struct resource *account = view->refs.dns_accounts[i];
        const char *zone = can_write(view, account) ? dns_account_zone(account->dns_account, name) : NULL;
        size_t length = zone != NULL ? strlen(zone) : 0;
        if (length > longest) {
            longest = length;
            found.count = 0;
        }
        if (length > 0 && length == longest)
            *arena_push(arena, &found.items, found.count) = account;
    }
    return found;
}

/* Those without zones in their manifests that hold the name when asked. `out_failure`: of one that could not
 * say. */
static struct candidates by_asking(struct context *ctx, const struct certificate_view *view, const char *name,
                                   struct error *out_failure)
{
    struct candidates found = {0};
    for (size_t i = 0; i < view->refs.dns_account_count; i++) {
        const struct resource *account = view->refs.dns_accounts[i];
        struct error failure = {0};
        const char *zone;
        if (!can_write(view, account) || account->dns_account->zones.count > 0)
            continue;
        if (zone_of(ctx, account, name, &zone, &failure))
            *arena_push(ctx->arena, &found.items, found.count) = account;
        else if (out_failure->kind == ERROR_NONE || out_failure->kind == ERROR_NOT_FOUND)
            *out_failure = failure;
    }
    return found;
}

static bool has(const struct candidates *candidates, const struct resource *account)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (text_equal(candidates->items[i]->name, account->name))
            return true;
    }
    return false;
}

static bool choose(struct context *ctx, const struct certificate_view *view, const struct resource *own,
                   const char *from, const char *name, const struct resource **out_account, struct error *err)
{
    struct error failure = {0};
    struct candidates found = by_zone(ctx->arena, view, name);
    if (found.count == 0)
        found = by_asking(ctx, view, name, &failure);
    if (found.count == 1 || has(&found, own)) {
        *out_account = found.count == 1 ? found.items[0] : own;
        return true;
    }
    if (found.count > 1) {
        struct string_list names = {0};
        for (size_t i = 0; i < found.count; i++)
            string_list_push(ctx->arena, &names, found.items[i]->name);
        return error_raise(
            err, ERROR_MANIFEST,
            "%s is an alias of %s, and several DNS accounts (%s) may write there: give them `zones`", from,
            name, string_list_join(ctx->arena, &names, ", "));
    }
    if (failure.kind != ERROR_NONE && failure.kind != ERROR_NOT_FOUND) {
        if (err != NULL)
            *err = failure;
        return error_prefix(err, "%s is an alias of %s", from, name);
    }
    return error_raise(
        err, ERROR_NOT_FOUND,
        "%s is an alias of %s, and no DNS account holds a zone of that: add one, or remove the CNAME", from,
        name);
}

bool placement_find(struct context *ctx, const struct certificate_view *view, const struct resource *own,
                    const struct dns_challenge *challenge, struct placement *out, struct error *err)
{
    struct placement place = {.account = own, .name = challenge->name};
    bool follow = text_equal(challenge->type, "TXT") && own->dns_account->cname_strategy == CNAME_FOLLOW;
    if (follow && !dns_follow(ctx, challenge->name, &place.name, err))
        return false;
    place.led = strcasecmp(place.name, challenge->name) != 0;
    if (place.led && !choose(ctx, view, own, challenge->name, place.name, &place.account, err))
        return false;
    if (!zone_of(ctx, place.account, place.name, &place.zone, err))
        return place.led && error_prefix(err, "%s is an alias of %s", challenge->name, place.name);
    *out = place;
    return true;
}

bool placement_foresee(struct context *ctx, const struct certificate_view *view,
                       const struct name_validation *validation, struct placement *out, struct error *err)
{
    const char *name = name_without_wildcard(validation->name);
    bool txt = view->product->family != FAMILY_SECTIGO;
    struct dns_challenge challenge = {.name = txt ? arena_printf(ctx->arena, "_dnsauth.%s", name) : name,
                                      .type = txt ? "TXT" : "CNAME"};
    return placement_find(ctx, view, validation->dns_account, &challenge, out, err);
}
