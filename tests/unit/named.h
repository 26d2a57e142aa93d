/* A real BIND for tests: its own temporary folder, free loopback ports, stopped by its pid. */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/dns.h"

static const char *named_program(void)
{
    static const char *const places[] = {"/usr/sbin/named", "/usr/local/sbin/named"};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    printf("named is missing: install the Debian package bind9\n");
    const char *ci = getenv("CI");
    exit(ci != NULL && strcmp(ci, "true") == 0 ? 1 : 77);
}

/* A port free for UDP and TCP on all the loopback addresses given. */
static int named_free_port(const char *const *addresses, size_t count)
{
    for (int tries = 0; tries < 50; tries++) {
        int fds[16], used = 0, port = 0;
        bool ok = true;
        for (size_t i = 0; i < count * 2 && ok; i++) {
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
            socklen_t length = sizeof address;
            inet_pton(AF_INET, addresses[i / 2], &address.sin_addr);
            int fd = fds[used++] = socket(AF_INET, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
            ok = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &length) == 0;
            port = ntohs(address.sin_port);
        }
        while (used > 0)
            close(fds[--used]);
        if (ok)
            return port;
    }
    abort();
}

__attribute__((format(printf, 2, 3))) static void named_write(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "w");
    va_list args;
    if (file == NULL)
        abort();
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    fclose(file);
    chmod(path, 0600);
}

/* `options` are further lines of the options block, `rest` the keys and zones; files are relative to
 * `directory`. */
static pid_t named_start(const char *directory, const char *name, const char *address, int port,
                         const char *options, const char *rest)
{
    char conf[256], log[256];
    const char *program = named_program();
    snprintf(conf, sizeof conf, "%s/%s.conf", directory, name);
    snprintf(log, sizeof log, "%s/%s.log", directory, name);
    named_write(conf,
                "options { directory \"%s\"; pid-file none; session-keyfile none; lock-file none;\n"
                "  listen-on port %d { %s; }; recursion no; dnssec-validation no; notify no;\n"
                "  empty-zones-enable no; %s };\ncontrols { };\n%s",
                directory, port, address, options, rest);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that breaks off leaves nothing running */
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(program, program, "-g", "-n", "1", "-c", conf, (char *)NULL);
        _exit(127);
    }
    struct dns_address server = {.port = port};
    snprintf(server.host, sizeof server.host, "%s", address);
    struct arena *arena = arena_create();
    bool up = false;
    for (int tries = 0; tries < 500 && !up; tries++) {
        struct dns_answer answer;
        up = dns_ask(&server, "example.test", DNS_SOA, false, 500, arena, &answer, NULL) &&
             answer.authoritative;
        if (!up && waitpid(pid, NULL, WNOHANG) == pid)
            break;
        if (!up)
            poll(NULL, 0, 20);
    }
    arena_destroy(arena);
    if (!up) {
        char command[600];
        snprintf(command, sizeof command, "tail -20 %s >&2", log);
        if (system(command) != 0)
            fprintf(stderr, "no log\n");
        fprintf(stderr, "named did not start\n");
        kill(pid, SIGKILL);
        exit(1);
    }
    return pid;
}

static void named_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

static int named_remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}
static void named_remove(const char *directory)
{
    nftw(directory, named_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
