#include "reconcilers/certificate/actions.h"

#include <stdio.h>
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/names.h"
#include "reconcilers/certificate/decide_parts.h"
#include "schema/contact.h"
#include "schema/field.h"

/* ---- forgetting needs no outside action ---- */

static bool act_nothing(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    (void)ctx, (void)view, (void)step, (void)out, (void)err;
    return true;
}

static void record_forget(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    struct certificate_record *record = certificate_record_copy(view, arena);
    (void)step;
    record->forgotten = true;
    record->forgotten_at = outcome->at;
    out->certificate = record;
    out->audit = "certificate.forget";
    out->audit_detail = view->order != NULL ? view->order->vendor_order_id : "";
    out->event_type = "Normal";
    out->event_reason = "Forgotten";
    out->event_message = "its manifest is gone; key, files and the vendor's order stay as they are";
}

static const struct action_row action_forget = {"forget", 0, false, false, false, NULL, act_nothing, record_forget};

extern const struct action_row action_prepare, action_submit, action_look_up, action_poll, action_present, action_check,
    action_remove, action_fetch, action_stage, action_publish, action_reload, action_probe, action_roll_back,
    action_reload_back, action_probe_back, action_inspect, action_resend;

const struct action_row *certificate_action(enum action action)
{
    static const struct action_row *const rows[ACTION_COUNT] = {
        [ACTION_PREPARE] = &action_prepare, [ACTION_SUBMIT] = &action_submit, [ACTION_LOOK_UP] = &action_look_up,
        [ACTION_POLL] = &action_poll, [ACTION_PRESENT] = &action_present, [ACTION_CHECK] = &action_check,
        [ACTION_REMOVE] = &action_remove, [ACTION_FETCH] = &action_fetch, [ACTION_STAGE] = &action_stage,
        [ACTION_PUBLISH] = &action_publish, [ACTION_RELOAD] = &action_reload, [ACTION_PROBE] = &action_probe,
        [ACTION_ROLL_BACK] = &action_roll_back, [ACTION_RELOAD_BACK] = &action_reload_back,
        [ACTION_PROBE_BACK] = &action_probe_back, [ACTION_INSPECT] = &action_inspect,
        [ACTION_RESEND] = &action_resend, [ACTION_FORGET] = &action_forget,
    };
    return action < ACTION_COUNT ? rows[action] : NULL;
}

bool certificate_may_be_made(const struct challenge_record *c)
{
    bool outside = (c->state >= CHALLENGE_PRESENTING && c->state < CHALLENGE_GONE) ||
                   (c->state == CHALLENGE_PENDING && c->presented_at > 0); /* vanished, and about to be put back */
    return outside && !c->manual && (c->account[0] != '\0' || c->target[0] != '\0');
}

void certificate_keep_leftover(const struct certificate_view *view, const struct challenge_record *c, struct arena *arena,
                               struct changes *out)
{
    if (!certificate_may_be_made(c) || (c->record_value[0] == '\0' && c->file_content[0] == '\0'))
        return;
    struct leftover_record *leftover = arena_push(arena, &out->leftovers, out->leftover_count);
    *leftover = (struct leftover_record){
        .namespace_ = view->namespace_, .origin = arena_printf(arena, "a former proof of %s", view->id),
        .account = challenge_writer(c), .zone = c->zone, .record_name = challenge_place(c), .record_type = c->record_type,
        .record_value = c->record_value, .target = c->target, .file_name = c->file_name, .file_content = c->file_content,
        .noted_at = view->now};
}

struct order_record *order_copy(const struct certificate_view *view, struct arena *arena)
{
    return arena_memdup(arena, view->order, sizeof *view->order);
}

struct certificate_record *certificate_record_copy(const struct certificate_view *view, struct arena *arena)
{
    return arena_memdup(arena, &view->record, sizeof view->record);
}

void certificate_record_outcome(const struct certificate_view *view, const struct step *step,
                                const struct outcome *outcome, struct arena *arena, struct changes *out)
{
    const struct action_row *row = certificate_action(step->action);
    assert(row != NULL);
    row->record(view, step, outcome, arena, out);
    if (step->index >= 0)
        return; /* challenges and rollouts keep their own failures */
    struct certificate_record *record = out->certificate != NULL
                                            ? arena_memdup(arena, out->certificate, sizeof *record)
                                            : certificate_record_copy(view, arena);
    if (outcome->ok) {
        if (record->failures == 0 && record->error[0] == '\0')
            return;
        record->failures = 0;
        record->retry_at = 0;
        record->error = record->error_kind = record->error_step = "";
        record->error_since = 0;
    } else {
        bool same = text_equal(record->error_step, row->name);
        record->failures = same ? record->failures + 1 : 1;
        record->error = outcome->err.message;
        record->error_kind = error_kind_name(outcome->err.kind);
        record->error_step = row->name;
        if (view->want != NULL) /* an edit ends the waiting */
            record->spec_digest = text_hex(arena, view->want->digest, 32);
        record->error_since = same && record->error_since > 0 ? record->error_since : outcome->at;
        record->retry_at = outcome->err.retry_at > outcome->at
                               ? outcome->err.retry_at
                               : outcome->at + backoff_s(outcome->err.kind, record->failures, (uint64_t)outcome->at);
    }
    out->certificate = record;
}

