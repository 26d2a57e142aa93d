/* The parts of the decision, one file each; ACTION_COUNT as the action means "nothing here, go on". */
#pragma once

#include "reconcilers/certificate/view.h"

struct step decide_validation(const struct certificate_view *view, struct arena *arena); /* validation.c */
struct step decide_removal(const struct certificate_view *view, struct arena *arena);    /* validation.c */
/* validation.c: blocked when the account's credential has ended. `account` may be NULL. */
struct step decide_credential(const struct resource *account, int64_t now, struct arena *arena);
struct step decide_rollouts(const struct certificate_view *view, struct arena *arena);   /* rollout.c */
/* What is deployed is looked at twice a day: a look that is due, or what somebody changed. (inspect.c) */
struct step decide_inspection(const struct certificate_view *view, struct arena *arena);
int64_t inspection_due(const struct certificate_view *view); /* the next look; 0: nothing is deployed */

/* A time further off than any wait of ours was written under another clock: then it is due now. */
static inline int64_t due_within(int64_t at, int64_t now, int64_t most_s) { return at > now + most_s ? now : at; }
enum { RETRY_MOST_S = 3600 }; /* the longest pause after a failure, a far side's own wish included */

/* What a plan cannot know beforehand (assume.c). */
#define ORDER_TO_COME "(new)"
#define RECORD_TO_COME "(said by the vendor after the order)"

struct step step_blocked(const char *code, const char *reason, const char *human, const char *command);
struct step step_wait(const char *code, const char *reason, int64_t due);
struct step step_do(enum action action, enum verb verb, const char *code, const char *subject, const char *detail,
                    const char *reason);

/* Of what the target says that shapes files, reload and probe; a change means a new rollout. */
const char *rollout_settings_digest(const struct certificate_view *view, size_t index, struct arena *arena);
/* Whether a target serves what it should: ACTIVE, this revision, these settings. */
bool rollout_settled(const struct certificate_view *view, size_t index, struct arena *arena);
