/* The desired set: what is read, what is kept when files break, and what is not opened again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/desired.h"
#include "controller/desired_ignore.h"
#include "controller/guard.h"
#include "controller/state.h"

#include "desired_world.h"

static void all_manifests_of_a_tree_are_read_and_sorted(void)
{
    fresh_tree();
    CHECK(mkdir(in_tree("team"), 0700) == 0 && mkdir(in_tree(".hidden"), 0700) == 0);
    write_file("z.yaml", contact("alpha", "One"));
    write_file("team/a.yml", contact("gamma", "Two"));
    write_file(
        "team/b.json",
        "{\"apiVersion\":\"certwright/v1alpha1\",\"kind\":\"Contact\",\"metadata\":{\"name\":\"beta\"},"
        "\"spec\":{\"firstName\":\"P\",\"lastName\":\"M\",\"title\":\"T\",\"email\":\"p@example.com\","
        "\"phone\":\"+43 1 55\"}}");
    write_file("README.md", "nothing");
    write_file(".hidden/x.yaml", contact("hidden", "No"));
    write_file(".x.yaml", contact("hidden", "No"));
    struct desired *set = read_set();
    CHECK_INT(desired_problems(set)->errors, 0);
    CHECK_INT(desired_count(set), 3);
    CHECK_INT(desired_file_count(set), 3);
    CHECK_TEXT(desired_at(set, 0)->name, "alpha");
    CHECK_TEXT(desired_at(set, 1)->name, "beta");
    CHECK_TEXT(desired_at(set, 2)->name, "gamma");
    CHECK_TEXT(desired_at(set, 2)->position_file, in_tree("team/a.yml"));
    CHECK_TEXT(title_of(set, "gamma"), "Two");
    CHECK(entry_of(set, "hidden") == NULL && desired_at(set, 3) == NULL);
    struct arena *arena = arena_create();
    struct resource_lookup lookup = desired_lookup(set);
    CHECK_INT(lookup.list(set, KIND_CONTACT, "default", arena).count, 3);
    CHECK_INT(lookup.list(set, KIND_CONTACT, "other", arena).count, 0);
    CHECK(lookup.find(set, KIND_CONTACT, "default", "beta") != NULL);
    arena_destroy(arena);
    desired_destroy(set);
}

static void what_is_remembered_is_the_same_set(void)
{
    fresh_tree_and_state();
    unsigned char first[32], second[32];
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Two"));
    struct desired *set = read_set();
    desired_shared_digest(set, first);
    remember(set);
    desired_destroy(set);

    set = read_set();
    desired_shared_digest(set, second);
    CHECK(memcmp(first, second, 32) == 0);
    CHECK_INT(desired_count(set), 2);
    CHECK_TEXT(title_of(set, "beta"), "Two");
    CHECK_INT(remember(set), 0); /* nothing to write */
    desired_destroy(set);

    write_file("b.yaml", contact("beta", "Three"));
    set = read_set();
    desired_shared_digest(set, second);
    CHECK(memcmp(first, second, 32) != 0);
    CHECK_TEXT(title_of(set, "beta"), "Three");
    CHECK_INT(remember(set), 1);
    desired_destroy(set);
}

static void a_broken_file_keeps_its_last_good_form(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Two"));
    read_and_remember();
    const char
        *broken[] =
            {
                "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: beta}\nspec: {nonsense: "
                "1}\n",          /* says who it is */
                "{{{{ not yaml", /* does not */
            };
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        for (int again = 0; again < 2; again++) {
            write_file("b.yaml", broken[i]);
            struct desired *set = read_set();
            CHECK(desired_problems(set)->errors > 0);
            CHECK_INT(desired_count(set), 2);
            CHECK(entry_of(set, "beta")->stale && !entry_of(set, "alpha")->stale);
            CHECK_TEXT(title_of(set, "beta"), "Two");
            CHECK_TEXT(entry_of(set, "beta")->position_file, in_tree("b.yaml"));
            remember(set);
            desired_destroy(set);
        }
    write_file("b.yaml", contact("beta", "Three"));
    struct desired *set = read_set();
    CHECK_INT(desired_problems(set)->errors, 0);
    CHECK(!entry_of(set, "beta")->stale);
    CHECK_TEXT(title_of(set, "beta"), "Three");
    remember(set);
    desired_destroy(set);
}

