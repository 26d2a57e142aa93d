/* Every limit of the input at its edge, beside it, and far past it. What to try comes from the tables themselves: the
 * limits of schema/yaml.h below, and min and max of every field that tests/flow/all-fields gives. */
#include "schema/manifest.h"

#include <inttypes.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "schema/field.h"
#include "schema/manifest_table.h"
#include "schema/yaml.h"

#include "check.h"

static struct arena *arena;
static size_t points;

/* ---- limits of files ---- */

static void repeat(struct buffer *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buffer_puts(out, text);
}

static void file_of_bytes(struct buffer *out, size_t n)
{
    buffer_puts(out, "#");
    while (out->length < n && !out->overflow)
        buffer_puts(out, out->length + 64 < n ? "                                                              \n#" : "x");
}
static void documents(struct buffer *out, size_t n) { repeat(out, "--- {}\n", n); }
static void nodes(struct buffer *out, size_t n) /* the list is one of them */
{
    buffer_puts(out, "[");
    repeat(out, "1,", n - 1);
    buffer_puts(out, "]\n");
}
static void depth(struct buffer *out, size_t n)
{
    repeat(out, "[", n);
    repeat(out, "]", n);
}
static void scalar(struct buffer *out, size_t n)
{
    buffer_puts(out, "a: ");
    repeat(out, "v", n);
}
static void key(struct buffer *out, size_t n)
{
    repeat(out, "k", n);
    buffer_puts(out, ": 1\n");
}
/* Nodes that aliases stand for: a list of 100 and itself, many times; the rest as single ones. */
static void expansion(struct buffer *out, size_t n)
{
    buffer_puts(out, "- &l [");
    repeat(out, "1,", 99);
    buffer_puts(out, "]\n- &s 1\n");
    repeat(out, "- [1,1,1,1,1,1,1,1,1,1,1,1]\n", n / 100); /* so that the factor is not met first */
    repeat(out, "- *l\n", n / 100);
    repeat(out, "- *s\n", n % 100);
}
/* The document means so many times the nodes it is written with. */
static void factor(struct buffer *out, size_t n)
{
    buffer_puts(out, "- &l [");
    repeat(out, "1,", 198); /* 199 nodes; with the outer list 200 */
    buffer_puts(out, "]\n");
    repeat(out, "- *l\n", n);
}

static const struct {
    const char *name, *code;
    void (*make)(struct buffer *out, size_t n);
    size_t limit;
} file_limits[] = {
    {"file", "file-too-large", file_of_bytes, YAML_MAX_FILE},
    {"documents", "too-many-documents", documents, YAML_MAX_DOCUMENTS},
    {"nodes", "too-many-nodes", nodes, YAML_MAX_NODES},
    {"depth", "too-deep", depth, YAML_MAX_DEPTH},
    {"scalar", "long-value", scalar, YAML_MAX_SCALAR},
    {"key", "long-key", key, YAML_MAX_KEY},
    {"expansion", "alias-budget", expansion, YAML_MAX_EXPANSION},
};

/* As the operator may set them: one limit raised to its end, the others left. */
static const struct {
    size_t most;
    size_t at; /* in struct yaml_limits */
} raised_limits[] = {
    {YAML_TOP_FILE, offsetof(struct yaml_limits, file)},           {YAML_TOP_DOCUMENTS, offsetof(struct yaml_limits, documents)},
    {YAML_TOP_NODES, offsetof(struct yaml_limits, nodes)},         {YAML_TOP_DEPTH, offsetof(struct yaml_limits, depth)},
    {YAML_TOP_SCALAR, offsetof(struct yaml_limits, scalar)},       {YAML_TOP_KEY, offsetof(struct yaml_limits, key)},
    {YAML_TOP_EXPANSION, offsetof(struct yaml_limits, expansion)},
};

static struct yaml_limits limits;

static bool complains(const char *text, size_t length, const char *code, int *out_line)
{
    struct resource_list good = {0}, broken = {0};
    AUTO(arena) struct arena *own = arena_create();
    struct problem_list problems = {.arena = own};
    manifest_decode_within(&limits, "x.yaml", text, length, own, &good, &broken, &problems);
    for (size_t i = 0; i < problems.count; i++)
        if (code == NULL || strcmp(problems.items[i].code, code) == 0) {
            *out_line = problems.items[i].position.line;
            return true;
        }
    return false;
}

static void limits_of_files(void)
{
    for (size_t i = 0; i < COUNT_OF(file_limits); i++) {
        size_t limit = file_limits[i].limit;
        const size_t sizes[] = {limit - 1, limit, limit + 1, limit * 10, limit * 1000};
        for (size_t k = 0; k < COUNT_OF(sizes); k++) {
            struct buffer text = {.limit = 1 << 20};
            int line = -1;
            file_limits[i].make(&text, sizes[k] < 2000000 ? sizes[k] : 2000000);
            /* Far past one limit others are met, too. */
            const char *code = k > 2 ? NULL : text.length > YAML_MAX_FILE ? "file-too-large" : file_limits[i].code;
            bool said = complains(buffer_text(&text), text.length, code, &line);
            if (said != (k >= 2))
                fprintf(stderr, "%s of %zu: %s\n", file_limits[i].name, sizes[k], said ? "refused" : "taken");
            CHECK(said == (k >= 2));
            CHECK(!said || line > 0 || text.length > YAML_MAX_FILE);
            points++;
            buffer_release(&text);
        }
    }
}

