/* Each call that a look at the manifests makes of the system and of LMDB fails once. Whatever it is: what cannot be read is never an
 * absence, what is not as the files say it is told, and the next look finds everything. */
#include "failing_store_calls.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/desired.h"
#include "controller/guard.h"
#include "controller/parser.h"
#include "controller/state.h"
#include "schema/contact.h"

#include "scratch.h"

static const int system_errors[] = {EIO, EMFILE, ENOMEM, EACCES};
static const int store_errors[] = {EIO, MDB_CORRUPTED, ENOMEM};

static char folder[80], tree[100], paths[3][120];
static struct operator_config config;
static struct state *state;

/* ---- the world ---- */

static const char *in_tree(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", tree, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_tree(name), "we");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

#define CONTACT(name, title) \
    "---\napiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: " name "}\nspec:\n  firstName: Petra\n" \
    "  lastName: Muster\n  title: " title "\n  email: petra@example.com\n  phone: \"+43 1 5550101\"\n"

static const char *const names[] = {"alpha", "beta", "gamma", "delta", "linked", "omega"};
enum { OMEGA = 5 }; /* its file is broken by and by */

static void make_tree(void)
{
    write_file(".certwrightignore", "drafts/\n");
    CHECK(mkdir(in_tree("drafts"), 0700) == 0 && mkdir(in_tree("team"), 0700) == 0 && mkdir(in_tree("team/deep"), 0700) == 0);
    CHECK(mkdir(in_tree(".git"), 0700) == 0);
    write_file(".git/HEAD", "0123456789012345678901234567890123456789\n");
    write_file("drafts/x.yaml", CONTACT("draft", "No"));
    write_file("a.yaml", CONTACT("alpha", "One"));
    write_file("team/b.yml", CONTACT("beta", "One"));
    write_file("team/deep/c.yaml", CONTACT("gamma", "One") CONTACT("delta", "One"));
    write_file("team/linked.txt", CONTACT("linked", "One"));
    write_file("omega.yaml", CONTACT("omega", "One"));
    write_file("README.md", "nothing\n");
    CHECK(symlink("team/linked.txt", in_tree("linked.yaml")) == 0 && symlink("team", in_tree("again")) == 0);
}

static void begin_new(void)
{
    struct error err = {0};
    state_close(state);
    state = NULL;
    scratch_folder(folder, sizeof folder);
    snprintf(tree, sizeof tree, "%s/manifests", folder);
    CHECK(mkdir(tree, 0700) == 0);
    config = (struct operator_config){.manifests_directory = tree, .removal_count = 5, .removal_percent = 10,
                                      .manifest_limits = MANIFEST_LIMITS_DEFAULT};
    snprintf(paths[0], sizeof paths[0], "%s/state", folder);
    snprintf(paths[1], sizeof paths[1], "%s/key", folder);
    snprintf(paths[2], sizeof paths[2], "%s/audit", folder);
    const struct state_options options = {paths[0], paths[1], paths[2], STATE_WRITE, "test", 0, NULL};
    state = state_open(&options, &err);
    CHECK_OK(state != NULL, err);
    make_tree();
    parser_stop();
}

static bool told(bool ok, const struct error *err)
{
    if (!ok && (err->kind == ERROR_NONE || err->kind == ERROR_INTERNAL || err->kind == ERROR_NOT_FOUND))
        fprintf(stderr, "kind %d: \"%s\" (%s)\n", (int)err->kind, err->message, err->raised_at != NULL ? err->raised_at : "?");
    CHECK(ok || (err->kind != ERROR_NONE && err->kind != ERROR_INTERNAL && err->kind != ERROR_NOT_FOUND && err->message[0] != '\0'));
    return ok;
}

static void remember(const struct desired *set)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    desired_remember(set, batch);
    told(state_commit(state, batch, false, &err), &err);
    state_batch_destroy(batch);
}

static void begin_known(void)
{
    struct error err = {0};
    begin_new();
    struct desired *set = desired_read(&config, NULL, state, &err);
    CHECK_OK(set != NULL, err);
    CHECK_INT(desired_count(set), COUNT_OF(names));
    remember(set);
    desired_destroy(set);
    write_file("a.yaml", CONTACT("alpha", "Two"));
    write_file("omega.yaml", "kind: [broken\n");
}

