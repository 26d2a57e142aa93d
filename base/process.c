/* Programs of the operator's choosing.
 *
 * The child is forked by hand: posix_spawn cannot change the user. Everything it needs is prepared before the
 * fork, and between fork and exec it makes system calls only, since other threads may have held any lock.
 *
 * A reload command may rightly leave a daemon behind (`nginx` does), and that daemon may keep our pipe open.
 * So the end of the direct child is what counts (a pidfd tells it), and its group is killed only when time
 * ran out. The time limit is real time: the program does not live by a turned clock. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process_internal.h"
#include "base/user.h"

#define DEFAULT_TIMEOUT_MS 30000
#define TERM_GRACE_MS 5000 /* between TERM and KILL */
#define DRAIN_MS 200       /* for what was written before the end and not yet read */
#define DEFAULT_OUTPUT (64 * 1024)
#define FIRST_HIGH_FD 10 /* ours stay clear of 0 to 3, which the child lays out anew */

/* All that the child needs, made before the fork. */
struct launch {
    char *const *argv;
    char *const *environment;
    const char *directory;
    bool change_user;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    int input_fd, output_fd, error_fd, status_fd;
};
struct launch_failure {
    int step; /* index into launch_steps */
    int code; /* errno */
};
enum { STEP_GROUP, STEP_USER, STEP_DIRECTORY, STEP_DESCRIPTORS, STEP_EXEC };
static const char *const launch_steps[] = {
    [STEP_GROUP] = "making its process group",
    [STEP_USER] = "changing to its user",
    [STEP_DIRECTORY] = "entering its folder",
    [STEP_DESCRIPTORS] = "laying out its descriptors",
    [STEP_EXEC] = "starting it",
};

/* --- the child: system calls only ------------------------------------------------------------ */

