/* What lies on this host: directories and their rights, the sealing key, the store, the controller, room and
 * limits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/seal.h"
#include "controller/doctor_internal.h"
#include "controller/state.h"
#include "controller/state_home.h"

enum { ROOM_FAIL_MB = 16, ROOM_WARN_MB = 256, FILES_LEAST = 256 };

/* ---- directories ---- */

static bool is_there(const char *path, struct stat *out) { return stat(path, out) == 0; }

static void look_at_state_directory(struct doctor *d)
{
    const char *path = d->ctx->config.state_directory;
    struct error err = {0};
    struct stat st;
    if (!home_check(path, false, &err))
        doctor_add_error(d, "state", path, &err, "the message says how");
    else if (!is_there(path, &st))
        doctor_add(d, "state", path, CHECK_WARN,
                   "not there yet: the first command that changes anything makes it",
                   "nothing, on a first start; else bring it back from its backup");
    else if (st.st_uid == geteuid() && access(path, W_OK) != 0)
        doctor_add(d, "state", path, CHECK_NO, "it cannot be written",
                   arena_printf(d->arena, "chmod 0700 %s; is the disk mounted read-only?", path));
    else
        doctor_add(d, "state", path, CHECK_YES, "0700, of one user", NULL);
}

static void look_at_audit_directory(struct doctor *d)
{
    const char *path = d->ctx->config.audit_directory;
    struct stat st;
    if (!is_there(path, &st))
        doctor_add(d, "audit", path, CHECK_WARN,
                   "not there yet: the first command that changes anything makes it",
                   "nothing, on a first start");
    else if (access(path, W_OK) != 0)
        doctor_add(d, "audit", path, CHECK_NO,
                   "it cannot be written, and nothing is done that cannot be written down",
                   arena_printf(d->arena, "give it to the user that runs certwright: chown USER %s", path));
    else
        doctor_add(d, "audit", path, CHECK_YES, "it can be written", NULL);
}

static void look_at_secrets(struct doctor *d)
{
    const char *path = d->ctx->config.secrets_directory;
    struct stat st;
    if (!is_there(path, &st))
        doctor_add(d, "secrets", path, CHECK_WARN, "not there: no credential can be read",
                   arena_printf(d->arena, "install -d -m 700 %s, then one file a credential in it", path));
    else if (st.st_mode & 022)
        doctor_add(d, "secrets", path, CHECK_NO, "others can write in it",
                   arena_printf(d->arena, "chmod 0700 %s", path));
    else if (access(path, R_OK | X_OK) != 0)
        doctor_add(d, "secrets", path, CHECK_NO, "it cannot be read by the user that runs this",
                   arena_printf(d->arena, "chown it to the user that runs certwright: %s", path));
    else
        doctor_add(d, "secrets", path, CHECK_YES,
                   arena_printf(d->arena, "mode %04o", (unsigned)st.st_mode & 07777), NULL);
}

static void look_at_key(struct doctor *d)
{
    const char *path = d->ctx->config.sealing_key_file;
    const char *data = arena_printf(d->arena, "%s/data.mdb", d->ctx->config.state_directory);
    struct error err = {0};
    struct stat st;
    AUTO(seal)
    struct seal *key = seal_load(path, &err);
    if (key != NULL)
        doctor_add(d, "sealing key", path, CHECK_YES, "it reads well; is it backed up, apart from the store?",
                   NULL);
    else if (err.kind == ERROR_NOT_FOUND && !is_there(data, &st))
        doctor_add(d, "sealing key", path, CHECK_WARN,
                   "not there yet: the first command that changes anything makes it",
                   "nothing, on a first start; then back it up");
    else if (err.kind == ERROR_NOT_FOUND)
        doctor_add(d, "sealing key", path, CHECK_NO,
                   "it is missing, and the store cannot be opened without it",
                   "put the key back from its backup");
    else
        doctor_add_error(
            d, "sealing key", path, &err,
            arena_printf(d->arena,
                         "64 hexadecimal digits, mode 0400, of the user that runs certwright: chmod 0400 %s",
                         path));
}

/* ---- store and controller ---- */

static void look_at_store(struct doctor *d)
{
    struct error err = {0};
    struct state_options options = command_state_options(d->ctx, false, NULL);
    command_catch_damage(true);
    d->about = "store";
    d->state = state_open(&options, &err);
    if (d->state == NULL)
        doctor_add_error(d, "store", "", &err, "the message says how; docs/state.md has backup and restore");
    else if (state_installation(d->state)[0] == '\0')
        doctor_add(d, "store", "", CHECK_WARN, "there is none yet", "nothing, on a first start");
    else
        doctor_add(d, "store", "", CHECK_YES,
                   arena_printf(d->arena, "installation %.8s…, revision %lld, %lld recorded paid steps",
                                state_installation(d->state), (long long)state_revision(d->state),
                                (long long)state_paid_count(d->state)),
                   NULL);
}

/* Whether a child of the process is the helper that watches. Kernels without CONFIG_PROC_CHILDREN do not
 * tell. */
