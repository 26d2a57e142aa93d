/* Words from certwright-watch to "look again".
 *
 * A word begins a burst or makes it longer; when it has been quiet for the settling time, or 2 s after its
 * first word, the tree is looked at once. Every start of the helper counts as a word, and so does every
 * end: what happened between two helpers was told by nobody. Nothing runs at rest but the slow rescan. */
#include "controller/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"

#define BURST_MAX_MS 2000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define STEADY_MS 10000 /* a helper that lived so long is not failing over and over */
#define HELPER "certwright-watch"

struct watch {
    struct event_base *base;
    struct arena *arena;
    const char *directory, *helper;
    int settle_ms;
    void (*changed)(void *arg);
    void *arg;
    pid_t pid;
    int pipe;
    struct event *words, *settle, *rescan, *restart;
    char line[256];
    size_t length;
    bool in_burst;
    int64_t burst_began_ms, started_ms;
    int backoff_ms; /* 0: the last end was a clean one */
};

static int64_t monotonic_ms(void) /* real time always: libevent's timers are not turned either */
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void arm(struct event *timer, int64_t ms)
{
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    evtimer_add(timer, &after);
}

static void burst(struct watch *watch)
{
    int64_t now = monotonic_ms();
    if (!watch->in_burst) {
        watch->in_burst = true;
        watch->burst_began_ms = now;
    }
    int64_t longest = watch->settle_ms > BURST_MAX_MS ? watch->settle_ms : BURST_MAX_MS;
    int64_t left = watch->burst_began_ms + longest - now;
    int64_t wait = left < watch->settle_ms ? left : watch->settle_ms;
    arm(watch->settle, wait > 0 ? wait : 0);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    (void)fd;
    (void)what;
    watch->in_burst = false; /* first: a word during the look begins the next burst */
    watch->changed(watch->arg);
}

static void on_rescan(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    burst(arg);
}

/* ---- the helper's life ---- */

static int spawn(const struct watch *watch, int output, pid_t *out_pid)
{
    char parent[24];
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char *argv[] = {(char *)watch->helper, (char *)watch->directory, parent, NULL};
    char language[] = "LANG=C", *environment[] = {language, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes,
                              0); /* a ^C at the terminal is for us; the helper goes when we do */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn(out_pid, watch->helper, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static void on_words(evutil_socket_t fd, short what, void *arg);

static bool start(struct watch *watch, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_raise(err, ERROR_SYSTEM, "starting " HELPER ": %s", strerror(errno));
    fcntl(ends[1], F_SETFL,
          0); /* the helper waits when we are slow; its queue overflows then, which it tells */
    int rc = spawn(watch, ends[1], &watch->pid);
    close(ends[1]);
    if (rc != 0) {
        close(ends[0]);
        watch->pid = 0;
        return error_raise(err, ERROR_SYSTEM, "starting %s: %s", watch->helper, strerror(rc));
    }
    watch->pipe = ends[0];
    watch->length = 0;
    watch->started_ms = monotonic_ms();
    watch->words = event_new(watch->base, watch->pipe, EV_READ | EV_PERSIST, on_words, watch);
    event_add(watch->words, NULL);
    return true;
}

/* Gives the wait status. The helper closes its end by ending; if it did not end, it is ended. */
static int reap(struct watch *watch, bool now)
{
    int status = 0;
    int handle = pidfd_open(watch->pid, 0);
    if (now || handle < 0 || poll(&(struct pollfd){.fd = handle, .events = POLLIN}, 1, 1000) <= 0)
        kill(watch->pid, SIGKILL);
    if (handle >= 0)
        close(handle);
    while (waitpid(watch->pid, &status, 0) < 0)
        if (errno != EINTR) {
            status = -1;
            break;
        }
    watch->pid = 0;
    if (watch->words != NULL)
        event_free(watch->words);
    watch->words = NULL;
    close(watch->pipe);
    watch->pipe = -1;
    return status;
}

static void back_off(struct watch *watch)
{
    watch->backoff_ms = watch->backoff_ms == 0 ? BACKOFF_MIN_MS : watch->backoff_ms * 2;
    if (watch->backoff_ms > BACKOFF_MAX_MS)
        watch->backoff_ms = BACKOFF_MAX_MS;
    arm(watch->restart, watch->backoff_ms);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    struct error why = {0};
    (void)fd;
    (void)what;
    if (!start(watch, &why)) {
        log_event(LOG_WARN, "the watch cannot be started", "error", why.message, NULL);
        back_off(watch);
    }
}

static void on_end(struct watch *watch)
{
    int status = reap(watch, false);
    burst(watch);
    if (status == 0) { /* on purpose: overflow, or folders changed */
        watch->backoff_ms = 0;
        arm(watch->restart, 0);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, status != -1 && WIFSIGNALED(status) ? "signal %d" : "exit %d",
             status == -1          ? -1
             : WIFSIGNALED(status) ? WTERMSIG(status)
                                   : WEXITSTATUS(status));
    log_event(LOG_WARN, "the watch ended by itself and is started again", "how", text, NULL);
    if (monotonic_ms() - watch->started_ms >= STEADY_MS)
        watch->backoff_ms = 0;
    back_off(watch);
}

static void on_line(struct watch *watch)
{
    if (strcmp(watch->line, "ready") == 0 || strcmp(watch->line, "changed") == 0)
        burst(watch);
    else if (text_has_prefix(watch->line, "error "))
        log_event(LOG_WARN, "the watch", "error", watch->line + 6, NULL);
}

static void on_words(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    char bytes[4096];
    (void)what;
    ssize_t got = read(fd, bytes, sizeof bytes);
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] != '\n') {
            if (watch->length < sizeof watch->line - 1)
                watch->line[watch->length++] = bytes[i];
            continue;
        }
        watch->line[watch->length] = '\0';
        watch->length = 0;
        on_line(watch);
    }
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        on_end(watch);
}

/* ---- */

struct watch *watch_create(struct event_base *base, const char *directory, int settle_ms, int rescan_s,
                           void (*changed)(void *arg), void *arg, struct error *err)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        fatal_memory();
    *watch = (struct watch){
        .base = base, .settle_ms = settle_ms, .changed = changed, .arg = arg, .pipe = -1};
    watch->arena = arena_create();
    watch->directory = arena_strdup(watch->arena, directory);
    watch->helper = process_helper(HELPER, "CERTWRIGHT_WATCH", watch->arena);
    watch->settle = evtimer_new(base, on_settled, watch);
    watch->restart = evtimer_new(base, on_restart, watch);
    watch->rescan = event_new(base, -1, EV_PERSIST, on_rescan, watch);
    if (watch->helper == NULL)
        error_raise(err, ERROR_SYSTEM,
                    "the program " HELPER " is missing: it is installed with certwright");
    else if (start(watch, err)) {
        if (rescan_s > 0)
            arm(watch->rescan, (int64_t)rescan_s * 1000);
        return watch;
    }
    watch_destroy(watch);
    return NULL;
}

void watch_destroy(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->pid > 0)
        reap(watch, true);
    event_free(watch->settle);
    event_free(watch->restart);
    event_free(watch->rescan);
    arena_destroy(watch->arena);
    free(watch);
}

int watch_helper_pid(const struct watch *watch) { return watch->pid; }
