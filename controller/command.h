/* The table of verbs, what every verb is given, and how it prints. A verb stands in controller/command/<verb>.c: its
 * arguments, its help, its work. Machine output goes to standard output, everything else to standard error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "schema/operator.h"
#include "schema/problem.h"
#include "schema/resource.h"

struct arena;
struct desired;
struct error;
struct state;
struct state_options;

/* product.md 5.3 */
enum exit_code {
    EXIT_OK = 0, EXIT_ERROR = 1, EXIT_CHANGES = 2, EXIT_INVALID = 3, EXIT_BLOCKED = 4, EXIT_STATE = 5,
    EXIT_UNREACHABLE = 6, EXIT_PENDING = 7, EXIT_USAGE = 64, EXIT_CONFIG = 78, EXIT_INTERRUPTED = 130
};
enum output_format { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_MARKDOWN, OUTPUT_NAME };

struct command_context {
    struct arena *arena;
    /* global options, the same for every verb */
    const char *config_path;       /* --config */
    const char *directory;         /* -d: instead of the operator's manifests.directory */
    struct string_list files;      /* -f */
    const char *namespace_;        /* -n; NULL: all for lists, "default" for names */
    struct label_list selector;    /* -l a=b,c=d */
    enum output_format output;     /* -o */
    bool no_color, quiet, verbose, yes;
    int64_t timeout_s;             /* --timeout; 600 unless given */
    /* the operator's file, read by command_config */
    struct operator_config config;
    bool config_read;
    /* where standard output goes; tests and the control socket catch it */
    struct buffer *out; /* NULL: straight to descriptor 1 */
    int unwritten;      /* errno of what could not be written there first; 0: all was */
};

struct command_option { /* beside the global ones; long names only, never abbreviated */
    const char *name;
    const char *value; /* "FILE"; NULL: a switch */
    const char *help;
};
struct command {
    const char *name;      /* "get", or two words: "state list" */
    const char *arguments; /* "KIND [NAME...]" */
    const char *summary;   /* one line for the list of verbs */
    const char *help;      /* what `--help` says beside the options */
    const struct command_option *options; /* name NULL ends; NULL: none */
    bool formats[6];       /* indexed by enum output_format; which -o are understood besides the table */
    /* argv holds the arguments without options; option values are asked for with command_option. Gives the exit code. */
    int (*run)(struct command_context *ctx, int argc, char **argv);
};
extern const struct command *const commands[]; /* NULL ends */

/* Value of an option ("" for a switch) or NULL; all values of one given several times: command_option_all. */
const char *command_option(const struct command_context *ctx, const char *name);

/* Read the operator's file once and apply -d and the log settings. Prints problems; false: exit with EXIT_CONFIG. */
bool command_config(struct command_context *ctx);
/* Open the store read-only (an absent one opens empty). Prints the error; NULL: exit with EXIT_STATE. */
struct state *command_state(struct command_context *ctx);
/* Where the store of this operator's file is. */
struct state_options command_state_options(const struct command_context *ctx, bool write, const char *holder);
/* Between on and off a crash is told as a store that cannot be read: command_state turns it on, a session off. */
void command_catch_damage(bool on);
/* Read the manifests (state may be NULL). Prints an unreadable directory; NULL: exit with EXIT_ERROR. */
struct desired *command_desired(struct command_context *ctx, struct state *state);
/* Print problems to standard error, coloured on a terminal. */
void command_print_problems(struct command_context *ctx, const struct problem_list *problems);

void command_print(struct command_context *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));
void command_write(struct command_context *ctx, const char *text, size_t length);
void command_flush(struct command_context *ctx); /* before something else is said */
/* "certwright: …" on standard error. Gives the code. */
int command_fail(struct command_context *ctx, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int command_fail_error(struct command_context *ctx, const struct error *err); /* code by the kind */

/* Say that `word` is no kind, and which was perhaps meant. `more`: words for it beside those of manifests, NULL-terminated, or
 * NULL. Gives EXIT_USAGE. */
int command_unknown_kind(struct command_context *ctx, const char *word, const char *const *more);
/* Say that there is no such resource, and which of its kind and namespace was perhaps meant. Gives EXIT_ERROR. */
int command_unknown_name(struct command_context *ctx, const struct desired *desired, enum resource_kind kind,
                         const char *namespace_, const char *name);
/* Parse "certificate/shop", "cert shop", "shop" (with a default kind): false prints a usage error. Namespace: -n, or
 * "certificate/team-a/shop". */
bool command_parse_object(struct command_context *ctx, const char *text, enum resource_kind fallback,
                          enum resource_kind *out_kind, const char **out_namespace, const char **out_name);

/* A table that fits the terminal: columns are measured, the widest texts cut with "…" when standard output is a terminal. The first
 * column and the first word of the others are never cut, so a table of long names is wider; with -o wide nothing is cut. */
struct table {
    struct arena *arena;
    size_t columns;
    const char **cells; /* rows of `columns` texts, the heading first */
    size_t count;
};
void table_begin(struct table *table, struct arena *arena, size_t columns, const char *const *headings);
void table_row(struct table *table, ...); /* `columns` texts; NULL shows as "" */
void table_print(struct command_context *ctx, const struct table *table);
int command_width(const struct command_context *ctx); /* of standard output; 0: no terminal, do not cut */
/* Escape codes when standard output is a terminal that wants colour, else "". */
enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BOLD, COLOUR_DIM };
const char *command_colour(const struct command_context *ctx, enum colour colour);
/* "2026-11-22T03:40:00Z", and for tables "12 min ago" / "in 3 days". */
const char *command_ago(struct command_context *ctx, int64_t at);
