/* Each call that the local target makes of the system fails once. Whatever it is: the step works all the same or says so in a typed
 * error, what is published is a whole pair at every moment, and once the system is well again the same steps converge. */
#include "deploy_world.h"

#include "base/file.h"
#include "base/key.h"
#include "failing_files.h"
#include "failing_users.h"

/* ---- lives ---- */

#define FILES "site/.well-known/pki-validation"

/* A step that did not work says what was the matter. */
static bool told(bool ok)
{
    enum failing_calls which = failing_pause();
    CHECK(ok || (err.kind != ERROR_NONE && err.kind != ERROR_INTERNAL && err.message[0] != '\0'));
    failing_again(which);
    return ok;
}

static bool published; /* once it is, it stays */
static char seen_link[256]; /* where it led when its pair was last looked at */

/* What a reader of the published path finds fits together. */
static void published_is_whole(const char *key_path, const char *leaf_path)
{
    enum failing_calls which = failing_pause();
    struct error why = {0};
    struct x509_info info;
    CHECK(!published || exists(leaf_path));
    published = exists(leaf_path);
    char leads[256] = "";
    ssize_t got = readlink(spec.layout == LAYOUT_COMBINED ? leaf_path : at("default/shop/current"), leads, sizeof leads - 1);
    if (published && (got < 0 || strcmp(leads, seen_link) != 0)) {
        const char *text = text_of(key_path);
        const char *begin = strstr(text, "-----BEGIN PRIVATE KEY");
        CHECK(begin != NULL || (begin = strstr(text, "-----BEGIN")) != NULL);
        struct secret *pem = secret_create(begin, strlen(begin));
        struct key *key = key_parse(pem, &why);
        secret_destroy(pem);
        CHECK_OK(key != NULL, why);
        CHECK_OK(x509_parse(text_of(leaf_path), arena, &info, &why), why);
        CHECK_TEXT(key_spki_sha256(key, arena), info.spki_sha256);
        key_destroy(key);
        memcpy(seen_link, leads, sizeof leads);
    }
    failing_again(which);
}

static bool step(bool (*perform)(struct context *, const struct deployment *, struct error *), int generation, int previous)
{
    struct deployment d = deployment(generation, previous);
    bool combined = spec.layout == LAYOUT_COMBINED;
    bool ok = told(perform(&ctx, &d, &err));
    published_is_whole(combined ? at("default/shop.pem") : at("default/shop/current/key.pem"),
                       combined ? at("default/shop.pem") : at("default/shop/current/cert.pem"));
    return ok;
}

/* What is said about the place is so. */
static bool observe_truly(int generation, int previous)
{
    struct deployment d = deployment(generation, previous);
    struct deploy_observation seen = {0};
    bool combined = spec.layout == LAYOUT_COMBINED;
    bool ok = told(deploy_local.observe(&ctx, &d, &seen, &err));
    enum failing_calls which = failing_pause();
    int current = 0, highest = 0;
    char leads[256] = "";
    if (readlink(combined ? at("default/shop.pem") : at("default/shop/current"), leads, sizeof leads - 1) > 0)
        CHECK(sscanf(leads, combined ? "shop.generations/gen-%d.pem" : "gen-%d", &current) == 1);
    for (int i = 1; i < (int)COUNT_OF(pairs); i++)
        if (exists(combined ? at("default/shop.generations/gen-%d.pem", i) : at("default/shop/gen-%d", i)))
            highest = i;
    CHECK(!ok || (seen.current == current && seen.highest == highest));
    CHECK(!ok || !seen.whole || strcmp(seen.fingerprint, pairs[current].fingerprint) == 0);
    failing_again(which);
    return ok;
}

/* Three generations and back from the second; the first, grown old, is taken away. */
static int deployment_end(void)
{
    int failures = 0;
    failures += step(deploy_local.stage, 3, 2) ? 0 : 1;
    failures += step(deploy_local.publish, 3, 2) ? 0 : 1;
    failures += step(deploy_local.clean, 3, 2) ? 0 : 1;
    failures += observe_truly(3, 2) ? 0 : 1;
    return failures;
}

static int deployment_life(void)
{
    static const struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    bool combined = spec.layout == LAYOUT_COMBINED;
    int failures = 0;
    for (int generation = 1; generation <= 2; generation++) {
        failures += step(deploy_local.stage, generation, generation - 1) ? 0 : 1;
        failures += step(deploy_local.publish, generation, generation - 1) ? 0 : 1;
    }
    failures += step(deploy_local.rollback, 2, 1) ? 0 : 1;
    enum failing_calls which = failing_pause();
    utimensat(AT_FDCWD, combined ? at("default/.shop.pem.generations/gen-1.pem") : at("default/shop/gen-1"), old, 0);
    failing_again(which);
    return failures + deployment_end();
}

static int take_over_life(void)
{
    spec.take_over = true;
    return (step(deploy_local.stage, 1, 0) ? 0 : 1) + (step(deploy_local.publish, 1, 0) ? 0 : 1);
}

/* Without the word that it may be taken over, what others left is not replaced: here, when it came after staging. */
static int foreign_life(void)
{
    spec.take_over = true;
    step(deploy_local.stage, 1, 0);
    spec.take_over = false;
    CHECK(!step(deploy_local.publish, 1, 0));
    return 0;
}

