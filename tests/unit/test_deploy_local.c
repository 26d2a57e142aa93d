/* The local deploy target on a real folder: both layouts, rights, files of others, kills at every change of the disk. */
#include "check.h"
#include "make_x509.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/x509.h"
#include "reconcilers/deploy/deploy.h"
#include "schema/operator.h"

static struct arena *arena;
static struct error err;
static char base[128];

/* --- a world of one root, one target, and a certificate with its renewals --------------------------------- */

struct pair {
    struct made made;
    const struct secret *key;
    const char *leaf, *fingerprint;
};
static struct made root_ca, middle_ca, other_ca;
static const char *chain, *other_chain;
static struct pair pairs[7]; /* by generation, from 1 */

static struct deploy_root roots[2];
static struct reload_profile profiles[1];
static struct operator_config config;
static struct deploy_target spec;
static struct resource target;
static struct context ctx;
static char folder[160];
static int worlds;

static const char *at(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *path = arena_vprintf(arena, format, args);
    va_end(args);
    return arena_printf(arena, "%s/%s", folder, path);
}

static void make_pairs(void)
{
    root_ca = make_x509((struct recipe){.cn = "Root", .ca = true});
    middle_ca = make_x509((struct recipe){.cn = "Middle", .ca = true, .issuer = &root_ca});
    other_ca = make_x509((struct recipe){.cn = "Other", .ca = true, .issuer = &root_ca});
    chain = made_pem(&middle_ca, arena);
    other_chain = made_pem(&other_ca, arena);
    for (size_t i = 1; i < COUNT_OF(pairs); i++) {
        struct x509_info info;
        pairs[i].made = make_x509((struct recipe){.cn = "shop.example.test", .san = "DNS:shop.example.test,DNS:*.example.test",
                                                  .issuer = &middle_ca});
        pairs[i].leaf = made_pem(&pairs[i].made, arena);
        const char *key = made_key_pem(pairs[i].made.key, arena);
        pairs[i].key = secret_create(key, strlen(key));
        CHECK_OK(x509_parse(pairs[i].leaf, arena, &info, &err), err);
        pairs[i].fingerprint = info.fingerprint;
    }
}

static void new_world(enum target_layout layout)
{
    snprintf(folder, sizeof folder, "%s/w%d", base, ++worlds);
    CHECK(mkdir(folder, 0755) == 0);
    roots[0] = (struct deploy_root){.name = "certs", .path = folder};
    profiles[0] = (struct reload_profile){.name = "service", .timeout_s = 30};
    config = (struct operator_config){.roots = roots, .root_count = 1, .profiles = profiles, .profile_count = 1};
    spec = (struct deploy_target){.local = {.root = "certs"}, .path = "{namespace}/{name}", .layout = layout, .mode = 0600};
    target = (struct resource){.kind = KIND_DEPLOY_TARGET, .namespace_ = "default", .name = "web", .deploy_target = &spec};
    ctx = (struct context){.arena = arena, .config = &config};
    memset(&err, 0, sizeof err);
}

static struct deployment deployment(int generation, int previous)
{
    static const char *names[] = {"shop.example.test", "*.example.test"};
    return (struct deployment){
        .target = &target, .namespace_ = "default", .name = "shop", .common_name = "shop.example.test",
        .names = {.items = names, .count = 2}, .generation = generation, .previous = previous,
        .fingerprint = pairs[generation].fingerprint, .previous_fingerprint = previous > 0 ? pairs[previous].fingerprint : "",
        .key = pairs[generation].key, .leaf = pairs[generation].leaf, .chain = chain,
    };
}

static bool deploy(int generation, int previous)
{
    struct deployment d = deployment(generation, previous);
    memset(&err, 0, sizeof err);
    return deploy_local.stage(&ctx, &d, &err) && deploy_local.publish(&ctx, &d, &err);
}

static struct deploy_observation look(void)
{
    struct deployment d = deployment(1, 0);
    struct deploy_observation seen = {0};
    CHECK_OK(deploy_local.observe(&ctx, &d, &seen, &err), err);
    return seen;
}

static const char *text_of(const char *path)
{
    char text[65536];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return "";
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    return arena_strndup(arena, text, length);
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (unsigned)status.st_mode & 07777 : 0xFFFF;
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0);
}

