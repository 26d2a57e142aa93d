/* A small strict reader of XML, for answers of one API: elements and their text. Attributes and name spaces
 * are read over, as are comments and processing instructions; document types and CDATA are refused, so that
 * nothing can be defined or fetched. */
#pragma once

#include <stddef.h>

struct arena;
struct error;

struct xml_node {
    const char *name; /* without its prefix */
    const char *text; /* between the tags, references resolved; of an element with children: what stands
                         between them */
    struct xml_node *first, *next;
};

/* The root element. Nested at most 16 deep, at most 100,000 elements, plain UTF-8. Fails: MALFORMED, naming
 * the byte. */
const struct xml_node *xml_parse(const char *text, size_t length, struct arena *arena, struct error *err);
/* These take NULL for "no such element" and pass it on. */
const struct xml_node *xml_child(const struct xml_node *node, const char *name);
const struct xml_node *xml_again(const struct xml_node *node); /* the next sibling of the same name */
const char *xml_text(const struct xml_node *node);             /* "" for NULL */
/* `& < > "` as references. */
char *xml_escape(struct arena *arena, const char *text);
