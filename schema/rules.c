/* The dates of the industry's rules, read once from schema/data/rules.json, which is compiled in. */
#include "schema/rules.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

extern const unsigned char data_rules[];
extern const size_t data_rules_length;

static struct validity_rule *ladder;
static size_t ladder_count;
static struct dated_rule *dated;
static size_t dated_count;
static struct string_list identities[FAMILY_DIGICERT + 1];
static struct arena *memory;
static struct json *document; /* the texts live in it */

static int number(const struct json *object, const char *name)
{
    int64_t value = 0;
    bool is_number = json_int(json_member(object, name), &value);
    assert(is_number && value > 0);
    (void)is_number;
    return (int)value;
}

static const char *text(const struct json *object, const char *name)
{
    const char *value = json_string(json_member(object, name));
    assert(value != NULL);
    return value;
}

static int64_t date(const struct json *object)
{
    int64_t at = 0;
    bool is_date = clock_parse_rfc3339(text(object, "from"), &at);
    assert(is_date);
    (void)is_date;
    return at;
}

static void load(void)
{
    struct error err = {0};
    document = json_parse((const char *)data_rules, data_rules_length, &err);
    assert(document != NULL);
    memory = arena_create();
    const struct json *item = json_first(json_member(document, "validity"));
    for (; item != NULL; item = json_next(item))
        *arena_push(memory, &ladder, ladder_count) = (struct validity_rule){
            .from = date(item),
            .max_days = number(item, "maxDays"),
            .advised_days = number(item, "advisedDays"),
            .dcv_reuse_days = number(item, "dcvReuseDays"),
            .source = text(item, "source"),
        };
    for (item = json_first(json_member(document, "dated")); item != NULL; item = json_next(item))
        *arena_push(memory, &dated, dated_count) = (struct dated_rule){
            .word = text(item, "word"),
            .from = date(item),
            .text = text(item, "text"),
            .source = text(item, "source"),
        };
    assert(ladder_count > 0);
    for (item = json_first(json_member(document, "caa")); item != NULL; item = json_next(item)) {
        struct string_list *list = &identities[strcmp(text(item, "family"), "Sectigo") == 0 ? FAMILY_SECTIGO : FAMILY_DIGICERT];
        for (const struct json *name = json_first(json_member(item, "identities")); name != NULL; name = json_next(name))
            string_list_push(memory, list, json_string(name));
    }
    assert(identities[FAMILY_SECTIGO].count > 0 && identities[FAMILY_DIGICERT].count > 0);
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
}

const struct validity_rule *rules_validity(int64_t at)
{
    ready();
    size_t i = ladder_count - 1;
    while (i > 0 && at < ladder[i].from)
        i--;
    return &ladder[i];
}

const struct dated_rule *rules_dated(const char *word)
{
    ready();
    for (size_t i = 0; i < dated_count; i++)
        if (strcmp(dated[i].word, word) == 0)
            return &dated[i];
    return NULL;
}

const struct dated_rule *rules_dated_at(unsigned index)
{
    ready();
    return index < dated_count ? &dated[index] : NULL;
}

const struct string_list *rules_caa_identities(enum brand_family family)
{
    ready();
    return &identities[family];
}

const char *rules_version(void)
{
    ready();
    return text(document, "version");
}
