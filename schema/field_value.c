/* Single values: text, numbers, durations, words; how each is spelled in a manifest. */
#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/fatal.h"
#include "schema/field_internal.h"
#include "schema/resource.h"
#include "schema/yaml.h"

const char field_name_pattern[] = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
const char field_key_pattern[] = "^[A-Za-z0-9_][-A-Za-z0-9._]{0,127}$";
const char field_label_pattern[] = "^[A-Za-z0-9]([-A-Za-z0-9_./]{0,126}[A-Za-z0-9])?$";
const char field_word_pattern[] = "^[-A-Za-z0-9_]+$";

/* ---- patterns ---- */

/* The frequent ones by hand: every manifest has several of them, and regexec takes microseconds. */

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

static bool is_resource_name(const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++)
        if ((!is_alphanumeric(text[length]) && text[length] != '-') || (text[length] >= 'A' && text[length] <= 'Z'))
            return false;
    return length >= 1 && length <= 63 && text[0] != '-' && text[length - 1] != '-';
}

static bool is_key(const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        char c = text[length];
        if (!is_alphanumeric(c) && c != '_' && !(length > 0 && (c == '-' || c == '.')))
            return false;
    }
    return length >= 1 && length <= 128;
}

static bool is_label(const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++)
        if (!is_alphanumeric(text[length]) && strchr("-_./", text[length]) == NULL)
            return false;
    return length >= 1 && length <= 128 && is_alphanumeric(text[0]) && is_alphanumeric(text[length - 1]);
}

static bool is_word(const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++)
        if (!is_alphanumeric(text[length]) && text[length] != '-' && text[length] != '_')
            return false;
    return length >= 1;
}

static const struct {
    const char *pattern;
    bool (*matches)(const char *text);
} by_hand[] = {
    {field_name_pattern, is_resource_name},
    {field_key_pattern, is_key},
    {field_label_pattern, is_label},
    {field_word_pattern, is_word},
};

