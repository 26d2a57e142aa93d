/* One account of a DNS service, the service itself played from a script. */
#pragma once

#include "check.h"
#include "http_script.h"
#include "scratch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "reconcilers/dns/dns.h"
#include "schema/operator.h"
#include "schema/resource.h"

#define ZONE "example.test"
#define NAME "_acme-challenge.example.test"
#define VALUE "ours-ours-ours"
#define THERE \
    "already-there" /* a second value of ours, which the script has at NAME: it is what ABSENT removes */

/* ---- one account ---- */

enum act { ZONE_OF, PRESENT, ABSENT, LIST, CHECK_IT, APPLIED, ACTS };
static const char *const act_names[] = {"zone", "present", "absent", "list", "check", "applied"};

static struct arena *arena;
static struct operator_config config;
static struct dns_account spec = {.enabled = true};
static struct resource account = {.kind = KIND_DNS_ACCOUNT, .namespace_ = "default", .dns_account = &spec};
static struct context ctx;
static char secrets[96];
static struct dns_challenge challenge;
static struct string_list values; /* of LIST */
static const char *zone;          /* of ZONE_OF */
static bool applied;              /* of APPLIED */

static void keep_secret(const char *key, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/dns/%s", secrets, key);
    remove(path);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0400) != 0)
        abort();
}

/* Nothing is remembered of an account with a new name. */
static void new_account(void)
{
    static int count;
    arena_reset(arena);
    account.name = arena_printf(arena, "account-%d", ++count);
    challenge = (struct dns_challenge){ZONE, NAME, "TXT", VALUE};
    odd = (struct script_row){.status = -1};
    odd_at = asked = 0;
    asked_all[0] = '\0';
    ctx = (struct context){.arena = arena, .config = &config};
}

static void world_begin(enum dns_provider provider, const struct script_row *rows)
{
    char path[128];
    arena = arena_create();
    spec.provider = provider;
    script = rows;
    scratch_folder(secrets, sizeof secrets);
    snprintf(path, sizeof path, "%s/dns", secrets);
    if (mkdir(path, 0700) != 0)
        abort();
    config.secrets_directory = secrets;
    new_account();
}

static bool act(enum act what, struct error *err)
{
    const struct dns_provider_ops *ops = dns_provider_ops(spec.provider);
    switch (what) {
    case ZONE_OF: return ops->zone_of(&ctx, &account, challenge.name, &zone, err);
    case PRESENT: return ops->present(&ctx, &account, &challenge, err);
    case ABSENT: challenge.value = THERE; return ops->absent(&ctx, &account, &challenge, err);
    case LIST: return ops->list(&ctx, &account, &challenge, &values, err);
    case CHECK_IT: return ops->check(&ctx, &account, ZONE, err);
    default: return ops->applied == NULL || ops->applied(&ctx, &account, &challenge, &applied, err);
    }
}

/* An operation by a new account, upon a service as another script has it. */
__attribute__((unused)) static bool act_by(const struct script_row *rows, const char *type, enum act what,
                                           struct error *err)
{
    const struct script_row *well = script;
    script = rows;
    new_account();
    challenge.type = type;
    bool ok = act(what, err);
    script = well;
    return ok;
}

/* ---- an odd answer and what is made of it ---- */

struct odd_case {
    enum act act;
    struct script_row row;
    enum error_kind kind; /* ERROR_NONE: the operation works all the same */
    const char *says;     /* in the message; NULL: anything */
};

__attribute__((unused)) static void check_case(const struct odd_case *one, size_t number, const char *type)
{
    struct error err = {0};
    new_account();
    challenge.type = type;
    odd = one->row;
    bool ok = act(one->act, &err);
    bool fits = one->kind == ERROR_NONE ? ok
                                        : !ok && err.kind == one->kind &&
                                              (one->says == NULL || strstr(err.message, one->says) != NULL) &&
                                              strstr(err.message, account.name) != NULL;
    if (!fits)
        fprintf(stderr, "row %zu (%s): %s, %s: %s\n", number, act_names[one->act], ok ? "worked" : "failed",
                error_kind_name(err.kind), err.message);
    CHECK(fits);
    /* Nobody who hears of it: the same end. */
    new_account();
    challenge.type = type;
    odd = one->row;
    CHECK_INT(act(one->act, NULL), ok);
}

#define CHECK_CASES(cases, type) \
    do { \
        for (size_t row_ = 0; row_ < COUNT_OF(cases); row_++) \
            check_case(&(cases)[row_], row_, type); \
    } while (0)

