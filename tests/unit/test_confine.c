/* From inside: what is given up cannot be had any more. Each probe is a process of its own. */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#include "check.h"
#include "scratch.h"

enum { WORKED = 10, REFUSED = 11, REACHED = 12 }; /* REACHED: the kernel judged the call itself */

static int run_in_child(void (*body)(const void *arg), const void *arg)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        body(arg);
        _exit(99);
    }
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the reader of foreign bytes ---- */

struct probe {
    const char *name;
    long number;
    long args[4];
};
#define PATH(text) ((long)(text))
static char room[256];
static const struct probe probes[] = {
    {"open a file", SYS_open, {PATH("/etc/passwd"), O_RDONLY}},
    {"open a file by openat", SYS_openat, {AT_FDCWD, PATH("/etc/passwd"), O_RDONLY}},
    {"open a file by openat2", SYS_openat2, {AT_FDCWD, PATH("/etc/passwd"), 0, 24}},
    {"make a file", SYS_creat, {PATH("/tmp/certwright-probe"), 0600}},
    {"look at a file", SYS_stat, {PATH("/etc/passwd"), 0}},
    {"look at a file by statx", SYS_statx, {AT_FDCWD, PATH("/etc/passwd"), 0, 0}},
    {"ask for access", SYS_access, {PATH("/etc/passwd"), 0}},
    {"list a folder", SYS_getdents64, {0, (long)room, sizeof room}},
    {"go to a folder", SYS_chdir, {PATH("/")}},
    {"make a folder", SYS_mkdir, {PATH("/tmp/certwright-probe"), 0700}},
    {"remove a file", SYS_unlink, {PATH("/tmp/certwright-probe")}},
    {"rename a file", SYS_rename, {PATH("/tmp/a"), PATH("/tmp/b")}},
    {"link a file", SYS_link, {PATH("/etc/passwd"), PATH("/tmp/b")}},
    {"make a link", SYS_symlink, {PATH("/etc/passwd"), PATH("/tmp/b")}},
    {"read a link", SYS_readlink, {PATH("/proc/self/exe"), (long)room, sizeof room}},
    {"change a mode", SYS_chmod, {PATH("/tmp/b"), 0777}},
    {"change an owner", SYS_chown, {PATH("/tmp/b"), 0, 0}},
    {"cut a file", SYS_truncate, {PATH("/tmp/b"), 0}},
    {"make a device", SYS_mknod, {PATH("/tmp/b"), S_IFIFO | 0600, 0}},
    {"leave the root", SYS_chroot, {PATH("/")}},
    {"mount", SYS_mount, {PATH("none"), PATH("/tmp"), PATH("tmpfs"), 0}},
    {"a socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"a local socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {"a pair of sockets", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, (long)room}},
    {"connect", SYS_connect, {0, (long)room, 16}},
    {"bind", SYS_bind, {0, (long)room, 16}},
    {"send a descriptor", SYS_sendmsg, {0, (long)room, 0}},
    {"take a descriptor", SYS_recvmsg, {0, (long)room, 0}},
    {"run a program", SYS_execve, {PATH("/bin/true"), 0, 0}},
    {"run a program by execveat", SYS_execveat, {AT_FDCWD, PATH("/bin/true"), 0, 0}},
    {"fork", SYS_fork, {0}},
    {"vfork", SYS_vfork, {0}},
    {"end another process", SYS_kill, {1, 0}},
    {"trace", SYS_ptrace, {16, 1}},
    {"read another's memory", SYS_process_vm_readv, {1, 0, 0, 0}},
    {"change user", SYS_setuid, {0}},
    {"memory of a name", SYS_memfd_create, {PATH("x"), 0}},
    {"another's descriptor", SYS_pidfd_getfd, {0, 0, 0}},
    {"a name space", SYS_unshare, {0}},
    {"a program in the kernel", SYS_bpf, {0, 0, 0}},
    {"performance events", SYS_perf_event_open, {0, 0, 0, 0}},
    {"a ring of requests", SYS_io_uring_setup, {1, 0}},
    {"user faults", SYS_userfaultfd, {0}},
    {"watch files", SYS_inotify_init1, {0}},
    {"keys of the kernel", SYS_add_key, {0, 0, 0, 0}},
    {"copy a descriptor", SYS_dup, {0}},
    {"shared memory", SYS_shmget, {0, 4096, 01600}},
    {"set the clock", SYS_clock_settime, {0, 0}},
};

