/* Lets a program fail at one chosen system call: run under it, the n-th call of a name, counted over all threads of the
 * program together, kills the program on entry (the call is not made), gives an error instead, or is cut short.
 *
 *   point --log FILE -- COMMAND...                          write the calls of interest down: "name n what"
 *   point --log FILE --at CALL:N --do kill -- COMMAND...    or --do EIO, ENOSPC, ENOMEM, EACCES, EMFILE, short
 *
 * Why not strace: its `when=` counts for each thread apart, and the controller gives each outside action a thread of its
 * own, so the first thread to reach n would always be the main one and no action would ever be hit. Children that run other
 * programs (reload commands) are left alone: they outlive a killed parent, as they would. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#if !defined __x86_64__
#error "changing a call's result is written for x86-64 only"
#endif

struct call {
    const char *name;
    long number;
    enum { NOTHING, FD, PATH, PATH_AT } shows; /* which argument the log tells of */
    bool length; /* its third argument is how much */
    long count;
};
static struct call calls[] = {
    {"openat", SYS_openat, PATH_AT, false, 0}, {"openat2", SYS_openat2, PATH_AT, false, 0},
    {"write", SYS_write, FD, true, 0}, {"writev", SYS_writev, FD, false, 0},
    {"pwrite64", SYS_pwrite64, FD, true, 0}, {"pwritev", SYS_pwritev, FD, false, 0},
    {"read", SYS_read, FD, true, 0}, {"pread64", SYS_pread64, FD, true, 0},
    {"fsync", SYS_fsync, FD, false, 0}, {"fdatasync", SYS_fdatasync, FD, false, 0},
    {"msync", SYS_msync, NOTHING, false, 0}, {"ftruncate", SYS_ftruncate, FD, false, 0},
    {"fallocate", SYS_fallocate, FD, false, 0},
    {"rename", SYS_rename, PATH, false, 0}, {"renameat", SYS_renameat, PATH_AT, false, 0},
    {"renameat2", SYS_renameat2, PATH_AT, false, 0}, {"link", SYS_link, PATH, false, 0},
    {"linkat", SYS_linkat, PATH_AT, false, 0}, {"symlinkat", SYS_symlinkat, PATH, false, 0},
    {"unlink", SYS_unlink, PATH, false, 0}, {"unlinkat", SYS_unlinkat, PATH_AT, false, 0},
    {"mkdir", SYS_mkdir, PATH, false, 0}, {"mkdirat", SYS_mkdirat, PATH_AT, false, 0},
    {"rmdir", SYS_rmdir, PATH, false, 0}, {"fchmod", SYS_fchmod, FD, false, 0},
    {"fchmodat", SYS_fchmodat, PATH_AT, false, 0}, {"fchown", SYS_fchown, FD, false, 0},
    {"utimensat", SYS_utimensat, PATH_AT, false, 0}, {"fcntl", SYS_fcntl, FD, false, 0},
    {"close", SYS_close, FD, false, 0},
    {"socket", SYS_socket, NOTHING, false, 0}, {"connect", SYS_connect, FD, false, 0},
    {"bind", SYS_bind, FD, false, 0}, {"listen", SYS_listen, FD, false, 0},
    {"sendto", SYS_sendto, FD, true, 0}, {"sendmsg", SYS_sendmsg, FD, false, 0},
    {"recvfrom", SYS_recvfrom, FD, true, 0}, {"recvmsg", SYS_recvmsg, FD, false, 0},
    {"clone", SYS_clone, NOTHING, false, 0}, {"clone3", SYS_clone3, NOTHING, false, 0},
    {"mmap", SYS_mmap, NOTHING, false, 0}, {"munmap", SYS_munmap, NOTHING, false, 0},
};
enum { CALLS = sizeof calls / sizeof *calls };

static const struct { const char *name; int number; } errors[] = {
    {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"ENOMEM", ENOMEM}, {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"EROFS", EROFS},
    {"EDQUOT", EDQUOT}, {"EINTR", EINTR},
};

static struct call *wanted;
static long wanted_count;
static enum { RECORD, KILL, FAIL, SHORT } deed = RECORD;
static int error_number;
static FILE *log_file;
static pid_t program, failing; /* failing: the thread whose call is to give an error */

static void die(const char *what)
{
    fprintf(stderr, "point: %s: %s\n", what, strerror(errno));
    if (program > 0)
        kill(program, SIGKILL);
    exit(99);
}

