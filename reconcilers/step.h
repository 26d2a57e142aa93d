/* What `decide` says is next: one step, with its reason, cost and due time. A plan prints steps; apply performs them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum verb {
    VERB_NONE, VERB_ORDER, VERB_RENEW, VERB_REISSUE, VERB_VALIDATE, VERB_ISSUE, VERB_DEPLOY, VERB_RELOAD, VERB_ADOPT,
    VERB_FORGET, VERB_REVOKE, VERB_CANCEL, VERB_BLOCKED, VERB_WAIT, VERB_COUNT
};
const char *verb_name(enum verb verb);

/* One outside action each (or none), then its result is recorded. */
enum action {
    ACTION_REST,        /* as it should be; `due` is when to look again */
    ACTION_BLOCKED,     /* a person must change something; nothing is due */
    ACTION_WAIT,        /* nothing to do until `due`, or until something else happens */
    ACTION_WAIT_ACCOUNT, /* until the issuer's account was checked and listed */
    ACTION_PREPARE,     /* key, CSR and frozen request made, sealed and stored; budget reserved */
    ACTION_SUBMIT,      /* the paid call */
    ACTION_LOOK_UP,     /* what became of a paid call */
    ACTION_POLL,        /* what the vendor says of the order */
    ACTION_PRESENT,     /* make a challenge record or file */
    ACTION_CHECK,       /* look whether the world sees it */
    ACTION_REMOVE,      /* take it away */
    ACTION_FETCH,       /* download, accept, record a revision */
    ACTION_STAGE, ACTION_PUBLISH, ACTION_RELOAD, ACTION_PROBE, /* rollout, reliability.md 6.3 */
    ACTION_ROLL_BACK, ACTION_RELOAD_BACK, ACTION_PROBE_BACK, /* and back */
    ACTION_INSPECT,     /* whether what was published is still there */
    ACTION_RESEND,      /* the approval mail once more; asked for by a person, never decided */
    ACTION_FORGET,      /* the manifest is gone: stop managing, keep everything */
    ACTION_COUNT
};

struct step {
    enum action action;
    enum verb verb;
    const char *code;    /* one word for conditions, events and `why`: "AwaitingApproval", "DuplicateNeed" */
    const char *subject; /* what of the resource: a name, a target, a product */
    const char *detail;  /* how: "CNAME in zone example.com by DNSAccount corp-bind" */
    const char *reason;  /* why now */
    int64_t cost_cents;  /* 0: free; -1: unknown. Of a blocked step: what is held, and spent when a person releases it */
    const char *currency;
    const char *effects; /* what it brings with it; NULL: nothing */
    const char *human;   /* what a person must do; NULL: nothing */
    const char *command; /* the command that cures or releases it; NULL: none */
    int64_t due;         /* Unix seconds; 0: now */
    int index;           /* of the challenge or rollout it is about */
    bool patient;        /* waiting for a person, or for one's answer */
};
/* Whether its command is for when what is waited for was lost: not the next thing to type. */
bool step_if_lost(const struct step *step);
