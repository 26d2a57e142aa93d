/* The system's resolver is asked only for the delegation (NS, A, AAAA of the servers), never for the record
 * or a name below its zone: the negative answer would stay in its cache, and in the CA's if it is shared
 * (RFC 2308). From the zone's servers the way leads down by their referrals. */
#include "reconcilers/dns/propagation.h"

#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/file.h"
#include "base/names.h"
#include "base/text.h"
#include "reconcilers/dns/delegation.h"
#include "schema/operator.h"

enum { TIMEOUT_MS = 3000, ADDRESSES_MAX = 16, SERVERS_MAX = 13, REFERRALS_MAX = 5 };

struct servers {
    struct dns_address items[ADDRESSES_MAX];
    size_t count;
};

size_t propagation_read_resolvers(const char *text, struct dns_address out[3])
{
    size_t count = 0;
    for (const char *line = text; line != NULL && *line != '\0' && count < 3; line = strchr(line, '\n')) {
        line += *line == '\n';
        struct sockaddr_storage address;
        char host[64];
        size_t skip = strspn(line, " \t");
        if (strncmp(line + skip, "nameserver", 10) != 0 ||
            (line[skip + 10] != ' ' && line[skip + 10] != '\t'))
            continue;
        const char *start = line + skip + 10 + strspn(line + skip + 10, " \t");
        size_t length = strcspn(start, " \t\r\n#;");
        if (length == 0 || length >= sizeof host)
            continue;
        memcpy(host, start, length);
        host[length] = '\0';
        if (!address_from_text(host, 53, &address)) /* a link-local one with its scope is passed over */
            continue;
        strcpy(out[count].host, host);
        out[count++].port = 53;
    }
    if (count == 0)
        out[count++] = (struct dns_address){"127.0.0.1", 53};
    return count;
}

/* The first resolver that answers; NXDOMAIN is an answer. */
static bool resolve(struct context *ctx, const struct propagation_world *world, const char *name,
                    enum dns_type type, struct dns_answer *out, struct error *err)
{
    struct error last = {0};
    for (size_t i = 0; i < world->resolver_count; i++) {
        if (!dns_ask(&world->resolvers[i], name, type, true, TIMEOUT_MS, ctx->arena, out, &last))
            continue;
        if (out->rcode == 0 || out->rcode == 3)
            return true;
        error_raise(&last, ERROR_UNREACHABLE, "the resolver %s answers %s when asked for %s",
                    world->resolvers[i].host, dns_rcode_name(out->rcode), name);
    }
    return error_raise(err, ERROR_UNREACHABLE, "the delegation cannot be looked up: %s", last.message);
}

/* Take the address unless it is known, private, or beyond this host's routes. */
static void add_address(struct context *ctx, const struct propagation_world *world, const char *text,
                        struct servers *servers, struct error *refused)
{
    struct sockaddr_storage address;
    if (servers->count == ADDRESSES_MAX || strlen(text) >= sizeof servers->items[0].host ||
        !address_from_text(text, world->port, &address))
        return;
    for (size_t i = 0; i < servers->count; i++) {
        if (strcmp(servers->items[i].host, text) == 0)
            return;
    }
    if (!address_check((const struct sockaddr *)&address, &ctx->config->allow_addresses, refused) ||
        !address_has_route((const struct sockaddr *)&address))
        return;
    struct dns_address *server = &servers->items[servers->count++];
    strcpy(server->host, text);
    server->port = world->port;
}

/* Every address of every server named by the NS records of `zone` among `records`. */
static bool addresses_of(struct context *ctx, const struct propagation_world *world, const char *zone,
                         const struct dns_record *records, size_t count, struct servers *out,
                         struct error *err)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    struct error last = {0};
    int names = 0;
    out->count = 0;
    for (size_t i = 0; i < count && names < SERVERS_MAX; i++) {
        if (records[i].type != DNS_NS || strcasecmp(records[i].name, zone) != 0)
            continue;
        names++;
        for (size_t t = 0; t < COUNT_OF(types); t++) {
            struct dns_answer answer;
            if (!resolve(ctx, world, records[i].value, types[t], &answer, &last))
                continue;
            for (size_t k = 0; k < answer.answer_count; k++) {
                if (answer.answers[k].type == types[t])
                    add_address(ctx, world, answer.answers[k].value, out, &last);
            }
        }
    }
    if (out->count > 0)
        return true;
    if (last.kind == ERROR_CONFIG)
        return error_raise(err, ERROR_CONFIG, "the name servers of zone %s: %s", zone, last.message);
    return error_raise(err, ERROR_UNREACHABLE,
                       "no name server of zone %s has an address that can be reached%s%s", zone,
                       last.kind != ERROR_NONE ? ": " : "", last.message);
}

/* The zone to begin with: the one given, else the registrable domain; upwards from there until there are NS
 * records. */
