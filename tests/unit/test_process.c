#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/process.h"

static struct arena *arena;
static struct error err;
static struct process_result result;

static bool run_shell(const char *script, int timeout_ms)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct process process = {.argv = argv, .timeout_ms = timeout_ms};
    memset(&err, 0, sizeof err);
    return process_run(&process, arena, &result, &err);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Whether a process is alive; a zombie that nobody has reaped yet is not. */
static bool alive(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    const char *state = got == NULL ? NULL : strrchr(line, ')');
    return state != NULL && state[2] != 'Z';
}

static void gives_exit_code_and_both_outputs(void)
{
    CHECK_OK(run_shell("echo out; echo err >&2; exit 3", 0), err);
    CHECK_INT(result.exit_code, 3);
    CHECK_INT(result.signal, 0);
    CHECK(!result.timed_out);
    CHECK_TEXT(result.output, "out\nerr\n");
}

static void tells_a_signal_from_an_exit(void)
{
    CHECK_OK(run_shell("kill -SEGV $$", 0), err);
    CHECK_INT(result.exit_code, -1);
    CHECK_INT(result.signal, SIGSEGV);
}

static void has_a_clean_environment_and_closed_descriptors(void)
{
    int leaked = open("/dev/null", O_RDONLY); /* on purpose without O_CLOEXEC */
    setenv("CERTWRIGHT_TEST_SECRET", "hidden", 1);
    CHECK_OK(
        run_shell("env | sort | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; pwd; umask; ls /proc/$$/fd",
                  0),
        err);
    close(leaked);
    CHECK_TEXT(result.output, "LANG=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n/\n0022\n0\n1\n2\n");
}

static void passes_the_environment_that_was_asked_for(void)
{
    const char *argv[] = {"/bin/sh", "-c", "echo $A $LANG; pwd", NULL};
    const char *environment[] = {"A=b", "LANG=xx", NULL};
    struct process process = {.argv = argv, .environment = environment, .directory = "/usr"};
    CHECK_OK(process_run(&process, arena, &result, &err), err);
    CHECK_TEXT(result.output, "b C\n/usr\n");
}

