/* One call of the system fails in a certain way, or somebody else comes between a look and what follows it: what the local
 * target says then, what it leaves, and what it never touches. */
#include "deploy_world.h"

#include "failing_files.h"
#include "failing_users.h"

static bool stages(void)
{
    struct deployment d = deployment(1, 0);
    memset(&err, 0, sizeof err);
    bool ok = deploy_local.stage(&ctx, &d, &err);
    well();
    return ok;
}

static bool publishes(void)
{
    struct deployment d = deployment(1, 0);
    memset(&err, 0, sizeof err);
    bool ok = deploy_local.publish(&ctx, &d, &err);
    well();
    return ok;
}

/* --- owners ---------------------------------------------------------------------------------- */

static void users_are_looked_up_where_the_host_keeps_them(void)
{
    static const char *daemon_alone[] = {"daemon"};
    const int broken[] = {EIO, EMFILE};
    new_world(LAYOUT_GENERATION);
    roots[0].owners = roots[0].groups = (struct string_list){.items = daemon_alone, .count = 1};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        spec.owner = "daemon", spec.group = NULL;
        fail_at("getpwnam_r", 1, broken[i]);
        CHECK(!stages());
        CHECK_INT(err.kind, ERROR_SYSTEM); /* nobody's fault, and tried again */
        spec.owner = NULL, spec.group = "daemon";
        fail_at("getgrnam_r", 1, broken[i]);
        CHECK(!stages());
        CHECK_INT(err.kind, ERROR_SYSTEM);
    }
    spec.owner = "daemon", spec.group = NULL;
    fail_at("getpwnam_r", 1, ENOENT); /* no users at all on this host */
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_MANIFEST);
    spec.owner = NULL, spec.group = "daemon";
    fail_at("getgrnam_r", 1, ENOENT);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_MANIFEST);
    CHECK(strstr(err.message, "no group daemon") != NULL);
    spec.group = "no-such-group-here";
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_MANIFEST);
    spec.group = "daemon";
    roots[0].groups.count = 0;
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "`groups`") != NULL);
    CHECK_INT(count_entries(folder, false), 0);

    struct passwd *own = getpwuid(geteuid()); /* whose the root is needs nobody's word */
    struct group *own_group = getgrgid(getegid());
    roots[0].owners.count = 0;
    spec.owner = own != NULL ? own->pw_name : NULL;
    spec.group = own_group != NULL ? own_group->gr_name : NULL;
    CHECK_OK(stages(), err);
}

static void files_that_cannot_be_given_away_are_not_left_behind(void)
{
    static const char *daemon_alone[] = {"daemon"};
    new_world(LAYOUT_GENERATION);
    roots[0].groups = (struct string_list){.items = daemon_alone, .count = 1};
    spec.group = "daemon";
    fail_at("fchown", 1, EPERM);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "only root") != NULL);
    fail_at("fchown", 1, EIO);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK_INT(count_entries(at("default/shop"), false), 0);
    spec.group = NULL;
    CHECK_OK(stages() && publishes(), err);
    roots[0].owners = roots[0].groups;
    for (int i = 0; i < 2; i++) { /* the manifest was changed */
        spec.owner = i == 0 ? "daemon" : NULL;
        spec.group = i == 0 ? NULL : "daemon";
        struct deploy_observation seen = look();
        CHECK(!seen.rights_ok);
        CHECK(strstr(seen.words, "belongs to user") != NULL);
        CHECK(seen.whole);
    }
}

static void rights_that_cannot_be_mended_are_told(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(stages(), err);
    CHECK(chmod(at("default/shop/gen-1/key.pem"), 0644) == 0);
    fail_at("fchmod", 1, EROFS);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK_OK(stages(), err);
    CHECK_INT(mode_of(at("default/shop/gen-1/key.pem")), 0600);
}

/* --- folders --------------------------------------------------------------------------------- */

static void make_default(void) { CHECK(mkdir(at("default"), 0755) == 0); }
static void put_default(void) { put(at("default"), "of somebody", 0644); }

