/* Validation done for real, on threads of its own: files are fetched over HTTP and HTTPS, DNS is asked,
 * approval mails go out over SMTP. Only addresses of this host or those the overrides name are ever
 * contacted. */
#pragma once

#include "sandbox/sandbox.h"

/* Fails: CONFIG (an override that cannot be read), SYSTEM. */
struct validator *validator_start(struct sandbox *sandbox, struct error *err);
void validator_stop(struct validator *validator);
/* Try one proof of an order; the answer comes to order_proved() on the loop thread. */
void validator_try(struct validator *validator, const struct order *order, size_t index);

/* Send the mail of a proof: into the Maildir at once, over SMTP from a worker (mail.c). */
void mail_approver(struct sandbox *sandbox, const struct order *order, const struct proof *proof);
void validator_send_mail(struct validator *validator, const char *to, const char *message);
