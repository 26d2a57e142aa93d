/* The names that `plan`, `apply` and `preflight` are given: each is there, or the command ends. */
#include "controller_world.h"

#include "controller/command_plan.h"

static struct world world;
static struct command_context ctx;
static struct plan_selection selection;

static void select_names(const char *first, const char *second)
{
    char words[2][64];
    char *argv[] = {words[0], words[1], NULL};
    snprintf(words[0], sizeof words[0], "%s", first);
    snprintf(words[1], sizeof words[1], "%s", second != NULL ? second : "");
    ctx = (struct command_context){.arena = world.arena};
    CHECK(plan_selection_parse(&ctx, second != NULL ? 2 : 1, argv, &selection));
}

static bool exist(struct state *state, int *out_code)
{
    *out_code = EXIT_OK;
    return plan_selection_exists(&ctx, &selection, world.desired, state, out_code);
}

static void set_up(void)
{
    world_begin(&world);
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER);
    world_certificates(&world, 0, 1);
    world_look(&world);
}

static void those_of_the_manifests_are_there(void)
{
    int code;
    select_names("c00", "certificate/c00");
    CHECK(exist(world.state, &code));
    CHECK(exist(NULL, &code));
}

static void one_that_is_nowhere_is_an_error_even_beside_one_that_is_there(void)
{
    int code;
    select_names("c00", "c01");
    CHECK(!exist(world.state, &code));
    CHECK_INT(code, EXIT_ERROR);
    select_names("certificate/team/c00", NULL); /* another namespace */
    CHECK(!exist(world.state, &code));
    CHECK_INT(code, EXIT_ERROR);
}

static void one_that_only_the_store_knows_is_there_where_the_store_counts(void)
{
    int code;
    struct certificate_record record = {.namespace_ = "team", .name = "gone", .phase = "Ready", .forgotten = true};
    struct state_batch *batch = state_batch_create();
    record_put(batch, TABLE_CERTIFICATE, record_key(world.arena, "team", "gone"), &certificate_record_table, &record, STATE_ANY);
    world_commit(&world, batch);
    select_names("certificate/team/gone", "c00");
    CHECK(exist(world.state, &code));
    CHECK(!exist(NULL, &code));
    CHECK_INT(code, EXIT_ERROR);
    select_names("gone", NULL);
    CHECK(!exist(world.state, &code));
}

static void one_that_may_stand_in_a_broken_file_ends_nothing(void)
{
    int code;
    world_write(&world, "manifests/broken.yaml", WORLD_DOCUMENT("Certificate", "c01") "  dnsNmes: [c01.example.com]\n");
    world_look(&world);
    select_names("c00", "c01");
    CHECK(exist(world.state, &code)); /* the command ends with 3 by what is wrong with the manifests */
}

int main(void)
{
    set_up();
    RUN(those_of_the_manifests_are_there);
    RUN(one_that_is_nowhere_is_an_error_even_beside_one_that_is_there);
    RUN(one_that_only_the_store_knows_is_there_where_the_store_counts);
    RUN(one_that_may_stand_in_a_broken_file_ends_nothing);
    world_end(&world);
    return CHECK_REPORT();
}
