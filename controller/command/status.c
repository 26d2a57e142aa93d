/* status: the whole on one page: how many stand where, what comes next, what waits for a person, what is
 * held, what is wrong in the manifests, and who is at work. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/credentials.h"
#include "controller/look.h"
#include "controller/look_print.h"

enum { NEXT_SHOWN = 10, WAITING_SHOWN = 20, PROBLEMS_SHOWN = 20 };

struct item { /* one certificate, as far as this page needs it */
    const char *id, *code, *reason, *human, *command, *who, *failure;
    int64_t due, since;
    enum standing standing;
    bool if_lost; /* the command: see step_if_lost */
};
struct overview {
    struct look look;
    struct item *items;
    size_t count, by_standing[STANDING_FORGOTTEN + 1];
    struct string_list codes; /* sorted */
    size_t *code_counts;
    struct hold_list holds;
    struct problem_list problems;
    struct credential_notes credentials;
    struct item **next, **waiting;
    size_t next_count, waiting_count;
};

/* ---- gathering ---- */

static void take(const struct certificate_look *c, void *arg)
{
    struct overview *o = arg;
    struct arena *arena = o->look.ctx->arena;
    struct item *item = arena_push(arena, &o->items, o->count);
    bool waits = c->standing == STANDING_WAITING || c->standing == STANDING_BLOCKED;
    *item = (struct item){.id = arena_strdup(arena, c->view.id),
                          .code = arena_strdup(arena, c->step.code),
                          .reason = arena_strdup(arena, c->step.reason),
                          .human = arena_strdup(arena, c->step.human),
                          .command = arena_strdup(arena, c->step.command),
                          .if_lost = step_if_lost(&c->step),
                          .who = c->who,
                          .failure = arena_strdup(arena, c->failure),
                          .due = c->standing == STANDING_BLOCKED ? 0
                                 : c->standing == STANDING_FINE ? look_replacement_due(c)
                                                                : c->step.due,
                          .since = waits ? c->conditions[CONDITION_READY].since : 0,
                          .standing = c->standing};
    o->by_standing[c->standing]++;
    if (c->view.invalid && c->view.want != NULL) {
        struct problem_list own = look_problems(&o->look, KIND_CERTIFICATE, c->view.namespace_, c->view.name);
        for (size_t i = 0; i < own.count; i++)
            *arena_push(arena, &o->problems.items, o->problems.count) = own.items[i];
    }
}

static int compare_due(const void *left, const void *right)
{
    const struct item *a = *(struct item *const *)left, *b = *(struct item *const *)right;
    return a->due != b->due ? (a->due < b->due ? -1 : 1) : strcmp(a->id, b->id);
}

static void count_codes(struct overview *o)
{
    struct arena *arena = o->look.ctx->arena;
    struct string_list all = {0};
    for (size_t i = 0; i < o->count; i++)
        string_list_push(arena, &all, o->items[i].code);
    o->codes = string_list_sorted(arena, &all);
    o->code_counts = arena_array(arena, o->codes.count, sizeof *o->code_counts);
    for (size_t i = 0; i < o->count; i++)
        for (size_t j = 0; j < o->codes.count; j++)
            o->code_counts[j] += text_equal(o->codes.items[j], o->items[i].code);
}

static void sort_items(struct overview *o)
{
    struct arena *arena = o->look.ctx->arena;
    for (size_t i = 0; i < o->count; i++) {
        struct item *item = &o->items[i];
        if (item->due > 0 || item->standing == STANDING_WORKING || item->standing == STANDING_FAILING)
            *arena_push(arena, &o->next, o->next_count) = item;
        if (item->human != NULL || item->command != NULL)
            *arena_push(arena, &o->waiting, o->waiting_count) = item;
    }
    if (o->next_count > 1)
        qsort(o->next, o->next_count, sizeof *o->next, compare_due);
}

static bool same_problem(const struct problem *a, const struct problem *b)
{
    return text_equal(a->position.file, b->position.file) && a->position.line == b->position.line &&
           a->position.column == b->position.column && text_equal(a->message, b->message);
}

