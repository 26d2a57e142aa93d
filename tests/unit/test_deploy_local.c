/* The local deploy target on a real folder: both layouts, rights, files of others, kills at every change of
 * the disk. */
#include "deploy_world.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- places ---------------------------------------------------------------------------------- */

static bool place_is(const char *path, enum target_layout layout, const char *should)
{
    const char *is = NULL;
    spec.path = path;
    spec.layout = layout;
    memset(&err, 0, sizeof err);
    return deploy_place(&config, &target, "team", "shop", "*.example.test", arena, &is, &err) &&
           strcmp(is, at("%s", should)) == 0;
}

static void a_place_is_filled_in_and_never_leaves_the_root(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK(place_is("{namespace}/{name}", LAYOUT_GENERATION, "team/shop"));
    CHECK(place_is("x-{name}-y", LAYOUT_GENERATION, "x-shop-y"));
    CHECK(place_is("{common_name}", LAYOUT_GENERATION, "_.example.test"));
    CHECK(place_is("{name}", LAYOUT_COMBINED, "shop.pem"));
    CHECK(place_is("{name}.pem", LAYOUT_COMBINED, "shop.pem"));
    static const char *const bad[] = {"",    "..",         "../x",  "a/../b", "/etc",    "a//b",    "a/",
                                      "./a", "{nonsense}", "{name", "name}",  "current", "a/gen-3", "a\nb"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!place_is(bad[i], LAYOUT_GENERATION, ""));
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    spec.local.root = "unknown";
    CHECK(!place_is("{name}", LAYOUT_GENERATION, ""));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "roots: {unknown:") != NULL);
}

/* --- the two layouts ------------------------------------------------------------------------- */

static void a_generation_is_published_by_a_link(void)
{
    new_world(LAYOUT_GENERATION);
    mode_t before = umask(0077);
    CHECK_INT(look().current, 0);
    CHECK_INT(count_entries(folder, false), 0); /* looking makes nothing */
    CHECK_OK(deploy(1, 0), err);
    umask(before);
    CHECK_TEXT(text_of(at("default/shop/current/key.pem")), secret_bytes(pairs[1].key));
    CHECK_TEXT(text_of(at("default/shop/current/cert.pem")), pairs[1].leaf);
    CHECK_TEXT(text_of(at("default/shop/current/chain.pem")), chain);
    CHECK_TEXT(text_of(at("default/shop/current/fullchain.pem")),
               arena_printf(arena, "%s%s", pairs[1].leaf, chain));
    CHECK_INT(mode_of(at("default/shop/current/key.pem")), 0600);
    CHECK_INT(mode_of(at("default/shop/current/cert.pem")), 0644);
    CHECK_INT(mode_of(at("default/shop/gen-1")), 0755);
    CHECK_INT(mode_of(at("default")), 0755);
    struct deploy_observation seen = look();
    CHECK_INT(seen.current, 1);
    CHECK_INT(seen.highest, 1);
    CHECK_TEXT(seen.fingerprint, pairs[1].fingerprint);
    CHECK(seen.rights_ok);
    CHECK_TEXT(seen.words, "");
    CHECK_OK(deploy(2, 1), err);
    CHECK_OK(deploy(2, 1), err); /* again is nothing */
    CHECK_INT(look().current, 2);
    CHECK_INT(count_entries(at("default/shop"), false), 3);
}

static void a_combined_file_holds_chain_and_key(void)
{
    new_world(LAYOUT_COMBINED);
    CHECK_OK(deploy(1, 0), err);
    CHECK_TEXT(text_of(at("default/shop.pem")),
               arena_printf(arena, "%s%s%s", pairs[1].leaf, chain, secret_bytes(pairs[1].key)));
    CHECK_INT(mode_of(at("default/shop.pem")), 0600);
    CHECK_OK(deploy(2, 1), err);
    struct deploy_observation seen = look();
    CHECK_INT(seen.current, 2);
    CHECK_TEXT(seen.fingerprint, pairs[2].fingerprint);
    CHECK(seen.rights_ok);
    struct deployment d = deployment(2, 1);
    CHECK_OK(deploy_local.rollback(&ctx, &d, &err), err);
    CHECK_TEXT(look().fingerprint, pairs[1].fingerprint);
    CHECK_INT(count_entries(at("default"), false), 2); /* the file and the folder of its generations */
}