/* Patterns are few and constant: each is compiled when it is first met, and hint. */
bool field_matches(const char *pattern, const char *text)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        const char *pattern;
        regex_t compiled;
    } known[64];
    for (size_t i = 0; i < COUNT_OF(by_hand); i++)
        if (by_hand[i].pattern == pattern)
            return by_hand[i].matches(text);
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < COUNT_OF(known) && known[i].pattern != NULL && known[i].pattern != pattern)
        i++;
    assert(i < COUNT_OF(known));
    if (known[i].pattern == NULL) {
        if (regcomp(&known[i].compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
            fatal_memory(); /* a table's pattern; the tests try them all */
        known[i].pattern = pattern;
    }
    pthread_mutex_unlock(&lock);
    return regexec(&known[i].compiled, text, 0, NULL, 0) == 0;
}

/* ---- spellings: NULL, or what is wrong ---- */

static const char *parse_whole(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    int base = digits[0] == '0' && digits[1] == 'x' ? 16 : digits[0] == '0' && digits[1] == 'o' ? 8 : 10;
    digits += base != 10 ? 2 : 0;
    int64_t number = 0;
    if (*digits == '\0')
        return "a whole number is due";
    for (; *digits != '\0'; digits++) {
        int digit = isdigit((unsigned char)*digits)    ? *digits - '0'
                    : isxdigit((unsigned char)*digits) ? tolower((unsigned char)*digits) - 'a' + 10
                                                       : 99;
        if (digit >= base)
            return "a whole number is due";
        if (__builtin_mul_overflow(number, base, &number) || __builtin_add_overflow(number, digit, &number))
            return "that is too large";
    }
    *out = negative ? -number : number;
    return NULL;
}

static const char *parse_term(const char *text, int64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    int months = strcmp(text + digits, "mo") == 0 ? 1 : strcmp(text + digits, "y") == 0 ? 12 : 0;
    if (digits == 0 || digits > 4 || months == 0)
        return "a term such as 12mo or 1y is due";
    *out = strtol(text, NULL, 10) * months;
    return NULL;
}

static const char *parse_mode(const char *text, int64_t *out)
{
    if (strlen(text) != 4 || text[0] != '0' || strspn(text, "01234567") != 4)
        return "a file mode of four octal digits, such as \"0640\", is due";
    *out = strtol(text, NULL, 8);
    return NULL;
}

static const char *parse_money(const char *text, int64_t *out_cents, char out_currency[4])
{
    static const char due[] = "an amount with its currency, such as 4000 USD or 99.50 EUR, is due";
    size_t whole = strspn(text, "0123456789"), fraction = 0;
    const char *at = text + whole;
    if (*at == '.')
        fraction = strspn(++at, "0123456789");
    at += fraction;
    if (whole == 0 || whole > 12 || fraction > 2 || (at[-1] == '.') || *at != ' ' ||
        strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3 || at[4] != '\0')
        return due;
    *out_cents = strtoll(text, NULL, 10) * 100;
    if (fraction > 0)
        *out_cents += (text[whole + 1] - '0') * 10 + (fraction == 2 ? text[whole + 2] - '0' : 0);
    memcpy(out_currency, at + 1, 4);
    return NULL;
}

static int word_index(const char *const *words, const char *text)
{
    for (int i = 0; words[i] != NULL; i++)
        if (words[i][0] != '\0' && strcmp(words[i], text) == 0)
            return i;
    return -1;
}

/* Everything that is a number in the struct. */
static const char *parse_number(const struct field *field, const char *text, int64_t *out)
{
    switch (field->type) {
    case FIELD_BOOL:
        *out = text[0] == 't' || text[0] == 'T';
        return NULL;
    case FIELD_INT:
    case FIELD_INT64:
        return parse_whole(text, out);
    case FIELD_DURATION_S:
    case FIELD_DURATION_MS:
        if (!text_parse_duration_ms(text, out))
            return "a duration with its unit is due, such as 200ms, 90s, 10m, 12h or 30d";
        if (field->type == FIELD_DURATION_S && *out % 1000 != 0)
            return "whole seconds are due";
        *out /= field->type == FIELD_DURATION_S ? 1000 : 1;
        return NULL;
    case FIELD_TERM:
        return parse_term(text, out);
    case FIELD_MODE:
        return parse_mode(text, out);
    case FIELD_ENUM:
        *out = word_index(field->words, text);
        return *out < 0 ? "that is none of its words" : NULL;
    default:
        return "no number";
    }
}

static void put_number(const struct field *field, char *base, int64_t number)
{
    void *at = base + field->offset;
    if (field->type == FIELD_BOOL)
        *(bool *)at = number != 0;
    else if (field->type == FIELD_INT64 || field->type == FIELD_DURATION_S || field->type == FIELD_DURATION_MS ||
             field->type == FIELD_MONEY)
        *(int64_t *)at = number;
    else
        *(int *)at = (int)number;
}

int64_t field_number(const struct field *field, const char *base)
{
    const void *at = base + field->offset;
    if (field->type == FIELD_BOOL)
        return *(const bool *)at;
    if (field->type == FIELD_INT64 || field->type == FIELD_DURATION_S || field->type == FIELD_DURATION_MS ||
        field->type == FIELD_MONEY)
        return *(const int64_t *)at;
    return *(const int *)at;
}

void field_put_absent(const struct field *field, char *base, bool stored)
{
    if (field->type == FIELD_STRING && stored)
        *(const char **)(base + field->offset) = "";
    else if (field->type <= FIELD_ENUM && field->type != FIELD_STRING && field->absent != 0)
        put_number(field, base, field->absent);
}

void field_parse_default(struct arena *arena, const struct field *field, char *base)
{
    int64_t number = 0;
    if (field->type == FIELD_STRING) {
        *(const char **)(base + field->offset) = field->fallback;
    } else if (field->type == FIELD_MONEY) {
        char *currency = arena_alloc(arena, 4);
        if (parse_money(field->fallback, &number, currency) == NULL) {
            put_number(field, base, number);
            *(const char **)(base + field->count_offset) = currency;
        }
    } else if (field->type < FIELD_FIXED && parse_number(field, field->fallback, &number) == NULL) {
        put_number(field, base, number);
    }
}

bool field_has_default(const struct field *field, const char *base)
{
    int64_t number = 0;
    if (field->fallback == NULL || field->type >= FIELD_FIXED || field->type == FIELD_MONEY)
        return false;
    if (field->type == FIELD_STRING)
        return text_equal(*(const char *const *)(base + field->offset), field->fallback);
    if (field->type == FIELD_ENUM)
        return strcmp(field->words[field_number(field, base)], field->fallback) == 0;
    return parse_number(field, field->fallback, &number) == NULL && number == field_number(field, base);
}

/* ---- text ---- */

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static bool check_scalar_type(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                              enum yaml_scalar type, const char *due)
{
    if (node->kind != YAML_SCALAR)
        return field_refuse(d, frame, node, "wrong-type", NULL, "is %s; %s is due", yaml_describe(node), due);
    if (d->stored)
        return true;
    if (type == YAML_NULL)
        return field_refuse(d, frame, node, "empty-value", "give a value, or leave the line out",
                            "has no value; %s is due", due);
    if (node->text[0] == 'E' && text_has_prefix(node->text, "ENC["))
        return field_refuse_deeper(d, frame, node, "encrypted-value", "decrypt the file before it is read here",
                                   "is still encrypted by sops");
    return true;
}

static bool check_scalar(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                         const char *due)
{
    return check_scalar_type(d, frame, node, yaml_scalar_type(node), due);
}

static bool check_text(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                       const char *due)
{
    enum yaml_scalar type = yaml_scalar_type(node);
    if (!check_scalar_type(d, frame, node, type, due))
        return false;
    if (type != YAML_STRING)
        return field_refuse(d, frame, node, "wrong-type",
                            arena_printf(d->problems->arena, "quote it: \"%s\"", field_show(d, node->text)),
                            "is %s; %s is due", yaml_describe(node), due);
    return true;
}

/* CR and LF unless `allowed`; LS and PS, which some readers take for line breaks and some do not, never. */
static bool has_line_break(const char *text, bool allowed)
{
    for (; *text != '\0'; text++)
        if (((*text == '\n' || *text == '\r') && !allowed) ||
            (text[0] == '\xE2' && text[1] == '\x80' && (text[2] == '\xA8' || text[2] == '\xA9')))
            return true;
    return false;
}

static bool judge_text(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                       const struct field_frame *frame)
{
    const char *text = node->text;
    if (text[0] == '\0')
        return (field->fallback != NULL && field->fallback[0] == '\0') ||
               field_refuse(d, frame, node, "empty-value", "give a value, or leave the line out", "is empty");
    if (has_line_break(text, field->lines))
        return field_refuse_deeper(d, frame, node, "line-break", "write |- or >- instead of | or >, or use quotes",
                                   "holds a line break");
    if (field->type == FIELD_STRING && (field->min != 0 || field->max != 0)) {
        int64_t length = (int64_t)count_characters(text);
        if (length < field->min)
            return field_refuse(d, frame, node, "out-of-range", NULL, "has %lld characters; at least %lld are due",
                                (long long)length, (long long)field->min);
        if (field->max > 0 && length > field->max)
            return field_refuse(d, frame, node, "out-of-range", NULL, "has %lld characters; at most %lld are allowed",
                                (long long)length, (long long)field->max);
    }
    if (field->pattern != NULL && !field_matches(field->pattern, text)) {
        const char *hint = field->example == NULL ? NULL
                                                  : arena_printf(d->problems->arena, "for example %s", field->example);
        if (field->pattern == field_name_pattern)
            return field_refuse(d, frame, node, "bad-value", hint,
                                "is \"%s\"; a name has lower-case letters, digits and hyphens, and at most 63 of them",
                                field_show(d, text));
        return field_refuse(d, frame, node, "bad-value", hint, "is \"%s\", which is not of the form %s",
                            field_show(d, text), field->pattern);
    }
    return true;
}

bool field_decode_string(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, const char **out)
{
    const char *reason = NULL, *text;
    if (!check_text(d, frame, node, "text"))
        return false;
    text = node->text;
    if (!d->stored) {
        if (!judge_text(d, field, node, frame))
            return false;
        if (field->canonical != NULL && text[0] != '\0' && (text = field->canonical(d->arena, node->text, &reason)) == NULL)
            return field_refuse_deeper(d, frame, node, "bad-value", NULL, "is \"%s\": %s", field_show(d, node->text),
                                       reason);
    }
    *out = text;
    return true;
}

/* ---- the others ---- */

static bool decode_bool(const struct decoder *d, const struct yaml_node *node, const struct field_frame *frame,
                        bool *out)
{
    static const char *const yes[] = {"yes", "on", "y"}, *const no[] = {"no", "off", "n"};
    if (!check_scalar(d, frame, node, "true or false"))
        return false;
    if (yaml_scalar_type(node) == YAML_BOOL) {
        *out = node->text[0] == 't' || node->text[0] == 'T';
        return true;
    }
    const char *hint = "write true or false, without quotes";
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (strcasecmp(node->text, yes[i]) == 0)
            hint = "write true";
        else if (strcasecmp(node->text, no[i]) == 0)
            hint = "write false";
    }
    return field_refuse(d, frame, node, "wrong-type", hint, "is \"%s\"; true or false is due", field_show(d, node->text));
}

