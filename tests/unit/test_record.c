#include "table_cover.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "schema/record.h"

static const struct field_table *const tables[] = {
    &certificate_record_table, &order_record_table,  &challenge_record_table, &revision_record_table,
    &rollout_record_table,     &issuer_record_table, &budget_record_table,
    &hold_record_table,        &event_record_table, &leftover_record_table,
};

static struct arena *arena;
static struct buffer text;

static const char *encode(const struct field_table *table, const void *record)
{
    struct json_writer w = {.out = &text};
    buffer_clear(&text);
    field_encode(table, record, true, &w);
    return buffer_text(&text);
}

static void every_member_has_a_field(void)
{
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        CHECK_INT(cover_missing(tables[i]), 0);
}

static void names_are_said_once(void)
{
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            for (size_t k = 0; k < i; k++) {
                CHECK(strcmp(tables[t]->fields[i].name, tables[t]->fields[k].name) != 0);
                CHECK(tables[t]->fields[i].offset != tables[t]->fields[k].offset);
            }
}

/* A value for each member that differs from every other member's and from nothing. */
static void fill(const struct field *field, char *base, int seed)
{
    void *at = base + field->offset;
    switch (field->type) {
    case FIELD_STRING:
        *(const char **)at = arena_printf(arena, "text %d \"quoted\" \n ä ENC[", seed);
        break;
    case FIELD_BOOL:
        *(bool *)at = true;
        break;
    case FIELD_INT:
        *(int *)at = -seed - 1;
        break;
    case FIELD_INT64:
        *(int64_t *)at = 1800000000000 + seed;
        break;
    case FIELD_ENUM:
        *(int *)at = 1;
        break;
    case FIELD_STRING_LIST: {
        struct string_list *list = at;
        string_list_push(arena, list, arena_printf(arena, "item %d", seed));
        string_list_push(arena, list, "");
        break;
    }
    default:
        CHECK(false);
    }
}

static void every_member_comes_back(void)
{
    struct error err = {0};
    for (size_t t = 0; t < COUNT_OF(tables); t++) {
        const struct field_table *table = tables[t];
        char *record = arena_alloc(arena, table->size), *again = arena_alloc(arena, table->size);
        for (size_t i = 0; i < table->count; i++)
            fill(&table->fields[i], record, (int)i);
        const char *first = arena_strdup(arena, encode(table, record));
        CHECK_OK(field_decode_json(table, first, strlen(first), arena, again, &err), err);
        CHECK_TEXT(encode(table, again), first);
        unsigned char one[32], two[32];
        field_digest(table, record, one);
        field_digest(table, again, two);
        CHECK(memcmp(one, two, sizeof one) == 0);
    }
}

static void an_empty_record_has_no_null_strings(void)
{
    struct error err = {0};
    for (size_t t = 0; t < COUNT_OF(tables); t++) {
        char *record = arena_alloc(arena, tables[t]->size);
        CHECK_OK(field_decode_json(tables[t], "{}", 2, arena, record, &err), err);
        for (size_t i = 0; i < tables[t]->count; i++)
            if (tables[t]->fields[i].type == FIELD_STRING)
                CHECK_TEXT(*(const char **)(record + tables[t]->fields[i].offset), "");
    }
}

static void members_of_a_newer_program_are_skipped(void)
{
    struct error err = {0};
    struct budget_record budget;
    const char *json = "{\"issuer\":\"main\",\"future\":{\"a\":[1]},\"orders\":3,\"amountCents\":null}";
    CHECK_OK(field_decode_json(&budget_record_table, json, strlen(json), arena, &budget, &err), err);
    CHECK_TEXT(budget.issuer, "main");
    CHECK_INT(budget.orders, 3);
    CHECK_INT(budget.amount_cents, 0);
}

static void damage_is_a_state_error(void)
{
    static const char *const damaged[] = {
        "",        "[]",      "{",       "{\"orders\":\"many\"}", "{\"orders\":99999999999}", "{\"orders\":1.5}",
        "{\"issuer\":7}", "{\"issuer\":{}}", "{\"orders\":3,\"orders\":4}",
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        struct error err = {0};
        struct budget_record budget = {.orders = 42};
        CHECK(!field_decode_json(&budget_record_table, damaged[i], strlen(damaged[i]), arena, &budget, &err));
        CHECK_INT(err.kind, ERROR_STATE);
        CHECK_INT(budget.orders, 42); /* untouched */
    }
    struct error err = {0};
    struct order_record order;
    const char *unknown = "{\"state\":\"Teleported\"}";
    CHECK(!field_decode_json(&order_record_table, unknown, strlen(unknown), arena, &order, &err));
    CHECK(strstr(err.message, "Teleported") != NULL);
}

static void states_are_words(void)
{
    CHECK_TEXT(order_state_words[ORDER_SUBMITTING], "Submitting");
    CHECK_TEXT(challenge_state_words[CHALLENGE_GONE], "Gone");
    CHECK_TEXT(rollout_state_words[ROLLOUT_ROLLING_BACK], "RollingBack");
    const struct order_record order = {.name = "shop", .state = ORDER_HELD};
    CHECK_TEXT(encode(&order_record_table, &order), "{\"name\":\"shop\",\"state\":\"Held\"}");
}

int main(void)
{
    arena = arena_create();
    RUN(every_member_has_a_field);
    RUN(names_are_said_once);
    RUN(every_member_comes_back);
    RUN(an_empty_record_has_no_null_strings);
    RUN(members_of_a_newer_program_are_skipped);
    RUN(damage_is_a_state_error);
    RUN(states_are_words);
    arena_destroy(arena);
    buffer_release(&text);
    return CHECK_REPORT();
}