static void add_problems(struct overview *o)
{
    const struct problem_list *read = desired_problems(o->look.desired);
    struct problem_list all = {.arena = o->look.ctx->arena};
    for (int list = 0; list < 2; list++) {
        const struct problem_list *from = list == 0 ? read : &o->problems;
        for (size_t i = 0; i < from->count; i++) {
            bool known = false;
            for (size_t j = 0; j < all.count && list == 1; j++)
                known = known || same_problem(&all.items[j], &from->items[i]);
            if (known)
                continue;
            *arena_push(all.arena, &all.items, all.count) = from->items[i];
            all.errors += from->items[i].severity == SEVERITY_ERROR;
        }
    }
    o->problems = all;
}

/* Purchases that are held as a whole are one hold, as removals are. No record of it is kept: it is found anew at each look. */
static void fold_purchases(struct overview *o)
{
    struct arena *arena = o->look.ctx->arena;
    struct hold_record hold = {.digest = arena_strdup(arena, o->look.model.purchase_hold), .kind = "MassPurchase",
                               .since = clock_now(), .confirmed_by = ""};
    for (size_t i = 0; i < o->count; i++) {
        if (!text_equal(o->items[i].code, hold.kind))
            continue;
        string_list_push(arena, &hold.subjects, o->items[i].id);
        if (o->items[i].since > 0 && o->items[i].since < hold.since)
            hold.since = o->items[i].since;
    }
    bool told = hold.subjects.count == 0 || hold.digest == NULL;
    for (size_t i = 0; i < o->holds.count; i++)
        told = told || text_equal(o->holds.items[i].digest, hold.digest);
    if (!told)
        *arena_push(arena, &o->holds.items, o->holds.count) = hold;
}

static bool is_told_by_hold(const struct overview *o, const struct item *item)
{
    for (size_t i = 0; i < o->holds.count; i++)
        if (text_equal(item->code, "MassPurchase") && text_equal(o->holds.items[i].kind, item->code))
            return true;
    return false;
}

/* ---- for people ---- */

static void print_heading(struct command_context *ctx, const char *text)
{
    command_print(ctx, "\n%s%s%s\n", command_colour(ctx, COLOUR_BOLD), text,
                  command_colour(ctx, COLOUR_NONE));
}

static void print_head(struct overview *o)
{
    struct command_context *ctx = o->look.ctx;
    struct arena *arena = ctx->arena;
    struct string_list counts = {0};
    const char *commit = desired_commit(o->look.desired);
    look_print_field(ctx, "Controller",
                     o->look.lock_pid > 0 ? o->look.lock_words
                                          : "none runs; `certwright apply` or `certwright run` acts");
    look_print_field(ctx, "Manifests",
                     arena_printf(arena, "%s in %s%s%.12s, %s",
                                  look_count(arena, desired_count(o->look.desired), "resource"),
                                  look_count(arena, desired_file_count(o->look.desired), "file"),
                                  commit != NULL ? ", commit " : "", commit != NULL ? commit : "",
                                  look_count(arena, o->problems.errors, "error")));
    const char *room = state_room(o->look.state);
    if (room != NULL)
        look_print_field(ctx, "Room", arena_printf(arena, "%s: nothing new is bought", room));
    for (int standing = 0; standing <= STANDING_FORGOTTEN; standing++)
        if (o->by_standing[standing] > 0)
            string_list_push(arena, &counts, arena_printf(arena, "%zu %s", o->by_standing[standing],
                                                          standing_name((enum standing)standing)));
    look_print_field(ctx, "Certificates", counts.count > 0 ? string_list_join(arena, &counts, ", ") : "none");
}

static void print_codes(struct overview *o)
{
    static const char *const headings[] = {"STATUS", "CERTIFICATES"};
    struct table table;
    if (o->codes.count == 0)
        return;
    table_begin(&table, o->look.ctx->arena, COUNT_OF(headings), headings);
    for (size_t i = 0; i < o->codes.count; i++)
        table_row(&table, o->codes.items[i], arena_printf(o->look.ctx->arena, "%zu", o->code_counts[i]));
    command_print(o->look.ctx, "\n");
    table_print(o->look.ctx, &table);
}

static const char *due_words(struct command_context *ctx, const struct item *item)
{
    return item->due > clock_now() ? command_ago(ctx, item->due) : "now";
}

static const char *next_words(const struct item *item)
{
    return item->standing == STANDING_FINE ? "its replacement is due" : item->reason;
}