static bool decode_int(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                       const struct field_frame *frame, int64_t *out)
{
    if (!check_scalar(d, frame, node, "a whole number"))
        return false;
    enum yaml_scalar type = yaml_scalar_type(node);
    if (type != YAML_INT) {
        int64_t ignored;
        bool digits = type == YAML_STRING && parse_whole(node->text, &ignored) == NULL;
        return field_refuse(d, frame, node, "wrong-type", digits ? "remove the quotes" : NULL,
                            "is \"%s\"; a whole number is due", field_show(d, node->text));
    }
    const char *wrong = parse_whole(node->text, out);
    if (wrong == NULL && field->type == FIELD_INT && (*out < INT_MIN || *out > INT_MAX))
        wrong = "that is too large";
    return wrong == NULL || field_refuse_deeper(d, frame, node, "out-of-range", NULL, "is %s; %s",
                                                field_show(d, node->text), wrong);
}

static bool decode_word(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                        const struct field_frame *frame, int64_t *out)
{
    const char *words[32], *list = NULL;
    size_t count = 0;
    if (!check_scalar(d, frame, node, "one of its words"))
        return false;
    *out = word_index(field->words, node->text);
    if (*out >= 0 && (d->stored || yaml_scalar_type(node) == YAML_STRING))
        return true;
    for (size_t i = 0; field->words[i] != NULL && count < COUNT_OF(words); i++)
        if (field->words[i][0] != '\0')
            words[count++] = field->words[i];
    for (size_t i = 0; i < count; i++)
        list = list == NULL        ? words[i]
               : i + 1 < count     ? arena_printf(d->problems->arena, "%s, %s", list, words[i])
                                   : arena_printf(d->problems->arena, "%s or %s", list, words[i]);
    const char *near = field_nearest(node->text, words, count);
    return field_refuse(d, frame, node, "bad-value",
                        near != NULL ? arena_printf(d->problems->arena, "did you mean \"%s\"?", near) : NULL,
                        "is \"%s\"; %s is due", field_show(d, node->text), list);
}

