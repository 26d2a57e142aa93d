#include "base/json.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/text.h"

enum { MAX_DEPTH = 32 };

static const cJSON *node(const struct json *value) { return (const cJSON *)value; }
static const struct json *json(const cJSON *value) { return (const struct json *)value; }

/* What cJSON lets through: depth, escapes of NUL, raw control characters inside strings. One pass over the bytes. */
static bool check_text(const char *text, size_t length, struct error *err)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!in_string) {
            if (c == '"')
                in_string = true;
            else if ((c == '{' || c == '[') && ++depth > MAX_DEPTH)
                return error_raise(err, ERROR_MALFORMED, "JSON is nested deeper than %d at byte %zu", MAX_DEPTH, i);
            else if (c == '}' || c == ']')
                depth--;
        } else if (c == '\\') {
            if (i + 5 < length && strncmp(text + i + 1, "u0000", 5) == 0)
                return error_raise(err, ERROR_MALFORMED, "a JSON string holds NUL at byte %zu", i);
            i++;
        } else if (c == '"') {
            in_string = false;
        } else if (c < 0x20) {
            return error_raise(err, ERROR_MALFORMED, "a JSON string holds a control character at byte %zu", i);
        }
    }
    return true;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool check_members(const cJSON *value, struct error *err)
{
    size_t count = 0;
    bool is_object = cJSON_IsObject(value);
    const cJSON *member;
    cJSON_ArrayForEach(member, value)
    {
        count++;
        if ((cJSON_IsObject(member) || cJSON_IsArray(member)) && !check_members(member, err))
            return false;
    }
    if (!is_object || count < 2)
        return true;
    const char **names = calloc(count, sizeof *names);
    if (names == NULL)
        fatal_memory();
    size_t i = 0;
    cJSON_ArrayForEach(member, value) names[i++] = member->string;
    qsort(names, count, sizeof *names, compare_names);
    const char *twice = NULL;
    for (i = 1; i < count && twice == NULL; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            twice = names[i];
    bool ok = twice == NULL || error_raise(err, ERROR_MALFORMED, "the JSON member \"%.60s\" is given twice", twice);
    free(names);
    return ok;
}

/* cJSON says the same of bytes that are no JSON and of memory that is gone; what is read must not depend on the latter. */
static void *allocate(size_t size)
{
    return fatal_unless(malloc(size));
}

static void set_allocator(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = allocate, .free_fn = free});
}

struct json *json_parse(const char *text, size_t length, struct error *err)
{
    size_t bad = 0;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (memchr(text, '\0', length) != NULL) {
        error_raise(err, ERROR_MALFORMED, "JSON holds a NUL byte");
        return NULL;
    }
    if (!text_is_utf8(text, length, &bad)) {
        error_raise(err, ERROR_MALFORMED, "JSON is not UTF-8 at byte %zu", bad);
        return NULL;
    }
    if (!check_text(text, length, err))
        return NULL;
    /* cJSON wants to see a terminator to tell trailing bytes. */
    char *copy = malloc(length + 1);
    if (copy == NULL)
        fatal_memory();
    memcpy(copy, text, length);
    copy[length] = '\0';
    const char *end = NULL;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_allocator);
    cJSON *document = cJSON_ParseWithLengthOpts(copy, length + 1, &end, 1);
    if (document == NULL)
        error_raise(err, ERROR_MALFORMED, "no valid JSON at byte %zu", end != NULL ? (size_t)(end - copy) : 0);
    free(copy);
    if (document != NULL && !check_members(document, err)) {
        cJSON_Delete(document);
        document = NULL;
    }
    return (struct json *)document;
}

void json_destroy(struct json *document) { cJSON_Delete((cJSON *)document); }

const struct json *json_member(const struct json *object, const char *name)
{
    return object != NULL ? json(cJSON_GetObjectItemCaseSensitive(node(object), name)) : NULL;
}

const struct json *json_member_nocase(const struct json *object, const char *name)
{
    const struct json *exact = json_member(object, name);
    return exact != NULL || object == NULL ? exact : json(cJSON_GetObjectItem(node(object), name));
}

const struct json *json_first(const struct json *value) { return value != NULL ? json(node(value)->child) : NULL; }
const struct json *json_next(const struct json *value) { return value != NULL ? json(node(value)->next) : NULL; }
const char *json_name(const struct json *member) { return member != NULL ? node(member)->string : NULL; }
size_t json_count(const struct json *array) { return array != NULL ? (size_t)cJSON_GetArraySize(node(array)) : 0; }
bool json_is_null(const struct json *value) { return value == NULL || cJSON_IsNull(node(value)); }
bool json_is_string(const struct json *value) { return value != NULL && cJSON_IsString(node(value)); }
bool json_is_object(const struct json *value) { return value != NULL && cJSON_IsObject(node(value)); }
bool json_is_array(const struct json *value) { return value != NULL && cJSON_IsArray(node(value)); }
bool json_is_number(const struct json *value) { return value != NULL && cJSON_IsNumber(node(value)); }
bool json_is_bool(const struct json *value) { return value != NULL && cJSON_IsBool(node(value)); }
const char *json_string(const struct json *value) { return json_is_string(value) ? node(value)->valuestring : NULL; }

