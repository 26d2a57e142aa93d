#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

static struct error err;
static char folder[128];

static void put(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
}

/* Whether the path opens beneath the folder; the error stays in `err`. */
static bool opens(const char *path, bool follow_links)
{
    AUTO(fd) int root = file_open_directory(".", &err);
    memset(&err, 0, sizeof err);
    AUTO(fd) int fd = file_open_beneath(root, path, O_RDONLY, 0, follow_links, &err);
    return fd >= 0;
}

static void opens_only_what_lies_beneath(void)
{
    mkdir("beneath", 0755);
    put("beneath/file", "x", 0644);
    CHECK(symlink("beneath/file", "inside") == 0);
    CHECK(symlink("/etc/passwd", "outside") == 0);
    CHECK(symlink("../../../../../../etc", "up") == 0);
    CHECK(opens("beneath/file", false));
    CHECK(opens("beneath/../beneath/file", false));
    CHECK(opens("inside", true));
    CHECK(!opens("inside", false));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "link") != NULL);
    CHECK(!opens("outside", true));
    CHECK(strstr(err.message, "leads out") != NULL);
    CHECK(!opens("up/passwd", true));
    CHECK(!opens("../x", true));
    CHECK(!opens("/etc/passwd", true));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(!opens("nothing/there", false));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!opens("beneath/file/below", false));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

static void magic_links_are_never_followed(void)
{
    AUTO(fd) int proc = file_open_directory("/proc/self", &err);
    CHECK(proc >= 0);
    AUTO(fd) int fd = file_open_beneath(proc, "cwd/inside", O_RDONLY, 0, true, &err);
    CHECK(fd < 0);
}

static atomic_bool swapping;
static void *swap_folders(void *unused)
{
    (void)unused;
    while (atomic_load(&swapping)) {
        renameat2(AT_FDCWD, "swap", AT_FDCWD, "evil", RENAME_EXCHANGE);
        sched_yield();
    }
    return NULL;
}

static void a_swapped_folder_lets_nothing_escape(void)
{
    pthread_t thread;
    AUTO(fd) int root = file_open_directory(".", &err);
    char outside[160];

    snprintf(outside, sizeof outside, "%s-outside", folder);
    CHECK(mkdir(outside, 0700) == 0);
    CHECK(mkdir("swap", 0700) == 0);
    CHECK(symlink(outside, "evil") == 0);
    atomic_store(&swapping, true);
    CHECK(pthread_create(&thread, NULL, swap_folders, NULL) == 0);
    int made = 0;
    for (int i = 0; i < 20000; i++) {
        char name[64];
        snprintf(name, sizeof name, "swap/f%d", i);
        AUTO(fd)
        int fd = file_open_beneath(root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, false, NULL);
        made += fd >= 0;
    }
    atomic_store(&swapping, false);
    pthread_join(thread, NULL);
    CHECK(made > 0);
    CHECK(rmdir(outside) == 0); /* empty: nothing was written there */
}

static void reads_to_the_end_and_not_beyond_the_limit(void)
{
    AUTO(buffer) struct buffer text = {0};
    put("ten", "0123456789", 0644);
    CHECK_OK(file_read_path("ten", 10, &text, &err), err);
    CHECK_TEXT(buffer_text(&text), "0123456789");
    CHECK(!file_read_path("ten", 9, &text, &err));
    CHECK_TEXT(buffer_text(&text), "0123456789"); /* as before the failed call */
    CHECK(!file_read_path("missing", 9, &text, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!file_read_path(".", 9, &text, &err));
    CHECK(strstr(err.message, "folder") != NULL);
    CHECK(mkfifo("pipe", 0600) == 0);
    CHECK(!file_read_path("pipe", 9, &text, &err)); /* and does not wait for a writer */
}

static void replaces_a_file_whole_with_its_mode(void)
{
    AUTO(fd) int here = file_open_directory(".", &err);
    AUTO(buffer) struct buffer text = {0};
    struct stat status;

    put("replaced", "old", 0600);
    CHECK_OK(file_replace(here, "replaced", "new text", 8, 0640, &err), err);
    CHECK_OK(file_read_path("replaced", 100, &text, &err), err);
    CHECK_TEXT(buffer_text(&text), "new text");
    CHECK(stat("replaced", &status) == 0 && (status.st_mode & 07777) == 0640);
    CHECK(!file_replace(here, "a/b", "x", 1, 0600, &err));
    CHECK(mkdir("taken", 0700) == 0);
    CHECK(!file_replace(here, "taken", "x", 1, 0600, &err));
}

static void what_a_killed_writer_left_goes(void)
{
    AUTO(fd) int here = file_open_directory(".", &err);
    put(".kept.0123", "half", 0600);
    put(".keptnot", "another's", 0600);
    CHECK(mkdir(".kept.folder", 0700) == 0);
    file_remove_leftovers(here, ".kept.");
    CHECK(access(".kept.0123", F_OK) != 0);
    CHECK(access(".keptnot", F_OK) == 0);
    CHECK(access(".kept.folder", F_OK) == 0);
}

static void makes_folders_with_the_mode_stated(void)
{
    struct stat status;
    mode_t before = umask(0077);
    CHECK_OK(file_make_directories("deep/er/still", 0755, &err), err);
    CHECK_OK(file_make_directories("deep/er/still/", 0755, &err), err);
    umask(before);
    CHECK(stat("deep/er/still", &status) == 0 && (status.st_mode & 07777) == 0755);
    put("deep/file", "", 0600);
    CHECK(!file_make_directories("deep/file/x", 0755, &err));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK_OK(file_make_directories("/", 0755, &err), err);
}

static void a_secret_is_for_its_owner_only(void)
{
    AUTO(secret) struct secret *good = NULL;
    put("secret", "s3cret\n", 0600);
    good = file_read_secret("secret", 100, &err);
    CHECK(good != NULL);
    CHECK_TEXT(secret_bytes(good), "s3cret\n");
    CHECK(chmod("secret", 0640) == 0);
    CHECK(file_read_secret("secret", 100, &err) == NULL);
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "chmod go= 'secret'") != NULL);
    CHECK(chmod("secret", 0604) == 0);
    CHECK(file_read_secret("secret", 100, &err) == NULL);
    CHECK(chmod("secret", 0600) == 0);
    CHECK(file_read_secret("secret", 3, &err) == NULL);
    CHECK(symlink("secret", "secret-link") == 0);
    CHECK(file_read_secret("secret-link", 100, &err) == NULL);
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(file_read_secret("secret-missing", 100, &err) == NULL);
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    if (geteuid() == 0) {
        CHECK(chown("secret", 65534, 0) == 0);
        CHECK(file_read_secret("secret", 100, &err) == NULL);
        CHECK(strstr(err.message, "belongs to user 65534") != NULL);
    }
}

