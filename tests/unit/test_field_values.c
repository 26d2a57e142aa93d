/* Every spelling of a value, right and wrong, and the patterns that are matched by hand: they must say what the expression says. */
#include <regex.h>

#include "base/arena.h"
#include "base/error.h"
#include "check.h"
#include "schema/field.h"
#include "schema/field_internal.h"
#include "schema/yaml.h"

struct sample {
    int64_t large, seconds, ms, cents;
    int number, months, mode, word;
    bool yes;
    const char *currency, *text, *many_lines;
};
static const char *const words[] = {"", "One", "Two", NULL};
static const struct field fields[] = {
    {.name = "number", .type = FIELD_INT, AT(sample, number), .min = -1000, .max = 1000000},
    {.name = "large", .type = FIELD_INT64, AT(sample, large)},
    {.name = "term", .type = FIELD_TERM, AT(sample, months)},
    {.name = "mode", .type = FIELD_MODE, AT(sample, mode)},
    {.name = "word", .type = FIELD_ENUM, AT(sample, word), .words = words},
    {.name = "yes", .type = FIELD_BOOL, AT(sample, yes)},
    {.name = "seconds", .type = FIELD_DURATION_S, AT(sample, seconds), .min = 1, .max = 86400},
    {.name = "ms", .type = FIELD_DURATION_MS, AT(sample, ms), .max = 1500},
    {.name = "money", .type = FIELD_MONEY, AT_LIST(sample, cents, currency)},
    {.name = "text", .type = FIELD_STRING, AT(sample, text), .max = 20},
};
static const struct field_table table = {.name = "Sample", .size = sizeof(struct sample), FIELDS(fields)};

static struct arena *arena;
static struct problem_list problems;
static struct sample sample;

static bool decode(const char *field, const char *value)
{
    struct yaml_document_list documents = {0};
    const char *text = arena_printf(arena, "%s: %s\n", field, value);
    problems = (struct problem_list){.arena = arena};
    sample = (struct sample){0};
    if (!yaml_parse("s.yaml", text, strlen(text), arena, &documents, &problems))
        CHECK_TEXT(text, problems.items[0].message);
    return field_decode(&table, documents.items[0].root, "", arena, &sample, &problems);
}

static int64_t value_of(const char *field)
{
    const struct {
        const char *name;
        int64_t value;
    } all[] = {{"number", sample.number}, {"large", sample.large}, {"term", sample.months}, {"mode", sample.mode}, {"word", sample.word},
               {"yes", sample.yes}, {"seconds", sample.seconds}, {"ms", sample.ms}, {"money", sample.cents}};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (text_equal(all[i].name, field))
            return all[i].value;
    return -777;
}

static void right_spellings_give_their_value(void)
{
    static const struct {
        const char *field, *text;
        int64_t value;
    } rows[] = {
        {"number", "0", 0}, {"number", "-12", -12}, {"number", "+12", 12}, {"number", "0x1F", 31}, {"number", "0xab", 171}, {"number", "0o17", 15},
        {"large", "9223372036854775807", INT64_MAX}, {"large", "-9223372036854775807", -INT64_MAX},
        {"term", "12mo", 12}, {"term", "3y", 36}, {"term", "0001mo", 1},
        {"mode", "'0640'", 0640}, {"mode", "'0000'", 0}, {"mode", "'0777'", 0777},
        {"word", "One", 1}, {"word", "'Two'", 2},
        {"yes", "true", 1}, {"yes", "false", 0}, {"yes", "True", 1}, {"yes", "FALSE", 0},
        {"seconds", "90s", 90}, {"seconds", "1h30m", 5400}, {"seconds", "1d", 86400}, {"ms", "1500ms", 1500}, {"ms", "1s", 1000},
        {"money", "4000 USD", 400000}, {"money", "99.50 EUR", 9950}, {"money", "0.5 CHF", 50}, {"money", "123456789012 USD", 12345678901200},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!decode(rows[i].field, rows[i].text))
            CHECK_TEXT(rows[i].text, problems.items[0].message);
        CHECK_INT(value_of(rows[i].field), rows[i].value);
    }
    CHECK(decode("money", "1 JPY"));
    CHECK_TEXT(sample.currency, "JPY");
}

