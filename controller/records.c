#include "controller/records.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/secret.h"

char *record_key(struct arena *arena, const char *namespace_, const char *name)
{
    return arena_printf(arena, "%s/%s", namespace_, name);
}

char *record_key_number(struct arena *arena, const char *namespace_, const char *name, int number)
{
    return arena_printf(arena, "%s/%s/%06d", namespace_, name, number);
}

char *record_key_sub(struct arena *arena, const char *namespace_, const char *name, const char *sub)
{
    return arena_printf(arena, "%s/%s/%s", namespace_, name, sub);
}

char *leftover_key(struct arena *arena, const struct leftover_record *l)
{
    unsigned char digest[32];
    const char *text = arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s\n%s", l->account, l->record_name, l->record_type,
                                    l->record_value, l->target, l->file_name, l->file_content);
    hash_sha256(span_of(text, strlen(text)), digest);
    return arena_printf(arena, "%s/%s", l->namespace_, text_hex(arena, digest, 16));
}

char *challenge_key(struct arena *arena, const struct challenge_record *c)
{
    return arena_printf(arena, "%s/%s/%06d/%s", c->namespace_, c->name, c->cycle, c->domain);
}

const struct field_table *record_fields(enum state_table table)
{
    static const struct field_table *const tables[TABLE_COUNT] = {
        [TABLE_CERTIFICATE] = &certificate_record_table, [TABLE_ORDER] = &order_record_table,
        [TABLE_CHALLENGE] = &challenge_record_table, [TABLE_LEFTOVER] = &leftover_record_table, [TABLE_REVISION] = &revision_record_table,
        [TABLE_ROLLOUT] = &rollout_record_table, [TABLE_ISSUER] = &issuer_record_table,
        [TABLE_BUDGET] = &budget_record_table,
        [TABLE_HOLD] = &hold_record_table, [TABLE_EVENT] = &event_record_table,
    };
    return table < TABLE_COUNT ? tables[table] : NULL;
}

bool record_load(struct state *state, enum state_table table, const char *key, const struct field_table *fields,
                 struct arena *arena, void *out, int64_t *out_revision, struct error *err)
{
    struct span value;
    return state_get(state, table, key, arena, &value, out_revision, err) &&
           field_decode_json(fields, value.data, value.length, arena, out, err);
}

void record_put(struct state_batch *batch, enum state_table table, const char *key, const struct field_table *fields,
                const void *record, int64_t must)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    field_encode(fields, record, true, &w);
    state_put(batch, table, key, span_of(buffer_text(&text), text.length), must);
    buffer_release(&text);
}

const char *blob_text(struct state *state, const char *key, struct arena *arena, struct error *err)
{
    struct span value;
    if (!state_get(state, TABLE_BLOB, key, arena, &value, NULL, err))
        return NULL;
    return arena_strndup(arena, value.data, value.length);
}

struct secret *blob_secret(struct state *state, const char *key, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct span value;
    if (!state_get(state, TABLE_BLOB, key, arena, &value, NULL, err))
        return NULL;
    struct secret *secret = secret_create(value.data, value.length);
    secret_wipe((void *)(uintptr_t)value.data, value.length);
    return secret;
}

struct scan {
    const struct field_table *fields;
    struct arena *arena;
    record_visitor *visit;
    void *arg;
    struct error *err;
    bool failed;
};

static bool decode_and_visit(const char *key, struct span value, int64_t revision, void *arg)
{
    struct scan *scan = arg;
    (void)revision;
    void *record = arena_alloc(scan->arena, scan->fields->size);
    if (!field_decode_json(scan->fields, value.data, value.length, scan->arena, record, scan->err)) {
        scan->failed = true;
        return false;
    }
    return scan->visit(key, record, scan->arg);
}

bool record_scan(struct state *state, enum state_table table, const char *prefix, const struct field_table *fields,
                 struct arena *arena, record_visitor *visit, void *arg, struct error *err)
{
    struct scan scan = {.fields = fields, .arena = arena, .visit = visit, .arg = arg, .err = err};
    return state_scan(state, table, prefix, decode_and_visit, &scan, err) && !scan.failed;
}

const char *meta_text(struct state *state, const char *key, struct arena *arena)
{
    struct span value;
    return state_get(state, TABLE_META, key, arena, &value, NULL, NULL) ? arena_strndup(arena, value.data, value.length)
                                                                        : NULL;
}

bool meta_read(struct state *state, const char *key, struct arena *arena, const char **out, struct error *err)
{
    struct span value;
    bool found;
    if (!state_find(state, TABLE_META, key, arena, &value, &found, err))
        return false;
    *out = found ? arena_strndup(arena, value.data, value.length) : NULL;
    return true;
}

bool record_find(struct state *state, enum state_table table, const char *key, const struct field_table *fields,
                 struct arena *arena, void *out, bool *out_found, struct error *err)
{
    struct error why = {0};
    *out_found = record_load(state, table, key, fields, arena, out, NULL, &why);
    if (*out_found || why.kind == ERROR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = why;
    return false;
}

void meta_put(struct state_batch *batch, const char *key, const char *text)
{
    state_put(batch, TABLE_META, key, span_of(text, strlen(text)), STATE_ANY);
}

char *need_key(struct arena *arena, const char *endpoint, const char *partner_code, const char *product,
               const struct string_list *names)
{
    struct string_list sorted = string_list_sorted(arena, names);
    const char *text = arena_printf(arena, "%s|%s|%s|%s", endpoint, partner_code, product,
                                    string_list_join(arena, &sorted, ","));
    unsigned char digest[32];
    hash_sha256(span_of(text, strlen(text)), digest);
    return arena_printf(arena, "need/%s", text_hex(arena, digest, 16));
}