/* Durations, terms, modes: text with a form of its own. */
static bool decode_spelled(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                           const struct field_frame *frame, int64_t *out)
{
    static const char *const due[FIELD_TYPE_COUNT] = {
        [FIELD_DURATION_S] = "a duration", [FIELD_DURATION_MS] = "a duration", [FIELD_TERM] = "a term",
        [FIELD_MODE] = "a file mode",
    };
    if (!check_scalar(d, frame, node, due[field->type]))
        return false;
    if (!d->stored && yaml_scalar_type(node) != YAML_STRING) {
        const char *shown = field_show(d, node->text);
        struct arena *arena = d->problems->arena;
        const char *hint = field->type == FIELD_MODE   ? arena_printf(arena, "quote it: \"%s\"", shown)
                           : field->type == FIELD_TERM ? arena_printf(arena, "add the unit: %smo", shown)
                                                       : arena_printf(arena, "add the unit: %ss or %sd", shown, shown);
        return field_refuse(d, frame, node, "wrong-type", hint, "is %s; %s is due", yaml_describe(node),
                            due[field->type]);
    }
    const char *wrong = parse_number(field, node->text, out);
    if (wrong != NULL)
        return field_refuse(d, frame, node, "bad-value", NULL, "is \"%s\"; %s", field_show(d, node->text), wrong);
    if (!d->stored && field->pattern != NULL && !field_matches(field->pattern, node->text))
        return field_refuse(d, frame, node, "bad-value", NULL, "is \"%s\", which is not of the form %s",
                            field_show(d, node->text), field->pattern);
    return true;
}

