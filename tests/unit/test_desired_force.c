/* What a set keeps in force though the files do not say it any more: whatever goes too fast, or was looked at once. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "controller/guard.h"

#include "desired_world.h"

/* Whatever goes too fast is held: the set still has it, also for the next reading, until it is back or let go. */
static void a_tree_that_is_emptied_or_lost_stays_in_force(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Two"));
    read_and_remember();
    CHECK(unlink(in_tree("a.yaml")) == 0);
    CHECK(unlink(in_tree("b.yaml")) == 0);
    for (int i = 0; i < 2; i++) {
        struct desired *set = read_set();
        CHECK_INT(desired_count(set), 2);
        CHECK(entry_of(set, "alpha")->held);
        CHECK_TEXT(title_of(set, "beta"), "Two");
        CHECK_INT(desired_holds(set)->count, 1);
        CHECK_TEXT(desired_holds(set)->items[0].kind, "MassRemoval");
        CHECK_INT(remember(set) > 0, i == 0); /* nothing is written again and again */
        desired_destroy(set);
    }
    CHECK(rmdir(tree) == 0);
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 2);
    CHECK(problem_of(set, "tree-lost") != NULL);
    remember(set);
    desired_destroy(set);
    CHECK(mkdir(tree, 0700) == 0);
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Three"));
    set = read_set();
    CHECK_INT(desired_count(set), 2);
    CHECK_INT(desired_holds(set)->count, 0);
    CHECK_TEXT(title_of(set, "beta"), "Three");
    CHECK(!entry_of(set, "alpha")->held);
    remember(set);
    desired_destroy(set);
}

/* As many are held as before, and one of them is another: it must be known to the next reading, too. */
static void what_is_held_in_the_place_of_another_stays_held(void)
{
    static const char *const files[] = {"a1.yaml", "a2.yaml", "a3.yaml", "a4.yaml", "a5.yaml", "a6.yaml", "b.yaml"};
    static const char *const names[] = {"a1", "a2", "a3", "a4", "a5", "a6", "b"};
    fresh_tree_and_state();
    write_file("keep.yaml", contact("keep", "Always"));
    for (size_t i = 0; i < COUNT_OF(files); i++)
        write_file(files[i], contact(names[i], "One"));
    read_and_remember();
    for (size_t i = 0; i < 6; i++)
        CHECK(unlink(in_tree(files[i])) == 0);
    read_and_remember();
    write_file("a1.yaml", contact("a1", "One"));
    CHECK(unlink(in_tree("b.yaml")) == 0);
    for (int i = 0; i < 3; i++) {
        struct desired *set = read_set();
        CHECK_INT(desired_count(set), 8);
        CHECK(entry_of(set, "b") != NULL && entry_of(set, "b")->held);
        CHECK(!entry_of(set, "a1")->held);
        CHECK_INT(desired_holds(set)->count, 1);
        CHECK_INT(remember(set) > 0, i == 0);
        desired_destroy(set);
    }
}

/* The first is let go by its second look while the next one is seen missing: that has its own second look. */
static void what_goes_as_another_is_let_go_is_looked_at_twice(void)
{
    fresh_tree_and_state();
    struct error err = {0};
    struct guard_watch watch = {0};
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "One"));
    write_file("keep.yaml", contact("keep", "Always"));
    read_and_remember();
    for (int i = 0; i < 3; i++) { /* alpha goes, beta goes, both are gone */
        if (i < 2)
            CHECK(unlink(in_tree(i == 0 ? "a.yaml" : "b.yaml")) == 0);
        clock_turn(3 * i);
        struct desired *set = desired_read_watched(&config, NULL, state, &watch, &err);
        CHECK_OK(set != NULL, err);
        CHECK_INT(entry_of(set, "alpha") != NULL, i == 0);
        CHECK_INT(entry_of(set, "beta") != NULL, i <= 1);
        remember(set);
        desired_destroy(set);
    }
    struct arena *arena = arena_create();
    struct span form;
    bool found;
    CHECK_OK(state_find(state, TABLE_RESOURCE, "Contact/default/beta", arena, &form, &found, &err), err);
    CHECK(!found);
    arena_destroy(arena);
    guard_watch_finish(&watch);
    clock_turn(0);
}

static void another_directory_takes_nothing_away(void)
{
    fresh_tree_and_state();
    for (int i = 0; i < 4; i++)
        write_file(i == 0 ? "a.yaml" : i == 1 ? "b.yaml" : i == 2 ? "c.yaml" : "d.yaml",
                   contact(i == 0 ? "alpha" : i == 1 ? "beta" : i == 2 ? "gamma" : "delta", "One"));
    read_and_remember();
    char aside[sizeof tree + 8];
    snprintf(aside, sizeof aside, "%s.aside", tree);
    CHECK(rename(tree, aside) == 0 && mkdir(tree, 0700) == 0);
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "One"));
    write_file("c.yaml", contact("gamma", "One"));
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 4);
    CHECK_INT(desired_holds(set)->count, 1);
    CHECK(strstr(desired_holds(set)->items[0].words, "another one") != NULL);
    desired_destroy(set);
}

/* A process that goes on looking lets nothing narrower take effect at first sight; a wider or another value it does. */
static void what_takes_away_is_looked_at_twice(void)
{
    fresh_tree_and_state();
    struct error err = {0};
    struct guard_watch watch = {0};
    write_file("a.yaml", contact("alpha", "One"));
    write_file("keep.yaml", contact("keep", "Always"));
    read_and_remember();
    const char *cut = "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: alpha}\nspec:\n  firstName: Petra\n"
                      "  lastName: Muster\n  email: petra@example.com\n  phone: \"+43 1 5550101\"\n";
    write_file("a.yaml", cut);
    for (int i = 0; i < 2; i++) {
        struct desired *set = desired_read_watched(&config, NULL, state, &watch, &err);
        CHECK_OK(set != NULL, err);
        CHECK_TEXT(title_of(set, "alpha"), "One");
        CHECK(desired_look_again_ms(set) > 0 && desired_look_again_ms(set) <= 2000);
        CHECK_INT(desired_holds(set)->count, 0);
        remember(set);
        desired_destroy(set);
    }
    clock_turn(3);
    struct desired *set = desired_read_watched(&config, NULL, state, &watch, &err);
    CHECK_OK(set != NULL, err);
    CHECK(title_of(set, "alpha") == NULL || title_of(set, "alpha")[0] == '\0');
    CHECK_INT(desired_look_again_ms(set), 0);
    remember(set);
    desired_destroy(set);
    write_file("a.yaml", contact("alpha", "Two"));
    set = desired_read_watched(&config, NULL, state, &watch, &err);
    CHECK_OK(set != NULL, err);
    CHECK_TEXT(title_of(set, "alpha"), "Two");
    desired_destroy(set);
    guard_watch_finish(&watch);
    clock_turn(0);
}

int main(void)
{
    log_to(-1);
    RUN(a_tree_that_is_emptied_or_lost_stays_in_force);
    RUN(what_is_held_in_the_place_of_another_stays_held);
    RUN(what_goes_as_another_is_let_go_is_looked_at_twice);
    RUN(another_directory_takes_nothing_away);
    RUN(what_takes_away_is_looked_at_twice);
    close_state();
    return CHECK_REPORT();
}