static void a_brought_request_has_no_key_on_the_target(void)
{
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        struct deployment d = deployment(1, 0);
        d.key = NULL;
        d.keyless = true;
        CHECK_OK(deploy_local.stage(&ctx, &d, &err) && deploy_local.publish(&ctx, &d, &err), err);
        CHECK(!exists(at("default/shop/current/key.pem")));
        CHECK(strstr(text_of(at("default/shop.pem")), "PRIVATE") == NULL);
        struct deploy_observation seen = {0};
        CHECK_OK(deploy_local.observe(&ctx, &d, &seen, &err), err);
        CHECK_TEXT(seen.fingerprint, pairs[1].fingerprint);
        CHECK(seen.whole && seen.rights_ok);
    }
}

/* What a server reads is all there, or the generation is not whole: it is neither published nor gone back to. */
static void each_file_that_is_missing_or_changed_is_seen(void)
{
    static const struct {
        enum target_layout layout;
        const char *file;
        bool gone;
    } rows[] = {
        {LAYOUT_GENERATION, "key.pem", true},        {LAYOUT_GENERATION, "cert.pem", true},
        {LAYOUT_GENERATION, "chain.pem", true},      {LAYOUT_GENERATION, "fullchain.pem", true},
        {LAYOUT_GENERATION, "fullchain.pem", false}, {LAYOUT_COMBINED, NULL, false} /* without its key */,
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        new_world(rows[i].layout);
        CHECK_OK(deploy(1, 0) && deploy(2, 1), err);
        CHECK(look().whole);
        struct deployment d = deployment(3, 2);
        struct deploy_observation seen = {0};
        CHECK_OK(deploy_local.observe(&ctx, &d, &seen, &err) && deploy_local.stage(&ctx, &d, &err), err);
        CHECK(seen.previous_whole && seen.previous_not_after > clock_now());
        for (int generation = 2; generation <= 3; generation++) {
            const char *file = rows[i].file != NULL ? at("default/shop/gen-%d/%s", generation, rows[i].file)
                                                    : at("default/shop.generations/gen-%d.pem", generation);
            CHECK(unlink(file) == 0);
            if (!rows[i].gone)
                put(file, pairs[generation].leaf, 0600);
        }
        CHECK(!look().whole && look().words[0] != '\0');
        CHECK_OK(deploy_local.observe(&ctx, &d, &seen, &err), err);
        CHECK(!seen.previous_whole);
        err = (struct error){0};
        CHECK(!deploy_local.publish(&ctx, &d, &err));
        CHECK(err.kind == ERROR_NOT_FOUND || err.kind == ERROR_MALFORMED);
        err = (struct error){0};
        CHECK(!deploy_local.rollback(&ctx, &d, &err));
        CHECK(err.kind == ERROR_NOT_FOUND || err.kind == ERROR_MALFORMED);
        CHECK_INT(look().current, 2);
    }
}

/* Reliability.md 6.4: a pair that has ended is not put back, whenever the way back is taken. */
static void what_has_ended_is_not_gone_back_to(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0) && deploy(2, 1), err);
    struct deployment d = deployment(2, 1);
    clock_turn(look().not_after - clock_now() + 1);
    bool back = deploy_local.rollback(&ctx, &d, &err);
    clock_turn(0);
    CHECK(!back && err.kind == ERROR_CONFLICT && strstr(err.message, "has ended") != NULL);
    CHECK_INT(look().current, 2);
    err = (struct error){0};
    CHECK_OK(deploy_local.rollback(&ctx, &d, &err), err);
    CHECK_INT(look().current, 1);
}

static void a_broken_pair_is_never_staged(void)
{
    new_world(LAYOUT_GENERATION);
    struct deployment d = deployment(1, 0);
    d.key = pairs[2].key;
    CHECK(!deploy_local.stage(&ctx, &d, &err));
    CHECK(strstr(err.message, "does not belong") != NULL);
    d = deployment(1, 0);
    d.fingerprint = pairs[2].fingerprint;
    CHECK(!deploy_local.stage(&ctx, &d, &err));
    d = deployment(1, 0);
    d.chain = other_chain; /* of another authority */
    CHECK(!deploy_local.stage(&ctx, &d, &err));
    CHECK(strstr(err.message, "chain") != NULL);
    CHECK_INT(count_entries(folder, false), 0);
}

