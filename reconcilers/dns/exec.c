/* The carrier by a program of the operator's: the question goes to its standard input, the answer comes from its
 * standard output; what it says on standard error is for people. No shell, a clean environment, no credential but in
 * the question. When it is stopped, nobody knows how far it came: UNREACHABLE, and whoever asked looks again. */
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/process.h"
#include "base/secret.h"
#include "reconcilers/dns/script.h"
#include "reconcilers/dns/turns.h"
#include "schema/resource.h"

enum { SAID_MOST = 200 };

const struct service script_exec_service = {.label = "exec", .url = ""}; /* no HTTP: for words in front of errors */

static const char *const *vector_of(struct arena *arena, const struct string_list *run)
{
    const char **argv = arena_array(arena, run->count + 1, sizeof *argv);
    memcpy(argv, run->items, run->count * sizeof *argv);
    return argv;
}

/* The last line that it said to people: there a program says what it died of. */
static const char *last_line(struct arena *arena, const char *output)
{
    size_t length = strlen(output);
    while (length > 0 && strchr(" \t\n", output[length - 1]) != NULL)
        length--;
    const char *start = memrchr(output, '\n', length);
    start = start != NULL ? start + 1 : output;
    return text_clean(arena, start, length - (size_t)(start - output), SAID_MOST);
}

static bool fail(struct arena *arena, const struct dns_helper *program, const struct process_result *result,
                 struct error *err)
{
    const char *said = last_line(arena, result->output);
    const char *how = result->timed_out ? arena_printf(arena, "was stopped after %lld s (dns.programs.%s.timeout)",
                                                       (long long)program->timeout_s, program->name)
                      : result->exit_code < 0
                          ? arena_printf(arena, "was ended by signal %d", result->signal)
                          : arena_printf(arena, "ended with exit code %d", result->exit_code);
    return error_raise(err, ERROR_UNREACHABLE, "%s %s%s%s", program->run.items[0], how, *said != '\0' ? ": " : "",
                       said);
}

/* An answer counts if the program ended well; an answer that tells of a failure counts anyway. */
static bool take(struct arena *arena, const struct dns_helper *program, const struct process_result *result,
                 enum script_operation operation, struct script_answer *out, struct error *err)
{
    bool well = result->exit_code == 0 && !result->timed_out;
    struct error unread = {0};
    if (result->answer_cut)
        error_raise(&unread, ERROR_MALFORMED, "its answer is longer than %d bytes", SCRIPT_ANSWER_LIMIT);
    else if (script_read_answer(result->answer, result->answer_length, operation, arena, out, &unread) &&
             (well || !out->ok))
        return true;
    if (!well)
        return fail(arena, program, result, err);
    if (err != NULL)
        *err = unread;
    return error_prefix(err, "%s", program->run.items[0]);
}

bool exec_ask(struct service_session *session, const struct dns_helper *program, const struct script_question *question,
              struct script_answer *out, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    struct buffer input = {.limit = PROCESS_INPUT_MOST};
    struct process_result result = {0};
    script_write_question(question, session->account, session->secret_count > 0 ? session->secrets[0] : NULL, &input);
    const struct process process = {
        .argv = vector_of(arena, &program->run),
        .user = program->user,
        .directory = program->directory,
        .timeout_ms = (int)program->timeout_s * 1000,
        .output_limit = SCRIPT_ANSWER_LIMIT,
        .answers = true,
        .input = buffer_text(&input),
        .input_length = input.length,
    };
    bool ran = false;
    if (input.overflow) {
        error_raise(err, ERROR_CREDENTIAL, "the credential is too long to be handed over");
    } else if (dns_turn_begin(session->ctx, err)) {
        ran = process_run(&process, arena, &result, err);
        dns_turn_end(session->ctx);
    }
    buffer_wipe(&input);
    if (ran) { /* should it repeat the credential, nobody downstream is to see it */
        service_mask(session, (char *)result.answer, result.answer_length);
        service_mask(session, (char *)result.output, strlen(result.output));
    }
    bool done = ran && take(arena, program, &result, question->operation, out, err);
    if (!done)
        service_blame(session, &(struct service_request){.doing = question->doing}, err);
    log_event(LOG_DEBUG, "asked a program for the DNS", "program", program->name, "account", session->account->name,
              "doing", question->doing, "exit", ran ? arena_printf(arena, "%d", result.exit_code) : NULL, "error",
              done || err == NULL ? NULL : err->message, NULL);
    return done;
}