static void child_fail(int status_fd, int step)
{
    struct launch_failure failure = {.step = step, .code = errno};
    ssize_t ignored = write(status_fd, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

static void child_run(const struct launch *launch)
{
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    sigset_t none;

    if (setpgid(0, 0) != 0)
        child_fail(launch->status_fd, STEP_GROUP);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &fallback, NULL); /* KILL, STOP and the C library's own refuse */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    if (launch->change_user && (syscall(SYS_setgroups, launch->group_count, launch->groups) != 0 ||
                                syscall(SYS_setresgid, launch->gid, launch->gid, launch->gid) != 0 ||
                                syscall(SYS_setresuid, launch->uid, launch->uid, launch->uid) != 0))
        child_fail(launch->status_fd, STEP_USER);
    if (chdir(launch->directory) != 0)
        child_fail(launch->status_fd, STEP_DIRECTORY);
    if (dup2(launch->input_fd, 0) < 0 || dup2(launch->output_fd, 1) < 0 || dup2(launch->error_fd, 2) < 0 ||
        dup3(launch->status_fd, 3, O_CLOEXEC) < 0 || syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
        child_fail(launch->status_fd, STEP_DESCRIPTORS);
    execve(launch->argv[0], launch->argv, launch->environment);
    child_fail(3, STEP_EXEC);
}

/* --- preparing ------------------------------------------------------------------------------- */

/* The user's numbers, unless it is who we are already. */
static bool find_user(const char *name, struct arena *arena, struct launch *out, struct error *err)
{
    const struct passwd *found;

    if (!user_named(arena, name, &found, err))
        return error_prefix(err, "the user to run a program as");
    if (found == NULL)
        return error_raise(err, ERROR_CONFIG, "the user %s to run a program as does not exist", name);
    if (found->pw_uid == geteuid())
        return true;
    if (geteuid() != 0)
        return error_raise(
            err, ERROR_CONFIG,
            "only root can run a program as user %s, and we run as user %u: leave `user` out of the "
            "profile, or let the command itself change its user",
            name, (unsigned)geteuid());
    int count = 64;
    gid_t *groups = arena_array(arena, (size_t)count, sizeof *groups);
    if (getgrouplist(name, found->pw_gid, groups, &count) < 0) { /* now `count` says how many */
        groups = arena_array(arena, (size_t)count, sizeof *groups);
        if (getgrouplist(name, found->pw_gid, groups, &count) < 0)
            return error_raise(err, ERROR_SYSTEM, "cannot look up the groups of user %s", name);
    }
    out->change_user = true;
    out->uid = found->pw_uid;
    out->gid = found->pw_gid;
    out->groups = groups;
    out->group_count = (size_t)count;
    return true;
}

static bool is_fixed(const char *setting)
{
    return text_has_prefix(setting, "PATH=") || text_has_prefix(setting, "LANG=");
}

static char *const *make_environment(const char *const *wanted, struct arena *arena)
{
    size_t count = 0, used = 0;
    while (wanted != NULL && wanted[count] != NULL)
        count++;
    char **environment = arena_array(arena, count + 3, sizeof *environment);
    environment[used++] = arena_strdup(arena, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    environment[used++] = arena_strdup(arena, "LANG=C");
    for (size_t i = 0; i < count; i++)
        if (!is_fixed(wanted[i]))
            environment[used++] = arena_strdup(arena, wanted[i]);
    return environment;
}

static char *const *copy_vector(const char *const *argv, struct arena *arena)
{
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    char **copy = arena_array(arena, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, argv[i]);
    return copy;
}

static bool prepare(const struct process *process, struct arena *arena, struct launch *out, struct error *err)
{
    if (process->argv == NULL || process->argv[0] == NULL)
        return error_raise(err, ERROR_CONFIG, "the program to run is missing");
    if (process->argv[0][0] != '/')
        return error_raise(err, ERROR_CONFIG,
                           "%s: a program is named by its whole path, as in /usr/sbin/nginx",
                           process->argv[0]);
    out->argv = copy_vector(process->argv, arena);
    out->environment = make_environment(process->environment, arena);
    out->directory = process->directory != NULL ? process->directory : "/";
    return process->user == NULL || find_user(process->user, arena, out, err);
}

/* Two ends, both at high numbers. */
static bool make_pipe(int *out_read, int *out_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *out_read = fcntl(ends[0], F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    *out_write = fcntl(ends[1], F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    close(ends[0]);
    close(ends[1]);
    return *out_read >= 0 && *out_write >= 0;
}

/* --- starting -------------------------------------------------------------------------------- */

/* Fork and wait until the program runs, or has said why it does not. */
static pid_t start(const struct launch *launch, int status_read, int *status_write, struct error *err)
{
    struct launch_failure failure;
    sigset_t all, before;

    /* No handler of ours may run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child_run(launch);
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    if (pid < 0) {
        error_raise(err, ERROR_SYSTEM, "cannot start %s: %m", launch->argv[0]);
        return -1;
    }
    fd_release(status_write);

    ssize_t got;
    do
        got = read(status_read, &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return pid; /* closed by exec */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (got != (ssize_t)sizeof failure || failure.step < 0 || failure.step >= (int)COUNT_OF(launch_steps)) {
        error_raise(err, ERROR_SYSTEM, "cannot start %s", launch->argv[0]);
        return -1;
    }
    errno = failure.code;
    error_raise(err, ERROR_SYSTEM, "cannot run %s: %s failed: %m", launch->argv[0],
                launch_steps[failure.step]);
    return -1;
}

/* --- watching -------------------------------------------------------------------------------- */

/* The last `limit` bytes of what came. */
struct tail {
    char *data;
    size_t limit, length; /* room for twice the limit */
    bool cut;
};

static void tail_add(struct tail *tail, const char *data, size_t length)
{
    if (length > tail->limit) {
        data += length - tail->limit;
        length = tail->limit;
        tail->cut = true;
    }
    if (tail->length + length > 2 * tail->limit) {
        size_t keep = tail->limit - length;
        memmove(tail->data, tail->data + tail->length - keep, keep);
        tail->length = keep;
        tail->cut = true;
    }
    memcpy(tail->data + tail->length, data, length);
    tail->length += length;
}

static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int ms_until(int64_t deadline)
{
    int64_t left = deadline - real_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Take what is there now; the outlet is forgotten when nobody can write any more. */
static void take_output(struct pollfd *outlet, struct tail *tail)
{
    char chunk[8192];
    if (outlet->revents == 0)
        return;
    ssize_t got = read(outlet->fd, chunk, sizeof chunk);
    if (got > 0)
        tail_add(tail, chunk, (size_t)got);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        outlet->fd = -1;
}

enum { CHILD, FIRST_OUTLET, OUTLETS = 2, WATCHED = FIRST_OUTLET + OUTLETS };

/* What was written last may still lie in the pipes; a daemon that holds the other end does not keep us. */
static void drain(struct pollfd outlets[OUTLETS], struct tail tails[OUTLETS])
{
    int64_t deadline = real_ms() + DRAIN_MS;
    while ((outlets[0].fd >= 0 || outlets[1].fd >= 0) && ms_until(deadline) > 0) {
        if (poll(outlets, OUTLETS, ms_until(deadline)) < 0)
            outlets[0].revents = outlets[1].revents = 0; /* EINTR */
        for (int i = 0; i < OUTLETS; i++)
            take_output(&outlets[i], &tails[i]);
    }
}

/* Until the direct child has ended; gives whether time ran out. The child is not reaped yet, so its group's
 * number cannot have gone to somebody else when it is killed. */
static bool watch(pid_t pid, int pid_fd, const int output_fds[OUTLETS], const struct process *process,
                  struct tail tails[OUTLETS])
{
    struct pollfd wait_for[WATCHED] = {{.fd = pid_fd, .events = POLLIN},
                                       {.fd = output_fds[0], .events = POLLIN},
                                       {.fd = output_fds[1], .events = POLLIN}};
    int64_t deadline = real_ms() + (process->timeout_ms > 0 ? process->timeout_ms : DEFAULT_TIMEOUT_MS);
    int warnings = 0; /* 1: TERM sent, 2: KILL sent */

    while ((wait_for[CHILD].revents & POLLIN) == 0) {
        if (poll(wait_for, WATCHED, warnings == 2 ? -1 : ms_until(deadline)) < 0)
            for (int i = 0; i < WATCHED; i++)
                wait_for[i].revents = 0; /* EINTR */
        for (int i = 0; i < OUTLETS; i++)
            take_output(&wait_for[FIRST_OUTLET + i], &tails[i]);
        if (warnings < 2 && (wait_for[CHILD].revents & POLLIN) == 0 && real_ms() >= deadline) {
            kill(-pid, warnings == 0 ? SIGTERM : SIGKILL);
            warnings++;
            deadline = real_ms() + TERM_GRACE_MS;
        }
    }
    if (warnings > 0 || process->answers)
        kill(-pid, SIGKILL);
    drain(&wait_for[FIRST_OUTLET], tails);
    return warnings > 0;
}

/* Line by line, so that lines stay lines. */
static const char *clean_output(const struct tail *tail, struct arena *arena)
{
    AUTO(buffer) struct buffer text = {0};
    size_t skip = tail->length > tail->limit ? tail->length - tail->limit : 0;
    const char *at = tail->data + skip, *end = tail->data + tail->length;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *next = stop != NULL ? stop + 1 : end;
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        if (length > 0 && at[length - 1] == '\r')
            length--;
        buffer_puts(&text, text_clean(arena, at, length, 4 * length + 4));
        if (stop != NULL)
            buffer_putc(&text, '\n');
        at = next;
    }
    return arena_strdup(arena, buffer_text(&text));
}

/* The descriptors of one run; those of the child are closed once it has them. */
struct pipes {
    int status_read, status_write;
    int input_read;
    int output_read[OUTLETS], output_write[OUTLETS]; /* the second pair is there only with `answers` */
};

static void pipes_release(struct pipes *pipes)
{
    int *const all[] = {&pipes->status_read,    &pipes->status_write,    &pipes->input_read,
                        &pipes->output_read[0], &pipes->output_write[0], &pipes->output_read[1],
                        &pipes->output_write[1]};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        fd_release(all[i]);
}

/* The whole input lies in the pipe before the program starts, so that nobody waits for anybody (pipe(7): 64 KiB). */
static bool make_input(const struct process *process, int *out_read)
{
    int write_end = -1;
    if (!process->answers) {
        int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
        *out_read = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
        fd_release(&low);
        return *out_read >= 0;
    }
    if (process->input_length > PROCESS_INPUT_MOST) {
        errno = EMSGSIZE;
        return false;
    }
    bool done = make_pipe(out_read, &write_end) && fcntl(write_end, F_SETFL, O_NONBLOCK) == 0 &&
                write(write_end, process->input, process->input_length) == (ssize_t)process->input_length;
    fd_release(&write_end);
    return done;
}

static bool make_pipes(const struct process *process, struct pipes *out)
{
    *out = (struct pipes){-1, -1, -1, {-1, -1}, {-1, -1}};
    return make_input(process, &out->input_read) && make_pipe(&out->status_read, &out->status_write) &&
           make_pipe(&out->output_read[0], &out->output_write[0]) &&
           (!process->answers || make_pipe(&out->output_read[1], &out->output_write[1]));
}

static bool reap(pid_t pid, int *out_status)
{
    pid_t reaped;
    do
        reaped = waitpid(pid, out_status, 0);
    while (reaped < 0 && errno == EINTR);
    return reaped >= 0;
}

static void take_answer(const struct tail *tail, struct arena *arena, struct process_result *out)
{
    out->answer_cut = tail->cut || tail->length > tail->limit;
    out->answer = arena_strndup(arena, tail->data, tail->length);
    out->answer_length = tail->length;
}

bool process_run_here(const struct process *process, struct arena *arena, struct process_result *out,
                      struct error *err)
{
    AUTO(pipes) struct pipes pipes = {-1, -1, -1, {-1, -1}, {-1, -1}};
    struct launch launch = {0};
    bool answers = process->answers;

    if (!prepare(process, arena, &launch, err))
        return false;
    if (!make_pipes(process, &pipes))
        return error_raise(err, ERROR_SYSTEM, "cannot start %s: %m", launch.argv[0]);
    launch.input_fd = pipes.input_read;
    launch.output_fd = pipes.output_write[0];
    launch.error_fd = pipes.output_write[answers ? 1 : 0];
    launch.status_fd = pipes.status_write;

    pid_t pid = start(&launch, pipes.status_read, &pipes.status_write, err);
    if (pid < 0)
        return false;
    fd_release(&pipes.input_read);
    fd_release(&pipes.output_write[0]);
    fd_release(&pipes.output_write[1]);

    size_t limit = process->output_limit != 0 ? process->output_limit : DEFAULT_OUTPUT;
    struct tail tails[OUTLETS] = {{.data = arena_alloc(arena, 2 * limit), .limit = limit}};
    if (answers)
        tails[1] = (struct tail){.data = arena_alloc(arena, 2 * DEFAULT_OUTPUT), .limit = DEFAULT_OUTPUT};
    AUTO(fd) int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid_fd < 0) {
        int code = errno;
        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        errno = code;
        return error_raise(err, ERROR_SYSTEM, "cannot watch %s: %m", launch.argv[0]);
    }
    bool timed_out = watch(pid, pid_fd, pipes.output_read, process, tails);
    int status = 0;
    if (!reap(pid, &status))
        return error_raise(err, ERROR_INTERNAL, "the end of %s was taken by somebody else: %m",
                           launch.argv[0]);
    *out = (struct process_result){
        .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .timed_out = timed_out,
        .output = clean_output(&tails[answers ? 1 : 0], arena),
    };
    if (answers)
        take_answer(&tails[0], arena, out);
    return true;
}

/* --- programs of ours ------------------------------------------------------------------------ */

static bool executable(const char *path) { return path != NULL && access(path, X_OK) == 0; }

const char *process_helper(const char *name, const char *variable, struct arena *arena)
{
    char self[PATH_MAX];
    const char *path = secure_getenv(variable);
    if (path != NULL)
        return executable(path) ? arena_strdup(arena, path) : NULL;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        *strrchr(self, '/') = '\0';
        if (executable(path = arena_printf(arena, "%s/%s", self, name)) ||
            executable(path = arena_printf(arena, "%s/../libexec/certwright/%s", self, name)))
            return path;
    }
    path = arena_printf(arena, LIBEXECDIR "/certwright/%s", name);
    return executable(path) ? path : NULL;
}
