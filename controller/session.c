#include "controller/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/confined.h"
#include "controller/loop.h"
#include "controller/parser.h"
#include "controller/state.h"

enum { TEND_MS = 3600 * 1000 };

static void show_progress(const struct engine_progress *progress, void *arg)
{
    const struct session *session = arg;
    struct buffer line = {0};
    progress_line(progress, &line);
    const char *no_color = getenv("NO_COLOR");
    bool colour = isatty(2) && !session->ctx->no_color && text_empty(no_color) && !text_equal(getenv("TERM"), "dumb");
    const char *tint = !colour ? "" : progress->bad ? "\033[31m" : progress->human != NULL ? "\033[33m"
                       : text_equal(progress->word, "ready") ? "\033[32m" : "";
    fprintf(stderr, "%s%s%s\n", tint, buffer_text(&line), tint[0] != '\0' ? "\033[0m" : "");
    buffer_release(&line);
}

static void check(void *arg)
{
    struct session *session = arg;
    if (session->control != NULL)
        control_after_turn(session->control);
    int code = session->follows ? follow_over(&session->follow) : -1;
    if (code < 0 && !session->follows) { /* a daemon ends by itself only when the store failed */
        struct engine_standing standing;
        engine_standing(session->engine, &standing);
        code = standing.broken ? 75 : -1;
    }
    if (session->interrupted)
        code = EXIT_INTERRUPTED;
    if (code >= 0) {
        session->code = code;
        loop_stop(engine_loop(session->engine));
    }
}

static void interrupted(void *arg)
{
    struct session *session = arg;
    session->interrupted = true;
    engine_drain(session->engine);
    check(session);
}

/* What opening the store did, and that nothing is bought: said by every command that takes the lock, until it is confirmed. */
static void tell_trouble(const struct state *state)
{
    const struct state_trouble *trouble = state_reconcile_only(state);
    if (trouble != NULL)
        fprintf(stderr, "certwright: %s.\nNothing is bought until you have compared it with the vendor's panel and say so: certwright "
                        "confirm %s\n", trouble->words, trouble->digest);
}

static void tend(void *arg)
{
    struct session *session = arg;
    state_tend(session->state);
    loop_timer_in(session->tending, TEND_MS);
}

bool session_open(struct session *session, struct command_context *ctx, const struct session_options *options)
{
    struct error err = {0};
    *session = (struct session){.ctx = ctx, .code = EXIT_STATE, .all = options->all};
    struct state_options state_options = command_state_options(ctx, true, options->holder);
    command_catch_damage(false);
    session->state = state_open(&state_options, &err);
    if (session->state == NULL) {
        session->code = command_fail_error(ctx, &err);
        return false;
    }
    tell_trouble(session->state);
    if (state_is_fresh(session->state))
        fprintf(stderr, "certwright: made %s and the sealing key %s: back the key up, without it the store is lost\n",
                ctx->config.state_directory, ctx->config.sealing_key_file);
    /* The reader is there before the first manifest is: a daemon that could read none does not come up. */
    const struct parser_terms terms = parser_terms(&ctx->config);
    if (options->confined && (!parser_start(&terms, &err) ||
                              !confined_files(&ctx->config, &err))) {
        session->code = command_fail_error(ctx, &err);
        session_close(session);
        return false;
    }
    struct engine_options engine_options = {.config = &ctx->config, .state = session->state, .typed = options->typed,
        .problems_told = options->problems_told,
        .files = ctx->files.count > 0 ? &ctx->files : NULL, .filter = options->filter, .filter_arg = options->filter_arg,
        .progress = options->quiet ? NULL : show_progress, .progress_arg = session};
    session->engine = engine_create(&engine_options, &err);
    if (session->engine != NULL)
        session->control = control_listen(session->engine, ctx->config.state_directory, &err);
    if (session->control == NULL) {
        session->code = command_fail_error(ctx, &err);
        session_close(session);
        return false;
    }
    struct loop *loop = engine_loop(session->engine);
    session->signals[0] = loop_signal(loop, SIGINT, interrupted, session);
    session->signals[1] = loop_signal(loop, SIGTERM, interrupted, session);
    session->tending = loop_timer(loop, tend, session);
    loop_timer_in(session->tending, TEND_MS);
    engine_after_turn(session->engine, check, session);
    return true;
}

void session_close(struct session *session)
{
    for (size_t i = 0; i < COUNT_OF(session->signals); i++)
        loop_source_destroy(session->signals[i]);
    loop_source_destroy(session->deadline);
    loop_source_destroy(session->tending);
    control_close(session->control);
    engine_destroy(session->engine);
    state_close(session->state);
    *session = (struct session){.ctx = session->ctx, .code = session->code};
}

int session_follow(struct session *session, bool detach, int64_t timeout_s)
{
    struct error err = {0};
    session->follows = true;
    follow_begin(&session->follow, session->engine, detach, timeout_s);
    if (!engine_look(session->engine, session->all, &err))
        return command_fail_error(session->ctx, &err);
    session->deadline = loop_timer(engine_loop(session->engine), check, session);
    loop_timer_in(session->deadline, follow_left_ms(&session->follow) + 10);
    loop_run(engine_loop(session->engine));
    return session->code;
}

static void print_line(const char *line, void *arg)
{
    const struct command_context *ctx = arg;
    if (!ctx->quiet)
        fprintf(stderr, "%s\n", line);
}

bool session_remote(struct command_context *ctx, const struct control_request *request, int *out_code)
{
    struct error err = {0};
    struct buffer out = {0};
    char holder[300];
    if (state_lock_holder(ctx->config.state_directory, holder, sizeof holder) == 0)
        return false;
    if (ctx->files.count > 0 || ctx->directory != NULL) {
        *out_code = command_fail(ctx, EXIT_STATE, "the store is held by %s, which reads its own manifests: -f and -d are for "
                                                  "when nobody holds it", holder);
        return true;
    }
    if (control_send(ctx->config.state_directory, request, print_line, ctx, &out, out_code, &err))
        command_write(ctx, buffer_text(&out), out.length);
    else
        *out_code = command_fail(ctx, EXIT_STATE, "%s; the lock is held by %s", err.message, holder);
    buffer_release(&out);
    return true;
}
