#include "controller/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/holds.h"
#include "controller/records.h"
#include "schema/certificate.h"
#include "schema/field.h"
#include "schema/issuer.h"
#include "schema/kinds.h"
#include "schema/manifest.h"

enum { SECOND_LOOK_MS = 2000, CHANGE_PERCENT = 25 };

/* ---- what a change is ---- */

static bool json_same(const struct json *a, const struct json *b);

static bool holds_member(const struct json *array, const struct json *value)
{
    for (const struct json *at = json_first(array); at != NULL; at = json_next(at))
        if (json_same(at, value))
            return true;
    return false;
}

/* Whether `b` lacks something that `a` has: a member, or an element of a list. Other values of the same member do not count. */
static bool json_narrower(const struct json *a, const struct json *b)
{
    if (json_is_object(a)) {
        for (const struct json *at = json_first(a); at != NULL; at = json_next(at)) {
            const struct json *other = json_member(b, json_name(at));
            if (other == NULL || json_narrower(at, other))
                return true;
        }
    } else if (json_is_array(a)) {
        for (const struct json *at = json_first(a); at != NULL; at = json_next(at))
            if (!holds_member(b, at))
                return true;
    }
    return false;
}

static bool json_same(const struct json *a, const struct json *b)
{
    int64_t left, right;
    bool yes, no;
    if (json_is_object(a) || json_is_array(a)) { /* an element with another name is another element */
        bool same = json_count(a) == json_count(b) && json_is_object(a) == json_is_object(b);
        for (const struct json *at = json_first(a); same && at != NULL; at = json_next(at))
            same = json_is_object(a) ? json_same(at, json_member(b, json_name(at))) : holds_member(b, at);
        return same;
    }
    if (json_is_string(a) || json_is_string(b))
        return text_equal(json_string(a), json_string(b));
    if (json_is_bool(a) && json_is_bool(b) && json_bool(a, &yes) && json_bool(b, &no))
        return yes == no;
    return json_int(a, &left) && json_int(b, &right) && left == right;
}

static struct json *json_of(const struct resource *resource)
{
    struct buffer text = {0};
    struct error ignored;
    manifest_encode_json(resource, 0, &text);
    struct json *json = json_parse(buffer_text(&text), text.length, &ignored);
    buffer_release(&text);
    return json;
}

static bool is_narrower(const struct resource *was, const struct resource *is)
{
    AUTO(json) struct json *before = json_of(was);
    AUTO(json) struct json *after = json_of(is);
    return json_narrower(json_member(before, "spec"), json_member(after, "spec"));
}

static bool is_brought(const struct certificate *certificate)
{
    return certificate->csr != NULL || certificate->csr_secret_ref.name != NULL ||
           certificate->private_key.secret_ref.name != NULL;
}

/* As decide will see it: names, key, product or issuer are others. */
static bool needs_reissue(const struct certificate *was, const struct certificate *is)
{
    return !string_list_same_set(&was->dns_names, &is->dns_names) || !text_equal(was->order.product, is->order.product) ||
           (is->common_name != NULL && !text_equal(is->common_name, certificate_main_name(was))) ||
           is_brought(was) != is_brought(is) ||
           !text_equal(was->issuer_ref.name, is->issuer_ref.name) || was->private_key.algorithm != is->private_key.algorithm ||
           was->private_key.size != is->private_key.size;
}

/* The paid orders of an issuer that were placed at another endpoint than it has now. */
struct left_behind {
    const char *issuer, *endpoint;
    struct arena *arena, *scratch;
    struct string_list keys; /* <ns>/<name> of the certificate, whose newest order it is */
};

static bool compare_order(const char *key, struct span value, int64_t revision, void *arg)
{
    struct left_behind *found = arg;
    struct order_record order = {0};
    struct error ignored;
    (void)revision;
    arena_reset(found->scratch);
    const char *certificate = arena_strndup(found->scratch, key, (size_t)(strrchr(key, '/') - key));
    if (found->keys.count > 0 && strcmp(found->keys.items[found->keys.count - 1], certificate) == 0)
        found->keys.count--; /* an earlier cycle */
    if (field_decode_json(&order_record_table, value.data, value.length, found->scratch, &order, &ignored) &&
        order.state == ORDER_PLACED && text_equal(order.issuer, found->issuer) && !text_equal(order.endpoint, found->endpoint))
        string_list_push(found->arena, &found->keys, arena_strdup(found->arena, certificate));
    return true;
}

static bool in_force(struct state *state, enum resource_kind kind, const char *key, struct arena *arena, struct error *err)
{
    struct span ignored;
    bool found;
    return state_find(state, TABLE_RESOURCE, arena_printf(arena, "%s/%s", resource_kind_name(kind), key), arena, &ignored, &found,
                      err) && found;
}

