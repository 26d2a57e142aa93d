/* Which commit a tree is, read from files alone, in every form that git leaves them in. */
#include "controller/desired_internal.h"

#include "base/arena.h"
#include "base/text.h"

#include "check.h"
#include "scratch.h"

static char folder[80];
static struct arena *arena;

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "fedcba9876543210fedcba9876543210fedcba98"
#define LONG_COMMIT COMMIT "0123456789abcdef01234567"

static const char *at(const char *name) { return arena_printf(arena, "%s/%s", folder, name); }

static void write_file(const char *name, const char *text)
{
    char *path = arena_strdup(arena, at(name));
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void begin(const char *head)
{
    scratch_folder(folder, sizeof folder);
    CHECK(mkdir(at("tree"), 0700) == 0);
    if (head != NULL)
        write_file("tree/.git/HEAD", head);
}

static const char *commit(void) { return git_commit(at("tree"), arena); }

static void a_head_is_a_commit_or_a_name_of_one(void)
{
    static const struct {
        const char *head, *commit;
    } rows[] = {
        {COMMIT "\n", COMMIT},        {LONG_COMMIT "\n", LONG_COMMIT},  {"", NULL},
        {"0123\n", NULL},             {"ref: refs/heads/main\n", OTHER}, {"ref: refs/heads/none\n", NULL},
        {"ref: other/main\n", NULL},  {"ref: refs/../../x\n", NULL},    {"g123456789abcdef0123456789abcdef01234567\n", NULL},
        {"ref: refs/heads/bad\n", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(rows[i].head);
        write_file("tree/.git/refs/heads/main", OTHER "\n");
        write_file("tree/.git/refs/heads/bad", "no commit\n");
        write_file("tree/x", COMMIT "\n");
        const char *is = commit();
        if ((is == NULL) != (rows[i].commit == NULL))
            fprintf(stderr, "row %zu\n", i);
        CHECK((is == NULL) == (rows[i].commit == NULL));
        CHECK(is == NULL || strcmp(is, rows[i].commit) == 0);
    }
    begin(NULL);
    CHECK(commit() == NULL);
    CHECK(git_commit(at("nowhere"), arena) == NULL && git_repository(at("nowhere"), arena) == NULL);
}

static void packed_references_are_looked_through(void)
{
    begin("ref: refs/heads/main\n");
    write_file("tree/.git/packed-refs", "# pack-refs with: peeled fully-peeled sorted\n" COMMIT " refs/heads/main2\n" OTHER
                                        " refs/heads/main\n^" COMMIT "\n");
    CHECK_TEXT(commit(), OTHER);
    write_file("tree/.git/packed-refs", COMMIT " refs/heads/other\nshort refs/heads/main");
    CHECK(commit() == NULL);
    write_file("tree/.git/packed-refs", OTHER " refs/heads/main"); /* no newline at its end */
    CHECK_TEXT(commit(), OTHER);
}

static void a_folder_in_a_repository_and_a_linked_work_tree_know_it_too(void)
{
    begin(COMMIT "\n");
    write_file("tree/sub/deep/x", "");
    CHECK_TEXT(git_commit(at("tree/sub/deep"), arena), COMMIT);
    static const char *const ways[] = {"gitdir: ../main/.git/worktrees/tree\n", NULL, "nothing of the sort\n", "gitdir: /nowhere\n"};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        begin(NULL);
        write_file("main/.git/worktrees/tree/HEAD", "ref: refs/heads/main\n");
        write_file("main/.git/worktrees/tree/commondir",
                   i == 1 ? arena_printf(arena, "%s\n", at("main/.git")) : "../..\n");
        write_file("main/.git/refs/heads/main", OTHER "\n");
        write_file("tree/.git", ways[i] != NULL ? ways[i] : arena_printf(arena, "gitdir: %s\n", at("main/.git/worktrees/tree")));
        CHECK(i < 2 ? commit() != NULL && strcmp(commit(), OTHER) == 0 : commit() == NULL);
    }
}

static void a_repository_is_told_by_its_origin(void)
{
    begin(COMMIT "\n");
    const char *none = git_repository(at("tree"), arena);
    CHECK_INT(strlen(none), 16);
    write_file("tree/.git/config", "[core]\n\turl = not this\n[remote \"other\"]\n\turl = https://other\n[remote \"origin\"]\n"
                                   "\tfetch = +refs\n\turl = https://user:secret@example.com/x.git\n[branch \"main\"]\n");
    const char *origin = git_repository(at("tree"), arena);
    CHECK(strcmp(origin, none) != 0 && strstr(origin, "secret") == NULL);
    write_file("tree/.git/config", "[remote \"origin\"]\n\turl = https://elsewhere/x.git\n");
    CHECK(strcmp(git_repository(at("tree"), arena), origin) != 0);
    write_file("tree/.git/config", "[remote \"origin\"]\n\turl\n");
    CHECK_TEXT(git_repository(at("tree"), arena), none);
}

static void what_belongs_to_somebody_else_has_no_say(void)
{
    begin(COMMIT "\n");
    if (geteuid() != 0)
        return;
    CHECK(chown(at("tree/.git"), 1, 1) == 0);
    CHECK(commit() == NULL);
    CHECK(chown(at("tree"), 1, 1) == 0); /* whose the tree is */
    CHECK_TEXT(commit(), COMMIT);
}

int main(void)
{
    arena = arena_create();
    RUN(a_head_is_a_commit_or_a_name_of_one);
    RUN(packed_references_are_looked_through);
    RUN(a_folder_in_a_repository_and_a_linked_work_tree_know_it_too);
    RUN(a_repository_is_told_by_its_origin);
    RUN(what_belongs_to_somebody_else_has_no_say);
    arena_destroy(arena);
    return CHECK_REPORT();
}
