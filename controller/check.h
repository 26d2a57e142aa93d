/* One thing that was looked into: what it is about, what came out, why, and what cures it. `dns test`,
 * `preflight` and `doctor` are lists of these; they differ in their words and in what a list means for the
 * exit code. What could not be found out is unknown: never yes, never no. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct command_context;
struct error;
struct json_writer;

enum check_outcome { CHECK_YES, CHECK_WARN, CHECK_NO, CHECK_UNKNOWN, CHECK_OUTCOME_COUNT };

struct check {
    const char *about;   /* heading: "certificate/shop", "store" */
    const char *name;    /* "CAA" */
    const char *subject; /* what of it: "shop.example.com"; "": nothing more to say */
    enum check_outcome outcome;
    const char *cause; /* why, in words that stand alone */
    const char *cure;  /* what a person can do; NULL: nothing is to be done */
    int64_t took_ms;   /* -1: not timed */
};

struct check_list {
    struct arena *arena;
    struct check *items;
    size_t count, by_outcome[CHECK_OUTCOME_COUNT];
    /* Told of each as it comes (progress of what takes long); NULL: nobody. */
    void (*told)(const struct check *check, void *arg);
    void *told_arg;
};
/* Texts are kept as they are; they live in the list's arena or for ever. Gives the entry. */
struct check *check_add(struct check_list *list, const struct check *check);
/* How the failure counts: what nobody said is unknown (unreachable, throttled, garbled), the rest is no. */
enum check_outcome check_outcome_of(const struct error *err);
/* What helps in general against a failure of this kind; NULL: nothing that its message does not say. */
const char *check_cure_of(const struct error *err);

/* Indexed by outcome. */
struct check_style {
    const char *words[CHECK_OUTCOME_COUNT]; /* in text: "✓", or "yes" */
    const char *json[CHECK_OUTCOME_COUNT];
    int indent; /* column at which the words of a line begin */
    bool times;
};
extern const struct check_style check_answers /* yes, no, unknown */, check_marks /* ✓ ✗ */,
    check_health; /* ok, warn, fail */

struct check_colours {
    const char *good, *warn, *bad, *bold, *dim, *none;
};
struct check_colours check_colours_of(const struct command_context *ctx);
/* The heading when it differs from the one before (`previous` NULL: the first), the line, and its cure. */
void check_print(const struct check *check, const struct check *previous, const struct check_style *style,
                 const struct check_colours *colours, int width, struct buffer *out);
void check_print_all(const struct check_list *list, const struct check_style *style,
                     const struct check_colours *colours, int width, struct buffer *out);
/* "5 yes, 1 no, 2 unknown" */
const char *check_summary(const struct check_list *list, const struct check_style *style);
/* An array of objects. */
void check_put_json(const struct check_list *list, const struct check_style *style, struct json_writer *w);
/* As a verb prints it: the document with -o json or yaml, else the lines not told yet and the summary. */
void check_print_list(struct command_context *ctx, const struct check_list *list,
                      const struct check_style *style);
/* Have each line printed as it comes, unless -o asks for a document. */
void check_tell(struct command_context *ctx, struct check_list *list, const struct check_style *style);
