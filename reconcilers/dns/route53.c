/* Amazon Route 53 (dns-providers.md 4). Its lists begin at a name and are no filters; a change replaces a
 * whole set. So a value is added or removed by one batch that deletes the set exactly as it was read and
 * creates the new one: if somebody changed it meanwhile the deletion does not fit, the whole batch is
 * refused, and we read again. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "reconcilers/dns/delegation.h"
#include "reconcilers/dns/service_answers.h"
#include "reconcilers/dns/sigv4.h"
#include "reconcilers/dns/xml.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_route53;

enum { TTL_S = 60, PAGES_MOST = 200, ROUNDS = 5, ZONES_MS = 300 * 1000, CHANGE_MS = 3600 * 1000 };

static const struct {
    const char *url, *region; /* of the signature */
} partitions[] = {
    [ROUTE53_COMMERCIAL] = {"https://route53.amazonaws.com", "us-east-1"},
    [ROUTE53_CHINA] = {"https://route53.amazonaws.com.cn", "cn-northwest-1"},
    [ROUTE53_US_GOVERNMENT] = {"https://route53.us-gov.amazonaws.com", "us-gov-west-1"},
};

struct link {
    struct service_session session;
    struct sigv4_credentials credentials;
    const char *region;
};
static void link_release(struct link *link) { service_session_release(&link->session); }

static bool link_open(struct context *ctx, const struct resource *account, struct link *out,
                      struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    out->region = partitions[spec->route53.partition].region;
    service_open(ctx, account, &route53_service, partitions[spec->route53.partition].url, &out->session);
    if (spec->route53.access_key_id != NULL) {
        out->credentials.key_id = spec->route53.access_key_id;
        service_identify(&out->session, spec->route53.access_key_id);
    } else {
        const struct secret *id = service_secret(&out->session, &spec->route53.access_key_id_secret_ref,
                                                 "the access key's id", err);
        if (id == NULL)
            return false;
        out->credentials.key_id = secret_bytes(id);
    }
    out->credentials.secret = service_secret(&out->session, &spec->route53.secret_access_key_secret_ref,
                                             "the secret access key", err);
    if (out->credentials.secret == NULL)
        return false;
    if (spec->route53.session_token_secret_ref.name != NULL) {
        out->credentials.session_token =
            service_secret(&out->session, &spec->route53.session_token_secret_ref, "the session token", err);
        return out->credentials.session_token != NULL;
    }
    return true;
}

/* ---- asking ---- */

struct question {
    const char *method, *path, *doing, *body; /* body NULL: none */
    struct sigv4_parameter query[4];
    size_t query_count;
};

/* Put in front by how much this host's clock is off, where the answer lets us know. */
static void blame_clock(struct arena *arena, const struct service_answer *answer, struct error *err)
{
    int64_t off = answer->date > 0 ? clock_wire() - answer->date : 0;
    if (llabs(off) >= 60)
        error_prefix(err, "this host's clock is %s %s", text_duration_words(arena, llabs(off)),
                     off > 0 ? "ahead" : "behind");
}