static void why_a_folder_cannot_be_made_is_told(void)
{
    static const struct {
        int error;
        enum error_kind kind;
    } cases[] = {{EACCES, ERROR_CONFIG}, {EPERM, ERROR_CONFIG},  {EROFS, ERROR_CONFIG},
                 {ENOENT, ERROR_NOT_FOUND}, {ENOSPC, ERROR_SYSTEM}, {EIO, ERROR_SYSTEM}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        new_world(LAYOUT_GENERATION);
        fail_at("mkdirat", 1, cases[i].error);
        CHECK(!stages());
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(strstr(err.message, "cannot make the folder") != NULL);
        CHECK_INT(count_entries(folder, false), 0);
    }
    new_world(LAYOUT_GENERATION);
    happens_before("mkdirat", 1, make_default);
    CHECK_OK(stages(), err); /* another target's, below the same root */
    new_world(LAYOUT_GENERATION);
    happens_before("mkdirat", 1, put_default);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_TEXT(text_of(at("default")), "of somebody");
}

static void a_folder_that_could_not_be_set_up_is_made_again(void)
{
    static const char *const steps[] = {"fchmod", "fsync"};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        new_world(LAYOUT_GENERATION);
        mode_t before = umask(0077);
        fail_at(steps[i], 1, EIO);
        CHECK(!stages());
        CHECK_INT(err.kind, ERROR_SYSTEM);
        CHECK(!exists(at("default")));
        CHECK_OK(stages(), err);
        umask(before);
        CHECK_INT(mode_of(at("default")), 0755); /* a service that is not us gets through */
    }
}

/* --- bytes ----------------------------------------------------------------------------------- */

static const char *staged_key(void)
{
    DIR *open_folder = opendir(at("default/shop"));
    const char *path = NULL;
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        if (strncmp(entry->d_name, ".stage-", 7) == 0)
            path = at("default/shop/%s/key.pem", entry->d_name);
    closedir(open_folder);
    CHECK(path != NULL);
    return path;
}

static void lose_bytes(void) { CHECK(truncate(staged_key(), 20) == 0); }

static void add_bytes(void)
{
    FILE *file = fopen(staged_key(), "a");
    CHECK(file != NULL && fputs("more", file) >= 0 && fclose(file) == 0);
}

static void change_bytes(void)
{
    FILE *file = fopen(staged_key(), "r+");
    CHECK(file != NULL && fputs("+++++", file) >= 0 && fclose(file) == 0);
}

static void a_disk_that_does_not_keep_what_was_written_gets_nothing_published(void)
{
    static void (*const damages[])(void) = {lose_bytes, add_bytes, change_bytes};
    new_world(LAYOUT_GENERATION);
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        happens_before("pread", 1, damages[i]);
        CHECK(!stages());
        CHECK(was_hit());
        CHECK_INT(err.kind, ERROR_SYSTEM);
        CHECK(strstr(err.message, "not to be trusted") != NULL);
        CHECK_INT(count_entries(at("default/shop"), false), 0);
    }
    fail_at("pread", 1, EINTR);
    CHECK_OK(stages(), err); /* a signal is no damage */
    CHECK_TEXT(text_of(at("default/shop/gen-1/key.pem")), secret_bytes(pairs[1].key));
}

static void a_generation_that_is_there_must_be_this_one(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(stages(), err);
    fail_at("pread", 1, EIO); /* unknown is not another: nobody is to move it away */
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_SYSTEM);
    fail_at("openat2", 3, EMFILE);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "gen-1") != NULL);
    const char *path = at("default/shop/gen-1/fullchain.pem");
    const char *texts[] = {arena_printf(arena, "%s%s\n", pairs[1].leaf, chain), pairs[1].leaf, ""};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        put(path, texts[i], 0644);
        CHECK(!stages());
        CHECK_INT(err.kind, ERROR_CONFLICT);
        CHECK_TEXT(text_of(path), texts[i]);
    }
    CHECK(unlink(path) == 0);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFLICT);
}

/* Killed or failed between giving a generation its number and making that durable: the next one must not take it for done,
 * or a link that is durable leads to nothing after the power went. */
static void a_generation_is_durable_before_it_counts_as_staged(void)
{
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        CHECK_OK(deploy(1, 0), err);
        struct deployment d = deployment(2, 1);
        fail_at("fsync", layout == LAYOUT_COMBINED ? 2 : 6, EIO); /* of the pieces, of their folder, of the one above */
        CHECK(!deploy_local.stage(&ctx, &d, &err));
        CHECK(was_hit() && exists(at(layout == LAYOUT_COMBINED ? "default/shop.generations/gen-2.pem" : "default/shop/gen-2")));
        fail_at("fsync", 1, EIO);
        CHECK(!deploy_local.stage(&ctx, &d, &err));
        CHECK(was_hit());
        well();
        CHECK_OK(deploy(2, 1), err);
    }
}