static void raised_limits_hold_at_their_end(void)
{
    for (size_t i = 0; i < COUNT_OF(raised_limits); i++) {
        uint32_t *raised = (uint32_t *)((char *)&limits + raised_limits[i].at);
        const size_t sizes[] = {file_limits[i].limit + 1, raised_limits[i].most, raised_limits[i].most + 1};
        limits = yaml_limits_default;
        limits.file = YAML_TOP_FILE; /* what is written must fit, and stand for itself */
        limits.nodes = YAML_TOP_NODES;
        *raised = (uint32_t)raised_limits[i].most;
        CHECK(yaml_limits_valid(&limits));
        for (size_t k = 0; k < COUNT_OF(sizes); k++) {
            struct buffer text = {.limit = 8 << 20};
            int line = -1;
            file_limits[i].make(&text, sizes[k]);
            bool said = complains(buffer_text(&text), text.length, file_limits[i].code, &line);
            if (said != (k == 2))
                fprintf(stderr, "raised %s of %zu: %s\n", file_limits[i].name, sizes[k], said ? "refused" : "taken");
            CHECK(said == (k == 2));
            buffer_release(&text);
            points++;
        }
        ++*raised;
        CHECK(!yaml_limits_valid(&limits));
        *raised = (uint32_t)file_limits[i].limit - 1;
        CHECK(!yaml_limits_valid(&limits));
        limits = yaml_limits_default;
    }
}

static void aliases_make_no_large_document(void)
{
    int line;
    for (size_t n = 1; n <= 40; n++) {
        struct buffer text = {0};
        factor(&text, n);
        size_t written = 200 + n, meant = 199 * n;
        CHECK(complains(buffer_text(&text), text.length, "alias-budget", &line) == (meant > YAML_MAX_FACTOR * written));
        buffer_release(&text);
        points++;
    }
}

/* ---- limits of fields ---- */

struct trial {
    const struct yaml_node *root;
    const struct field *field;
    const char *path;
};

static struct yaml_node *change(const struct yaml_node *node) { return (struct yaml_node *)node; }

/* What is said about the field, or something in it. */
static const struct problem *error_at(const struct trial *trial, const char *code)
{
    struct resource resource;
    struct problem_list problems = {.arena = arena};
    manifest_decode_tree(trial->root, arena, &resource, &problems);
    for (size_t i = 0; i < problems.count; i++)
        if (problems.items[i].severity == SEVERITY_ERROR && problems.items[i].path != NULL &&
            text_has_prefix(problems.items[i].path, trial->path) && (code == NULL || strcmp(problems.items[i].code, code) == 0))
            return &problems.items[i];
    return NULL;
}

static void judge(const struct trial *trial, int64_t value, bool allowed)
{
    const struct problem *problem = error_at(trial, allowed ? "out-of-range" : NULL);
    bool strange = allowed ? problem != NULL && strcmp(problem->path, trial->path) == 0 : problem == NULL;
    if (strange)
        fprintf(stderr, "%s of %" PRId64 ": %s\n", trial->path, value, problem != NULL ? problem->message : "taken");
    CHECK(!strange);
    CHECK(problem == NULL || problem->position.line > 0);
    points++;
}

static const char *spelled(const struct field *field, int64_t value)
{
    if (field->type == FIELD_STRING) {
        char *text = arena_alloc(arena, (size_t)value + 1);
        memset(text, 'a', (size_t)value);
        return text;
    }
    return arena_printf(arena, "%" PRId64 "%s", value,
                        field->type == FIELD_DURATION_S ? "s" : field->type == FIELD_DURATION_MS ? "ms"
                        : field->type == FIELD_TERM ? "mo" : "");
}

static void try_scalar(const struct trial *trial, const struct yaml_node *node, int64_t value, bool allowed)
{
    const struct yaml_node was = *node;
    if (value < 0 || (trial->field->type == FIELD_STRING && value > YAML_MAX_SCALAR))
        return;
    change(node)->text = spelled(trial->field, value);
    change(node)->length = (uint32_t)strlen(node->text);
    change(node)->plain = trial->field->type != FIELD_STRING;
    judge(trial, value, allowed);
    *change(node) = was;
}

