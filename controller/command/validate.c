/* validate: every problem of the manifests at once, with its place. Offline: no network, no store, no
 * credentials, and no operator's file is needed; without one, what only it could tell is a warning. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/desired.h"
#include "controller/look_print.h"
#include "reconcilers/deploy/deploy.h"
#include "schema/deploy_target.h"

struct claim { /* a place on a target that a certificate wants */
    const char *path, *certificate, *target;
    struct position position; /* of the certificate's targets */
    size_t order;             /* in which they were met */
};
struct validation {
    struct command_context *ctx;
    struct desired *desired;
    struct problem_list problems;
    struct operator_config places; /* the operator's, with stand-ins for roots that it does not name */
    struct claim *claims;
    size_t claim_count;
};

/* ---- two certificates on one place ---- */

/* Whether two paths meet does not depend on where a root lies, so that a root nobody opened gets a name for
 * its path. */
static void add_root(struct validation *v, const char *name)
{
    struct arena *arena = v->ctx->arena;
    struct operator_config *places = &v->places;
    if (name == NULL || operator_root(places, name) != NULL)
        return;
    struct deploy_root *roots = arena_array(arena, places->root_count + 1, sizeof *roots);
    if (places->root_count > 0)
        memcpy(roots, places->roots, places->root_count * sizeof *roots);
    roots[places->root_count++] =
        (struct deploy_root){.name = name, .path = arena_printf(arena, "<%s>", name)};
    places->roots = roots;
}

static void claim_place(struct validation *v, const struct resource *certificate,
                        const struct resource *target)
{
    struct arena *arena = v->ctx->arena;
    struct error err = {0};
    const char *path;
    add_root(v, target->deploy_target->local.root);
    if (!deploy_place(&v->places, target, certificate->namespace_, certificate->name,
                      certificate_main_name(certificate->certificate), arena, &path, &err)) {
        struct position position =
            err.manifest.line > 0 ? err.manifest : manifest_position(target, "spec.path");
        struct problem *problem = problem_add(&v->problems, SEVERITY_ERROR, "bad-target-path", position,
                                              "spec.path", "%s", err.message);
        problem->resource = resource_id(arena, target->kind, target->namespace_, target->name);
        return;
    }
    struct claim *claim = arena_push(arena, &v->claims, v->claim_count);
    *claim = (struct claim){path,
                            resource_id(arena, KIND_CERTIFICATE, certificate->namespace_, certificate->name),
                            target->name, manifest_position(certificate, "spec.targets"), v->claim_count};
}

static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : a->order < b->order ? -1 : 1;
}

static void compare_places(struct validation *v)
{
    if (v->claim_count > 0)
        qsort(v->claims, v->claim_count, sizeof *v->claims, compare_claims);
    for (size_t i = 1, first = 0; i < v->claim_count; i++) {
        const struct claim *own = &v->claims[i], *former = &v->claims[first];
        if (!text_equal(own->path, former->path)) {
            first = i;
            continue;
        }
        struct problem *problem = problem_add(&v->problems, SEVERITY_ERROR, "place-taken", own->position, "spec.targets",
                                              "%s is also where %s goes (targets %s and %s)", own->path,
                                              former->certificate, own->target, former->target);
        problem->resource = own->certificate;
        problem->hint = "give the target's spec.path a placeholder, as {namespace}/{name}";
    }
}

/* ---- collecting ---- */

static int compare_problems(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    const char *x = a->position.file != NULL ? a->position.file : "",
               *y = b->position.file != NULL ? b->position.file : "";
    int files = strcmp(x, y);
    if (files != 0)
        return files;
    if (a->position.line != b->position.line)
        return a->position.line < b->position.line ? -1 : 1;
    if (a->position.column != b->position.column)
        return a->position.column < b->position.column ? -1 : 1;
    int codes = strcmp(a->code, b->code);
    return codes != 0 ? codes : strcmp(a->message, b->message);
}