static enum check_outcome has_watch(struct arena *arena, int pid)
{
    FILE *file = fopen(arena_printf(arena, "/proc/%d/task/%d/children", pid, pid), "re");
    char line[4096] = "";
    if (file == NULL)
        return CHECK_UNKNOWN;
    size_t got = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[got] = '\0';
    struct string_list pids = text_split(arena, line, ' ');
    for (size_t i = 0; i < pids.count; i++) {
        char text[256] = "";
        long child = atol(pids.items[i]);
        FILE *stat_file = child > 0 ? fopen(arena_printf(arena, "/proc/%ld/stat", child), "re") : NULL;
        const char *name = stat_file != NULL && fgets(text, sizeof text, stat_file) != NULL
                               ? strstr(text, "(certwright-watc")
                               : NULL;
        const char *end = name != NULL ? strchr(name, ')') : NULL;
        if (stat_file != NULL)
            fclose(stat_file);
        if (end != NULL && end[1] == ' ' &&
            end[2] != 'Z') /* a dead child keeps its name until it is waited for */
            return CHECK_YES;
    }
    return CHECK_NO;
}

/* A controller that hangs lets its queue of callers fill, and then a caller would wait for ever. */
static bool listens(const char *directory)
{
    AUTO(fd)
    int home = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO(fd)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock", home);
    return home >= 0 && fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static void look_at_watch(struct doctor *d, int pid)
{
    enum check_outcome outcome = has_watch(d->arena, pid);
    doctor_add(d, "watch", "", outcome,
               outcome == CHECK_YES ? "certwright-watch runs"
               : outcome == CHECK_NO
                   ? "certwright-watch does not run: changes are seen at the next rescan only"
                   : "the kernel does not tell the controller's children",
               "look into the controller's log, then restart it");
}

static void look_at_controller(struct doctor *d)
{
    char words[300];
    int pid = state_lock_holder(d->ctx->config.state_directory, words, sizeof words);
    const char *who = arena_strdup(d->arena, words);
    d->about = "controller";
    if (pid == 0) {
        doctor_add(d, "daemon", "", CHECK_WARN, "none runs: nothing happens by itself",
                   "systemctl start certwright, or `certwright reconcile --once` by a timer");
        return;
    }
    bool daemon = strstr(who, "certwright run,") != NULL;
    doctor_add(d, "daemon", "", daemon ? CHECK_YES : CHECK_WARN,
               daemon ? who : arena_printf(d->arena, "the store is held by %s, no daemon", who),
               "nothing, if somebody is at work just now");
    bool heard = listens(d->ctx->config.state_directory);
    doctor_add(d, "control socket", "", heard ? CHECK_YES : CHECK_NO, heard ? "it answers" : "nobody listens",
               "run this as the user that runs the controller; else restart it");
    struct stat st;
    if (daemon && is_there(arena_printf(d->arena, "/proc/%d/task", pid),
                           &st)) /* another host's or container's has none here */
        look_at_watch(d, pid);
}

/* ---- room and limits ---- */

static void look_at_room(struct doctor *d, const char *name, const char *path)
{
    struct statvfs fs;
    char *at = arena_strdup(d->arena, path);
    while (statvfs(at, &fs) != 0) { /* what is not there yet will lie on the disk of the folder above */
        char *slash = strrchr(at, '/');
        if (slash == NULL || slash == at) {
            doctor_add(d, name, path, CHECK_UNKNOWN, strerror(errno), "look at the path");
            return;
        }
        *slash = '\0';
    }
    unsigned long long mb = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
    bool inodes = fs.f_files == 0 || fs.f_favail > 1000;
    enum check_outcome outcome = mb < ROOM_FAIL_MB || !inodes ? CHECK_NO
                                 : mb < ROOM_WARN_MB          ? CHECK_WARN
                                                              : CHECK_YES;
    doctor_add(d, name, path, outcome,
               arena_printf(d->arena, "%llu MiB free%s", mb, inodes ? "" : ", and no more files can be made"),
               "make room: what cannot be written down is not done");
}

static long read_number(const char *path)
{
    AUTO(buffer)
    struct buffer text = {0};
    return file_read_path(path, 64, &text, NULL) ? atol(buffer_text(&text)) : -1;
}

static long folders;
static int count_folder(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path, (void)st, (void)at;
    folders += type == FTW_D;
    return 0;
}

static void look_at_limits(struct doctor *d)
{
    struct rlimit files;
    long watches = read_number("/proc/sys/fs/inotify/max_user_watches");
    d->about = "limits";
    folders = 0;
    nftw(d->ctx->config.manifests_directory, count_folder, 16, FTW_PHYS);
    enum check_outcome outcome = watches < 0                  ? CHECK_UNKNOWN
                                 : watches < folders + 16     ? CHECK_NO
                                 : watches < folders * 2 + 64 ? CHECK_WARN
                                                              : CHECK_YES;
    doctor_add(
        d, "inotify", "", outcome,
        arena_printf(d->arena, "%ld folders to watch, %ld watches allowed for a user", folders, watches),
        "sysctl fs.inotify.max_user_watches=524288, and the same in /etc/sysctl.d");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        doctor_add(d, "open files", "", files.rlim_cur < FILES_LEAST ? CHECK_WARN : CHECK_YES,
                   arena_printf(d->arena, "%llu allowed", (unsigned long long)files.rlim_cur),
                   "raise LimitNOFILE of the service");
}

void doctor_places(struct doctor *d)
{
    d->about = "places";
    look_at_state_directory(d);
    look_at_audit_directory(d);
    look_at_secrets(d);
    look_at_key(d);
    look_at_room(d, "room", d->ctx->config.state_directory);
    look_at_room(d, "room", d->ctx->config.audit_directory);
    look_at_store(d);
    look_at_controller(d);
    look_at_limits(d);
}
