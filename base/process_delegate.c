/* A process that runs programs for another one.
 *
 * Landlock and "no new privileges" are inherited: a program that reloads a web server could do nothing under them. So a
 * process is forked before, which knows the argument vectors of the operator's file and nothing else; it is asked for one of
 * them by number. Each run has a socket of its own, handed over with one message, and a process of its own behind it, so
 * runs do not wait for each other. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process_internal.h"

struct request {
    uint32_t program; /* index into the programs */
    int32_t timeout_ms;
    uint64_t output_limit;
    uint32_t answers, input_length; /* the input follows */
};
struct reply {
    uint32_t ran;
    uint32_t error_kind;
    char error[sizeof((struct error *)0)->message];
    int32_t exit_code, signal;
    uint32_t timed_out, answer_cut, output_length, answer_length; /* the two follow */
};

static int delegate = -1;
static const struct process_program *allowed;
static size_t allowed_count;

static bool send_all(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static bool receive_all(int fd, void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = recv(fd, (char *)out + done, size - done, 0);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* ---- the delegate ---- */

static void serve_one(int fd)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct request request;
    struct reply reply = {0};
    struct process_result result = {0};
    struct error err = {0};
    static char input[PROCESS_INPUT_MOST];
    signal(SIGCHLD, SIG_DFL);
    if (!receive_all(fd, &request, sizeof request) || request.program >= allowed_count ||
        request.input_length > sizeof input || !receive_all(fd, input, request.input_length))
        return;
    const struct process_program *program = &allowed[request.program];
    const struct process process = {.argv = program->argv, .user = program->user, .directory = program->directory,
        .timeout_ms = request.timeout_ms, .output_limit = request.output_limit, .answers = request.answers != 0,
        .input = input, .input_length = request.input_length};
    reply.ran = process_run_here(&process, arena, &result, &err);
    explicit_bzero(input, request.input_length);
    reply.error_kind = err.kind;
    memcpy(reply.error, err.message, sizeof reply.error);
    reply.exit_code = result.exit_code;
    reply.signal = result.signal;
    reply.timed_out = result.timed_out;
    reply.answer_cut = result.answer_cut;
    reply.output_length = result.output != NULL ? (uint32_t)strlen(result.output) : 0;
    reply.answer_length = (uint32_t)result.answer_length;
    if (send_all(fd, &reply, sizeof reply) && send_all(fd, result.output, reply.output_length))
        send_all(fd, result.answer, reply.answer_length);
}

/* Gives the descriptor that came with a message; -1: the other side is gone. */
static int next_run(int door)
{
    char byte, room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(sizeof(struct cmsghdr))));
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    ssize_t got;
    do
        got = recvmsg(door, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *part = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    int fd = -1;
    if (part != NULL && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(part), sizeof fd);
    return fd;
}

static void serve(int door)
{
    static const int for_the_other[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    int fd;
    for (size_t i = 0; i < COUNT_OF(for_the_other); i++)
        signal(for_the_other[i], SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* runs are reaped by the kernel */
    prctl(PR_SET_NAME, "certwright-runs");
    dup2(door, 3);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    while ((fd = next_run(3)) >= 0) {
        pid_t run = fork();
        if (run == 0) {
            close(3);
            serve_one(fd);
            _exit(0);
        }
        close(fd); /* when fork failed, the other side sees the end of its socket */
    }
    _exit(0);
}

bool process_delegate(const struct process_program *programs, size_t count, struct error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_raise(err, ERROR_SYSTEM, "starting the process that runs programs: %m");
    allowed = programs;
    allowed_count = count;
    pid_t pid = fork();
    if (pid == 0)
        serve(ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_raise(err, ERROR_SYSTEM, "starting the process that runs programs: %m");
    }
    delegate = ends[0];
    return true;
}

/* ---- asking it ---- */

static bool same_vector(const char *const *a, const char *const *b)
{
    while (*a != NULL && text_equal(*a, *b)) {
        a++;
        b++;
    }
    return *a == NULL && *b == NULL;
}

static bool find(const struct process *process, struct request *out)
{
    for (size_t i = 0; i < allowed_count; i++)
        if (same_vector(allowed[i].argv, process->argv) && text_equal(allowed[i].user, process->user) &&
            text_equal(allowed[i].directory, process->directory)) {
            out->program = (uint32_t)i;
            return process->environment == NULL;
        }
    return false;
}

static bool hand_over(int fd)
{
    char byte = 'r', room[CMSG_SPACE(sizeof fd)] __attribute__((aligned(sizeof(struct cmsghdr)))) = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    return sendmsg(delegate, &message, MSG_NOSIGNAL) == 1;
}

static bool ask(const struct process *process, const struct request *request, struct arena *arena, struct reply *reply,
                struct process_result *out)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    AUTO(fd) int ours = ends[0];
    bool given = hand_over(ends[1]);
    close(ends[1]);
    if (!given || !send_all(ours, request, sizeof *request) || !send_all(ours, process->input, request->input_length) ||
        !receive_all(ours, reply, sizeof *reply))
        return false;
    char *output = arena_alloc(arena, (size_t)reply->output_length + 1);
    char *answer = arena_alloc(arena, (size_t)reply->answer_length + 1);
    *out = (struct process_result){.exit_code = reply->exit_code, .signal = reply->signal, .timed_out = reply->timed_out != 0,
        .output = output, .answer = request->answers ? answer : NULL, .answer_length = reply->answer_length,
        .answer_cut = reply->answer_cut != 0};
    return receive_all(ours, output, reply->output_length) && receive_all(ours, answer, reply->answer_length);
}

bool process_run(const struct process *process, struct arena *arena, struct process_result *out, struct error *err)
{
    struct request request = {.timeout_ms = process->timeout_ms, .output_limit = process->output_limit,
                              .answers = process->answers, .input_length = (uint32_t)process->input_length};
    struct process_result result;
    struct reply reply;
    if (delegate < 0)
        return process_run_here(process, arena, out, err);
    if (!find(process, &request) || process->input_length > PROCESS_INPUT_MOST)
        return error_raise(err, ERROR_INTERNAL, "%s is no program that this daemon may run", process->argv[0]);
    if (!ask(process, &request, arena, &reply, &result))
        return error_raise(err, ERROR_SYSTEM, "the process that runs programs is gone: start certwright again");
    if (!reply.ran) {
        reply.error[sizeof reply.error - 1] = '\0';
        return error_raise(err, reply.error_kind < ERROR_KIND_COUNT ? (enum error_kind)reply.error_kind : ERROR_SYSTEM, "%s",
                           reply.error);
    }
    *out = result;
    return true;
}
