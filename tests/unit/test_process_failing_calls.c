/* Each call that running a program makes of the system fails once, here and in the child. The program then runs all the same,
 * or it is said why not; and neither descriptors nor children are left. */
#include "check.h"
#include "failing_files.h"
#include "failing_processes.h"
#include "failing_sockets.h"

#include <dirent.h>
#include <grp.h>
#include <pwd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/process.h"

/* ---- somebody else to be ---- */

/* in_disguise: "stranger" is another user, and we are root that becomes him without doing so. */
static int groups_of_stranger; /* more than there is room for at first: 100 */
static bool groups_fail;

uid_t geteuid(void)
{
    if (FAILS(SYSTEM_CALLS, "geteuid"))
        return 12345;
    return in_disguise ? 0 : NEXT(geteuid)();
}

int getpwnam_r(const char *name, struct passwd *entry, char *room, size_t size, struct passwd **found)
{
    if (!in_disguise)
        return NEXT(getpwnam_r)(name, entry, room, size, found);
    *entry = (struct passwd){.pw_uid = 4711, .pw_gid = 4711};
    *found = strcmp(name, "stranger") == 0 ? entry : NULL;
    return FAILS(SYSTEM_CALLS, "getpwnam_r") ? (*found = NULL, EIO) : 0;
}

int getgrouplist(const char *name, gid_t group, gid_t *groups, int *count)
{
    if (!in_disguise)
        return NEXT(getgrouplist)(name, group, groups, count);
    bool fits = *count >= groups_of_stranger && !groups_fail;
    *count = groups_of_stranger;
    for (int i = 0; fits && i < groups_of_stranger; i++)
        groups[i] = group;
    return fits ? *count : -1;
}

/* ---- one run ---- */

static struct arena *arena;
static struct error err;
static struct process_result result;
static const char *const cat[] = {"/bin/cat", NULL};
static const char *const missing[] = {"/nonexistent/program", NULL};

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static bool run(const char *const *argv, const char *user)
{
    const struct process process = {.argv = argv,
                                    .user = user,
                                    .answers = true,
                                    .input = "asked",
                                    .input_length = 5,
                                    .timeout_ms = 20000};
    err = (struct error){0};
    result = (struct process_result){0};
    return process_run(&process, arena, &result, &err);
}

static void a_call_that_fails_is_borne_or_told(void)
{
    static const struct {
        const char *name, *says; /* in the error; NULL: any */
        bool lost;               /* the program ran, and what it wrote may be lost */
    } cases[] = {
        {"pipe2", "cannot start", false},
        {"fcntl", "cannot start", false},
        {"write", "cannot start", false},
        {"fork", "cannot start", false},
        {"read", NULL, true},
        {"pidfd_open", "cannot watch", false},
        {"poll", NULL, false},
        {"waitpid", NULL, false},
        {"setpgid", "process group", false},
        {"chdir", "folder", false},
        {"dup2", "descriptors", false},
        {"dup3", "descriptors", false},
        {"close_range", "descriptors", false},
        {"execve", "starting it", false},
    };
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int hits = 0;
        for (int at = 1; at <= 12; at++) {
            for (int interrupted = 0; interrupted < 2; interrupted++) {
                fail_at(cases[i].name, at, interrupted ? EINTR : EIO);
                bool ok = run(cat, NULL);
                hits += well();
                if (ok ? result.exit_code != 0 : err.kind != ERROR_SYSTEM && err.kind != ERROR_INTERNAL)
                    fprintf(stderr, "%s %d: %d %d %s\n", cases[i].name, at, ok, result.exit_code,
                            err.message);
                CHECK(ok ? result.exit_code == 0 : err.kind == ERROR_SYSTEM || err.kind == ERROR_INTERNAL);
                CHECK(!ok || cases[i].lost || strcmp(result.answer, "asked") == 0);
                CHECK(ok || strstr(err.message, "/bin/cat") != NULL);
                CHECK(ok || cases[i].says == NULL || strstr(err.message, cases[i].says) != NULL);
                if (interrupted && strstr("poll waitpid read", cases[i].name) != NULL)
                    CHECK(ok && strcmp(result.answer, "asked") == 0);
                if (strcmp(cases[i].name, "waitpid") == 0) /* the child is nobody's now */
                    while (waitpid(-1, NULL, 0) > 0)
                        ;
                CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
                CHECK_INT(open_descriptors(), before);
            }
        }
        if (hits == 0)
            CHECK_TEXT(cases[i].name, "called");
    }
}

