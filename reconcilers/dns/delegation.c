#include "reconcilers/dns/delegation.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "reconcilers/dns/propagation.h"
#include "schema/operator.h"

enum { TIMEOUT_MS = 2000, SERVERS_LOOKED_AT = 4 };

static const char *without_dot(struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '.' ? arena_strndup(arena, name, length - 1) : name;
}

static bool same_name(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    length_a -= length_a > 0 && a[length_a - 1] == '.';
    length_b -= length_b > 0 && b[length_b - 1] == '.';
    return length_a == length_b && strncasecmp(a, b, length_a) == 0;
}

/* Who tells the delegation: the operator's server for the zone, else the system's resolver. */
static bool ask_dns(struct context *ctx, const char *zone, const char *name, enum dns_type type,
                    struct dns_answer *out)
{
    const char *named = propagation_named_server(ctx->config, zone);
    struct dns_address server, resolvers[3];
    if (named != NULL)
        return dns_parse_address(named, 53, &server, NULL) &&
               dns_ask(&server, name, type, false, TIMEOUT_MS, ctx->arena, out, NULL);
    AUTO(buffer) struct buffer text = {0};
    file_read_path("/etc/resolv.conf", 64 << 10, &text, NULL);
    size_t count = propagation_read_resolvers(buffer_text(&text), resolvers);
    for (size_t i = 0; i < count; i++) {
        if (dns_ask(&resolvers[i], name, type, true, TIMEOUT_MS, ctx->arena, out, NULL) &&
            (out->rcode == 0 || out->rcode == 3))
            return true;
    }
    return false;
}

static void addresses_of(struct context *ctx, const struct string_list *servers, struct string_list *out)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    for (size_t i = 0; i < servers->count && i < SERVERS_LOOKED_AT; i++) {
        struct dns_answer answer;
        const char *name = without_dot(ctx->arena, servers->items[i]);
        for (size_t t = 0; t < COUNT_OF(types) && dns_name_usable(name); t++) {
            if (!ask_dns(ctx, name, name, types[t], &answer))
                continue;
            for (size_t k = 0; k < answer.answer_count; k++) {
                if (answer.answers[k].type == types[t])
                    string_list_push(ctx->arena, out, answer.answers[k].value);
            }
        }
    }
}

static bool share_a_name(const struct string_list *a, const struct string_list *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (same_name(a->items[i], b->items[k]))
                return true;
        }
    }
    return false;
}

bool delegation_check(struct context *ctx, const char *holder, const char *account, const char *zone,
                      const struct string_list *servers, bool *out_nobody, struct error *err)
{
    struct dns_answer answer;
    struct string_list delegated = {0}, here = {0}, there = {0};
    if (out_nobody != NULL)
        *out_nobody = false;
    if (servers->count == 0 || !ask_dns(ctx, zone, zone, DNS_NS, &answer) ||
        (answer.rcode != 0 && answer.rcode != 3))
        return true;
    for (size_t i = 0; i < answer.answer_count; i++) {
        if (answer.answers[i].type == DNS_NS && strcasecmp(answer.answers[i].name, zone) == 0)
            string_list_push(ctx->arena, &delegated, answer.answers[i].value);
    }
    if (out_nobody != NULL)
        *out_nobody = delegated.count == 0;
    if (delegated.count == 0)
        return error_raise(
            err, ERROR_NOT_FOUND,
            "%s holds zone %s (DNSAccount %s), but the DNS delegates it to nobody: records there would "
            "never be seen",
            holder, zone, account);
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
        holder, zone, account, text_clean(ctx->arena, servers->items[0], strlen(servers->items[0]), 80),
        delegated.items[0]);
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

const char *delegation_referral(const struct dns_answer *answer, const char *zone, const char *name)
{
    for (size_t i = 0; i < answer->authority_count && !answer->authoritative && answer->rcode == 0; i++) {
        const struct dns_record *record = &answer->authority[i];
        if (record->type == DNS_NS && text_name_within(name, record->name) &&
            text_name_within(record->name, zone) && strlen(record->name) > strlen(zone))
            return record->name;
    }
    return NULL;
}

bool delegation_handed_on(const char *zone, const char *child, const char *name, struct error *err)
{
    return error_raise(err, ERROR_NOT_FOUND, "zone %s hands %s to other servers: %s cannot be written there",
                       zone, child, name);
}

bool delegation_check_not_below(struct context *ctx, const char *zone, const struct string_list *servers,
                                const char *name, struct error *err)
{
    struct dns_address server;
    struct dns_answer answer;
    if (strcasecmp(name, zone) == 0 || !server_of(ctx, zone, servers, &server) ||
        !dns_ask(&server, name, DNS_SOA, false, TIMEOUT_MS, ctx->arena, &answer, NULL))
        return true;
    const char *child = delegation_referral(&answer, zone, name);
    return child == NULL || delegation_handed_on(zone, child, name, err);
}
