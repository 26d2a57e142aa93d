/* The operations of the accounts that a program or a webhook drives. Before every write we look: at what is there
 * already (perhaps by an earlier write whose answer was lost) and at what is in the way. Whether a record came to be is
 * found out by asking the DNS; whether it is gone nobody asks later, so that is looked at here. */
#include "reconcilers/dns/script.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "base/secret.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_exec, dns_webhook;

struct script_session {
    struct service_session service;
    const struct dns_helper *helper;
    bool is_program;
};
static void script_session_release(struct script_session *session) { service_session_release(&session->service); }

/* ---- opening and asking ---- */

static bool script_open(struct context *ctx, const struct resource *account, struct script_session *out,
                        struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    bool program = spec->provider == DNS_PROVIDER_EXEC;
    const char *name = program ? spec->exec.program : spec->webhook.endpoint;
    const struct secret_ref *ref = program ? &spec->exec.credential_secret_ref : &spec->webhook.key_secret_ref;
    out->is_program = program;
    out->helper = program ? operator_dns_program(ctx->config, name, account->namespace_)
                          : operator_dns_webhook(ctx->config, name, account->namespace_);
    if (out->helper == NULL)
        return error_raise(err, ERROR_CONFIG,
                           "DNSAccount %s: the operator's file has no %s \"%s\" for namespace %s (dns.%s opens it)",
                           account->name, program ? "program" : "webhook", name, account->namespace_,
                           program ? "programs" : "webhooks");
    service_open(ctx, account, program ? &script_exec_service : &script_webhook_service, NULL, &out->service);
    service_identify(&out->service, arena_printf(ctx->arena, "%s %s", program ? "exec" : "webhook", name));
    return ref->name == NULL ||
           service_secret(&out->service, ref, program ? "the credential" : "the key", err) != NULL;
}

static bool may_serve(const struct script_session *session, const char *name)
{
    const struct string_list *zones = &session->helper->zones;
    for (size_t i = 0; i < zones->count; i++) {
        if (text_name_within(name, zones->items[i]))
            return true;
    }
    return zones->count == 0;
}

static bool refuse_answer(const struct script_session *session, const struct script_question *question,
                          const struct script_answer *answer, struct error *err)
{
    error_raise(err, answer->kind, "%s", answer->words);
    if (err != NULL && answer->retry_after_s > 0)
        err->retry_at = clock_now() + answer->retry_after_s;
    return service_blame(&session->service, &(struct service_request){.doing = question->doing}, err);
}

static bool ask_anything(struct script_session *session, const struct script_question *question,
                         struct script_answer *out, struct error *err)
{
    if (!may_serve(session, question->name != NULL ? question->name : question->zone)) {
        error_raise(err, ERROR_CONFIG, "the operator's file opens it for other zones only (dns.%s.%s.zones)",
                    session->is_program ? "programs" : "webhooks", session->helper->name);
        return service_blame(&session->service, &(struct service_request){.doing = question->doing}, err);
    }
    return session->is_program ? exec_ask(&session->service, session->helper, question, out, err)
                               : webhook_ask(&session->service, session->helper, question, out, err);
}

static bool ask(struct script_session *session, const struct script_question *question, struct script_answer *out,
                struct error *err)
{
    return ask_anything(session, question, out, err) && (out->ok || refuse_answer(session, question, out, err));
}

/* ---- zones ---- */

/* The session begins the script's own, so that one leads to the other. */
static struct script_session *of_service(struct service_session *service) { return (struct script_session *)service; }
_Static_assert(offsetof(struct script_session, service) == 0, "the service's session stands first");

static enum service_finding ask_zone(struct service_session *service, const char *zone, struct service_zone *out,
                                     struct error *err)
{
    struct script_session *session = of_service(service);
    struct script_answer answer = {0};
    const struct script_question question = {
        .operation = SCRIPT_ZONE,
        .zone = zone,
        .doing = arena_printf(service->ctx->arena, "looking for zone %s", zone)};
    if (!may_serve(session, zone))
        return SERVICE_NOT_HERE;
    if (!ask_anything(session, &question, &answer, err))
        return SERVICE_FAILED;
    if (!answer.ok && answer.kind == ERROR_NOT_FOUND)
        return SERVICE_NOT_HERE;
    if (!answer.ok) {
        refuse_answer(session, &question, &answer, err);
        return SERVICE_FAILED;
    }
    if (!answer.found)
        return SERVICE_NOT_HERE;
    *out = (struct service_zone){.id = "zone", .servers = answer.nameservers};
    return SERVICE_HERE;
}

static bool zone_of(struct context *ctx, const struct resource *account, const char *name, const char **out_zone,
                    struct error *err)
{
    AUTO(script_session) struct script_session session = {0};
    return script_open(ctx, account, &session, err) &&
           service_find_zone(&session.service, name, ask_zone, out_zone, err);
}

