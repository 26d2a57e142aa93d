/* The state directory, its lock and the sealed copy.
 *
 * The lock is an open-file-description lock: the kernel frees it with the last descriptor, so it cannot be
 * stale, and closing another descriptor of the same file does not drop it (a POSIX record lock would). What
 * the file says is only for people. */
#include "controller/state_home.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/seal.h"
#include "base/text.h"
#include "controller/state.h"
#include "controller/state_vault.h"

#define COPY_NAME "installation.seal"
#define COPY_LIMIT 4096
#define LOCK_NAME "lock"
enum { DYING_TRIES = 150 };

static const char *user_name(struct arena *arena, uid_t uid)
{
    char space[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, space, sizeof space, &found) == 0 && found != NULL)
        return arena_strdup(arena, entry.pw_name);
    return arena_printf(arena, "%u", (unsigned)uid);
}

bool home_check(const char *directory, bool may_make, struct error *err)
{
    struct stat st;
    if (stat(directory, &st) != 0) {
        if (errno != ENOENT)
            return error_raise(err, ERROR_SYSTEM, "state directory %s: %s", directory, strerror(errno));
        if (!may_make)
            return true;
        if (!file_make_directories(directory, 0700, err))
            return error_prefix(err, "making the state directory");
        if (stat(directory, &st) != 0)
            return error_raise(err, ERROR_SYSTEM, "state directory %s: %s", directory, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode))
        return error_raise(err, ERROR_STATE, "%s is no directory", directory);
    uid_t me = geteuid();
    if (st.st_uid != me && (may_make || me != 0)) { /* root may look at the store of the service's user */
        AUTO(arena) struct arena *arena = arena_create();
        return error_raise(err, ERROR_STATE,
                           "%s belongs to the user %s; run this as that user (sudo -u %s certwright …)",
                           directory, user_name(arena, st.st_uid), user_name(arena, st.st_uid));
    }
    if (st.st_mode & 077)
        return error_raise(err, ERROR_STATE, "%s is open to other users; close it: chmod 0700 %s",
                           directory, directory);
    return true;
}

/* ---- lock ---- */

static int try_lock(int fd, int command, struct flock *lock)
{
    *lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}; /* l_pid must be 0 */
    return fcntl(fd, command, lock);
}

static void read_holder(int fd, char *out, size_t size, int *out_pid)
{
    char text[1024];
    ssize_t length = pread(fd, text, sizeof text, 0);
    struct json *document = length > 0 ? json_parse(text, (size_t)length, NULL) : NULL;
    int64_t pid = -1, since = 0;
    json_int(json_member(document, "pid"), &pid);
    json_int(json_member(document, "since"), &since);
    const char *command = json_string(json_member(document, "command"));
    const char *host = json_string(json_member(document, "host"));
    AUTO(arena) struct arena *arena = arena_create();
    if (document == NULL) /* between taking the lock and writing these lines */
        snprintf(out, size, "another certwright that has just started");
    else
        snprintf(out, size, "certwright %s, pid %lld on %s, since %s",
                 command ? text_clean(arena, command, strlen(command), 40) : "?", (long long)pid,
                 host ? text_clean(arena, host, strlen(host), 64) : "this host",
                 clock_rfc3339(arena, since));
    *out_pid = pid > 0 && pid < INT32_MAX ? (int)pid : -1;
    json_destroy(document);
}

static bool write_holder(int fd, const char *command, struct error *err)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_int_member(&w, "pid", getpid());
    json_string_member(&w, "host", host);
    json_string_member(&w, "command", command);
    json_int_member(&w, "since", clock_now());
    json_string_member(&w, "boot", clock_boot_id());
    json_end_object(&w);
    buffer_putc(&text, '\n');
    bool done = ftruncate(fd, 0) == 0 && pwrite(fd, text.data, text.length, 0) == (ssize_t)text.length;
    buffer_release(&text);
    return done || error_raise(err, ERROR_SYSTEM, "writing the lock file: %s", strerror(errno));
}

/* A holder that was killed while it had a child check its store: the child lets go in a moment. */
static bool dying(int fd, int tries)
{
    char holder[256];
    int pid = 0;
    read_holder(fd, holder, sizeof holder, &pid);
    struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    return tries < DYING_TRIES && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH && nanosleep(&nap, NULL) == 0;
}

static bool taken(const char *directory, int fd, struct error *err)
{
    char holder[256];
    int pid;
    read_holder(fd, holder, sizeof holder, &pid);
    return error_raise(err, ERROR_STATE, "%s is in use by %s", directory, holder);
}

