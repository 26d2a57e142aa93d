#include "reconcilers/dns/xml.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum { DEPTH_MOST = 16, ELEMENTS_MOST = 100000 };

struct reader {
    const char *start, *at, *end;
    struct arena *arena;
    size_t elements;
    const char *wrong; /* what was not as it must be; NULL: nothing yet */
};

static bool fail(struct reader *reader, const char *what)
{
    if (reader->wrong == NULL)
        reader->wrong = what;
    return false;
}

static bool starts(const struct reader *reader, const char *with)
{
    size_t length = strlen(with);
    return (size_t)(reader->end - reader->at) >= length && memcmp(reader->at, with, length) == 0;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL)
        reader->at++;
}

/* Past `until`, which must come. */
static bool skip_past(struct reader *reader, const char *until, const char *what)
{
    const char *found = memmem(reader->at, (size_t)(reader->end - reader->at), until, strlen(until));
    if (found == NULL)
        return fail(reader, what);
    reader->at = found + strlen(until);
    return true;
}

static bool is_name_start(char c) { return isalpha((unsigned char)c) || c == '_'; }
static bool is_name_part(char c)
{
    return is_name_start(c) || isdigit((unsigned char)c) || strchr("-.:", c) != NULL;
}

static const char *read_name(struct reader *reader)
{
    const char *from = reader->at;
    if (reader->at == reader->end || !is_name_start(*reader->at)) {
        fail(reader, "a name is due");
        return NULL;
    }
    while (reader->at < reader->end && *reader->at != '\0' && is_name_part(*reader->at))
        reader->at++;
    const char *name = arena_strndup(reader->arena, from, (size_t)(reader->at - from)),
               *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

/* One reference: "&amp;", "&#34;", "&#x22;". */
static bool read_reference(struct reader *reader, struct buffer *out)
{
    static const struct {
        const char *name;
        char sign;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < COUNT_OF(named); i++) {
        if (starts(reader, named[i].name)) {
            reader->at += strlen(named[i].name);
            buffer_putc(out, named[i].sign);
            return true;
        }
    }
    bool hex = starts(reader, "&#x");
    uint32_t number = 0;
    int digits = 0;
    if (!starts(reader, "&#"))
        return fail(reader, "an unknown reference");
    reader->at += hex ? 3 : 2;
    for (; reader->at < reader->end && digits < 7; reader->at++, digits++) {
        int c = tolower((unsigned char)*reader->at);
        int digit = c >= '0' && c <= '9' ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            break;
        number = number * (hex ? 16 : 10) + (uint32_t)digit;
    }
    bool plain = number >= 0x20 || number == 9 || number == 10 || number == 13;
    if (digits == 0 || reader->at == reader->end || *reader->at++ != ';' || !plain || number > 0x10FFFF ||
        (number >= 0xD800 && number < 0xE000))
        return fail(reader, "a reference to no character");
    char bytes[4];
    size_t length = 1;
    bytes[0] = (char)number;
    if (number >= 0x80) {
        int more = number < 0x800 ? 1 : number < 0x10000 ? 2 : 3;
        static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
        bytes[0] = (char)(lead[more] | number >> (6 * more));
        while (more-- > 0)
            bytes[length++] = (char)(0x80 | (number >> (6 * more) & 0x3F));
    }
    if (!text_is_plain_utf8(bytes, length, NULL)) /* what may not stand in the text may not be referred to */
        return fail(reader, "a reference to no character");
    buffer_append(out, bytes, length);
    return true;
}

/* Attributes up to the end of a start tag. */
static bool skip_attributes(struct reader *reader, bool *out_empty)
{
    for (;;) {
        const char *before = reader->at;
        skip_space(reader);
        if (starts(reader, "/>") || starts(reader, ">")) {
            *out_empty = *reader->at == '/';
            reader->at += *out_empty ? 2 : 1;
            return true;
        }
        if (before == reader->at || read_name(reader) == NULL)
            return fail(reader, "an attribute is due");
        skip_space(reader);
        if (reader->at == reader->end || *reader->at++ != '=')
            return fail(reader, "an attribute without a value");
        skip_space(reader);
        if (reader->at == reader->end || (*reader->at != '"' && *reader->at != '\''))
            return fail(reader, "an attribute without quotes");
        char quote = *reader->at++;
        while (reader->at < reader->end && *reader->at != quote && *reader->at != '<')
            reader->at++;
        if (reader->at == reader->end || *reader->at++ != quote)
            return fail(reader, "an attribute without an end");
    }
}

/* Comments and processing instructions; *out_skipped when there was one. */
static bool skip_aside(struct reader *reader, bool *out_skipped)
{
    *out_skipped = true;
    if (starts(reader, "<!--"))
        return skip_past(reader, "-->", "a comment without an end");
    if (starts(reader, "<?"))
        return skip_past(reader, "?>", "an instruction without an end");
    *out_skipped = false;
    return !starts(reader, "<!") || fail(reader, "a document type or CDATA");
}

static struct xml_node *read_element(struct reader *reader, int depth);

static bool read_content(struct reader *reader, struct xml_node *node, int depth)
{
    AUTO(buffer) struct buffer text = {0};
    struct xml_node **end = &node->first;
    while (reader->at < reader->end) {
        bool aside = false;
        if (*reader->at == '&') {
            if (!read_reference(reader, &text))
                return false;
        } else if (*reader->at != '<') {
            buffer_putc(&text, *reader->at++);
        } else if (starts(reader, "</")) {
            reader->at += 2;
            const char *name = read_name(reader);
            if (name == NULL || strcmp(name, node->name) != 0)
                return fail(reader, "an end tag of another element");
            skip_space(reader);
            if (reader->at == reader->end || *reader->at++ != '>')
                return fail(reader, "an end tag without an end");
            node->text = arena_strdup(reader->arena, buffer_text(&text));
            return true;
        } else if (!skip_aside(reader, &aside)) {
            return false;
        } else if (!aside) {
            *end = read_element(reader, depth + 1);
            if (*end == NULL)
                return false;
            end = &(*end)->next;
        }
    }
    return fail(reader, "an element without an end");
}

static struct xml_node *read_element(struct reader *reader, int depth)
{
    bool empty = false;
    if (depth > DEPTH_MOST || ++reader->elements > ELEMENTS_MOST) {
        fail(reader, "too many elements, or too deep");
        return NULL;
    }
    if (reader->at == reader->end || *reader->at++ != '<') {
        fail(reader, "an element is due");
        return NULL;
    }
    struct xml_node *node = arena_alloc(reader->arena, sizeof *node);
    node->name = read_name(reader);
    node->text = "";
    if (node->name == NULL || !skip_attributes(reader, &empty) ||
        (!empty && !read_content(reader, node, depth)))
        return NULL;
    return node;
}

const struct xml_node *xml_parse(const char *text, size_t length, struct arena *arena, struct error *err)
{
    struct reader reader = {.start = text, .at = text, .end = text + length, .arena = arena};
    struct xml_node *root = NULL;
    bool aside = true;
    if (!text_is_plain_utf8(text, length, NULL)) {
        error_raise(err, ERROR_MALFORMED, "the XML has bytes that are no text");
        return NULL;
    }
    if (starts(&reader, "\xEF\xBB\xBF"))
        reader.at += 3;
    for (int part = 0; part < 2; part++) { /* before and after the root */
        do {
            skip_space(&reader);
        } while (reader.at < reader.end && skip_aside(&reader, &aside) && aside);
        if (part == 0 && reader.wrong == NULL)
            root = read_element(&reader, 1);
        if (reader.wrong != NULL)
            break;
    }
    if (reader.wrong == NULL && reader.at < reader.end)
        fail(&reader, "something after the root element");
    if (reader.wrong == NULL)
        return root;
    error_raise(err, ERROR_MALFORMED, "no valid XML at byte %zu: %s", (size_t)(reader.at - reader.start),
                reader.wrong);
    return NULL;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
    const struct xml_node *child = node != NULL ? node->first : NULL;
    while (child != NULL && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

const struct xml_node *xml_again(const struct xml_node *node)
{
    const struct xml_node *other = node != NULL ? node->next : NULL;
    while (other != NULL && strcmp(other->name, node->name) != 0)
        other = other->next;
    return other;
}

const char *xml_text(const struct xml_node *node) { return node != NULL ? node->text : ""; }

char *xml_escape(struct arena *arena, const char *text)
{
    AUTO(buffer) struct buffer out = {0};
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': buffer_puts(&out, "&amp;"); break;
        case '<': buffer_puts(&out, "&lt;"); break;
        case '>': buffer_puts(&out, "&gt;"); break;
        case '"': buffer_puts(&out, "&quot;"); break;
        default: buffer_putc(&out, *text);
        }
    }
    return arena_strdup(arena, buffer_text(&out));
}
