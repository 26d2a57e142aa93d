/* The keys `resolve` and `nameservers` of an operator's file. */
#pragma once

#include <stdbool.h>

struct arena;
struct error;
struct options;

/* Add what the file says to the options. Other keys are not looked at. Fails: SYSTEM, CONFIG. */
bool overrides_read(const char *path, struct arena *arena, struct options *options, struct error *err);