static void says_when_it_cannot_start(void)
{
    const char *argv[] = {"/nonexistent/program", NULL};
    struct process process = {.argv = argv};
    CHECK(!process_run(&process, arena, &result, &err));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "/nonexistent/program") != NULL);
    CHECK(strstr(err.message, "No such file") != NULL);

    process.directory = "/nonexistent";
    CHECK(!process_run(&process, arena, &result, &err));
    CHECK(strstr(err.message, "entering its folder") != NULL);

    argv[0] = "sh";
    CHECK(!process_run(&process, arena, &result, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
}

static void refuses_an_unknown_user(void)
{
    const char *argv[] = {"/bin/true", NULL};
    struct process process = {.argv = argv, .user = "no-such-user-here"};
    CHECK(!process_run(&process, arena, &result, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
}

static void runs_as_another_user_only_for_root(void)
{
    const char *argv[] = {"/bin/sh", "-c", "id -un; id -Gn", NULL};
    struct process process = {.argv = argv, .user = "nobody"};
    if (geteuid() == 0) {
        CHECK_OK(process_run(&process, arena, &result, &err), err);
        CHECK_TEXT(result.output, "nobody\nnogroup\n");
    } else {
        process.user = "root";
        CHECK(!process_run(&process, arena, &result, &err));
        CHECK_INT(err.kind, ERROR_CONFIG);
    }
}

static void ends_what_hangs_with_its_whole_group(void)
{
    double began = seconds();
    CHECK_OK(run_shell("sleep 1000 & echo $!; sleep 1000", 200), err);
    CHECK(result.timed_out);
    CHECK_INT(result.signal, SIGTERM);
    CHECK(seconds() - began < 4);
    pid_t grandchild = (pid_t)atoi(result.output);
    CHECK(grandchild > 1);
    for (int i = 0; i < 100000 && alive(grandchild); i++) /* the kill is on its way */
        sched_yield();
    CHECK(!alive(grandchild));
}

static void kills_what_ignores_the_request_to_end(void)
{
    double began = seconds();
    CHECK_OK(run_shell("trap '' TERM; echo deaf; while :; do read -r x < /dev/zero; done 2>/dev/null", 100),
             err);
    CHECK(result.timed_out);
    CHECK_INT(result.signal, SIGKILL);
    CHECK_TEXT(result.output, "deaf\n");
    CHECK(seconds() - began > 4.5 && seconds() - began < 20);
}

static void does_not_wait_for_a_daemon_that_keeps_the_pipe(void)
{
    double began = seconds();
    CHECK_OK(run_shell("sleep 1000 & echo $!", 20000), err);
    CHECK(!result.timed_out);
    CHECK_INT(result.exit_code, 0);
    CHECK(seconds() - began < 10);
    pid_t left = (pid_t)atoi(result.output);
    CHECK(alive(left)); /* a service that the command started lives on */
    kill(left, SIGKILL);
}

static void keeps_the_last_of_a_flood(void)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo last words",
                          NULL};
    struct process process = {.argv = argv, .output_limit = 1000};
    CHECK_OK(process_run(&process, arena, &result, &err), err);
    size_t length = strlen(result.output);
    CHECK(length <= 1010 && length > 900);
    CHECK_TEXT(result.output + length - strlen("last words\n"), "last words\n");
}

static void a_flood_without_end_still_meets_its_limit(void)
{
    CHECK_OK(run_shell("exec cat /dev/zero", 200), err);
    CHECK(result.timed_out);
    CHECK_INT(result.signal, SIGTERM);
}

static void shows_foreign_bytes_harmless(void)
{
    CHECK_OK(run_shell("printf 'a\\033[31mb\\r\\nc\\377d'", 0), err);
    CHECK_TEXT(result.output, "a\xEF\xBF\xBD[31mb\nc\xEF\xBF\xBD"
                              "d");
}

static void *many_runs(void *out_bad)
{
    struct arena *own = arena_create();
    const char *argv[] = {"/bin/sh", "-c", "echo hello; exit 4", NULL};
    struct process process = {.argv = argv};
    for (int i = 0; i < 20; i++) {
        struct process_result each;
        struct error why = {0};
        if (!process_run(&process, own, &each, &why) || each.exit_code != 4 ||
            strcmp(each.output, "hello\n") != 0)
            *(int *)out_bad += 1;
        char *churn = malloc(1000 + (size_t)i); /* other threads hold the allocator's locks now and then */
        free(churn);
    }
    arena_destroy(own);
    return NULL;
}

static void works_from_many_threads(void)
{
    pthread_t threads[4];
    int bad[4] = {0};
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, many_runs, &bad[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(bad[0] + bad[1] + bad[2] + bad[3], 0);
}

static bool ask_shell(const char *script, const char *input, size_t limit, int timeout_ms)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct process process = {.argv = argv,
                              .answers = true,
                              .input = input,
                              .input_length = strlen(input),
                              .output_limit = limit,
                              .timeout_ms = timeout_ms};
    memset(&err, 0, sizeof err);
    return process_run(&process, arena, &result, &err);
}

static void hands_a_question_in_and_keeps_the_answer_apart(void)
{
    CHECK_OK(ask_shell("echo to people >&2; cat; exit 5", "{\"a\": \"\033\377\"}\n", 0, 0), err);
    CHECK_INT(result.exit_code, 5);
    CHECK_INT((int)result.answer_length, 12);
    CHECK_TEXT(result.answer, "{\"a\": \"\033\377\"}\n"); /* not cleaned: its reader judges it */
    CHECK_TEXT(result.output, "to people\n");
    CHECK(!result.answer_cut);
}

static void hands_in_all_that_may_be_handed_in(void)
{
    char *input = arena_alloc(arena, PROCESS_INPUT_MOST + 2);
    memset(input, 'x', PROCESS_INPUT_MOST);
    CHECK_OK(ask_shell("wc -c", input, 0, 0), err);
    CHECK_INT(atoi(result.answer), PROCESS_INPUT_MOST);
    CHECK_OK(ask_shell("exit 0", input, 0, 0), err); /* never read: no harm to us */
    CHECK_INT(result.exit_code, 0);
    input[PROCESS_INPUT_MOST] = 'x';
    CHECK(!ask_shell("cat", input, 0, 0));
    CHECK_INT(err.kind, ERROR_SYSTEM);
}

static void says_when_an_answer_was_too_long(void)
{
    CHECK_OK(ask_shell("head -c 5000 /dev/zero | tr '\\0' a", "", 4096, 0), err);
    CHECK(result.answer_cut);
    CHECK_OK(ask_shell("head -c 4096 /dev/zero | tr '\\0' a; head -c 300000 /dev/zero >&2", "", 4096, 0), err);
    CHECK(!result.answer_cut);
    CHECK_INT((int)result.answer_length, 4096);
}

/* A signal is sent in no time and arrives in its own. */
static bool is_soon_gone(pid_t pid)
{
    for (int i = 0; i < 1000 && alive(pid); i++)
        usleep(10000);
    return pid > 1 && !alive(pid);
}

static void leaves_nothing_behind_of_one_that_answers(void)
{
    double start = seconds();
    CHECK_OK(ask_shell("sleep 600 & echo $!", "", 0, 0), err);
    CHECK(is_soon_gone((pid_t)atoi(result.answer)));
    CHECK_OK(ask_shell("sleep 600 & echo $!; sleep 600", "", 0, 300), err);
    CHECK(result.timed_out);
    CHECK(is_soon_gone((pid_t)atoi(result.answer)));
    CHECK(seconds() - start < 60);
}

int main(void)
{
    arena = arena_create();
    RUN(gives_exit_code_and_both_outputs);
    RUN(tells_a_signal_from_an_exit);
    RUN(has_a_clean_environment_and_closed_descriptors);
    RUN(passes_the_environment_that_was_asked_for);
    RUN(says_when_it_cannot_start);
    RUN(refuses_an_unknown_user);
    RUN(runs_as_another_user_only_for_root);
    RUN(ends_what_hangs_with_its_whole_group);
    RUN(kills_what_ignores_the_request_to_end);
    RUN(does_not_wait_for_a_daemon_that_keeps_the_pipe);
    RUN(keeps_the_last_of_a_flood);
    RUN(a_flood_without_end_still_meets_its_limit);
    RUN(shows_foreign_bytes_harmless);
    RUN(hands_a_question_in_and_keeps_the_answer_apart);
    RUN(hands_in_all_that_may_be_handed_in);
    RUN(says_when_an_answer_was_too_long);
    RUN(leaves_nothing_behind_of_one_that_answers);
    RUN(works_from_many_threads);
    arena_destroy(arena);
    return CHECK_REPORT();
}
