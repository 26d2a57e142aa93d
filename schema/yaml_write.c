/* JSON as YAML, in block style. Whatever a reader of YAML 1.1 or 1.2 might take for something else than text is quoted. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "schema/manifest.h"

/* "12mo", "30d", "200ms": digits with a unit are text to every reader. */
static bool is_quantity(const char *text)
{
    static const char *const units[] = {"ms", "s", "m", "h", "d", "mo", "y"};
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; digits > 0 && i < COUNT_OF(units); i++)
        if (strcmp(text + digits, units[i]) == 0)
            return true;
    return false;
}

/* Letters first, then letters, digits and signs that mean nothing in YAML; no word that YAML 1.1 reads as a value. */
static bool is_clearly_plain(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    static const char signs[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-";
    size_t length = strlen(text);
    if (is_quantity(text))
        return true;
    if (length == 0 || length > 100 || !((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z')))
        return false;
    for (size_t i = 0; i < length; i++)
        if (strchr(signs, text[i]) == NULL && !(text[i] == ' ' && i + 1 < length && text[i + 1] != ' '))
            return false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    return true;
}

static void put_quoted(struct buffer *out, const char *text)
{
    buffer_putc(out, '"');
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buffer_printf(out, "\\%c", *c);
        else if (*c == '\n')
            buffer_puts(out, "\\n");
        else if (*c == '\t')
            buffer_puts(out, "\\t");
        else if (*c < 0x20 || *c == 0x7F)
            buffer_printf(out, "\\x%02x", *c);
        else if (*c == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F)
            buffer_printf(out, "\\x%02x", *++c);
        else if (*c == 0xE2 && c[1] == 0x80 && (c[2] == 0xA8 || c[2] == 0xA9)) /* line breaks to YAML 1.1 */
            buffer_printf(out, "\\u20%02x", c[2] - 0x80), c += 2;
        else if (*c == 0xEF && c[1] == 0xBB && c[2] == 0xBF)
            buffer_puts(out, "\\ufeff"), c += 2;
        else
            buffer_putc(out, (char)*c);
    }
    buffer_putc(out, '"');
}

/* PEM and the like: lines of clean characters, none of them empty, the last one ended or not. */
static bool is_block(const char *text)
{
    static const char clean[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-:,. ";
    bool begin = true, broken = false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            if (begin || c[-1] == ' ')
                return false;
            begin = broken = true;
            continue;
        }
        if (strchr(clean, *c) == NULL || (begin && *c == ' '))
            return false;
        begin = false;
    }
    return broken;
}

static void put_string(struct buffer *out, const char *text, int depth)
{
    if (is_clearly_plain(text)) {
        buffer_puts(out, text);
        return;
    }
    if (!is_block(text)) {
        put_quoted(out, text);
        return;
    }
    buffer_puts(out, text_has_suffix(text, "\n") ? "|" : "|-");
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        buffer_printf(out, "\n%*s%.*s", 2 * depth, "", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void put_value(struct buffer *out, const struct json *value, int depth, struct arena *arena);

static void put_members(struct buffer *out, const struct json *value, int depth, bool first_inline, struct arena *arena)
{
    bool list = json_is_array(value);
    for (const struct json *member = json_first(value); member != NULL; member = json_next(member)) {
        if (!first_inline)
            buffer_printf(out, "%*s", 2 * depth, "");
        first_inline = false;
        if (list) {
            buffer_putc(out, '-');
        } else {
            put_string(out, json_name(member), depth);
            buffer_putc(out, ':');
        }
        bool nested = (json_is_object(member) || json_is_array(member)) && json_first(member) != NULL;
        if (list && nested && json_is_object(member)) {
            buffer_putc(out, ' ');
            put_members(out, member, depth + 1, true, arena);
            continue;
        }
        buffer_putc(out, nested ? '\n' : ' ');
        put_value(out, member, depth + 1, arena);
        if (!nested)
            buffer_putc(out, '\n');
    }
}

static void put_value(struct buffer *out, const struct json *value, int depth, struct arena *arena)
{
    bool truth = false;
    if (json_is_object(value) || json_is_array(value)) {
        if (json_first(value) == NULL)
            buffer_puts(out, json_is_object(value) ? "{}" : "[]");
        else
            put_members(out, value, depth, false, arena);
    } else if (json_is_string(value)) {
        put_string(out, json_string(value), depth);
    } else if (json_is_bool(value)) {
        buffer_puts(out, json_bool(value, &truth) && truth ? "true" : "false");
    } else if (json_is_number(value) && json_text(arena, value) != NULL) {
        buffer_puts(out, json_text(arena, value));
    } else {
        double number = 0;
        if (json_double(value, &number))
            buffer_printf(out, "%.15g", number);
        else
            buffer_puts(out, "null");
    }
}

bool yaml_from_json(const char *json, size_t length, struct buffer *out)
{
    struct error err = {0};
    AUTO(json) struct json *document = json_parse(json, length, &err);
    if (document == NULL)
        return false;
    AUTO(arena) struct arena *arena = arena_create();
    put_value(out, document, 0, arena);
    bool block = json_is_object(document) || json_is_array(document);
    if (!block || json_first(document) == NULL)
        buffer_putc(out, '\n');
    return !out->overflow;
}