static void a_resource_that_never_was_good_has_no_form(void)
{
    fresh_tree_and_state();
    write_file(
        "b.yaml",
        "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: beta}\nspec: {nonsense: 1}\n");
    for (int again = 0; again < 2; again++) {
        struct desired *set = read_set();
        CHECK_INT(desired_count(set), 0);
        CHECK(desired_problems(set)->errors > 0);
        remember(set);
        desired_destroy(set);
    }
}

/* The form of a contact as a version with other rules took it for good. */
static void put_outdated_form(const char *name)
{
    struct error err = {0};
    char key[80], form[300];
    snprintf(key, sizeof key, "Contact/default/%s", name);
    snprintf(form, sizeof form, "{\"apiVersion\":\"certwright/v1alpha1\",\"kind\":\"Contact\",\"metadata\":{\"name\":\"%s\"},"
                                "\"spec\":{\"nonsense\":1}}", name);
    struct state_batch *batch = state_batch_create();
    state_put(batch, TABLE_RESOURCE, key, span_of(form, strlen(form)), STATE_ANY);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    state_batch_destroy(batch);
}

static void a_last_good_form_that_is_valid_no_more_is_no_absence(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Two"));
    write_file("c.yaml", contact("gamma", "Two"));
    read_and_remember();
    write_file("b.yaml", "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: beta}\nspec: {nonsense: 1}\n");
    put_outdated_form("beta");
    for (int again = 0; again < 2; again++) {
        struct desired *set = read_set();
        CHECK(desired_problems(set)->errors > 0);
        CHECK_INT(desired_count(set), 3);
        CHECK(entry_of(set, "beta") != NULL && entry_of(set, "beta")->stale);
        CHECK(entry_of(set, "beta") != NULL && desired_resource(set, entry_of(set, "beta")) == NULL);
        CHECK_INT(desired_holds(set)->count, 0);
        remember(set);
        desired_destroy(set);
    }
    CHECK(unlink(in_tree("b.yaml")) == 0);
    config.removal_count = 0;
    for (int again = 0; again < 2; again++) {
        struct desired *set = read_set();
        CHECK(entry_of(set, "beta") != NULL && entry_of(set, "beta")->held);
        CHECK(entry_of(set, "beta") != NULL && desired_resource(set, entry_of(set, "beta")) == NULL);
        CHECK_INT(desired_holds(set)->count, 1);
        remember(set);
        desired_destroy(set);
    }
    write_file("b.yaml", contact("beta", "Three"));
    struct desired *set = read_set();
    CHECK_TEXT(title_of(set, "beta"), "Three");
    CHECK_INT(desired_holds(set)->count, 0);
    remember(set);
    desired_destroy(set);
}

static void one_broken_document_does_not_hide_its_neighbours(void)
{
    fresh_tree_and_state();
    char text[2048];
    snprintf(text, sizeof text, "%s---\n%s", contact("alpha", "One"), contact("beta", "Two"));
    write_file("all.yaml", text);
    read_and_remember();
    snprintf(
        text, sizeof text, "%s---\n%s", contact("alpha", "Changed"),
        "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: beta}\nspec: {lastName: [}\n");
    write_file("all.yaml", text);
    struct desired *set = read_set();
    CHECK_TEXT(title_of(set, "alpha"), "Changed");
    CHECK(!entry_of(set, "alpha")->stale);
    CHECK(entry_of(set, "beta")->stale);
    CHECK_TEXT(title_of(set, "beta"), "Two");
    desired_destroy(set);
}

static void a_resource_moved_out_of_a_broken_file_is_live(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    read_and_remember();
    write_file("a.yaml", "{{{{");
    write_file("b.yaml", contact("alpha", "Moved"));
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 1);
    CHECK(!entry_of(set, "alpha")->stale);
    CHECK_TEXT(title_of(set, "alpha"), "Moved");
    desired_destroy(set);
}