static int count_entries(const char *path, bool hidden_only)
{
    DIR *open_folder = opendir(path);
    int count = 0;
    if (open_folder == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && (!hidden_only || entry->d_name[0] == '.');
    closedir(open_folder);
    return count;
}

/* --- places --------------------------------------------------------------------------------------------- */

static bool place_is(const char *path, enum target_layout layout, const char *should)
{
    const char *is = NULL;
    spec.path = path;
    spec.layout = layout;
    memset(&err, 0, sizeof err);
    return deploy_place(&config, &target, "team", "shop", "*.example.test", arena, &is, &err) && strcmp(is, at("%s", should)) == 0;
}

static void a_place_is_filled_in_and_never_leaves_the_root(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK(place_is("{namespace}/{name}", LAYOUT_GENERATION, "team/shop"));
    CHECK(place_is("x-{name}-y", LAYOUT_GENERATION, "x-shop-y"));
    CHECK(place_is("{common_name}", LAYOUT_GENERATION, "_.example.test"));
    CHECK(place_is("{name}", LAYOUT_COMBINED, "shop.pem"));
    CHECK(place_is("{name}.pem", LAYOUT_COMBINED, "shop.pem"));
    static const char *const bad[] = {"", "..", "../x", "a/../b", "/etc", "a//b", "a/", "./a", "{nonsense}", "{name", "name}",
                                      "current", "a/gen-3", "a\nb"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!place_is(bad[i], LAYOUT_GENERATION, ""));
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    spec.local.root = "unknown";
    CHECK(!place_is("{name}", LAYOUT_GENERATION, ""));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "roots: {unknown:") != NULL);
}

/* --- the two layouts ------------------------------------------------------------------------------------ */

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
    CHECK_TEXT(text_of(at("default/shop/current/fullchain.pem")), arena_printf(arena, "%s%s", pairs[1].leaf, chain));
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
    CHECK_TEXT(text_of(at("default/shop.pem")), arena_printf(arena, "%s%s%s", pairs[1].leaf, chain, secret_bytes(pairs[1].key)));
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
        CHECK_OK(deploy_local.stage(&ctx, &d, &err) && deploy_local.publish(&ctx, &d, &err), err);
        CHECK(!exists(at("default/shop/current/key.pem")));
        CHECK(strstr(text_of(at("default/shop.pem")), "PRIVATE") == NULL);
        CHECK_TEXT(look().fingerprint, pairs[1].fingerprint);
        CHECK(look().rights_ok);
    }
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

/* --- rights --------------------------------------------------------------------------------------------- */

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

/* --- what others left ------------------------------------------------------------------------------------ */

static void files_of_others_stay_unless_taken_over(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK(mkdir(at("default"), 0755) == 0 && mkdir(at("default/shop"), 0755) == 0 && mkdir(at("default/shop/current"), 0755) == 0);
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
    CHECK(unlink(at("default/shop/current")) == 0 && symlink("../../../etc/gen-1", at("default/shop/current")) == 0);
    CHECK_INT(look().current, -1);
    CHECK(unlink(at("default/shop/current")) == 0 && symlink("gen-99", at("default/shop/current")) == 0);
    CHECK_INT(look().current, 99);
    CHECK(strstr(look().words, "missing") != NULL);
}

/* --- clean ---------------------------------------------------------------------------------------------- */

static void old_generations_go_and_the_newest_stay(void)
{
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        for (int i = 1; i < 7; i++)
            CHECK_OK(deploy(i, i - 1), err);
        struct deployment d = deployment(6, 2);
        CHECK_OK(deploy_local.clean(&ctx, &d, &err), err);
        CHECK(exists(at(layout == LAYOUT_COMBINED ? "default/shop.generations/gen-1.pem" : "default/shop/gen-1"))); /* young */
        clock_turn(8 * 86400);
        bool cleaned = deploy_local.clean(&ctx, &d, &err);
        clock_turn(0);
        CHECK_OK(cleaned, err);
        for (int i = 1; i < 7; i++) {
            char name[64];
            snprintf(name, sizeof name, layout == LAYOUT_COMBINED ? "default/shop.generations/gen-%d.pem" : "default/shop/gen-%d", i);
            CHECK(exists(at("%s", name)) == (i == 2 || i >= 5));
        }
        CHECK_TEXT(look().fingerprint, pairs[6].fingerprint);
    }
}

