/* Events become nodes in the order they come; each node is hung into its parent when it begins, so that what stood
 * before an error is there. What an error stops is its document: reading goes on at the next "---".
 *
 * An alias costs one node: it is a copy of the anchored node that shares its children. What it stands for is counted
 * (`weight`) against a budget, so that a small file cannot mean a large tree. */
#include "schema/yaml.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/arena.h"
#include "base/fatal.h"
#include "base/text.h"
#include "schema/problem.h"

const struct yaml_limits yaml_limits_default = {.file = YAML_MAX_FILE, .documents = YAML_MAX_DOCUMENTS, .nodes = YAML_MAX_NODES,
    .depth = YAML_MAX_DEPTH, .scalar = YAML_MAX_SCALAR, .key = YAML_MAX_KEY, .expansion = YAML_MAX_EXPANSION,
    .factor = YAML_MAX_FACTOR};

static uint32_t number_at(const struct yaml_limits *limits, size_t offset)
{
    uint32_t number;
    memcpy(&number, (const char *)limits + offset, sizeof number);
    return number;
}

bool yaml_limits_valid(const struct yaml_limits *limits)
{
    static const struct yaml_limits top = {.file = YAML_TOP_FILE, .documents = YAML_TOP_DOCUMENTS, .nodes = YAML_TOP_NODES,
        .depth = YAML_TOP_DEPTH, .scalar = YAML_TOP_SCALAR, .key = YAML_TOP_KEY, .expansion = YAML_TOP_EXPANSION,
        .factor = YAML_TOP_FACTOR};
    bool ok = true;
    static_assert(sizeof top % sizeof(uint32_t) == 0, "numbers only");
    for (size_t at = 0; at < sizeof top; at += sizeof(uint32_t)) {
        uint32_t is = number_at(limits, at);
        ok = ok && is >= number_at(&yaml_limits_default, at) && is <= number_at(&top, at);
    }
    return ok;
}

struct anchor {
    const char *name;
    struct yaml_node *node; /* height 0 while it is open */
};
struct frame {
    struct yaml_node *node;
    struct yaml_node **tail; /* where the next child is hung */
    const char *key;         /* of a mapping: read, its value not yet */
    uint32_t key_length, key_hash;
    int key_line, key_column;
    bool key_plain;
};
struct reader {
    const struct yaml_limits *limits;
    const char *file, *text;
    size_t length;
    struct arena *arena;
    struct problem_list *problems;
    yaml_parser_t parser;
    size_t piece;     /* offset at which the parser began */
    int piece_line;   /* lines before it */
    size_t line_known, line_offset; /* offset_of_line */
    size_t began;     /* offset at which the present document began */
    size_t nodes, expansion; /* of the file */
    size_t document_nodes, document_expansion;
    struct anchor *anchors; /* of the document */
    size_t anchor_count;
    struct frame frames[YAML_TOP_DEPTH];
    int depth;
    struct yaml_node *root;
    bool broken;   /* the document has an error */
    bool hopeless; /* the file is given up */
};

/* ---- problems ---- */

static struct position place(const struct reader *r, yaml_mark_t mark)
{
    return (struct position){r->file, r->piece_line + (int)mark.line + 1, (int)mark.column + 1};
}

/* A problem with the document; always false, so that what ends the document is one line. */
static bool __attribute__((format(printf, 5, 6)))
fail(struct reader *r, const char *code, struct position position, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(r->problems->arena, format, args);
    va_end(args);
    problem_add(r->problems, SEVERITY_ERROR, code, position, NULL, "%s", message)->hint = hint;
    r->broken = true;
    return false;
}

/* libyaml breaks lines at CR, LF, CR LF, LS and PS (and NEL, which is refused before). */
static size_t line_break(const char *text, size_t length, size_t at)
{
    if (text[at] == '\r')
        return at + 1 < length && text[at + 1] == '\n' ? 2 : 1;
    if (text[at] == '\n')
        return 1;
    return at + 2 < length && memcmp(text + at, "\xE2\x80", 2) == 0 &&
                   ((unsigned char)text[at + 2] == 0xA8 || (unsigned char)text[at + 2] == 0xA9)
               ? 3
               : 0;
}