static bool find_left_behind(const struct operator_config *config, struct state *state, struct arena *arena,
                             struct change *change, struct error *err)
{
    const struct endpoint *was = operator_endpoint(config, change->was->issuer->sslstore.environment);
    const struct endpoint *is = operator_endpoint(config, change->is->issuer->sslstore.environment);
    struct error why = {0};
    if (is == NULL || (was != NULL && text_equal(was->url, is->url)))
        return true;
    AUTO(arena) struct arena *scratch = arena_create();
    AUTO(arena) struct arena *keys = arena_create();
    struct left_behind found = {.issuer = change->name, .endpoint = is->url, .arena = keys, .scratch = scratch};
    bool ok = state_scan(state, TABLE_ORDER, "", compare_order, &found, &why);
    for (size_t i = 0; ok && i < found.keys.count; i++) {
        const char *key = found.keys.items[i], *slash = strchr(key, '/');
        const char *namespace_ = arena_strndup(scratch, key, (size_t)(slash - key));
        /* The issuer of its own namespace comes first, then the one of `default`. */
        bool its = strcmp(namespace_, change->namespace_) == 0 ||
                   (strcmp(change->namespace_, "default") == 0 &&
                    !in_force(state, KIND_ISSUER, arena_printf(scratch, "%s/%s", namespace_, change->name), scratch,
                              &why));
        if (its && in_force(state, KIND_CERTIFICATE, key, scratch, &why))
            string_list_push(arena, &change->reissued, resource_id(arena, KIND_CERTIFICATE, namespace_, slash + 1));
    }
    if (why.kind != ERROR_NONE && err != NULL)
        *err = why;
    return why.kind == ERROR_NONE;
}

bool guard_judge(const struct operator_config *config, struct state *state, struct arena *arena, struct change *change,
                 struct error *err)
{
    change->reissued = (struct string_list){0};
    change->narrower = change->is != NULL && is_narrower(change->was, change->is);
    if (change->is == NULL)
        return true;
    if (change->kind == KIND_ISSUER)
        return find_left_behind(config, state, arena, change, err);
    if (change->kind == KIND_CERTIFICATE && needs_reissue(change->was->certificate, change->is->certificate))
        string_list_push(arena, &change->reissued, resource_id(arena, KIND_CERTIFICATE, change->namespace_, change->name));
    return true;
}

/* ---- holds ---- */

static const char *id_of(const struct change *change, struct arena *arena)
{
    return resource_id(arena, change->kind, change->namespace_, change->name);
}

static bool is_gone(const struct change *change) { return change->is == NULL; }
static bool takes_away(const struct change *change) { return change->is == NULL || change->narrower; }
static bool does_reissue(const struct change *change) { return change->reissued.count > 0; }

/* Certificates, each once: its own edit and its issuer's may meet. `out_issuers`: ids of the issuers among the changes. */
static size_t count_reissued(const struct change *changes, size_t count, struct arena *arena, struct string_list *out_issuers)
{
    struct string_list all = {0};
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < changes[i].reissued.count; j++)
            string_list_push(arena, &all, changes[i].reissued.items[j]);
        if (changes[i].kind == KIND_ISSUER && does_reissue(&changes[i]))
            string_list_push(arena, out_issuers, id_of(&changes[i], arena));
    }
    const struct string_list sorted = string_list_sorted(arena, &all);
    for (size_t i = 0; i < sorted.count; i++)
        different += i == 0 || strcmp(sorted.items[i - 1], sorted.items[i]) != 0;
    return different;
}

struct guard { /* of one call */
    const struct operator_config *config;
    struct state *state;
    struct change *changes;
    size_t count;
    struct arena *arena;
    struct guard_hold_list *out;
};

/* Hold all of one sort as a whole, unless a person released just these. */
static void hold(struct guard *guard, const char *kind, bool (*which)(const struct change *change), const char *words,
                 const char *human)
{
    struct string_list subjects = {0}, named = {0};
    for (size_t i = 0; i < guard->count; i++) {
        const struct change *change = &guard->changes[i];
        if (!which(change) || change->held || change->let_go)
            continue;
        const char *id = id_of(change, guard->arena);
        string_list_push(guard->arena, &subjects, id);
        string_list_push(guard->arena, &named,
                         change->is == NULL ? id
                                            : arena_printf(guard->arena, "%s@%s", id, text_hex(guard->arena, change->is->digest, 6)));
    }
    const char *digest = hold_digest(guard->arena, kind, &named);
    if (subjects.count == 0)
        return;
    bool released = hold_released(guard->state, digest, guard->arena);
    for (size_t i = 0; i < guard->count; i++) {
        struct change *change = &guard->changes[i];
        bool meant = which(change) && !change->held && !change->let_go;
        change->held = change->held || (meant && !released);
        change->let_go = change->let_go || (meant && released);
    }
    if (released)
        return;
    *arena_push(guard->arena, &guard->out->items, guard->out->count) = (struct guard_hold){
        .kind = kind, .digest = digest, .words = words, .human = human, .subjects = string_list_sorted(guard->arena, &subjects)};
}