/* ---- records ---- */

/* What stands at the name, as it bears on our value. */
struct look {
    struct string_list values; /* of our type */
    bool has_ours, has_others; /* others: of any type */
    const char *cname;         /* NULL: none */
};

static const char *owner_of(struct arena *arena, const struct dns_challenge *challenge)
{
    return text_lower(arena, service_without_dot(arena, challenge->name));
}

static bool look(struct script_session *session, const struct dns_challenge *challenge, struct look *out,
                 struct error *err)
{
    struct arena *arena = session->service.ctx->arena;
    struct script_answer answer = {0};
    const struct script_question question = {
        .operation = SCRIPT_LIST,
        .zone = challenge->zone,
        .name = owner_of(arena, challenge),
        .doing = arena_printf(arena, "listing the records at %s", challenge->name)};
    if (!ask(session, &question, &answer, err))
        return false;
    *out = (struct look){0};
    for (size_t i = 0; i < answer.record_count; i++) {
        const struct script_record *record = &answer.records[i];
        bool same_type = strcmp(record->type, challenge->type) == 0;
        bool ours = same_type && service_is_ours(challenge, record->value);
        if (same_type)
            string_list_push(arena, &out->values, record->value);
        if (strcmp(record->type, "CNAME") == 0)
            out->cname = record->value;
        out->has_ours |= ours;
        out->has_others |= !ours;
    }
    return true;
}

static bool act(struct script_session *session, const struct dns_challenge *challenge,
                enum script_operation operation, struct error *err)
{
    struct arena *arena = session->service.ctx->arena;
    struct script_answer answer = {0};
    const struct script_question question = {
        .operation = operation,
        .zone = challenge->zone,
        .name = owner_of(arena, challenge),
        .type = challenge->type,
        .value = service_is_cname(challenge) ? service_without_dot(arena, challenge->value) : challenge->value,
        .doing = arena_printf(arena, "%s the %s at %s", operation == SCRIPT_PRESENT ? "adding" : "removing",
                              challenge->type, challenge->name)};
    return ask(session, &question, &answer, err);
}

static bool look_and_add(struct script_session *session, const struct dns_challenge *challenge, struct error *err)
{
    struct arena *arena = session->service.ctx->arena;
    struct look before;
    if (!look(session, challenge, &before, err))
        return false;
    if (before.has_ours)
        return true;
    if (before.cname != NULL || (service_is_cname(challenge) && before.has_others))
        return service_conflict(arena, challenge, before.cname, err);
    return act(session, challenge, SCRIPT_PRESENT, err);
}

static bool look_and_remove(struct script_session *session, const struct dns_challenge *challenge, struct error *err)
{
    struct look before, after;
    if (!look(session, challenge, &before, err))
        return false;
    if (!before.has_ours)
        return true;
    if (!act(session, challenge, SCRIPT_ABSENT, err) || !look(session, challenge, &after, err))
        return false;
    if (!after.has_ours)
        return true;
    /* Tried again later: a service may be slow to unlist what it removed. */
    return error_raise(err, ERROR_UNREACHABLE, "%s %s (DNSAccount %s) says that the %s at %s is gone, but still lists it",
                       session->is_program ? "program" : "webhook", session->helper->name,
                       session->service.account->name, challenge->type, challenge->name);
}

static bool place(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                  bool there, struct error *err)
{
    AUTO(script_session) struct script_session session = {0};
    if (!script_open(ctx, account, &session, err))
        return false;
    const char *key = service_name_key(&session.service, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = there ? look_and_add(&session, challenge, err) : look_and_remove(&session, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    if (!done && err != NULL && err->kind == ERROR_NOT_FOUND)
        service_forget_zone(&session.service, challenge->zone);
    return done;
}

static bool present(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                    struct error *err)
{
    return place(ctx, account, challenge, true, err);
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    return place(ctx, account, challenge, false, err);
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    AUTO(script_session) struct script_session session = {0};
    struct look found;
    if (!script_open(ctx, account, &session, err) || !look(&session, challenge, &found, err))
        return false;
    *out = found.values;
    return true;
}

/* The zone, and a look at its own name, for which the credential is really needed. */
static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    AUTO(script_session) struct script_session session = {0};
    const char *id;
    struct look found;
    if (!script_open(ctx, account, &session, err))
        return false;
    service_forget_zone(&session.service, zone);
    return service_zone_id(&session.service, zone, ask_zone, &id, err) &&
           look(&session, &(struct dns_challenge){zone, zone, "TXT", ""}, &found, err);
}

const struct dns_provider_ops dns_exec = {
    .name = "exec", .zone_of = zone_of, .present = present, .absent = absent, .list = list, .check = check};
const struct dns_provider_ops dns_webhook = {
    .name = "webhook", .zone_of = zone_of, .present = present, .absent = absent, .list = list, .check = check};