/* One signed request. True with a success, its XML read. */
static bool ask(struct link *link, const struct question *question, struct service_answer *out,
                const struct xml_node **out_root, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    const char *prefix =
        strchr(link->session.url + strlen("https://"), '/'); /* of an endpoint that has a path */
    struct sigv4_request signing = {
        .method = question->method,
        .path = arena_printf(arena, "%s%s", prefix != NULL ? prefix : "", question->path),
        .host = link->session.host,
        .date = sigv4_date(arena, clock_wire()),
        .query = question->query,
        .query_count = question->query_count,
        .content_type = question->body != NULL ? "application/xml" : NULL,
        .body = question->body != NULL ? span_of(question->body, strlen(question->body)) : span_of("", 0),
        .region = link->region,
        .service = "route53",
    };
    const char *query = sigv4_query(arena, question->query, question->query_count);
    struct http_header headers[4] = {{"X-Amz-Date", signing.date}};
    size_t count = 1;
    headers[count++] =
        (struct http_header){"Authorization", sigv4_authorization(arena, &signing, &link->credentials)};
    if (link->credentials.session_token != NULL)
        headers[count++] =
            (struct http_header){"X-Amz-Security-Token", secret_bytes(link->credentials.session_token)};
    if (question->body != NULL)
        headers[count++] = (struct http_header){"Content-Type", signing.content_type};
    struct service_request request = {
        .method = question->method,
        .path = *query != '\0' ? arena_printf(arena, "%s?%s", question->path, query) : question->path,
        .headers = headers,
        .header_count = count,
        .body = question->body,
        .body_length = signing.body.length,
        .doing = question->doing,
    };
    if (!service_ask(&link->session, &request, out, err))
        return false;
    if (!service_succeeded(out)) {
        service_fail(&link->session, &request, out, err);
        if (err != NULL && err->kind == ERROR_SYSTEM)
            blame_clock(arena, out, err);
        return false;
    }
    *out_root = xml_parse(out->body, out->length, arena, err);
    return *out_root != NULL || service_blame(&link->session, &request, err);
}

/* Put service and account in front of what a reader says. */
static bool blame(const struct link *link, const char *doing, struct error *err)
{
    struct service_request request = {.doing = doing};
    return service_blame(&link->session, &request, err);
}

/* A list whose next page is the one just read, or that has more pages than any account: not the whole, so
 * nothing to go by. */
static bool endless(const struct link *link, const char *doing, struct error *err)
{
    error_raise(err, ERROR_MALFORMED, "the answer cannot be used: its pages have no end");
    return blame(link, doing, err);
}

/* ---- zones ---- */

/* Every public zone at or below `start`, from memory or by asking: lines "id name". */
static bool zones_below(struct link *link, const char *start, const char **out, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    const char *key = arena_printf(arena, "zones %s %s", start, link->session.key);
    const char *doing = arena_printf(arena, "listing the zones at %s", start);
    struct string_list lines = {0};
    struct question question = {.method = "GET", .path = "/2013-04-01/hostedzonesbyname", .doing = doing,
                                .query = {{"maxitems", "100"}, {"dnsname", start}}, .query_count = 2};
    *out = service_recall(arena, key);
    bool done = *out != NULL;
    for (int page = 0; !done; page++) {
        AUTO(service_answer) struct service_answer answer = {0};
        struct route53_zones zones = {0};
        const struct xml_node *root;
        if (!ask(link, &question, &answer, &root, err))
            return false;
        if (!route53_read_zones(root, arena, &zones, err))
            return blame(link, doing, err);
        bool any = false;
        for (size_t i = 0; i < zones.count; i++) {
            bool within = text_name_within(zones.items[i].name, start);
            any = any || within;
            if (within && !zones.items[i].is_private)
                string_list_push(arena, &lines,
                                 arena_printf(arena, "%s %s", zones.items[i].id, zones.items[i].name));
        }
        done = !any || zones.next_name == NULL; /* they come in the order of reversed labels */
        if (!done && (page + 1 == PAGES_MOST || text_equal(zones.next_id, question.query[2].value)))
            return endless(link, doing, err);
        question.query[1].value = zones.next_name;
        question.query[2] = (struct sigv4_parameter){"hostedzoneid", zones.next_id};
        question.query_count = 3;
    }
    if (*out == NULL) {
        *out = string_list_join(arena, &lines, "\n");
        service_remember(key, *out, ZONES_MS);
    }
    return true;
}

static bool in_manifest(const struct dns_account *spec, const char *zone)
{
    for (size_t i = 0; i < spec->zones.count; i++) {
        if (service_same_name(spec->zones.items[i], zone))
            return true;
    }
    return spec->zones.count == 0;
}