static bool has_last_form(const char *name)
{
    struct arena *arena = arena_create();
    struct span value;
    bool has = state_get(state, TABLE_RESOURCE, arena_printf(arena, "Contact/default/%s", name), arena,
                         &value, NULL, NULL);
    arena_destroy(arena);
    return has;
}

static void moving_a_file_is_no_change_and_removing_it_is_one(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    write_file("keep.yaml", contact("keep", "Always"));
    read_and_remember();
    CHECK(mkdir(in_tree("deep"), 0700) == 0);
    CHECK(rename(in_tree("a.yaml"), in_tree("deep/b.yaml")) == 0);
    struct desired *set = read_set();
    CHECK_TEXT(entry_of(set, "alpha")->position_file, in_tree("deep/b.yaml"));
    remember(set);
    desired_destroy(set);
    CHECK(has_last_form("alpha"));
    CHECK(unlink(in_tree("deep/b.yaml")) == 0);
    set = read_set();
    CHECK_INT(desired_count(set), 1);
    remember(set);
    desired_destroy(set);
    CHECK(!has_last_form("alpha"));
    set = read_set();
    CHECK_INT(remember(set), 0);
    desired_destroy(set);
}

static void two_of_one_name_keep_the_last_good_form(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    read_and_remember();
    write_file("b.yaml", contact("alpha", "Two"));
    for (int again = 0; again < 2; again++) {
        struct desired *set = read_set();
        const struct problem *problem = problem_of(set, "duplicate-resource");
        CHECK(problem != NULL && strstr(problem->message, "b.yaml") != NULL);
        CHECK_TEXT(problem->position.file, in_tree("a.yaml"));
        CHECK_INT(desired_problems(set)->errors, 2);
        CHECK_INT(desired_count(set), 1);
        CHECK(entry_of(set, "alpha")->stale);
        CHECK_TEXT(title_of(set, "alpha"), "One");
        remember(set);
        desired_destroy(set);
    }
    /* The one that stays is taken up, though its file did not change meanwhile. */
    CHECK(unlink(in_tree("a.yaml")) == 0);
    struct desired *set = read_set();
    CHECK_INT(desired_problems(set)->errors, 0);
    CHECK_TEXT(title_of(set, "alpha"), "Two");
    remember(set);
    desired_destroy(set);
    write_file("b.yaml", "{{{{");
    set = read_set();
    CHECK_TEXT(title_of(set, "alpha"), "Two");
    desired_destroy(set);
}

static void two_of_one_name_at_first_are_none(void)
{
    fresh_tree_and_state();
    char text[1200];
    snprintf(text, sizeof text, "%s---\n%s", contact("alpha", "One"), contact("alpha", "Two"));
    write_file("a.yaml", text);
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 0);
    CHECK_INT(desired_problems(set)->errors, 2);
    remember(set);
    desired_destroy(set);
    CHECK(!has_last_form("alpha"));
}

/* A Kubernetes mount: name -> ..data/name, ..data -> ..<time>, swapped by renaming a new ..data over the
 * old. */
static void configmap_turn(const char *turn, const char *title)
{
    char path[300], temporary[32];
    CHECK(mkdir(in_tree(turn), 0700) == 0);
    snprintf(path, sizeof path, "%s/shop.yaml", turn);
    write_file(path, contact("alpha", title));
    snprintf(temporary, sizeof temporary, "..data_tmp");
    CHECK(symlink(turn, in_tree(temporary)) == 0);
    CHECK(rename(in_tree(temporary), in_tree("..data")) == 0);
}

static void a_configmap_mount_is_read_once_and_swaps(void)
{
    fresh_tree_and_state();
    configmap_turn("..2026_01", "One");
    CHECK(symlink("..data/shop.yaml", in_tree("shop.yaml")) == 0);
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 1);
    CHECK_INT(desired_problems(set)->errors, 0);
    CHECK_TEXT(title_of(set, "alpha"), "One");
    remember(set);
    configmap_turn("..2026_02", "Two");
    CHECK(unlink(in_tree("..2026_01/shop.yaml")) == 0 && rmdir(in_tree("..2026_01")) == 0);
    desired_destroy(set);
    set = read_set();
    CHECK_INT(desired_count(set), 1);
    CHECK_TEXT(title_of(set, "alpha"), "Two");
    desired_destroy(set);
}