/* ---- one look ---- */

/* Nothing is missing; what is not as its file says is marked, and told besides. */
static void judge_known(struct desired *set)
{
    size_t stale = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct desired_entry *entry = desired_find(set, KIND_CONTACT, "default", names[i]);
        if (entry == NULL)
            fprintf(stderr, "%s is missing\n", names[i]);
        CHECK(entry != NULL);
        const struct resource *resource = desired_resource(set, entry);
        const char *title = resource != NULL ? resource->contact->title : NULL;
        CHECK(resource != NULL || was_hit());
        bool changed = i == 0 && title != NULL && strcmp(title, "Two") == 0;
        CHECK(title == NULL || changed || strcmp(title, "One") == 0);
        CHECK(i != 0 || title == NULL || changed || entry->stale || entry->held);
        CHECK(i != OMEGA || entry->stale || entry->held);
        stale += entry->stale || entry->held;
    }
    CHECK(desired_find(set, KIND_CONTACT, "default", "draft") == NULL);
    CHECK(desired_problems(set)->errors > 0); /* omega's file */
    CHECK(stale == 1 || desired_problems(set)->errors > 1 || desired_holds(set)->count > 0);
}

static void look_known(void)
{
    struct error err = {0};
    struct desired *set = desired_read(&config, NULL, state, &err);
    if (told(set != NULL, &err)) {
        judge_known(set);
        desired_commit(set);
        remember(set);
    }
    desired_destroy(set);
}

static void life_known(void)
{
    look_known();
    look_known();
}

/* Nothing was known before: what cannot be read is told, then. */
static void judge_new(struct desired *set)
{
    size_t missing = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct desired_entry *entry = desired_find(set, KIND_CONTACT, "default", names[i]);
        const struct resource *resource = entry != NULL ? desired_resource(set, entry) : NULL;
        CHECK(resource == NULL || strcmp(resource->contact->title, "One") == 0);
        missing += entry == NULL;
    }
    CHECK(desired_find(set, KIND_CONTACT, "default", "draft") == NULL);
    CHECK(missing == 0 || desired_problems(set)->errors > 0);
}

static void life_new(void)
{
    struct error err = {0};
    for (int i = 0; i < 2; i++) {
        struct desired *set = desired_read(&config, NULL, state, &err);
        if (told(set != NULL, &err)) {
            judge_new(set);
            remember(set);
        }
        desired_destroy(set);
    }
}

static void life_given(void)
{
    struct error err = {0};
    char a[120], linked[120], omega[120], team[120];
    snprintf(a, sizeof a, "%s/a.yaml", tree);
    snprintf(linked, sizeof linked, "%s/linked.yaml", tree);
    snprintf(omega, sizeof omega, "%s/omega.yaml", tree);
    snprintf(team, sizeof team, "%s/team/", tree);
    const char *items[] = {a, team, linked, omega};
    const struct string_list files = {items, COUNT_OF(items)};
    struct desired *set = desired_read(&config, &files, NULL, &err);
    if (set != NULL)
        judge_new(set);
    else
        CHECK(err.kind != ERROR_NONE && err.kind != ERROR_INTERNAL);
    desired_destroy(set);
}

/* ---- afterwards ---- */

static void judge(const char *alpha, bool omega_broken)
{
    struct error err = {0};
    struct desired *set = desired_read(&config, NULL, state, &err);
    CHECK_OK(set != NULL, err);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct desired_entry *entry = desired_find(set, KIND_CONTACT, "default", names[i]);
        const struct resource *resource = entry != NULL ? desired_resource(set, entry) : NULL;
        CHECK(resource != NULL);
        CHECK_TEXT(resource->contact->title, i == 0 ? alpha : "One");
        CHECK(entry->stale == (omega_broken && i == OMEGA));
        CHECK(!entry->held);
    }
    CHECK_INT(desired_problems(set)->errors, omega_broken);
    CHECK_INT(desired_count(set), COUNT_OF(names));
    CHECK_TEXT(desired_commit(set), "0123456789012345678901234567890123456789");
    remember(set);
    desired_destroy(set);
}

