/* Which zone of an account holds a name, and whether the world asks there. The account is asked for each
 * suffix of the name, longest first; what it says is remembered for minutes. */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "reconcilers/dns/delegation.h"
#include "reconcilers/dns/service.h"
#include "schema/resource.h"

enum { HERE_MS = 600 * 1000, NOT_HERE_MS = 120 * 1000 };

static const char *memory_key(const struct service_session *session, const char *zone)
{
    return arena_printf(session->ctx->arena, "zone %s %s", zone, session->key);
}

/* ---- choosing ---- */

/* "id" + LF + servers: what is remembered of a zone; "": not of this account; "!" + words: not to be looked at. */
static const char *zone_to_text(struct arena *arena, const struct service_zone *zone)
{
    return arena_printf(arena, "%s\n%s", zone->id, string_list_join(arena, &zone->servers, "\n"));
}

static enum service_finding zone_from_text(struct arena *arena, const char *text, struct service_zone *out,
                                           struct error *err)
{
    if (*text == '\0')
        return SERVICE_NOT_HERE;
    if (*text == '!') {
        error_raise(err, ERROR_CREDENTIAL, "%s", text + 1);
        return SERVICE_FORBIDDEN;
    }
    struct string_list lines = text_split(arena, text, '\n');
    *out = (struct service_zone){.id = lines.items[0]};
    for (size_t i = 1; i < lines.count; i++) {
        if (*lines.items[i] != '\0')
            string_list_push(arena, &out->servers, lines.items[i]);
    }
    return SERVICE_HERE;
}

static enum service_finding look_up(struct service_session *session, const char *zone, service_ask_zone *ask,
                                    struct service_zone *out, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    const char *key = memory_key(session, zone), *known = service_recall(arena, key);
    if (known != NULL)
        return zone_from_text(arena, known, out, err);
    enum service_finding finding = ask(session, zone, out, err);
    if (finding == SERVICE_NOT_HERE)
        service_remember(key, "", NOT_HERE_MS);
    if (finding == SERVICE_FORBIDDEN && err != NULL)
        service_remember(key, arena_printf(arena, "!%s", err->message), NOT_HERE_MS);
    if (finding != SERVICE_HERE)
        return finding;
    bool nobody;
    if (!delegation_check(session->ctx, session->service->label, session->account->name, zone, &out->servers,
                          &nobody, err))
        return nobody ? SERVICE_UNSEEN : SERVICE_FAILED;
    service_remember(key, zone_to_text(arena, out), HERE_MS);
    return SERVICE_HERE;
}

/* Suffixes that may be zones. A first label with an underscore is a zone of its own so rarely that only
 * `zones` in the manifest makes us ask. */
static bool is_candidate(const struct dns_account *spec, const char *suffix)
{
    if (spec->zones.count == 0)
        return suffix[0] != '_' && suffix[0] != '*' && strchr(suffix, '.') != NULL;
    for (size_t i = 0; i < spec->zones.count; i++) {
        if (service_same_name(spec->zones.items[i], suffix))
            return true;
    }
    return false;
}

bool service_find_zone(struct service_session *session, const char *name, service_ask_zone *ask,
                       const char **out_zone, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    const struct dns_account *spec = session->account->dns_account;
    const char *owner = text_lower(arena, service_without_dot(arena, name));
    struct error passed_over = {0};
    for (const char *at = owner; at != NULL; at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL) {
        struct service_zone zone = {0};
        struct error failure = {0};
        if (!is_candidate(spec, at))
            continue;
        switch (look_up(session, at, ask, &zone, &failure)) {
        case SERVICE_HERE:
            if (!delegation_check_not_below(session->ctx, at, &zone.servers, owner, err))
                return false;
            *out_zone = at;
            return true;
        case SERVICE_FORBIDDEN:
        case SERVICE_UNSEEN:
            if (passed_over.kind == ERROR_NONE)
                passed_over = failure;
            break;
        case SERVICE_NOT_HERE:
            break;
        default:
            if (err != NULL)
                *err = failure;
            return false;
        }
    }
    if (passed_over.kind != ERROR_NONE) {
        if (err != NULL)
            *err = passed_over;
        return false;
    }
    return error_raise(err, ERROR_NOT_FOUND, "%s (DNSAccount %s) has no zone that holds %s%s",
                       session->service->label, session->account->name, owner,
                       spec->zones.count > 0 ? " among those that the manifest names in `zones`" : "");
}

bool service_zone_id(struct service_session *session, const char *zone, service_ask_zone *ask,
                     const char **out_id, struct error *err)
{
    struct service_zone found = {0};
    enum service_finding finding = look_up(session, zone, ask, &found, err);
    if (finding == SERVICE_HERE)
        *out_id = found.id;
    if (finding == SERVICE_NOT_HERE)
        return error_raise(err, ERROR_NOT_FOUND, "%s (DNSAccount %s) no longer has zone %s",
                           session->service->label, session->account->name, zone);
    return finding == SERVICE_HERE;
}

void service_forget_zone(struct service_session *session, const char *zone)
{
    service_forget(memory_key(session, zone));
}
