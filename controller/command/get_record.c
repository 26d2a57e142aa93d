/* get order | challenge | revision | rollout | event: what the controller remembers, read from the store
 * alone. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "controller/command/get.h"
#include "controller/listing.h"
#include "controller/look.h"
#include "controller/look_print.h"
#include "controller/records.h"
#include "schema/certificate.h"
#include "schema/manifest.h"

struct gathering {
    struct look look;
    struct listing listing;
    const struct record_kind *kind;
    const struct string_list *names;
};
struct record_kind {
    const char *word, *plural, *manifest_word;
    enum state_table table;
    const struct field_table *fields;
    const struct listing_column *columns;
    /* Fills cells[1…]; gives the record's own part of its name ("1", "1/www.example.com", "web"). */
    const char *(*fill)(struct command_context *ctx, const void *record, const char **cells);
};

static const struct listing_column order_columns[] = {
    {"NAME", false},          {"STATE", false}, {"PRODUCT", false}, {"VENDOR ORDER", false},
    {"VENDOR STATUS", false}, {"AGE", false},   {"ORDER ID", true}, {"CA ORDER", true},
    {"ISSUER", true},         {"PRICE", true},  {"ENDS", true},     {0}};

static const char *fill_order(struct command_context *ctx, const void *record, const char **cells)
{
    const struct order_record *order = record;
    cells[1] = order_state_words[order->state];
    cells[2] = order->product;
    cells[3] = order->vendor_order_id;
    cells[4] = order->major_status;
    cells[5] = look_age(ctx, order->prepared_at);
    cells[6] = order->custom_order_id;
    cells[7] = order->ca_order_id;
    cells[8] = order->issuer;
    cells[9] = look_money(ctx->arena, order->price_cents, order->currency);
    cells[10] = command_ago(ctx, order->subscription_ends_at);
    return arena_printf(ctx->arena, "%d", order->cycle);
}

static const struct listing_column challenge_columns[] = {
    {"NAME", false},      {"METHOD", false}, {"STATE", false},
    {"VALIDATED", false}, {"AGE", false},    {"PLACE", true},
    {"LAST LOOK", true},  {"ERROR", true},   {0}};

static const char *fill_challenge(struct command_context *ctx, const void *record, const char **cells)
{
    const struct challenge_record *challenge = record;
    const char *method = dcv_method_name((enum dcv_method)challenge->method);
    cells[1] = challenge->manual ? arena_printf(ctx->arena, "%s by hand", method) : method;
    cells[2] = challenge->method == DCV_EMAIL ? "Mailed" : challenge_state_words[challenge->state];
    cells[3] = challenge->validated ? "yes" : "no";
    cells[4] = look_age(ctx, challenge->created_at);
    cells[5] = look_challenge(ctx->arena, challenge);
    cells[6] = challenge->last_check;
    cells[7] = challenge->error;
    return arena_printf(ctx->arena, "%d/%s", challenge->cycle, challenge->domain);
}

static const struct listing_column revision_columns[] = {
    {"NAME", false},       {"SERIAL", false}, {"ISSUER", false},
    {"EXPIRES", false},    {"AGE", false},    {"ORDER", true},
    {"FINGERPRINT", true}, {"NAMES", true},   {0}};

static const char *fill_revision(struct command_context *ctx, const void *record, const char **cells)
{
    const struct revision_record *revision = record;
    cells[1] = revision->serial;
    cells[2] = revision->issuer_cn;
    cells[3] = command_ago(ctx, revision->not_after);
    cells[4] = look_age(ctx, revision->issued_at);
    cells[5] = revision->vendor_order_id;
    cells[6] = revision->fingerprint;
    cells[7] = string_list_join(ctx->arena, &revision->names, ",");
    return arena_printf(ctx->arena, "%d", revision->number);
}

static const struct listing_column rollout_columns[] = {
    {"NAME", false},       {"STATE", false}, {"REVISION", false},
    {"GENERATION", false}, {"AGE", false},   {"PATH", true},
    {"NEXT TRY", true},    {"ERROR", true},  {0}};

static const char *fill_rollout(struct command_context *ctx, const void *record, const char **cells)
{
    const struct rollout_record *rollout = record;
    cells[1] = rollout_state_words[rollout->state];
    cells[2] = rollout->revision > 0 ? arena_printf(ctx->arena, "%d", rollout->revision) : "";
    cells[3] = rollout->generation > 0 ? arena_printf(ctx->arena, "%d", rollout->generation) : "";
    cells[4] = look_age(ctx, rollout->started_at);
    cells[5] = rollout->path;
    cells[6] = rollout->retry_at > clock_now() ? command_ago(ctx, rollout->retry_at) : "";
    cells[7] = rollout->error;
    return rollout->target;
}

static const struct listing_column event_columns[] = {
    {"OBJECT", false}, {"TYPE", false},    {"REASON", false},    {"LAST SEEN", false},
    {"COUNT", false},  {"MESSAGE", false}, {"FIRST SEEN", true}, {0}};

static const char *fill_event(struct command_context *ctx, const void *record, const char **cells)
{
    const struct event_record *event = record;
    cells[1] = event->type;
    cells[2] = event->reason;
    cells[3] = command_ago(ctx, event->last_at);
    cells[4] = arena_printf(ctx->arena, "%d", event->count);
    cells[5] = event->message;
    cells[6] = clock_rfc3339(ctx->arena, event->at);
    return event->reason;
}

