/* Orders: kept in memory, journalled in orders.jsonl, led through their life. */
#pragma once

#include "sandbox/sandbox.h"

/* Read the journals of the folder. Fails: SYSTEM, STATE. */
bool orders_load(struct sandbox *sandbox, struct error *err);
void orders_close(struct sandbox *sandbox);

/* An order made of a wish; token and numbers are new. The order is journalled. `paid`: into the ledger too.
 */
struct order *order_create(struct sandbox *sandbox, const struct wish *wish, int64_t purchased_at,
                           bool paid, const char *path);
/* Give an unconfigured order, or one to be reissued, its request and proofs, and set it going. */
void order_configure(struct sandbox *sandbox, struct order *order, const struct wish *wish);
void order_reissue(struct sandbox *sandbox, struct order *order, const struct wish *wish);
void order_save(struct sandbox *sandbox, struct order *order);

struct order *order_by_id(const struct sandbox *sandbox, int64_t id); /* NULL: none */
struct order *order_by_custom(const struct sandbox *sandbox, const char *custom_id);
const char *order_major(const struct order *order); /* with "Expired" by the clock of now */
bool order_is_live(const struct order *order);      /* neither cancelled nor expired */
bool order_awaits_proof(const struct order *order);

/* Take the order as far as it can go now: vetting, issue. Called after anything that may matter. */
void order_advance(struct sandbox *sandbox, struct order *order);
void order_cancel(struct sandbox *sandbox, struct order *order, const char *minor);
/* An approval link was followed. Gives false for a token that means nothing. */
bool orders_approve(struct sandbox *sandbox, const char *token);
/* Start attempts that are due and advance what waits for time; arms the timer again. */
void orders_tick(struct sandbox *sandbox);
void order_attempt_now(struct sandbox *sandbox, struct order *order);
/* What a worker found out. */
void order_proved(struct sandbox *sandbox, int64_t id, int round, size_t index, bool good,
                  const char *problem);

const char *method_name(enum method method); /* as in dcvMethod */
