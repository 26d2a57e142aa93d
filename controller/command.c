#include "controller/command.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "controller/command_run.h"
#include "controller/desired.h"
#include "controller/state.h"

/* ---- printing ---- */

void command_write(struct command_context *ctx, const char *text, size_t length)
{
    if (ctx->out != NULL)
        buffer_append(ctx->out, text, length);
    else if (fwrite(text, 1, length, stdout) < length && ctx->unwritten == 0)
        ctx->unwritten = errno;
}

void command_flush(struct command_context *ctx)
{
    if (fflush(stdout) != 0 && ctx->unwritten == 0)
        ctx->unwritten = errno;
}

void command_print(struct command_context *ctx, const char *format, ...)
{
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
}

int command_fail(struct command_context *ctx, int code, const char *format, ...)
{
    va_list args;
    struct buffer text = {0};
    command_flush(ctx);
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    fputs("certwright: ", stderr);
    /* Names of files, answers of others: nothing in a message speaks to the terminal. */
    for (const char *line = buffer_text(&text), *end; line != NULL; line = end != NULL ? end + 1 : NULL) {
        end = strchr(line, '\n');
        size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
        fprintf(stderr, "%s\n", text_clean(ctx->arena, line, length, 4 * length + 4));
    }
    buffer_release(&text);
    return code;
}

int command_fail_error(struct command_context *ctx, const struct error *err)
{
    static const int codes[ERROR_KIND_COUNT] = {
        [ERROR_MANIFEST] = EXIT_INVALID, [ERROR_CONFIG] = EXIT_CONFIG, [ERROR_CREDENTIAL] = EXIT_ERROR,
        [ERROR_REFUSED] = EXIT_ERROR, [ERROR_THROTTLED] = EXIT_UNREACHABLE, [ERROR_UNREACHABLE] = EXIT_UNREACHABLE,
        [ERROR_MALFORMED] = EXIT_UNREACHABLE, [ERROR_NOT_FOUND] = EXIT_ERROR, [ERROR_CONFLICT] = EXIT_STATE,
        [ERROR_STATE] = EXIT_STATE, [ERROR_SYSTEM] = EXIT_ERROR, [ERROR_INTERNAL] = EXIT_ERROR};
    return command_fail(ctx, codes[err->kind] != 0 ? codes[err->kind] : EXIT_ERROR, "%s", err->message);
}