/* Of the piece at hand. Lines are asked for in order, and each is looked for from the one before: from the start, a file of
 * 60,000 documents that say nothing took seconds. */
static size_t offset_of_line(struct reader *r, size_t line)
{
    if (line < r->line_known) {
        r->line_known = 0;
        r->line_offset = r->piece;
    }
    while (r->line_known < line && r->line_offset < r->length) {
        size_t skip = line_break(r->text, r->length, r->line_offset);
        r->line_known += skip > 0 ? 1 : 0;
        r->line_offset += skip > 0 ? skip : 1;
    }
    return r->line_offset;
}

static struct position place_of_offset(const struct reader *r, size_t offset)
{
    struct position position = {r->file, 1, 1};
    for (size_t at = 0; at < offset;) {
        size_t skip = line_break(r->text, r->length, at);
        if (skip > 0) {
            position.line++;
            position.column = 1;
        } else if (((unsigned char)r->text[at] & 0xC0) != 0x80) {
            position.column++;
        }
        at += skip > 0 ? skip : 1;
    }
    return position;
}

/* What libyaml says, in words for people who write manifests. */
static const struct {
    const char *theirs, *ours, *hint;
} syntax[] = {
    {"mapping values are not allowed in this context", "a key and value cannot stand here",
     "check the indentation of this line and the one before; quote a value that holds \": \""},
    {"found character that cannot start any token", "this character cannot begin a value",
     "quote values that begin with @, `, % or another sign"},
    {"did not find expected alphabetic or numeric character", "a name was expected after this * or &",
     "quote values that begin with * or &, such as \"*.example.com\""},
    {"did not find expected key", "a key was expected here", "check the indentation, and that lists and quotes are closed"},
    {"could not find expected ':'", "a ':' was expected after a key", "check the indentation, and that a space follows each ':'"},
    {"did not find expected '-' indicator", "a list item was expected here", "check the indentation of the list"},
    {"did not find expected ',' or ']'", "this list is not closed", "add the missing ',' or ']'"},
    {"did not find expected ',' or '}'", "this mapping is not closed", "add the missing ',' or '}'"},
    {"found unexpected end of stream", "the file ends inside quotes", "close the quote"},
    {"found unexpected document indicator", "the document ends inside quotes", "close the quote before the line with ---"},
    {"did not find expected node content", "a value was expected here", NULL},
    {"did not find expected <document start>", "only one value can stand in a document",
     "begin the next document with a line of ---, or check the indentation"},
    {"block sequence entries are not allowed in this context", "a list item cannot stand here",
     "begin the list on a line of its own"},
    {"found undefined tag handle", "custom tags are not accepted", "remove the tag"},
    {"found unknown escape character", "this escape is not known in double quotes",
     "use single quotes, or write the backslash twice"},
    {"found a tab character that violates indentation", "a tab cannot indent", "indent with spaces"},
};

static bool syntax_error(struct reader *r)
{
    const yaml_parser_t *parser = &r->parser;
    const char *theirs = parser->problem != NULL ? parser->problem : "the text cannot be read";
    struct position at = place(r, parser->problem_mark);
    size_t offset = offset_of_line(r, parser->problem_mark.line);
    for (size_t column = 0; column < parser->problem_mark.column && offset < r->length; offset++)
        column += offset + 1 < r->length && ((unsigned char)r->text[offset + 1] & 0xC0) != 0x80;
    if (offset < r->length && r->text[offset] == '\t')
        return fail(r, "yaml-syntax", at, "indent with spaces", "a tab cannot indent");
    for (size_t i = 0; i < COUNT_OF(syntax); i++)
        if (strcmp(theirs, syntax[i].theirs) == 0)
            return fail(r, "yaml-syntax", at, syntax[i].hint, "%s", syntax[i].ours);
    if (parser->context != NULL)
        return fail(r, "yaml-syntax", at, NULL, "not YAML: %s: %s", parser->context, theirs);
    return fail(r, "yaml-syntax", at, NULL, "not YAML: %s", theirs);
}