static const struct record_kind record_kinds[] = {
    {"order", "orders", "Order", TABLE_ORDER, &order_record_table, order_columns, fill_order},
    {"challenge", "challenges", "Challenge", TABLE_CHALLENGE, &challenge_record_table, challenge_columns,
     fill_challenge},
    {"revision", "revisions", "Revision", TABLE_REVISION, &revision_record_table, revision_columns,
     fill_revision},
    {"rollout", "rollouts", "Rollout", TABLE_ROLLOUT, &rollout_record_table, rollout_columns, fill_rollout},
    {"event", "events", "Event", TABLE_EVENT, &event_record_table, event_columns, fill_event},
};

static const struct record_kind *find_kind(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(record_kinds); i++)
        if (strcasecmp(word, record_kinds[i].word) == 0 || strcasecmp(word, record_kinds[i].plural) == 0)
            return &record_kinds[i];
    return NULL;
}

bool get_is_record(const char *word) { return find_kind(word) != NULL; }

const char *const *get_record_words(struct arena *arena)
{
    const char **words = arena_array(arena, COUNT_OF(record_kinds) + 1, sizeof *words);
    for (size_t i = 0; i < COUNT_OF(record_kinds); i++)
        words[i] = record_kinds[i].word;
    return words;
}

/* Whose record it is. An event tells its object's kind as well. */
static void owner_of(const struct record_kind *kind, const void *record, const char **out_namespace,
                     const char **out_name)
{
    const struct event_record *event = record;
    const struct order_record *other = record; /* every record begins with namespace and name */
    bool is_event = kind->table == TABLE_EVENT;
    *out_namespace = is_event ? event->namespace_ : other->namespace_;
    *out_name = is_event ? event->name : other->name;
}
_Static_assert(offsetof(struct order_record, name) == offsetof(struct challenge_record, name) &&
                   offsetof(struct order_record, name) == offsetof(struct revision_record, name) &&
                   offsetof(struct order_record, name) == offsetof(struct rollout_record, name),
               "records begin with namespace and name");

static bool chosen(const struct gathering *g, const char *namespace_, const char *owner, const char *name)
{
    if (g->look.ctx->namespace_ != NULL && !text_equal(g->look.ctx->namespace_, namespace_))
        return false;
    if (g->look.ctx->selector.count > 0) {
        const struct desired_entry *entry =
            desired_find(g->look.desired, KIND_CERTIFICATE, namespace_, owner);
        if (entry == NULL || !look_chosen(&g->look, entry))
            return false;
    }
    for (size_t i = 0; i < g->names->count; i++) {
        size_t length = strlen(g->names->items[i]);
        if (text_equal(owner, g->names->items[i]) ||
            (text_has_prefix(name, g->names->items[i]) && (name[length] == '\0' || name[length] == '/')))
            return true;
    }
    return g->names->count == 0;
}

static bool gather(const char *key, const void *record, void *arg)
{
    struct gathering *g = arg;
    struct command_context *ctx = g->look.ctx;
    struct listing *listing = &g->listing;
    const char *cells[12] = {NULL}, *namespace_, *owner;
    (void)key;
    owner_of(g->kind, record, &namespace_, &owner);
    const char *part = g->kind->fill(ctx, record, cells);
    const struct event_record *event = record;
    const char *whole = g->kind->table == TABLE_EVENT
                            ? resource_id(ctx->arena, resource_kind_parse(event->kind), namespace_, owner)
                            : owner;
    const char *name = arena_printf(ctx->arena, "%s/%s", whole, part);
    if (!chosen(g, namespace_, owner, name))
        return true;
    cells[0] = g->kind->table == TABLE_EVENT ? whole : name;
    if (listing_wants_document(listing)) {
        struct json_writer *w = &listing->w;
        json_begin_object(w);
        json_string_member(w, "apiVersion", MANIFEST_API_VERSION);
        json_string_member(w, "kind", g->kind->manifest_word);
        json_key(w, "metadata");
        json_begin_object(w);
        look_text_member(w, "name", name, ctx->arena);
        look_text_member(w, "namespace", namespace_, ctx->arena);
        json_end_object(w);
        json_key(w, "status");
        look_put_struct(w, g->kind->fields, record, ctx->arena);
        json_end_object(w);
    }
    listing_add(listing, namespace_, name, arena_printf(ctx->arena, "%s/%s", g->kind->word, name), cells);
    return true;
}

int get_records(struct command_context *ctx, const char *word, const struct string_list *names)
{
    struct gathering g = {.kind = find_kind(word), .names = names};
    struct error err = {0};
    int code = look_open(&g.look, ctx, ctx->selector.count > 0);
    if (code == EXIT_OK) {
        listing_begin(&g.listing, ctx, g.kind->columns);
        bool ok = record_scan(g.look.state, g.kind->table, "", g.kind->fields, ctx->arena, gather, &g, &err);
        g.listing.single = names->count == 1 && g.listing.count == 1;
        int printed = listing_end(&g.listing, g.kind->plural);
        code = !ok ? command_fail_error(ctx, &err)
               : names->count > 0 && g.listing.count == 0
                   ? command_fail(ctx, EXIT_ERROR, "there is no %s of \"%s\"", g.kind->word, names->items[0])
                   : printed;
    }
    look_close(&g.look);
    return code;
}