bool home_lock(const char *directory, const char *command, struct home_lock *out, struct error *err)
{
    AUTO(fd) int home = file_open_directory(directory, err);
    if (home < 0)
        return false;
    AUTO(fd) int fd = openat(home, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "%s/" LOCK_NAME ": %s", directory, strerror(errno));
    struct flock lock;
    int tries = 0;
    while (try_lock(fd, F_OFD_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES)
            return error_raise(err, ERROR_SYSTEM, "locking %s: %s", directory, strerror(errno));
        if (!dying(fd, tries++))
            return taken(directory, fd, err);
    }
    bool other = false;
    while ((other = flock(home, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) && dying(fd, tries++)) /* NFS locks no directory */
        ;
    if (other)
        return error_raise(err, ERROR_STATE, "%s is in use by another certwright, and its lock file was removed meanwhile",
                           directory);
    if (!write_holder(fd, command, err))
        return false;
    *out = (struct home_lock){fd, home};
    fd = home = -1;
    return true;
}

void home_unlock(struct home_lock *lock)
{
    fd_release(&lock->directory);
    fd_release(&lock->file);
    *lock = (struct home_lock){-1, -1};
}

char *home_place(const struct home_lock *lock, struct arena *arena)
{
    AUTO(buffer) struct buffer machine = {.limit = 64};
    struct statx st = {0};
    if (!file_read_path("/etc/machine-id", 64, &machine, NULL))
        buffer_clear(&machine);
    statx(lock->file, "", AT_EMPTY_PATH, STATX_BTIME | STATX_INO, &st);
    const char *born = st.stx_mask & STATX_BTIME
                           ? arena_printf(arena, "born/%lld.%09u", (long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec)
                           : arena_printf(arena, "inode/%llu", (unsigned long long)st.stx_ino);
    return arena_printf(arena, "%s %.*s", born, (int)strspn(buffer_text(&machine), "0123456789abcdef"),
                        buffer_text(&machine));
}

int state_lock_holder(const char *directory, char *out, size_t size)
{
    if (size > 0)
        *out = '\0';
    AUTO(fd) int home = file_open_directory(directory, NULL);
    if (home < 0)
        return 0;
    AUTO(fd) int fd = openat(home, LOCK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock;
    if (fd < 0 || try_lock(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    int pid;
    read_holder(fd, out, size, &pid);
    return pid;
}

/* ---- sealed copy ---- */

static const struct span copy_associated = {"certwright installation copy 1", 30};

bool home_copy_exists(const char *audit_directory)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct stat st;
    return lstat(arena_printf(arena, "%s/" COPY_NAME, audit_directory), &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

void home_copy_tidy(const char *audit_directory)
{
    AUTO(fd) int directory = file_open_directory(audit_directory, NULL);
    if (directory >= 0)
        file_remove_leftovers(directory, "." COPY_NAME ".");
}

bool home_copy_read(const char *audit_directory, const struct keyring *ring, struct home_copy *out,
                    struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *path = arena_printf(arena, "%s/" COPY_NAME, audit_directory);
    struct buffer sealed = {0};
    struct span plain = {0};
    struct error why = {0};
    bool opened = file_read_path(path, COPY_LIMIT, &sealed, &why) &&
                  keyring_open(ring, copy_associated, span_of(sealed.data, sealed.length), arena, &plain, &why);
    buffer_release(&sealed);
    if (!opened)
        return error_raise(err, ERROR_STATE, "%s cannot be opened with this sealing key: %s", path,
                           why.message);
    AUTO(json) struct json *document = json_parse(plain.data, plain.length, err);
    const char *installation = json_string(json_member(document, "installation"));
    struct home_copy copy = {0};
    if (installation == NULL || strlen(installation) != 32 ||
        !json_int(json_member(document, "counter"), &copy.counter) ||
        !json_int(json_member(document, "time"), &copy.time))
        return error_raise(err, ERROR_STATE, "%s does not hold what it should", path);
    memcpy(copy.installation, installation, sizeof copy.installation);
    *out = copy;
    return true;
}

bool home_copy_write(const char *audit_directory, const struct seal *key, const struct home_copy *copy,
                     struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "installation", copy->installation);
    json_int_member(&w, "counter", copy->counter);
    json_int_member(&w, "time", copy->time);
    json_end_object(&w);
    struct span sealed;
    bool closed = seal_close(key, copy_associated, span_of(text.data, text.length), arena, &sealed, err);
    buffer_release(&text);
    AUTO(fd) int directory = closed ? file_open_directory(audit_directory, err) : -1;
    return directory >= 0 && file_replace(directory, COPY_NAME, sealed.data, sealed.length, 0600, err);
}
