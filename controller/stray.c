#include "controller/stray.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "controller/records.h"
#include "reconcilers/certificate/actions.h"

static const char challenge_prefix[] = "challenge/", leftover_prefix[] = "leftover/";

struct gathering {
    struct state *state;
    struct arena *arena;
    struct stray *strays;
    size_t stray_count;
    struct leftover_record *needed; /* what live orders want to be seen */
    size_t needed_count;
};

bool stray_same(const struct leftover_record *a, const struct leftover_record *b)
{
    if (a->record_name[0] == '\0' || b->record_name[0] == '\0')
        return text_equal(a->file_name, b->file_name) && text_equal(a->file_content, b->file_content) &&
               a->record_name[0] == b->record_name[0];
    bool cname = strcmp(a->record_type, "CNAME") == 0;
    return strcasecmp(a->record_name, b->record_name) == 0 && strcmp(a->record_type, b->record_type) == 0 &&
           (cname ? strcasecmp : strcmp)(a->record_value, b->record_value) == 0;
}

/* Why nothing needs the proof any more; NULL: a live order does. */
static const char *needless(struct gathering *g, const struct challenge_record *c)
{
    struct order_record order;
    struct certificate_record certificate;
    struct error why = {0};
    struct arena *arena = g->arena;
    bool replaced =
        !text_empty(c->next_record_name) || !text_empty(c->next_file_name); /* the controller takes it away */
    if (c->state == CHALLENGE_REMOVING && !replaced)
        return "it was to be taken away, and that has not succeeded yet";
    if (!record_load(g->state, TABLE_ORDER, record_key_number(arena, c->namespace_, c->name, c->cycle),
                     &order_record_table, arena, &order, NULL, &why))
        return why.kind == ERROR_NOT_FOUND ? "its order is no longer in the store" : NULL;
    if (order.state == ORDER_DEAD)
        return arena_printf(arena, "its order %s was cancelled or has expired", order.vendor_order_id);
    if (order.fetched)
        return arena_printf(arena, "the certificate of order %s is issued", order.vendor_order_id);
    if (!record_load(g->state, TABLE_CERTIFICATE, record_key(arena, c->namespace_, c->name),
                     &certificate_record_table, arena, &certificate, NULL, &why))
        return why.kind == ERROR_NOT_FOUND ? "its certificate is no longer in the store" : NULL;
    if (certificate.cycle != c->cycle)
        return "a later order took the place of its order";
    return certificate.forgotten ? "the manifest of its certificate is gone" : NULL;
}

static struct leftover_record made_by(const struct challenge_record *c)
{
    return (struct leftover_record){.namespace_ = c->namespace_,
                                    .origin = "",
                                    .account = challenge_writer(c),
                                    .zone = c->zone,
                                    .record_name = challenge_place(c),
                                    .record_type = c->record_type,
                                    .record_value = c->record_value,
                                    .target = c->target,
                                    .file_name = c->file_name,
                                    .file_content = c->file_content,
                                    .noted_at = c->created_at};
}

static bool take_challenge(const char *key, const void *record, void *arg)
{
    struct gathering *g = arg;
    struct arena *arena = g->arena;
    const struct challenge_record *c = record;
    const char *reason = needless(g, c);
    if (reason == NULL) {
        struct leftover_record *needed = arena_push(arena, &g->needed, g->needed_count);
        *needed = made_by(c);
        if (!text_empty(c->next_record_name) ||
            !text_empty(c->next_file_name)) { /* what it is to become, too */
            struct leftover_record next = *needed;
            next.record_name = c->next_record_name, next.record_type = c->next_record_type;
            next.record_value = c->next_record_value, next.file_name = c->next_file_name;
            next.file_content = c->next_file_content;
            *arena_push(arena, &g->needed, g->needed_count) = next;
        }
        return true;
    }
    if (!certificate_may_be_made(c))
        return true;
    *arena_push(arena, &g->strays, g->stray_count) = (struct stray){
        .key = arena_printf(arena, "%s%s", challenge_prefix, key),
        .owner = resource_id(arena, KIND_CERTIFICATE, c->namespace_, c->name),
        .why_ours = arena_printf(
            arena, "the journal has it as the proof of %s for %s, cycle %d, noted %s before it was made (%s)",
            c->domain, resource_id(arena, KIND_CERTIFICATE, c->namespace_, c->name), c->cycle,
            clock_rfc3339(arena, c->created_at), challenge_state_words[c->state]),
        .why_needless = reason,
        .what = made_by(c)};
    return true;
}

static bool take_leftover(const char *key, const void *record, void *arg)
{
    struct gathering *g = arg;
    const struct leftover_record *l = record;
    *arena_push(g->arena, &g->strays, g->stray_count) =
        (struct stray){.key = arena_printf(g->arena, "%s%s", leftover_prefix, key),
                       .owner = "",
                       .why_ours = arena_printf(g->arena, "the journal has it as %s, noted %s", l->origin,
                                                clock_rfc3339(g->arena, l->noted_at)),
                       .why_needless = "nothing refers to it",
                       .what = *l};
    return true;
}

/* What equals something that a live order wants to be seen is that, whoever made it first. */
static void drop_needed(struct gathering *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->stray_count; i++) {
        bool needed = false;
        for (size_t k = 0; k < g->needed_count && !needed; k++)
            needed = stray_same(&g->strays[i].what, &g->needed[k]);
        if (!needed)
            g->strays[kept++] = g->strays[i];
    }
    g->stray_count = kept;
}

bool stray_list(struct state *state, struct arena *arena, struct stray **out, size_t *out_count,
                struct error *err)
{
    struct gathering g = {.state = state, .arena = arena};
    if (!record_scan(state, TABLE_CHALLENGE, "", &challenge_record_table, arena, take_challenge, &g, err) ||
        !record_scan(state, TABLE_LEFTOVER, "", &leftover_record_table, arena, take_leftover, &g, err))
        return false;
    drop_needed(&g);
    *out = g.strays;
    *out_count = g.stray_count;
    return true;
}

bool stray_find(struct state *state, const char *key, struct arena *arena, struct stray *out,
                struct error *err)
{
    struct stray *all;
    size_t count;
    if (!stray_list(state, arena, &all, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].key, key) == 0) {
            *out = all[i];
            return true;
        }
    return error_raise(err, ERROR_NOT_FOUND, "%s is no stray any more: it is gone, or an order needs it",
                       key);
}