int command_width(const struct command_context *ctx)
{
    struct winsize size;
    if (ctx->out != NULL || !isatty(1))
        return 0;
    return ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

const char *command_colour(const struct command_context *ctx, enum colour colour)
{
    static const char *const codes[] = {"\033[0m", "\033[31m", "\033[32m", "\033[33m", "\033[1m", "\033[2m"};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (ctx->no_color || command_width(ctx) == 0 || !text_empty(no_color) || text_equal(term, "dumb"))
        return "";
    return codes[colour];
}

const char *command_ago(struct command_context *ctx, int64_t at)
{
    int64_t now = clock_now();
    if (at == 0)
        return "";
    return at <= now ? arena_printf(ctx->arena, "%s ago", text_duration_words(ctx->arena, now - at))
                     : arena_printf(ctx->arena, "in %s", text_duration_words(ctx->arena, at - now));
}

void command_print_problems(struct command_context *ctx, const struct problem_list *problems)
{
    command_flush(ctx);
    for (size_t i = 0; i < problems->count; i++) {
        struct buffer line = {0};
        problem_print(&problems->items[i], &line);
        fputs(buffer_text(&line), stderr);
        if (line.length == 0 || line.data[line.length - 1] != '\n')
            fputc('\n', stderr);
        buffer_release(&line);
    }
}

/* ---- tables ---- */

void table_begin(struct table *table, struct arena *arena, size_t columns, const char *const *headings)
{
    *table = (struct table){.arena = arena, .columns = columns};
    for (size_t i = 0; i < columns; i++)
        *arena_push(arena, &table->cells, table->count) = headings[i];
}

void table_row(struct table *table, ...)
{
    va_list args;
    va_start(args, table);
    for (size_t i = 0; i < table->columns; i++) {
        const char *text = va_arg(args, const char *);
        *arena_push(table->arena, &table->cells, table->count) = text != NULL ? text : "";
    }
    va_end(args);
}

static size_t columns_of(const char *text)
{
    mbstate_t shift = {0};
    size_t width = 0, length = strlen(text);
    while (length > 0) {
        wchar_t c;
        size_t size = mbrtowc(&c, text, length, &shift);
        if (size == (size_t)-1 || size == (size_t)-2 || size == 0)
            return width + length;
        int columns = wcwidth(c);
        width += columns > 0 ? (size_t)columns : 0;
        text += size;
        length -= size;
    }
    return width;
}

static void print_cell(struct command_context *ctx, const char *text, size_t width, bool last)
{
    size_t is = columns_of(text);
    if (is <= width) {
        command_print(ctx, last ? "%s" : "%s%*s  ", text, last ? 0 : (int)(width - is), "");
        return;
    }
    mbstate_t shift = {0}; /* cut at a character that leaves room for the mark */
    size_t used = 0, at = 0;
    while (text[at] != '\0') {
        wchar_t c;
        size_t size = mbrtowc(&c, text + at, strlen(text + at), &shift);
        if (size == (size_t)-1 || size == (size_t)-2 || used + 1 >= width)
            break;
        used += wcwidth(c) > 0 ? (size_t)wcwidth(c) : 0;
        at += size;
    }
    command_print(ctx, last ? "%.*s…" : "%.*s…%*s  ", (int)at, text, last ? 0 : (int)(width - used - 1), "");
}

/* What is copied, a name, a time or an id, stands first and whole; what is said about it may be cut. */
static size_t least_columns_of(const struct table *table, const char *text)
{
    size_t length = strcspn(text, " ,");
    return columns_of(arena_strndup(table->arena, text, length)) + (text[length] != '\0' ? 2 : 0); /* and the mark */
}

void table_print(struct command_context *ctx, const struct table *table)
{
    enum { LEAST = 8 };
    size_t *widths = arena_array(table->arena, table->columns, sizeof *widths), total = 0;
    size_t *least = arena_array(table->arena, table->columns, sizeof *least);
    size_t terminal = ctx->output == OUTPUT_WIDE ? 0 : (size_t)command_width(ctx);
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns, width = columns_of(table->cells[i]);
        widths[column] = width > widths[column] ? width : widths[column];
        if (column > 0)
            width = terminal == 0 || i < table->columns ? LEAST : least_columns_of(table, table->cells[i]);
        least[column] = width > least[column] ? width : least[column];
    }
    for (size_t i = 0; i < table->columns; i++)
        total += widths[i] + (i + 1 < table->columns ? 2 : 0);
    while (terminal > 0 && total > terminal) {
        size_t widest = 0;
        for (size_t i = 1; i < table->columns; i++)
            if (widths[i] > least[i] && (widths[widest] <= least[widest] || widths[i] > widths[widest]))
                widest = i;
        if (widths[widest] <= least[widest])
            break;
        widths[widest]--;
        total--;
    }
    for (size_t i = 0; i < table->count; i++) {
        bool last = (i + 1) % table->columns == 0;
        if (i == 0)
            command_print(ctx, "%s", command_colour(ctx, COLOUR_BOLD));
        print_cell(ctx, table->cells[i], last && terminal == 0 ? SIZE_MAX / 4 : widths[i % table->columns], last);
        if (last)
            command_print(ctx, "%s\n", i + 1 == table->columns ? command_colour(ctx, COLOUR_NONE) : "");
    }
}

/* ---- what verbs share ---- */