static void what_was_changed_on_the_disk_is_not_published(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0), err);
    struct deployment d = deployment(2, 1);
    CHECK_OK(deploy_local.stage(&ctx, &d, &err), err);
    put(at("default/shop/gen-2/key.pem"), secret_bytes(pairs[1].key), 0600);
    CHECK(!deploy_local.publish(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(!deploy_local.stage(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_INT(look().current, 1);
}

static void an_older_generation_needs_a_rollback(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0) && deploy(2, 1), err);
    CHECK(!deploy(1, 0));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    struct deployment d = deployment(2, 0);
    CHECK_OK(deploy_local.rollback(&ctx, &d, &err), err); /* nothing to go back to */
    CHECK_INT(look().current, 2);
    d = deployment(2, 1);
    CHECK_OK(deploy_local.rollback(&ctx, &d, &err), err);
    CHECK_OK(deploy_local.rollback(&ctx, &d, &err), err);
    CHECK_INT(look().current, 1);
    CHECK_INT(look().highest, 2);
    CHECK_TEXT(text_of(at("default/shop/current/key.pem")), secret_bytes(pairs[1].key));
}

/* --- rights ---------------------------------------------------------------------------------- */

static bool stages(void)
{
    struct deployment d = deployment(1, 0);
    memset(&err, 0, sizeof err);
    return deploy_local.stage(&ctx, &d, &err);
}

static void a_key_is_never_opened_wider_than_its_group(void)
{
    static const int bad[] = {0644, 0660, 0604, 0700, 0200, 04600};
    new_world(LAYOUT_GENERATION);
    spec.group = geteuid() == 0 ? "root" : NULL;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        spec.mode = bad[i];
        CHECK(!stages());
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    spec.mode = 0640;
    spec.group = NULL;
    CHECK(!stages());
    CHECK(strstr(err.message, "group") != NULL);
}

static void owners_and_groups_are_those_the_root_is_opened_to(void)
{
    static const char *allowed[] = {"daemon"};
    struct stat status;

    new_world(LAYOUT_GENERATION);
    spec.owner = "no-such-user-here";
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_MANIFEST);
    spec.owner = "daemon";
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "`owners`") != NULL);
    roots[0].owners = roots[0].groups = (struct string_list){.items = allowed, .count = 1};
    spec.group = "daemon";
    spec.mode = 0640;
    if (geteuid() != 0) {
        CHECK(!stages());
        CHECK_INT(err.kind, ERROR_CONFIG);
        CHECK(strstr(err.message, "only root") != NULL);
        CHECK_INT(count_entries(at("default/shop"), false), 0);
        return;
    }
    CHECK_OK(deploy(1, 0), err);
    CHECK(stat(at("default/shop/current/key.pem"), &status) == 0);
    CHECK_INT(status.st_uid, 1);
    CHECK_INT(status.st_gid, 1);
    CHECK_INT(status.st_mode & 07777, 0640);
    CHECK(look().rights_ok);
}

static void rights_that_drifted_are_seen_and_mended(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0), err);
    CHECK(chmod(at("default/shop/gen-1/key.pem"), 0644) == 0);
    struct deploy_observation seen = look();
    CHECK(!seen.rights_ok);
    CHECK(strstr(seen.words, "mode 0644, not 0600") != NULL);
    CHECK_OK(deploy(1, 0), err);
    CHECK(look().rights_ok);
}

static void a_folder_that_others_may_write_is_refused(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK(mkdir(at("default"), 0755) == 0 && chmod(at("default"), 0775) == 0);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "chmod go-w") != NULL);
    CHECK(strstr(look().words, "chmod go-w") != NULL);
    CHECK(chmod(at("default"), 0755) == 0);
    if (geteuid() == 0) {
        CHECK(chown(at("default"), 65534, 65534) == 0);
        CHECK(!stages());
        CHECK(strstr(err.message, "chown") != NULL);
        CHECK(chown(at("default"), 0, 0) == 0);
    }
    CHECK(chmod(folder, 0777) == 0);
    CHECK(!stages());
    CHECK(chmod(folder, 0755) == 0);
    CHECK_OK(stages(), err);
}

static void links_on_the_way_are_not_followed(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK(mkdir(at("elsewhere"), 0755) == 0 && symlink("elsewhere", at("default")) == 0);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(strstr(err.message, "symbolic link") != NULL);
    CHECK_INT(look().current, -1);
    CHECK(unlink(at("default")) == 0);
    put(at("default"), "a file", 0644);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_INT(count_entries(at("elsewhere"), false), 0);
    roots[0].path = at("missing");
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFIG);
}

/* --- what others left ------------------------------------------------------------------------ */

