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
#include "schema/dns_account.h"
#include "schema/operator.h"
#include "schema/resource.h"

enum { TIMEOUT_MS = 3000, SERVERS_MAX = 13, REFERRALS_MAX = 5, REFUSED = 5, NOTAUTH = 9 };

struct servers {
    struct dns_address items[PROPAGATION_ADDRESSES];
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
    if (servers->count == PROPAGATION_ADDRESSES || strlen(text) >= sizeof servers->items[0].host ||
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
                            const char *name, const char *hint, const char **out_zone, struct servers *out,
                            struct error *err)
{
    const char *start = !text_empty(hint) ? hint : name_registrable(ctx->arena, name);
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
                       start != NULL ? start : name);
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

/* `anywhere`: a resolver follows a CNAME, and gives the value under another name. */
static bool holds_value(const struct dns_answer *answer, const struct dns_challenge *challenge, bool anywhere)
{
    bool cname = strcmp(challenge->type, "CNAME") == 0;
    size_t length = strlen(challenge->value);
    if (cname && length > 0 && challenge->value[length - 1] == '.')
        length--;
    for (size_t i = 0; i < answer->answer_count; i++) {
        const struct dns_record *record = &answer->answers[i];
        if ((!anywhere && strcasecmp(record->name, challenge->name) != 0) ||
            record->type != (cname ? DNS_CNAME : DNS_TXT) || strlen(record->value) != length)
            continue;
        if ((cname ? strncasecmp : strncmp)(record->value, challenge->value, length) == 0)
            return true;
    }
    return false;
}

/* LAME: answers, but does not serve the zone (REFUSED, or without AA): resolvers pass it over as they pass
 * over the dead. */
enum sight { SIGHT_SEEN, SIGHT_OTHER, SIGHT_LAME, SIGHT_SILENT };

static enum dns_type type_of(const struct dns_challenge *challenge)
{
    return strcmp(challenge->type, "CNAME") == 0 ? DNS_CNAME : DNS_TXT;
}

/* What an answer has instead of the value. */
static const char *other_words(struct arena *arena, const char *host, const struct dns_answer *answer)
{
    if (answer->rcode != 0)
        return arena_printf(arena, "%s answers %s", host, dns_rcode_name(answer->rcode));
    if (answer->answer_count > 0)
        return arena_printf(arena, "%s has another %s there", host,
                            answer->answers[0].type == DNS_CNAME ? "CNAME" : "value");
    return arena_printf(arena, "%s has no such record", host);
}

/* Ask one address; `out_words` says what it has instead. */
static enum sight look(struct context *ctx, const struct dns_address *server,
                       const struct dns_challenge *challenge, const char **out_words)
{
    struct dns_answer answer = {0};
    struct error failure = {0};
    if (!dns_ask(server, challenge->name, type_of(challenge), false, TIMEOUT_MS, ctx->arena, &answer,
                 &failure)) {
        *out_words = arena_printf(ctx->arena, "%s does not answer", server->host);
        return SIGHT_SILENT;
    }
    if (answer.rcode == REFUSED || answer.rcode == NOTAUTH || (answer.rcode == 0 && !answer.authoritative)) {
        *out_words = answer.rcode != 0
                         ? arena_printf(ctx->arena, "%s answers %s: it does not serve the zone", server->host,
                                        dns_rcode_name(answer.rcode))
                         : arena_printf(ctx->arena, "%s is not authoritative for it", server->host);
        return SIGHT_LAME;
    }
    if (answer.rcode == 0 && holds_value(&answer, challenge, false))
        return SIGHT_SEEN;
    *out_words = other_words(ctx->arena, server->host, &answer);
    return SIGHT_OTHER;
}

static bool ask_all(struct context *ctx, const struct servers *servers,
                    const struct dns_challenge *challenge, struct propagation *out, struct error *err)
{
    int counts[SIGHT_SILENT + 1] = {0}, total = (int)servers->count;
    const char *words = NULL;
    enum sight worst = SIGHT_SILENT;
    for (int i = 0; i < total; i++) {
        const char *other = NULL;
        enum sight sight = look(ctx, &servers->items[i], challenge, &other);
        counts[sight]++;
        /* One that serves the zone and lacks the record is what is waited for. */
        if (other != NULL && (words == NULL || sight < worst)) {
            words = other;
            worst = sight;
        }
    }
    int seen = counts[SIGHT_SEEN], out_of_use = counts[SIGHT_SILENT] + counts[SIGHT_LAME];
    if (counts[SIGHT_SILENT] == total)
        return error_raise(err, ERROR_UNREACHABLE, "none of %d name servers for %s answers", total,
                           challenge->name);
    *out = (struct propagation){
        /* Those that serve the zone agree; a minority may be out of use. */
        .everywhere = seen > 0 && seen + out_of_use == total && out_of_use * 2 < total,
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

static struct propagation_world systems_world(struct dns_address resolvers[3])
{
    AUTO(buffer) struct buffer text = {0};
    file_read_path("/etc/resolv.conf", 64 << 10, &text, NULL); /* without one: this host's own */
    return (struct propagation_world){.resolvers = resolvers,
                                      .port = 53,
                                      .resolver_count =
                                          propagation_read_resolvers(buffer_text(&text), resolvers)};
}

/* `zone`: where the name is known to lie; NULL or "": to be found. `out_zone`: whose delegation was found;
 * not written when the operator's file names the server. */
static bool find_servers(struct context *ctx, const struct propagation_world *world, const char *name,
                         const char *zone, const char **out_zone, struct servers *out, struct error *err)
{
    const struct name_pair *named = operators_server(ctx->config, name);
    if (named == NULL)
        return find_delegation(ctx, world, name, zone, out_zone, out, err) &&
               descend(ctx, world, name, *out_zone, out, err);
    if (!dns_parse_address(named->value, 53, &out->items[0], err))
        return error_prefix(err, "`nameservers` in the operator's file");
    out->count = 1;
    return true;
}

/* One question to one server: does it answer for the name itself? */
static struct authority_server look_at_server(struct context *ctx, const struct dns_address *address,
                                              const char *name)
{
    struct authority_server server = {.host = arena_strdup(ctx->arena, address->host)};
    struct dns_answer answer = {0};
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
    struct servers servers = {0};
    struct authority authority = {0};
    if (!find_servers(ctx, world, name, zone, &authority.zone, &servers, err))
        return false;
    for (size_t i = 0; i < servers.count; i++)
        *arena_push(ctx->arena, &authority.servers, authority.count) =
            look_at_server(ctx, &servers.items[i], name);
    *out = authority;
    return true;
}

bool propagation_authority(struct context *ctx, const char *name, const char *zone, struct authority *out,
                           struct error *err)
{
    struct dns_address resolvers[3];
    struct propagation_world world = systems_world(resolvers);
    return propagation_authority_by(ctx, &world, name, zone, out, err);
}

bool propagation_check_by(struct context *ctx, const struct propagation_world *world,
                          const struct dns_challenge *challenge, struct propagation *out, struct error *err)
{
    struct servers servers = {0};
    const char *zone = NULL;
    return find_servers(ctx, world, challenge->name, challenge->zone, &zone, &servers, err) &&
           ask_all(ctx, &servers, challenge, out, err);
}

bool propagation_check(struct context *ctx, const struct dns_challenge *challenge, struct propagation *out,
                       struct error *err)
{
    struct dns_address resolvers[3];
    struct propagation_world world = systems_world(resolvers);
    return propagation_check_by(ctx, &world, challenge, out, err);
}

bool propagation_servers(struct context *ctx, const struct propagation_world *world, const char *name,
                         struct dns_address out[PROPAGATION_ADDRESSES], size_t *out_count, struct error *err)
{
    struct dns_address resolvers[3];
    struct propagation_world systems;
    struct servers servers = {0};
    const char *zone = NULL;
    if (world == NULL) {
        systems = systems_world(resolvers);
        world = &systems;
    }
    if (!find_servers(ctx, world, name, NULL, &zone, &servers, err))
        return false;
    memcpy(out, servers.items, sizeof servers.items);
    *out_count = servers.count;
    return true;
}

/* One resolver; `out_words` says what it has instead. What it denied before it remembers for a while (RFC
 * 2308). */
static bool resolver_sees(struct context *ctx, const char *resolver, const char *name,
                          const struct dns_challenge *challenge, const char **out_words, struct error *err)
{
    struct dns_address address;
    struct sockaddr_storage socket_address;
    struct dns_answer answer = {0};
    if (!dns_parse_address(resolver, 53, &address, err) ||
        !address_from_text(address.host, address.port, &socket_address) ||
        !address_check((const struct sockaddr *)&socket_address, &ctx->config->allow_addresses, err))
        return error_prefix(err, "the resolver %s", resolver);
    *out_words = NULL;
    if (!dns_ask(&address, name, type_of(challenge), true, TIMEOUT_MS, ctx->arena, &answer, NULL))
        *out_words = arena_printf(ctx->arena, "%s does not answer", address.host);
    else if (answer.rcode != 0 || !holds_value(&answer, challenge, true))
        *out_words = other_words(ctx->arena, address.host, &answer);
    return true;
}

bool propagation_check_for(struct context *ctx, const struct resource *account, const char *name,
                           const struct dns_challenge *challenge, struct propagation *out, struct error *err)
{
    struct propagation result = {0};
    if (!propagation_check(ctx, challenge, &result, err))
        return false;
    const struct string_list *resolvers =
        account != NULL ? &account->dns_account->propagation.resolvers : NULL;
    for (size_t i = 0; result.everywhere && resolvers != NULL && i < resolvers->count; i++) {
        const char *other = NULL;
        if (!resolver_sees(ctx, resolvers->items[i], name, challenge, &other, err))
            return false;
        if (other == NULL)
            continue;
        result.everywhere = false;
        result.words = arena_printf(ctx->arena, "%s; the resolver %s", result.words, other);
    }
    *out = result;
    return true;
}