bool command_config(struct command_context *ctx)
{
    if (ctx->config_read)
        return true;
    struct problem_list problems = {.arena = ctx->arena};
    bool ok = operator_load(ctx->config_path, ctx->arena, &ctx->config, &problems);
    command_print_problems(ctx, &problems);
    if (!ok)
        return false;
    if (ctx->directory != NULL) {
        char *whole = realpath(ctx->directory, NULL);
        ctx->config.manifests_directory = arena_strdup(ctx->arena, whole != NULL ? whole : ctx->directory);
        free(whole);
    }
    log_setup(ctx->config.log_format, ctx->verbose ? LOG_DEBUG : ctx->config.log_level);
    struct error err = {0};
    if (ctx->config.clock_file != NULL && !clock_follow(ctx->config.clock_file, &err)) {
        command_fail(ctx, EXIT_CONFIG, "%s", err.message);
        return false;
    }
    ctx->config_read = true;
    return true;
}

static void say_damaged(int number)
{
    static const char words[] = "certwright: the store cannot be read to its end: `certwright state verify` says what is wrong; the next "
                                "`certwright apply` or `run` sets a damaged one aside and takes the newest backup\n";
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;
    _exit(EXIT_STATE);
}

/* A damaged mapped file shows as one of these. A controller walks it whole in a child before it relies on it; whoever only looks
 * does not, and ends with words (reliability.md 7.3). */
void command_catch_damage(bool on)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT};
    static struct sigaction before[COUNT_OF(fatal)];
    static bool caught;
    struct sigaction action = {.sa_handler = say_damaged};
    for (size_t i = 0; i < COUNT_OF(fatal) && on != caught; i++)
        sigaction(fatal[i], on ? &action : &before[i], on ? &before[i] : NULL);
    caught = on;
}

struct state_options command_state_options(const struct command_context *ctx, bool write, const char *holder)
{
    return (struct state_options){.directory = ctx->config.state_directory,
        .sealing_key_file = ctx->config.sealing_key_file, .audit_directory = ctx->config.audit_directory,
        .backup_directory = ctx->config.backup_directory, .mode = write ? STATE_WRITE : STATE_READ, .holder = holder};
}

struct state *command_state(struct command_context *ctx)
{
    struct error err = {0};
    struct state_options options = command_state_options(ctx, false, NULL);
    command_catch_damage(true);
    struct state *state = state_open(&options, &err);
    if (state == NULL)
        command_fail(ctx, EXIT_STATE, "%s", err.message);
    return state;
}

struct desired *command_desired(struct command_context *ctx, struct state *state)
{
    struct error err = {0};
    struct desired *desired = desired_read(&ctx->config, ctx->files.count > 0 ? &ctx->files : NULL, state, &err);
    if (desired == NULL)
        command_fail(ctx, EXIT_ERROR, "%s%s", err.message,
                     ctx->config.path == NULL && ctx->directory == NULL
                         ? "; no operator's file was found: -d DIR names a folder of manifests, --config FILE an operator's file"
                         : "");
    return desired;
}

int command_unknown_kind(struct command_context *ctx, const char *word, const char *const *more)
{
    enum resource_kind kind = resource_kind_near(word);
    size_t count = 0;
    while (more != NULL && more[count] != NULL)
        count++;
    const char *near = text_nearest(word, more, count);
    if (near == NULL && kind < KIND_COUNT)
        near = text_lower(ctx->arena, resource_kind_name(kind));
    return command_fail(ctx, EXIT_USAGE, "there is no kind \"%s\"%s%s%s", word, near != NULL ? " (did you mean " : "",
                        near != NULL ? near : "", near != NULL ? "?)" : "");
}