/* ---- nodes ---- */

static struct yaml_node *hang(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *node = arena_alloc(r->arena, sizeof *node);
    node->kind = kind;
    node->file = r->file;
    node->line = r->piece_line + (int)mark.line + 1;
    node->column = (int)mark.column + 1;
    if (r->depth == 0) {
        r->root = node;
        return node;
    }
    struct frame *frame = &r->frames[r->depth - 1];
    *frame->tail = node;
    frame->tail = &node->next;
    frame->node->count++;
    if (frame->node->kind == YAML_MAPPING) {
        node->key = frame->key;
        node->key_length = frame->key_length;
        node->key_hash = frame->key_hash;
        node->key_line = frame->key_line;
        node->key_column = frame->key_column;
        node->key_plain = frame->key_plain;
        frame->key = NULL;
    }
    return node;
}

static bool wants_key(const struct reader *r)
{
    return r->depth > 0 && r->frames[r->depth - 1].node->kind == YAML_MAPPING && r->frames[r->depth - 1].key == NULL;
}

static bool count_node(struct reader *r, yaml_mark_t mark)
{
    r->document_nodes++;
    if (++r->nodes <= r->limits->nodes)
        return true;
    r->hopeless = true;
    return fail(r, "too-many-nodes", place(r, mark), "split it into several files", "the file holds more than %u values",
                r->limits->nodes);
}

static uint32_t hash_key(const char *key, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return hash;
}

static bool read_key(struct reader *r, const yaml_event_t *event, size_t length, bool plain)
{
    struct frame *frame = &r->frames[r->depth - 1];
    const char *text = (const char *)event->data.scalar.value;
    if (length > r->limits->key)
        return fail(r, "long-key", place(r, event->start_mark), NULL, "a key is longer than %u bytes", r->limits->key);
    frame->key = arena_strndup(r->arena, text, length);
    frame->key_length = (uint32_t)length;
    frame->key_hash = hash_key(text, length);
    frame->key_line = r->piece_line + (int)event->start_mark.line + 1;
    frame->key_column = (int)event->start_mark.column + 1;
    frame->key_plain = plain;
    if (length == 0)
        fail(r, "empty-key", place(r, event->start_mark), NULL, "a key is missing before this ':'");
    return true;
}

/* "!!str" and the other tags of the core schema say what we see anyhow; all others are refused. */
static void check_tag(struct reader *r, const char *tag, enum yaml_kind kind, yaml_mark_t mark, bool *plain)
{
    static const char core[] = "tag:yaml.org,2002:";
    if (tag == NULL)
        return;
    const char *word = text_has_prefix(tag, core) ? tag + strlen(core) : tag;
    bool string = strcmp(word, "str") == 0 || strcmp(word, "!") == 0;
    bool other = strcmp(word, "int") == 0 || strcmp(word, "bool") == 0 || strcmp(word, "float") == 0 ||
                 strcmp(word, "null") == 0;
    if (kind == YAML_SCALAR ? string || other
                            : strcmp(word, kind == YAML_MAPPING ? "map" : "seq") == 0 || strcmp(word, "!") == 0) {
        if (plain != NULL)
            *plain = other;
        return;
    }
    fail(r, "custom-tag", place(r, mark), "remove the tag", "the tag %s is not accepted",
         text_clean(r->problems->arena, tag, strlen(tag), 80));
}

static void remember_anchor(struct reader *r, const yaml_char_t *name, struct yaml_node *node)
{
    if (name != NULL)
        *arena_push(r->arena, &r->anchors, r->anchor_count) =
            (struct anchor){arena_strdup(r->arena, (const char *)name), node};
}