/* --- killed anywhere ------------------------------------------------------------------------------------- */

static bool changes_the_disk(unsigned long long number)
{
    static const long numbers[] = {SYS_mkdirat, SYS_openat, SYS_write, SYS_fchmod, SYS_fchown, SYS_fsync, SYS_renameat2,
                                   SYS_renameat, SYS_symlinkat, SYS_unlinkat, SYS_utimensat};
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
            const char *published = at(layout == LAYOUT_COMBINED ? "default/shop.pem" : "default/shop/current");
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
                CHECK_TEXT(text_of(at(layout == LAYOUT_COMBINED ? "default/shop.generations/gen-0.pem" : "default/shop/gen-0")),
                           "by hand");
            CHECK_INT(count_entries(at("default"), true), 0);
            CHECK_INT(count_entries(at(layout == LAYOUT_COMBINED ? "default/shop.generations" : "default/shop"), true), 0);
            CHECK_INT(count_entries(at(layout == LAYOUT_COMBINED ? "default/shop.generations" : "default/shop"), false),
                      layout == LAYOUT_COMBINED ? 2 : 3);
            CHECK(system(arena_printf(arena, "rm -rf '%s'", folder)) == 0);
            if (!killed)
                break;
        }
        CHECK(kills > 10);
    }
}

/* --- reload --------------------------------------------------------------------------------------------- */

static bool reloads(const char *check, const char *reload, int64_t timeout_s)
{
    const char *check_vector[] = {"/bin/sh", "-c", check}, *reload_vector[] = {"/bin/sh", "-c", reload};
    profiles[0].check = (struct string_list){.items = check_vector, .count = check != NULL ? 3 : 0};
    profiles[0].reload = (struct string_list){.items = reload_vector, .count = 3};
    profiles[0].timeout_s = timeout_s;
    struct deployment d = deployment(1, 0);
    memset(&err, 0, sizeof err);
    return deploy_local.reload(&ctx, &d, &err);
}

static void a_reload_follows_its_profile(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(reloads(NULL, "exit 1", 5), err); /* the target names none */
    spec.reload.profile = "unknown";
    CHECK(!reloads(NULL, "true", 5));
    CHECK_INT(err.kind, ERROR_CONFIG);
    spec.reload.profile = "service";
    CHECK_OK(reloads("true", "true", 5), err);
    const char *mark = at("reloaded");
    CHECK(!reloads("echo 'first line'; echo; echo 'bad line 7' >&2; exit 2", arena_printf(arena, "touch '%s'", mark), 5));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "first line / bad line 7") != NULL);
    CHECK(!exists(mark)); /* what does not pass the check is not reloaded */
    CHECK_OK(reloads("true", arena_printf(arena, "touch '%s'", mark), 5), err);
    CHECK(exists(mark));
    CHECK(!reloads(NULL, "kill -9 $$", 5));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(!reloads(NULL, "echo stuck; exec sleep 1000", 1));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "stuck") != NULL);
}

/* --- probe ---------------------------------------------------------------------------------------------- */

struct server {
    int fd, port, connections;
    SSL_CTX *tls;
    pthread_t thread;
};

static void *serve(void *argument)
{
    struct server *server = argument;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        SSL *ssl = SSL_new(server->tls);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            char drop[16];
            SSL_shutdown(ssl);
            SSL_read(ssl, drop, sizeof drop);
        }
        SSL_free(ssl);
        close(fd);
        server->connections++;
    }
}

