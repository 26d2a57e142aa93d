/* A process that holds the lock for the length of a command: state, engine, control socket, signals. */
#pragma once

#include <stdbool.h>

#include "controller/command.h"
#include "controller/control.h"
#include "controller/engine.h"
#include "controller/follow.h"

struct session {
    struct command_context *ctx;
    struct state *state;
    struct engine *engine;
    struct control *control;
    struct loop_source *signals[3], *deadline, *tending;
    struct follow follow;
    bool all;          /* the first look decides about everything */
    bool follows;      /* ends when the follow is over */
    bool interrupted;
    int code;
};
struct session_options {
    const char *holder; /* "apply" */
    bool typed, quiet, problems_told;
    bool confined; /* files by Landlock, from when the store is open (controller/confined.h) */
    bool all; /* decide about what is at rest, too */
    engine_filter *filter;
    void *filter_arg;
};
/* Take the lock, open everything. Prints the error; false: exit with `session->code`. */
bool session_open(struct session *session, struct command_context *ctx, const struct session_options *options);
void session_close(struct session *session);
/* Look, then work until the follow is over or a signal came. Gives the exit code. */
int session_follow(struct session *session, bool detach, int64_t timeout_s);
/* If somebody holds the lock, send the request there: true, and the exit code is in `out_code`. */
bool session_remote(struct command_context *ctx, const struct control_request *request, int *out_code);