static const char *spell_limit(const struct decoder *d, const struct field *field, int64_t limit)
{
    struct arena *arena = d->problems->arena;
    if (field->type == FIELD_DURATION_S)
        return text_duration(arena, limit);
    if (field->type == FIELD_DURATION_MS)
        return limit % 1000 == 0 ? text_duration(arena, limit / 1000) : arena_printf(arena, "%lldms", (long long)limit);
    return arena_printf(arena, field->type == FIELD_TERM ? "%lldmo" : "%lld", (long long)limit);
}

static bool check_range(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                        const struct field_frame *frame, int64_t number)
{
    if (d->stored || (field->min == 0 && field->max == 0) || (number >= field->min && number <= field->max))
        return true;
    bool low = number < field->min;
    const char *limit = spell_limit(d, field, low ? field->min : field->max);
    const char *message =
        arena_printf(d->problems->arena, low ? "is %s; at least %s is due" : "is %s; at most %s is allowed",
                     field_show(d, node->text), limit);
    if (field->type == FIELD_INT || field->type == FIELD_INT64)
        return field_refuse(d, frame, node, "out-of-range", NULL, "%s", message);
    return field_refuse_deeper(d, frame, node, "out-of-range", NULL, "%s", message);
}

static bool decode_money(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, char *base)
{
    int64_t cents = 0;
    char *currency = arena_alloc(d->arena, 4);
    if (!check_text(d, frame, node, "an amount with its currency"))
        return false;
    const char *wrong = parse_money(node->text, &cents, currency);
    if (wrong != NULL)
        return field_refuse(d, frame, node, "bad-value", NULL, "is \"%s\"; %s", field_show(d, node->text), wrong);
    put_number(field, base, cents);
    *(const char **)(base + field->count_offset) = currency;
    return true;
}

bool field_decode_scalar(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, char *base)
{
    int64_t number = 0;
    bool ok;
    switch (field->type) {
    case FIELD_STRING:
        return field_decode_string(d, field, node, frame, (const char **)(base + field->offset));
    case FIELD_FIXED:
        return check_text(d, frame, node, field->fallback) &&
               (strcmp(node->text, field->fallback) == 0 ||
                field_refuse(d, frame, node, "bad-value", NULL, "is \"%s\"; \"%s\" is due", field_show(d, node->text),
                             field->fallback));
    case FIELD_MONEY:
        return decode_money(d, field, node, frame, base);
    case FIELD_BOOL:
        return decode_bool(d, node, frame, (bool *)(base + field->offset));
    case FIELD_INT:
    case FIELD_INT64:
        ok = decode_int(d, field, node, frame, &number);
        break;
    case FIELD_ENUM:
        ok = decode_word(d, field, node, frame, &number);
        break;
    default:
        ok = decode_spelled(d, field, node, frame, &number);
        break;
    }
    if (!ok || !check_range(d, field, node, frame, number))
        return false;
    put_number(field, base, number);
    return true;
}
