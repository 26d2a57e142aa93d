/* What can be made to go wrong, on which path, how often. Set over the control port, or drawn from a seed.
 */
#pragma once

#include "sandbox/sandbox.h"

enum fault_kind {
    FAULT_NONE,
    /* nothing is done with the request */
    FAULT_DROP,      /* closed without a byte */
    FAULT_REFUSE,    /* isError with `message` */
    FAULT_STATUS,    /* HTTP `code`, an HTML page, `retryAfter` */
    FAULT_BAD_TOKEN, /* -9008 */
    /* the request is carried out, the answer suffers */
    FAULT_DROP_AFTER,   /* closed without a byte */
    FAULT_STATUS_AFTER, /* HTTP `code` all the same */
    FAULT_DELAY,        /* answered `ms` later */
    FAULT_CUT,          /* after `bytes` of the body */
    FAULT_TRICKLE,      /* `bytes` every `ms` */
    FAULT_GARBAGE,
    FAULT_HTML,
    FAULT_EMPTY,
    FAULT_EDIT, /* `set` and `remove` members of the answer */
    /* the connection is closed at once, the request carried out `ms` later */
    FAULT_LATE,
    /* look-ups do not find orders (`order`: only this one) */
    FAULT_HIDE,
    /* downloads */
    FAULT_NO_CERTIFICATE,
    FAULT_WRONG_KEY,
    FAULT_WRONG_NAMES,
    FAULT_EXPIRED,
    FAULT_SELF_SIGNED,
    FAULT_CLIENT_ONLY,
    FAULT_NO_CHAIN,
    FAULT_KIND_COUNT
};

struct fault {
    int64_t id;
    enum fault_kind kind;
    char path[64]; /* "order/neworder"; "*": every path */
    int times;     /* how often yet; 0: always; -1: spent. A hidden order counts once for each look-up */
    int skip;      /* calls to let pass first */
    int ms, code, retry_after;
    size_t bytes;
    int64_t order, hits;
    char message[200];
    cJSON *set, *remove;
    struct fault *next;
};

struct faults *faults_create(void);
void faults_destroy(struct faults *faults);
/* From {"path":…, "do":…, "times":…, …}. Gives the number, or -1 with a sentence. */
int64_t faults_add(struct faults *faults, const cJSON *wish, const char **out_problem);
void faults_clear(struct faults *faults);
cJSON *faults_list(const struct faults *faults);
/* The fault for this call, used up by one; NULL: none. Then, by chance, one of --fail-rate. */
struct fault *faults_match(struct sandbox *sandbox, const char *path);
/* Whether a look-up on `path` must not see this order. */
bool faults_hide(struct faults *faults, const char *path, int64_t order);
const char *fault_name(enum fault_kind kind);