static void files_of_others_stay_unless_taken_over(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK(mkdir(at("default"), 0755) == 0 && mkdir(at("default/shop"), 0755) == 0 &&
          mkdir(at("default/shop/current"), 0755) == 0);
    put(at("default/shop/current/precious"), "by hand", 0600);
    CHECK_INT(look().current, -1);
    CHECK(strstr(look().words, "a folder that certwright did not make") != NULL);
    CHECK(!stages());
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(strstr(err.message, "takeOver") != NULL);
    CHECK_INT(count_entries(at("default/shop"), false), 1);
    spec.take_over = true;
    CHECK_OK(deploy(1, 0), err);
    CHECK_TEXT(text_of(at("default/shop/gen-0/precious")), "by hand");
    CHECK_INT(look().current, 1);
    CHECK_INT(count_entries(at("default/shop"), true), 0);
    for (int i = 2; i < 6; i++)
        CHECK_OK(deploy(i, i - 1), err);
    struct deployment d = deployment(5, 4);
    clock_turn(30 * 86400);
    bool cleaned = deploy_local.clean(&ctx, &d, &err);
    clock_turn(0);
    CHECK_OK(cleaned, err);
    CHECK_TEXT(text_of(at("default/shop/gen-0/precious")), "by hand");
    /* Once more, while the first is still kept. */
    CHECK(unlink(at("default/shop/current")) == 0 && symlink("/etc", at("default/shop/current")) == 0);
    CHECK(!deploy(6, 5));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_INT(look().current, -1);
    CHECK_INT(count_entries(at("default/shop"), true), 0);
}

static void a_combined_file_of_others_is_kept_too(void)
{
    new_world(LAYOUT_COMBINED);
    CHECK(mkdir(at("default"), 0755) == 0);
    put(at("default/shop.pem"), "by hand", 0600);
    CHECK_INT(look().current, -1);
    CHECK(!stages());
    CHECK_TEXT(text_of(at("default/shop.pem")), "by hand");
    spec.take_over = true;
    CHECK_OK(deploy(1, 0), err);
    CHECK_TEXT(text_of(at("default/shop.generations/gen-0.pem")), "by hand");
    CHECK_TEXT(look().fingerprint, pairs[1].fingerprint);
}

static void odd_contents_are_told_in_words(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0), err);
    CHECK(unlink(at("default/shop/gen-1/cert.pem")) == 0);
    struct deploy_observation seen = look();
    CHECK_INT(seen.current, 1);
    CHECK_TEXT(seen.fingerprint, "");
    CHECK(strstr(seen.words, "cert.pem") != NULL);
    put(at("default/shop/gen-1/cert.pem"), "no certificate", 0644);
    CHECK_TEXT(look().fingerprint, "");
    CHECK(unlink(at("default/shop/gen-1/cert.pem")) == 0);
    CHECK(mkfifo(at("default/shop/gen-1/cert.pem"), 0644) == 0);
    CHECK_TEXT(look().fingerprint, ""); /* and does not hang */
    CHECK(unlink(at("default/shop/current")) == 0 &&
          symlink("../../../etc/gen-1", at("default/shop/current")) == 0);
    CHECK_INT(look().current, -1);
    CHECK(unlink(at("default/shop/current")) == 0 && symlink("gen-99", at("default/shop/current")) == 0);
    CHECK_INT(look().current, 99);
    CHECK(strstr(look().words, "missing") != NULL);
}

/* --- clean ----------------------------------------------------------------------------------- */

static void old_generations_go_and_the_newest_stay(void)
{
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        for (int i = 1; i < 7; i++)
            CHECK_OK(deploy(i, i - 1), err);
        struct deployment d = deployment(6, 2);
        CHECK_OK(deploy_local.clean(&ctx, &d, &err), err);
        CHECK(exists(at(layout == LAYOUT_COMBINED ? "default/shop.generations/gen-1.pem"
                                                  : "default/shop/gen-1"))); /* young */
        clock_turn(8 * 86400);
        bool cleaned = deploy_local.clean(&ctx, &d, &err);
        clock_turn(0);
        CHECK_OK(cleaned, err);
        for (int i = 1; i < 7; i++) {
            char name[64];
            snprintf(
                name, sizeof name,
                layout == LAYOUT_COMBINED ? "default/shop.generations/gen-%d.pem" : "default/shop/gen-%d", i);
            CHECK(exists(at("%s", name)) == (i == 2 || i >= 5));
        }
        CHECK_TEXT(look().fingerprint, pairs[6].fingerprint);
    }
}

/* --- killed anywhere ------------------------------------------------------------------------- */