/* NULL: not too many. */
static const char *too_many_gone(const struct guard *guard, const struct tree_now *tree)
{
    size_t gone[KIND_COUNT] = {0}, all = 0;
    for (size_t i = 0; i < guard->count; i++)
        if (is_gone(&guard->changes[i]))
            gone[guard->changes[i].kind]++, all++;
    if (all == 0)
        return NULL;
    if (tree->lost != NULL)
        return arena_printf(guard->arena, "the manifests cannot be read: %s", tree->lost);
    if (tree->left == 0)
        return "the manifest directory is empty";
    if (tree->identity_before != NULL && tree->identity[0] != '\0' && !text_equal(tree->identity, tree->identity_before))
        return "the manifest directory is another one than before (device, folder or repository)";
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (removals_too_many(guard->config, gone[kind], tree->in_force[kind], tree->left))
            return arena_printf(guard->arena, "%zu of %zu %ss went at once", gone[kind], tree->in_force[kind],
                                resource_kind_name((enum resource_kind)kind));
    if (all > (size_t)guard->config->removal_count)
        return arena_printf(guard->arena, "%zu manifests went at once", all);
    return NULL;
}

static const char *went_back(const struct tree_now *tree, struct arena *arena)
{
    size_t count = tree->commits.count;
    if (tree->commit == NULL || count == 0 || text_equal(tree->commits.items[count - 1], tree->commit) ||
        !string_list_contains(&tree->commits, tree->commit))
        return NULL;
    return arena_printf(arena, "the work tree went back from commit %.12s to %.12s, which was applied before it",
                        tree->commits.items[count - 1], tree->commit);
}

/* ---- the second look ---- */

struct guard_seen {
    char *what; /* id, and digest of the new form */
    int64_t at_ms;
};

void guard_watch_finish(struct guard_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        free(watch->items[i].what);
    free(watch->items);
    *watch = (struct guard_watch){0};
}

static int64_t seen_since(const struct guard_watch *watch, const char *what, int64_t now)
{
    for (size_t i = 0; i < watch->count; i++)
        if (strcmp(watch->items[i].what, what) == 0)
            return watch->items[i].at_ms;
    return now;
}

/* What takes something away must be seen twice, two seconds apart: a file may be cut where it is still valid. */
static int64_t look_twice(struct guard *guard, struct guard_watch *watch)
{
    struct guard_watch next = {.items = calloc(guard->count + 1, sizeof *next.items)};
    int64_t now = clock_boot_ms(), wait = 0;
    if (next.items == NULL)
        fatal_memory();
    for (size_t i = 0; i < guard->count; i++) {
        struct change *change = &guard->changes[i];
        if (change->held || change->let_go || !takes_away(change))
            continue;
        const char *what = arena_printf(guard->arena, "%s@%s", id_of(change, guard->arena),
                                        change->is != NULL ? text_hex(guard->arena, change->is->digest, 8) : "");
        int64_t since = seen_since(watch, what, now);
        if (now - since >= SECOND_LOOK_MS)
            continue;
        char *kept = strdup(what);
        if (kept == NULL)
            fatal_memory();
        next.items[next.count++] = (struct guard_seen){kept, since};
        change->held = true;
        int64_t left = since + SECOND_LOOK_MS - now;
        if (wait == 0 || left < wait)
            wait = left;
    }
    guard_watch_finish(watch);
    *watch = next;
    return wait;
}

void guard_changes(const struct operator_config *config, struct state *state, struct guard_watch *watch,
                   const struct tree_now *tree, struct change *changes, size_t count, struct arena *arena,
                   struct guard_hold_list *out, int64_t *out_look_again_ms)
{
    struct guard guard = {config, state, changes, count, arena, out};
    const char *bring_back = "bring the manifests back; or, if they are to be forgotten, say so";
    *out = (struct guard_hold_list){0};
    const char *words = too_many_gone(&guard, tree);
    if (words != NULL)
        hold(&guard, "MassRemoval", is_gone, words, bring_back);
    if ((words = went_back(tree, arena)) != NULL)
        hold(&guard, "HistoryBack", takes_away, words, "bring the work tree forward again; or, if it is meant to go back, say so");
    struct string_list issuers = {0};
    size_t reissues = count_reissued(changes, count, arena, &issuers), certificates = tree->in_force[KIND_CERTIFICATE];
    if (reissues > (size_t)config->removal_count && reissues * 100 > certificates * CHANGE_PERCENT)
        hold(&guard, "MassChange", does_reissue,
             arena_printf(arena, "%zu of %zu certificates were changed so that they need a reissue%s%s", reissues, certificates,
                          issuers.count > 0 ? ", by an edit of " : "", string_list_join(arena, &issuers, ", ")),
             "look through the changes; if they are meant, say so");
    *out_look_again_ms = watch != NULL ? look_twice(&guard, watch) : 0;
}