static void a_program_that_asks_nothing_reads_from_nowhere(void)
{
    const struct process process = {.argv = cat};
    static const char *const names[] = {"open", "fcntl"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        fail_at(names[i], 1, EMFILE);
        bool ok = process_run(&process, arena, &result, &err);
        CHECK(well());
        CHECK(!ok && err.kind == ERROR_SYSTEM && strstr(err.message, "cannot start /bin/cat") != NULL);
    }
    CHECK_OK(process_run(&process, arena, &result, &err), err);
    CHECK_INT(result.exit_code, 0);
    static const char *const nothing[] = {NULL};
    CHECK(!process_run(&(struct process){0}, arena, &result, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(!process_run(&(struct process){.argv = nothing}, arena, &result, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
}

static void closing_an_output_early_ends_nothing(void)
{
    static const char *const argv[] = {"/bin/sh", "-c", "echo told >&2; exec 1>&- 2>&-; sleep 0.3; exit 7",
                                       NULL};
    CHECK_OK(run(argv, NULL), err);
    CHECK_INT(result.exit_code, 7);
    CHECK_TEXT(result.output, "told\n");
    CHECK_TEXT(result.answer, "");
}

static void another_user_is_become_whole_or_not_at_all(void)
{
    static const char *const steps[] = {"setgroups", "setresgid", "setresuid"};
    in_disguise = true;
    for (groups_of_stranger = 1; groups_of_stranger <= 100; groups_of_stranger += 99) {
        CHECK_OK(run(cat, "stranger"), err);
        CHECK_TEXT(result.answer, "asked");
    }
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        fail_at(steps[i], 1, EPERM);
        bool ok = run(cat, "stranger");
        CHECK(well());
        CHECK(!ok && err.kind == ERROR_SYSTEM && strstr(err.message, "changing to its user") != NULL);
    }
    groups_fail = true;
    CHECK(!run(cat, "stranger"));
    CHECK(err.kind == ERROR_SYSTEM && strstr(err.message, "groups of user stranger") != NULL);
    groups_fail = false;
    fail_at("getpwnam_r", 1, EIO);
    CHECK(!run(cat, "stranger"));
    CHECK(well() && err.kind == ERROR_SYSTEM && strstr(err.message, "stranger cannot be looked up") != NULL);
    CHECK(!run(cat, "nobody-at-all"));
    CHECK(err.kind == ERROR_CONFIG && strstr(err.message, "does not exist") != NULL);
    fail_at("geteuid", 2, 0); /* we are somebody, and not root */
    CHECK(!run(cat, "stranger"));
    CHECK(well() && err.kind == ERROR_CONFIG && strstr(err.message, "only root") != NULL);
    in_disguise = false;
}

static void a_program_of_ours_is_found_beside_us_or_where_it_is_installed(void)
{
    static const char variable[] = "CERTWRIGHT_TEST_HELPER";
    const char *own = "test_process_failing_calls";
    unsetenv(variable);
    const char *path = process_helper(own, variable, arena);
    CHECK(path != NULL && access(path, X_OK) == 0);
    CHECK(process_helper("no-such-helper", variable, arena) == NULL);
    fail_at("readlink", 1, EACCES);
    path = process_helper(own, variable, arena);
    CHECK(well() && path == NULL);
    setenv(variable, "/nonexistent", 1);
    CHECK(process_helper(own, variable, arena) == NULL);
    setenv(variable, "/bin/cat", 1);
    CHECK_TEXT(process_helper(own, variable, arena), "/bin/cat");
}

/* ---- the delegate; last, for from then on all goes through it ---- */

static const struct process_program programs[] = {{.argv = cat}, {.argv = missing}};

static void a_delegate_that_cannot_be_started_is_told(void)
{
    static const char *const names[] = {"socketpair", "fork"};
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        fail_at(names[i], 1, EMFILE);
        bool ok = process_delegate(programs, COUNT_OF(programs), &err);
        CHECK(well());
        CHECK(!ok && err.kind == ERROR_SYSTEM);
        CHECK_INT(open_descriptors(), before);
    }
}

/* Faults on its own side go with it: they are armed when it is forked. */
static void a_delegate_bears_interruptions_and_one_run_that_fails(void)
{
    static const struct {
        const char *name;
        int at, code;
        bool first, second; /* whether the first and the second run succeed */
    } cases[] = {
        {"recvmsg", 1, EINTR, true, true}, {"recvmsg", 1, EIO, false, false}, /* it is gone */
        {"recv", 1, EINTR, true, true},    {"recv", 1, EIO, false, false},
        {"recv", 2, EIO, false, false}, /* in the child of each run */
        {"send", 1, EINTR, true, true},    {"send", 1, EPIPE, false, false},
        {"send", 2, EPIPE, true, true},    {"fork", 2, EAGAIN, false, true}, /* the first is its own */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fail_at(cases[i].name, cases[i].at, cases[i].code);
        bool ok = process_delegate(programs, COUNT_OF(programs), &err);
        well();
        CHECK_OK(ok, err);
        for (int second = 0; second < 2; second++) {
            bool wanted = second ? cases[i].second : cases[i].first;
            ok = run(cat, NULL);
            if (strcmp(cases[i].name, "send") == 0 &&
                cases[i].at == 2) { /* the answer's second part alone was lost */
                CHECK(!ok || strcmp(result.answer, "asked") == 0);
                continue;
            }
            if (ok != wanted)
                fprintf(stderr, "case %zu, run %d: %s\n", i, second, err.message);
            CHECK_INT(ok, wanted);
            CHECK(ok ? strcmp(result.answer, "asked") == 0
                     : err.kind == ERROR_SYSTEM && strstr(err.message, "is gone") != NULL);
        }
    }
}

static void a_run_whose_asking_fails_is_told_and_the_next_one_works(void)
{
    static const struct {
        const char *name;
        int at, code;
        bool ok;
    } cases[] = {
        {"socketpair", 1, EMFILE, false}, {"sendmsg", 1, EPIPE, false},   {"send", 1, EINTR, true},
        {"send", 1, EPIPE, false},        {"send", 2, EPIPE, false},      {"recv", 1, EINTR, true},
        {"recv", 1, ECONNRESET, false},   {"recv", 2, ECONNRESET, false},
    };
    CHECK_OK(process_delegate(programs, COUNT_OF(programs), &err), err);
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fail_at(cases[i].name, cases[i].at, cases[i].code);
        bool ok = run(cat, NULL);
        CHECK(well());
        CHECK_INT(ok, cases[i].ok);
        CHECK(ok || err.kind == ERROR_SYSTEM);
        CHECK_INT(open_descriptors(), before);
        CHECK_OK(run(cat, NULL), err);
        CHECK_TEXT(result.answer, "asked");
    }
}

static void a_delegate_runs_what_it_was_told_and_nothing_else(void)
{
    static const char *const other[] = {"/bin/cat", "/etc/passwd", NULL}, *const environment[] = {"A=b",
                                                                                                  NULL};
    static char long_input[PROCESS_INPUT_MOST + 1];
    const struct process refused[] = {
        {.argv = other, .answers = true},
        {.argv = cat, .user = "root"},
        {.argv = cat, .directory = "/tmp"},
        {.argv = cat, .environment = environment},
        {.argv = cat, .answers = true, .input = long_input, .input_length = sizeof long_input},
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        CHECK(!process_run(&refused[i], arena, &result, &err));
        CHECK_INT(err.kind, ERROR_INTERNAL);
        CHECK(strstr(err.message, "/bin/cat is no program") != NULL);
    }
    CHECK(!run(missing, NULL)); /* the delegate's own words and kind */
    CHECK(err.kind == ERROR_SYSTEM && strstr(err.message, "/nonexistent/program") != NULL &&
          strstr(err.message, "starting it") != NULL);
    CHECK_OK(run(cat, NULL), err);
    CHECK_TEXT(result.answer, "asked");
}

int main(void)
{
    arena = arena_create();
    RUN(a_call_that_fails_is_borne_or_told);
    RUN(a_program_that_asks_nothing_reads_from_nowhere);
    RUN(closing_an_output_early_ends_nothing);
    RUN(another_user_is_become_whole_or_not_at_all);
    RUN(a_program_of_ours_is_found_beside_us_or_where_it_is_installed);
    RUN(a_delegate_that_cannot_be_started_is_told);
    RUN(a_delegate_bears_interruptions_and_one_run_that_fails);
    RUN(a_run_whose_asking_fails_is_told_and_the_next_one_works);
    RUN(a_delegate_runs_what_it_was_told_and_nothing_else);
    arena_destroy(arena);
    return CHECK_REPORT();
}