static void judge_known_end(void) { judge("Two", true); }
static void judge_new_end(void) { judge("One", false); }

static const struct failing_life known_tree = {begin_known, life_known, judge_known_end};
static const struct failing_life new_tree = {begin_new, life_new, judge_new_end};
static const struct failing_life given_files = {begin_new, life_given, judge_new_end};

static void what_was_known_stays_whatever_fails(void)
{
    CHECK(each_call_fails(&known_tree, SYSTEM_CALLS, system_errors, (int)COUNT_OF(system_errors), 7) > 100);
    CHECK(each_call_fails(&known_tree, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), 5) > 20);
}

static void what_is_new_is_read_or_told_whatever_fails(void)
{
    CHECK(each_call_fails(&new_tree, SYSTEM_CALLS, system_errors, (int)COUNT_OF(system_errors), 7) > 100);
    CHECK(each_call_fails(&new_tree, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), 5) > 20);
}

static void given_files_are_read_or_told_whatever_fails(void)
{
    CHECK(each_call_fails(&given_files, SYSTEM_CALLS, system_errors, (int)COUNT_OF(system_errors), 5) > 40);
}

/* ---- rows of the index that are not what they should be ---- */

static struct kept_row {
    char key[600], value[8192];
    size_t length;
} kept;

static bool keep_row(const char *key, struct span value, int64_t revision, void *arg)
{
    (void)revision, (void)arg;
    CHECK(strlen(key) < sizeof kept.key && value.length < sizeof kept.value);
    strcpy(kept.key, key);
    memcpy(kept.value, value.data, value.length);
    kept.length = value.length;
    return kept.length < 200; /* one with a file or more */
}

static void put_kept(const char *value, size_t length)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    state_put(batch, TABLE_FILE, kept.key, span_of(value, length), STATE_ANY);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    state_batch_destroy(batch);
}

static void a_row_that_says_nonsense_is_none(void)
{
    struct error err = {0};
    begin_new();
    judge_new_end();
    CHECK_OK(state_scan(state, TABLE_FILE, "", keep_row, NULL, &err), err);
    CHECK(kept.length >= 200);
    const struct kept_row whole = kept;
    for (size_t length = 0; length < whole.length; length += 1 + length / 12) {
        put_kept(whole.value, length);
        judge_new_end();
    }
    for (size_t at = 0; at < 200; at += 7) {
        char other[sizeof whole.value];
        memcpy(other, whole.value, whole.length);
        other[at] = (char)(other[at] ^ 0x7f);
        put_kept(other, whole.length);
        struct desired *set = desired_read(&config, NULL, state, &err); /* a digest may be another: it is read again */
        CHECK_OK(set != NULL, err);
        CHECK_INT(desired_problems(set)->errors, 0);
        desired_destroy(set);
    }
}

static void a_path_too_long_for_a_key_is_remembered(void)
{
    char name[50];
    begin_new();
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    int at = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 11; i++) {
        CHECK(mkdirat(at, name, 0700) == 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    int fd = openat(at, "z.yaml", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *text = CONTACT("far", "Away");
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    close(at);
    for (int i = 0; i < 2; i++) {
        struct error err = {0};
        struct desired *set = desired_read(&config, NULL, state, &err);
        CHECK_OK(set != NULL, err);
        CHECK(desired_find(set, KIND_CONTACT, "default", "far") != NULL);
        CHECK_INT(desired_count(set), COUNT_OF(names) + 1);
        remember(set);
        desired_destroy(set);
    }
}

int main(void)
{
    log_to(-1);
    RUN(what_was_known_stays_whatever_fails);
    RUN(what_is_new_is_read_or_told_whatever_fails);
    RUN(given_files_are_read_or_told_whatever_fails);
    RUN(a_row_that_says_nonsense_is_none);
    RUN(a_path_too_long_for_a_key_is_remembered);
    state_close(state);
    parser_stop();
    return CHECK_REPORT();
}
