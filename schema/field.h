/* The field table: one const table per kind (and per stored record) that decodes, checks, fills defaults, compares,
 * digests, encodes, explains and prints the JSON Schema. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "schema/problem.h"

struct arena;
struct buffer;
struct json_writer;
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
    FIELD_MONEY,       /* int64_t hundredths at offset, const char * currency at count_offset; written "4000 USD" */
    FIELD_ENUM,        /* int; words from `words` */
    FIELD_FIXED,       /* must read exactly as `fallback`; nothing is stored ("apiVersion") */
    FIELD_STRING_LIST, /* struct string_list */
    FIELD_LABELS,      /* struct label_list: a map of strings */
    FIELD_REFERENCE,   /* struct reference: {name} */
    FIELD_REFERENCES,  /* struct reference_list: [{name}] */
    FIELD_SECRET,      /* struct secret_ref: {name, key} */
    FIELD_OBJECT,      /* members of `table` at this offset inside the same struct */
    FIELD_OBJECTS,     /* list: pointer to array at offset, size_t count at count_offset */
    FIELD_OBJECT_MAP,  /* a map of name to object: as FIELD_OBJECTS; the key goes to the const char * at key_offset
                          of each item, in key order */
    FIELD_PAIRS,       /* a map of strings: array of struct { const char *name, *value; }, count at count_offset */
    FIELD_TYPE_COUNT
};

struct field_table;

struct field {
    const char *name;
    enum field_type type;
    size_t offset, count_offset, key_offset;
    const char *doc;      /* one or two sentences; `explain`, the schema and the docs show it */
    const char *fallback; /* default, spelled as in a manifest; NULL: none */
    const char *example;  /* spelled as in a manifest; of a list or map: of one item or value */
    bool required;
    bool set;             /* list whose order and repeats carry no meaning */
    bool secret_text;     /* never shown */
    bool lines;           /* a string that may hold line breaks */
    int64_t absent;       /* numbers and enums: what stands in the struct when nothing was given (0 unless set) */
    int64_t min, max;     /* numbers, durations, list lengths, string lengths; both 0: none */
    const char *pattern;  /* POSIX extended regular expression, also valid in JSON Schema; NULL: none. Of maps: of keys */
    const char *const *words; /* enum words, NULL ends; index is the value; "" is never read nor written (unset) */
    const char *const *not_with; /* siblings that may not be given beside it (and with which it is not encoded); NULL
                                    ends */
    const struct field_table *table; /* of objects */
    int refers_to;        /* enum resource_kind of references */
    /* Turn a given string (or each of a list, or each key of a map) into its canonical form; NULL result: refused
     * with `*out_reason`, a sentence. */
    const char *(*canonical)(struct arena *arena, const char *text, const char **out_reason);
};

/* Where a decoded object stood, for checks that need more than one field. */
struct field_scope {
    const struct yaml_node *node; /* the mapping; NULL: it was absent, and the defaults were filled in */
    struct arena *arena;
    struct problem_list *problems;
    const struct field_frame *frame; /* of field.c */
    bool failed; /* a member had an error */
};
struct field_table {
    const char *name; /* "Certificate", "order" */
    const char *doc;
    size_t size;      /* of the struct; 0 for the table of a FIELD_OBJECT */
    const struct field *fields;
    size_t count;
    /* Exactly one of these fields must be given (unions by member); NULL: no such rule. NULL ends. */
    const char *const *one_of;
    bool one_of_optional; /* at most one, then */
    size_t one_of_at; /* ONE_OF_AT(): an int (or enum) that gets the index in one_of of the member given */
    const char *const *any_of; /* at least one of these must be given; NULL ends */
    /* Runs after the fields, also with errors among them: checks across fields, defaults that depend on others. */
    void (*finish)(void *out, const struct field_scope *scope);
};

/* What makes tables readable: { .name = "term", .type = FIELD_TERM, AT(certificate, order.term_months), … }.
 * An object without a struct tag of its own has offset 0 and a table whose members are AT the outer struct. */
#define AT(struct_type, member) .offset = offsetof(struct struct_type, member)
#define AT_LIST(struct_type, member, counter) \
    .offset = offsetof(struct struct_type, member), .count_offset = offsetof(struct struct_type, counter)
#define KEY_AT(struct_type, member) .key_offset = offsetof(struct struct_type, member)
#define ONE_OF_AT(struct_type, member) .one_of_at = offsetof(struct struct_type, member) + 1
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOT_WITH(...) .not_with = WORDS(__VA_ARGS__)
/* Names of resources, and of secrets, keys and other things that become names of files: for .pattern. */
extern const char field_name_pattern[], field_key_pattern[];
/* Keys of labels; codes of letters, digits, hyphens and underscores. */
extern const char field_label_pattern[], field_word_pattern[];
#define FIELDS(array) .fields = (array), .count = COUNT_OF(array)

/* Decode a mapping into `out` (table->size bytes, zeroed first, defaults filled in). Every problem is appended with
 * its place; false when there was an error. Strings live in `arena`. */
bool field_decode(const struct field_table *table, const struct yaml_node *node, const char *path, struct arena *arena,
                  void *out, struct problem_list *problems);
/* For `finish`: a problem with member `name` of the object (NULL: the object itself; also "dnsNames[2]" is fine as
 * a name: the place is that of the item). */
struct problem *field_problem(const struct field_scope *scope, const char *name, enum severity severity,
                              const char *code, const char *format, ...) __attribute__((format(printf, 5, 6)));
bool field_given(const struct field_scope *scope, const char *name); /* the manifest gives this member */
/* Put `hint` to a problem ("did you mean …"); NULL problem or no near word: nothing. */
void field_hint_nearest(struct problem *problem, struct arena *arena, const char *word, const char *const *candidates,
                        size_t count);

/* Write the struct as a JSON object: fields in table order, lists in their order, maps by key, absent ones left out;
 * defaults are written. Secret text is never written unless `for_store`. */
void field_encode(const struct field_table *table, const void *in, bool for_store, struct json_writer *w);
/* Read back what field_encode wrote (records). Unknown members are ignored: a newer program wrote them. Strings that
 * are absent become "". Fails: STATE. */
bool field_decode_json(const struct field_table *table, const char *text, size_t length, struct arena *arena, void *out,
                       struct error *err);
/* Append the canonical form: bytes for a digest (field_digest.c). What has its default is left out, so that a field
 * added later changes no digest; sets are sorted and without repeats. */
void field_canonical(const struct field_table *table, const void *in, struct buffer *out);
/* SHA-256 of the canonical form. */
void field_digest(const struct field_table *table, const void *in, unsigned char out[32]);
/* Calls `changed` with the path of every leaf field that differs; `was` and `is` are texts for people ("" for absent). */
typedef void field_changed(const char *path, const char *was, const char *is, void *arg);
void field_compare(const struct field_table *table, const void *was, const void *is, struct arena *arena,
                   field_changed *changed, void *arg);
/* Find "spec.order.term" below a table; NULL: none, and `out_parent` is the last table found. Indices and map keys
 * in the path ("overrides[2]") are skipped. */
const struct field *field_find(const struct field_table *table, const char *path, const struct field_table **out_parent);
/* "string", "[]{name}", "duration", …: the type in words. */
const char *field_type_word(enum field_type type);
