/* The field tables for people: `certwright explain`, and the reference tables of the documentation. */
#pragma once

#include <stdbool.h>

#include "schema/resource.h"

struct buffer;
struct error;
struct field_table;

/* "certificate", "certificate.spec.dcv", also without "spec"; "config.deploy" for the operator's file. Text of at most `width` columns. Fails: NOT_FOUND, with
 * the nearest name. */
bool explain(const char *kind_path, int width, struct buffer *out, struct error *err);
/* The fields of a kind's spec as a Markdown table. */
void explain_markdown(enum resource_kind kind, struct buffer *out);
/* The same for any table; `prefix` stands before each path ("spec", or ""). */
void explain_markdown_table(const struct field_table *table, const char *prefix, struct buffer *out);
