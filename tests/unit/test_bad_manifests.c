/* Every file in tests/bad says in its first lines what is wrong with it and where:
 *
 *   # expect: <code> <line>:<column> schema=<yes|no>
 *
 * Exactly those errors must be found. Files stand beside tests/bad/good.yaml, which stays good; a folder is a set of its
 * own. */
#include "manifest_set.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

enum { MOST = 64 };
struct expectation {
    const char *file;
    char code[64];
    int line, column;
    bool in_schema, met;
};
static struct expectation expected[MOST];
static size_t expected_count;
static struct arena *arena;
static char bad_folder[512];
static size_t cases, failures;

static const char *source_folder(void)
{
#ifdef CERTWRIGHT_SOURCE_DIR
    return CERTWRIGHT_SOURCE_DIR;
#else
    return getenv("CERTWRIGHT_SOURCE") != NULL ? getenv("CERTWRIGHT_SOURCE") : ".";
#endif
}

static struct operator_config operator_of_the_tests(void)
{
    static struct deploy_root roots[] = {{.name = "nginx", .path = "/srv/nginx"}, {.name = "www", .path = "/srv/www"}};
    static struct reload_profile profiles[] = {{.name = "nginx"}};
    return (struct operator_config){.path = "certwright.yaml", .roots = roots, .root_count = COUNT_OF(roots),
                                    .profiles = profiles, .profile_count = COUNT_OF(profiles)};
}

static void read_expectations(const char *file, const char *text)
{
    char answer[4];
    while (text_has_prefix(text, "# expect: ")) {
        struct expectation *one = &expected[expected_count];
        CHECK(expected_count < MOST);
        *one = (struct expectation){.file = file};
        CHECK_INT(sscanf(text, "# expect: %63s %d:%d schema=%3s", one->code, &one->line, &one->column, answer), 4);
        one->in_schema = strcmp(answer, "yes") == 0;
        CHECK(one->in_schema || strcmp(answer, "no") == 0);
        expected_count++;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}

static void add_file(struct manifest_set *set, const char *path)
{
    struct buffer text = {0};
    struct error err = {0};
    CHECK_OK(file_read_path(path, 1 << 20, &text, &err), err);
    const char *name = arena_strdup(arena, path), *content = arena_strdup(arena, buffer_text(&text));
    set->problems.arena = arena;
    manifest_decode(name, content, text.length, arena, &set->resources, &set->broken, &set->problems);
    if (strstr(path, "/good.yaml") == NULL)
        read_expectations(name, content);
    buffer_release(&text);
}

static bool is_expected(const struct problem *problem)
{
    for (size_t i = 0; i < expected_count; i++) {
        struct expectation *one = &expected[i];
        if (one->met || strcmp(one->code, problem->code) != 0 || one->line != problem->position.line ||
            one->column != problem->position.column || !text_equal(one->file, problem->position.file))
            continue;
        one->met = true;
        if (one->in_schema == problem->in_schema)
            return true;
        fprintf(stderr, "  %s: %s: a schema %s express it, and the problem says otherwise\n", one->file, one->code,
                one->in_schema ? "can" : "cannot");
    }
    return false;
}

static void judge(struct manifest_set *set, const char *name)
{
    struct operator_config config = operator_of_the_tests();
    struct resource_lookup lookup = manifest_set_lookup(set);
    int64_t now = clock_from_civil(2026, 11, 22, 0, 0, 0);
    bool good = true;
    for (size_t i = 0; i < set->resources.count; i++) {
        struct certificate_references references;
        const struct resource *resource = &set->resources.items[i];
        if (resource->kind != KIND_CERTIFICATE)
            continue;
        bool resolved = certificate_resolve(resource, &lookup, &config, now, arena, &references, &set->problems);
        if (!resolved && strcmp(resource->name, "good") == 0)
            good = false;
    }
    for (size_t i = 0; i < set->problems.count; i++)
        if (!is_expected(&set->problems.items[i]) && set->problems.items[i].severity == SEVERITY_ERROR)
            good = false;
    for (size_t i = 0; i < expected_count; i++)
        good = good && expected[i].met;
    cases++;
    if (good && expected_count > 0)
        return;
    failures++;
    fprintf(stderr, "  %s: should be\n", name);
    for (size_t i = 0; i < expected_count; i++)
        fprintf(stderr, "    %s:%d:%d [%s]%s\n", expected[i].file, expected[i].line, expected[i].column, expected[i].code,
                expected[i].met ? "" : " (not found)");
    fprintf(stderr, "  is\n");
    manifest_set_print(&set->problems);
}

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void add_folder(struct manifest_set *set, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, visible, alphasort);
    for (int i = 0; i < count; i++) {
        add_file(set, arena_printf(arena, "%s/%s", path, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
}

static void run_case(const char *name)
{
    const char *path = arena_printf(arena, "%s/%s", bad_folder, name);
    struct manifest_set set = {.arena = arena};
    struct stat status;
    expected_count = 0;
    CHECK(stat(path, &status) == 0);
    if (S_ISDIR(status.st_mode)) {
        add_folder(&set, path);
    } else {
        add_file(&set, arena_printf(arena, "%s/good.yaml", bad_folder));
        CHECK_INT(set.problems.count, 0);
        add_file(&set, path);
    }
    judge(&set, name);
}

static void each_bad_manifest_is_refused_as_it_says(void)
{
    struct dirent **entries = NULL;
    int count = scandir(bad_folder, &entries, visible, alphasort);
    CHECK(count > 0);
    for (int i = 0; i < count; i++)
        if (strcmp(entries[i]->d_name, "good.yaml") != 0)
            run_case(entries[i]->d_name);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    CHECK_INT(failures, 0);
    CHECK(cases >= 45);
}

static void check_examples(const char *folder, bool together)
{
    struct manifest_set set = {.arena = arena};
    struct dirent **entries = NULL;
    const char *path = arena_printf(arena, "%s/examples/%s", source_folder(), folder);
    int count = scandir(path, &entries, visible, alphasort);
    CHECK(count > 0);
    for (int i = 0; i < count; i++) {
        if (text_has_suffix(entries[i]->d_name, ".yaml"))
            add_file(&set, arena_printf(arena, "%s/%s", path, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    if (together && strcmp(folder, "site") == 0)
        add_folder(&set, arena_printf(arena, "%s/certificates", path));
    struct operator_config config = operator_of_the_tests();
    config.path = NULL; /* names of the operator's file are not judged */
    struct resource_lookup lookup = manifest_set_lookup(&set);
    size_t certificates = 0;
    for (size_t i = 0; i < set.resources.count; i++) {
        struct certificate_references references;
        if (set.resources.items[i].kind != KIND_CERTIFICATE)
            continue;
        certificates++;
        certificate_resolve(&set.resources.items[i], &lookup, &config, clock_from_civil(2026, 11, 22, 0, 0, 0), arena,
                            &references, &set.problems);
    }
    if (set.problems.errors > 0)
        manifest_set_print(&set.problems);
    CHECK_INT(set.problems.errors, 0);
    CHECK(certificates > 0);
}

static void the_examples_are_good(void) { check_examples(".", true); }
static void the_quickstart_is_good(void) { check_examples("quickstart", true); }
static void the_site_is_good(void) { check_examples("site", true); }

int main(void)
{
    arena = arena_create();
    snprintf(bad_folder, sizeof bad_folder, "%s/tests/bad", source_folder());
    RUN(each_bad_manifest_is_refused_as_it_says);
    RUN(the_examples_are_good);
    RUN(the_quickstart_is_good);
    RUN(the_site_is_good);
    arena_destroy(arena);
    return CHECK_REPORT();
}
