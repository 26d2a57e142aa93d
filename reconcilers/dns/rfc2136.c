/* Dynamic update (RFC 2136) with TSIG. BIND and Knot answer NOERROR to a record that they then ignore,
 * because a CNAME suffers nothing beside it, and every server replaces one CNAME by another without a word
 * (measured, dns-providers.md 5.6). Hence prerequisites on every addition, and a look at the server itself
 * after every change. */
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "reconcilers/dns/delegation.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/service.h"
#include "reconcilers/dns/turns.h"
#include "schema/operator.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_rfc2136;

enum { TIMEOUT_MS = 10000, TTL_S = 60, DELEGATION_MS = 600 * 1000 };

/* The server and key that serve one name of an account. A name may have several addresses, not all alive: the next is tried until
 * one has answered, and no other from then on, for what was sent to that one may have been done. */
struct link {
    struct dns_address server; /* that is spoken to */
    struct dns_address addresses[DNS_ADDRESSES_MOST];
    size_t address_count, at;
    bool answered;
    struct dns_tsig tsig;
    struct secret *key;
    bool is_signed;
};
static void link_release(struct link *link) { secret_destroy(link->key); }
static const struct dns_tsig *link_tsig(const struct link *link)
{
    return link->is_signed ? &link->tsig : NULL;
}
static bool next_address(struct link *link)
{
    if (link->answered || link->at + 1 >= link->address_count)
        return false;
    link->server = link->addresses[++link->at];
    return true;
}

/* The entry of `rfc2136.zones` with the longest name that holds `name`; NULL: none. */
static const struct rfc2136_zone *mapped_zone(const struct dns_account *account, const char *name)
{
    const struct rfc2136_zone *best = NULL;
    for (size_t i = 0; i < account->rfc2136.zone_count; i++) {
        const struct rfc2136_zone *zone = &account->rfc2136.zones[i];
        if (text_name_within(name, zone->name) && (best == NULL || strlen(zone->name) > strlen(best->name)))
            best = zone;
    }
    return best;
}

/* Base64 text in a file of the secrets directory to key bytes. */
static struct secret *read_key(struct context *ctx, const struct secret_ref *ref, struct error *err)
{
    AUTO(secret) struct secret *text =
        file_read_named_secret(ctx->config->secrets_directory, ref->name, ref->key, err);
    if (text == NULL) {
        if (err != NULL && err->kind == ERROR_NOT_FOUND)
            err->kind = ERROR_CREDENTIAL; /* NOT_FOUND would read as "no such zone" */
        error_prefix(err, "the TSIG secret");
        return NULL;
    }
    unsigned char *bytes;
    size_t length;
    if (!text_unbase64(ctx->arena, secret_bytes(text), secret_length(text), &bytes, &length) ||
        length == 0) {
        error_raise(err, ERROR_CREDENTIAL,
                    "the TSIG secret {name: %s, key: %s} is not base64 (its length must be a multiple of 4, "
                    "\"=\" included)",
                    ref->name, ref->key);
        return NULL;
    }
    struct secret *key = secret_create(bytes, length);
    secret_wipe(bytes, length);
    return key;
}

/* The operator himself points there by `resolve` or `nameservers`. */
static bool operator_names(const struct operator_config *config, const struct sockaddr *address)
{
    const struct name_pair *lists[] = {config->resolve, config->nameservers};
    size_t counts[] = {config->resolve_count, config->nameserver_count};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (size_t k = 0; k < counts[i]; k++) {
            struct dns_address named;
            struct sockaddr_storage other;
            if (dns_parse_address(lists[i][k].value, 53, &named, NULL) &&
                address_from_text(named.host, named.port, &other) &&
                address_equal(address, (const struct sockaddr *)&other))
                return true;
        }
    }
    return false;
}

