/* certwright-parse by itself: whatever comes in, it answers what is whole and ends in peace at the first thing that is not. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "schema/parsed.h"
#include "schema/problem.h"

#include "check.h"

#define HELPER CERTWRIGHT_BUILD_DIR "/certwright-parse"

static int end; /* our end of its socket */
static pid_t helper;

static void start(const char *cpu, const char *memory)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    fflush(NULL);
    helper = fork();
    CHECK(helper >= 0);
    if (helper == 0) {
        dup2(ends[1], 0);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (cpu == NULL || strcmp(cpu, "0") == 0 || strcmp(memory, "0") == 0)
            dup2(null, 2);
        alarm(60);
        execl(HELPER, "certwright-parse", cpu, cpu != NULL ? memory : NULL, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    end = ends[0];
}

static int exit_of(void)
{
    int status;
    close(end);
    CHECK(waitpid(helper, &status, 0) == helper);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static size_t receive(void *out, size_t size)
{
    size_t have = 0;
    for (ssize_t got; have < size && (got = read(end, (char *)out + have, size - have)) > 0;)
        have += (size_t)got;
    return have;
}

static void greeted(void)
{
    struct parsed_hello hello;
    start("10", "512");
    CHECK_INT(receive(&hello, sizeof hello), sizeof hello);
    CHECK(hello.magic == PARSED_MAGIC);
    CHECK_TEXT(hello.version, CERTWRIGHT_VERSION);
}

static void without_its_arguments_it_does_nothing(void)
{
    const char *const pairs[][2] = {{NULL, NULL}, {"0", "512"}, {"10", "0"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char byte;
        start(pairs[i][0], pairs[i][1]);
        CHECK_INT(receive(&byte, 1), 0);
        CHECK_INT(exit_of(), 64);
    }
}

static void send_batch(uint32_t length, uint32_t files, const struct yaml_limits *limits, const void *bytes, size_t size)
{
    const struct parsed_batch head = {.length = length, .files = files, .limits = *limits};
    char whole[sizeof head + 64]; /* at once: what refuses the head has ended before a second call */
    CHECK(size <= sizeof whole - sizeof head);
    memcpy(whole, &head, sizeof head);
    memcpy(whole + sizeof head, bytes, size);
    CHECK(send(end, whole, sizeof head + size, MSG_NOSIGNAL) == (ssize_t)(sizeof head + size));
}

static void what_is_not_whole_has_no_answer(void)
{
    static const struct yaml_limits none;
    struct {
        uint32_t length, inside;
    } told = {0};
    static const struct {
        uint32_t length, files, inside; /* what is told */
        size_t size;                    /* what is sent */
        bool without_limits;
    } rows[] = {
        {PARSED_BATCH_MAX + 1, 1, 4, 8, false}, /* more than it takes */
        {8, 1, 4, 8, true},                     /* no limits */
        {2, 1, 0, 2, false},                    /* no room for a length */
        {8, 1, 5, 8, false},                    /* a file longer than the batch */
        {8, 1, 3, 8, false},                    /* bytes left over */
        {8, 0, 4, 8, false},                    /* no file, and bytes */
        {8, 2, 4, 8, false},                    /* a second one that is not there */
        {80, 1, 76, 8, false},                  /* ends in the midst */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char byte;
        greeted();
        told.length = rows[i].inside;
        memcpy(&told.inside, "a: b", 4);
        send_batch(rows[i].length, rows[i].files, rows[i].without_limits ? &none : &yaml_limits_default, &told, rows[i].size);
        shutdown(end, SHUT_WR);
        if (receive(&byte, 1) != 0)
            fprintf(stderr, "row %zu is answered\n", i);
        CHECK_INT(receive(&byte, 1), 0);
        CHECK_INT(exit_of(), 0);
    }
}

/* Answers in order, of which the first are so large that they go out before the last file is looked at. */
static void every_whole_file_is_answered_in_order(void)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer bytes = {0};
    enum { FILES = 40 };
    greeted();
    for (int i = 0; i < FILES; i++) {
        struct buffer text = {0};
        buffer_printf(&text, "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: c%d, annotations: {a: \"", i);
        for (int j = 0; j < 9000; j++)
            buffer_putc(&text, 'x');
        buffer_puts(&text, "\"}}\nspec: {firstName: P, lastName: M, email: p@example.com, phone: \"+43 1 5550101\"}\n");
        uint32_t length = (uint32_t)text.length;
        buffer_append(&bytes, &length, sizeof length);
        buffer_append(&bytes, text.data, text.length);
        buffer_release(&text);
    }
    const struct parsed_batch head = {.length = (uint32_t)bytes.length, .files = FILES, .trees = 1, .limits = yaml_limits_default};
    pid_t sender = fork(); /* it answers before it has read all: somebody else sends */
    if (sender == 0) {
        alarm(60);
        send(end, &head, sizeof head, MSG_NOSIGNAL);
        for (size_t done = 0; done < bytes.length;) {
            ssize_t put = send(end, bytes.data + done, bytes.length - done, MSG_NOSIGNAL);
            if (put <= 0)
                _exit(1);
            done += (size_t)put;
        }
        _exit(0);
    }
    for (int i = 0; i < FILES; i++) {
        uint32_t length = 0;
        CHECK_INT(receive(&length, sizeof length), sizeof length);
        char *answer = arena_alloc(arena, length), name[20];
        CHECK_INT(receive(answer, length), length);
        struct parsed_file parsed = {0};
        struct problem_list problems = {.arena = arena};
        struct error err = {0};
        CHECK_OK(parsed_decode(span_of(answer, length), "x.yaml", arena, &parsed, &problems, &err), err);
        snprintf(name, sizeof name, "c%d", i);
        CHECK_INT(parsed.count + parsed.broken.count, 1);
        CHECK_TEXT(parsed.count == 1 ? parsed.resources[0].name : parsed.broken.items[0].name, name);
    }
    int status;
    CHECK(waitpid(sender, &status, 0) == sender && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_INT(exit_of(), 0);
    buffer_release(&bytes);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    RUN(without_its_arguments_it_does_nothing);
    RUN(what_is_not_whole_has_no_answer);
    RUN(every_whole_file_is_answered_in_order);
    return CHECK_REPORT();
}