static void wrong_spellings_say_what_is_due(void)
{
    static const struct {
        const char *field, *text, *words;
    } rows[] = {
        {"number", "12x", "whole number"}, {"number", "0x", "whole number"}, {"number", "0o8", "whole number"}, {"number", "0xg", "whole number"},
        {"number", "1.5", "whole number"}, {"number", "'12'", "whole number"}, {"number", "99999999999", "too large"},
        {"number", "1000001", "1000000"}, {"number", "-1001", "-1000"}, {"number", "[1]", "whole number"}, {"number", "true", "whole number"},
        {"large", "9223372036854775808", "too large"}, {"large", "99999999999999999999", "too large"}, {"large", "0xFFFFFFFFFFFFFFFFF", "too large"},
        {"term", "mo", "a term such as"}, {"term", "y", "a term such as"}, {"term", "12345mo", "a term such as"}, {"term", "12m", "a term such as"},
        {"term", "1 y", "a term such as"}, {"term", "[1y]", "term"}, {"mode", "'0888'", "octal"}, {"mode", "'640'", "octal"}, {"mode", "'1640'", "octal"},
        {"mode", "'00640'", "octal"}, {"mode", "'064 '", "octal"}, {"word", "Three", "One"}, {"word", "one", "One"}, {"word", "[One]", "words"},
        {"word", "1", "One"}, {"yes", "yes", "write true"}, {"yes", "on", "write true"}, {"yes", "no", "write false"}, {"yes", "off", "write false"},
        {"yes", "maybe", "true or false"}, {"yes", "[true]", "true or false"}, {"yes", "'true'", "true or false"}, {"seconds", "1500ms", "s"},
        {"seconds", "0s", "1s"}, {"seconds", "25h", "1d"}, {"seconds", "soon", "duration"}, {"seconds", "[1s]", "duration"}, {"ms", "1501ms", "1500ms"},
        {"ms", "1", "unit"}, {"money", "4000", "currency"}, {"money", "USD", "currency"}, {"money", "1 usd", "currency"}, {"money", "1 USDX", "currency"},
        {"money", "1 US", "currency"}, {"money", "1. USD", "currency"}, {"money", "1.234 USD", "currency"}, {"money", "1USD", "currency"},
        {"money", "1  USD", "currency"}, {"money", "1234567890123 USD", "currency"}, {"money", "-1 USD", "currency"}, {"money", ".5 USD", "currency"},
        {"text", "123456789012345678901", "quote it"}, {"text", "aaaaaaaaaaaaaaaaaaaaa", "20"}, {"text", "\"two\\nlines\"", "line"},
        {"text", "\"a\\u2028b\"", "line"}, {"text", "\"a\\u2029b\"", "line"}, {"text", "\"a\\rb\"", "line"},
    };
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool accepted = decode(rows[i].field, rows[i].text);
        const struct problem *problem = accepted ? NULL : &problems.items[0];
        const char *said = accepted ? "nothing" : arena_printf(arena, "%s %s", problem->message, problem->hint != NULL ? problem->hint : "");
        if (accepted || strstr(said, rows[i].words) == NULL || !text_equal(problem->path, rows[i].field)) {
            fprintf(stderr, "%s: %s: should say \"%s\", says %s\n", rows[i].field, rows[i].text, rows[i].words, said);
            wrong++;
        }
    }
    CHECK_INT(wrong, 0);
}

/* ---- patterns ---- */

static const char *const by_hand[] = {field_name_pattern, field_key_pattern, field_label_pattern, field_word_pattern};

static void agree(regex_t *compiled, const char *pattern, const char *text)
{
    bool should = regexec(compiled, text, 0, NULL, 0) == 0;
    if (field_matches(pattern, text) != should) {
        fprintf(stderr, "%s: \"%s\" %s\n", pattern, text, should ? "matches" : "does not");
        CHECK(!"as the expression says");
    }
}

static void what_is_matched_by_hand_is_matched_as_the_expression_says(void)
{
    static const char alphabet[] = "azAZ09-_./ ~[]{^`@:\xC3\xBC";
    uint64_t random = 20261122;
    for (size_t p = 0; p < COUNT_OF(by_hand); p++) {
        const char *pattern = by_hand[p];
        regex_t compiled;
        CHECK(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0);
        char text[160];
        agree(&compiled, pattern, "");
        for (int c = 1; c < 256; c++) /* each byte alone, in front, amid, behind */
            for (int place = 0; place < 4; place++) {
                snprintf(text, sizeof text, place == 0 ? "%c" : place == 1 ? "%ca" : place == 2 ? "a%ca" : "a%c", c);
                agree(&compiled, pattern, text);
            }
        for (size_t length = 60; length < 132; length++) { /* as long as may be, and longer */
            memset(text, 'a', length);
            text[length] = '\0';
            agree(&compiled, pattern, text);
        }
        for (int i = 0; i < 20000; i++) {
            size_t length = 1 + i % 6;
            for (size_t at = 0; at < length; at++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                text[at] = alphabet[(random >> 33) % (sizeof alphabet - 1)];
            }
            text[length] = '\0';
            agree(&compiled, pattern, text);
        }
        regfree(&compiled);
    }
}

int main(void)
{
    arena = arena_create();
    RUN(right_spellings_give_their_value);
    RUN(wrong_spellings_say_what_is_due);
    RUN(what_is_matched_by_hand_is_matched_as_the_expression_says);
    arena_destroy(arena);
    return CHECK_REPORT();
}
