#include "controller/state_check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/seal.h"
#include "controller/state_pages.h"
#include "controller/state_store.h"

enum { CPU_S = 10, WALL_MS = 120 * 1000 };

struct tags {
    const struct vault *vault;
    struct seal_opener *opener;
    struct arena *arena; /* of one row */
    int64_t rows;
    struct error err;
    bool failed;
};

static bool check_row(struct span key, struct span stored, void *arg)
{
    struct tags *tags = arg;
    struct span value;
    int64_t revision;
    if (vault_is_head(key))
        return true;
    tags->rows++;
    arena_reset(tags->arena);
    if (vault_open_row(tags->vault, tags->opener, key, stored, tags->arena, &value, &revision, &tags->err))
        return true;
    tags->failed = true;
    return false;
}

static void walk(struct store *store, const struct keyring *ring, struct state_check *out)
{
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    AUTO(arena) struct arena *arena = arena_create();
    struct error err = {0};
    struct vault vault;
    if (!store_begin(store, false, &txn, &err)) {
        snprintf(out->words, sizeof out->words, "%.*s", (int)sizeof out->words - 1, err.message);
        return;
    }
    out->verdict = VAULT_DAMAGED;
    enum vault_verdict verdict = vault_read(&vault, store, txn, ring, &out->key, out->words, sizeof out->words);
    if (verdict != VAULT_GOOD) {
        out->verdict = verdict;
        return;
    }
    struct tags tags = {.vault = &vault, .opener = seal_opener_create(vault.data_key), .arena = arena};
    bool whole = vault_read_counters(&vault, store, txn, &out->counters, &err) &&
                 store_walk(store, txn, check_row, &tags, &err);
    if (tags.failed)
        err = tags.err;
    if (whole && !tags.failed)
        out->verdict = VAULT_GOOD;
    else
        snprintf(out->words, sizeof out->words, "%.*s", (int)sizeof out->words - 1, err.message);
    memcpy(out->installation, vault.installation, sizeof out->installation);
    out->schema = vault.schema;
    out->rows = tags.rows;
    seal_opener_destroy(tags.opener);
    vault_finish(&vault);
}

/* In the child. Whatever kills it, nothing of it reaches a terminal, and no handler of the parent runs. */
static void run_child(const char *path, bool live, const struct keyring *ring, int out_fd)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < COUNT_OF(fatal); i++)
        signal(fatal[i], SIG_DFL);
    /* Nor does it outlive its parent, or keep the lock for it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (out_fd > 3)
        close_range(3, (unsigned)out_fd - 1, 0);
    close_range((unsigned)out_fd + 1, ~0U, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_S, CPU_S + 1});
    struct state_check check = {.verdict = VAULT_UNCHECKED};
    struct error err = {0};
    int whole = live ? 1 : pages_verify_file(path, check.words, sizeof check.words);
    struct store *store = whole <= 0 ? NULL : live ? store_open(path, false, 0, &err) : store_open_file(path, false, 0, &err);
    if (whole == 0)
        check.verdict = VAULT_DAMAGED;
    else if (store != NULL)
        walk(store, ring, &check);
    else if (whole > 0)
        snprintf(check.words, sizeof check.words, "%.*s", (int)sizeof check.words - 1, err.message);
    store_close(store);
    bool told = write(out_fd, &check, sizeof check) == (ssize_t)sizeof check;
    _exit(told ? 0 : 1);
}

static int64_t monotonic_ms(void) /* not turned by tests: this is about a child of ours */
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_answer(int fd, struct state_check *out, bool *out_timed_out)
{
    struct state_check check;
    size_t got = 0;
    int64_t until = monotonic_ms() + WALL_MS;
    while (got < sizeof check) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = until - monotonic_ms();
        if (left <= 0) {
            *out_timed_out = true;
            return false;
        }
        if (poll(&wait, 1, (int)(left < WALL_MS ? left : WALL_MS)) < 0 && errno != EINTR)
            return false;
        ssize_t more = wait.revents != 0 ? read(fd, (char *)&check + got, sizeof check - got) : 0;
        if (wait.revents != 0 && more <= 0 && errno != EINTR)
            return false;
        got += more > 0 ? (size_t)more : 0;
    }
    *out = check;
    return true;
}

static void tell_end(int status, bool timed_out, struct state_check *out)
{
    int killer = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->verdict = timed_out || killer == SIGKILL || killer == SIGTERM || killer == SIGINT ? VAULT_UNCHECKED : VAULT_DAMAGED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_MEMORY)
        out->verdict = VAULT_UNCHECKED;
    if (timed_out)
        snprintf(out->words, sizeof out->words, "checking it took more than %d s", WALL_MS / 1000);
    else if (out->verdict == VAULT_UNCHECKED && killer == 0)
        snprintf(out->words, sizeof out->words, "there was no memory for its check");
    else if (out->verdict == VAULT_UNCHECKED)
        snprintf(out->words, sizeof out->words, "its check was ended from outside (%s)", strsignal(killer));
    else if (killer == SIGXCPU)
        snprintf(out->words, sizeof out->words, "reading it comes to no end");
    else
        snprintf(out->words, sizeof out->words, "reading it ends in a crash%s%s%s", killer != 0 ? " (" : "",
                 killer != 0 ? strsignal(killer) : "", killer != 0 ? ")" : "");
}

static void check_once(const char *path, bool live, const struct keyring *ring, struct state_check *out)
{
    int ends[2], status = 0;
    *out = (struct state_check){.verdict = VAULT_UNCHECKED};
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        fflush(NULL);
        child = fork();
        if (child == 0)
            run_child(path, live, ring, ends[1]);
        close(ends[1]);
    }
    if (child < 0) {
        snprintf(out->words, sizeof out->words, "it cannot be checked: %m");
        return;
    }
    bool timed_out = false, told = read_answer(ends[0], out, &timed_out);
    close(ends[0]);
    if (!told && timed_out)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!told)
        tell_end(status, timed_out, out);
}

/* What looks like damage must be seen twice: a lack of memory in the child looks like it too. */
static void check_in_child(const char *path, bool live, const struct keyring *ring, struct state_check *out)
{
    check_once(path, live, ring, out);
    if (out->verdict == VAULT_DAMAGED)
        check_once(path, live, ring, out);
}

void state_check_file(const char *path, const struct keyring *ring, struct state_check *out)
{
    check_in_child(path, false, ring, out);
}

void state_check_live(const char *directory, const struct keyring *ring, struct state_check *out)
{
    check_in_child(directory, true, ring, out);
}
