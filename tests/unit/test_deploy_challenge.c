/* Challenge files beneath a webroot. */
#include "deploy_world.h"

#include <pthread.h>

#define CHALLENGE "site/html/.well-known/pki-validation"

static void challenge_world(void)
{
    new_world(LAYOUT_GENERATION);
    spec.challenge_http.root = "certs";
    spec.challenge_http.webroot = "site/html";
    CHECK(mkdir(at("site"), 0755) == 0 && mkdir(at("site/html"), 0755) == 0);
}

static bool presents(const char *name, const char *content)
{
    memset(&err, 0, sizeof err);
    return deploy_local.challenge_present(&ctx, &target, name, content, &err);
}

static bool removes(const char *name, const char *content)
{
    memset(&err, 0, sizeof err);
    return deploy_local.challenge_absent(&ctx, &target, name, content, &err);
}

static void a_challenge_file_comes_and_goes_without_a_trace(void)
{
    challenge_world();
    mode_t before = umask(0077);
    CHECK_OK(presents("ABC.txt", "one\ntwo\n"), err);
    umask(before);
    CHECK_OK(presents("ABC.txt", "one\ntwo\n"), err);
    CHECK_TEXT(text_of(at(CHALLENGE "/ABC.txt")), "one\ntwo\n");
    CHECK_INT(mode_of(at(CHALLENGE "/ABC.txt")), 0644);
    CHECK_INT(mode_of(at(CHALLENGE)), 0755);
    CHECK_OK(presents("second.txt", "x"), err);
    CHECK_OK(removes("ABC.txt", "one\ntwo\n"), err);
    CHECK(exists(at(CHALLENGE "/second.txt")));
    put(at(CHALLENGE "/.second.txt.new"), "left by a crash", 0600);
    CHECK_OK(removes("second.txt", "x"), err);
    CHECK_OK(removes("second.txt", "x"), err);
    CHECK_INT(count_entries(at("site/html"), false), 0);
    spec.challenge_http.webroot = "";
    CHECK_OK(presents("a", "b"), err);
    CHECK(exists(at(".well-known/pki-validation/a")));
}

static void a_challenge_file_of_others_is_not_touched(void)
{
    challenge_world();
    CHECK_OK(presents("ABC.txt", "theirs"), err);
    CHECK(!presents("ABC.txt", "ours"));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_OK(removes("ABC.txt", "ours"), err);
    CHECK_TEXT(text_of(at(CHALLENGE "/ABC.txt")), "theirs");
    put(at("outside"), "ours", 0644);
    CHECK(symlink("../../../../outside", at(CHALLENGE "/link.txt")) == 0);
    CHECK(!presents("link.txt", "ours"));
    CHECK_INT(err.kind, ERROR_CONFLICT);
}

static void a_challenge_never_leaves_its_folder(void)
{
    static const char *const names[] = {"", ".", "..", ".htaccess", "a/b", "../x", "a b", "a\nb", "ä"};
    char longest[140];
    challenge_world();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(!presents(names[i], "x") && !removes(names[i], "x"));
    memset(longest, 'a', sizeof longest);
    longest[129] = '\0';
    CHECK(!presents(longest, "x"));
    longest[128] = '\0';
    CHECK_OK(presents(longest, "x"), err);
    CHECK(!presents("ok", "<?php \x01") && !presents("ok", "\xC3\xA4"));
    char *large = arena_alloc(arena, 5000);
    memset(large, 'x', 4097);
    CHECK(!presents("ok", large));
    large[4096] = '\0';
    CHECK_OK(presents("ok", large), err);

    spec.challenge_http.webroot = "../..";
    CHECK(!presents("ok", "x"));
    CHECK_INT(err.kind, ERROR_MANIFEST);
    spec.challenge_http.webroot = "not/there";
    CHECK(!presents("ok", "x"));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(symlink("/tmp", at("away")) == 0);
    spec.challenge_http.webroot = "away";
    CHECK(!presents("ok", "x"));
    spec.challenge_http.root = "closed";
    CHECK(!presents("ok", "x"));
    CHECK_INT(err.kind, ERROR_CONFIG);
}

static void *present_and_remove(void *argument)
{
    struct context own = ctx;
    own.arena = arena_create();
    int bad = 0;
    for (int i = 0; i < 50; i++) {
        char name[32];
        struct error why = {0};
        snprintf(name, sizeof name, "t%d.txt", *(int *)argument);
        bad += !deploy_local.challenge_present(&own, &target, name, "content", &why);
        bad += !deploy_local.challenge_absent(&own, &target, name, "content", &why);
    }
    arena_destroy(own.arena);
    *(int *)argument = bad;
    return NULL;
}

static void challenges_of_several_workers_do_not_disturb_each_other(void)
{
    pthread_t threads[3];
    int numbers[] = {1, 2, 3};
    challenge_world();
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, present_and_remove, &numbers[i]) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(numbers[0] + numbers[1] + numbers[2], 0);
    CHECK_INT(count_entries(at("site/html"), false), 0);
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(a_challenge_file_comes_and_goes_without_a_trace);
    RUN(a_challenge_file_of_others_is_not_touched);
    RUN(a_challenge_never_leaves_its_folder);
    RUN(challenges_of_several_workers_do_not_disturb_each_other);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