static void start_server(struct server *server, const struct pair *pair, const struct made *intermediate)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    *server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .tls = SSL_CTX_new(TLS_server_method())};
    CHECK(bind(server->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(server->fd, 8) == 0);
    CHECK(getsockname(server->fd, (struct sockaddr *)&address, &length) == 0);
    server->port = ntohs(address.sin_port);
    CHECK(SSL_CTX_use_certificate(server->tls, pair->made.certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(server->tls, pair->made.key) == 1);
    if (intermediate != NULL)
        CHECK(SSL_CTX_add1_chain_cert(server->tls, intermediate->certificate) == 1);
    CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    SSL_CTX_free(server->tls);
}

static bool probes(int served, const struct made *intermediate, bool chain_given)
{
    struct server server;
    struct deployment d = deployment(2, 1);
    if (!chain_given)
        d.chain = NULL;
    start_server(&server, &pairs[served], intermediate);
    spec.probe.address = arena_printf(arena, "127.0.0.1:%d", server.port);
    memset(&err, 0, sizeof err);
    bool good = deploy_local.probe(&ctx, &d, &err);
    stop_server(&server);
    CHECK(!good || server.connections == 2); /* one for each name */
    return good;
}

static void a_probe_believes_only_what_is_served(void)
{
    new_world(LAYOUT_GENERATION);
    struct deployment d = deployment(2, 1);
    CHECK_OK(deploy_local.probe(&ctx, &d, &err), err); /* the target names no endpoint */
    CHECK_OK(probes(2, &middle_ca, true), err);
    CHECK(!probes(1, &middle_ca, true));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "still the former") != NULL);
    CHECK(!probes(3, &middle_ca, true));
    CHECK(strstr(err.message, "another certificate") != NULL);
    CHECK(!probes(2, &other_ca, true));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "chain") != NULL);
    CHECK(!probes(2, NULL, true));
    CHECK(strstr(err.message, "fullchain.pem") != NULL);
    /* Without a chain from the caller, what lies at the published path counts. */
    CHECK_OK(deploy(2, 0), err);
    CHECK(!probes(2, &other_ca, false));
    CHECK_OK(probes(2, &middle_ca, false), err);
}

static void a_probe_goes_only_where_it_may(void)
{
    struct deployment d = deployment(1, 0);
    new_world(LAYOUT_GENERATION);
    static const char *const nonsense[] = {"443", ":443", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "::1:443x", "127.0.0.1:99999"};
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        spec.probe.address = nonsense[i];
        CHECK(!deploy_local.probe(&ctx, &d, &err));
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    spec.probe.address = "10.255.255.254:443"; /* private, and not this host's */
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "allowAddresses") != NULL);
    spec.probe.address = "169.254.169.254:80";
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);

    struct server server; /* the operator may say where a name is */
    start_server(&server, &pairs[1], &middle_ca);
    struct name_pair resolve = {.name = "shop.example.test:443", .value = arena_printf(arena, "127.0.0.1:%d", server.port)};
    config.resolve = &resolve;
    config.resolve_count = 1;
    spec.probe.address = "shop.example.test:443";
    spec.probe.server_name = "shop.example.test";
    bool good = deploy_local.probe(&ctx, &d, &err);
    stop_server(&server);
    CHECK_OK(good, err);
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

/* --- challenge files --------------------------------------------------------------------------------------- */

#define CHALLENGE "site/html/.well-known/pki-validation"

static void challenge_world(void)
{
    new_world(LAYOUT_GENERATION);
    spec.challenge_http.root = "certs";
    spec.challenge_http.webroot = "site/html";
    CHECK(mkdir(at("site"), 0755) == 0 && mkdir(at("site/html"), 0755) == 0);
}

static bool presents(const char *name, const char *content)
{
    memset(&err, 0, sizeof err);
    return deploy_local.challenge_present(&ctx, &target, name, content, &err);
}

static bool removes(const char *name, const char *content)
{
    memset(&err, 0, sizeof err);
    return deploy_local.challenge_absent(&ctx, &target, name, content, &err);
}

static void a_challenge_file_comes_and_goes_without_a_trace(void)
{
    challenge_world();
    mode_t before = umask(0077);
    CHECK_OK(presents("ABC.txt", "one\ntwo\n"), err);
    umask(before);
    CHECK_OK(presents("ABC.txt", "one\ntwo\n"), err);
    CHECK_TEXT(text_of(at(CHALLENGE "/ABC.txt")), "one\ntwo\n");
    CHECK_INT(mode_of(at(CHALLENGE "/ABC.txt")), 0644);
    CHECK_INT(mode_of(at(CHALLENGE)), 0755);
    CHECK_OK(presents("second.txt", "x"), err);
    CHECK_OK(removes("ABC.txt", "one\ntwo\n"), err);
    CHECK(exists(at(CHALLENGE "/second.txt")));
    put(at(CHALLENGE "/.second.txt.new"), "left by a crash", 0600);
    CHECK_OK(removes("second.txt", "x"), err);
    CHECK_OK(removes("second.txt", "x"), err);
    CHECK_INT(count_entries(at("site/html"), false), 0);
    spec.challenge_http.webroot = "";
    CHECK_OK(presents("a", "b"), err);
    CHECK(exists(at(".well-known/pki-validation/a")));
}

