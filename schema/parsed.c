/* An answer:
 *
 *   resources (4)  broken (4)  problems (4)
 *   resource:  kind (1)  line (4)  column (4)  digest (32)  namespace  name  record  tree
 *   broken:    kind (1)  line (4)  column (4)  namespace  name
 *   problem:   severity (1)  in_schema (1)  line (4)  column (4)  code  resource  path  message  hint
 *
 * A text is its length (4), its bytes, and a 0; length ~0 stands for none. */
#include "schema/parsed.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "schema/yaml.h"
#include "schema/yaml_pack.h"

#define NONE UINT32_MAX
#define SHOWN_MAX 2048 /* of a message */

size_t parsed_answer_max(const struct yaml_limits *limits)
{
    return (size_t)limits->file * (PARSED_ANSWER_MAX / YAML_MAX_FILE);
}

/* ---- saying ---- */

static void put_number(struct buffer *out, uint32_t number) { buffer_append(out, &number, sizeof number); }

static void put_bytes(struct buffer *out, const char *bytes, size_t length)
{
    put_number(out, (uint32_t)length);
    buffer_append(out, bytes, length);
    buffer_putc(out, '\0');
}

static void put_text(struct buffer *out, const char *text)
{
    if (text == NULL)
        put_number(out, NONE);
    else
        put_bytes(out, text, strlen(text));
}

static void put_head(struct buffer *out, const struct resource *resource)
{
    unsigned char kind = (unsigned char)resource->kind;
    buffer_append(out, &kind, 1);
    put_number(out, (uint32_t)resource->position.line);
    put_number(out, (uint32_t)resource->position.column);
}

/* Something of unknown length: written first, counted afterwards. */
static size_t begin_part(struct buffer *out)
{
    put_number(out, 0);
    return out->length;
}

static void end_part(struct buffer *out, size_t begin)
{
    uint32_t length = (uint32_t)(out->length - begin);
    memcpy(out->data + begin - sizeof length, &length, sizeof length);
    buffer_putc(out, '\0');
}

static void put_resource(struct buffer *out, const struct resource *resource, bool tree)
{
    put_head(out, resource);
    buffer_append(out, resource->digest, sizeof resource->digest);
    put_text(out, resource->namespace_);
    put_text(out, resource->name);
    size_t part = begin_part(out);
    manifest_encode_json(resource, 0, out);
    end_part(out, part);
    part = begin_part(out);
    if (tree)
        yaml_pack(resource->document, out);
    end_part(out, part);
}

static void put_problem(struct buffer *out, const struct problem *problem)
{
    const char head[2] = {(char)problem->severity, problem->in_schema ? 1 : 0};
    buffer_append(out, head, sizeof head);
    put_number(out, (uint32_t)problem->position.line);
    put_number(out, (uint32_t)problem->position.column);
    put_text(out, problem->code);
    put_text(out, problem->resource);
    put_text(out, problem->path);
    put_text(out, problem->message);
    put_text(out, problem->hint);
}

static void put_answer(struct buffer *out, const struct resource_list *good, const struct resource_list *broken,
                       const struct problem_list *problems, bool trees)
{
    put_number(out, (uint32_t)good->count);
    put_number(out, (uint32_t)broken->count);
    put_number(out, (uint32_t)problems->count);
    for (size_t i = 0; i < good->count; i++)
        put_resource(out, &good->items[i], trees);
    for (size_t i = 0; i < broken->count; i++) {
        put_head(out, &broken->items[i]);
        put_text(out, broken->items[i].namespace_);
        put_text(out, broken->items[i].name);
    }
    for (size_t i = 0; i < problems->count; i++)
        put_problem(out, &problems->items[i]);
}

void parsed_encode(const struct yaml_limits *limits, struct span text, bool trees, struct arena *arena, struct buffer *out)
{
    struct resource_list good = {0}, broken = {0};
    struct problem_list problems = {.arena = arena};
    size_t begin = out->length, limit = out->limit;
    out->limit = begin + parsed_answer_max(limits);
    manifest_decode_within(limits, "", text.data, text.length, arena, &good, &broken, &problems);
    put_answer(out, &good, &broken, &problems, trees);
    if (out->overflow) { /* small on disk, and large when its aliases are written out */
        struct resource_list none = {0};
        out->length = begin;
        out->overflow = false;
        problems = (struct problem_list){.arena = arena};
        problem_add(&problems, SEVERITY_ERROR, "file-too-large", (struct position){"", 1, 1}, NULL,
                    "written out, the file means more than %zu MiB", parsed_answer_max(limits) >> 20)
            ->hint = "split it into several files, and write out what the aliases stand for";
        put_answer(out, &none, &none, &problems, false);
    }
    out->limit = limit;
}

/* ---- listening ---- */

struct listening {
    const char *at, *end, *file;
    struct arena *arena, *shown; /* of texts for people */
    bool bad;
};

static const char *take(struct listening *l, size_t size)
{
    static const char nothing[32];
    if (l->bad || (size_t)(l->end - l->at) < size) {
        l->bad = true;
        return nothing; /* size is at most 32 where it is read */
    }
    const char *at = l->at;
    l->at += size;
    return at;
}

static uint32_t take_number(struct listening *l)
{
    uint32_t number;
    memcpy(&number, take(l, sizeof number), sizeof number);
    return l->bad ? 0 : number;
}

static unsigned char take_byte(struct listening *l, unsigned char most)
{
    unsigned char byte = (unsigned char)*take(l, 1);
    l->bad = l->bad || byte > most;
    return l->bad ? 0 : byte;
}

