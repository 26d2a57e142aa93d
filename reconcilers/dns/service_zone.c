/* Which zone of an account holds a name, and whether the world asks there. The account is asked for each
 * suffix of the name, longest first; what it says is remembered for minutes. A zone that the DNS hands to
 * other servers takes records that nobody ever sees, so it is refused; what cannot be looked up is no reason
 * to refuse. */
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/file.h"
#include "reconcilers/dns/propagation.h"
#include "reconcilers/dns/service.h"
#include "schema/operator.h"
#include "schema/resource.h"

enum { HERE_MS = 600 * 1000, NOT_HERE_MS = 120 * 1000, DNS_TIMEOUT_MS = 2000, SERVERS_LOOKED_AT = 4 };

static const char *memory_key(const struct service_session *session, const char *zone)
{
    return arena_printf(session->ctx->arena, "zone %s %s", zone, session->key);
}

/* ---- delegation ---- */

/* Who tells the delegation: the operator's server for the zone, else the system's resolver. */
static bool ask_dns(struct context *ctx, const char *zone, const char *name, enum dns_type type,
                    struct dns_answer *out)
{
    const char *named = propagation_named_server(ctx->config, zone);
    struct dns_address server, resolvers[3];
    if (named != NULL)
        return dns_parse_address(named, 53, &server, NULL) &&
               dns_ask(&server, name, type, false, DNS_TIMEOUT_MS, ctx->arena, out, NULL);
    AUTO(buffer) struct buffer text = {0};
    file_read_path("/etc/resolv.conf", 64 << 10, &text, NULL);
    size_t count = propagation_read_resolvers(buffer_text(&text), resolvers);
    for (size_t i = 0; i < count; i++) {
        if (dns_ask(&resolvers[i], name, type, true, DNS_TIMEOUT_MS, ctx->arena, out, NULL) &&
            (out->rcode == 0 || out->rcode == 3))
            return true;
    }
    return false;
}

static void addresses_of(struct context *ctx, const struct string_list *servers, struct string_list *out)
{
    for (size_t i = 0; i < servers->count && i < SERVERS_LOOKED_AT; i++) {
        struct dns_answer answer;
        const char *name = service_without_dot(ctx->arena, servers->items[i]);
        if (!dns_name_usable(name) || !ask_dns(ctx, name, name, DNS_A, &answer))
            continue;
        for (size_t k = 0; k < answer.answer_count; k++) {
            if (answer.answers[k].type == DNS_A)
                string_list_push(ctx->arena, out, answer.answers[k].value);
        }
    }
}

static bool share_a_name(const struct string_list *a, const struct string_list *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (service_same_name(a->items[i], b->items[k]))
                return true;
        }
    }
    return false;
}

bool service_check_delegation(struct service_session *session, const char *zone,
                              const struct string_list *servers, struct error *err)
{
    struct context *ctx = session->ctx;
    struct dns_answer answer;
    struct string_list delegated = {0}, here = {0}, there = {0};
    if (servers->count == 0 || !ask_dns(ctx, zone, zone, DNS_NS, &answer) ||
        (answer.rcode != 0 && answer.rcode != 3))
        return true;
    for (size_t i = 0; i < answer.answer_count; i++) {
        if (answer.answers[i].type == DNS_NS && strcasecmp(answer.answers[i].name, zone) == 0)
            string_list_push(ctx->arena, &delegated, answer.answers[i].value);
    }
    if (delegated.count == 0)
        return error_raise(
            err, ERROR_NOT_FOUND,
            "%s holds zone %s (DNSAccount %s), but the DNS delegates it to nobody: records there would "
            "never be seen",
            session->service->label, zone, session->account->name);
    if (share_a_name(servers, &delegated))
        return true;
    /* Servers under names of one's own ("white label") have the service's addresses. */
    addresses_of(ctx, servers, &here);
    addresses_of(ctx, &delegated, &there);
    if (propagation_named_server(ctx->config, zone) == NULL &&
        (here.count == 0 || there.count == 0 || share_a_name(&here, &there)))
        return true;
    return error_raise(
        err, ERROR_NOT_FOUND,
        "%s holds zone %s (DNSAccount %s) on %s, but the DNS delegates it to %s: records there would "
        "never be seen",
        session->service->label, zone, session->account->name,
        text_clean(ctx->arena, servers->items[0], strlen(servers->items[0]), 80), delegated.items[0]);
}

