#include "schema/problem.h"

#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

#define SHOWN_MAX 4096

/* Keys and values of a manifest are its author's words: whoever quotes them, they reach a terminal clean. */
static const char *fit_to_show(struct arena *arena, const char *text)
{
    return text == NULL || text_is_plain_utf8(text, strlen(text), NULL) ? text
                                                                        : text_clean(arena, text, strlen(text), SHOWN_MAX);
}

struct problem *problem_add(struct problem_list *list, enum severity severity, const char *code,
                            struct position position, const char *path, const char *format, ...)
{
    struct problem *problem = arena_push(list->arena, &list->items, list->count);
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(list->arena, format, args);
    va_end(args);
    *problem = (struct problem){
        .severity = severity,
        .code = code,
        .position = position,
        .path = fit_to_show(list->arena, arena_strdup(list->arena, path)),
        .message = fit_to_show(list->arena, message),
    };
    if (severity == SEVERITY_ERROR)
        list->errors++;
    return problem;
}

void problem_print(const struct problem *problem, struct buffer *out)
{
    if (problem->position.file != NULL) {
        buffer_printf(out, "%s:", problem->position.file);
        if (problem->position.line > 0)
            buffer_printf(out, "%d:", problem->position.line);
        if (problem->position.line > 0 && problem->position.column > 0)
            buffer_printf(out, "%d:", problem->position.column);
        buffer_putc(out, ' ');
    }
    buffer_printf(out, "%s: %s", problem->severity == SEVERITY_ERROR ? "error" : "warning", problem->message);
    if (problem->hint != NULL)
        buffer_printf(out, " (%s)", problem->hint);
}