static bool changes_the_disk(unsigned long long number)
{
    static const long numbers[] = {SYS_mkdirat,   SYS_openat,   SYS_write,     SYS_fchmod,
                                   SYS_fchown,    SYS_fsync,    SYS_renameat2, SYS_renameat,
                                   SYS_symlinkat, SYS_unlinkat, SYS_utimensat};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if ((unsigned long long)numbers[i] == number)
            return true;
    return false;
}

/* Run a deployment in a child that is killed before its n-th change. Gives false when it ended by itself. */
static bool deploy_until(int generation, int previous, int count)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(deploy(generation, previous) ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    for (int signal_number = 0;;) {
        CHECK(ptrace(PTRACE_SYSCALL, child, NULL, signal_number) == 0);
        CHECK(waitpid(child, &status, 0) == child);
        if (WIFEXITED(status)) {
            CHECK_INT(WEXITSTATUS(status), 0);
            return false;
        }
        CHECK(WIFSTOPPED(status));
        signal_number = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
        if (signal_number != 0)
            continue;
        struct __ptrace_syscall_info info;
        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0);
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_the_disk(info.entry.nr) || --count > 0)
            continue;
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        return true;
    }
}

static void killed_anywhere_it_serves_a_whole_pair_and_recovers(void)
{
    for (int round = 0; round < 4; round++) {
        enum target_layout layout = round % 2 == 0 ? LAYOUT_GENERATION : LAYOUT_COMBINED;
        bool foreign = round >= 2; /* first deployment, over files of others */
        int kills = 0;
        for (int point = 1;; point++) {
            new_world(layout);
            spec.take_over = foreign;
            const char *published = at(layout == LAYOUT_COMBINED ? "default/shop.pem"
                                                                 : "default/shop/current");
            if (foreign) {
                CHECK(mkdir(at("default"), 0755) == 0 && mkdir(at("default/shop"), 0755) == 0);
                put(published, "by hand", 0600);
            } else {
                CHECK_OK(deploy(1, 0), err);
            }
            int generation = foreign ? 1 : 2;
            bool killed = deploy_until(generation, generation - 1, point);
            kills += killed;
            struct deploy_observation seen = look();
            CHECK(seen.current == generation || seen.current == (foreign ? -1 : 1));
            if (seen.current > 0)
                CHECK_TEXT(seen.fingerprint, pairs[seen.current].fingerprint);
            CHECK(exists(published));
            CHECK_OK(deploy(generation, generation - 1), err); /* the same calls again */
            CHECK_TEXT(look().fingerprint, pairs[generation].fingerprint);
            CHECK_TEXT(look().words, "");
            if (foreign)
                CHECK_TEXT(text_of(at(layout == LAYOUT_COMBINED ? "default/shop.generations/gen-0.pem"
                                                                : "default/shop/gen-0")),
                           "by hand");
            CHECK_INT(count_entries(at("default"), true), 0);
            CHECK_INT(count_entries(
                          at(layout == LAYOUT_COMBINED ? "default/shop.generations" : "default/shop"), true),
                      0);
            CHECK_INT(count_entries(
                          at(layout == LAYOUT_COMBINED ? "default/shop.generations" : "default/shop"), false),
                      layout == LAYOUT_COMBINED ? 2 : 3);
            CHECK(system(arena_printf(arena, "rm -rf '%s'", folder)) == 0);
            if (!killed)
                break;
        }
        CHECK(kills > 10);
    }
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(a_place_is_filled_in_and_never_leaves_the_root);
    RUN(a_generation_is_published_by_a_link);
    RUN(a_combined_file_holds_chain_and_key);
    RUN(a_brought_request_has_no_key_on_the_target);
    RUN(each_file_that_is_missing_or_changed_is_seen);
    RUN(what_has_ended_is_not_gone_back_to);
    RUN(a_broken_pair_is_never_staged);
    RUN(what_was_changed_on_the_disk_is_not_published);
    RUN(an_older_generation_needs_a_rollback);
    RUN(a_key_is_never_opened_wider_than_its_group);
    RUN(owners_and_groups_are_those_the_root_is_opened_to);
    RUN(rights_that_drifted_are_seen_and_mended);
    RUN(a_folder_that_others_may_write_is_refused);
    RUN(links_on_the_way_are_not_followed);
    RUN(files_of_others_stay_unless_taken_over);
    RUN(a_combined_file_of_others_is_kept_too);
    RUN(odd_contents_are_told_in_words);
    RUN(old_generations_go_and_the_newest_stay);
    RUN(killed_anywhere_it_serves_a_whole_pair_and_recovers);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