bool json_bool(const struct json *value, bool *out)
{
    if (json_is_bool(value)) {
        *out = cJSON_IsTrue(node(value));
        return true;
    }
    const char *text = json_string(value);
    if (text == NULL || (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0))
        return false;
    *out = strcasecmp(text, "true") == 0;
    return true;
}

bool json_int(const struct json *value, int64_t *out)
{
    if (json_is_number(value)) {
        double number = node(value)->valuedouble;
        if (!(fabs(number) <= 9007199254740992.0) || number != floor(number))
            return false;
        *out = (int64_t)number;
        return true;
    }
    const char *text = json_string(value);
    if (text == NULL || *text == '\0')
        return false;
    size_t sign = *text == '-' ? 1 : 0, digits = strspn(text + sign, "0123456789");
    if (digits == 0 || digits > 18 || text[sign + digits] != '\0')
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

bool json_double(const struct json *value, double *out)
{
    if (!json_is_number(value))
        return false;
    *out = node(value)->valuedouble;
    return true;
}

const char *json_text(struct arena *arena, const struct json *value)
{
    int64_t number;
    if (json_is_string(value))
        return arena_strdup(arena, json_string(value));
    return json_is_number(value) && json_int(value, &number) ? arena_printf(arena, "%lld", (long long)number) : NULL;
}

/* ---- writing ---- */

static void before_value(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (w->comma[w->depth])
        buffer_putc(w->out, ',');
    w->comma[w->depth] = true;
    if (w->indent > 0)
        buffer_printf(w->out, "\n%*s", w->indent * w->depth, "");
}

static void open_with(struct json_writer *w, char c)
{
    before_value(w);
    buffer_putc(w->out, c);
    if (w->depth + 1 < (int)COUNT_OF(w->comma))
        w->depth++;
    w->comma[w->depth] = false;
}

static void close_with(struct json_writer *w, char c)
{
    bool any = w->comma[w->depth];
    w->depth--;
    if (any && w->indent > 0)
        buffer_printf(w->out, "\n%*s", w->indent * w->depth, "");
    buffer_putc(w->out, c);
}

void json_begin_object(struct json_writer *w) { open_with(w, '{'); }
void json_end_object(struct json_writer *w) { close_with(w, '}'); }
void json_begin_array(struct json_writer *w) { open_with(w, '['); }
void json_end_array(struct json_writer *w) { close_with(w, ']'); }

static void put_escaped(struct buffer *out, const char *text, size_t length)
{
    buffer_putc(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        buffer_append(out, text + from, i - from);
        from = i + 1;
        switch (c) {
        case '"': buffer_puts(out, "\\\""); break;
        case '\\': buffer_puts(out, "\\\\"); break;
        case '\n': buffer_puts(out, "\\n"); break;
        case '\r': buffer_puts(out, "\\r"); break;
        case '\t': buffer_puts(out, "\\t"); break;
        default: buffer_printf(out, "\\u%04x", c);
        }
    }
    buffer_append(out, text + from, length - from);
    buffer_putc(out, '"');
}

void json_key(struct json_writer *w, const char *name)
{
    before_value(w);
    put_escaped(w->out, name, strlen(name));
    buffer_puts(w->out, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

void json_put_stringn(struct json_writer *w, const char *text, size_t length)
{
    before_value(w);
    put_escaped(w->out, text, length);
}

void json_put_string(struct json_writer *w, const char *text)
{
    if (text == NULL)
        json_put_null(w);
    else
        json_put_stringn(w, text, strlen(text));
}

void json_put_raw(struct json_writer *w, const char *raw)
{
    before_value(w);
    buffer_puts(w->out, raw);
}
void json_put_null(struct json_writer *w) { json_put_raw(w, "null"); }
void json_put_bool(struct json_writer *w, bool value) { json_put_raw(w, value ? "true" : "false"); }
void json_put_int(struct json_writer *w, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)number);
    json_put_raw(w, digits);
}

void json_string_member(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_put_string(w, text);
}
void json_int_member(struct json_writer *w, const char *name, int64_t number)
{
    json_key(w, name);
    json_put_int(w, number);
}
void json_bool_member(struct json_writer *w, const char *name, bool value)
{
    json_key(w, name);
    json_put_bool(w, value);
}
