/* Records by their field tables through the door: keys, loading, putting. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/state.h"
#include "schema/record.h"

struct secret;

char *record_key(struct arena *arena, const char *namespace_, const char *name);                    /* <ns>/<name> */
char *record_key_number(struct arena *arena, const char *namespace_, const char *name, int number); /* …/000007 */
char *record_key_sub(struct arena *arena, const char *namespace_, const char *name, const char *sub);
char *leftover_key(struct arena *arena, const struct leftover_record *leftover); /* <ns>/<digest of what it is> */
char *challenge_key(struct arena *arena, const struct challenge_record *challenge);

/* Load one record; strings in `arena`. False with NOT_FOUND when there is none. */
bool record_load(struct state *state, enum state_table table, const char *key, const struct field_table *fields,
                 struct arena *arena, void *out, int64_t *out_revision, struct error *err);
void record_put(struct state_batch *batch, enum state_table table, const char *key, const struct field_table *fields,
                const void *record, int64_t must);
/* The table of fields of a record table; NULL for blobs, meta and indexes. */
const struct field_table *record_fields(enum state_table table);

/* Blobs. Text in `arena`, NULL when there is none (then err, if not NULL, says NOT_FOUND or STATE). */
const char *blob_text(struct state *state, const char *key, struct arena *arena, struct error *err);
struct secret *blob_secret(struct state *state, const char *key, struct error *err);

/* All records below a prefix, each decoded and visited. */
typedef bool record_visitor(const char *key, const void *record, void *arg);
bool record_scan(struct state *state, enum state_table table, const char *prefix, const struct field_table *fields,
                 struct arena *arena, record_visitor *visit, void *arg, struct error *err);

/* META rows that are small texts. */
const char *meta_text(struct state *state, const char *key, struct arena *arena); /* NULL: none, or it cannot be read */
/* For what guards stand on: `*out` NULL: there is none. Fails: STATE. */
bool meta_read(struct state *state, const char *key, struct arena *arena, const char **out, struct error *err);
/* A record that others stand on; true and `*out_found` false: there is none. Fails: STATE. */
bool record_find(struct state *state, enum state_table table, const char *key, const struct field_table *fields,
                 struct arena *arena, void *out, bool *out_found, struct error *err);
void meta_put(struct state_batch *batch, const char *key, const char *text);
/* Where a need is remembered: by the account at the vendor (two Issuers may be one), product and names. */
char *need_key(struct arena *arena, const char *endpoint, const char *partner_code, const char *product,
               const struct string_list *names);
