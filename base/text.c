#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/fatal.h"

/* ---- lists ---- */

void string_list_push(struct arena *arena, struct string_list *list, const char *text)
{
    *arena_push(arena, &list->items, list->count) = text;
}

bool string_list_contains(const struct string_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

bool string_list_equal(const struct string_list *a, const struct string_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static int compare_texts(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

struct string_list string_list_sorted(struct arena *arena, const struct string_list *list)
{
    struct string_list sorted = {0};
    if (list->count == 0)
        return sorted;
    sorted.items = arena_memdup(arena, list->items, list->count * sizeof *list->items);
    qsort(sorted.items, list->count, sizeof *sorted.items, compare_texts);
    for (size_t i = 0; i < list->count; i++)
        if (sorted.count == 0 || strcmp(sorted.items[sorted.count - 1], sorted.items[i]) != 0)
            sorted.items[sorted.count++] = sorted.items[i];
    return sorted;
}

bool string_list_sorted_contains(const struct string_list *sorted, const char *text)
{
    return sorted->count > 0 && bsearch(&text, sorted->items, sorted->count, sizeof *sorted->items, compare_texts) != NULL;
}

bool string_list_same_set(const struct string_list *a, const struct string_list *b)
{
    struct arena *arena = arena_create();
    struct string_list one = string_list_sorted(arena, a), two = string_list_sorted(arena, b);
    bool same = string_list_equal(&one, &two);
    arena_destroy(arena);
    return same;
}

char *string_list_join(struct arena *arena, const struct string_list *list, const char *separator)
{
    struct buffer joined = {0};
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            buffer_puts(&joined, separator);
        buffer_puts(&joined, list->items[i]);
    }
    char *text = arena_strdup(arena, buffer_text(&joined));
    buffer_release(&joined);
    return text;
}

/* ---- buffer ---- */

void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    size_t limit = buffer->limit > 0 ? buffer->limit : (size_t)64 << 20;
    if (buffer->overflow || length > limit - buffer->length) {
        buffer->overflow = true;
        return;
    }
    if (buffer->data == NULL || length >= buffer->capacity - buffer->length) { /* room for a NUL besides */
        size_t capacity = buffer->capacity > 0 ? buffer->capacity : 256;
        while (capacity < buffer->length + length + 1)
            capacity *= 2;
        char *grown = realloc(buffer->data, capacity);
        if (grown == NULL)
            fatal_memory();
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    if (length > 0)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_puts(struct buffer *buffer, const char *text) { buffer_append(buffer, text, strlen(text)); }
void buffer_putc(struct buffer *buffer, char c) { buffer_append(buffer, &c, 1); }

void buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
{
    char small[512];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    if (length > 0 && (size_t)length < sizeof small) {
        buffer_append(buffer, small, (size_t)length);
    } else if (length > 0) {
        char *large = malloc((size_t)length + 1);
        if (large == NULL)
            fatal_memory();
        vsnprintf(large, (size_t)length + 1, format, again);
        buffer_append(buffer, large, (size_t)length);
        free(large);
    }
    va_end(again);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buffer_vprintf(buffer, format, args);
    va_end(args);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->overflow = false;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void buffer_wipe(struct buffer *buffer)
{
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->capacity);
    buffer_release(buffer);
}

const char *buffer_text(const struct buffer *buffer) { return buffer->data != NULL ? buffer->data : ""; }

/* ---- comparing and cutting ---- */

bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}
bool text_empty(const char *text) { return text == NULL || text[0] == '\0'; }
bool text_has_prefix(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }
bool text_has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

char *text_lower(struct arena *arena, const char *text)
{
    char *lower = arena_strdup(arena, text);
    for (char *c = lower; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    return lower;
}

struct string_list text_split(struct arena *arena, const char *text, char separator)
{
    struct string_list parts = {0};
    for (;;) {
        const char *end = strchr(text, separator);
        string_list_push(arena, &parts, arena_strndup(arena, text, end != NULL ? (size_t)(end - text) : strlen(text)));
        if (end == NULL)
            return parts;
        text = end + 1;
    }
}

char *text_trim(struct arena *arena, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    return arena_strndup(arena, text, length);
}

/* ---- encodings ---- */

char *text_hex(struct arena *arena, const void *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    char *hex = arena_alloc(arena, length * 2 + 1);
    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    return hex;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_unhex(const char *hex, void *out, size_t out_size)
{
    size_t length = strlen(hex);
    if (length % 2 != 0 || length / 2 > out_size)
        return false;
    unsigned char *bytes = out;
    for (size_t i = 0; i < length / 2; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *text_base64(struct arena *arena, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    char *text = arena_alloc(arena, (length + 2) / 3 * 4 + 1), *at = text;
    for (size_t i = 0; i < length; i += 3) {
        unsigned group = (unsigned)bytes[i] << 16;
        if (i + 1 < length)
            group |= (unsigned)bytes[i + 1] << 8;
        if (i + 2 < length)
            group |= bytes[i + 2];
        *at++ = base64_alphabet[group >> 18];
        *at++ = base64_alphabet[group >> 12 & 63];
        *at++ = i + 1 < length ? base64_alphabet[group >> 6 & 63] : '=';
        *at++ = i + 2 < length ? base64_alphabet[group & 63] : '=';
    }
    return text;
}

bool text_unbase64(struct arena *arena, const char *text, size_t length, unsigned char **out, size_t *out_length)
{
    unsigned char *bytes = arena_alloc(arena, length / 4 * 3 + 3);
    size_t count = 0;
    unsigned group = 0;
    int digits = 0, padding = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        const char *digit = c != '\0' ? strchr(base64_alphabet, c) : NULL;
        if (digit == NULL || padding > 0)
            return false;
        group = group << 6 | (unsigned)(digit - base64_alphabet);
        if (++digits == 4) {
            bytes[count++] = (unsigned char)(group >> 16);
            bytes[count++] = (unsigned char)(group >> 8);
            bytes[count++] = (unsigned char)group;
            group = 0;
            digits = 0;
        }
    }
    if (digits == 1 || (digits + padding) % 4 != 0 || padding > 2)
        return false;
    if (digits == 2 && (group & 15) == 0)
        bytes[count++] = (unsigned char)(group >> 4);
    else if (digits == 3 && (group & 3) == 0) {
        bytes[count++] = (unsigned char)(group >> 10);
        bytes[count++] = (unsigned char)(group >> 2);
    } else if (digits != 0)
        return false; /* bits left over */
    *out = bytes;
    *out_length = count;
    return true;
}

char *text_base32_lower(struct arena *arena, const void *data, size_t length)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    const unsigned char *bytes = data;
    char *text = arena_alloc(arena, (length * 8 + 4) / 5 + 1), *at = text;
    unsigned group = 0;
    int bits = 0;
    for (size_t i = 0; i < length; i++) {
        group = group << 8 | bytes[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *at++ = alphabet[group >> (bits - 5) & 31];
    }
    if (bits > 0)
        *at++ = alphabet[group << (5 - bits) & 31];
    return text;
}

/* ---- foreign text ---- */

/* Length of the UTF-8 sequence at `text`, 0 if it is none (overlong forms and surrogates refused); RFC 3629. */
static size_t utf8_sequence(const unsigned char *text, size_t length, unsigned *out_code)
{
    unsigned char c = text[0];
    if (c < 0x80) {
        *out_code = c;
        return 1;
    }
    size_t size = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 0;
    if (size == 0 || c > 0xF4 || size > length)
        return 0;
    unsigned code = c & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    if ((size == 3 && code < 0x800) || (size == 4 && (code < 0x10000 || code > 0x10FFFF)) ||
        (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *out_code = code;
    return size;
}

static bool is_bidirectional(unsigned code)
{
    return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

static bool is_non_character(unsigned code)
{
    return (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
}

char *text_clean(struct arena *arena, const char *text, size_t length, size_t max)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    if (text == NULL)
        return NULL;
    if (max == 0)
        max = 512;
    struct buffer clean = {0};
    for (size_t i = 0; i < length;) {
        unsigned code = 0;
        size_t size = utf8_sequence((const unsigned char *)text + i, length - i, &code);
        bool good = size > 0 && code >= 0x20 && !(code >= 0x7F && code <= 0x9F) && !is_bidirectional(code) &&
                    !is_non_character(code) && code != 0x2028 && code != 0x2029;
        if (code == '\n' || code == '\t' || code == '\r')
            buffer_putc(&clean, ' ');
        else if (clean.length + (good ? size : 3) > max)
            break;
        else if (good)
            buffer_append(&clean, text + i, size);
        else
            buffer_append(&clean, replacement, 3);
        i += size > 0 ? size : 1;
    }
    char *shown = arena_strndup(arena, buffer_text(&clean), clean.length > max ? max : clean.length);
    buffer_release(&clean);
    return shown;
}

/* Eight bytes of which each is a printable ASCII character: none has the high bit, none is below a space, none is DEL. */
static bool eight_printable(const char *text)
{
    const uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return ((word | (word - ones * 0x20) | (word + ones)) & high) == 0;
}

bool text_is_plain_utf8(const char *text, size_t length, size_t *out_bad)
{
    for (size_t i = 0; i < length;) {
        if (length - i >= 8 && eight_printable(text + i)) {
            i += 8;
            continue;
        }
        if ((unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7F) {
            i++;
            continue;
        }
        unsigned code = 0;
        size_t size = utf8_sequence((const unsigned char *)text + i, length - i, &code);
        if (size == 0 || (code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
            (code >= 0x7F && code <= 0x9F) || is_bidirectional(code) || is_non_character(code)) {
            if (out_bad != NULL)
                *out_bad = i;
            return false;
        }
        i += size;
    }
    return true;
}

bool text_is_utf8(const char *text, size_t length, size_t *out_bad)
{
    for (size_t i = 0; i < length;) {
        unsigned code = 0;
        size_t size = utf8_sequence((const unsigned char *)text + i, length - i, &code);
        if (size == 0) {
            if (out_bad != NULL)
                *out_bad = i;
            return false;
        }
        i += size;
    }
    return true;
}

/* ---- did you mean ---- */

static unsigned edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > 63 || m > 63)
        return 99;
    unsigned char row[3][65];
    for (size_t j = 0; j <= m; j++)
        row[1][j] = (unsigned char)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned char *before = row[(i + 2) % 3], *last = row[i % 3], *now = row[(i + 1) % 3];
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= m; j++) {
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            unsigned best = last[j - 1] + (same ? 0u : 1u);
            if (last[j] + 1u < best)
                best = last[j] + 1u;
            if (now[j - 1] + 1u < best)
                best = now[j - 1] + 1u;
            if (i > 1 && j > 1 && tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 2]) &&
                tolower((unsigned char)a[i - 2]) == tolower((unsigned char)b[j - 1]) && before[j - 2] + 1u < best)
                best = before[j - 2] + 1u; /* two neighbours exchanged */
            now[j] = (unsigned char)best;
        }
    }
    return row[(n + 1) % 3][m];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)strlen(word) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i] == NULL)
            continue;
        unsigned distance = edit_distance(word, candidates[i]);
        if (distance <= best && (nearest == NULL || distance < best)) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

/* ---- durations ---- */

bool text_parse_duration_ms(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t total = 0;
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        if (!isdigit((unsigned char)*text))
            return false;
        int64_t number = 0;
        for (; isdigit((unsigned char)*text); text++)
            if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *text - '0', &number))
                return false;
        size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz"), i = 0;
        while (i < COUNT_OF(units) && (strlen(units[i].unit) != letters || strncmp(units[i].unit, text, letters) != 0))
            i++;
        int64_t part;
        if (i == COUNT_OF(units) || __builtin_mul_overflow(number, units[i].ms, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        text += letters;
    }
    *out_ms = total;
    return true;
}

char *text_duration(struct arena *arena, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (seconds != 0 && seconds % units[i].seconds == 0)
            return arena_printf(arena, "%lld%c", (long long)(seconds / units[i].seconds), units[i].unit);
    return arena_printf(arena, "%llds", (long long)seconds);
}

char *text_duration_words(struct arena *arena, int64_t seconds)
{
    if (seconds < 0)
        seconds = -seconds;
    if (seconds < 120)
        return arena_printf(arena, "%lld s", (long long)seconds);
    if (seconds < 7200)
        return arena_printf(arena, "%lld min", (long long)(seconds / 60));
    if (seconds < 2 * 86400)
        return arena_printf(arena, "%lld h", (long long)(seconds / 3600));
    return arena_printf(arena, "%lld days", (long long)(seconds / 86400));
}

/* ---- names ---- */

bool text_name_matches(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, name) == 0;
    if (strncmp(name, "*.", 2) == 0)
        return strcasecmp(pattern, name) == 0;
    const char *dot = strchr(name, '.');
    return dot != NULL && dot != name && strcasecmp(pattern + 1, dot) == 0;
}

bool text_name_within(const char *name, const char *zone)
{
    size_t length = strlen(name), tail = strlen(zone);
    if (length < tail || strcasecmp(name + length - tail, zone) != 0)
        return false;
    return length == tail || name[length - tail - 1] == '.';
}