int command_unknown_name(struct command_context *ctx, const struct desired *desired, enum resource_kind kind,
                         const char *namespace_, const char *name)
{
    const char **names = NULL;
    size_t count = 0;
    for (size_t i = 0; i < desired_count(desired); i++) {
        const struct desired_entry *entry = desired_at(desired, i);
        if (entry->kind == kind && text_equal(entry->namespace_, namespace_))
            *arena_push(ctx->arena, &names, count) = entry->name;
    }
    const char *near = text_nearest(name, names, count);
    return command_fail(ctx, EXIT_ERROR, "there is no %s%s%s%s", resource_id(ctx->arena, kind, namespace_, name),
                        near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}

bool command_parse_object(struct command_context *ctx, const char *text, enum resource_kind fallback,
                          enum resource_kind *out_kind, const char **out_namespace, const char **out_name)
{
    struct string_list parts = text_split(ctx->arena, text, '/');
    enum resource_kind kind = fallback;
    if (parts.count > 1 && (kind = resource_kind_parse(parts.items[0])) == KIND_COUNT) {
        command_unknown_kind(ctx, parts.items[0], NULL);
        return false;
    }
    if (kind == KIND_COUNT || parts.count > 3 || parts.items[parts.count - 1][0] == '\0') {
        command_fail(ctx, EXIT_USAGE, "\"%s\" is no KIND/NAME, such as certificate/shop", text);
        return false;
    }
    *out_kind = kind;
    *out_name = parts.items[parts.count - 1];
    *out_namespace = parts.count == 3 ? parts.items[1] : ctx->namespace_ != NULL ? ctx->namespace_ : "default";
    return true;
}

/* ---- arguments ---- */

static const struct command_option global_options[] = {
    {"config", "FILE", "the operator's file"},
    {"dir", "DIR", "read manifests from DIR (also -d)"},
    {"filename", "FILE", "read this, \"-\": standard input; repeatable (also -f)"},
    {"namespace", "NAME", "only this namespace (also -n)"},
    {"selector", "LABELS", "only what has these labels, as a=b,c=d (also -l)"},
    {"output", "FORMAT", "table, wide, json, yaml, md or name (also -o)"},
    {"timeout", "TIME", "how long to wait for a person or a far side, as 10m"},
    {"yes", NULL, "do not ask before a paid step"},
    {"no-color", NULL, "no colours"},
    {"quiet", NULL, "no progress (also -q)"},
    {"verbose", NULL, "more in the log (also -v)"},
    {"help", NULL, "this help (also -h)"},
    {0},
};
static const char short_letters[] = "d:f:n:l:o:qvh";
static const struct {
    char letter;
    const char *name;
} short_names[] = {{'d', "dir"}, {'f', "filename"}, {'n', "namespace"}, {'l', "selector"}, {'o', "output"},
                   {'q', "quiet"}, {'v', "verbose"}, {'h', "help"}};

struct given_option {
    const char *name, *value;
};
static struct given_option given[64]; /* of this process's command line; commands run once */
static size_t given_count;

const char *command_option(const struct command_context *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = given_count; i > 0; i--)
        if (strcmp(given[i - 1].name, name) == 0)
            return given[i - 1].value;
    return NULL;
}

static bool parse_selector(struct command_context *ctx, const char *text)
{
    struct string_list parts = text_split(ctx->arena, text, ',');
    for (size_t i = 0; i < parts.count; i++) {
        const char *equals = strchr(parts.items[i], '=');
        if (equals == NULL || equals == parts.items[i])
            return false;
        struct label *label = arena_push(ctx->arena, &ctx->selector.items, ctx->selector.count);
        *label = (struct label){arena_strndup(ctx->arena, parts.items[i], (size_t)(equals - parts.items[i])),
                                equals[1] == '=' ? equals + 2 : equals + 1};
    }
    return true;
}