/* A server that holds the zone, by its address; false: unknown. */
static bool server_of(struct context *ctx, const char *zone, const struct string_list *servers,
                      struct dns_address *out)
{
    const char *named = propagation_named_server(ctx->config, zone);
    if (named != NULL)
        return dns_parse_address(named, 53, out, NULL);
    struct string_list first = {.items = servers->items, .count = servers->count > 0}, addresses = {0};
    struct sockaddr_storage address;
    addresses_of(ctx, &first, &addresses);
    if (addresses.count == 0 || strlen(addresses.items[0]) >= sizeof out->host ||
        !address_from_text(addresses.items[0], 53, &address) ||
        !address_check((const struct sockaddr *)&address, &ctx->config->allow_addresses, NULL))
        return false;
    strcpy(out->host, addresses.items[0]);
    out->port = 53;
    return true;
}

bool service_check_not_below(struct context *ctx, const char *zone, const struct string_list *servers,
                             const char *name, struct error *err)
{
    struct dns_address server;
    struct dns_answer answer;
    if (strcasecmp(name, zone) == 0 || !server_of(ctx, zone, servers, &server) ||
        !dns_ask(&server, name, DNS_SOA, false, DNS_TIMEOUT_MS, ctx->arena, &answer, NULL))
        return true;
    for (size_t i = 0; i < answer.authority_count && !answer.authoritative && answer.rcode == 0; i++) {
        const struct dns_record *record = &answer.authority[i];
        if (record->type == DNS_NS && text_name_within(name, record->name) &&
            text_name_within(record->name, zone) && strlen(record->name) > strlen(zone))
            return error_raise(err, ERROR_NOT_FOUND,
                               "zone %s hands %s to other servers: %s cannot be written there", zone,
                               record->name, name);
    }
    return true;
}

/* ---- choosing ---- */

/* "id" + LF + servers: what is remembered of a zone; "": not of this account. */
static const char *zone_to_text(struct arena *arena, const struct service_zone *zone)
{
    return arena_printf(arena, "%s\n%s", zone->id, string_list_join(arena, &zone->servers, "\n"));
}

static enum service_finding zone_from_text(struct arena *arena, const char *text, struct service_zone *out)
{
    if (*text == '\0')
        return SERVICE_NOT_HERE;
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
        return zone_from_text(arena, known, out);
    enum service_finding finding = ask(session, zone, out, err);
    if (finding == SERVICE_NOT_HERE)
        service_remember(key, "", NOT_HERE_MS);
    if (finding != SERVICE_HERE)
        return finding;
    if (!service_check_delegation(session, zone, &out->servers, err))
        return SERVICE_FAILED;
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
    struct error forbidden = {0};
    for (const char *at = owner; at != NULL; at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL) {
        struct service_zone zone = {0};
        struct error failure = {0};
        if (!is_candidate(spec, at))
            continue;
        switch (look_up(session, at, ask, &zone, &failure)) {
        case SERVICE_HERE:
            if (!service_check_not_below(session->ctx, at, &zone.servers, owner, err))
                return false;
            *out_zone = at;
            return true;
        case SERVICE_FORBIDDEN:
            if (forbidden.kind == ERROR_NONE)
                forbidden = failure;
            break;
        case SERVICE_NOT_HERE:
            break;
        default:
            if (err != NULL)
                *err = failure;
            return false;
        }
    }
    if (forbidden.kind != ERROR_NONE) {
        if (err != NULL)
            *err = forbidden;
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
