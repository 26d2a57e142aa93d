/* Faults: a list in the order they were set; the first that fits is taken. */
#include "sandbox/faults.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sandbox/wire.h"

struct faults {
    struct fault *first;
    int64_t next_id;
    uint64_t random;
    struct fault drawn; /* the one of --fail-rate */
};

static const char *const fault_names[] = {[FAULT_NONE] = "none",
                                          [FAULT_DROP] = "drop",
                                          [FAULT_REFUSE] = "refuse",
                                          [FAULT_STATUS] = "status",
                                          [FAULT_BAD_TOKEN] = "bad-token",
                                          [FAULT_DROP_AFTER] = "drop-after-accept",
                                          [FAULT_STATUS_AFTER] = "status-after-accept",
                                          [FAULT_DELAY] = "delay",
                                          [FAULT_CUT] = "cut",
                                          [FAULT_TRICKLE] = "trickle",
                                          [FAULT_GARBAGE] = "garbage",
                                          [FAULT_HTML] = "html",
                                          [FAULT_EMPTY] = "empty",
                                          [FAULT_EDIT] = "edit",
                                          [FAULT_LATE] = "late",
                                          [FAULT_HIDE] = "hide",
                                          [FAULT_NO_CERTIFICATE] = "no-certificate",
                                          [FAULT_WRONG_KEY] = "wrong-certificate",
                                          [FAULT_WRONG_NAMES] = "wrong-names",
                                          [FAULT_EXPIRED] = "expired",
                                          [FAULT_SELF_SIGNED] = "self-signed",
                                          [FAULT_CLIENT_ONLY] = "client-only",
                                          [FAULT_NO_CHAIN] = "no-chain"};
static_assert(COUNT_OF(fault_names) == FAULT_KIND_COUNT, "fault without a name");

const char *fault_name(enum fault_kind kind)
{
    return fault_names[kind];
}

struct faults *faults_create(void)
{
    struct faults *faults = calloc(1, sizeof *faults);
    if (faults == NULL)
        abort();
    faults->next_id = 1;
    return faults;
}

static void fault_free(struct fault *fault)
{
    cJSON_Delete(fault->set);
    cJSON_Delete(fault->remove);
    free(fault);
}

void faults_clear(struct faults *faults)
{
    while (faults->first != NULL) {
        struct fault *fault = faults->first;
        faults->first = fault->next;
        fault_free(fault);
    }
}

void faults_destroy(struct faults *faults)
{
    if (faults == NULL)
        return;
    faults_clear(faults);
    free(faults);
}

static enum fault_kind parse_kind(const char *word)
{
    for (int kind = FAULT_NONE + 1; kind < FAULT_KIND_COUNT; kind++)
        if (strcmp(fault_names[kind], word) == 0)
            return (enum fault_kind)kind;
    return FAULT_NONE;
}

int64_t faults_add(struct faults *faults, const cJSON *wish, const char **out_problem)
{
    const cJSON *word = cJSON_GetObjectItemCaseSensitive(wish, "do"),
                *path = cJSON_GetObjectItem(wish, "path");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(wish, "message");
    enum fault_kind kind = cJSON_IsString(word) ? parse_kind(word->valuestring) : FAULT_NONE;
    *out_problem = "\"do\" names no fault that the sandbox has";
    if (kind == FAULT_NONE)
        return -1;
    struct fault *fault = calloc(1, sizeof *fault);
    if (fault == NULL)
        abort();
    *fault = (struct fault){.id = faults->next_id++,
                            .kind = kind,
                            .times = wire_int(wish, "times", kind == FAULT_HIDE ? 0 : 1),
                            .skip = wire_int(wish, "skip", 0),
                            .ms = wire_int(wish, "ms", 1000),
                            .code = wire_int(wish, "code", 500),
                            .retry_after = wire_int(wish, "retryAfter", 0),
                            .bytes = (size_t)wire_int(wish, "bytes", kind == FAULT_TRICKLE ? 1 : 40),
                            .order = wire_int(wish, "order", 0)};
    snprintf(fault->path, sizeof fault->path, "%s", cJSON_IsString(path) ? path->valuestring : "*");
    snprintf(fault->message, sizeof fault->message, "%s",
             cJSON_IsString(message) ? message->valuestring
                                     : "Vendor returns error: refused as the test asked");
    fault->set = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(wish, "set"), true);
    fault->remove = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(wish, "remove"), true);
    struct fault **end = &faults->first;
    while (*end != NULL)
        end = &(*end)->next;
    *end = fault;
    return fault->id;
}