static bool take_global(struct command_context *ctx, const char *name, const char *value)
{
    static const char *const formats[] = {"table", "wide", "json", "yaml", "md", "name"};
    int64_t ms;
    if (strcmp(name, "config") == 0)
        ctx->config_path = value;
    else if (strcmp(name, "dir") == 0)
        ctx->directory = value;
    else if (strcmp(name, "filename") == 0)
        string_list_push(ctx->arena, &ctx->files, value);
    else if (strcmp(name, "namespace") == 0)
        ctx->namespace_ = value;
    else if (strcmp(name, "selector") == 0 && !parse_selector(ctx, value)) {
        command_fail(ctx, EXIT_USAGE, "\"%s\" is no selector: write a=b,c=d", value);
        return false;
    } else if (strcmp(name, "timeout") == 0) {
        if (!text_parse_duration_ms(value, &ms)) {
            command_fail(ctx, EXIT_USAGE, "\"%s\" is no time: write 90s or 10m", value);
            return false;
        }
        ctx->timeout_s = ms / 1000;
    } else if (strcmp(name, "output") == 0) {
        size_t i = 0;
        while (i < COUNT_OF(formats) && strcmp(formats[i], value) != 0)
            i++;
        if (i == COUNT_OF(formats)) {
            command_fail(ctx, EXIT_USAGE, "there is no output format \"%s\": table, wide, json, yaml, md, name", value);
            return false;
        }
        ctx->output = (enum output_format)i;
    } else if (strcmp(name, "yes") == 0)
        ctx->yes = true;
    else if (strcmp(name, "no-color") == 0)
        ctx->no_color = true;
    else if (strcmp(name, "quiet") == 0)
        ctx->quiet = true;
    else if (strcmp(name, "verbose") == 0)
        ctx->verbose = true;
    return true;
}