static void try_count(const struct trial *trial, const struct yaml_node *node, int64_t value, bool allowed)
{
    const struct yaml_node was = *node;
    struct yaml_node **tail = &change(node)->first;
    if (value < 0 || value > YAML_MAX_NODES || was.first == NULL)
        return;
    for (int64_t i = 0; i < value; i++) {
        *tail = arena_memdup(arena, was.first, sizeof *was.first);
        (*tail)->next = NULL;
        if ((*tail)->key != NULL)
            (*tail)->key_length = (uint32_t)strlen((*tail)->key = arena_printf(arena, "k%" PRId64, i));
        else if ((*tail)->kind == YAML_SCALAR && strchr((*tail)->text, '.') != NULL)
            (*tail)->length = (uint32_t)strlen((*tail)->text = arena_printf(arena, "n%" PRId64 ".example.test", i));
        tail = &(*tail)->next;
    }
    *tail = NULL;
    change(node)->count = (uint32_t)value;
    judge(trial, value, allowed);
    *change(node) = was;
}

static void try_edges(const struct trial *trial, const struct yaml_node *node)
{
    const struct field *field = trial->field;
    void (*attempt)(const struct trial *, const struct yaml_node *, int64_t, bool) =
        node->kind == YAML_SCALAR ? try_scalar : try_count;
    if (field->min > 0) {
        attempt(trial, node, field->min, true);
        attempt(trial, node, field->min - 1, false);
    }
    if (field->max > 0) {
        attempt(trial, node, field->max - 1, field->max - 1 >= field->min);
        attempt(trial, node, field->max, true);
        attempt(trial, node, field->max + 1, false);
        attempt(trial, node, field->max * 10, false);
    }
}

static void try_below(const struct yaml_node *root, const struct field_table *table, const struct yaml_node *node,
                      const char *path);

static void try_member(const struct yaml_node *root, const struct field_table *table, const struct yaml_node *child,
                       const char *path)
{
    const struct field *field = NULL;
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->fields[i].name, child->key) == 0)
            field = &table->fields[i];
    if (field == NULL)
        return;
    const struct trial trial = {root, field, path};
    if (field->min != 0 || field->max != 0)
        try_edges(&trial, child);
    if (field->table == NULL)
        return;
    if (field->type == FIELD_OBJECT)
        try_below(root, field->table, child, path);
    size_t index = 0;
    for (const struct yaml_node *item = child->first; field->type == FIELD_OBJECTS && item != NULL; item = item->next)
        try_below(root, field->table, item, arena_printf(arena, "%s[%zu]", path, index++));
}

static void try_below(const struct yaml_node *root, const struct field_table *table, const struct yaml_node *node,
                      const char *path)
{
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
        try_member(root, table, child, arena_printf(arena, "%s.%s", path, child->key));
}

static void limits_of_fields(void)
{
    static const char *const files[] = {"certificate", "dns-accounts", "others"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct resource_list good = {0}, broken = {0};
        struct problem_list problems = {.arena = arena};
        struct buffer text = {0};
        struct error err = {0};
        const char *path = arena_printf(arena, CERTWRIGHT_SOURCE_DIR "/tests/flow/all-fields/%s.yaml", files[i]);
        CHECK_OK(file_read_path(path, 1 << 20, &text, &err), err);
        CHECK(manifest_decode(path, buffer_text(&text), text.length, arena, &good, &broken, &problems));
        for (size_t k = 0; k < good.count; k++) {
            const struct yaml_node *root = good.items[k].document;
            try_below(root, &metadata_table, yaml_member(root, "metadata"), "metadata");
            try_below(root, manifest_spec_table(good.items[k].kind), good.items[k].spec_node, "spec");
        }
        buffer_release(&text);
    }
}

/* ---- names ---- */

/* "" when nothing is wrong with that field. */
static const char *problem_about(const char *text, const char *path)
{
    struct resource_list good = {0}, broken = {0};
    struct problem_list problems = {.arena = arena};
    manifest_decode("x.yaml", text, strlen(text), arena, &good, &broken, &problems);
    for (size_t i = 0; i < problems.count; i++)
        if (text_equal(problems.items[i].path, path))
            return problems.items[i].message;
    return "";
}

static void names_of_resources(void)
{
    for (int length = 0; length <= 130; length++) {
        char text[400], name[140] = "";
        memset(name, 'a', (size_t)length);
        snprintf(text, sizeof text, "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: \"%s\"}\nspec: {}\n", name);
        bool said = problem_about(text, "metadata.name")[0] != '\0';
        if (said != (length < 1 || length > 63))
            fprintf(stderr, "a name of %d\n", length);
        CHECK(said == (length < 1 || length > 63));
        points++;
    }
}

static void enough_was_tried(void) { CHECK(points >= 300); }

int main(void)
{
    arena = arena_create();
    limits = yaml_limits_default;
    RUN(limits_of_files);
    RUN(raised_limits_hold_at_their_end);
    RUN(aliases_make_no_large_document);
    RUN(limits_of_fields);
    RUN(names_of_resources);
    RUN(enough_was_tried);
    printf("%zu points\n", points);
    arena_destroy(arena);
    return CHECK_REPORT();
}