/* What zone is looked for. */
struct wish {
    bool exact;          /* that very name's */
    size_t shorter_than; /* 0: of any length */
};

/* The longest of the lines that holds `name` and is as wished. */
static bool choose(struct link *link, const char *text, const char *name, struct wish wish, const char **out_id,
                   const char **out_zone, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    struct string_list lines = text_split(arena, text, '\n');
    size_t longest = 0;
    bool twice = false;
    for (size_t i = 0; i < lines.count; i++) {
        const char *space = strchr(lines.items[i], ' '), *zone = space != NULL ? space + 1 : "";
        if (*zone == '\0' || !in_manifest(link->session.account->dns_account, zone) ||
            !(wish.exact ? strcmp(name, zone) == 0 : text_name_within(name, zone)) || strlen(zone) < longest ||
            (wish.shorter_than > 0 && strlen(zone) >= wish.shorter_than))
            continue;
        twice = strlen(zone) == longest;
        longest = strlen(zone);
        *out_zone = zone;
        *out_id = arena_strndup(arena, lines.items[i], (size_t)(space - lines.items[i]));
    }
    if (longest == 0)
        return error_raise(err, ERROR_NOT_FOUND, "Route 53 (DNSAccount %s) has no public zone that holds %s",
                           link->session.account->name, name);
    if (twice)
        return error_raise(
            err, ERROR_REFUSED,
            "Route 53 (DNSAccount %s) has several public zones named %s: name the right one by "
            "route53.hostedZoneID",
            link->session.account->name, *out_zone);
    return true;
}

/* The zone that the manifest names by its id. `out_denied`: it is the right to look at it that lacks. */
static bool configured_zone(struct link *link, const char *id, struct route53_zone *out,
                            struct string_list *servers, bool *out_denied, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    AUTO(service_answer) struct service_answer answer = {0};
    const struct xml_node *root;
    struct question question = {.method = "GET", .path = arena_printf(arena, "/2013-04-01/hostedzone/%s", id),
                                .doing = arena_printf(arena, "looking at hosted zone %s", id)};
    bool answered = ask(link, &question, &answer, &root, err);
    *out_denied = !answered && text_equal(answer.code, "AccessDenied");
    return answered &&
           (route53_read_zone(root, arena, out, servers, err) || blame(link, question.doing, err));
}

static const char *servers_key(const struct link *link, const char *id)
{
    return arena_printf(link->session.ctx->arena, "servers %s %s", id, link->session.key);
}

/* The same without GetHostedZone, which dns-providers.md 4.1 does not ask for: a zone's records begin with those of its own name.
 * That it is no private one is then the manifest's word. */
static bool zone_by_records(struct link *link, const char *id, struct route53_zone *out, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    AUTO(service_answer) struct service_answer answer = {0};
    struct route53_sets sets = {0};
    const struct xml_node *root;
    struct question question = {.method = "GET", .path = arena_printf(arena, "/2013-04-01/hostedzone/%s/rrset", id),
                                .doing = arena_printf(arena, "reading the name of hosted zone %s", id),
                                .query = {{"maxitems", "1"}}, .query_count = 1};
    if (!ask(link, &question, &answer, &root, err))
        return false;
    if (!route53_read_sets(root, arena, &sets, err))
        return blame(link, question.doing, err);
    if (sets.count == 0) {
        error_raise(err, ERROR_MALFORMED, "the answer cannot be used: the zone has no records");
        return blame(link, question.doing, err);
    }
    *out = (struct route53_zone){.id = id, .name = sets.items[0].name};
    service_remember(servers_key(link, id), "", 2 * ZONES_MS); /* they are not to be had either */
    return true;
}

/* Whether the DNS leads to the zone, looked at once in a while. A policy that does not let us read the zone's
 * servers is no reason to refuse. `out_nobody`: for the DNS there is no such zone. */
