#include "schema/manifest.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "schema/field_internal.h"
#include "schema/kinds.h"
#include "schema/manifest_table.h"
#include "schema/yaml.h"

/* ---- tables ---- */

static const struct field metadata_fields[] = {
    {.name = "name", .type = FIELD_STRING, AT(metadata, name), .required = true, .pattern = field_name_pattern,
     .example = "shop", .doc = "Its name, unique among its kind in the namespace."},
    {.name = "namespace", .type = FIELD_STRING, AT(metadata, namespace_), .fallback = "default",
     .pattern = field_name_pattern, .example = "team-a",
     .doc = "What it belongs to; references hold within a namespace."},
    {.name = "labels", .type = FIELD_LABELS, AT(metadata, labels), .max = 64, .pattern = field_label_pattern,
     .example = "web", .doc = "Words to group and select by."},
    {.name = "annotations", .type = FIELD_LABELS, AT(metadata, annotations), .max = 64, .pattern = field_label_pattern,
     .example = "asked for by Rhea", .doc = "Notes; they change nothing."},
};
const struct field_table metadata_table = {
    .name = "metadata", .doc = "What it is called.", .size = sizeof(struct metadata), FIELDS(metadata_fields)};

static const struct field_table *const spec_tables[] = {
    [KIND_CERTIFICATE] = &certificate_table,     [KIND_ISSUER] = &issuer_table,
    [KIND_DNS_ACCOUNT] = &dns_account_table,     [KIND_DEPLOY_TARGET] = &deploy_target_table,
    [KIND_ORGANIZATION] = &organization_table,   [KIND_CONTACT] = &contact_table,
};
static_assert(COUNT_OF(spec_tables) == KIND_COUNT, "kind without a table");

const struct field_table *manifest_spec_table(enum resource_kind kind)
{
    return kind < KIND_COUNT ? spec_tables[kind] : NULL;
}

/* ---- decoding one document ---- */

struct document {
    const struct yaml_node *root;
    struct arena *arena;
    struct problem_list *problems;
    bool failed;
};

static struct problem *complain(struct document *d, const char *code, const struct yaml_node *node, bool at_key,
                                const char *path, const char *message)
{
    struct problem *problem =
        problem_add(d->problems, SEVERITY_ERROR, code, at_key && node->key != NULL ? yaml_key_position(node) : yaml_position(node),
                    path, "%s", message);
    problem->in_schema = true;
    d->failed = true;
    return problem;
}

static const char *show(const struct document *d, const char *text)
{
    return text_clean(d->problems->arena, text, strlen(text), 60);
}

static const struct yaml_node *text_member(struct document *d, const char *name, const char *example)
{
    struct arena *arena = d->problems->arena;
    const struct yaml_node *node = yaml_member(d->root, name);
    if (node == NULL)
        complain(d, "missing-field", d->root, false, NULL, arena_printf(arena, "the document needs the field \"%s\"", name))
            ->hint = arena_printf(arena, "for example %s: %s", name, example);
    else if (node->kind != YAML_SCALAR || yaml_scalar_type(node) != YAML_STRING || node->length == 0)
        complain(d, "wrong-type", node, false, name, arena_printf(arena, "%s is %s; text is due", name, yaml_describe(node)));
    else
        return node;
    return NULL;
}

static void check_version(struct document *d)
{
    const struct yaml_node *node = text_member(d, "apiVersion", MANIFEST_API_VERSION);
    if (node != NULL && strcmp(node->text, MANIFEST_API_VERSION) != 0)
        complain(d, "bad-value", node, false, "apiVersion",
                 arena_printf(d->problems->arena, "apiVersion is \"%s\"; \"%s\" is due", show(d, node->text),
                              MANIFEST_API_VERSION))
            ->hint = text_has_prefix(node->text, "certwright") ? "did you mean \"" MANIFEST_API_VERSION "\"?" : NULL;
}

/* Exactly as it is spelled in the tables; `get` and `explain` take more. */
static enum resource_kind kind_of(const struct yaml_node *root)
{
    const struct yaml_node *node = yaml_member(root, "kind");
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (node != NULL && node->kind == YAML_SCALAR && strcmp(node->text, resource_kind_name((enum resource_kind)kind)) == 0)
            return (enum resource_kind)kind;
    return KIND_COUNT;
}

