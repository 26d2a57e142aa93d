/* The other end of certwright-parse.
 *
 * A batch is small enough for the socket to take it at once, and the process reads a batch whole before it answers, so
 * neither end waits for the other while it writes. When the process ends in the midst of a batch, what has no answer yet
 * is given to the next process file by file: whichever ends that one too, alone, is the culprit. */
#include "controller/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/process.h"
#include "schema/operator.h"
#include "schema/parsed.h"

#define HELPER "certwright-parse"
#define BATCH_BYTES (128 * 1024) /* what a socket holds by default is more */
#define BATCH_FILES 256
#define PATIENCE 6 /* times its processor time: for one answer, on a busy machine */
#define ROOM_BYTES (256 * 1024)
#define STARTS_MAX 3 /* in a row that fail before a batch was served */

struct parser_batch {
    bool trees, sent;
    struct parser_terms terms;
    struct parsed_batch head;
    struct buffer bytes;
    struct item {
        void *file;
        size_t at, length; /* in bytes, the length in front of it not counted */
    } items[BATCH_FILES];
    size_t done; /* items answered */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held from send to receive */
static struct {
    pid_t pid;
    int cpu_s, memory_mib;
    int socket;
    struct confinement found;
    char *in; /* what it said and was not taken yet: from begin to end */
    size_t begin, end, capacity;
} child = {.socket = -1};

/* ---- its life ---- */

static int spawn(const char *program, int socket, const struct parser_terms *terms, pid_t *out_pid)
{
    /* The locale decides what patterns call a character; the rest is for sanitizers, in tests. */
    static const char *const passed[] = {"LC_ALL", "LC_CTYPE", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};
    AUTO(arena) struct arena *arena = arena_create();
    char *argv[] = {arena_strdup(arena, HELPER), arena_printf(arena, "%d", terms->cpu_s),
                    arena_printf(arena, "%d", terms->memory_mib), NULL};
    char *environment[COUNT_OF(passed) + 1] = {NULL};
    for (size_t i = 0, at = 0; i < COUNT_OF(passed); i++)
        if (getenv(passed[i]) != NULL)
            environment[at++] = arena_printf(arena, "%s=%s", passed[i], getenv(passed[i]));
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, socket, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their findings should be seen */
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
#endif
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0); /* a ^C at the terminal is for us */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn(out_pid, program, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Gives the wait status. */
static int end_child(void)
{
    int status = 0;
    if (child.pid == 0)
        return 0;
    kill(child.pid, SIGKILL); /* if it has not ended by itself */
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(child.socket);
    free(child.in);
    child.in = NULL;
    child.begin = child.end = child.capacity = 0;
    child.socket = -1;
    child.pid = 0;
    return status;
}

/* Until `size` bytes stand at child.in + child.begin. */
static bool receive(size_t size, bool *out_late)
{
    if (child.capacity - child.begin < size) {
        if (child.begin > 0)
            memmove(child.in, child.in + child.begin, child.end - child.begin);
        child.end -= child.begin;
        child.begin = 0;
        if (child.capacity < size) {
            child.capacity = size > ROOM_BYTES ? size : ROOM_BYTES;
            child.in = realloc(child.in, child.capacity);
            if (child.in == NULL)
                fatal_memory();
        }
    }
    while (child.end - child.begin < size) {
        struct pollfd ready = {.fd = child.socket, .events = POLLIN};
        ssize_t got = recv(child.socket, child.in + child.end, child.capacity - child.end, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) {
            *out_late = poll(&ready, 1, PATIENCE * 1000 * child.cpu_s) == 0;
            if (*out_late)
                return false;
        } else if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        child.end += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool greeted(struct error *err)
{
    struct parsed_hello hello;
    bool late = false;
    bool told = receive(sizeof hello, &late);
    if (told) {
        memcpy(&hello, child.in + child.begin, sizeof hello);
        child.begin += sizeof hello;
    }
    if (!told || hello.magic != PARSED_MAGIC)
        return error_raise(err, ERROR_SYSTEM, "%s, which reads the manifests, %s", HELPER,
                           late ? "does not answer" : "ended when it was started");
    if (strncmp(hello.version, CERTWRIGHT_VERSION, sizeof hello.version) != 0)
        return error_raise(err, ERROR_SYSTEM,
                           "%s is of another version than certwright (%s): certwright was upgraded while it ran, start it again",
                           HELPER, CERTWRIGHT_VERSION);
    child.found = (struct confinement){hello.calls != 0, (int)hello.landlock, hello.user != 0, hello.limits != 0};
    return true;
}

static bool start_child(const struct parser_terms *terms, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *program = process_helper(HELPER, "CERTWRIGHT_PARSE", arena);
    int ends[2];
    signal(SIGPIPE, SIG_IGN); /* a reader that has ended must not end us */
    if (program == NULL)
        return error_raise(err, ERROR_SYSTEM, "the program " HELPER " is missing: it is installed with certwright");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_raise(err, ERROR_SYSTEM, "starting " HELPER ": %s", strerror(errno));
    int rc = spawn(program, ends[1], terms, &child.pid);
    close(ends[1]);
    child.socket = ends[0];
    child.cpu_s = terms->cpu_s;
    child.memory_mib = terms->memory_mib;
    if (rc != 0) {
        child.pid = 0;
        close(ends[0]);
        child.socket = -1;
        return error_raise(err, ERROR_SYSTEM, "starting %s: %s", program, strerror(rc));
    }
    if (greeted(err))
        return true;
    end_child();
    return false;
}

/* It has so much of its processor time behind it that another one goes on. */
static bool worn(void)
{
    clockid_t clock;
    struct timespec used;
    return clock_getcpuclockid(child.pid, &clock) != 0 || clock_gettime(clock, &used) != 0 ||
           used.tv_sec * 5 > child.cpu_s * 2;
}

static bool have_child(const struct parser_terms *terms, struct error *err)
{
    if (child.pid != 0 && (worn() || child.cpu_s != terms->cpu_s || child.memory_mib != terms->memory_mib))
        end_child();
    if (child.pid == 0 && !start_child(terms, err))
        return false;
    if (confinement_holds(&child.found) || terms->unconfined)
        return true;
    end_child();
    return error_raise(err, ERROR_CONFIG,
                       "this kernel cannot confine the process that reads manifests (seccomp is missing or forbidden); to read "
                       "them all the same, put `confinement: Optional` into the operator's file");
}

/* ---- batches ---- */

struct parser_terms parser_terms(const struct operator_config *config)
{
    static const struct operator_config none = {.manifest_limits = MANIFEST_LIMITS_DEFAULT};
    const struct manifest_limits *it = config != NULL ? &config->manifest_limits : &none.manifest_limits;
    return (struct parser_terms){
        .unconfined = config != NULL && config->confinement == CONFINEMENT_OPTIONAL,
        .cpu_s = (int)it->cpu_s,
        .memory_mib = it->memory_mib,
        .limits = {.file = (uint32_t)it->file_kib * 1024, .documents = (uint32_t)it->documents, .nodes = (uint32_t)it->values,
                   .depth = (uint32_t)it->depth, .scalar = (uint32_t)it->value_kib * 1024, .key = (uint32_t)it->key_bytes,
                   .expansion = (uint32_t)it->alias_values, .factor = (uint32_t)it->alias_factor},
    };
}

struct parser_batch *parser_batch_create(bool trees, const struct parser_terms *terms)
{
    struct parser_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        fatal_memory();
    batch->trees = trees;
    batch->terms = *terms;
    return batch;
}

static void empty(struct parser_batch *batch)
{
    if (batch->sent)
        pthread_mutex_unlock(&lock);
    batch->sent = false;
    batch->head.files = 0;
    batch->done = 0;
    buffer_clear(&batch->bytes);
}

void parser_batch_destroy(struct parser_batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->sent)
        end_child(); /* nobody will take its answers */
    empty(batch);
    buffer_release(&batch->bytes);
    free(batch);
}

bool parser_add(struct parser_batch *batch, void *file, struct span bytes)
{
    uint32_t length = (uint32_t)bytes.length;
    size_t files = batch->head.files;
    if (batch->sent || files == BATCH_FILES || (files > 0 && batch->bytes.length + bytes.length > BATCH_BYTES))
        return false;
    buffer_append(&batch->bytes, &length, sizeof length);
    batch->items[files] = (struct item){file, batch->bytes.length, bytes.length};
    buffer_append(&batch->bytes, bytes.data, bytes.length);
    batch->head.files++;
    return true;
}

static bool send_whole(const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(child.socket, (const char *)data + done, size - done);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* `count` items from the first unanswered one on. Whether they arrived is seen by the answers. */
static void send_items(const struct parser_batch *batch, size_t count)
{
    const struct item *first = &batch->items[batch->done], *last = first + count - 1;
    size_t from = first->at - sizeof(uint32_t);
    const struct parsed_batch head = {.length = (uint32_t)(last->at + last->length - from), .files = (uint32_t)count,
                                      .trees = batch->trees, .limits = batch->terms.limits};
    if (!send_whole(&head, sizeof head) || !send_whole(batch->bytes.data + from, head.length))
        shutdown(child.socket, SHUT_RDWR); /* nothing more comes of it, and nobody waits for that */
}

bool parser_send(struct parser_batch *batch, struct error *err)
{
    pthread_mutex_lock(&lock);
    batch->sent = true;
    if (!have_child(&batch->terms, err)) {
        empty(batch);
        return false;
    }
    if (batch->head.files > 0)
        send_items(batch, batch->head.files);
    return true;
}

/* One answer; it stays where it is until the next. */
static bool receive_answer(const struct yaml_limits *limits, struct span *out, bool *out_late)
{
    uint32_t length;
    if (!receive(sizeof length, out_late))
        return false;
    memcpy(&length, child.in + child.begin, sizeof length);
    if (length > parsed_answer_max(limits) || !receive(sizeof length + length, out_late))
        return false;
    *out = span_of(child.in + child.begin + sizeof length, length);
    child.begin += sizeof length + length;
    return true;
}

static const char *how_it_ended(int status, bool late, char *out, size_t size)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (late)
        snprintf(out, size, "reading it took longer than %d s", PATIENCE * child.cpu_s);
    else if (number == SIGXCPU)
        snprintf(out, size, "reading it took too much processor time");
    else if (number == SIGSYS)
        snprintf(out, size, "the process that read it tried what is forbidden to it, and was ended");
    else if (number != 0)
        snprintf(out, size, "the process that read it was ended by signal %d", number);
    else
        snprintf(out, size, "the process that read it ended");
    return out;
}

/* Whether a file that is surely good can be read. If not, it is not the file's fault that its reader ended. */
static bool reads_sample(const struct parser_terms *terms, const char *words, struct error *err)
{
    struct parsed_batch head = {.length = sizeof(uint32_t) + sizeof PARSED_SAMPLE - 1, .files = 1,
                                .limits = terms->limits};
    const uint32_t length = sizeof PARSED_SAMPLE - 1;
    struct span answer;
    bool late = false;
    if (!have_child(terms, err))
        return false;
    if (send_whole(&head, sizeof head) && send_whole(&length, sizeof length) && send_whole(PARSED_SAMPLE, length) &&
        receive_answer(&terms->limits, &answer, &late))
        return true;
    end_child();
    return error_raise(err, ERROR_SYSTEM, "no manifest can be read here: %s, whatever the file", words);
}

/* The process is gone, or of no use: each file that has no answer gets a process that has seen nothing else. */
static bool one_by_one(struct parser_batch *batch, parser_visit *visit, void *arg, struct error *err)
{
    for (int failed = 0; batch->done < batch->head.files;) {
        bool late = false;
        char words[120];
        if (!have_child(&batch->terms, err)) {
            if (++failed == STARTS_MAX)
                return false;
            continue;
        }
        failed = 0;
        send_items(batch, 1);
        void *file = batch->items[batch->done].file;
        struct span answer;
        if (receive_answer(&batch->terms.limits, &answer, &late)) {
            visit(file, answer, NULL, arg);
        } else {
            int status = end_child();
            how_it_ended(status, late, words, sizeof words);
            if (!reads_sample(&batch->terms, words, err))
                return false;
            visit(file, span_of("", 0), words, arg);
        }
        batch->done++;
    }
    return true;
}

bool parser_receive(struct parser_batch *batch, parser_visit *visit, void *arg, struct error *err)
{
    bool ok = true, late = false;
    if (!batch->sent)
        return true;
    struct span answer;
    while (batch->done < batch->head.files && receive_answer(&batch->terms.limits, &answer, &late)) {
        visit(batch->items[batch->done].file, answer, NULL, arg);
        batch->done++;
    }
    if (batch->done < batch->head.files) {
        end_child();
        ok = one_by_one(batch, visit, arg, err);
    }
    empty(batch);
    return ok;
}

/* ---- */

bool parser_start(const struct parser_terms *terms, struct error *err)
{
    pthread_mutex_lock(&lock);
    bool ok = have_child(terms, err);
    pthread_mutex_unlock(&lock);
    return ok;
}

bool parser_confinement(struct confinement *out, struct error *err)
{
    struct parser_terms terms = parser_terms(NULL);
    terms.unconfined = true;
    pthread_mutex_lock(&lock);
    bool ok = have_child(&terms, err);
    if (ok)
        *out = child.found;
    pthread_mutex_unlock(&lock);
    return ok;
}

void parser_stop(void)
{
    pthread_mutex_lock(&lock);
    end_child();
    pthread_mutex_unlock(&lock);
}

int parser_process(void)
{
    pthread_mutex_lock(&lock);
    int pid = child.pid;
    pthread_mutex_unlock(&lock);
    return pid;
}
