/* inotify to "look again": starts certwright-watch, reads its words, starts it anew when it dies. */
#pragma once

#include <stdbool.h>

struct error;
struct event_base;
struct watch;

/* `changed` is called on the loop thread, once a burst has been quiet for `settle_ms` (at most 2 s after
 * its first event), once after every (re)start of the helper, and every `rescan_s`. Fails: SYSTEM (helper
 * missing). */
struct watch *watch_create(struct event_base *base, const char *directory, int settle_ms, int rescan_s,
                           void (*changed)(void *arg), void *arg, struct error *err);
void watch_destroy(struct watch *watch);
int watch_helper_pid(const struct watch *watch); /* for tests; 0: none now */