static const struct command_option *find_option(const struct command_option *options, const char *name)
{
    for (; options != NULL && options->name != NULL; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

static bool take_option(struct command_context *ctx, const struct command *command, const char *name, char *value,
                        char ***next)
{
    const struct command_option *option = find_option(global_options, name);
    if (option == NULL && command != NULL)
        option = find_option(command->options, name);
    if (option == NULL) {
        const char *names[64];
        size_t count = 0;
        const struct command_option *lists[] = {global_options, command != NULL ? command->options : NULL};
        for (size_t l = 0; l < 2; l++)
            for (const struct command_option *o = lists[l]; o != NULL && o->name != NULL && count < 64; o++)
                names[count++] = o->name;
        const char *near = text_nearest(name, names, count);
        command_fail(ctx, EXIT_USAGE, "there is no option --%s%s%s%s", name, near != NULL ? " (did you mean --" : "",
                     near != NULL ? near : "", near != NULL ? "?)" : "");
        return false;
    }
    if (option->value == NULL && value != NULL) {
        command_fail(ctx, EXIT_USAGE, "--%s takes no value", name);
        return false;
    }
    if (option->value != NULL && value == NULL && (value = *(*next)++) == NULL) {
        command_fail(ctx, EXIT_USAGE, "--%s needs a value: %s", name, option->value);
        return false;
    }
    if (given_count < COUNT_OF(given))
        given[given_count++] = (struct given_option){option->name, value != NULL ? value : ""};
    return take_global(ctx, name, value);
}

/* Long options are never abbreviated, so that an added one breaks no script; getopt_long cannot be told so. */
static bool parse_arguments(struct command_context *ctx, const struct command *command, char **argv, char **out_words,
                            int *out_count)
{
    bool options_over = false;
    *out_count = 0;
    for (char **at = argv; *at != NULL;) {
        char *word = *at++;
        if (options_over || word[0] != '-' || word[1] == '\0') {
            out_words[(*out_count)++] = word;
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (word[1] == '-') {
            char *equals = strchr(word, '=');
            const char *name = equals != NULL ? arena_strndup(ctx->arena, word + 2, (size_t)(equals - word - 2)) : word + 2;
            if (!take_option(ctx, command, name, equals != NULL ? equals + 1 : NULL, &at))
                return false;
        } else {
            for (char *letter = word + 1; *letter != '\0'; letter++) {
                const char *name = NULL;
                for (size_t i = 0; i < COUNT_OF(short_names); i++)
                    if (short_names[i].letter == *letter)
                        name = short_names[i].name;
                if (name == NULL) {
                    command_fail(ctx, EXIT_USAGE, "there is no option -%c", *letter);
                    return false;
                }
                bool takes = strchr(short_letters, *letter)[1] == ':';
                char *value = takes && letter[1] != '\0' ? letter + 1 : NULL;
                if (!take_option(ctx, command, name, value, &at))
                    return false;
                if (takes)
                    break;
            }
        }
    }
    out_words[*out_count] = NULL;
    return true;
}

static void print_options(struct command_context *ctx, const struct command_option *options)
{
    for (; options != NULL && options->name != NULL; options++)
        command_print(ctx, "  --%-22s %s\n",
                      options->value != NULL ? arena_printf(ctx->arena, "%s %s", options->name, options->value)
                                             : options->name,
                      options->help);
}

static int print_help(struct command_context *ctx, const struct command *command)
{
    if (command != NULL) {
        command_print(ctx, "certwright %s%s%s\n\n%s\n", command->name, command->arguments[0] != '\0' ? " " : "",
                      command->arguments, command->help);
        if (command->options != NULL) {
            command_print(ctx, "\nOptions\n");
            print_options(ctx, command->options);
        }
        command_print(ctx, "\nOptions of every verb: certwright --help\n");
        return EXIT_OK;
    }
    command_print(ctx, "certwright: GitOps for commercial TLS certificates\n\nusage: certwright VERB [OPTIONS] [ARGUMENTS]\n\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        command_print(ctx, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
    command_print(ctx, "\nOptions of every verb\n");
    print_options(ctx, global_options);
    command_print(ctx, "\nExit codes: 0 fine, 1 error, 2 changes (plan --detailed-exitcode),\n"
                       "3 manifests invalid, 4 blocked, 5 state locked or unusable, 6 unreachable,\n"
                       "7 a person's step is pending, 64 usage, 78 operator's file\n");
    return EXIT_OK;
}

static const struct command *find_command(char **words, int count, int *out_used)
{
    for (int used = 2; used >= 1; used--) { /* two words before one */
        if (count < used)
            continue;
        char name[80];
        snprintf(name, sizeof name, used == 2 ? "%s %s" : "%s", words[0], used == 2 ? words[1] : "");
        for (size_t i = 0; commands[i] != NULL; i++)
            if (strcmp(commands[i]->name, name) == 0) {
                *out_used = used;
                return commands[i];
            }
    }
    return NULL;
}

/* How many words stand before the first that is neither an option nor an option's value. */
static int leading_options(char **argv)
{
    int i = 0;
    while (argv[i] != NULL && argv[i][0] == '-' && argv[i][1] != '\0' && strcmp(argv[i], "--") != 0 &&
           strcmp(argv[i], "--version") != 0) {
        const char *word = argv[i++];
        bool takes;
        if (word[1] == '-') {
            const struct command_option *option = find_option(global_options, word + 2); /* not with "=" */
            takes = option != NULL && option->value != NULL;
        } else {
            const char *letter = strchr(short_letters, word[strlen(word) - 1]);
            takes = letter != NULL && *letter != ':' && letter[1] == ':' && word[2] == '\0';
        }
        if (takes && argv[i] != NULL)
            i++;
    }
    return i;
}

/* The first word or two are no verb: what may have been meant; the verbs of a group (`state`, `dns`, `audit`) are all named. */
static int unknown_verb(struct command_context *ctx, char **words)
{
    struct string_list group = {0}, candidates = {0};
    const char *typed = words[0], *prefix = arena_printf(ctx->arena, "%s ", words[0]);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (text_has_prefix(commands[i]->name, prefix))
            string_list_push(ctx->arena, &group, commands[i]->name);
    if (group.count > 0 && words[1] != NULL && (text_equal(words[1], "--help") || text_equal(words[1], "-h"))) {
        for (size_t i = 0; commands[i] != NULL; i++)
            if (text_has_prefix(commands[i]->name, prefix))
                command_print(ctx, "certwright %-16s %s\n", commands[i]->name, commands[i]->summary);
        return EXIT_OK;
    }
    if (group.count > 0 && (words[1] == NULL || words[1][0] == '-'))
        return command_fail(ctx, EXIT_USAGE, "`%s` wants to be followed by more: %s", words[0],
                            string_list_join(ctx->arena, &group, ", "));
    if (group.count > 0)
        typed = arena_printf(ctx->arena, "%s %s", words[0], words[1]);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (group.count == 0 || text_has_prefix(commands[i]->name, prefix))
            string_list_push(ctx->arena, &candidates, commands[i]->name);
    const char *near = text_nearest(typed, candidates.items, candidates.count);
    if (near != NULL)
        return command_fail(ctx, EXIT_USAGE, "there is no verb \"%s\" (did you mean %s?); `certwright --help` lists them", typed, near);
    return command_fail(ctx, EXIT_USAGE, "there is no verb \"%s\"; %s", typed,
                        group.count > 0 ? arena_printf(ctx->arena, "there are %s", string_list_join(ctx->arena, &group, ", "))
                                        : "`certwright --help` lists them");
}

/* Output that is lost is no success; what was wrong already says more. A reader that went has read what it wanted. */
static int all_written(struct command_context *ctx, int code)
{
    command_flush(ctx);
    if (ctx->unwritten == 0 || ctx->unwritten == EPIPE)
        return code;
    command_fail(ctx, code, "the output could not be written: %s", strerror(ctx->unwritten));
    return code == EXIT_OK || code == EXIT_CHANGES ? EXIT_ERROR : code;
}

int command_run(int argc, char **argv)
{
    struct command_context ctx = {.arena = arena_create(), .timeout_s = 600};
    char **words = calloc((size_t)argc + 1, sizeof *words), **rest = calloc((size_t)argc + 1, sizeof *rest);
    int count = 0, used = 0, code;
    if (words == NULL || rest == NULL)
        fatal_memory();
    /* Global options may stand before the verb; its own are known once it is. Both are read with the verb cut out. */
    int lead = leading_options(argv + 1);
    char help[] = "--help";
    if (lead + 1 < argc && strcmp(argv[1 + lead], "help") == 0) { /* `help VERB` is `VERB --help` */
        memmove(argv + 1 + lead, argv + 2 + lead, (size_t)(argc - 2 - lead) * sizeof *argv);
        argv[argc - 1] = help;
    }
    char version[] = "version";
    if (argv[1 + lead] != NULL && strcmp(argv[1 + lead], "--version") == 0)
        argv[1 + lead] = version;
    const struct command *command = find_command(argv + 1 + lead, argc - 1 - lead, &used);
    memcpy(rest, argv + 1, (size_t)lead * sizeof *rest);
    memcpy(rest + lead, argv + 1 + lead + used, (size_t)(argc - lead - used) * sizeof *rest); /* and the closing NULL */
    if (command == NULL && argv[1 + lead] != NULL && argv[1 + lead][0] != '-')
        code = unknown_verb(&ctx, argv + 1 + lead);
    else if (!parse_arguments(&ctx, command, rest, words, &count))
        code = EXIT_USAGE;
    else if (command == NULL || command_option(&ctx, "help") != NULL) {
        code = print_help(&ctx, command);
    } else if (ctx.output != OUTPUT_TABLE && !command->formats[ctx.output]) {
        code = command_fail(&ctx, EXIT_USAGE, "`%s` does not print that format", command->name);
    } else {
        code = command->run(&ctx, count, words);
    }
    code = all_written(&ctx, code);
    free(words);
    free(rest);
    arena_destroy(ctx.arena);
    return code;
}
