/* Each call that the local target makes of the system fails once. Whatever it is: the step works all the same or says so in a typed
 * error, what is published is a whole pair at every moment, and once the system is well again the same steps converge. */
#include "deploy_world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/key.h"

/* ---- the calls ---- */

static int failing_call, failing_errno, calls; /* failing_call 0: all work */
static bool hit;

static bool fails(void)
{
    if (failing_call == 0 || ++calls != failing_call)
        return false;
    hit = true;
    errno = failing_errno;
    return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILING(result, name, parameters, ...) \
    result name parameters; \
    result name parameters { return fails() ? (result)-1 : NEXT(name)(__VA_ARGS__); }

FAILING(int, renameat, (int a, const char *b, int c, const char *d), a, b, c, d)
FAILING(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), a, b, c, d, e)
FAILING(int, symlinkat, (const char *a, int b, const char *c), a, b, c)
FAILING(int, unlinkat, (int a, const char *b, int c), a, b, c)
FAILING(int, mkdirat, (int a, const char *b, mode_t c), a, b, c)
FAILING(int, fsync, (int a), a)
FAILING(int, fchmod, (int a, mode_t b), a, b)
FAILING(int, fchown, (int a, uid_t b, gid_t c), a, b, c)
FAILING(int, fstat, (int a, struct stat *b), a, b)
FAILING(int, fstatat, (int a, const char *b, struct stat *c, int d), a, b, c, d)
FAILING(int, utimensat, (int a, const char *b, const struct timespec c[2], int d), a, b, c, d)
FAILING(ssize_t, readlinkat, (int a, const char *b, char *c, size_t d), a, b, c, d)
FAILING(ssize_t, write, (int a, const void *b, size_t c), a, b, c)
FAILING(ssize_t, read, (int a, void *b, size_t c), a, b, c)

int openat(int at_fd, const char *name, int flags, ...);
int openat(int at_fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return fails() ? -1 : NEXT(openat)(at_fd, name, flags, mode);
}

int open(const char *name, int flags, ...);
int open(const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return fails() ? -1 : NEXT(open)(name, flags, mode);
}

DIR *fdopendir(int fd)
{
    return fails() ? NULL : NEXT(fdopendir)(fd);
}

/* openat2 has no function of its own. */
long syscall(long number, ...)
{
    long given[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(list, long);
    va_end(list);
    return number == SYS_openat2 && fails()
               ? -1
               : NEXT(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* ---- lives ---- */

#define FILES "site/.well-known/pki-validation"

static void well(void) { failing_call = 0; }

/* A step that did not work says what was the matter. */
static bool told(bool ok)
{
    int call = failing_call;
    well();
    CHECK(ok || (err.kind != ERROR_NONE && err.kind != ERROR_INTERNAL && err.message[0] != '\0'));
    failing_call = call;
    return ok;
}

static bool published; /* once it is, it stays */
static char seen_link[256]; /* where it led when its pair was last looked at */

/* What a reader of the published path finds fits together. */
static void published_is_whole(const char *key_path, const char *leaf_path)
{
    int call = failing_call;
    struct error why = {0};
    struct x509_info info;
    well();
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
    failing_call = call;
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

/* Three generations and back from the second; the first, grown old, is taken away. */
static int deployment_end(void)
{
    struct deploy_observation seen = {0};
    struct deployment d = deployment(3, 2);
    int failures = 0;
    failures += step(deploy_local.stage, 3, 2) ? 0 : 1;
    failures += step(deploy_local.publish, 3, 2) ? 0 : 1;
    failures += step(deploy_local.clean, 3, 2) ? 0 : 1;
    failures += told(deploy_local.observe(&ctx, &d, &seen, &err)) ? 0 : 1;
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
    int call = failing_call;
    well();
    utimensat(AT_FDCWD, combined ? at("default/.shop.pem.generations/gen-1.pem") : at("default/shop/gen-1"), old, 0);
    failing_call = call;
    return failures + deployment_end();
}

static int take_over_life(void)
{
    spec.take_over = true;
    return (step(deploy_local.stage, 1, 0) ? 0 : 1) + (step(deploy_local.publish, 1, 0) ? 0 : 1);
}

static int challenge_life(void)
{
    return (told(deploy_local.challenge_present(&ctx, &target, "A.txt", "one", &err)) ? 0 : 1) +
           (told(deploy_local.challenge_absent(&ctx, &target, "A.txt", "one", &err)) ? 0 : 1);
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

static void begin_challenge(enum target_layout layout)
{
    new_world(layout);
    spec.challenge_http.root = "certs";
    spec.challenge_http.webroot = "site";
    CHECK(mkdir(at("site"), 0755) == 0);
}

/* The n-th call fails, for each n until a life has fewer; for every second one unless CERTWRIGHT_EVERY_CALL is set. */
static void each_call_fails(void (*begin)(enum target_layout), enum target_layout layout, int (*life)(void),
                            int (*end)(void), int at_least)
{
    AUTO(arena) struct arena *own = arena_create();
    static const int errors[] = {EIO, ENOSPC, EPERM};
    const int stride = getenv("CERTWRIGHT_EVERY_CALL") != NULL ? 1 : 2;
    int n = 1 - stride;
    for (hit = true; hit;) {
        arena_reset(own);
        begin(layout);
        ctx.arena = own;
        published = false;
        seen_link[0] = '\0';
        hit = false;
        calls = 0;
        n += stride;
        failing_errno = errors[n % (int)COUNT_OF(errors)];
        failing_call = n;
        life();
        well();
        int failures = end();
        if (failures != 0)
            fprintf(stderr, "call %d (%s): %s\n", n, strerror(failing_errno), err.message);
        CHECK_INT(failures, 0);
        CHECK_INT(count_entries(at("default/shop"), true) > 0, 0);
    }
    CHECK(n > at_least);
}

static void a_rollout_survives_each_call(void)
{
    each_call_fails(begin_deployment, LAYOUT_GENERATION, deployment_life, deployment_end, 200);
}

static void a_rollout_in_one_file_survives_each_call(void)
{
    each_call_fails(begin_deployment, LAYOUT_COMBINED, deployment_life, deployment_end, 150);
}

static void a_take_over_survives_each_call(void)
{
    each_call_fails(begin_foreign, LAYOUT_GENERATION, take_over_life, take_over_life, 40);
}

static void a_challenge_survives_each_call(void)
{
    each_call_fails(begin_challenge, LAYOUT_GENERATION, challenge_life, challenge_life, 20);
}

int main(void)
{
    if (!open_worlds())
        return 1;
    make_pairs();
    RUN(a_rollout_survives_each_call);
    RUN(a_rollout_in_one_file_survives_each_call);
    RUN(a_take_over_survives_each_call);
    RUN(a_challenge_survives_each_call);
    well();
    if (!close_worlds())
        return 1;
    return CHECK_REPORT();
}
