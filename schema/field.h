/* The field table: one const table per kind (and per stored record) that decodes, checks, fills defaults, compares,
 * digests, encodes, explains and prints the JSON Schema. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct buffer;
struct error;
struct json_writer;
struct problem_list;
struct yaml_node;

enum field_type {
    FIELD_STRING,      /* const char * */
    FIELD_BOOL,        /* bool */
    FIELD_INT,         /* int */
    FIELD_INT64,       /* int64_t */
    FIELD_DURATION_S,  /* int64_t seconds, written "30d" */
    FIELD_DURATION_MS, /* int64_t milliseconds, written "200ms" */
    FIELD_TERM,        /* int months, written "12mo" or "1y" */
    FIELD_MODE,        /* int, written "0640" (a string: YAML has no octal) */
    FIELD_ENUM,        /* int; words from `words` */
    FIELD_STRING_LIST, /* struct string_list */
    FIELD_LABELS,      /* struct label_list: a map of strings */
    FIELD_REFERENCE,   /* struct reference: {name} */
    FIELD_REFERENCES,  /* struct reference_list: [{name}] */
    FIELD_SECRET,      /* struct secret_ref: {name, key} */
    FIELD_OBJECT,      /* members of `table` at this offset inside the same struct */
    FIELD_OBJECTS,     /* list: pointer to array at offset, size_t count at count_offset */
    FIELD_PAIRS,       /* a map of strings into struct name_pair array, count at count_offset */
};

struct field_table;

struct field {
    const char *name;
    enum field_type type;
    size_t offset, count_offset;
    const char *doc;      /* one or two sentences; `explain`, the schema and the docs show it */
    const char *fallback; /* default, spelled as in a manifest; NULL: none */
    const char *example;
    bool required;
    bool set;             /* list whose order and repeats carry no meaning */
    bool secret_text;     /* never shown */
    int64_t min, max;     /* numbers, durations, list lengths, string lengths; both 0: none */
    const char *pattern;  /* POSIX extended regular expression, also valid in JSON Schema; NULL: none */
    const char *const *words; /* enum words, NULL ends; index is the value */
    const struct field_table *table; /* of objects */
    int refers_to;        /* enum resource_kind of references */
    /* Turn a given string into its canonical form (names); NULL result: refused with `*out_reason`. */
    const char *(*canonical)(struct arena *arena, const char *text, const char **out_reason);
};
struct field_table {
    const char *name; /* "Certificate", "order" */
    const char *doc;
    size_t size;      /* of the struct */
    const struct field *fields;
    size_t count;
    /* Exactly one of these fields must be given (unions by member); NULL: no such rule. NULL ends. */
    const char *const *one_of;
    bool one_of_optional; /* at most one, then */
};

/* Decode a mapping into `out` (table->size bytes, zeroed first, defaults filled in). Every problem is appended with
 * its place; false when there was an error. Strings live in `arena`. */
bool field_decode(const struct field_table *table, const struct yaml_node *node, const char *path, struct arena *arena,
                  void *out, struct problem_list *problems);
/* Write the struct as a JSON object, canonical: fields in table order, sets sorted, absent ones left out; defaults are
 * written. Secret text is never written unless `for_store`. */
void field_encode(const struct field_table *table, const void *in, bool for_store, struct json_writer *w);
/* Read back what field_encode wrote (records). Unknown members are ignored: a newer program wrote them. Fails: STATE. */
bool field_decode_json(const struct field_table *table, const char *text, size_t length, struct arena *arena, void *out,
                       struct error *err);
/* SHA-256 of the canonical form. */
void field_digest(const struct field_table *table, const void *in, unsigned char out[32]);
/* Calls `changed` with the path of every leaf field that differs. */
typedef void field_changed(const char *path, const char *was, const char *is, void *arg);
void field_compare(const struct field_table *table, const void *was, const void *is, struct arena *arena,
                   field_changed *changed, void *arg);
/* Find "spec.order.term" below a table; NULL: none, and `out_parent` is the last table found. */
const struct field *field_find(const struct field_table *table, const char *path, const struct field_table **out_parent);