static void print_next(struct overview *o)
{
    static const char *const headings[] = {"WHEN", "OBJECT", "STATUS", "WHAT"};
    struct command_context *ctx = o->look.ctx;
    struct table table;
    if (o->next_count == 0)
        return;
    table_begin(&table, ctx->arena, COUNT_OF(headings), headings);
    for (size_t i = 0; i < o->next_count && i < NEXT_SHOWN; i++)
        table_row(&table, due_words(ctx, o->next[i]), o->next[i]->id, o->next[i]->code,
                  look_line(ctx->arena, next_words(o->next[i])));
    print_heading(ctx, "Next");
    table_print(ctx, &table);
}

static void print_waiting(struct overview *o)
{
    struct command_context *ctx = o->look.ctx;
    size_t shown = 0, more = 0;
    if (o->waiting_count == 0 && o->holds.count == 0)
        return;
    print_heading(ctx, "Waits for a person");
    for (size_t i = 0; i < o->holds.count; i++) {
        const struct hold_record *hold = &o->holds.items[i];
        command_print(ctx, "hold %s: %s, since %s\n", hold->digest, hold->kind, look_time(ctx, hold->since));
        look_print_field(ctx, "  names", string_list_join(ctx->arena, &hold->subjects, ", "));
        look_print_field(ctx, "  command", arena_printf(ctx->arena, "certwright confirm %s", hold->digest));
    }
    for (size_t i = 0; i < o->waiting_count; i++) {
        const struct item *item = o->waiting[i];
        if (is_told_by_hold(o, item))
            continue;
        if (++shown > WAITING_SHOWN) {
            more++;
            continue;
        }
        command_print(ctx, "%s: %s: %s\n", item->id, item->code, look_line(ctx->arena, item->reason));
        look_print_field(ctx, "  who", item->who);
        look_print_field(ctx, "  since", look_time(ctx, item->since));
        look_print_field(ctx, "  to do", item->human);
        look_print_field(ctx, item->if_lost ? "  if lost" : "  command", item->command);
    }
    if (more > 0)
        command_print(ctx, "and %zu more: `certwright get certificates`\n", more);
}

static void print_credentials(struct overview *o)
{
    struct command_context *ctx = o->look.ctx;
    if (o->credentials.count > 0)
        print_heading(ctx, "Credentials");
    for (size_t i = 0; i < o->credentials.count; i++) {
        const struct credential_note *note = &o->credentials.items[i];
        command_print(ctx, "%s: %s: %s\n", note->id, note->credential.code, note->credential.words);
        look_print_field(ctx, "  to do", note->credential.human);
    }
}

static void print_failures(struct overview *o)
{
    struct command_context *ctx = o->look.ctx;
    bool any = false;
    for (size_t i = 0; i < o->count; i++) {
        if (o->items[i].failure == NULL)
            continue;
        if (!any)
            print_heading(ctx, "Failing");
        any = true;
        command_print(ctx, "%s: %s\n", o->items[i].id, look_line(ctx->arena, o->items[i].failure));
    }
}

static void print_problems(struct overview *o)
{
    struct command_context *ctx = o->look.ctx;
    if (o->problems.count > 0)
        print_heading(ctx, "Problems in manifests");
    for (size_t i = 0; i < o->problems.count && i < PROBLEMS_SHOWN; i++) {
        struct buffer line = {0};
        problem_print(&o->problems.items[i], &line);
        command_print(ctx, "%s\n", look_line(ctx->arena, buffer_text(&line)));
        buffer_release(&line);
    }
    if (o->problems.count > PROBLEMS_SHOWN)
        command_print(ctx, "and %zu more: `certwright validate`\n", o->problems.count - PROBLEMS_SHOWN);
}

/* ---- for machines ---- */

