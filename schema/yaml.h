/* YAML to a tree that remembers line and column: libyaml's events, judged by the rules of YAML 1.2 core and held to
 * the limits of reliability.md 8.1 while they arrive. What a scalar means is decided by the field it is for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct problem_list;

/* The limits of a file, and how far the operator may raise them (limits.manifests). */
#define YAML_MAX_FILE (256 * 1024)
#define YAML_MAX_DOCUMENTS 100
#define YAML_MAX_NODES 20000
#define YAML_MAX_DEPTH 32
#define YAML_MAX_SCALAR (16 * 1024)
#define YAML_MAX_KEY 128
#define YAML_MAX_EXPANSION 20000 /* nodes that aliases stand for, per file */
#define YAML_MAX_FACTOR 10       /* and at most so many times the nodes that are written out */
#define YAML_TOP_FILE (4 * 1024 * 1024)
#define YAML_TOP_DOCUMENTS 1000
#define YAML_TOP_NODES 500000
#define YAML_TOP_DEPTH 64
#define YAML_TOP_SCALAR (256 * 1024)
#define YAML_TOP_KEY 250
#define YAML_TOP_EXPANSION 500000
#define YAML_TOP_FACTOR 100
struct yaml_limits {
    uint32_t file, documents, nodes, depth, scalar, key, expansion, factor;
};
extern const struct yaml_limits yaml_limits_default;
bool yaml_limits_valid(const struct yaml_limits *limits); /* none lower than by default, none beyond the top */

enum yaml_kind { YAML_SCALAR, YAML_MAPPING, YAML_SEQUENCE };

/* A node is never changed once its document is read; an alias is a shallow copy that shares its children. */
struct yaml_node {
    enum yaml_kind kind;
    bool plain;           /* scalar without quotes: its form may make it null, bool, int or float */
    uint8_t height;       /* 1 for a scalar */
    int line, column;     /* from 1; column in characters */
    const char *file;
    const char *text;     /* scalar; NUL-terminated, and no NUL inside */
    uint32_t length;      /* of text */
    uint32_t count;       /* children */
    uint32_t weight;      /* nodes in this subtree, aliases expanded */
    struct yaml_node *first, *next; /* children, in order; the next child of the same parent */
    /* Children of mappings only. */
    const char *key;
    uint32_t key_length, key_hash;
    bool key_plain;       /* without quotes: "<<" then merges */
    int key_line, key_column;
};

struct yaml_document {
    const struct yaml_node *root; /* NULL: nothing could be read */
    bool broken;  /* an error was reported */
    bool partial; /* it was given up there: root holds what was read before */
};
struct yaml_document_list {
    struct yaml_document *items;
    size_t count;
};

/* Read all documents of a file (YAML or JSON). Documents that say nothing are left out; one with an error is
 * `broken`, and reading goes on at the next line that begins with "---". False when there was an error. `file` must
 * outlive the nodes. */
bool yaml_parse(const char *file, const char *text, size_t length, struct arena *arena, struct yaml_document_list *out,
                struct problem_list *problems);
/* The same with limits of one's own. */
bool yaml_parse_within(const struct yaml_limits *limits, const char *file, const char *text, size_t length,
                       struct arena *arena, struct yaml_document_list *out, struct problem_list *problems);

const struct yaml_node *yaml_member(const struct yaml_node *mapping, const char *key); /* NULL: none */
static inline struct position yaml_position(const struct yaml_node *node)
{
    return (struct position){node->file, node->line, node->column};
}
static inline struct position yaml_key_position(const struct yaml_node *child)
{
    return (struct position){child->file, child->key_line, child->key_column};
}

/* What a scalar is under the YAML 1.2 core schema. Quoted scalars are strings. */
enum yaml_scalar { YAML_STRING, YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT };
enum yaml_scalar yaml_scalar_type(const struct yaml_node *node);
/* The same for a text as it would be read unquoted. */
enum yaml_scalar yaml_plain_type(const char *text, size_t length);
/* "a mapping", "a list", "a number", "null", "true or false", "text": for messages. */
const char *yaml_describe(const struct yaml_node *node);
