#include "controller_world.h"

static struct world world;

static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER);
}

static const char *held(size_t *out_count)
{
    struct string_list ids;
    const char *digest;
    struct error err = {0};
    world_look(&world);
    CHECK_OK(holds_purchases(&world.model, world.arena, &ids, &digest, &err), err);
    if (out_count != NULL)
        *out_count = ids.count;
    return digest;
}

static void flag(int certificate, int flags)
{
    struct index_row row = {.flags = (uint8_t)flags};
    struct state_batch *batch = state_batch_create();
    index_put(batch, arena_printf(world.arena, "default\x01" "c%02d", certificate), &row);
    world_commit(&world, batch);
}

static void ten_purchases_go_and_eleven_are_held(void)
{
    size_t count;
    begin();
    world_certificates(&world, 1, 10);
    CHECK(held(&count) == NULL);
    CHECK_INT(count, 0);
    world_certificates(&world, 11, 1);
    CHECK(held(&count) != NULL);
    CHECK_INT(count, 11);
    CHECK_INT(strlen(held(NULL)), 12);
}

static void those_with_an_order_and_those_confirmed_do_not_count(void)
{
    size_t count;
    begin();
    world_certificates(&world, 1, 12);
    flag(1, INDEX_HAS_ORDER);
    CHECK(held(&count) != NULL);
    flag(2, INDEX_CONFIRMED);
    CHECK(held(&count) == NULL);
    CHECK_INT(count, 0);
}

static void suspended_ones_do_not_count(void)
{
    size_t count;
    begin();
    world_certificates(&world, 1, 10);
    world_write(&world, "manifests/z.yaml", WORLD_DOCUMENT("Certificate", "z")
                "  dnsNames: [z.example.com]\n  order: {product: positivessl}\n  suspend: true\n");
    CHECK(held(&count) == NULL);
    CHECK_INT(count, 0);
}

/* What a person released is just that: one more makes another digest. */
static void digest_names_what_is_held(void)
{
    struct string_list a = {0}, b = {0};
    begin();
    string_list_push(world.arena, &a, "certificate/one");
    string_list_push(world.arena, &a, "certificate/two");
    string_list_push(world.arena, &b, "certificate/two");
    string_list_push(world.arena, &b, "certificate/one");
    CHECK_TEXT(hold_digest(world.arena, "MassPurchase", &a), hold_digest(world.arena, "MassPurchase", &b));
    CHECK(strcmp(hold_digest(world.arena, "MassPurchase", &a), hold_digest(world.arena, "MassRemoval", &a)) !=
          0);
    string_list_push(world.arena, &b, "certificate/three");
    CHECK(strcmp(hold_digest(world.arena, "MassPurchase", &a),
                 hold_digest(world.arena, "MassPurchase", &b)) != 0);
}

static void removals_are_too_many_by_number_by_share_and_when_nothing_is_left(void)
{
    begin();
    static const struct {
        size_t gone, known, left;
        bool many;
    } rows[] = {
        {0, 0, 0, false},  {0, 100, 0, false},  {1, 1, 3, false},   {1, 1, 0, true},  {5, 9, 4, false},
        {6, 9, 4, true},   {1, 9, 8, false},    {1, 10, 9, false},  {2, 10, 8, true}, {2, 20, 18, false},
        {3, 20, 17, true}, {5, 100, 95, false}, {6, 100, 94, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool many = removals_too_many(&world.config, rows[i].gone, rows[i].known, rows[i].left);
        if (many != rows[i].many)
            fprintf(stderr, "%zu of %zu, %zu left\n", rows[i].gone, rows[i].known, rows[i].left);
        CHECK(many == rows[i].many);
    }
}

static void release_lasts_an_hour(void)
{
    struct hold_record hold = {
        .digest = "0123456789ab", .kind = "MassRemoval", .confirmed_by = "petra", .since = clock_now()};
    begin();
    CHECK(!hold_released(world.state, hold.digest, world.arena));
    for (int confirmed = 0; confirmed < 2; confirmed++) {
        hold.confirmed = confirmed;
        hold.confirmed_at = confirmed ? clock_now() : 0;
        struct state_batch *batch = state_batch_create();
        record_put(batch, TABLE_HOLD, hold.digest, &hold_record_table, &hold, STATE_ANY);
        world_commit(&world, batch);
        CHECK(hold_released(world.state, hold.digest, world.arena) == confirmed);
    }
    clock_turn(3601);
    CHECK(!hold_released(world.state, hold.digest, world.arena));
    clock_turn(0);
}

int main(void)
{
    RUN(ten_purchases_go_and_eleven_are_held);
    RUN(those_with_an_order_and_those_confirmed_do_not_count);
    RUN(suspended_ones_do_not_count);
    RUN(digest_names_what_is_held);
    RUN(removals_are_too_many_by_number_by_share_and_when_nothing_is_left);
    RUN(release_lasts_an_hour);
    world_end(&world);
    return CHECK_REPORT();
}