static void links_are_followed_beneath_the_root_only(void)
{
    fresh_tree();
    char outside[160];
    snprintf(outside, sizeof outside, "%s/outside.yaml", folder);
    write_file("../outside.yaml", contact("outside", "No"));
    CHECK(mkdir(in_tree("real"), 0700) == 0);
    write_file("real/a.yaml", contact("alpha", "One"));
    CHECK(symlink(outside, in_tree("out.yaml")) == 0);
    CHECK(symlink("../outside.yaml", in_tree("up.yaml")) == 0);
    CHECK(symlink("nowhere", in_tree("gone.yaml")) == 0);
    CHECK(symlink("..", in_tree("real/circle")) == 0);
    CHECK(symlink("real", in_tree("again")) == 0);
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 1);
    CHECK_TEXT(entry_of(set, "alpha")->position_file, in_tree("real/a.yaml"));
    CHECK_INT(desired_problems(set)->errors, 3);
    desired_destroy(set);
}

static void what_is_no_regular_file_is_a_problem_not_a_trap(void)
{
    fresh_tree();
    CHECK(mkfifo(in_tree("pipe.yaml"), 0600) == 0);
    int fd = open(in_tree("big.yaml"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 300 * 1024) == 0);
    close(fd);
    struct desired *set = read_set();
    CHECK_INT(desired_problems(set)->errors, 2);
    CHECK(problem_of(set, "file-too-large") != NULL);
    desired_destroy(set);
}

static void an_ignore_file_leaves_out(void)
{
    fresh_tree_and_state();
    CHECK(mkdir(in_tree("drafts"), 0700) == 0);
    write_file("drafts/a.yaml", contact("alpha", "No"));
    write_file("b.yaml", contact("beta", "Yes"));
    write_file(".certwrightignore", "# not yet\ndrafts/\n");
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 1);
    CHECK(entry_of(set, "beta") != NULL);
    desired_destroy(set);
}

static void patterns_match_as_documented(void)
{
    static const struct {
        const char *patterns, *path;
        bool folder, ignored;
    } cases[] = {
        {"a.yaml", "a.yaml", false, true},
        {"a.yaml", "x/y/a.yaml", false, true},
        {"/a.yaml", "x/a.yaml", false, false},
        {"/a.yaml", "a.yaml", false, true},
        {"x/a.yaml", "x/a.yaml", false, true},
        {"x/a.yaml", "y/x/a.yaml", false, false},
        {"*.bak.yaml", "x/1.bak.yaml", false, true},
        {"x/*.yaml", "x/y/a.yaml", false, false},
        {"x/**/a.yaml", "x/a.yaml", false, true},
        {"x/**/a.yaml", "x/y/z/a.yaml", false, true},
        {"**/a.yaml", "q/a.yaml", false, true},
        {"x/**", "x/y/z.yaml", false, true},
        {"x/**", "x", true, false},
        {"drafts/", "drafts", true, true},
        {"drafts/", "drafts", false, false},
        {"a?.yaml", "ab.yaml", false, true},
        {"a?.yaml", "a.yaml", false, false},
        {"*.yaml\n!keep.yaml", "keep.yaml", false, false},
        {"*.yaml\n!keep.yaml", "b.yaml", false, true},
        {"\\!a", "!a", false, true},
        {"\\#a", "#a", false, true},
        {"# a", "# a", false, false},
        {"  ", "  ", false, false},
        {"a.yaml  ", "a.yaml", false, true},
        {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false},
        {"**/a*/**/b*c", "x/a1/y/z/bbbbbc", false, true},
        {"**/a*/**/b*c", "x/a1/y/z/bbbbb", false, false},
        {"[a]", "a", false, false},
        {"a\r", "a", false, true},
    };
    struct arena *arena = arena_create();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ignore *ignore = ignore_parse(cases[i].patterns, strlen(cases[i].patterns), arena);
        if (ignore_match(ignore, cases[i].path, cases[i].folder) != cases[i].ignored) {
            fprintf(stderr, "\"%s\" and \"%s\"\n", cases[i].patterns, cases[i].path);
            CHECK(false);
        }
    }
    arena_destroy(arena);
}

