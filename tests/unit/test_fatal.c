/* Crashes are noted before the process ends of them: in every thread, with a stack that has run out, and only its own. */
#include "base/fatal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include "check.h"
#include "scratch.h"

static char folder[80];
static int directory;

static void read_nowhere(void) { *(volatile int *)8 = 1; }

static void read_a_page_that_is_gone(void)
{
    char path[160];
    snprintf(path, sizeof path, "%s/mapped", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (ftruncate(fd, 4096) != 0)
        _exit(99);
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (ftruncate(fd, 0) != 0)
        _exit(99);
    (void)page[0];
}

static volatile int depth;
static int fall(volatile char *above)
{
    volatile char room[4096];
    room[0] = above[0];
    return ++depth < 1000000000 ? fall(room) + room[0] : 0;
}
static void run_out_of_stack(void)
{
    volatile char ground[1] = {0};
    fall(ground);
}

static void be_sent_one(void) { kill(getpid(), SIGSEGV); }
static void be_killed(void) { kill(getpid(), SIGKILL); }

static void have_a_child_that_crashes(void)
{
    pid_t child = fork();
    if (child == 0)
        read_nowhere();
    waitpid(child, NULL, 0);
    _exit(0);
}

static void be_done_with_it(void)
{
    fatal_note_crashes(-1, NULL);
    read_nowhere();
}

static void *in_thread(void *arg)
{
    fatal_note_stack();
    (*(void (**)(void))arg)();
    return NULL;
}

static void have_no_descriptor(void)
{
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 3});
    close_range(3, (unsigned)directory - 1, 0);
    read_nowhere();
}

/* What a child that does this leaves in the file; "": nothing. */
static const char *noted(void (*what)(void), bool threaded)
{
    static char text[200];
    unlinkat(directory, "crashes", 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDERR_FILENO); /* a sanitizer's report */
        fatal_note_crashes(directory, "crashes");
        pthread_t thread;
        if (threaded && pthread_create(&thread, NULL, in_thread, &what) == 0)
            pthread_join(thread, NULL);
        else
            what();
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    bool ends = what == have_a_child_that_crashes;
    CHECK(ends == (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    int fd = openat(directory, "crashes", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void is_one_line(const char *text, int signal_number)
{
    long long at = 0;
    int number = 0, end = 0;
    CHECK_INT(sscanf(text, "%lld %d\n%n", &at, &number, &end), 2);
    CHECK_INT(number, signal_number);
    CHECK_INT(end, (int)strlen(text));
    CHECK(at >= clock_now() - 60 && at <= clock_now());
}

static void every_crash_leaves_one_line(void)
{
    for (int threaded = 0; threaded <= 1; threaded++) {
        is_one_line(noted(read_nowhere, threaded), SIGSEGV);
        is_one_line(noted(read_a_page_that_is_gone, threaded), SIGBUS);
        is_one_line(noted(run_out_of_stack, threaded), SIGSEGV);
        is_one_line(noted(be_sent_one, threaded), SIGSEGV);
        is_one_line(noted(abort, threaded), SIGABRT);
    }
    is_one_line(noted(have_no_descriptor, false), SIGSEGV);
}

static void what_is_no_crash_of_ours_leaves_none(void)
{
    CHECK_TEXT(noted(be_killed, false), "");
    CHECK_TEXT(noted(have_a_child_that_crashes, false), "");
    CHECK_TEXT(noted(be_done_with_it, false), "");
}

int main(void)
{
    struct error err = {0};
    scratch_folder(folder, sizeof folder);
    if ((directory = file_open_directory(folder, &err)) < 0)
        return 1;
    RUN(every_crash_leaves_one_line);
    RUN(what_is_no_crash_of_ours_leaves_none);
    return CHECK_REPORT();
}