#define CHALLENGE FILES "/A.txt"

/* What is said about a challenge file is so. */
static int challenge_life(void)
{
    bool is = false, there = false;
    int failures = told(deploy_local.challenge_present(&ctx, &target, "A.txt", "one", &err)) ? 0 : 1;
    enum failing_calls which = failing_pause();
    CHECK(failures > 0 || strcmp(text_of(at("%s", CHALLENGE)), "one") == 0);
    is = exists(at("%s", CHALLENGE));
    failing_again(which);
    bool looked = told(deploy_local.challenge_look(&ctx, &target, "A.txt", "one", &there, &err));
    CHECK(!looked || there == is);
    bool gone = told(deploy_local.challenge_absent(&ctx, &target, "A.txt", "one", &err));
    well();
    CHECK(!gone || !exists(at("%s", CHALLENGE)));
    return failures + (looked ? 0 : 1) + (gone ? 0 : 1);
}

static void begin_deployment(enum target_layout layout) { new_world(layout); }

static void begin_foreign(enum target_layout layout)
{
    new_world(layout);
    CHECK(mkdir(at("default"), 0755) == 0 && mkdir(at("default/shop"), 0755) == 0);
    CHECK(mkdir(at("default/shop/current"), 0755) == 0);
    put(at("default/shop/current/key.pem"), made_key_pem(pairs[6].made.key, arena), 0600);
    put(at("default/shop/current/cert.pem"), pairs[6].leaf, 0644);
}

static const char *by_hand(void)
{
    static const char *text;
    if (text == NULL)
        text = arena_printf(arena, "%s%s", pairs[6].leaf, made_key_pem(pairs[6].made.key, arena));
    return text;
}

static void begin_foreign_file(enum target_layout layout)
{
    new_world(layout);
    CHECK(mkdir(at("default"), 0755) == 0);
    put(at("default/shop.pem"), by_hand(), 0600);
}

static int take_over_end(void)
{
    int failures = take_over_life();
    CHECK_TEXT(text_of(at("default/shop.generations/gen-0.pem")), by_hand());
    return failures;
}

static int foreign_end(void)
{
    CHECK_TEXT(text_of(at("default/shop.pem")), by_hand());
    foreign_life();
    CHECK_TEXT(text_of(at("default/shop.pem")), by_hand());
    return 0;
}

static void begin_challenge(enum target_layout layout)
{
    new_world(layout);
    spec.challenge_http.root = "certs";
    spec.challenge_http.webroot = "site";
    CHECK(mkdir(at("site"), 0755) == 0);
}

/* The n-th call fails, for each n until a life has fewer; for every third one unless CERTWRIGHT_EVERY_CALL is set. */
static void each_call_fails(void (*begin)(enum target_layout), enum target_layout layout, int (*life)(void),
                            int (*end)(void), int at_least)
{
    AUTO(arena) struct arena *own = arena_create();
    static const int errors[] = {EIO, ENOSPC, EPERM};
    const int stride = getenv("CERTWRIGHT_EVERY_CALL") != NULL ? 1 : 3;
    int n = 1 - stride;
    do {
        arena_reset(own);
        begin(layout);
        ctx.arena = own;
        published = false;
        seen_link[0] = '\0';
        n += stride;
        int error = errors[n / stride % (int)COUNT_OF(errors)];
        fail((struct failing){.which = SYSTEM_CALLS, .call = n, .number = error});
        life();
        well();
        int failures = end();
        if (failures != 0)
            fprintf(stderr, "call %d (%s): %s\n", n, strerror(error), err.message);
        CHECK_INT(failures, 0);
        CHECK_INT(count_entries(at("default/shop"), true) > 0, 0);
    } while (was_hit());
    CHECK(n > at_least);
}

static void a_rollout_survives_each_call(void)
{
    each_call_fails(begin_deployment, LAYOUT_GENERATION, deployment_life, deployment_end, 300);
}

static void a_rollout_in_one_file_survives_each_call(void)
{
    each_call_fails(begin_deployment, LAYOUT_COMBINED, deployment_life, deployment_end, 190);
}

static void a_take_over_survives_each_call(void)
{
    each_call_fails(begin_foreign, LAYOUT_GENERATION, take_over_life, take_over_life, 70);
}

static void a_file_of_others_survives_each_call(void)
{
    each_call_fails(begin_foreign_file, LAYOUT_COMBINED, take_over_life, take_over_end, 40);
    each_call_fails(begin_foreign_file, LAYOUT_COMBINED, foreign_life, foreign_end, 40);
}

static void a_challenge_survives_each_call(void)
{
    each_call_fails(begin_challenge, LAYOUT_GENERATION, challenge_life, challenge_life, 45);
}

int main(void)
{
    if (!open_worlds())
        return 1;
    make_pairs();
    RUN(a_rollout_survives_each_call);
    RUN(a_rollout_in_one_file_survives_each_call);
    RUN(a_take_over_survives_each_call);
    RUN(a_file_of_others_survives_each_call);
    RUN(a_challenge_survives_each_call);
    well();
    if (!close_worlds())
        return 1;
    return CHECK_REPORT();
}
