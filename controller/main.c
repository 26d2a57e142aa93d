#include <locale.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fatal.h"
#include "base/http.h"
#include "controller/command_run.h"
#include "controller/parser.h"

/* A closed one would be the next file's that is opened, the store's among them, and be written to. */
static void hold_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    fatal_guard_libraries();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
    /* Keys pass through this process: no core file, no ptrace by others of the same user. */
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    http_setup();
    int code = command_run(argc, argv);
    parser_stop();
    return code;
}