static bool check_world(struct link *link, const char *id, const char *zone, const char *name,
                        bool *out_nobody, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    const char *key = servers_key(link, id), *known = service_recall(arena, key);
    struct string_list servers = {0};
    bool denied;
    struct route53_zone read;
    struct error failure = {0};
    *out_nobody = false;
    if (known != NULL) {
        if (*known != '\0')
            servers = text_split(arena, known, '\n');
    } else if (configured_zone(link, id, &read, &servers, &denied, &failure)) {
        if (!delegation_check(link->session.ctx, link->session.service->label, link->session.account->name,
                              zone, &servers, out_nobody, err))
            return false;
        service_remember(key, string_list_join(arena, &servers, "\n"), 2 * ZONES_MS);
    } else if (failure.kind == ERROR_CREDENTIAL) {
        service_remember(key, "", 2 * ZONES_MS);
    } else {
        if (err != NULL)
            *err = failure;
        return false;
    }
    return delegation_check_not_below(link->session.ctx, zone, &servers, name, err);
}

static bool find(struct link *link, const char *name, struct wish wish, const char **out_id, const char **out_zone,
                 struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    const char *owner = text_lower(arena, service_without_dot(arena, name)), *lines;
    const char *configured = link->session.account->dns_account->route53.hosted_zone_id;
    if (configured != NULL) {
        const char *key = arena_printf(arena, "zone %s %s", configured, link->session.key);
        struct route53_zone zone = {0};
        struct string_list servers;
        lines = service_recall(arena, key);
        if (lines == NULL) {
            bool denied;
            if (!configured_zone(link, configured, &zone, &servers, &denied, err) &&
                !(denied && zone_by_records(link, configured, &zone, err)))
                return false;
            if (zone.is_private)
                return error_raise(err, ERROR_REFUSED,
                                   "hosted zone %s (%s) is a private one, which no CA ever sees", configured,
                                   zone.name);
            lines = arena_printf(arena, "%s %s", zone.id, zone.name);
            service_remember(key, lines, ZONES_MS);
        }
    } else {
        /* The last two labels: whatever zone there is, it lies at or below them. */
        const char *start = owner, *dot;
        while ((dot = strchr(start, '.')) != NULL && strchr(dot + 1, '.') != NULL)
            start = dot + 1;
        if (!zones_below(link, start, &lines, err))
            return false;
    }
    return choose(link, lines, owner, wish, out_id, out_zone, err);
}

/* A zone that the DNS delegates to nobody, left over perhaps, is passed over for its parent. */
static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    AUTO(link) struct link link = {0};
    const char *id, *zone, *owner = text_lower(ctx->arena, service_without_dot(ctx->arena, name));
    struct error failure = {0}, first = {0};
    struct wish wish = {0};
    bool nobody = true;
    if (!link_open(ctx, account, &link, err))
        return false;
    while (nobody && find(&link, name, wish, &id, &zone, &failure)) {
        if (check_world(&link, id, zone, owner, &nobody, &failure)) {
            *out_zone = zone;
            return true;
        }
        wish.shorter_than = strlen(zone);
        if (nobody && first.kind == ERROR_NONE)
            first = failure;
    }
    if (err != NULL)
        *err = nobody && first.kind != ERROR_NONE && failure.kind == ERROR_NOT_FOUND ? first : failure;
    return false;
}

/* ---- records ---- */

/* What stands at a name. */
struct standing {
    struct route53_set *sets; /* of every type */
    size_t count;
    const struct route53_set *ours; /* of the challenge's type, plain; NULL: none */
    size_t position;                /* of our value in it */
    bool has_value;                 /* our value is there, in whatever set */
    bool is_odd;                    /* the type is there as an alias or as several sets */
};

static const char *plain_value(struct arena *arena, const struct dns_challenge *challenge, const char *value)
{
    return service_is_cname(challenge) ? service_without_dot(arena, value) : service_unquote(arena, value, 8);
}

