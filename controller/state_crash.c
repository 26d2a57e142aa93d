/* Crashes of whoever holds the store. A store that makes its controller crash again and again may show it wrong data as well,
 * though its walk found nothing; so after three within ten minutes nothing is bought before a person said so (reliability.md 7.4).
 *
 * The file `crashes` in the state directory has a line "<Unix seconds> <signal>" for each (base/fatal.h). It is there only while
 * there is something to count. */
#include "controller/state_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"

#define CRASH_FILE "crashes"
enum { CRASHES = 3, WITHIN_S = 600, FILE_LIMIT = 64 * 1024 };

void state_crash_watch(struct state *state) { fatal_note_crashes(state->lock.directory, CRASH_FILE); }

void state_crash_unwatch(struct state *state)
{
    if (state->lock.directory >= 0)
        fatal_note_crashes(-1, NULL);
}

void state_crash_forget(struct state *state) { unlinkat(state->lock.directory, CRASH_FILE, 0); }

struct crashes {
    int count;         /* within the time */
    long long last;    /* when */
    int last_signal;
};

/* A line that says nothing counts for nothing: it was cut off by a full disk. A time ahead of now counts, the clock was set back. */
static struct crashes count_crashes(const char *text)
{
    struct crashes found = {0};
    long long at;
    int number;
    for (const char *line = text; line != NULL && line[0] != '\0'; line = strchr(line, '\n'), line = line != NULL ? line + 1 : NULL) {
        if (sscanf(line, "%19lld %3d", &at, &number) != 2 || at < clock_now() - WITHIN_S)
            continue;
        found.count++;
        found.last = at;
        found.last_signal = number;
    }
    return found;
}

void state_judge_crashes(struct state *state, struct findings *findings)
{
    AUTO(buffer) struct buffer text = {.limit = FILE_LIMIT};
    struct error err = {0};
    const char *path = arena_printf(state->arena, "%s/" CRASH_FILE, state->directory);
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    struct crashes found = {0};
    bool read = file_read_path(path, FILE_LIMIT, &text, &err);
    if (read)
        found = count_crashes(buffer_text(&text));
    if ((read && found.count == 0) || st.st_size > FILE_LIMIT)
        state_crash_forget(state);
    if (found.count < CRASHES || findings->trouble != TROUBLE_NONE || state->reconcile.digest != NULL)
        return;
    const char *name = sigabbrev_np(found.last_signal);
    findings->trouble = TROUBLE_CRASHED;
    findings->words = arena_printf(state->arena, "certwright crashed %d times within %d minutes, at last at %s (SIG%s), though its "
                                                 "store in %s was walked whole and is good", found.count, WITHIN_S / 60,
                                   clock_rfc3339(state->arena, found.last), name != NULL ? name : "?", state->directory);
}