/* What stands at the name keeps ours away: that is told, with the name, and nothing is written. */
__attribute__((unused)) static void check_kept_away(const char *type, struct script_row row, const char *says,
                                                    const char *written)
{
    struct error err = {0};
    new_account();
    challenge.type = type;
    odd = row;
    CHECK(!act(PRESENT, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(strstr(err.message, says) != NULL && strstr(err.message, NAME) != NULL);
    CHECK(strstr(asked_all, written) == NULL);
}

/* Of what is listed, one record is at the name and has no value, and none is to be removed. */
__attribute__((unused)) static void check_not_ours(struct script_row row, const char *removal)
{
    struct error err = {0};
    new_account();
    odd = row;
    CHECK_OK(act(LIST, &err), err);
    CHECK_INT(values.count, 1);
    CHECK_TEXT(values.items[0], "");
    CHECK_OK(act(ABSENT, &err), err);
    CHECK(strstr(asked_all, removal) == NULL);
}

/* The zone is known, then `what` hears that it is gone: the next look asks for it (`about`) again. */
__attribute__((unused)) static void check_looked_up_anew(enum act look, enum act what, struct script_row row,
                                                         const char *about)
{
    struct error err = {0};
    new_account();
    CHECK_OK(act(look, &err), err);
    odd = row;
    CHECK(!act(what, &err));
    CHECK_INT(err.kind, ERROR_NOT_FOUND);
    odd.status = -1;
    asked_all[0] = '\0';
    CHECK_OK(act(look, &err), err);
    CHECK(strstr(asked_all, about) != NULL);
}

/* ---- what holds for every service ---- */

/* So many requests has an operation by an account of which nothing is known. */
static int requests_of(enum act what, const char *type)
{
    struct error err = {0};
    new_account();
    challenge.type = type;
    if (what == APPLIED)
        CHECK_OK(act(PRESENT, &err), err);
    asked = 0;
    asked_all[0] = '\0';
    CHECK_OK(act(what, &err), err);
    return asked;
}

struct trouble {
    struct script_row row;
    enum error_kind kind;
};
/* What any service may say: the first rows of each table. */
#define TROUBLES_OF_ANY_SERVICE \
    {{.status = 0}, ERROR_UNREACHABLE}, {{.status = 500, .answer = ""}, ERROR_UNREACHABLE}, \
    {{.status = 429, .answer = ""}, ERROR_THROTTLED}, {{.status = 200, .answer = ""}, ERROR_MALFORMED}, \
    {{.status = 200, .answer = "<html>"}, ERROR_MALFORMED}
/* Requests whose trouble is no trouble for the operation: those whose "METHOD URL" holds `path`. */
struct bearable {
    const char *path;
    enum error_kind kind; /* ERROR_NONE: of any */
};

static bool is_bearable(const struct bearable *list, enum error_kind kind)
{
    for (; list->path != NULL; list++)
        if (strstr(odd_line, list->path) != NULL && (list->kind == ERROR_NONE || list->kind == kind))
            return true;
    return false;
}

/* Each request of each operation gets each bad answer: the operation says what it was, and of which
 * account. */
__attribute__((unused)) static void any_request_may_meet_trouble(const char *type,
                                                                 const struct trouble *troubles, size_t count,
                                                                 const struct bearable *bearable)
{
    for (enum act what = 0; what < ACTS; what++) {
        int requests = requests_of(what, type);
        for (int at = 1; at <= requests; at++) {
            for (size_t i = 0; i < count; i++) {
                struct error err = {0};
                bool heard[2];
                for (int deaf = 0; deaf < 2; deaf++) {
                    new_account();
                    challenge.type = type;
                    if (what == APPLIED)
                        CHECK(act(PRESENT, NULL));
                    asked = 0;
                    asked_all[0] = odd_line[0] = '\0';
                    odd = troubles[i].row;
                    odd_at = at;
                    heard[deaf] = act(what, deaf ? NULL : &err);
                }
                CHECK_INT(heard[1], heard[0]);
                bool told =
                    !heard[0] && err.kind == troubles[i].kind && strstr(err.message, "account-") != NULL;
                if (!told && !(heard[0] && is_bearable(bearable, troubles[i].kind))) {
                    fprintf(stderr, "%s, request %d (%s), trouble %zu: %s, %s: %s\n", act_names[what], at,
                            odd_line, i, heard[0] ? "worked" : "failed", error_kind_name(err.kind),
                            err.message);
                    CHECK(told);
                }
            }
        }
    }
}

/* No operation goes on without its credential, and nobody is asked. */
__attribute__((unused)) static void without_credential_nobody_is_asked(const char *key)
{
    char path[160];
    for (enum act what = 0; what < ACTS; what++) {
        if (what == APPLIED && dns_provider_ops(spec.provider)->applied == NULL)
            continue;
        for (int how = 0; how < 3; how++) {
            struct error err = {0};
            new_account();
            keep_secret(key, how == 0 ? "" : "first line\nsecond line\n");
            snprintf(path, sizeof path, "%s/dns/%s", secrets, key);
            if (how == 2)
                remove(path);
            bool ok = act(what, &err), deaf = act(what, NULL);
            keep_secret(key, "secret-of-the-test");
            CHECK(!ok && !deaf);
            CHECK_INT(err.kind, ERROR_CREDENTIAL);
            CHECK(strstr(err.message, account.name) != NULL);
            CHECK_INT(asked, 0);
        }
    }
}