/* Those of the server's addresses that may be spoken to. Fails: as address_check, of the first. */
static bool find_addresses(struct context *ctx, const char *server, struct link *out, struct error *err)
{
    struct dns_address all[DNS_ADDRESSES_MOST];
    size_t count;
    struct error why = {0}, of_first = {0};
    if (!dns_parse_addresses(server, 53, all, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_storage address;
        if (address_from_text(all[i].host, all[i].port, &address) &&
            (operator_names(ctx->config, (const struct sockaddr *)&address) ||
             address_check((const struct sockaddr *)&address, &ctx->config->allow_addresses, &why)))
            out->addresses[out->address_count++] = all[i];
        else if (of_first.kind == ERROR_NONE)
            of_first = why;
    }
    if (out->address_count == 0) {
        if (err != NULL)
            *err = of_first;
        return false;
    }
    out->server = out->addresses[0];
    return true;
}

static bool open_link(struct context *ctx, const struct resource *account, const char *name,
                      struct link *out, struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    const struct rfc2136_zone *mapped = mapped_zone(spec, name);
    const char *server = mapped != NULL && mapped->nameserver != NULL ? mapped->nameserver
                                                                      : spec->rfc2136.nameserver;
    bool own_key = mapped != NULL && mapped->tsig_secret_ref.name != NULL;
    const struct secret_ref *ref = own_key ? &mapped->tsig_secret_ref : &spec->rfc2136.tsig_secret_ref;
    const char *key_name = mapped != NULL && mapped->tsig_key_name != NULL ? mapped->tsig_key_name
                                                                           : spec->rfc2136.tsig_key_name;
    int algorithm = mapped != NULL && mapped->tsig_algorithm >= 0 ? mapped->tsig_algorithm
                                                                  : spec->rfc2136.tsig_algorithm;
    if (server == NULL)
        return error_raise(err, ERROR_MANIFEST, "no server is named for %s", name);
    if (!find_addresses(ctx, server, out, err))
        return false;
    if ((key_name == NULL) != (ref->name == NULL))
        return error_raise(err, ERROR_MANIFEST,
                           "a TSIG key's name is given without its secret, or the other way round");
    if (key_name == NULL)
        return true;
    out->key = read_key(ctx, ref, err);
    if (out->key == NULL)
        return false;
    out->tsig = (struct dns_tsig){
        .key_name = key_name, .algorithm = (enum dns_tsig_algorithm)algorithm, .key = out->key};
    out->is_signed = true;
    return true;
}

static bool ask(struct context *ctx, struct link *link, const char *name, enum dns_type type,
                struct dns_answer *out, struct error *err)
{
    struct error failure;
    bool ok;
    if (!dns_turn_begin(ctx, err))
        return false;
    do {
        failure = (struct error){0};
        ok = dns_ask_signed(&link->server, name, type, link_tsig(link), TIMEOUT_MS, ctx->arena, out, &failure);
    } while (!ok && failure.kind == ERROR_UNREACHABLE && next_address(link));
    dns_turn_end(ctx);
    link->answered = link->answered || ok;
    if (!ok && err != NULL)
        *err = failure;
    return ok;
}

static bool update(struct context *ctx, const struct link *link, const char *zone,
                   const struct dns_change *changes, size_t count, struct error *err)
{
    if (!dns_turn_begin(ctx, err))
        return false;
    bool ok = dns_update(&link->server, zone, changes, count, link_tsig(link), TIMEOUT_MS, NULL, err);
    dns_turn_end(ctx);
    return ok;
}

/* The values of one type at a name, as the server itself says; and what else was seen. */
struct seen {
    struct string_list values;
    uint32_t ttl;      /* of those; 0: there are none */
    const char *cname; /* that stands at the name instead; NULL: none */
    bool authoritative;
};

static bool look(struct context *ctx, struct link *link, const char *name, enum dns_type type,
                 struct seen *out, struct error *err)
{
    struct dns_answer answer = {0};
    *out = (struct seen){0};
    if (!ask(ctx, link, name, type, &answer, err))
        return false;
    out->authoritative = answer.authoritative && (answer.rcode == 0 || answer.rcode == 3);
    for (size_t i = 0; i < answer.answer_count; i++) {
        const struct dns_record *record = &answer.answers[i];
        if (strcasecmp(record->name, name) != 0)
            continue;
        if (record->type == DNS_CNAME)
            out->cname = record->value;
        if (record->type == type) {
            string_list_push(ctx->arena, &out->values, record->value);
            out->ttl = record->ttl;
        }
    }
    return true;
}

static enum dns_type challenge_type(const struct dns_challenge *challenge)
{
    return strcmp(challenge->type, "CNAME") == 0 ? DNS_CNAME : DNS_TXT;
}

static const char *without_dot(struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '.' ? arena_strndup(arena, name, length - 1) : name;
}

/* Our value as the server spells it (a CNAME's target may differ in case); NULL: it is not there. */
static const char *find_value(struct context *ctx, const struct seen *seen,
                              const struct dns_challenge *challenge)
{
    bool cname = challenge_type(challenge) == DNS_CNAME;
    const char *value = cname ? without_dot(ctx->arena, challenge->value) : challenge->value;
    for (size_t i = 0; i < seen->values.count; i++) {
        if (cname ? strcasecmp(seen->values.items[i], value) == 0
                  : strcmp(seen->values.items[i], value) == 0)
            return seen->values.items[i];
    }
    return NULL;
}

static bool place(struct context *ctx, const struct resource *account,
                  const struct dns_challenge *challenge, struct error *err)
{
    enum dns_type type = challenge_type(challenge);
    AUTO(link) struct link link = {0};
    struct seen seen;
    if (!open_link(ctx, account, challenge->zone, &link, err) ||
        !look(ctx, &link, challenge->name, type, &seen, err))
        return false;
    if (find_value(ctx, &seen, challenge) != NULL)
        return true;
    /* A CNAME wants the name to itself, a TXT only that no CNAME is there. A wildcard's CNAME, which the
     * look cannot tell from a real one, does not fail the prerequisite (RFC 2136, section 2.4.4): so the
     * server decides. The TTL belongs to the set, so that of values already there is kept. */
    const char *value = type == DNS_CNAME ? without_dot(ctx->arena, challenge->value) : challenge->value;
    uint32_t ttl = type == DNS_TXT && seen.values.count > 0 ? seen.ttl : TTL_S;
    struct dns_change changes[] = {
        {type == DNS_CNAME ? DNS_REQUIRE_NAME_ABSENT : DNS_REQUIRE_ABSENT,
         {challenge->name, DNS_CNAME, 0, ""}},
        {DNS_UPDATE_ADD, {challenge->name, type, ttl, value}},
    };
    struct error failure = {0};
    bool done = update(ctx, &link, challenge->zone, changes, COUNT_OF(changes), &failure);
    if (!done && failure.kind != ERROR_CONFLICT) {
        if (err != NULL)
            *err = failure;
        return false;
    }
    if (!look(ctx, &link, challenge->name, type, &seen, err))
        return false;
    if (find_value(ctx, &seen, challenge) != NULL)
        return true; /* placed; or by somebody at the same time */
    if (done && !seen.authoritative)
        return error_raise(err, ERROR_REFUSED,
                           "the server took the %s at %s, but does not serve it: the name lies below "
                           "a delegation, or questions are refused",
                           challenge->type, challenge->name);
    return service_conflict(ctx->arena, challenge, seen.cname, err);
}

static bool withdraw(struct context *ctx, const struct resource *account,
                     const struct dns_challenge *challenge, struct error *err)
{
    enum dns_type type = challenge_type(challenge);
    AUTO(link) struct link link = {0};
    struct seen seen;
    if (!open_link(ctx, account, challenge->zone, &link, err) ||
        !look(ctx, &link, challenge->name, type, &seen, err))
        return false;
    const char *value = find_value(ctx, &seen, challenge);
    if (value == NULL && seen.authoritative)
        return true;
    /* As it is spelled there: PowerDNS compares the target with its case. */
    if (value == NULL)
        value = type == DNS_CNAME ? without_dot(ctx->arena, challenge->value) : challenge->value;
    struct dns_change change = {DNS_UPDATE_DELETE, {challenge->name, type, 0, value}};
    if (!update(ctx, &link, challenge->zone, &change, 1, err) ||
        !look(ctx, &link, challenge->name, type, &seen, err))
        return false;
    /* What a wildcard makes up at the name cannot be told from our record, and would outlive it: with a
     * CNAME, gone is when the server says so. A TXT of ours has a value of its own. */
    if (type == DNS_TXT && find_value(ctx, &seen, challenge) != NULL)
        return error_raise(err, ERROR_REFUSED,
                           "the server took the removal of the TXT at %s, but still serves it",
                           challenge->name);
    return true;
}

static bool read_values(struct context *ctx, const struct resource *account,
                        const struct dns_challenge *challenge, struct string_list *out, struct error *err)
{
    AUTO(link) struct link link = {0};
    struct seen seen;
    if (!open_link(ctx, account, challenge->zone, &link, err) ||
        !look(ctx, &link, challenge->name, challenge_type(challenge), &seen, err))
        return false;
    if (!seen.authoritative)
        return error_raise(err, ERROR_REFUSED, "the server %s does not answer for %s itself",
                           link.server.host, challenge->name);
    *out = seen.values;
    return true;
}

/* The zone by the SOA that the server gives for the name (dns-providers.md 5.2). A CNAME at the name would
 * give the SOA of its target, so its parent is asked instead: a name with a CNAME is no apex. */
static bool zone_by_soa(struct context *ctx, struct link *link, const char *name,
                        const char **out_zone, struct error *err)
{
    for (const char *at = name; at != NULL && *at != '\0';
         at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL) {
        struct dns_answer answer;
        bool alias = false;
        if (!ask(ctx, link, at, DNS_SOA, &answer, err))
            return false;
        for (size_t i = 0; i < answer.authority_count && !answer.authoritative && answer.rcode == 0; i++) {
            const struct dns_record *record = &answer.authority[i];
            if (record->type == DNS_NS && *record->name != '\0' && text_name_within(name, record->name))
                return error_raise(err, ERROR_NOT_FOUND,
                                   "the server %s hands %s to other servers: %s cannot be written there",
                                   link->server.host, record->name, name);
        }
        if (!answer.authoritative || (answer.rcode != 0 && answer.rcode != 3))
            break;
        for (size_t i = 0; i < answer.answer_count; i++)
            alias = alias || answer.answers[i].type == DNS_CNAME;
        if (alias)
            continue;
        const struct dns_record *sections[] = {answer.answers, answer.authority};
        size_t counts[] = {answer.answer_count, answer.authority_count};
        for (size_t s = 0; s < COUNT_OF(sections); s++) {
            for (size_t i = 0; i < counts[s]; i++) {
                if (sections[s][i].type == DNS_SOA && text_name_within(name, sections[s][i].name)) {
                    *out_zone = sections[s][i].name;
                    return true;
                }
            }
        }
        break;
    }
    /* PowerDNS refuses questions signed with a key unknown to it as it refuses those for foreign zones. */
    return error_raise(
        err, ERROR_NOT_FOUND,
        "the server %s holds no zone with %s%s%s%s; where it answers no questions, name the zone in `zones`",
        link->server.host, name, link->is_signed ? ", or does not accept key \"" : "",
        link->is_signed ? link->tsig.key_name : "", link->is_signed ? "\"" : "");
}

/* A name below a delegation is taken by the server and never seen: refused beforehand. */
static bool check_not_delegated(struct context *ctx, struct link *link, const char *zone,
                                const char *name, struct error *err)
{
    struct dns_answer answer = {0};
    if (!ask(ctx, link, name, DNS_SOA, &answer, err))
        return false;
    const char *child = delegation_referral(&answer, zone, name);
    return child == NULL || delegation_handed_on(zone, child, name, err);
}

/* The servers that the zone itself names, a hidden primary's too, must be those that the world is sent to.
 * Looked at once in a while. */
static bool check_world(struct context *ctx, const struct resource *account, struct link *link,
                        const char *zone, struct error *err)
{
    struct dns_answer answer = {0};
    struct string_list servers = {0};
    const char *key = arena_printf(ctx->arena, "rfc2136 %s %s/%s %s %d", zone, account->namespace_,
                                   account->name, link->server.host, link->server.port);
    if (service_recall(ctx->arena, key) != NULL)
        return true;
    if (!ask(ctx, link, zone, DNS_NS, &answer, err))
        return false;
    for (size_t i = 0; i < answer.answer_count; i++) {
        if (answer.answers[i].type == DNS_NS && strcasecmp(answer.answers[i].name, zone) == 0)
            string_list_push(ctx->arena, &servers, answer.answers[i].value);
    }
    if (!delegation_check(ctx, arena_printf(ctx->arena, "the server %s", link->server.host), account->name,
                          zone, &servers, NULL, err))
        return false;
    service_remember(key, "in order", DELEGATION_MS);
    return true;
}

static bool find_zone(struct context *ctx, const struct resource *account, const char *name,
                      const char **out_zone, struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    const struct rfc2136_zone *mapped = mapped_zone(spec, name);
    const char *zone = mapped != NULL ? mapped->name : NULL;
    for (size_t i = 0; i < spec->zones.count; i++) {
        if (text_name_within(name, spec->zones.items[i]) &&
            (zone == NULL || strlen(spec->zones.items[i]) > strlen(zone)))
            zone = spec->zones.items[i];
    }
    if (zone == NULL && spec->zones.count > 0)
        return error_raise(err, ERROR_NOT_FOUND, "there is no zone that holds %s", name);
    AUTO(link) struct link link = {0};
    if (!open_link(ctx, account, zone != NULL ? zone : name, &link, err))
        return false;
    if (!(zone != NULL ? check_not_delegated(ctx, &link, zone, name, err)
                       : zone_by_soa(ctx, &link, name, &zone, err)) ||
        !check_world(ctx, account, &link, zone, err))
        return false;
    *out_zone = zone;
    return true;
}

/* An update without changes: key, right and zone are judged, nothing is written. */
static bool try_update(struct context *ctx, const struct resource *account, const char *zone,
                       struct error *err)
{
    AUTO(link) struct link link = {0};
    struct error failure;
    bool ok;
    if (!open_link(ctx, account, zone, &link, err))
        return false;
    do {
        failure = (struct error){0};
        ok = update(ctx, &link, zone, NULL, 0, &failure);
    } while (!ok && failure.kind == ERROR_UNREACHABLE && next_address(&link));
    if (!ok && err != NULL)
        *err = failure;
    return ok;
}

/* The operations, with the account named in front of what went wrong. */

static bool blame(const struct resource *account, struct error *err)
{
    return error_prefix(err, "DNSAccount %s", account->name);
}

static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    return find_zone(ctx, account, name, out_zone, err) || blame(account, err);
}

static bool present(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, struct error *err)
{
    return place(ctx, account, challenge, err) || blame(account, err);
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    return withdraw(ctx, account, challenge, err) || blame(account, err);
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    return read_values(ctx, account, challenge, out, err) || blame(account, err);
}

static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    return try_update(ctx, account, zone, err) || blame(account, err);
}

const struct dns_provider_ops dns_rfc2136 = {
    .name = "rfc2136",
    .requests = 4,
    .zone_of = zone_of,
    .present = present,
    .absent = absent,
    .list = list,
    .check = check,
};