static bool named(const char *name, const char *key, const char *should)
{
    memset(&err, 0, sizeof err);
    AUTO(secret) struct secret *secret = file_read_named_secret("secrets", name, key, &err);
    return secret != NULL && strcmp(secret_bytes(secret), should) == 0;
}

static void a_named_secret_is_found_in_both_shapes(void)
{
    CHECK(mkdir("secrets", 0700) == 0 && mkdir("secrets/a", 0700) == 0);
    put("secrets/a/key", "one\n\n", 0400);
    put("secrets/b_key", "two\r\n", 0440);
    put("secrets/c", "a file where a folder might be", 0400);
    put("secrets/c_key", "three", 0400);
    put("secrets/d_key", "open", 0444);
    CHECK(named("a", "key", "one\n"));
    CHECK(named("b", "key", "two"));
    CHECK(named("c", "key", "three"));
    CHECK(!named("d", "key", "open"));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(!named("e", "key", ""));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    CHECK(!named("..", "secret", "") && !named("a/..", "key", "") && !named("a", "", "") &&
          !named(".a", "key", ""));
    CHECK_INT(err.kind, ERROR_MANIFEST);
}

/* <name>/<key> -> ..data/<key>, ..data -> ..2026_11_22: what a mounted secret looks like. */
static void a_kubernetes_mount_is_followed_but_not_outward(void)
{
    CHECK(mkdir("secrets/k", 0755) == 0 && mkdir("secrets/k/..2026_11_22", 0755) == 0);
    put("secrets/k/..2026_11_22/token", "mounted", 0440);
    CHECK(symlink("..2026_11_22", "secrets/k/..data") == 0);
    CHECK(symlink("..data/token", "secrets/k/token") == 0);
    CHECK(named("k", "token", "mounted"));
    put("elsewhere", "not yours", 0400);
    CHECK(symlink("../../elsewhere", "secrets/k/out") == 0);
    CHECK(!named("k", "out", "not yours"));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(chmod("secrets", 0707) == 0);
    CHECK(!named("k", "token", "mounted"));
    CHECK(strstr(err.message, "chmod o-w") != NULL);
    CHECK(chmod("secrets", 01777) == 0);
    CHECK(named("k", "token", "mounted"));
}

int main(void)
{
    char clean[200];
    snprintf(folder, sizeof folder, "%s/certwright-file-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 2;
    RUN(opens_only_what_lies_beneath);
    RUN(magic_links_are_never_followed);
    RUN(a_swapped_folder_lets_nothing_escape);
    RUN(reads_to_the_end_and_not_beyond_the_limit);
    RUN(replaces_a_file_whole_with_its_mode);
    RUN(what_a_killed_writer_left_goes);
    RUN(makes_folders_with_the_mode_stated);
    RUN(a_secret_is_for_its_owner_only);
    RUN(a_named_secret_is_found_in_both_shapes);
    RUN(a_kubernetes_mount_is_followed_but_not_outward);
    snprintf(clean, sizeof clean, "rm -rf '%s'", folder);
    if (chdir("/") != 0 || system(clean) != 0)
        return 2;
    return CHECK_REPORT();
}
