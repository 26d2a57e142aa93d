/* The watch, with the real helper: one look for a burst, and none missed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/watch.h"

#include "check.h"
#include "scratch.h"

#define SETTLE_MS 60
#define PATIENCE_MS 8000

static char folder[80], tree[100];
static struct event_base *base;
static struct watch *watch;
static int looks, settle_ms = SETTLE_MS;

static void on_changed(void *arg)
{
    (void)arg;
    looks++;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    event_base_loopbreak(base);
}

/* Run the loop until so many looks were taken, or the time is over. */
static void run_until(int count, int ms)
{
    int64_t end = now_ms() + ms;
    struct event *timer = evtimer_new(base, wake, NULL);
    while (looks < count && now_ms() < end) {
        struct timeval left = {(end - now_ms()) / 1000, (end - now_ms()) % 1000 * 1000 + 1000};
        evtimer_add(timer, &left);
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(timer);
}

/* Nothing more comes while several settling times pass. */
static void quiet(int count)
{
    run_until(count + 1, 5 * settle_ms);
    CHECK_INT(looks, count);
}

static void expect_look(int count)
{
    run_until(count, PATIENCE_MS);
    CHECK(looks >= count);
}

/* Since a burst may fall in two when the machine is busy: at least one look, then rest; gives how many. */
static int look_and_rest(void)
{
    int before = looks;
    expect_look(before + 1);
    for (int last = -1; last != looks;) {
        last = looks;
        run_until(looks + 1, 5 * settle_ms);
    }
    return looks - before;
}

static void start_at(const char *directory)
{
    struct error err = {0};
    looks = 0;
    watch = watch_create(base, directory, settle_ms, 0, on_changed, NULL, &err);
    CHECK_OK(watch != NULL, err);
    expect_look(1);
}

static void stop(void)
{
    watch_destroy(watch);
    watch = NULL;
}

static void start(void)
{
    stop();
    scratch_folder(folder, sizeof folder);
    snprintf(tree, sizeof tree, "%s/manifests", folder);
    CHECK(mkdir(tree, 0700) == 0);
    start_at(tree);
}

static const char *in_tree(const char *name)
{
    static char ring[4][256];
    static int next;
    char *path = ring[next++ % 4];
    snprintf(path, sizeof ring[0], "%s/%s", tree, name);
    return path;
}

static void write_file(const char *name)
{
    int fd = open(in_tree(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
}

static void a_start_is_a_look_and_then_it_is_quiet(void)
{
    start();
    CHECK(watch_helper_pid(watch) > 0);
    quiet(1);
}

static void a_file_written_renamed_or_removed_is_a_look(void)
{
    start();
    write_file("a.yaml");
    CHECK(look_and_rest() >= 1);
    CHECK(rename(in_tree("a.yaml"), in_tree("b.yaml")) == 0);
    CHECK(look_and_rest() >= 1);
    CHECK(unlink(in_tree("b.yaml")) == 0);
    CHECK(look_and_rest() >= 1);
    quiet(looks);
}

static void new_folders_are_followed(void)
{
    start();
    CHECK(mkdir(in_tree("one"), 0700) == 0 && mkdir(in_tree("one/two"), 0700) == 0);
    write_file("one/two/a.yaml");
    look_and_rest();
    write_file("one/two/a.yaml");
    CHECK(look_and_rest() >= 1);
    CHECK(rename(in_tree("one/two"), in_tree("two")) == 0);
    look_and_rest();
    write_file("two/a.yaml");
    CHECK(look_and_rest() >= 1);
    CHECK(unlink(in_tree("two/a.yaml")) == 0 && rmdir(in_tree("two")) == 0);
    CHECK(look_and_rest() >= 1);
    int now = looks;
    quiet(now);
}

static void the_git_folder_is_not_watched(void)
{
    start();
    CHECK(mkdir(in_tree(".git"), 0700) == 0);
    CHECK(mkdir(in_tree("sub"), 0700) == 0); /* a new start, which sees .git */
    look_and_rest();
    int now = looks;
    write_file(".git/index");
    CHECK(mkdir(in_tree(".git/objects"), 0700) == 0);
    quiet(now);
}

static void a_configmap_swap_is_a_look(void)
{
    start();
    CHECK(mkdir(in_tree("..one"), 0700) == 0 && mkdir(in_tree("..two"), 0700) == 0);
    CHECK(symlink("..one", in_tree("..data")) == 0);
    look_and_rest();
    CHECK(symlink("..two", in_tree("..data_tmp")) == 0);
    CHECK(rename(in_tree("..data_tmp"), in_tree("..data")) == 0);
    CHECK(look_and_rest() >= 1);
}

static void a_root_that_is_a_link_may_be_turned(void)
{
    start();
    stop();
    char link[160], temporary[160], target[160];
    snprintf(link, sizeof link, "%s/current", folder);
    snprintf(temporary, sizeof temporary, "%s/current.tmp", folder);
    snprintf(target, sizeof target, "%s/other", folder);
    CHECK(mkdir(target, 0700) == 0 && symlink("manifests", link) == 0);
    start_at(link);
    write_file("a.yaml");
    expect_look(2);
    CHECK(symlink("other", temporary) == 0 && rename(temporary, link) == 0);
    look_and_rest();
    strcpy(tree, target);
    write_file("a.yaml");
    CHECK(look_and_rest() >= 1);
}

static void a_tree_that_goes_and_comes_back_is_seen(void)
{
    start();
    CHECK(rmdir(tree) == 0);
    CHECK(look_and_rest() >= 1);
    CHECK(mkdir(tree, 0700) == 0);
    CHECK(look_and_rest() >= 1);
    write_file("a.yaml");
    CHECK(look_and_rest() >= 1);
}

static void a_checkout_of_2000_files_is_one_look(void)
{
    char name[64];
    settle_ms = 1000; /* a busy machine may well stop the writer for a while */
    start();
    settle_ms = SETTLE_MS;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "d%02d", i);
        CHECK(mkdir(in_tree(name), 0700) == 0);
    }
    run_until(100, 2500);
    int before = looks, status;
    int64_t began = now_ms();
    pid_t child = fork(); /* the loop runs meanwhile */
    if (child == 0) {
        for (int i = 0; i < 2000; i++) {
            snprintf(name, sizeof name, "d%02d/f%04d.yaml", i % 40, i);
            write_file(name);
        }
        _exit(0);
    }
    while (waitpid(child, &status, WNOHANG) == 0)
        run_until(100, 20);
    int64_t took = now_ms() - began;
    CHECK_INT(status, 0);
    int during = looks;
    run_until(during + 1, 8000); /* the last of it is seen */
    CHECK(looks > during || looks - before == 1);
    run_until(100, 2000);
    CHECK(looks - before <= 1 + took / 2000); /* one, or one for every two seconds that it lasted */
}

static void an_overflow_is_a_look_and_a_new_helper(void)
{
    start();
    int pid = watch_helper_pid(watch);
    char name[64];
    CHECK(kill(pid, SIGSTOP) == 0);
    for (int i = 0; i < 6000; i++) { /* three events each; the queue holds 16,384 */
        snprintf(name, sizeof name, "f%04d", i);
        int fd = open(in_tree(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
        CHECK(unlink(in_tree(name)) == 0);
    }
    write_file("last.yaml");
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(look_and_rest() >= 1);
    CHECK(watch_helper_pid(watch) > 0 && watch_helper_pid(watch) != pid);
    write_file("later.yaml");
    CHECK(look_and_rest() >= 1);
}

static void a_killed_helper_is_started_again(void)
{
    start();
    for (int i = 0; i < 2; i++) {
        int pid = watch_helper_pid(watch);
        CHECK(kill(pid, SIGKILL) == 0);
        write_file("meanwhile.yaml");
        CHECK(look_and_rest() >= 1);
        for (int64_t end = now_ms() + PATIENCE_MS; watch_helper_pid(watch) == 0 && now_ms() < end;)
            run_until(looks + 1, 20);
        CHECK(watch_helper_pid(watch) > 0 && watch_helper_pid(watch) != pid);
        run_until(looks + 1, 5 * settle_ms);
        write_file("after.yaml");
        CHECK(look_and_rest() >= 1);
    }
}

static void a_rescan_comes_without_an_event(void)
{
    struct error err = {0};
    start();
    stop();
    looks = 0;
    watch = watch_create(base, tree, SETTLE_MS, 1, on_changed, NULL, &err);
    CHECK_OK(watch != NULL, err);
    expect_look(2);
}

static void a_steady_stream_is_looked_at_within_two_seconds(void)
{
    start();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 300; i++) {
            write_file("a.yaml");
            usleep(10000);
        }
        _exit(0);
    }
    int before = looks;
    int64_t began = now_ms();
    expect_look(before + 1);
    CHECK(now_ms() - began < 3000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void the_helper_goes_with_the_watch_and_with_its_parent(void)
{
    start();
    int pid = watch_helper_pid(watch);
    stop();
    CHECK(kill(pid, 0) != 0 && errno == ESRCH);
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct event_base *own = event_base_new();
        struct watch *its = watch_create(own, tree, SETTLE_MS, 0, on_changed, NULL, NULL);
        int helper = its == NULL ? -1 : watch_helper_pid(its);
        if (write(ends[1], &helper, sizeof helper) != sizeof helper)
            _exit(1);
        for (;;)
            pause();
    }
    CHECK(read(ends[0], &pid, sizeof pid) == sizeof pid && pid > 0);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    close(ends[0]);
    close(ends[1]);
    char path[64], line[256];
    for (int64_t end = now_ms() + PATIENCE_MS; now_ms() < end;) { /* whoever inherited it may not reap it */
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            return;
        bool dead = fgets(line, sizeof line, file) != NULL && strstr(line, ") Z ") != NULL;
        fclose(file);
        if (dead)
            return;
        run_until(looks + 1, 20);
    }
    CHECK(!"the helper outlived its parent");
}

static void a_missing_helper_is_said(void)
{
    struct error err = {0};
    const char *was = getenv("CERTWRIGHT_WATCH");
    char *kept = was == NULL ? NULL : strdup(was);
    setenv("CERTWRIGHT_WATCH", "/nonexistent", 1);
    struct watch *none = watch_create(base, "/", SETTLE_MS, 0, on_changed, NULL, &err);
    if (kept != NULL)
        setenv("CERTWRIGHT_WATCH", kept, 1);
    free(kept);
    CHECK(none == NULL);
    CHECK_INT(err.kind, ERROR_SYSTEM);
}

int main(void)
{
    /* CERTWRIGHT_BIN names the build directory; else it is the one above this program's. */
    const char *build = getenv("CERTWRIGHT_BIN");
    char self[400] = "", helper[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = length > 0 ? strrchr(self, '/') : NULL;
    if (slash != NULL)
        *slash = '\0';
    snprintf(helper, sizeof helper, "%s%s/certwright-watch", build != NULL ? build : self,
             build != NULL ? "" : "/..");
    if (build == NULL && access(helper, X_OK) != 0) {
        printf("skipped: CERTWRIGHT_BIN does not say where certwright-watch was built\n");
        return 77;
    }
    setenv("CERTWRIGHT_WATCH", helper, 1);
    log_to(-1);
    base = event_base_new();
    RUN(a_start_is_a_look_and_then_it_is_quiet);
    RUN(a_file_written_renamed_or_removed_is_a_look);
    RUN(new_folders_are_followed);
    RUN(the_git_folder_is_not_watched);
    RUN(a_configmap_swap_is_a_look);
    RUN(a_root_that_is_a_link_may_be_turned);
    RUN(a_tree_that_goes_and_comes_back_is_seen);
    RUN(a_checkout_of_2000_files_is_one_look);
    RUN(an_overflow_is_a_look_and_a_new_helper);
    RUN(a_killed_helper_is_started_again);
    RUN(a_rescan_comes_without_an_event);
    RUN(a_steady_stream_is_looked_at_within_two_seconds);
    RUN(the_helper_goes_with_the_watch_and_with_its_parent);
    RUN(a_missing_helper_is_said);
    stop();
    event_base_free(base);
    return CHECK_REPORT();
}