cJSON *faults_list(const struct faults *faults)
{
    cJSON *list = cJSON_CreateArray();
    for (const struct fault *fault = faults->first; fault != NULL; fault = fault->next) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddNumberToObject(item, "id", (double)fault->id);
        cJSON_AddStringToObject(item, "path", fault->path);
        cJSON_AddStringToObject(item, "do", fault_names[fault->kind]);
        cJSON_AddNumberToObject(item, "times", fault->times);
        cJSON_AddBoolToObject(item, "spent", fault->times < 0);
        cJSON_AddNumberToObject(item, "hits", (double)fault->hits);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static bool fits(const struct fault *fault, const char *path)
{
    return fault->times >= 0 && (strcmp(fault->path, "*") == 0 || strcasecmp(fault->path, path) == 0);
}

/* One use; the last one leaves -1 behind: spent. */
static bool use(struct fault *fault)
{
    if (fault->skip > 0) {
        fault->skip--;
        return false;
    }
    fault->hits++;
    if (fault->times > 0 && --fault->times == 0)
        fault->times = -1;
    return true;
}

static uint64_t next_random(struct faults *faults, uint64_t seed)
{
    if (faults->random == 0)
        faults->random = seed * 2862933555777941757u + 3037000493u; /* the same seed, the same failures */
    faults->random ^= faults->random << 13;
    faults->random ^= faults->random >> 7;
    faults->random ^= faults->random << 17;
    return faults->random;
}

static struct fault *draw(struct sandbox *sandbox, const char *path)
{
    struct faults *faults = sandbox->faults;
    if (sandbox->settings.fail_rate <= 0 || text_has_prefix(path, "health/status"))
        return NULL;
    uint64_t chance = next_random(faults, sandbox->settings.seed),
             choice = next_random(faults, sandbox->settings.seed);
    if ((double)(chance >> 11) / 9007199254740992.0 >= sandbox->settings.fail_rate)
        return NULL;
    static const struct fault choices[] = {{.kind = FAULT_STATUS, .code = 500},
                                           {.kind = FAULT_STATUS, .code = 503, .retry_after = 1},
                                           {.kind = FAULT_DROP},
                                           {.kind = FAULT_DROP_AFTER},
                                           {.kind = FAULT_CUT, .bytes = 40},
                                           {.kind = FAULT_GARBAGE},
                                           {.kind = FAULT_STATUS_AFTER, .code = 502},
                                           {.kind = FAULT_DELAY, .ms = 300}};
    faults->drawn = choices[choice % COUNT_OF(choices)];
    return &faults->drawn;
}

struct fault *faults_match(struct sandbox *sandbox, const char *path)
{
    for (struct fault *fault = sandbox->faults->first; fault != NULL; fault = fault->next)
        if (fault->kind != FAULT_HIDE && fits(fault, path) && use(fault))
            return fault;
    return draw(sandbox, path);
}

bool faults_hide(struct faults *faults, const char *path, int64_t order)
{
    for (struct fault *fault = faults->first; fault != NULL; fault = fault->next)
        if (fault->kind == FAULT_HIDE && fits(fault, path) &&
            (fault->order == 0 || fault->order == order) && use(fault))
            return true;
    return false;
}