static void show(const struct call *call, pid_t thread, const struct ptrace_syscall_info *info)
{
    char text[200] = "", link[64];
    if (call->shows == FD) {
        snprintf(link, sizeof link, "/proc/%d/fd/%lld", (int)thread, (long long)info->entry.args[0]);
        ssize_t length = readlink(link, text, sizeof text - 1);
        text[length > 0 ? length : 0] = '\0';
    } else if (call->shows != NOTHING) {
        struct iovec here = {text, sizeof text - 1}, there = {(void *)info->entry.args[call->shows == PATH_AT], here.iov_len};
        if (process_vm_readv(thread, &here, 1, &there, 1, 0) < 0) { /* it ends at an unmapped page */
            there.iov_len = 4096 - ((size_t)there.iov_base & 4095);
            here.iov_len = there.iov_len = there.iov_len < sizeof text - 1 ? there.iov_len : sizeof text - 1;
            if (process_vm_readv(thread, &here, 1, &there, 1, 0) < 0)
                text[0] = '\0';
        }
    }
    for (char *c = text; *c != '\0'; c++)
        if (*c < ' ')
            *c = '?';
    fprintf(log_file, "%s %ld %s%s\n", call->name, call->count, thread == program ? "" : "(worker) ", text);
}

static void change(pid_t thread, const struct call *call)
{
    struct user_regs_struct registers;
    if (deed == KILL) {
        fprintf(log_file, "hit\n");
        fflush(log_file);
        kill(program, SIGKILL);
        return;
    }
    if (ptrace(PTRACE_GETREGS, thread, NULL, &registers) != 0)
        return;
    if (deed == SHORT) {
        if (!call->length || registers.rdx < 2)
            return;
        registers.rdx /= 2;
    } else {
        if (call->number != SYS_close) /* a close that fails has closed nevertheless */
            registers.orig_rax = (unsigned long)-1;
        failing = thread;
    }
    if (ptrace(PTRACE_SETREGS, thread, NULL, &registers) != 0)
        die("changing a call");
    fprintf(log_file, "hit\n");
}

static void at_call(pid_t thread)
{
    struct ptrace_syscall_info info = {0};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0)
        return; /* it died meanwhile */
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && failing == thread) {
        struct user_regs_struct registers;
        failing = 0;
        if (ptrace(PTRACE_GETREGS, thread, NULL, &registers) == 0) {
            registers.rax = (unsigned long)-error_number;
            ptrace(PTRACE_SETREGS, thread, NULL, &registers);
        }
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    for (struct call *call = calls; call < calls + CALLS; call++) {
        if (call->number != (long)info.entry.nr)
            continue;
        call->count++;
        if (deed == RECORD)
            show(call, thread, &info);
        else if (call == wanted && call->count == wanted_count) {
            show(call, thread, &info);
            change(thread, call);
        }
        return;
    }
}

static void follow(void)
{
    int status, code = 99;
    for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
        if (thread < 0)
            continue;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (thread == program)
                code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int sent = 0, number = WSTOPSIG(status), event = status >> 16;
        if (number == (SIGTRAP | 0x80))
            at_call(thread);
        else if (event == PTRACE_EVENT_STOP && (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)) {
            ptrace(PTRACE_LISTEN, thread, NULL, NULL);
            continue;
        } else if (event == 0)
            sent = number;
        ptrace(PTRACE_SYSCALL, thread, NULL, sent);
    }
    fprintf(log_file, "exit %d\n", code);
    fclose(log_file);
    exit(code);
}

static void parse_point(char *text)
{
    char *number = strchr(text, ':');
    if (number != NULL)
        *number++ = '\0';
    for (struct call *call = calls; call < calls + CALLS; call++)
        if (strcmp(call->name, text) == 0)
            wanted = call;
    wanted_count = number != NULL ? atol(number) : 0;
    if (wanted == NULL || wanted_count < 1) {
        fprintf(stderr, "point: --at CALL:N\n");
        exit(64);
    }
}

static void parse_deed(const char *text)
{
    deed = strcmp(text, "kill") == 0 ? KILL : strcmp(text, "short") == 0 ? SHORT : FAIL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(errors[i].name, text) == 0)
            error_number = errors[i].number;
    if (deed == FAIL && error_number == 0) {
        fprintf(stderr, "point: --do kill, short, or an error's name\n");
        exit(64);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"log", required_argument, NULL, 'l'}, {"at", required_argument, NULL, 'a'},
                                            {"do", required_argument, NULL, 'd'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
        if (option == 'l')
            log_file = fopen(optarg, "we");
        else if (option == 'a')
            parse_point(optarg);
        else if (option == 'd')
            parse_deed(optarg);
        else
            return 64;
    if (log_file == NULL || optind >= argc)
        return 64;
    program = fork();
    if (program == 0) {
        raise(SIGSTOP);
        execv(argv[optind], argv + optind);
        _exit(127);
    }
    int status;
    if (program < 0 || waitpid(program, &status, WUNTRACED) != program)
        die("starting");
    if (ptrace(PTRACE_SEIZE, program, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) != 0)
        die("tracing");
    kill(program, SIGCONT);
    follow();
}