/* --- the published link ---------------------------------------------------------------------- */

static void somebody_puts_a_file(void) { put(at("default/shop.pem"), "by hand", 0600); }

static void what_others_put_there_meanwhile_is_not_written_over(void)
{
    new_world(LAYOUT_COMBINED);
    CHECK_OK(stages(), err);
    happens_before("symlinkat", 1, somebody_puts_a_file);
    CHECK(!publishes());
    CHECK(was_hit());
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_TEXT(text_of(at("default/shop.pem")), "by hand");
    CHECK_INT(count_entries(at("default"), true), 0);
}

static void what_cannot_be_looked_at_does_not_count_as_missing(void)
{
    static const struct {
        const char *call;
        int nth;
    } cases[] = {{"readlinkat", 1}, {"openat", 1}, {"fdopendir", 1}, {"readdir", 1}, {"readdir", 3}, {"fcntl", 1}, {"fcntl", 2}, {"openat2", 1}};
    struct deployment d = deployment(1, 0);
    struct deploy_observation seen;
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        CHECK_OK(deploy(1, 0), err);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            fail_at(cases[i].call, cases[i].nth, EMFILE);
            CHECK(!deploy_local.observe(&ctx, &d, &seen, &err));
            CHECK(was_hit());
            CHECK_INT(err.kind, ERROR_SYSTEM);
        }
        fail_at("fstatat", 1, EIO);
        CHECK(!deploy_local.observe(&ctx, &d, &seen, &err));
        CHECK_INT(err.kind, ERROR_SYSTEM);
        well();
        CHECK_INT(look().current, 1);
    }
}

static void a_link_of_ours_is_not_kept_as_a_file_of_others(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0), err);
    CHECK(symlink("gen-1", at("default/shop/.current.link-aaaa")) == 0); /* left by a crash */
    struct deployment d = deployment(1, 0);
    fail_at("readlinkat", 1, EIO);
    CHECK_OK(deploy_local.publish(&ctx, &d, &err), err);
    CHECK(was_hit());
    CHECK(!exists(at("default/shop/gen-0")));
    well();
    CHECK_OK(deploy(1, 0), err);
    CHECK_INT(count_entries(at("default/shop"), true), 0);
}

/* --- cleaning -------------------------------------------------------------------------------- */

static void cleaning_says_when_it_could_not(void)
{
    static const char *const calls_of_it[] = {"fstatat", "openat2", "fsync", "fstat"};
    struct deployment d = deployment(2, 1);
    new_world(LAYOUT_COMBINED);
    CHECK_OK(deploy_local.clean(&ctx, &d, &err), err); /* nothing there, nothing to do */
    CHECK_OK(deploy(1, 0) && deploy(2, 1), err);
    for (size_t i = 0; i < COUNT_OF(calls_of_it); i++) {
        fail_at(calls_of_it[i], 1, EIO);
        CHECK(!deploy_local.clean(&ctx, &d, &err));
        CHECK(was_hit());
        CHECK_INT(err.kind, ERROR_SYSTEM);
    }
    well();
    target.position.line = 7;
    spec.owner = "no-such-user-here";
    CHECK(!deploy_local.clean(&ctx, &d, &err));
    CHECK_INT(err.manifest.line, 7);
    CHECK(!deploy_local.clean(&ctx, &d, NULL));
    CHECK_TEXT(text_of(at("default/shop.pem")) + strlen(pairs[2].leaf) + strlen(chain), secret_bytes(pairs[2].key));
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(users_are_looked_up_where_the_host_keeps_them);
    RUN(files_that_cannot_be_given_away_are_not_left_behind);
    RUN(rights_that_cannot_be_mended_are_told);
    RUN(why_a_folder_cannot_be_made_is_told);
    RUN(a_folder_that_could_not_be_set_up_is_made_again);
    RUN(a_disk_that_does_not_keep_what_was_written_gets_nothing_published);
    RUN(a_generation_that_is_there_must_be_this_one);
    RUN(a_generation_is_durable_before_it_counts_as_staged);
    RUN(what_others_put_there_meanwhile_is_not_written_over);
    RUN(what_cannot_be_looked_at_does_not_count_as_missing);
    RUN(a_link_of_ours_is_not_kept_as_a_file_of_others);
    RUN(cleaning_says_when_it_could_not);
    well();
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