static bool read_scalar(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length, bad;
    struct position at = place(r, event->start_mark);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    check_tag(r, (const char *)event->data.scalar.tag, YAML_SCALAR, event->start_mark, &plain);
    /* Everything else was checked with the file; only double quotes can bring in new characters, by escapes. */
    if (event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE && !text_is_plain_utf8(text, length, &bad))
        fail(r, "bad-character", at, NULL, "a %s holds a control character that is not allowed", wants_key(r) ? "key" : "value");
    length = strnlen(text, length); /* what follows a NUL, an error by now, is left away */
    if (wants_key(r))
        return count_node(r, event->start_mark) && read_key(r, event, length, plain);
    if (length > r->limits->scalar) {
        fail(r, "long-value", at, NULL, "a value is longer than %u KiB", r->limits->scalar / 1024);
        length = 0;
    }
    if (!count_node(r, event->start_mark))
        return false;
    struct yaml_node *node = hang(r, YAML_SCALAR, event->start_mark);
    node->plain = plain;
    node->text = arena_strndup(r->arena, text, length);
    node->length = (uint32_t)length;
    node->weight = node->height = 1;
    remember_anchor(r, event->data.scalar.anchor, node);
    return true;
}

static bool complex_key(struct reader *r, yaml_mark_t mark)
{
    return fail(r, "complex-key", place(r, mark), NULL, "a key must be plain text");
}

static bool read_begin(struct reader *r, enum yaml_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag,
                       yaml_mark_t mark)
{
    if (wants_key(r))
        return complex_key(r, mark);
    if ((uint32_t)r->depth == r->limits->depth)
        return fail(r, "too-deep", place(r, mark), NULL, "values are nested deeper than %u", r->limits->depth);
    check_tag(r, (const char *)tag, kind, mark, NULL);
    if (!count_node(r, mark))
        return false;
    struct yaml_node *node = hang(r, kind, mark);
    remember_anchor(r, anchor, node);
    r->frames[r->depth++] = (struct frame){.node = node, .tail = &node->first};
    return true;
}

static bool read_alias(struct reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct position at = place(r, event->start_mark);
    if (wants_key(r))
        return complex_key(r, event->start_mark);
    const struct yaml_node *target = NULL;
    for (size_t i = r->anchor_count; i > 0 && target == NULL; i--)
        if (strcmp(r->anchors[i - 1].name, name) == 0)
            target = r->anchors[i - 1].node;
    char *shown = text_clean(r->problems->arena, name, strlen(name), 60);
    if (target == NULL)
        return fail(r, "unknown-alias", at, "anchors hold within one document, and must come first",
                    "no anchor \"%s\" before this alias", shown);
    if (target->height == 0)
        return fail(r, "recursive-alias", at, NULL, "the alias \"%s\" stands inside what it names", shown);
    r->document_expansion += target->weight;
    r->expansion += target->weight;
    if (r->expansion > r->limits->expansion)
        return fail(r, "alias-budget", at, "write the values out", "aliases stand for more than %u values",
                    r->limits->expansion);
    if ((uint32_t)r->depth + target->height > r->limits->depth)
        return fail(r, "too-deep", at, NULL, "values are nested deeper than %u", r->limits->depth);
    if (!count_node(r, event->start_mark))
        return false;
    struct yaml_node *node = hang(r, target->kind, event->start_mark);
    node->plain = target->plain;
    node->height = target->height;
    node->text = target->text;
    node->length = target->length;
    node->count = target->count;
    node->weight = target->weight;
    node->first = target->first;
    return true;
}