static enum resource_kind read_kind(struct document *d)
{
    const struct yaml_node *node = text_member(d, "kind", "Certificate");
    enum resource_kind kind = kind_of(d->root);
    if (node == NULL || kind < KIND_COUNT)
        return node == NULL ? KIND_COUNT : kind;
    struct problem *problem =
        complain(d, "unknown-kind", node, false, "kind",
                 arena_printf(d->problems->arena, "there is no kind \"%s\"", show(d, node->text)));
    enum resource_kind meant = resource_kind_parse(node->text);
    if (meant == KIND_COUNT)
        meant = resource_kind_near(node->text);
    if (strcmp(node->text, "ControllerConfig") == 0)
        problem->hint = "the operator's file is given by --config and does not lie among the manifests";
    else if (meant < KIND_COUNT)
        problem->hint = arena_printf(d->problems->arena, "did you mean \"%s\"?", resource_kind_name(meant));
    else
        problem->hint = "kinds are Certificate, Issuer, DNSAccount, DeployTarget, Organization and Contact";
    return KIND_COUNT;
}

static void check_members(struct document *d, enum resource_kind kind)
{
    static const char *const known[] = {"apiVersion", "kind", "metadata", "spec"};
    struct arena *arena = d->problems->arena;
    for (const struct yaml_node *child = d->root->first; child != NULL; child = child->next) {
        bool good = strcmp(child->key, "sops") == 0;
        for (size_t i = 0; i < COUNT_OF(known); i++)
            good = good || strcmp(child->key, known[i]) == 0;
        if (good)
            continue;
        if (strcmp(child->key, "status") == 0) {
            problem_add(d->problems, SEVERITY_WARNING, "status-ignored", yaml_key_position(child), "status",
                        "status is ignored: it is never read from files");
            continue;
        }
        struct problem *problem =
            complain(d, "unknown-field", child, true, NULL,
                     arena_printf(arena, "the document has no field \"%s\"", show(d, child->key)));
        const char *near = text_nearest(child->key, known, COUNT_OF(known));
        if (near != NULL)
            problem->hint = arena_printf(arena, "did you mean \"%s\"?", near);
        else if (field_find(&metadata_table, child->key, NULL) != NULL)
            problem->hint = arena_printf(arena, "\"%s\" belongs to metadata: check the indentation", child->key);
        else if (kind < KIND_COUNT && strcspn(child->key, ".[") == child->key_length &&
                 field_find(spec_tables[kind], child->key, NULL) != NULL)
            problem->hint = arena_printf(arena, "\"%s\" belongs to spec: check the indentation", child->key);
    }
}

static bool decode_part(struct document *d, const char *name, const struct field_table *table, void *out)
{
    const struct yaml_node *node = yaml_member(d->root, name);
    if (node == NULL) {
        complain(d, "missing-field", d->root, false, NULL,
                 arena_printf(d->problems->arena, "the document needs the field \"%s\"", name));
        return false;
    }
    bool ok = field_decode(table, node, name, d->arena, out, d->problems);
    d->failed = d->failed || !ok;
    return ok;
}

/* Of labels and spec: what else stands in a document changes nothing in the world. */
static void put_digest(struct resource *resource, struct buffer *form)
{
    const struct metadata labels = {.labels = resource->labels};
    buffer_clear(form);
    field_canonical(&metadata_table, &labels, form);
    field_canonical(spec_tables[resource->kind], resource->spec, form);
    hash_sha256(span_of(buffer_text(form), form->length), resource->digest);
}

/* What a broken document was about, if it says so legibly. */
static bool read_identity(const struct yaml_node *root, struct resource *out)
{
    const struct yaml_node *metadata = yaml_member(root, "metadata");
    const struct yaml_node *name = yaml_member(metadata, "name"), *space = yaml_member(metadata, "namespace");
    enum resource_kind kind = kind_of(root);
    if (kind == KIND_COUNT || name == NULL || name->kind != YAML_SCALAR || name->length == 0)
        return false;
    *out = (struct resource){
        .kind = kind,
        .namespace_ = space != NULL && space->kind == YAML_SCALAR && space->length > 0 ? space->text : "default",
        .name = name->text,
        .position = yaml_key_position(yaml_member(root, "kind")),
    };
    return true;
}

