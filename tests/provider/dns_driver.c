/* The DNS services on a command line, for the conformance suite: reads commands from standard input, one a
 * line, members separated by tabs; prints one line of JSON for each. The program under test with nothing
 * around it.
 *
 *     zone    ACCOUNT NAME
 *     present ACCOUNT ZONE NAME TYPE VALUE      ZONE "-": found first, as the controller does
 *     absent  ACCOUNT ZONE NAME TYPE VALUE
 *     list    ACCOUNT ZONE NAME TYPE
 *     check   ACCOUNT ZONE
 *     applied ACCOUNT ZONE NAME TYPE VALUE
 *     seen    ZONE NAME TYPE VALUE
 *     seen-by PORT ZONE NAME TYPE VALUE         the delegation from the resolver 127.0.0.1:PORT, the servers at that port too
 *     crowd   ACCOUNT ZONE NAME TYPE VALUE...   each value by a thread of its own, at once
 *     turn    SECONDS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/http.h"
#include "base/json.h"
#include "base/log.h"
#include "reconcilers/context.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/propagation.h"
#include "schema/manifest.h"
#include "schema/operator.h"

enum { WORDS_MOST = 40 };

static struct arena *forever;
static struct operator_config config;
static struct http_network network;
static struct string_list resolve;
static struct resource_list accounts;

struct result {
    bool ok;
    struct error err;
    const char *zone, *words;
    struct string_list values;
    bool flag; /* of applied, seen */
    int failed; /* of a crowd */
};

static void load(const char *operator_file, char **manifests, int count)
{
    struct problem_list problems = {.arena = forever};
    struct resource_list broken = {0};
    bool ok = operator_load(operator_file, forever, &config, &problems);
    for (int i = 0; i < count; i++) {
        struct buffer text = {0};
        struct error err = {0};
        ok = file_read_path(manifests[i], 1 << 20, &text, &err) &&
             manifest_decode(manifests[i], buffer_text(&text), text.length, forever, &accounts, &broken,
                             &problems) &&
             ok;
        buffer_release(&text);
    }
    for (size_t i = 0; i < problems.count; i++) {
        struct buffer line = {0};
        problem_print(&problems.items[i], &line);
        fprintf(stderr, "%s\n", buffer_text(&line));
        buffer_release(&line);
    }
    if (!ok)
        exit(3);
    for (size_t i = 0; i < config.resolve_count; i++)
        string_list_push(forever, &resolve,
                         arena_printf(forever, "%s=%s", config.resolve[i].name, config.resolve[i].value));
    network = (struct http_network){.resolve = &resolve, .allow_addresses = &config.allow_addresses};
}

static const struct resource *account_named(const char *name)
{
    for (size_t i = 0; i < accounts.count; i++) {
        if (strcmp(accounts.items[i].name, name) == 0)
            return &accounts.items[i];
    }
    fprintf(stderr, "no account %s\n", name);
    exit(3);
}

/* words: ACCOUNT ZONE NAME TYPE VALUE */
static bool place(struct context *ctx, const char *const *words, bool there, struct result *result)
{
    const struct resource *account = account_named(words[0]);
    const struct dns_provider_ops *ops = dns_provider_ops(account->dns_account->provider);
    struct dns_challenge challenge = {words[1], words[2], words[3], words[4]};
    if (strcmp(challenge.zone, "-") == 0 &&
        !ops->zone_of(ctx, account, challenge.name, &challenge.zone, &result->err))
        return false;
    result->zone = challenge.zone;
    return there ? ops->present(ctx, account, &challenge, &result->err)
                 : ops->absent(ctx, account, &challenge, &result->err);
}

struct member {
    const char *words[5];
    bool ok;
    pthread_barrier_t *start;
};
static void *one_of_crowd(void *arg)
{
    struct member *member = arg;
    struct result result = {0};
    struct context ctx = {.arena = arena_create(), .config = &config, .http = http_client_create(&network)};
    pthread_barrier_wait(member->start);
    member->ok = place(&ctx, member->words, true, &result);
    if (!member->ok)
        fprintf(stderr, "crowd: %s\n", result.err.message);
    http_client_destroy(ctx.http);
    arena_destroy(ctx.arena);
    return NULL;
}
static int crowd(const char *const *words, int count)
{
    struct member members[WORDS_MOST];
    pthread_t threads[WORDS_MOST];
    pthread_barrier_t start;
    int size = count - 4, failed = 0;
    pthread_barrier_init(&start, NULL, (unsigned)size);
    for (int i = 0; i < size; i++) {
        members[i] = (struct member){{words[0], words[1], words[2], words[3], words[4 + i]}, false, &start};
        pthread_create(&threads[i], NULL, one_of_crowd, &members[i]);
    }
    for (int i = 0; i < size; i++) {
        pthread_join(threads[i], NULL);
        failed += !members[i].ok;
    }
    pthread_barrier_destroy(&start);
    return failed;
}