/* In the order of the files, and each only once however many certificates meet it. */
static void sort_problems(struct problem_list *list)
{
    size_t kept = 0;
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_problems);
    list->errors = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && compare_problems(&list->items[kept - 1], &list->items[i]) == 0)
            continue;
        list->items[kept] = list->items[i];
        list->errors += list->items[kept++].severity == SEVERITY_ERROR;
    }
    list->count = kept;
}

static void check_certificate(struct validation *v, const struct resource *certificate)
{
    struct resource_lookup lookup = desired_lookup(v->desired);
    struct certificate_references refs = {0};
    certificate_resolve(certificate, &lookup, &v->ctx->config, clock_now(), v->ctx->arena, &refs,
                        &v->problems);
    for (size_t i = 0; i < refs.target_count; i++)
        claim_place(v, certificate, refs.targets[i]);
}

static void check_all(struct validation *v)
{
    const struct problem_list *read = desired_problems(v->desired);
    for (size_t i = 0; i < read->count; i++)
        *arena_push(v->ctx->arena, &v->problems.items, v->problems.count) = read->items[i];
    for (size_t i = 0; i < desired_count(v->desired); i++) {
        const struct desired_entry *entry = desired_at(v->desired, i);
        const struct resource *resource = desired_resource(v->desired, entry);
        if (entry->kind == KIND_CERTIFICATE && resource != NULL)
            check_certificate(v, resource);
    }
    compare_places(v);
    sort_problems(&v->problems);
}

/* ---- printing ---- */

static int print_json(const struct validation *v)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    look_problems_member(&w, &v->problems, v->ctx->arena);
    json_key(&w, "counts");
    json_begin_object(&w);
    json_int_member(&w, "errors", (int64_t)v->problems.errors);
    json_int_member(&w, "warnings", (int64_t)(v->problems.count - v->problems.errors));
    json_int_member(&w, "resources", (int64_t)desired_count(v->desired));
    json_int_member(&w, "files", (int64_t)desired_file_count(v->desired));
    json_end_object(&w);
    json_end_object(&w);
    int code = look_print_document(v->ctx, &text);
    buffer_release(&text);
    return code;
}

static void print_summary(const struct validation *v)
{
    struct command_context *ctx = v->ctx;
    size_t warnings = v->problems.count - v->problems.errors, resources = desired_count(v->desired);
    command_print_problems(ctx, &v->problems);
    const char *what = arena_printf(ctx->arena, "%s in %s", look_count(ctx->arena, resources, "resource"),
                                    look_count(ctx->arena, desired_file_count(v->desired), "file"));
    const char *also =
        warnings > 0 ? arena_printf(ctx->arena, ", %s", look_count(ctx->arena, warnings, "warning")) : "";
    if (v->problems.errors > 0)
        command_fail(ctx, EXIT_INVALID, "%s%s; otherwise %s",
                     look_count(ctx->arena, v->problems.errors, "error"), also, what);
    else if (!ctx->quiet)
        command_print(ctx, "%s %s valid%s\n", what, resources == 1 ? "is" : "are", also);
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct validation v = {.ctx = ctx, .problems = {.arena = ctx->arena}};
    for (int i = 0; i < argc; i++)
        string_list_push(ctx->arena, &ctx->files, argv[i]);
    if (!command_config(ctx))
        return EXIT_CONFIG;
    v.places = ctx->config;
    v.desired = command_desired(ctx, NULL);
    if (v.desired == NULL)
        return EXIT_ERROR;
    check_all(&v);
    int code = v.problems.errors > 0 ? EXIT_INVALID : EXIT_OK;
    if (ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML) {
        int printed = print_json(&v);
        code = printed != EXIT_OK ? printed : code;
    } else {
        print_summary(&v);
    }
    desired_destroy(v.desired);
    return code;
}

const struct command command_validate = {
    .name = "validate",
    .arguments = "[FILE...]",
    .summary = "check manifests, offline",
    .help =
        "Reads FILEs or folders (also -f, -d), else the operator's manifests, and prints every problem as\n"
        "file:line:column. Needs no network, no store and no credentials; the operator's file is used if\n"
        "there is one. Exits 0 when all is valid, 3 when not.",
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
