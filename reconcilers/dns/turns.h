/* How often one DNS account is asked. A gate has `burst` turns; a request uses one, and the turn comes back
 * burst / requests_per_second seconds after its answer. So whatever the network does, the far side counts at
 * most `burst` requests in any stretch of that length. Steps reserve the turns that they will need before
 * they begin, so that a worker need not wait for one. Any thread may call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "schema/dns_account.h"

struct context;
struct error;
struct dns_gate;

struct dns_gate *dns_gate_create(struct dns_limits limits);
void dns_gate_destroy(struct dns_gate *gate);
/* Other limits from now on: fewer turns vanish as they are given back. */
void dns_gate_limit(struct dns_gate *gate, struct dns_limits limits);
/* The account rests: nothing is reserved before `until_ms` (clock_boot_ms). The later of several counts. */
void dns_gate_close(struct dns_gate *gate, int64_t until_ms);
int64_t dns_gate_closed_until(struct dns_gate *gate); /* clock_boot_ms; 0: it is open */

struct dns_turns {         /* of one step */
    struct dns_gate *gate; /* NULL: nothing is limited */
    int held;              /* reserved, not used */
    int used;
    bool whole;  /* all that there are were reserved: what is lacking is waited for */
    bool lacked; /* a request was not made for want of a turn */
};
/* Reserve `wanted` turns (as many as there are, if that is less). 0: they are `out`'s, to be given back by
 * dns_turns_finish. Else milliseconds after which to ask again; -1: when others have given theirs back. */
int64_t dns_gate_reserve(struct dns_gate *gate, int wanted, struct dns_turns *out);
/* Around each request, by whoever sends it. Fails: THROTTLED; nothing is to be sent then, and the step begins
 * anew with more turns. Without `ctx->turns` there is no limit. */
bool dns_turn_begin(struct context *ctx, struct error *err);
void dns_turn_end(struct context *ctx);
void dns_turns_finish(struct dns_turns *turns);