static void judge(struct arena *arena, const struct dns_challenge *challenge, struct standing *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct route53_set *set = &out->sets[i];
        if (strcmp(set->type, challenge->type) != 0)
            continue;
        out->is_odd = out->is_odd || !set->is_plain;
        if (set->is_plain)
            out->ours = set;
        for (size_t k = 0; k < set->values.count; k++) {
            if (service_is_ours(challenge, plain_value(arena, challenge, set->values.items[k]))) {
                out->has_value = true;
                out->position = k;
            }
        }
    }
}

static bool read_standing(struct link *link, const char *id, const struct dns_challenge *challenge,
                          struct standing *out, struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    const char *owner = text_lower(arena, service_without_dot(arena, challenge->name));
    struct question question = {.method = "GET",
                                .path = arena_printf(arena, "/2013-04-01/hostedzone/%s/rrset", id),
                                .doing = arena_printf(arena, "reading the records at %s", owner),
                                .query = {{"name", arena_printf(arena, "%s.", owner)}, {"maxitems", "100"}},
                                .query_count = 2};
    *out = (struct standing){0};
    for (int page = 0;; page++) {
        AUTO(service_answer) struct service_answer answer = {0};
        struct route53_sets sets = {0};
        const struct xml_node *root;
        if (!ask(link, &question, &answer, &root, err))
            return false;
        if (!route53_read_sets(root, arena, &sets, err))
            return blame(link, question.doing, err);
        for (size_t i = 0; i < sets.count; i++) {
            if (strcmp(sets.items[i].name, owner) == 0)
                *arena_push(arena, &out->sets, out->count) = sets.items[i];
        }
        if (sets.next_name == NULL || strcmp(route53_name(arena, sets.next_name), owner) != 0)
            break;
        if (page + 1 == PAGES_MOST || (text_equal(sets.next_type, question.query[2].value) &&
                                       text_equal(sets.next_identifier, question.query[3].value)))
            return endless(link, question.doing, err);
        question.query[0].value = sets.next_name;
        question.query[2] = (struct sigv4_parameter){"type", sets.next_type};
        question.query[3] = (struct sigv4_parameter){"identifier", sets.next_identifier};
        question.query_count = sets.next_identifier != NULL ? 4 : 3;
    }
    judge(arena, challenge, out);
    return true;
}

