/* What field.c, field_value.c, field_encode.c and manifest.c share; nobody else includes it. */
#pragma once

#include "schema/field.h"

struct arena;
struct field_frame;
struct json;
struct problem_list;
struct yaml_node;

struct decoder {
    struct arena *arena;
    struct problem_list *problems;
    bool stored; /* a record of ours: unknown members are skipped, values are not judged, strings become "" */
};

extern const struct field_table field_reference_table, field_secret_table;

bool field_decode_object(const struct decoder *d, const struct field_table *table, const struct yaml_node *node,
                         const struct field_frame *frame, void *out);
const char *field_path(const struct field_frame *frame, struct arena *arena);
/* What was meant: the nearest word, else one that begins like it; NULL: none. */
const char *field_nearest(const char *word, const char *const *words, size_t count);
const char *field_show(const struct decoder *d, const char *text); /* short, and fit for a message */

/* Append an error that reads "<path> <what is said>"; always false. */
bool field_refuse(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                  const char *code, const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same, for what no JSON Schema can express. */
bool field_refuse_deeper(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                         const char *code, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* ---- field_value.c: single values ---- */

bool field_decode_string(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, const char **out);
/* Any scalar type, into the struct at `base`. */
bool field_decode_scalar(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, char *base);
void field_parse_default(struct arena *arena, const struct field *field, char *base);
void field_put_absent(const struct field *field, char *base, bool stored);
int64_t field_number(const struct field *field, const char *base); /* of any type that is a number in the struct */
bool field_matches(const char *pattern, const char *text);
/* Whether the value is the one of `fallback`. */
bool field_has_default(const struct field *field, const char *base);

/* ---- field_encode.c ---- */

/* The tree of a JSON value, as if it had been a manifest; members that are null are left out. All in the arena. */
const struct yaml_node *field_nodes_of(const struct json *value, struct arena *arena);

/* Whether a member of the struct says something: of a union only the choice (also an empty one), nothing beside what
 * excludes it, and no absent value. */
bool field_is_written(const struct field_table *table, const struct field *field, const char *base);
