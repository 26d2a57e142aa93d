/* JSON: reading over cJSON with the limits and the strictness it lacks, and a writer into a buffer.
 *
 * Reading: depth at most 32, no repeated members, no NUL in a string, valid UTF-8, nothing after the value.
 * Numbers that are identifiers are given as text, because cJSON keeps doubles. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;
struct error;
struct json; /* a value inside a document */

/* Parse; the document is freed with json_destroy. Fails: MALFORMED, naming the byte. */
struct json *json_parse(const char *text, size_t length, struct error *err);
void json_destroy(struct json *document);
static inline void json_release(struct json **document) { json_destroy(*document); }

/* All of these take NULL for "no such value" and pass it on, so that paths can be chained. */
const struct json *json_member(const struct json *object, const char *name);        /* exact case */
const struct json *json_member_nocase(const struct json *object, const char *name); /* for vendors who vary it */
const struct json *json_first(const struct json *array_or_object);
const struct json *json_next(const struct json *value);
const char *json_name(const struct json *member);
size_t json_count(const struct json *array);
bool json_is_null(const struct json *value); /* absent counts as null */
bool json_is_string(const struct json *value);
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_number(const struct json *value);
bool json_is_bool(const struct json *value);
const char *json_string(const struct json *value); /* NULL unless a string */
bool json_bool(const struct json *value, bool *out); /* true/false, also "true"/"False" as text */
bool json_int(const struct json *value, int64_t *out); /* whole, within 2^53; also digits as text */
bool json_double(const struct json *value, double *out);
/* A string, or a whole number printed as digits; NULL otherwise. */
const char *json_text(struct arena *arena, const struct json *value);

/* Writing. A writer keeps commas and nesting right; strings are escaped. `indent` 0: one line. */
struct json_writer {
    struct buffer *out;
    int indent;
    int depth;
    bool comma[40];
    bool after_key;
};
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *name);
void json_put_string(struct json_writer *w, const char *text); /* NULL: null */
void json_put_stringn(struct json_writer *w, const char *text, size_t length);
void json_put_int(struct json_writer *w, int64_t number);
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, const char *json); /* already JSON */
/* Key and value in one call. */
void json_string_member(struct json_writer *w, const char *name, const char *text);
void json_int_member(struct json_writer *w, const char *name, int64_t number);
void json_bool_member(struct json_writer *w, const char *name, bool value);