static struct span take_bytes(struct listening *l)
{
    uint32_t length = take_number(l);
    const char *bytes = take(l, (size_t)length + 1);
    if (l->bad || bytes[length] != '\0') {
        l->bad = true;
        return span_of("", 0);
    }
    return span_of(bytes, length);
}

static struct position take_position(struct listening *l)
{
    uint32_t line = take_number(l), column = take_number(l);
    if (line > YAML_TOP_FILE + 1 || column > YAML_TOP_FILE + 1)
        l->bad = true;
    return l->bad ? (struct position){l->file, 0, 0} : (struct position){l->file, (int)line, (int)column};
}

/* [a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?, as field_name_pattern says */
static bool is_name(struct span text)
{
    bool ok = text.length > 0 && text.length <= 63 && text.data[0] != '-' && text.data[text.length - 1] != '-';
    for (size_t i = 0; ok && i < text.length; i++)
        ok = (text.data[i] >= 'a' && text.data[i] <= 'z') || (text.data[i] >= '0' && text.data[i] <= '9') ||
             text.data[i] == '-';
    return ok;
}

static const char *take_name(struct listening *l)
{
    struct span name = take_bytes(l);
    l->bad = l->bad || !is_name(name);
    return name.data;
}

/* For people; NULL when there is none. */
static const char *take_shown(struct listening *l)
{
    uint32_t length;
    memcpy(&length, take(l, sizeof length), sizeof length);
    if (l->bad || length == NONE)
        return NULL;
    const char *text = take(l, (size_t)length + 1);
    return l->bad ? NULL : text_clean(l->shown, text, length, SHOWN_MAX);
}

static void take_resource(struct listening *l, struct parsed_resource *out)
{
    out->kind = (enum resource_kind)take_byte(l, KIND_COUNT - 1);
    out->position = take_position(l);
    out->digest = (const unsigned char *)take(l, 32);
    out->namespace_ = take_name(l);
    out->name = take_name(l);
    out->json = take_bytes(l);
    out->tree = take_bytes(l);
}

/* Names that no resource can have need not be kept: none ever had a good form. */
static void take_broken(struct listening *l, struct resource_list *out)
{
    struct resource resource = {.kind = (enum resource_kind)take_byte(l, KIND_COUNT - 1)};
    resource.position = take_position(l);
    struct span namespace_ = take_bytes(l), name = take_bytes(l);
    resource.namespace_ = namespace_.data;
    resource.name = name.data;
    if (!l->bad && is_name(namespace_) && is_name(name))
        *arena_push(l->arena, &out->items, out->count) = resource;
}

static bool is_code(const char *code)
{
    return code != NULL && code[0] != '\0' && strlen(code) <= 60 &&
           code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static void take_problem(struct listening *l, struct problem_list *problems)
{
    enum severity severity = (enum severity)take_byte(l, SEVERITY_WARNING);
    bool in_schema = take_byte(l, 1) != 0;
    struct position position = take_position(l);
    const char *code = take_shown(l), *resource = take_shown(l), *path = take_shown(l), *message = take_shown(l);
    const char *hint = take_shown(l);
    l->bad = l->bad || !is_code(code) || message == NULL;
    if (l->bad)
        return;
    struct problem *problem = problem_add(problems, severity, code, position, path, "%s", message);
    problem->resource = resource;
    problem->hint = hint;
    problem->in_schema = in_schema;
}

bool parsed_decode(struct span bytes, const char *file, struct arena *arena, struct parsed_file *out,
                   struct problem_list *problems, struct error *err)
{
    struct listening l = {.at = bytes.data, .end = bytes.data + bytes.length, .file = file, .arena = arena, .shown = problems->arena};
    struct problem_list told = {.arena = problems->arena};
    struct parsed_file parsed = {0};
    uint32_t count = take_number(&l), broken = take_number(&l), problem_count = take_number(&l);
    if (count > YAML_TOP_DOCUMENTS || broken > YAML_TOP_DOCUMENTS + 1)
        l.bad = true;
    parsed.resources = arena_array(arena, l.bad ? 0 : count, sizeof *parsed.resources);
    for (parsed.count = 0; !l.bad && parsed.count < count; parsed.count++)
        take_resource(&l, &parsed.resources[parsed.count]);
    for (uint32_t i = 0; !l.bad && i < broken; i++)
        take_broken(&l, &parsed.broken);
    for (uint32_t i = 0; !l.bad && i < problem_count; i++)
        take_problem(&l, &told);
    if (l.bad || l.at != l.end)
        return error_raise(err, ERROR_MALFORMED, "the reader of manifests said something that is no answer");
    for (size_t i = 0; i < told.count; i++)
        *arena_push(problems->arena, &problems->items, problems->count) = told.items[i];
    problems->errors += told.errors;
    *out = parsed;
    return true;
}

bool parsed_resource_decode(const struct parsed_resource *parsed, struct arena *arena, struct resource *out)
{
    struct resource resource;
    struct problem_list problems = {.arena = arena};
    const struct yaml_node *root =
        parsed->tree.length > 0 ? yaml_unpack(parsed->tree, parsed->position.file, arena) : NULL;
    bool ok = root != NULL ? manifest_decode_tree(root, arena, &resource, &problems)
                           : parsed->tree.length == 0 &&
                                 manifest_decode_json(parsed->json, parsed->position, arena, &resource);
    if (!ok || resource.kind != parsed->kind || strcmp(resource.name, parsed->name) != 0 ||
        strcmp(resource.namespace_, parsed->namespace_) != 0 || memcmp(resource.digest, parsed->digest, 32) != 0)
        return false;
    *out = resource;
    return true;
}