static void put_items(struct json_writer *w, const char *name, struct item **items, size_t count,
                      struct arena *arena)
{
    json_key(w, name);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        const struct item *item = items[i];
        json_begin_object(w);
        json_string_member(w, "object", item->id);
        json_string_member(w, "phase", item->code);
        json_string_member(w, "standing", standing_name(item->standing));
        look_text_member(w, "reason", item->reason, arena);
        look_text_member(w, "failure", item->failure, arena);
        look_text_member(w, "who", item->who, arena);
        look_text_member(w, "human", item->human, arena);
        look_text_member(w, "command", item->command, arena);
        look_time_member(w, "since", item->since, arena);
        look_time_member(w, "due", item->due, arena);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_controller(struct json_writer *w, const struct look *look, struct arena *arena)
{
    json_key(w, "controller");
    if (look->lock_pid == 0) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_int_member(w, "pid", look->lock_pid);
    look_text_member(w, "holder", look->lock_words, arena);
    json_end_object(w);
}

static int print_json(struct overview *o)
{
    struct arena *arena = o->look.ctx->arena;
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    look_time_member(&w, "time", clock_now(), arena);
    put_controller(&w, &o->look, arena);
    look_text_member(&w, "noRoom", state_room(o->look.state), arena);
    json_key(&w, "manifests");
    json_begin_object(&w);
    look_text_member(&w, "directory", o->look.ctx->config.manifests_directory, arena);
    look_text_member(&w, "commit", desired_commit(o->look.desired), arena);
    json_int_member(&w, "resources", (int64_t)desired_count(o->look.desired));
    json_int_member(&w, "files", (int64_t)desired_file_count(o->look.desired));
    json_int_member(&w, "errors", (int64_t)o->problems.errors);
    json_end_object(&w);
    json_key(&w, "certificates");
    json_begin_object(&w);
    json_int_member(&w, "total", (int64_t)o->count);
    for (int standing = 0; standing <= STANDING_FORGOTTEN; standing++)
        json_int_member(&w, standing_name((enum standing)standing), (int64_t)o->by_standing[standing]);
    json_key(&w, "byPhase");
    json_begin_object(&w);
    for (size_t i = 0; i < o->codes.count; i++)
        json_int_member(&w, o->codes.items[i], (int64_t)o->code_counts[i]);
    json_end_object(&w);
    json_end_object(&w);
    put_items(&w, "next", o->next, o->next_count < NEXT_SHOWN ? o->next_count : NEXT_SHOWN, arena);
    put_items(&w, "waiting", o->waiting, o->waiting_count, arena);
    json_key(&w, "holds");
    json_begin_array(&w);
    for (size_t i = 0; i < o->holds.count; i++)
        look_put_struct(&w, &hold_record_table, &o->holds.items[i], arena);
    json_end_array(&w);
    json_key(&w, "credentials");
    json_begin_array(&w);
    for (size_t i = 0; i < o->credentials.count; i++) {
        const struct credential_note *note = &o->credentials.items[i];
        json_begin_object(&w);
        json_string_member(&w, "object", note->id);
        json_string_member(&w, "code", note->credential.code);
        look_text_member(&w, "what", note->credential.words, arena);
        look_text_member(&w, "human", note->credential.human, arena);
        look_time_member(&w, "end", note->credential.end, arena);
        json_end_object(&w);
    }
    json_end_array(&w);
    look_problems_member(&w, &o->problems, arena);
    json_end_object(&w);
    int code = look_print_document(o->look.ctx, &text);
    buffer_release(&text);
    return code;
}

/* ---- the verb ---- */

static int show(struct overview *o)
{
    struct error err = {0};
    if (!look_certificates(&o->look, true, take, o, &err) || !look_holds(&o->look, &o->holds, &err))
        return command_fail_error(o->look.ctx, &err);
    o->credentials = credentials_ending(o->look.desired, clock_now(), o->look.ctx->arena);
    count_codes(o);
    sort_items(o);
    fold_purchases(o);
    add_problems(o);
    if (o->look.ctx->output == OUTPUT_JSON || o->look.ctx->output == OUTPUT_YAML)
        return print_json(o);
    print_head(o);
    print_codes(o);
    print_next(o);
    print_waiting(o);
    print_credentials(o);
    print_failures(o);
    print_problems(o);
    return EXIT_OK;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct overview o = {0};
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE,
                            "status takes no arguments; `certwright why KIND/NAME` is about one thing");
    int code = look_open(&o.look, ctx, true);
    o.problems.arena = ctx->arena;
    if (code == EXIT_OK)
        code = show(&o);
    look_close(&o.look);
    return code;
}

const struct command command_status = {
    .name = "status",
    .arguments = "",
    .summary = "how it all stands, and what waits for a person",
    .help = "Counts, the next ten due times, what waits for a person with the exact step, held changes,\n"
            "problems in the manifests, and who holds the store.",
    .formats = {[OUTPUT_WIDE] = true, [OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
