/* What the files of the order protocol (prepare.c, order.c, look_up.c) share. */
#pragma once

#include "base/text.h"
#include "reconcilers/certificate/actions.h"

/* Who sells to the account that the certificate names. */
const struct issuer_ops *order_issuer(const struct certificate_view *view);
/* The account that the order is bound to. Fails: CONFIG (no Issuer leads there now), and as issuer_account_open. */
bool order_account_open(struct context *ctx, const struct certificate_view *view, struct issuer_account *out,
                        struct error *err);
/* Whether what the vendor shows is what was ordered: product and names. */
bool order_is_same(const struct order_record *order, const struct vendor_order *vendor);
/* The keys whose requests may still be at the vendor, with one more; the oldest falls out. In the arena. */
struct string_list order_with_former_key(const struct string_list *former, const char *key_id, struct arena *arena);
/* One line more of what was seen of an order, with its time; the last few are kept. */
void order_add_evidence(struct order_record *order, const char *words, int64_t at, struct arena *arena);
/* The vendor has it: its number, its standing and what it wants to see go into the changes; `how` is for people. */
void order_record_placed(const struct certificate_view *view, struct order_record *order, const struct outcome *outcome,
                         const char *how, struct arena *arena, struct changes *out);