static void try_probe(const void *arg)
{
    const struct probe *probe = arg;
    struct confinement found;
    confine_reader(1000, 256, &found);
    if (!found.calls)
        _exit(98);
    long result = syscall(probe->number, probe->args[0], probe->args[1], probe->args[2], probe->args[3]);
    _exit(result >= 0 ? WORKED : errno == EPERM || errno == EACCES || errno == ENOSYS ? REFUSED : REACHED);
}

static void every_forbidden_call_fails(void)
{
    CHECK(COUNT_OF(probes) >= 40);
    for (size_t i = 0; i < COUNT_OF(probes); i++) {
        int how = run_in_child(try_probe, &probes[i]);
        if (how != -SIGSYS && how != REFUSED) /* a build with sanitizers refuses some of them */
            fprintf(stderr, "%s: %d\n", probes[i].name, how);
        CHECK(how == -SIGSYS || how == REFUSED);
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void try_code(const void *arg)
{
    struct confinement found;
    (void)arg;
    confine_reader(1000, 256, &found);
    _exit(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? WORKED : REFUSED);
}
static void try_memory(const void *arg)
{
    struct confinement found;
    (void)arg;
    confine_reader(1000, 256, &found);
    _exit(malloc(300u << 20) == NULL ? REFUSED : WORKED);
}
static void memory_is_limited_and_never_code(void)
{
    CHECK_INT(run_in_child(try_code, NULL), -SIGSYS);
    CHECK_INT(run_in_child(try_memory, NULL), REFUSED);
}
#endif

static void spin(const void *arg)
{
    struct confinement found;
    (void)arg;
    confine_reader(1, 256, &found);
    for (volatile unsigned long i = 0;; i++)
        ;
}

static void processor_time_is_limited(void)
{
    int how = run_in_child(spin, NULL);
    CHECK(how == -SIGXCPU || how == -SIGKILL);
}

static void work_as_ever(const void *arg)
{
    struct confinement found;
    int landlock = confine_landlock();
    (void)arg;
    confine_reader(1000, 256, &found);
    struct arena *arena = arena_create();
    for (int i = 0; i < 1000; i++)
        memset(arena_alloc(arena, 10000), 1, 10000);
    arena_destroy(arena);
    _exit(found.landlock == landlock && found.limits ? WORKED : REACHED);
}

static void what_a_reader_needs_is_left(void) { CHECK_INT(run_in_child(work_as_ever, NULL), WORKED); }

/* ---- files of a whole program ---- */

static char open_folder[100], closed_folder[100], read_folder[100];

static bool can(const char *folder, const char *name, int flags)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void try_files(const void *arg)
{
    const struct confine_path paths[] = {
        {open_folder, CONFINE_WRITE}, {read_folder, CONFINE_READ}, {"/nonexistent/certwright", CONFINE_WRITE},
        {"/dev/null", CONFINE_FILE}, {"/usr", CONFINE_READ}, {"/lib", CONFINE_READ}, {"/proc", CONFINE_READ}};
    struct error err = {0};
    int version, wrong = 0;
    (void)arg;
    if (!confine_files(paths, COUNT_OF(paths), &version, &err))
        _exit(98);
    if (version == 0)
        _exit(77);
    wrong += !can(open_folder, "there", O_RDONLY) + !can(open_folder, "new", O_WRONLY | O_CREAT);
    wrong += !can(read_folder, "there", O_RDONLY) + can(read_folder, "there", O_WRONLY) + can(read_folder, "new", O_WRONLY | O_CREAT);
    wrong += can(closed_folder, "there", O_RDONLY) + can(closed_folder, "new", O_WRONLY | O_CREAT);
    wrong += can("/etc", "passwd", O_RDONLY) + !can("/dev", "null", O_RDWR);
    _exit(wrong == 0 ? WORKED : wrong);
}

static void a_program_opens_what_it_was_left(void)
{
    char folder[80];
    scratch_folder(folder, sizeof folder);
    const char *const names[] = {"open", "closed", "read"};
    char *const paths[] = {open_folder, closed_folder, read_folder};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        snprintf(paths[i], sizeof open_folder, "%s/%s", folder, names[i]);
        CHECK(mkdir(paths[i], 0700) == 0);
        CHECK(can(paths[i], "there", O_WRONLY | O_CREAT));
    }
    int how = run_in_child(try_files, NULL);
    if (how == 77)
        CHECK_INT(confine_landlock(), 0);
    else
        CHECK_INT(how, WORKED);
}

int main(void)
{
    RUN(every_forbidden_call_fails);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    RUN(memory_is_limited_and_never_code);
#endif
    RUN(processor_time_is_limited);
    RUN(what_a_reader_needs_is_left);
    RUN(a_program_opens_what_it_was_left);
    return CHECK_REPORT();
}
