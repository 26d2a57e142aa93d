/* The field tables as JSON Schema, draft-07: what editors complete and check by. Whatever it refuses the decoder refuses;
 * the decoder may refuse more. */
#pragma once

#include "schema/resource.h"

struct buffer;
struct field_table;

/* The schema of whole documents of one kind. */
void json_schema_print(enum resource_kind kind, struct buffer *out);
/* One schema for documents of every kind, chosen by `kind`. */
void json_schema_print_all(struct buffer *out);
/* The schema of one table by itself, as the operator's file. */
void json_schema_print_table(const struct field_table *table, const char *title, struct buffer *out);