static void a_vanished_directory_is_a_failure_not_an_empty_set(void)
{
    fresh_tree_and_state();
    struct error err = {0};
    CHECK(rmdir(tree) == 0);
    CHECK(desired_read(&config, NULL, state, &err) == NULL);
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    FILE *file = fopen(tree, "we");
    fclose(file);
    CHECK(desired_read(&config, NULL, state, &err) == NULL);
    CHECK_INT(err.kind, ERROR_SYSTEM);
}

static void files_and_folders_can_be_given(void)
{
    fresh_tree_and_state();
    struct error err = {0};
    CHECK(mkdir(in_tree("team"), 0700) == 0);
    write_file("a.yaml", contact("alpha", "One"));
    write_file("team/b.yaml", contact("beta", "Two"));
    write_file("odd.name", contact("gamma", "Three"));
    write_file("c.yaml", contact("delta", "Not given"));
    const char *given[] = {in_tree("a.yaml"), in_tree("team"), in_tree("odd.name"), in_tree("a.yaml")};
    struct string_list files = {given, 4};
    struct desired *set = desired_read(&config, &files, state, &err);
    CHECK_OK(set != NULL, err);
    CHECK_INT(desired_count(set), 3);
    CHECK_INT(desired_problems(set)->count, 0);
    CHECK_TEXT(title_of(set, "gamma"), "Three");
    remember(set);
    desired_destroy(set);

    given[0] = in_tree("missing.yaml");
    files.count = 1;
    CHECK(desired_read(&config, &files, state, &err) == NULL);
    CHECK_INT(err.kind, ERROR_NOT_FOUND);

    int ends[2], was = dup(STDIN_FILENO);
    CHECK(pipe(ends) == 0 && dup2(ends[0], STDIN_FILENO) == 0);
    const char *text = contact("piped", "Four");
    CHECK(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
    close(ends[0]);
    close(ends[1]);
    given[0] = "-";
    set = desired_read(&config, &files, NULL, &err);
    dup2(was, STDIN_FILENO);
    close(was);
    CHECK_OK(set != NULL, err);
    CHECK_TEXT(title_of(set, "piped"), "Four");
    CHECK_TEXT(entry_of(set, "piped")->position_file, "<stdin>");
    desired_destroy(set);
}

static void what_changed_since_is_read_from_the_last_good_form(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Two"));
    read_and_remember();
    struct desired *set = read_set();
    write_file("a.yaml", contact("alpha", "Later"));
    CHECK(unlink(in_tree("b.yaml")) == 0);
    CHECK_TEXT(title_of(set, "alpha"), "One");
    CHECK_TEXT(title_of(set, "beta"), "Two");
    desired_destroy(set);
}

static void the_commit_of_a_work_tree_is_told(void)
{
    fresh_tree();
    static const char one[] = "0123456789012345678901234567890123456789",
                      two[] = "abcdefabcdabcdefabcdabcdefabcdabcdefabcd";
    char text[300];
    struct desired *set = read_set();
    CHECK(desired_commit(set) == NULL);
    desired_destroy(set);

    CHECK(mkdir(in_tree("../.git"), 0700) == 0);
    write_file("../.git/HEAD", "ref: refs/heads/main\n");
    snprintf(text, sizeof text, "# pack-refs with: peeled\n%s refs/heads/other\n%s refs/heads/main\n", one,
             two);
    write_file("../.git/packed-refs", text);
    set = read_set();
    CHECK_TEXT(desired_commit(set), two);
    desired_destroy(set);

    CHECK(mkdir(in_tree("../.git/refs"), 0700) == 0 && mkdir(in_tree("../.git/refs/heads"), 0700) == 0);
    snprintf(text, sizeof text, "%s\n", one);
    write_file("../.git/refs/heads/main", text);
    set = read_set();
    CHECK_TEXT(desired_commit(set), one);
    desired_destroy(set);

    CHECK(mkdir(in_tree("../.git/worktrees"), 0700) == 0 &&
          mkdir(in_tree("../.git/worktrees/w"), 0700) == 0);
    write_file("../.git/worktrees/w/HEAD", "ref: refs/heads/other\n");
    write_file("../.git/worktrees/w/commondir", "../..\n");
    write_file(".git", "gitdir: ../.git/worktrees/w\n");
    set = read_set();
    CHECK_TEXT(desired_commit(set), one);
    desired_destroy(set);

    write_file(".git", "gitdir: elsewhere\n");
    set = read_set();
    CHECK(desired_commit(set) == NULL);
    desired_destroy(set);
}

static void many_files_make_few_rows_and_one_change_writes_one(void)
{
    fresh_tree_and_state();
    struct error err = {0};
    char name[64];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "c%03d.yaml", i);
        snprintf(paths[0], sizeof paths[0], "c%03d", i);
        write_file(name, contact(paths[0], "One"));
    }
    read_and_remember();
    write_file("c150x.yaml", contact("more", "One"));
    struct desired *set = read_set();
    CHECK_INT(desired_count(set), 301);
    struct state_batch *batch = state_batch_create();
    int64_t before = state_revision(state);
    desired_remember(set, batch);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    CHECK_INT(state_revision(state), before + 1);
    state_batch_destroy(batch);
    desired_destroy(set);
    set = read_set();
    CHECK_INT(remember(set), 0);
    for (size_t i = 1; i < desired_count(set); i++)
        CHECK(strcmp(desired_at(set, i - 1)->name, desired_at(set, i)->name) < 0);
    desired_destroy(set);
}