/* ---- mappings: repeated keys, merge keys ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct yaml_node *one = *(struct yaml_node *const *)a, *two = *(struct yaml_node *const *)b;
    int order = strcmp(one->key, two->key);
    if (order == 0)
        order = one->key_line != two->key_line ? one->key_line - two->key_line : one->key_column - two->key_column;
    return order;
}

static void report_twice(struct reader *r, const struct yaml_node *first, const struct yaml_node *again)
{
    fail(r, "duplicate-key", yaml_key_position(again), NULL, "\"%s\" is given twice; the first is in line %d",
         again->key, first->key_line);
}

static void check_repeated(struct reader *r, const struct yaml_node *mapping)
{
    if (mapping->count <= 24) {
        for (const struct yaml_node *child = mapping->first; child != NULL; child = child->next)
            for (const struct yaml_node *other = mapping->first; other != child; other = other->next)
                if (other->key_hash == child->key_hash && strcmp(other->key, child->key) == 0) {
                    report_twice(r, other, child);
                    break;
                }
        return;
    }
    struct yaml_node **sorted = calloc(mapping->count, sizeof *sorted);
    if (sorted == NULL)
        fatal_memory();
    size_t count = 0;
    for (struct yaml_node *child = mapping->first; child != NULL; child = child->next)
        sorted[count++] = child;
    qsort(sorted, count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            report_twice(r, sorted[i - 1], sorted[i]);
    free(sorted);
}

static bool merge_one(struct reader *r, struct yaml_node *mapping, const struct yaml_node *source,
                      struct yaml_node ***tail)
{
    if (source->kind != YAML_MAPPING)
        return fail(r, "bad-merge", yaml_position(source), NULL, "only a mapping, or a list of mappings, can be merged");
    for (const struct yaml_node *child = source->first; child != NULL; child = child->next) {
        r->expansion++; /* each comparison below is paid for, too */
        if (r->expansion > r->limits->expansion)
            return fail(r, "alias-budget", yaml_position(source), "write the values out",
                        "aliases stand for more than %u values", r->limits->expansion);
        if (yaml_member(mapping, child->key) != NULL)
            continue; /* what is written out, or came first, wins */
        struct yaml_node *copy = arena_memdup(r->arena, child, sizeof *child);
        copy->next = NULL;
        **tail = copy;
        *tail = &copy->next;
        mapping->count++;
    }
    return true;
}

static bool merge(struct reader *r, struct yaml_node *mapping)
{
    struct yaml_node **link = &mapping->first;
    while (*link != NULL && !((*link)->key_plain && strcmp((*link)->key, "<<") == 0))
        link = &(*link)->next;
    struct yaml_node *merged = *link;
    if (merged == NULL)
        return true;
    *link = merged->next;
    mapping->count--;
    struct yaml_node **tail = link;
    while (*tail != NULL)
        tail = &(*tail)->next;
    if (merged->kind != YAML_SEQUENCE)
        return merge_one(r, mapping, merged, &tail);
    for (const struct yaml_node *source = merged->first; source != NULL; source = source->next)
        if (!merge_one(r, mapping, source, &tail))
            return false;
    return true;
}

static bool read_end(struct reader *r)
{
    struct yaml_node *node = r->frames[--r->depth].node;
    if (node->kind == YAML_MAPPING) {
        check_repeated(r, node);
        if (!merge(r, node))
            return false;
    }
    node->weight = 1;
    uint8_t height = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        node->weight += child->weight;
        if (child->height > height)
            height = child->height;
    }
    node->height = (uint8_t)(height + 1);
    return true;
}

/* ---- documents ---- */

static bool read_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event);
    case YAML_ALIAS_EVENT:
        return read_alias(r, event);
    case YAML_MAPPING_START_EVENT:
        return read_begin(r, YAML_MAPPING, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                          event->start_mark);
    case YAML_SEQUENCE_START_EVENT:
        return read_begin(r, YAML_SEQUENCE, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                          event->start_mark);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return read_end(r);
    default:
        return true; /* the stream's own */
    }
}

static void begin_document(struct reader *r, size_t offset)
{
    r->began = offset;
    r->anchors = NULL;
    r->anchor_count = r->document_nodes = r->document_expansion = 0;
    r->depth = 0;
    r->root = NULL;
    r->broken = false;
}

static void end_document(struct reader *r, bool partial, struct yaml_document_list *out)
{
    if (!r->broken && r->document_expansion > r->limits->factor * r->document_nodes)
        fail(r, "alias-budget", yaml_position(r->root), "write the values out",
             "aliases make the document more than %u times as large as it is written", r->limits->factor);
    bool empty = r->root == NULL || yaml_scalar_type(r->root) == YAML_NULL;
    if ((r->broken || !empty) && out->count <= r->limits->documents) /* the first too many stands for the rest */
        *arena_push(r->arena, &out->items, out->count) = (struct yaml_document){r->root, r->broken, partial};
    begin_document(r, r->began);
}

