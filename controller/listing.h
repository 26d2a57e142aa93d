/* A list of resources or records, gathered row by row and printed once as -o asks: table, wide, name, JSON or
 * YAML. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/command.h"

struct listing_column {
    const char *heading; /* NULL ends a table of columns */
    bool wide;           /* only with -o wide */
};
struct listing_row {
    const char *namespace_, *name, *id;
    const char **cells; /* one per column */
    size_t json_end;    /* of its own in the items' JSON */
};
struct listing {
    struct command_context *ctx;
    const struct listing_column *columns;
    size_t column_count;
    struct listing_row *rows;
    size_t count;
    struct buffer json; /* of the items */
    struct json_writer w;
    bool single; /* one name was asked for: JSON and YAML show the object itself; else JSON a List, YAML a
                    document each, as manifests are read */
};

void listing_begin(struct listing *listing, struct command_context *ctx,
                   const struct listing_column *columns);
bool listing_wants_document(const struct listing *listing); /* JSON or YAML: cells are not needed */
/* Its JSON, if wanted, stands in `json` already. Cells (one per column; NULL shows as "") are copied. */
void listing_add(struct listing *listing, const char *namespace_, const char *name, const char *id,
                 const char *const *cells);
/* Print it; `what` in the plural, for "there are no …" on standard error. Gives the exit code. */
int listing_end(struct listing *listing, const char *what);
