/* The control socket: whoever holds the lock listens on <state>/control.sock (0600, the peer's uid is checked); other
 * commands send their words there.
 *
 * One line of JSON each way: {"verb": "release", "argument": "certificate/shop", "timeout": 600, "detach": false}; answers are
 * any number of {"progress": "…"} and at the end {"exit": 0, "out": "…"}. With `apply`, "argument" holds the ids of what is
 * meant, with commas; "": everything. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "controller/engine.h"

struct control;
struct error;

/* Fails: SYSTEM. */
struct control *control_listen(struct engine *engine, const char *state_directory, struct error *err);
void control_close(struct control *control); /* NULL is fine; removes the socket */
void control_after_turn(struct control *control); /* lets waiting clients go when what they asked for is over */

struct control_request {
    const char *verb, *argument;
    int64_t timeout_s;
    bool detach;
};
/* Send to whoever listens. Progress lines go to `progress` (may be NULL). False: nobody listens (NOT_FOUND) or the talk broke
 * off (UNREACHABLE). */
bool control_send(const char *state_directory, const struct control_request *request,
                  void (*progress)(const char *line, void *arg), void *arg, struct buffer *out, int *out_exit,
                  struct error *err);
/* One line about one progress, as shown to people. */
void progress_line(const struct engine_progress *progress, struct buffer *out);
