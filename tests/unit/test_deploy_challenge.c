/* Challenge files beneath a webroot. */
#include "deploy_world.h"

#include <pthread.h>

#include "failing_files.h"
#include "failing_users.h"

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
    bool ok = deploy_local.challenge_present(&ctx, &target, name, content, &err);
    well();
    return ok;
}

static bool removes(const char *name, const char *content)
{
    memset(&err, 0, sizeof err);
    bool ok = deploy_local.challenge_absent(&ctx, &target, name, content, &err);
    well();
    return ok;
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

/* What is there, as `clean` and `preflight` are told; a look makes nothing. */
static bool is_there(const char *name, const char *content)
{
    bool there = true;
    CHECK_OK(deploy_local.challenge_look(&ctx, &target, name, content, &there, &err), err);
    return there;
}

static void a_look_finds_just_this_file(void)
{
    bool there;
    challenge_world();
    CHECK(!is_there("A.txt", "one"));
    CHECK(!is_there(NULL, NULL)); /* whether the webroot can be used */
    CHECK_INT(count_entries(at("site/html"), false), 0);
    CHECK_OK(presents("A.txt", "one"), err);
    CHECK(is_there("A.txt", "one"));
    CHECK(!is_there(NULL, NULL));
    CHECK(!is_there("A.txt", "two") && !is_there("A.txt", "longer") && !is_there("B.txt", "one"));
    CHECK(!deploy_local.challenge_look(&ctx, &target, "../A.txt", "one", &there, &err));
    CHECK_INT(err.kind, ERROR_MALFORMED);
    fail_at("openat2", 5, EMFILE); /* site, html, .well-known, pki-validation, the file */
    CHECK(!deploy_local.challenge_look(&ctx, &target, "A.txt", "one", &there, &err));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    fail_at("openat2", 3, EMFILE);
    CHECK(!deploy_local.challenge_look(&ctx, &target, NULL, NULL, &there, &err));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    well();
    spec.challenge_http.webroot = "site/gone";
    CHECK(!deploy_local.challenge_look(&ctx, &target, NULL, NULL, &there, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    spec.challenge_http.webroot = NULL; /* the root itself */
    CHECK(!is_there("A.txt", "one"));
}

static void what_a_vendor_may_not_send_is_refused(void)
{
    challenge_world();
    CHECK_OK(presents("A.txt", "one\r\ntwo\n"), err);
    CHECK_OK(removes("A.txt", "one\r\ntwo\n"), err);
    static const char *const contents[] = {"\x7f", "\t", "\x1b[31m"};
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        CHECK(!presents("A.txt", contents[i]));
        CHECK_INT(err.kind, ERROR_MALFORMED);
    }
    target.position.line = 9;
    spec.challenge_http.webroot = "site/./html";
    CHECK(!presents("A.txt", "one"));
    CHECK_INT(err.kind, ERROR_MANIFEST);
    CHECK_INT(err.manifest.line, 9);
}

/* --- when the disk or somebody else is in the way ---------------------------------------------- */

static void somebody_puts_another(void) { put(at(CHALLENGE "/A.txt"), "two", 0644); }
static void somebody_puts_the_same(void) { put(at(CHALLENGE "/A.txt"), "one", 0644); }
static void somebody_removes_it(void) { CHECK(unlink(at(CHALLENGE "/A.txt")) == 0); }

static void somebody_removes_the_folder(void) { CHECK(rmdir(at("site/html/.well-known")) == 0); }

/* Another challenge's removal takes the empty folders away between our two steps. */
static void folders_that_go_meanwhile_are_made_again(void)
{
    challenge_world();
    happens_before("mkdirat", 2, somebody_removes_the_folder);
    CHECK_OK(presents("A.txt", "one"), err);
    CHECK(was_hit() && is_there("A.txt", "one"));
}

static void a_file_that_comes_meanwhile_is_looked_at(void)
{
    challenge_world();
    happens_before("renameat2", 1, somebody_puts_another);
    CHECK(!presents("A.txt", "one"));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK_TEXT(text_of(at(CHALLENGE "/A.txt")), "two");
    CHECK_INT(count_entries(at(CHALLENGE), false), 1);
    CHECK(unlink(at(CHALLENGE "/A.txt")) == 0);
    happens_before("renameat2", 1, somebody_puts_the_same);
    CHECK_OK(presents("A.txt", "one"), err);
    happens_before("unlinkat", 2, somebody_removes_it);
    CHECK_OK(removes("A.txt", "one"), err);
    CHECK(was_hit());
    CHECK_INT(count_entries(at("site/html"), false), 0);
}

static void why_a_file_cannot_be_written_is_told(void)
{
    static const struct {
        const char *call;
        int error;
        enum error_kind kind;
    } cases[] = {
        {"openat", EACCES, ERROR_CONFIG},   {"openat", EROFS, ERROR_CONFIG},     {"openat", ENOSPC, ERROR_SYSTEM},
        {"write", ENOSPC, ERROR_SYSTEM},    {"fstatat", EIO, ERROR_SYSTEM},      {"fsync", EIO, ERROR_SYSTEM},
        {"renameat2", EIO, ERROR_SYSTEM},   {"mkdirat", EROFS, ERROR_CONFIG},    {"open", EACCES, ERROR_CONFIG},
        {"openat", ENOENT, ERROR_NOT_FOUND}, /* the folder goes away, again and again */
        {"fcntl", EMFILE, ERROR_SYSTEM},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        challenge_world();
        fail_at(cases[i].call, 1, cases[i].error);
        failing_here.on = true;
        CHECK(!presents("A.txt", "one"));
        CHECK(was_hit());
        CHECK_INT(err.kind, cases[i].kind);
        CHECK(!exists(at(CHALLENGE "/A.txt")));
        CHECK_OK(presents("A.txt", "one"), err);
    }
}

/* A removal is recorded and nobody looks again: it may not be said of a file that is still there. */
static void what_could_not_be_removed_is_not_said_to_be_gone(void)
{
    static const struct {
        const char *call;
        int nth, error;
    } cases[] = {{"openat2", 5, EMFILE}, {"openat2", 3, EMFILE}, {"read", 1, EIO},  {"fstatat", 1, EIO},
                 {"unlinkat", 2, EIO},   {"fsync", 1, EIO},      {"fsync", 2, EIO}, {"fsync", 3, EIO}};
    challenge_world();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_OK(presents("A.txt", "one"), err);
        fail_at(cases[i].call, cases[i].nth, cases[i].error);
        CHECK(!removes("A.txt", "one"));
        CHECK(was_hit());
        CHECK_INT(err.kind, ERROR_SYSTEM);
        CHECK_OK(removes("A.txt", "one"), err);
        CHECK_INT(count_entries(at("site/html"), false), 0);
    }
}

static void folders_in_use_or_not_ours_stay(void)
{
    static const int stay[] = {ENOTEMPTY, EEXIST, ENOENT, EACCES, EPERM, EBUSY};
    challenge_world();
    for (int level = 3; level <= 4; level++) { /* after the beside-file and the file */
        for (size_t i = 0; i < COUNT_OF(stay); i++) {
            CHECK_OK(presents("A.txt", "one"), err);
            fail_at("unlinkat", level, stay[i]);
            CHECK_OK(removes("A.txt", "one"), err);
            CHECK(was_hit());
        }
        CHECK_OK(presents("A.txt", "one"), err);
        fail_at("unlinkat", level, EIO);
        CHECK(!removes("A.txt", "one"));
        CHECK_INT(err.kind, ERROR_SYSTEM);
        CHECK_OK(removes("A.txt", "one"), err);
    }
    CHECK_OK(presents("A.txt", "one"), err);
    if (geteuid() == 0) { /* whose folders those are */
        CHECK(chown(at("site/html/.well-known"), 65534, 65534) == 0 && chown(at(CHALLENGE), 65534, 65534) == 0);
        CHECK_OK(removes("A.txt", "one"), err);
        CHECK(exists(at(CHALLENGE)) && !exists(at(CHALLENGE "/A.txt")));
    }
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
    RUN(a_look_finds_just_this_file);
    RUN(what_a_vendor_may_not_send_is_refused);
    RUN(folders_that_go_meanwhile_are_made_again);
    RUN(a_file_that_comes_meanwhile_is_looked_at);
    RUN(why_a_file_cannot_be_written_is_told);
    RUN(what_could_not_be_removed_is_not_said_to_be_gone);
    RUN(folders_in_use_or_not_ours_stay);
    RUN(challenges_of_several_workers_do_not_disturb_each_other);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