static bool decode_document(struct document *d, struct buffer *scratch, struct resource *out)
{
    if (d->root->kind != YAML_MAPPING) {
        complain(d, "wrong-type", d->root, false, NULL,
                 arena_printf(d->problems->arena, "the document is %s; a mapping with apiVersion, kind, metadata and spec "
                              "is due", yaml_describe(d->root)));
        return false;
    }
    struct metadata metadata;
    check_version(d);
    enum resource_kind kind = read_kind(d);
    check_members(d, kind);
    decode_part(d, "metadata", &metadata_table, &metadata);
    if (kind == KIND_COUNT)
        return false;
    void *spec = arena_alloc(d->arena, spec_tables[kind]->size);
    decode_part(d, "spec", spec_tables[kind], spec);
    if (d->failed)
        return false;
    *out = (struct resource){
        .kind = kind,
        .namespace_ = metadata.namespace_,
        .name = metadata.name,
        .labels = metadata.labels,
        .annotations = metadata.annotations,
        .position = yaml_key_position(yaml_member(d->root, "kind")),
        .document = d->root,
        .spec_node = yaml_member(d->root, "spec"),
        .spec = spec,
    };
    put_digest(out, scratch);
    return true;
}

bool manifest_decode_tree(const struct yaml_node *root, struct arena *arena, struct resource *out, struct problem_list *problems)
{
    struct document d = {.root = root, .arena = arena, .problems = problems};
    struct buffer scratch = {0};
    bool ok = decode_document(&d, &scratch, out) && !d.failed;
    buffer_release(&scratch);
    return ok;
}

bool manifest_decode_json(struct span json, struct position position, struct arena *arena, struct resource *out)
{
    AUTO(json) struct json *record = json_parse(json.data, json.length, NULL);
    struct problem_list problems = {.arena = arena};
    if (record == NULL || !manifest_decode_tree(field_nodes_of(record, arena), arena, out, &problems))
        return false;
    out->document = out->spec_node = NULL;
    out->position = position;
    return true;
}

bool manifest_decode_within(const struct yaml_limits *limits, const char *file, const char *text, size_t length, struct arena *arena,
                            struct resource_list *out, struct resource_list *out_broken, struct problem_list *problems)
{
    struct yaml_document_list documents = {0};
    struct buffer scratch = {0};
    bool ok = yaml_parse_within(limits, file, text, length, arena, &documents, problems);
    for (size_t i = 0; i < documents.count; i++) {
        struct document d = {documents.items[i].root, arena, problems, documents.items[i].broken};
        size_t first = problems->count;
        struct resource resource = {0};
        if (d.root != NULL && !documents.items[i].partial)
            decode_document(&d, &scratch, &resource);
        bool known = !d.failed || (d.root != NULL && read_identity(d.root, &resource));
        ok = ok && !d.failed;
        if (known)
            *(d.failed ? arena_push(arena, &out_broken->items, out_broken->count)
                       : arena_push(arena, &out->items, out->count)) = resource;
        for (size_t k = first; known && k < problems->count; k++)
            problems->items[k].resource = resource_id(problems->arena, resource.kind, show(&d, resource.namespace_),
                                                      show(&d, resource.name));
    }
    buffer_release(&scratch);
    return ok;
}

bool manifest_decode(const char *file, const char *text, size_t length, struct arena *arena, struct resource_list *out,
                     struct resource_list *out_broken, struct problem_list *problems)
{
    return manifest_decode_within(&yaml_limits_default, file, text, length, arena, out, out_broken, problems);
}

/* ---- encoding ---- */

void manifest_encode_json(const struct resource *resource, int indent, struct buffer *out)
{
    struct json_writer w = {.out = out, .indent = indent};
    const struct metadata metadata = {resource->name, resource->namespace_, resource->labels, resource->annotations};
    json_begin_object(&w);
    json_string_member(&w, "apiVersion", MANIFEST_API_VERSION);
    json_string_member(&w, "kind", resource_kind_name(resource->kind));
    json_key(&w, "metadata");
    field_encode(&metadata_table, &metadata, true, &w);
    json_key(&w, "spec");
    field_encode(spec_tables[resource->kind], resource->spec, true, &w);
    json_end_object(&w);
}

void manifest_encode_yaml(const struct resource *resource, struct buffer *out)
{
    struct buffer json = {0};
    manifest_encode_json(resource, 0, &json);
    bool ok = yaml_from_json(buffer_text(&json), json.length, out);
    assert(ok);
    (void)ok;
    buffer_release(&json);
}