static bool too_many_documents(struct reader *r, struct position at)
{
    r->hopeless = true;
    return fail(r, "too-many-documents", at, "split it into several files", "the file holds more than %u documents",
                r->limits->documents);
}

/* Read from the parser until the stream ends (true) or a document is given up (false). */
static bool read_piece(struct reader *r, struct yaml_document_list *out)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event))
            return syntax_error(r);
        yaml_event_type_t type = event.type;
        bool ok = true;
        if (type == YAML_DOCUMENT_START_EVENT) {
            begin_document(r, r->piece_line == 0 && event.data.document_start.implicit
                                  ? r->piece
                                  : offset_of_line(r, event.start_mark.line));
            if (out->count >= r->limits->documents)
                ok = too_many_documents(r, place(r, event.start_mark));
        } else if (type == YAML_DOCUMENT_END_EVENT) {
            end_document(r, false, out);
        } else {
            ok = read_event(r, &event);
        }
        yaml_event_delete(&event);
        if (!ok || type == YAML_STREAM_END_EVENT)
            return ok;
    }
}

/* The next line that begins a document, after the one that was given up; `length` when there is none. Neither quotes
 * nor brackets nor block scalars may hold such a line (YAML 1.2, rule 206), so it is never part of a value. */
static size_t next_document(const struct reader *r)
{
    for (size_t at = (r->began > r->piece ? r->began : r->piece) + 1; at + 3 <= r->length; at++)
        if ((r->text[at - 1] == '\n' || r->text[at - 1] == '\r') && memcmp(r->text + at, "---", 3) == 0 &&
            (at + 3 == r->length || strchr(" \t\r\n", r->text[at + 3]) != NULL))
            return at;
    return r->length;
}

static void read_file(struct reader *r, struct yaml_document_list *out)
{
    for (bool done = false; !done;) {
        if (!yaml_parser_initialize(&r->parser))
            fatal_memory(); /* memory */
        yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text + r->piece, r->length - r->piece);
        r->line_known = 0;
        r->line_offset = r->piece;
        begin_document(r, r->piece);
        done = read_piece(r, out);
        yaml_parser_delete(&r->parser);
        if (done)
            return;
        end_document(r, true, out);
        size_t next = r->hopeless ? r->length : next_document(r);
        /* A document may be given up before the parser says that it begins. */
        if (next < r->length && out->count >= r->limits->documents) {
            begin_document(r, next);
            too_many_documents(r, place_of_offset(r, next));
            end_document(r, true, out);
            return;
        }
        r->piece_line = place_of_offset(r, next).line - 1;
        r->piece = next;
        done = next == r->length;
    }
}

bool yaml_parse_within(const struct yaml_limits *limits, const char *file, const char *text, size_t length,
                       struct arena *arena, struct yaml_document_list *out, struct problem_list *problems)
{
    size_t bad = 0, errors = problems->errors;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* the byte order mark of some editors */
        text += 3;
        length -= 3;
    }
    struct reader r = {.limits = limits, .file = file, .text = text, .length = length, .arena = arena, .problems = problems};
    if (length > limits->file)
        return fail(&r, "file-too-large", ((struct position){file, 0, 0}), "split it into several files",
                    "the file is larger than %u KiB", limits->file / 1024);
    if (!text_is_plain_utf8(text, length, &bad))
        return fail(&r, "bad-character", place_of_offset(&r, bad), "save the file as UTF-8 and remove the character",
                    "the file holds a byte or character that is not allowed (0x%02x)", (unsigned char)text[bad]);
    read_file(&r, out);
    return problems->errors == errors;
}

bool yaml_parse(const char *file, const char *text, size_t length, struct arena *arena, struct yaml_document_list *out,
                struct problem_list *problems)
{
    return yaml_parse_within(&yaml_limits_default, file, text, length, arena, out, problems);
}

/* ---- reading nodes ---- */

const struct yaml_node *yaml_member(const struct yaml_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != YAML_MAPPING)
        return NULL;
    for (const struct yaml_node *child = mapping->first; child != NULL; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}
