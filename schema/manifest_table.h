/* What stands around the spec of every kind; for the modules that print the tables. */
#pragma once

#include "schema/field.h"
#include "schema/resource.h"

struct metadata {
    const char *name, *namespace_;
    struct label_list labels, annotations;
};
extern const struct field_table metadata_table;
