#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *name;
    bool retryable;
} kinds[] = {
    [ERROR_NONE] = {"", false},
    [ERROR_MANIFEST] = {"Manifest", false},
    [ERROR_CONFIG] = {"Config", false},
    [ERROR_CREDENTIAL] = {"Credential", false},
    [ERROR_REFUSED] = {"Refused", false},
    [ERROR_THROTTLED] = {"Throttled", true},
    [ERROR_UNREACHABLE] = {"Unreachable", true},
    [ERROR_MALFORMED] = {"Malformed", true},
    [ERROR_NOT_FOUND] = {"NotFound", false},
    [ERROR_CONFLICT] = {"Conflict", true},
    [ERROR_STATE] = {"State", false},
    [ERROR_SYSTEM] = {"System", true},
    [ERROR_INTERNAL] = {"Internal", false},
};
_Static_assert(COUNT_OF(kinds) == ERROR_KIND_COUNT, "an error kind without a row");

bool error_raise_at(struct error *err, enum error_kind kind, const char *raised_at, const char *format, ...)
{
    if (err == NULL)
        return false;
    *err = (struct error){.kind = kind, .raised_at = raised_at};
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return false;
}

bool error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return false;
    char back[sizeof err->message];
    memcpy(back, err->message, sizeof back);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (length < 0)
        length = 0;
    for (const char *at = ": "; *at != '\0' && (size_t)length < sizeof err->message - 1; at++)
        err->message[length++] = *at;
    for (const char *at = back; *at != '\0' && (size_t)length < sizeof err->message - 1; at++)
        err->message[length++] = *at;
    err->message[(size_t)length < sizeof err->message ? (size_t)length : sizeof err->message - 1] = '\0';
    return false;
}

bool error_retryable(const struct error *err) { return kinds[err->kind].retryable; }

const char *error_kind_name(enum error_kind kind) { return kind < ERROR_KIND_COUNT ? kinds[kind].name : "Internal"; }

enum error_kind error_kind_parse(const char *name)
{
    for (enum error_kind kind = ERROR_MANIFEST; name != NULL && kind < ERROR_KIND_COUNT; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return kind;
    return ERROR_NONE;
}