static int opened(int inotify)
{
    char bytes[4096] __attribute__((aligned(8)));
    int files = 0;
    ssize_t got;
    while ((got = read(inotify, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
            files += !(event->mask & IN_ISDIR);
            at += (ssize_t)sizeof *event + event->len;
        }
    return files;
}

static void unchanged_files_are_not_opened(void)
{
    fresh_tree_and_state();
    write_file("a.yaml", contact("alpha", "One"));
    write_file("b.yaml", contact("beta", "Two"));
    int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(inotify >= 0 && inotify_add_watch(inotify, tree, IN_OPEN) > 0);
    read_and_remember();
    CHECK_INT(opened(inotify), 2);
    read_and_remember(); /* too young to be trusted by their times: opened, compared, not decoded */
    CHECK_INT(opened(inotify), 2);
    poll(NULL, 0, 2100); /* the times of files cannot be turned: the one wait of this test */
    read_and_remember();
    CHECK_INT(opened(inotify), 2);
    struct desired *set = read_set();
    CHECK_INT(opened(inotify), 0);
    CHECK_INT(desired_count(set), 2);
    CHECK_TEXT(title_of(set, "beta"), "Two"); /* asked for: now it is */
    CHECK_INT(opened(inotify), 1);
    desired_destroy(set);
    close(inotify);
}

int main(void)
{
    log_to(-1);
    RUN(all_manifests_of_a_tree_are_read_and_sorted);
    RUN(what_is_remembered_is_the_same_set);
    RUN(a_broken_file_keeps_its_last_good_form);
    RUN(a_resource_that_never_was_good_has_no_form);
    RUN(a_last_good_form_that_is_valid_no_more_is_no_absence);
    RUN(one_broken_document_does_not_hide_its_neighbours);
    RUN(a_resource_moved_out_of_a_broken_file_is_live);
    RUN(moving_a_file_is_no_change_and_removing_it_is_one);
    RUN(two_of_one_name_keep_the_last_good_form);
    RUN(two_of_one_name_at_first_are_none);
    RUN(a_configmap_mount_is_read_once_and_swaps);
    RUN(links_are_followed_beneath_the_root_only);
    RUN(what_is_no_regular_file_is_a_problem_not_a_trap);
    RUN(an_ignore_file_leaves_out);
    RUN(patterns_match_as_documented);
    RUN(a_vanished_directory_is_a_failure_not_an_empty_set);
    RUN(files_and_folders_can_be_given);
    RUN(what_changed_since_is_read_from_the_last_good_form);
    RUN(the_commit_of_a_work_tree_is_told);
    RUN(many_files_make_few_rows_and_one_change_writes_one);
    RUN(unchanged_files_are_not_opened);
    close_state();
    return CHECK_REPORT();
}