static void a_challenge_file_of_others_is_not_touched(void)
{
    challenge_world();
    CHECK_OK(presents("ABC.txt", "theirs"), err);
    CHECK(!presents("ABC.txt", "ours"));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_OK(removes("ABC.txt", "ours"), err);
    CHECK_TEXT(text_of(at(CHALLENGE "/ABC.txt")), "theirs");
    put(at("outside"), "ours", 0644);
    CHECK(symlink("../../../../outside", at(CHALLENGE "/link.txt")) == 0);
    CHECK(!presents("link.txt", "ours"));
    CHECK_INT(err.kind, ERROR_CONFLICT);
}

static void a_challenge_never_leaves_its_folder(void)
{
    static const char *const names[] = {"", ".", "..", ".htaccess", "a/b", "../x", "a b", "a\nb", "ä"};
    char longest[140];
    challenge_world();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(!presents(names[i], "x") && !removes(names[i], "x"));
    memset(longest, 'a', sizeof longest);
    longest[129] = '\0';
    CHECK(!presents(longest, "x"));
    longest[128] = '\0';
    CHECK_OK(presents(longest, "x"), err);
    CHECK(!presents("ok", "<?php \x01") && !presents("ok", "\xC3\xA4"));
    char *large = arena_alloc(arena, 5000);
    memset(large, 'x', 4097);
    CHECK(!presents("ok", large));
    large[4096] = '\0';
    CHECK_OK(presents("ok", large), err);

    spec.challenge_http.webroot = "../..";
    CHECK(!presents("ok", "x"));
    CHECK_INT(err.kind, ERROR_MANIFEST);
    spec.challenge_http.webroot = "not/there";
    CHECK(!presents("ok", "x"));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(symlink("/tmp", at("away")) == 0);
    spec.challenge_http.webroot = "away";
    CHECK(!presents("ok", "x"));
    spec.challenge_http.root = "closed";
    CHECK(!presents("ok", "x"));
    CHECK_INT(err.kind, ERROR_CONFIG);
}

static void *present_and_remove(void *argument)
{
    struct context own = ctx;
    own.arena = arena_create();
    int bad = 0;
    for (int i = 0; i < 50; i++) {
        char name[32];
        struct error why = {0};
        snprintf(name, sizeof name, "t%d.txt", *(int *)argument);
        bad += !deploy_local.challenge_present(&own, &target, name, "content", &why);
        bad += !deploy_local.challenge_absent(&own, &target, name, "content", &why);
    }
    arena_destroy(own.arena);
    *(int *)argument = bad;
    return NULL;
}

static void challenges_of_several_workers_do_not_disturb_each_other(void)
{
    pthread_t threads[3];
    int numbers[] = {1, 2, 3};
    challenge_world();
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, present_and_remove, &numbers[i]) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(numbers[0] + numbers[1] + numbers[2], 0);
    CHECK_INT(count_entries(at("site/html"), false), 0);
}

int main(void)
{
    arena = arena_create();
    snprintf(base, sizeof base, "%s/certwright-deploy-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(base) == NULL)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    RUN(make_pairs);
    RUN(a_place_is_filled_in_and_never_leaves_the_root);
    RUN(a_generation_is_published_by_a_link);
    RUN(a_combined_file_holds_chain_and_key);
    RUN(a_brought_request_has_no_key_on_the_target);
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
    RUN(a_reload_follows_its_profile);
    RUN(a_probe_believes_only_what_is_served);
    RUN(a_probe_goes_only_where_it_may);
    RUN(a_challenge_file_comes_and_goes_without_a_trace);
    RUN(a_challenge_file_of_others_is_not_touched);
    RUN(a_challenge_never_leaves_its_folder);
    RUN(challenges_of_several_workers_do_not_disturb_each_other);
    for (size_t i = 1; i < COUNT_OF(pairs); i++) {
        unmake_x509(pairs[i].made);
        secret_destroy((struct secret *)pairs[i].key);
    }
    unmake_x509(root_ca);
    unmake_x509(middle_ca);
    unmake_x509(other_ca);
    if (system(arena_printf(arena, "rm -rf '%s'", base)) != 0)
        return 2;
    arena_destroy(arena);
    return CHECK_REPORT();
}