/* words: PORT ZONE NAME TYPE VALUE */
static bool seen_by(struct context *ctx, const char *const *words, struct result *result)
{
    struct dns_address resolver = {.host = "127.0.0.1", .port = atoi(words[0])};
    const struct propagation_world world = {&resolver, 1, resolver.port};
    const struct dns_challenge challenge = {words[1], words[2], words[3], words[4]};
    struct propagation propagation = {0};
    bool ok = propagation_check_by(ctx, &world, &challenge, &propagation, &result->err);
    result->flag = propagation.everywhere;
    result->words = propagation.words;
    return ok;
}

static void perform(struct context *ctx, const char *const *words, int count, struct result *result)
{
    const char *verb = words[0];
    const struct resource *account = count > 1 && strncmp(verb, "seen", 4) != 0 && strcmp(verb, "turn") != 0
                                         ? account_named(words[1])
                                         : NULL;
    const struct dns_provider_ops *ops =
        account != NULL ? dns_provider_ops(account->dns_account->provider) : NULL;
    struct propagation propagation = {0};
    if (strcmp(verb, "zone") == 0 && count == 3) {
        result->ok = ops->zone_of(ctx, account, words[2], &result->zone, &result->err);
    } else if (strcmp(verb, "present") == 0 && count == 6) {
        result->ok = place(ctx, words + 1, true, result);
    } else if (strcmp(verb, "absent") == 0 && count == 6) {
        result->ok = place(ctx, words + 1, false, result);
    } else if (strcmp(verb, "list") == 0 && count == 5) {
        struct dns_challenge challenge = {words[2], words[3], words[4], ""};
        result->ok = ops->list(ctx, account, &challenge, &result->values, &result->err);
    } else if (strcmp(verb, "check") == 0 && count == 3) {
        result->ok = ops->check(ctx, account, words[2], &result->err);
    } else if (strcmp(verb, "applied") == 0 && count == 6) {
        struct dns_challenge challenge = {words[2], words[3], words[4], words[5]};
        result->flag = true;
        result->ok =
            ops->applied == NULL || ops->applied(ctx, account, &challenge, &result->flag, &result->err);
    } else if (strcmp(verb, "seen") == 0 && count == 5) {
        struct dns_challenge challenge = {words[1], words[2], words[3], words[4]};
        result->ok = propagation_check(ctx, &challenge, &propagation, &result->err);
        result->flag = propagation.everywhere;
        result->words = propagation.words;
    } else if (strcmp(verb, "seen-by") == 0 && count == 6) {
        result->ok = seen_by(ctx, words + 1, result);
    } else if (strcmp(verb, "crowd") == 0 && count > 5) {
        result->failed = crowd(words + 1, count - 1);
        result->ok = result->failed == 0;
    } else if (strcmp(verb, "turn") == 0 && count == 2) {
        clock_turn(atoll(words[1]));
        result->ok = true;
    } else {
        fprintf(stderr, "unknown command %s with %d words\n", verb, count);
        exit(3);
    }
}

static void print(const struct result *result)
{
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    json_begin_object(&w);
    json_bool_member(&w, "ok", result->ok);
    if (!result->ok) {
        json_string_member(&w, "kind", error_kind_name(result->err.kind));
        json_string_member(&w, "message", result->err.message);
        json_int_member(&w, "wait", result->err.retry_at > 0 ? result->err.retry_at - clock_now() : 0);
    }
    json_int_member(&w, "failed", result->failed);
    json_bool_member(&w, "flag", result->flag);
    if (result->zone != NULL)
        json_string_member(&w, "zone", result->zone);
    if (result->words != NULL)
        json_string_member(&w, "words", result->words);
    json_key(&w, "values");
    json_begin_array(&w);
    for (size_t i = 0; i < result->values.count; i++)
        json_put_string(&w, result->values.items[i]);
    json_end_array(&w);
    json_end_object(&w);
    puts(buffer_text(&out));
    fflush(stdout);
    buffer_release(&out);
}

int main(int argc, char **argv)
{
    char line[16384];
    if (argc < 3) {
        fprintf(stderr, "usage: dns_driver OPERATOR-FILE MANIFEST...\n");
        return 64;
    }
    http_setup();
    log_setup(LOG_LOGFMT, LOG_DEBUG);
    forever = arena_create();
    load(argv[1], argv + 2, argc - 2);
    struct context ctx = {.arena = arena_create(), .config = &config, .http = http_client_create(&network)};
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        struct string_list words = text_split(ctx.arena, line, '\t');
        struct result result = {0};
        perform(&ctx, words.items, (int)words.count, &result);
        print(&result);
        arena_reset(ctx.arena);
    }
    http_client_destroy(ctx.http);
    arena_destroy(ctx.arena);
    arena_destroy(forever);
    return 0;
}
