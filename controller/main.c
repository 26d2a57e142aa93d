#include <locale.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fatal.h"
#include "base/http.h"
#include "controller/command_run.h"
#include "controller/parser.h"

int main(int argc, char **argv)
{
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
