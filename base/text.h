/* Text: spans, lists of strings, a growing buffer with a ceiling, and the small conversions every layer
 * needs. Nothing here knows what the text means. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct span {
    const char *data;
    size_t length;
};
static inline struct span span_of(const char *data, size_t length) { return (struct span){data, length}; }

struct string_list {
    const char **items;
    size_t count;
};
void string_list_push(struct arena *arena, struct string_list *list, const char *text); /* keeps the pointer */
bool string_list_contains(const struct string_list *list, const char *text);
bool string_list_equal(const struct string_list *a, const struct string_list *b); /* same strings, same order */
/* A copy of the pointers in strcmp order, without duplicates. */
struct string_list string_list_sorted(struct arena *arena, const struct string_list *list);
bool string_list_sorted_contains(const struct string_list *sorted, const char *text); /* by halves */
bool string_list_same_set(const struct string_list *a, const struct string_list *b); /* order and repeats ignored */
char *string_list_join(struct arena *arena, const struct string_list *list, const char *separator);

/* A growing buffer. Past `limit` bytes it stops growing and `overflow` is set; its text is always
 * NUL-terminated. */
struct buffer {
    char *data; /* never NULL after the first append; use buffer_text() */
    size_t length, capacity;
    size_t limit; /* 0: 64 MiB */
    bool overflow;
};
void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_puts(struct buffer *buffer, const char *text);
void buffer_putc(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *buffer, const char *format, va_list args);
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_release(struct buffer *buffer); /* frees; the buffer may be used again */
void buffer_wipe(struct buffer *buffer); /* overwrites, then frees */
const char *buffer_text(const struct buffer *buffer); /* "" when empty */

bool text_equal(const char *a, const char *b); /* two NULLs are equal */
bool text_empty(const char *text);              /* NULL or "" */
bool text_has_prefix(const char *text, const char *prefix);
bool text_has_suffix(const char *text, const char *suffix);
char *text_lower(struct arena *arena, const char *text); /* ASCII only */
struct string_list text_split(struct arena *arena, const char *text, char separator); /* empty parts kept */
char *text_trim(struct arena *arena, const char *text);

char *text_hex(struct arena *arena, const void *data, size_t length); /* lower case */
/* Gives false on an odd length or a foreign character. `out` holds strlen/2 bytes. */
bool text_unhex(const char *hex, void *out, size_t out_size);
char *text_base64(struct arena *arena, const void *data, size_t length);
/* Strict RFC 4648 section 4, white space allowed between characters. */
bool text_unbase64(struct arena *arena, const char *text, size_t length, unsigned char **out, size_t *out_length);
char *text_base32_lower(struct arena *arena, const void *data, size_t length); /* RFC 4648 section 6, no padding */

/* Foreign text made fit to show: control characters, bidirectional marks and invalid UTF-8 become
 * U+FFFD, at most `max` bytes (0: 512). */
char *text_clean(struct arena *arena, const char *text, size_t length, size_t max);
/* Whether the bytes are UTF-8 without NUL, C0 but tab/LF/CR, C1, bidirectional controls, non-characters.
 * `out_bad` (may be NULL) gets the offset of the first bad byte. */
bool text_is_plain_utf8(const char *text, size_t length, size_t *out_bad);
bool text_is_utf8(const char *text, size_t length, size_t *out_bad); /* RFC 3629, whatever the characters */

/* The candidate nearest to `word` if it is near enough to be meant, else NULL ("did you mean"). */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* "90s", "10m", "1h30m", "720h", "30d", "200ms": gives milliseconds. */
bool text_parse_duration_ms(const char *text, int64_t *out_ms);
/* The shortest such spelling: 2592000 -> "30d". */
char *text_duration(struct arena *arena, int64_t seconds);
/* For people: "3 days", "4 min", "12 s". */
char *text_duration_words(struct arena *arena, int64_t seconds);

/* A glob of DNS names: "*.example.com" matches one label in front (and only that); else equality. */
bool text_name_matches(const char *pattern, const char *name);
/* Whether `name` equals `zone` or lies below it (both lower case, no trailing dot). */
bool text_name_within(const char *name, const char *zone);
