/* Each call that the watch makes of the system fails once, over a start, the death of its helper and a change. Whatever it is: the
 * start fails in words, or the change is seen. */
#include "failing_life.h"

#include <event2/event.h>
#include <signal.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/watch.h"

#include "scratch.h"

static const int errors[] = {EIO, EMFILE, ENOMEM};
static char folder[80], file[120];
static struct event_base *base;
static int looks;
static bool written, killed, seen, refused;
static struct watch *watch;

static void write_file(void)
{
    enum failing_calls which = failing_pause(); /* this is somebody else's */
    FILE *out = fopen(file, "we");
    CHECK(out != NULL && fputs("x\n", out) >= 0 && fclose(out) == 0);
    failing_again(which);
}

/* The first look follows the start; then the helper dies, and the look after that may already be the one for the change. */
static void changed(void *arg)
{
    (void)arg;
    looks++;
    int pid = watch != NULL ? watch_helper_pid(watch) : 0;
    if (!killed && pid > 0) {
        killed = true;
        kill(pid, SIGKILL);
    } else if (killed && !written && pid > 0) {
        written = true;
        write_file();
    } else if (written) {
        seen = true;
        event_base_loopbreak(base);
    }
}

static void begin(void)
{
    scratch_folder(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/a.yaml", folder);
    base = event_base_new();
    CHECK(base != NULL);
    looks = 0;
    written = killed = seen = refused = false;
    watch = NULL;
}

static void life(void)
{
    struct error err = {0};
    struct timeval most = {.tv_sec = 20};
    watch = watch_create(base, folder, 10, 1, changed, NULL, &err);
    refused = watch == NULL;
    CHECK(!refused || (err.kind == ERROR_SYSTEM && err.message[0] != '\0'));
    if (!refused) {
        event_base_loopexit(base, &most);
        event_base_dispatch(base);
    }
    watch_destroy(watch);
}

static void judge(void)
{
    event_base_free(base);
    if (!refused && !seen)
        fprintf(stderr, "%d looks\n", looks);
    CHECK(refused || seen);
}

static void a_change_is_seen_whatever_fails(void)
{
    static const struct failing_life watching = {begin, life, judge};
    CHECK(each_call_fails(&watching, SYSTEM_CALLS, errors, (int)COUNT_OF(errors), 1) > 6);
}

int main(void)
{
    log_to(-1);
    setenv("CERTWRIGHT_WATCH", CERTWRIGHT_BUILD_DIR "/certwright-watch", 0);
    RUN(a_change_is_seen_whatever_fails);
    return CHECK_REPORT();
}
