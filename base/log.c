#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static _Atomic int log_fd = 2;
static _Atomic enum log_format format_now = LOG_LOGFMT;
static _Atomic enum log_level ceiling_now = LOG_INFO;

/* Whether standard error goes straight to the journal, which keeps times and priorities itself. */
static bool to_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    unsigned long long device, inode;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

void log_setup(enum log_format format, enum log_level ceiling)
{
    format_now = format;
    ceiling_now = ceiling;
}
void log_to(int fd) { log_fd = fd; }
bool log_enabled(enum log_level level) { return log_fd >= 0 && level <= ceiling_now; }

static void put_logfmt(struct buffer *line, const char *key, const char *value)
{
    bool plain = value[0] != '\0';
    for (const char *c = value; *c != '\0' && plain; c++)
        plain = *c > ' ' && *c != '"' && *c != '=' && *c != '\\' && *c != 0x7F;
    buffer_printf(line, "%s%s=", line->length > 0 ? " " : "", key);
    if (plain) {
        buffer_puts(line, value);
        return;
    }
    buffer_putc(line, '"');
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buffer_putc(line, '\\');
        buffer_putc(line, *c);
    }
    buffer_putc(line, '"');
}

void log_event(enum log_level level, const char *event, ...)
{
    if (!log_enabled(level))
        return;
    struct arena *arena = arena_create();
    struct buffer line = {.limit = 64 * 1024};
    struct json_writer w = {.out = &line};
    bool json = format_now == LOG_JSON, journal = to_journal(log_fd);
    if (json)
        json_begin_object(&w);
    else if (journal) {
        static const int priorities[] = {3, 4, 6, 7};
        buffer_printf(&line, "<%d>", priorities[level]);
    }
    va_list args;
    va_start(args, event);
    const char *key = "time", *value = journal && !json ? NULL : clock_rfc3339(arena, clock_now());
    for (int i = 0; key != NULL; i++) {
        if (value != NULL) {
            const char *shown = text_clean(arena, value, strlen(value), 2048);
            if (json)
                json_string_member(&w, key, shown);
            else
                put_logfmt(&line, key, shown);
        }
        if (i == 0) {
            key = "level";
            value = journal && !json ? NULL : level_names[level];
        } else if (i == 1) {
            key = "msg";
            value = event;
        } else {
            key = va_arg(args, const char *);
            value = key != NULL ? va_arg(args, const char *) : NULL;
        }
    }
    va_end(args);
    if (json)
        json_end_object(&w);
    buffer_putc(&line, '\n');
    /* One write a line, so that lines of several threads do not mix. Nothing can be done when it fails. */
    ssize_t ignored = write(log_fd, buffer_text(&line), line.length);
    (void)ignored;
    buffer_release(&line);
    arena_destroy(arena);
}