int64_t backoff_s(enum error_kind kind, int failures, uint64_t seed)
{
    /* Reads go 1 s to 15 min; what a person must cure is looked at again now and then, for nobody tells us when it is. */
    bool person = kind == ERROR_MANIFEST || kind == ERROR_CONFIG || kind == ERROR_CREDENTIAL || kind == ERROR_REFUSED;
    int64_t base = person ? 15 : 1, most = 900;
    int64_t wait = base;
    for (int i = 1; i < failures && wait < most; i++)
        wait *= 2;
    if (wait > most)
        wait = most;
    /* ±20 %, splitmix64 of the seed: no two accounts come back in the same second. */
    uint64_t x = seed + (uint64_t)failures * 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    int64_t jitter = (int64_t)(x % 401) - 200;
    wait += wait * jitter / 1000;
    return wait > 0 ? wait : 1;
}

/* ---- what decide and others share ---- */

const char *certificate_custom_order_id(const struct certificate_view *view, int cycle, struct arena *arena)
{
    /* One need, one id, whichever account its next attempt goes to: what was sent once is looked for under it (R2). */
    if (view->order != NULL && view->order->cycle == cycle && !text_empty(view->order->custom_order_id))
        return view->order->custom_order_id;
    char number[16];
    snprintf(number, sizeof number, "%d", cycle);
    char *need = arena_printf(arena, "%s/%s", view->namespace_, view->name);
    const char *account = view->refs.issuer != NULL ? view->refs.issuer->name : "";
    const char *parts[] = {view->installation, account, need, number};
    struct hash *hash = hash_begin();
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        unsigned char length[4];
        size_t n = strlen(parts[i]);
        for (int b = 0; b < 4; b++)
            length[b] = (unsigned char)(n >> (24 - 8 * b));
        hash_add(hash, length, sizeof length);
        hash_add(hash, parts[i], n);
    }
    unsigned char digest[32];
    hash_end(hash, digest);
    return arena_printf(arena, "cw1-%s", text_base32_lower(arena, digest, 20));
}

bool certificate_order_is_at(const struct order_record *order, const struct resource *issuer, const struct endpoint *endpoint)
{
    return issuer != NULL && endpoint != NULL && text_equal(order->issuer, issuer->name) &&
           (text_empty(order->endpoint) || text_equal(order->endpoint, endpoint->url)) &&
           (text_empty(order->partner_code) || text_equal(order->partner_code, issuer->issuer->sslstore.partner_code));
}

const char *certificate_order_account(const struct order_record *order, struct arena *arena)
{
    const char *partner = text_empty(order->partner_code) ? "" : arena_printf(arena, "partner %s ", order->partner_code);
    return arena_printf(arena, "issuer/%s (%sat %s)", order->issuer, partner, order->endpoint);
}

static const char *secret_words(const struct secret_ref *ref, struct arena *arena)
{
    return ref->name != NULL ? arena_printf(arena, "%s/%s", ref->name, ref->key) : NULL;
}

const char *certificate_relevant_digest(const struct certificate_view *view, struct arena *arena)
{
    const struct certificate *want = view->want->certificate;
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct string_list names = string_list_sorted(arena, &want->dns_names);
    json_begin_object(&w);
    json_string_member(&w, "product", view->product->code);
    json_int_member(&w, "term", want->order.term_months);
    json_int_member(&w, "servers", want->order.server_count);
    json_string_member(&w, "commonName", want->common_name);
    json_string_member(&w, "names", string_list_join(arena, &names, ","));
    json_string_member(&w, "issuer", view->refs.issuer->name);
    json_string_member(&w, "partner", view->refs.issuer->issuer->sslstore.partner_code);
    json_int_member(&w, "keyAlgorithm", want->private_key.algorithm);
    json_int_member(&w, "keySize", want->private_key.size);
    json_string_member(&w, "key", secret_words(&want->private_key.secret_ref, arena));
    json_string_member(&w, "csr", want->csr);
    json_string_member(&w, "csrSecret", secret_words(&want->csr_secret_ref, arena));
    json_string_member(&w, "webServer", want->order.web_server_type);
    json_string_member(&w, "instructions", want->order.special_instructions);
    json_string_member(&w, "language", want->order.email_language);
    for (size_t n = 0; n < names.count; n++) /* by name: a list written in another order is no change */
        for (size_t i = 0; i < view->refs.validation_count; i++) {
            const struct name_validation *v = &view->refs.validations[i];
            if (text_equal(v->name, names.items[n]))
                json_string_member(&w, v->name, v->method == DCV_EMAIL ? v->approver : dcv_method_name(v->method));
        }
    const struct resource *others[] = {view->refs.organization, view->refs.admin_contact, view->refs.technical_contact};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (others[i] != NULL)
            json_string_member(&w, others[i]->name, text_hex(arena, others[i]->digest, 32));
    json_end_object(&w);
    unsigned char digest[32];
    hash_sha256(span_of(buffer_text(&text), text.length), digest);
    buffer_release(&text);
    return text_hex(arena, digest, 16);
}

int64_t certificate_price(const struct certificate_view *view, const char **out_currency)
{
    const struct certificate *want = view->want->certificate;
    if (view->account.prices == NULL)
        return -1;
    int plain = 0, wildcard = 0;
    for (size_t i = 0; i < want->dns_names.count; i++)
        *(name_is_wildcard(want->dns_names.items[i]) ? &wildcard : &plain) += 1;
    return price_of(view->account.prices, view->product->code, want->order.term_months, want->order.server_count, plain,
                    wildcard, out_currency);
}