static bool find_delegation(struct context *ctx, const struct propagation_world *world,
                            const struct dns_challenge *challenge, const char **out_zone,
                            struct servers *out, struct error *err)
{
    const char *start = !text_empty(challenge->zone) ? challenge->zone
                                                     : name_registrable(ctx->arena, challenge->name);
    for (const char *zone = start; zone != NULL && strchr(zone, '.') != NULL;
         zone = strchr(zone, '.') + 1) {
        struct dns_answer answer;
        if (!resolve(ctx, world, zone, DNS_NS, &answer, err))
            return false;
        for (size_t i = 0; i < answer.answer_count; i++) {
            if (answer.answers[i].type == DNS_NS && strcasecmp(answer.answers[i].name, zone) == 0) {
                *out_zone = zone;
                return addresses_of(ctx, world, zone, answer.answers, answer.answer_count, out, err);
            }
        }
    }
    return error_raise(err, ERROR_NOT_FOUND,
                       "no name servers are known for %s: its zone is not delegated",
                       start != NULL ? start : challenge->name);
}

/* Follow referrals from the zone's servers to those of the zone that holds the name itself. */
static bool descend(struct context *ctx, const struct propagation_world *world, const char *name,
                    const char *zone, struct servers *servers, struct error *err)
{
    for (int step = 0; step < REFERRALS_MAX; step++) {
        struct dns_answer answer;
        const char *child = NULL;
        /* One that serves the child too does not refer to it: so all are asked. */
        for (size_t i = 0; i < servers->count && child == NULL; i++) {
            if (dns_ask(&servers->items[i], name, DNS_SOA, false, TIMEOUT_MS, ctx->arena, &answer, NULL))
                child = delegation_referral(&answer, zone, name);
        }
        if (child == NULL)
            return true;
        if (!addresses_of(ctx, world, child, answer.authority, answer.authority_count, servers, err))
            return false;
        zone = child;
    }
    return error_raise(err, ERROR_UNREACHABLE, "the delegations above %s lead too far down", name);
}

static bool holds_value(const struct dns_answer *answer, const struct dns_challenge *challenge)
{
    bool cname = strcmp(challenge->type, "CNAME") == 0;
    size_t length = strlen(challenge->value);
    if (cname && length > 0 && challenge->value[length - 1] == '.')
        length--;
    for (size_t i = 0; i < answer->answer_count; i++) {
        const struct dns_record *record = &answer->answers[i];
        if (strcasecmp(record->name, challenge->name) != 0 ||
            record->type != (cname ? DNS_CNAME : DNS_TXT) || strlen(record->value) != length)
            continue;
        if ((cname ? strncasecmp : strncmp)(record->value, challenge->value, length) == 0)
            return true;
    }
    return false;
}

enum sight { SIGHT_SEEN, SIGHT_OTHER, SIGHT_SILENT };

/* Ask one address; `out_words` says what it has instead. */
static enum sight look(struct context *ctx, const struct dns_address *server,
                       const struct dns_challenge *challenge, const char **out_words)
{
    struct dns_answer answer;
    struct error failure = {0};
    enum dns_type type = strcmp(challenge->type, "CNAME") == 0 ? DNS_CNAME : DNS_TXT;
    if (!dns_ask(server, challenge->name, type, false, TIMEOUT_MS, ctx->arena, &answer, &failure)) {
        *out_words = arena_printf(ctx->arena, "%s does not answer", server->host);
        return SIGHT_SILENT;
    }
    if (answer.rcode != 0)
        *out_words = arena_printf(ctx->arena, "%s answers %s", server->host, dns_rcode_name(answer.rcode));
    else if (!answer.authoritative)
        *out_words = arena_printf(ctx->arena, "%s is not authoritative for it", server->host);
    else if (holds_value(&answer, challenge))
        return SIGHT_SEEN;
    else if (answer.answer_count > 0)
        *out_words = arena_printf(ctx->arena, "%s has another %s there", server->host,
                                  answer.answers[0].type == DNS_CNAME ? "CNAME" : "value");
    else
        *out_words = arena_printf(ctx->arena, "%s has no such record", server->host);
    return SIGHT_OTHER;
}

static bool ask_all(struct context *ctx, const struct servers *servers,
                    const struct dns_challenge *challenge, struct propagation *out, struct error *err)
{
    int seen = 0, silent = 0, total = (int)servers->count;
    const char *words = NULL;
    for (int i = 0; i < total; i++) {
        const char *other = NULL;
        enum sight sight = look(ctx, &servers->items[i], challenge, &other);
        seen += sight == SIGHT_SEEN;
        silent += sight == SIGHT_SILENT;
        if (words == NULL || (sight == SIGHT_OTHER && other != NULL))
            words = other;
    }
    if (silent == total)
        return error_raise(err, ERROR_UNREACHABLE, "none of %d name servers for %s answers", total,
                           challenge->name);
    *out = (struct propagation){
        /* Those that answer agree; a minority may be silent. */
        .everywhere = seen > 0 && seen + silent == total && silent * 2 < total,
        .servers = total,
        .seen = seen,
        .words = arena_printf(ctx->arena, "%d of %d server%s ha%s it%s%s", seen, total,
                              total == 1 ? "" : "s", seen == 1 ? "s" : "ve", words != NULL ? "; " : "",
                              words != NULL ? words : ""),
    };
    return true;
}

