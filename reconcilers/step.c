#include "reconcilers/step.h"

#include "base/text.h"

static const char *const verbs[] = {
    [VERB_NONE] = "none", [VERB_ORDER] = "order", [VERB_RENEW] = "renew", [VERB_REISSUE] = "reissue",
    [VERB_VALIDATE] = "validate", [VERB_ISSUE] = "issue", [VERB_DEPLOY] = "deploy", [VERB_RELOAD] = "reload",
    [VERB_ADOPT] = "adopt", [VERB_FORGET] = "forget", [VERB_REVOKE] = "revoke", [VERB_CANCEL] = "cancel",
    [VERB_BLOCKED] = "blocked", [VERB_WAIT] = "wait",
};
_Static_assert(COUNT_OF(verbs) == VERB_COUNT, "a verb without its word");

const char *verb_name(enum verb verb) { return verb < VERB_COUNT ? verbs[verb] : "none"; }

/* Another mail while the first is on its way to its reader: nobody should be sent to that by a plain "then". */
bool step_if_lost(const struct step *step) { return text_equal(step->code, "AwaitingApproval"); }
