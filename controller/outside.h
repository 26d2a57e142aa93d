/* What a command needs to ask the outside by itself: a context on the operator's network. One at a time, on
 * this thread. */
#pragma once

#include "base/http.h"
#include "base/text.h"
#include "reconcilers/context.h"

struct command_context;

struct outside {
    struct context context;
    struct http_network network;
    struct string_list resolve;
};
/* Texts live in the arena of the command. */
void outside_open(struct outside *outside, struct command_context *ctx);
void outside_close(struct outside *outside);
static inline void outside_release(struct outside *outside) { outside_close(outside); }