/* The entry of `nameservers` with the longest zone that holds `name`; "." holds all. NULL: none. */
static const struct name_pair *operators_server(const struct operator_config *config, const char *name)
{
    const struct name_pair *best = NULL;
    for (size_t i = 0; i < config->nameserver_count; i++) {
        const struct name_pair *pair = &config->nameservers[i];
        if ((strcmp(pair->name, ".") == 0 || text_name_within(name, pair->name)) &&
            (best == NULL || strlen(pair->name) > strlen(best->name)))
            best = pair;
    }
    return best;
}

const char *propagation_named_server(const struct operator_config *config, const char *name)
{
    const struct name_pair *named = operators_server(config, name);
    return named != NULL ? named->value : NULL;
}

/* One question to one server: does it answer for the name itself? */
static struct authority_server look_at_server(struct context *ctx, const struct dns_address *address, const char *name)
{
    struct authority_server server = {.host = arena_strdup(ctx->arena, address->host)};
    struct dns_answer answer;
    struct error why = {0};
    server.answers = dns_ask(address, name, DNS_SOA, false, TIMEOUT_MS, ctx->arena, &answer, &why);
    if (!server.answers)
        server.words = arena_strdup(ctx->arena, why.message);
    else if (answer.rcode != 0 && answer.rcode != 3)
        server.words = arena_printf(ctx->arena, "%s answers %s", server.host, dns_rcode_name(answer.rcode));
    else if (!answer.authoritative)
        server.words = arena_printf(ctx->arena, "%s does not answer for it itself", server.host);
    server.authoritative = server.answers && server.words == NULL;
    server.answers = server.answers && answer.rcode != 2; /* SERVFAIL says that it cannot tell now */
    return server;
}

bool propagation_authority_by(struct context *ctx, const struct propagation_world *world, const char *name,
                              const char *zone, struct authority *out, struct error *err)
{
    const struct name_pair *named = operators_server(ctx->config, name);
    struct dns_challenge challenge = {.zone = zone, .name = name, .type = "TXT", .value = ""};
    struct servers servers = {0};
    struct authority authority = {0};
    if (named != NULL) {
        if (!dns_parse_address(named->value, 53, &servers.items[0], err))
            return error_prefix(err, "`nameservers` in the operator's file");
        servers.count = 1;
    } else if (!find_delegation(ctx, world, &challenge, &authority.zone, &servers, err) ||
               !descend(ctx, world, name, authority.zone, &servers, err)) {
        return false;
    }
    for (size_t i = 0; i < servers.count; i++)
        *arena_push(ctx->arena, &authority.servers, authority.count) = look_at_server(ctx, &servers.items[i], name);
    *out = authority;
    return true;
}

bool propagation_authority(struct context *ctx, const char *name, const char *zone, struct authority *out,
                           struct error *err)
{
    AUTO(buffer) struct buffer text = {0};
    struct dns_address resolvers[3];
    file_read_path("/etc/resolv.conf", 64 << 10, &text, NULL);
    struct propagation_world world = {.resolvers = resolvers, .port = 53};
    world.resolver_count = propagation_read_resolvers(buffer_text(&text), resolvers);
    return propagation_authority_by(ctx, &world, name, zone, out, err);
}

bool propagation_check_by(struct context *ctx, const struct propagation_world *world,
                          const struct dns_challenge *challenge, struct propagation *out, struct error *err)
{
    const struct name_pair *named = operators_server(ctx->config, challenge->name);
    struct servers servers = {0};
    const char *zone = NULL;
    if (named != NULL) {
        if (!dns_parse_address(named->value, 53, &servers.items[0], err))
            return error_prefix(err, "`nameservers` in the operator's file");
        servers.count = 1;
    } else if (!find_delegation(ctx, world, challenge, &zone, &servers, err) ||
               !descend(ctx, world, challenge->name, zone, &servers, err)) {
        return false;
    }
    return ask_all(ctx, &servers, challenge, out, err);
}

bool propagation_check(struct context *ctx, const struct dns_challenge *challenge, struct propagation *out,
                       struct error *err)
{
    AUTO(buffer) struct buffer text = {0};
    struct dns_address resolvers[3];
    file_read_path("/etc/resolv.conf", 64 << 10, &text, NULL); /* without one: this host's own */
    struct propagation_world world = {.resolvers = resolvers, .port = 53};
    world.resolver_count = propagation_read_resolvers(buffer_text(&text), resolvers);
    return propagation_check_by(ctx, &world, challenge, out, err);
}