static const char *own_value(struct arena *arena, const struct dns_challenge *challenge)
{
    AUTO(buffer) struct buffer out = {0};
    if (service_is_cname(challenge))
        return service_without_dot(arena, challenge->value);
    buffer_putc(&out, '"');
    for (const char *c = challenge->value; *c != '\0'; c++)
        buffer_printf(&out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    buffer_putc(&out, '"');
    return arena_strdup(arena, buffer_text(&out));
}

static void put_change(struct buffer *out, struct arena *arena, const char *action,
                       const struct dns_challenge *challenge, const char *ttl,
                       const struct string_list *values)
{
    buffer_printf(out,
                  "<Change><Action>%s</Action><ResourceRecordSet><Name>%s.</Name><Type>%s</Type><TTL>%s</TTL>"
                  "<ResourceRecords>",
                  action, xml_escape(arena, text_lower(arena, service_without_dot(arena, challenge->name))),
                  challenge->type, ttl);
    for (size_t i = 0; i < values->count; i++)
        buffer_printf(out, "<ResourceRecord><Value>%s</Value></ResourceRecord>",
                      xml_escape(arena, values->items[i]));
    buffer_puts(out, "</ResourceRecords></ResourceRecordSet></Change>");
}

static const char *change_key(const struct link *link, const struct dns_challenge *challenge)
{
    struct arena *arena = link->session.ctx->arena;
    return arena_printf(arena, "change %s %s %s %s", text_lower(arena, challenge->name), challenge->type,
                        challenge->value, link->session.key);
}

enum outcome { DONE, CHANGED_MEANWHILE, FAILED };

/* Replace the set as it was read (NULL: none) by another (no values: none), in one batch. */
static enum outcome replace(struct link *link, const char *id, const struct dns_challenge *challenge,
                            const struct route53_set *was, const struct string_list *values,
                            struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    AUTO(service_answer) struct service_answer answer = {0};
    AUTO(buffer) struct buffer body = {0};
    const struct xml_node *root;
    const char *change;
    bool in_sync;
    buffer_puts(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChangeResourceRecordSetsRequest "
                       "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>");
    if (was != NULL)
        put_change(&body, arena, "DELETE", challenge, was->ttl, &was->values);
    if (values->count > 0)
        put_change(&body, arena, "CREATE", challenge,
                   was != NULL ? was->ttl : arena_printf(arena, "%d", TTL_S), values);
    buffer_puts(&body, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
    struct question question = {
        .method = "POST",
        .path = arena_printf(arena, "/2013-04-01/hostedzone/%s/rrset", id),
        .doing = arena_printf(arena, "changing the %s at %s", challenge->type, challenge->name),
        .body = buffer_text(&body),
    };
    if (!ask(link, &question, &answer, &root, err)) {
        bool raced =
            strcmp(answer.code, "InvalidChangeBatch") == 0 &&
            (strstr(answer.words, "already exists") != NULL || strstr(answer.words, "not found") != NULL ||
             strstr(answer.words, "do not match") != NULL);
        return raced ? CHANGED_MEANWHILE : FAILED;
    }
    if (!route53_read_change(root, arena, &change, &in_sync, err)) {
        blame(link, question.doing, err);
        return FAILED;
    }
    if (!in_sync)
        service_remember(change_key(link, challenge), change, CHANGE_MS);
    return DONE;
}

static bool check_free(struct arena *arena, const struct standing *standing,
                       const struct dns_challenge *challenge, struct error *err)
{
    for (size_t i = 0; i < standing->count; i++) {
        const struct route53_set *set = &standing->sets[i];
        if (strcmp(set->type, "CNAME") == 0)
            return service_conflict(arena, challenge,
                                    set->values.count > 0 ? set->values.items[0] : "an alias", err);
        if (service_is_cname(challenge))
            return service_conflict(arena, challenge, NULL, err);
    }
    if (standing->is_odd)
        return error_raise(
            err, ERROR_CONFLICT,
            "at %s stand %s records as an alias, a traffic policy or several sets with identifiers, beside "
            "which Route 53 lets no other be made: remove those first",
            challenge->name, challenge->type);
    return true;
}

static bool present_in_rounds(struct link *link, const char *id, const struct dns_challenge *challenge,
                              struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    for (int round = 0; round < ROUNDS; round++) {
        struct standing standing;
        if (!read_standing(link, id, challenge, &standing, err))
            return false;
        if (standing.has_value)
            return true;
        if (!check_free(arena, &standing, challenge, err))
            return false;
        struct string_list values = {0};
        for (size_t i = 0; standing.ours != NULL && i < standing.ours->values.count; i++)
            string_list_push(arena, &values, standing.ours->values.items[i]);
        string_list_push(arena, &values, own_value(arena, challenge));
        enum outcome outcome = replace(link, id, challenge, standing.ours, &values, err);
        if (outcome != CHANGED_MEANWHILE)
            return outcome == DONE;
    }
    return false; /* with what the last round said */
}

static bool present(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, struct error *err)
{
    AUTO(link) struct link link = {0};
    const char *id = NULL, *zone = NULL;
    if (!link_open(ctx, account, &link, err) ||
        !find(&link, challenge->zone, (struct wish){.exact = true}, &id, &zone, err))
        return false;
    const char *key = service_name_key(&link.session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = present_in_rounds(&link, id, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    return done;
}

static bool absent_in_rounds(struct link *link, const char *id, const struct dns_challenge *challenge,
                             struct error *err)
{
    struct arena *arena = link->session.ctx->arena;
    for (int round = 0; round < ROUNDS; round++) {
        struct standing standing;
        if (!read_standing(link, id, challenge, &standing, err))
            return false;
        if (!standing.has_value || standing.ours == NULL || standing.is_odd)
            return true; /* what stands in sets with identifiers was never ours */
        struct string_list rest = {0};
        for (size_t i = 0; i < standing.ours->values.count; i++) {
            if (i != standing.position)
                string_list_push(arena, &rest, standing.ours->values.items[i]);
        }
        enum outcome outcome = replace(link, id, challenge, standing.ours, &rest, err);
        if (outcome == DONE)
            service_forget(change_key(link, challenge));
        if (outcome != CHANGED_MEANWHILE)
            return outcome == DONE;
    }
    return false;
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    AUTO(link) struct link link = {0};
    const char *id = NULL, *zone = NULL;
    if (!link_open(ctx, account, &link, err) ||
        !find(&link, challenge->zone, (struct wish){.exact = true}, &id, &zone, err))
        return false;
    const char *key = service_name_key(&link.session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = absent_in_rounds(&link, id, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    return done;
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    AUTO(link) struct link link = {0};
    struct standing standing;
    const char *id = NULL, *zone = NULL;
    if (!link_open(ctx, account, &link, err) ||
        !find(&link, challenge->zone, (struct wish){.exact = true}, &id, &zone, err) ||
        !read_standing(&link, id, challenge, &standing, err))
        return false;
    *out = (struct string_list){0};
    for (size_t i = 0; i < standing.count; i++) {
        for (size_t k = 0;
             strcmp(standing.sets[i].type, challenge->type) == 0 && k < standing.sets[i].values.count; k++)
            string_list_push(ctx->arena, out,
                             plain_value(ctx->arena, challenge, standing.sets[i].values.items[k]));
    }
    return true;
}

/* GetChange, for a change that this process made. */
static bool applied(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, bool *out_applied, struct error *err)
{
    AUTO(link) struct link link = {0};
    AUTO(service_answer) struct service_answer answer = {0};
    const struct xml_node *root;
    struct error failure = {0};
    if (!link_open(ctx, account, &link, err))
        return false;
    const char *key = change_key(&link, challenge), *change = service_recall(ctx->arena, key), *same;
    *out_applied = true;
    if (change == NULL)
        return true;
    struct question question = {.method = "GET",
                                .path = arena_printf(ctx->arena, "/2013-04-01/change/%s", change),
                                .doing = arena_printf(ctx->arena, "looking at change %s", change)};
    if (!ask(&link, &question, &answer, &root, &failure)) {
        if (failure.kind == ERROR_NOT_FOUND || failure.kind == ERROR_CREDENTIAL ||
            strcmp(answer.code, "NoSuchChange") == 0) {
            service_forget(key); /* the DNS decides */
            return true;
        }
        if (err != NULL)
            *err = failure;
        return false;
    }
    if (!route53_read_change(root, ctx->arena, &same, out_applied, err))
        return blame(&link, question.doing, err);
    if (*out_applied)
        service_forget(key);
    return true;
}

static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    AUTO(link) struct link link = {0};
    struct standing standing;
    const char *id = NULL, *found = NULL;
    struct dns_challenge nothing = {.zone = zone, .name = zone, .type = "TXT", .value = ""};
    return link_open(ctx, account, &link, err) && find(&link, zone, (struct wish){.exact = true}, &id, &found, err) &&
           read_standing(&link, id, &nothing, &standing, err);
}

const struct dns_provider_ops dns_route53 = {
    .name = "route53",
    .requests = 2,
    .zone_of = zone_of,
    .present = present,
    .absent = absent,
    .list = list,
    .applied = applied,
    .check = check,
};
