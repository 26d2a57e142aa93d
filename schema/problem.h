/* What is wrong with manifests: all of it at once, each with its place, what was expected, and a hint. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct buffer;

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct problem {
    enum severity severity;
    const char *code;    /* stable word: "unknown-field", "duplicate-key", "wildcard-http", … */
    struct position position;
    const char *resource; /* "certificate/shop"; NULL: not known yet */
    const char *path;     /* "spec.order.term"; NULL: the document */
    const char *message;  /* one sentence */
    const char *hint;     /* "did you mean dnsNames?"; NULL: none */
    bool in_schema;       /* a JSON Schema can express it */
};
struct problem_list {
    struct arena *arena; /* owns everything in it */
    struct problem *items;
    size_t count, errors;
};
struct problem *problem_add(struct problem_list *list, enum severity severity, const char *code,
                            struct position position, const char *path, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* "shop.yaml:7:3: error: unknown field "dnsName" in spec (did you mean "dnsNames"?)" */
void problem_print(const struct problem *problem, struct buffer *out);
