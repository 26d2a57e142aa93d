/* The reader of manifests and its keeper: with the real program, and with a stand-in (this program under another name) that
 * ends, lies and hangs on purpose. */
#include "controller/parser.h"

#include <signal.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "schema/operator.h"
#include "schema/parsed.h"

#include "check.h"

static const char good[] = "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: petra}\n"
                           "spec: {firstName: Petra, lastName: Muster, email: petra@example.com, phone: \"+43 1 5550101\"}\n";
static const char *own_program;

/* ---- the stand-in ---- */

static bool read_whole(void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(0, (char *)out + done, size - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static void say(const void *data, size_t size)
{
    if (write(0, data, size) != (ssize_t)size)
        _exit(1);
}

static void stand_in_answer(struct span text, bool trees)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct buffer out = {0};
    if (memmem(text.data, text.length, "ABORT", 5) != NULL)
        kill(getpid(), SIGABRT);
    if (memmem(text.data, text.length, "LEAVE", 5) != NULL)
        _exit(0);
    if (memmem(text.data, text.length, "ENDLESS", 7) != NULL)
        buffer_printf(&out, "%064d", 0);
    else
        parsed_encode(&yaml_limits_default, text, trees, arena, &out);
    uint32_t length = (uint32_t)out.length;
    if (memmem(text.data, text.length, "ENDLESS", 7) != NULL)
        length = UINT32_MAX;
    say(&length, sizeof length);
    say(buffer_text(&out), out.length);
    buffer_release(&out);
}

static int stand_in(void)
{
    struct parsed_hello hello = {.magic = PARSED_MAGIC, .calls = getenv("LANG") == NULL || strcmp(getenv("LANG"), "loose") != 0};
    struct parsed_batch batch;
    static char bytes[PARSED_BATCH_MAX];
    snprintf(hello.version, sizeof hello.version, "%s",
             getenv("LC_CTYPE") != NULL && strcmp(getenv("LC_CTYPE"), "old") == 0 ? "0.0.0" : CERTWRIGHT_VERSION);
    say(&hello, sizeof hello);
    while (read_whole(&batch, sizeof batch) && read_whole(bytes, batch.length))
        for (uint32_t i = 0, at = 0; i < batch.files; i++) {
            uint32_t length;
            memcpy(&length, bytes + at, sizeof length);
            stand_in_answer(span_of(bytes + at + sizeof length, length), batch.trees == 1);
            at += (uint32_t)sizeof length + length;
        }
    return 0;
}

/* ---- asking ---- */

struct said {
    const char *file;
    size_t resources, errors;
    char ended[120];
};
static struct said told[16];
static size_t told_count;

static void listen_to(void *file, struct span answer, const char *ended, void *arg)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct problem_list problems = {.arena = arena};
    struct parsed_file parsed = {0};
    struct said *said = &told[told_count++];
    (void)arg;
    *said = (struct said){.file = file};
    snprintf(said->ended, sizeof said->ended, "%s", ended == NULL ? "" : ended);
    if (ended == NULL && parsed_decode(answer, "x.yaml", arena, &parsed, &problems, NULL)) {
        said->resources = parsed.count;
        said->errors = problems.errors;
        for (size_t i = 0; i < parsed.count; i++) {
            struct resource resource;
            if (!parsed_resource_decode(&parsed.resources[i], arena, &resource))
                snprintf(said->ended, sizeof said->ended, "not what was said");
        }
    }
}

static bool ask(const char *const *texts, size_t count, bool unconfined, struct error *err)
{
    struct parser_terms terms = parser_terms(NULL);
    terms.unconfined = unconfined;
    struct parser_batch *batch = parser_batch_create(true, &terms);
    told_count = 0;
    for (size_t i = 0; i < count; i++)
        parser_add(batch, (void *)texts[i], span_of(texts[i], strlen(texts[i])));
    bool ok = parser_send(batch, err) && parser_receive(batch, listen_to, NULL, err);
    parser_batch_destroy(batch);
    return ok;
}

static void use_stand_in(bool yes)
{
    parser_stop();
    setenv("CERTWRIGHT_PARSE", yes ? own_program : CERTWRIGHT_BUILD_DIR "/certwright-parse", 1);
}

/* ---- tests ---- */

static void it_is_confined(void)
{
    struct confinement found;
    struct error err = {0};
    AUTO(arena) struct arena *arena = arena_create();
    use_stand_in(false);
    CHECK_OK(parser_confinement(&found, &err), err);
    CHECK(found.calls && confinement_holds(&found) && found.limits);
    CHECK_INT(found.landlock, confine_landlock());
    CHECK(found.user == (geteuid() == 0));
    CHECK(strstr(confinement_words(&found, arena), "seccomp") != NULL);
}

static void answers_come_in_order(void)
{
    const char *texts[] = {good, "kind: [", good, ""};
    struct error err = {0};
    use_stand_in(false);
    CHECK_OK(ask(texts, 4, false, &err), err);
    CHECK_INT(told_count, 4);
    for (size_t i = 0; i < 4; i++)
        CHECK(told[i].file == texts[i] && told[i].ended[0] == '\0');
    CHECK(told[0].resources == 1 && told[1].errors > 0 && told[2].resources == 1 && told[3].resources == 0);
}

static void one_process_serves_many_batches(void)
{
    const char *texts[] = {good};
    struct error err = {0};
    use_stand_in(false);
    const struct parser_terms terms = parser_terms(NULL);
    CHECK_OK(parser_start(&terms, &err), err);
    int pid = parser_process();
    for (int i = 0; i < 20; i++)
        CHECK_OK(ask(texts, 1, false, &err), err);
    CHECK(pid > 0 && parser_process() == pid);
}

static void a_process_that_was_killed_costs_no_file(void)
{
    struct error err = {0};
    use_stand_in(false);
    const struct parser_terms terms = parser_terms(NULL);
    CHECK_OK(parser_start(&terms, &err), err);
    for (int i = 0; i < 5; i++) {
        struct parser_batch *batch = parser_batch_create(false, &terms);
        told_count = 0;
        for (int k = 0; k < 3; k++)
            CHECK(parser_add(batch, (void *)good, span_of(good, sizeof good - 1)));
        kill(parser_process(), SIGKILL);
        CHECK_OK(parser_send(batch, &err), err);
        CHECK_OK(parser_receive(batch, listen_to, NULL, &err), err);
        parser_batch_destroy(batch);
        CHECK(told_count == 3 && told[0].resources == 1 && told[2].resources == 1);
    }
}

static void a_file_that_ends_it_is_told_and_the_others_are_read(void)
{
    const char *texts[] = {good, "ABORT", good, "LEAVE", "ABORT", good};
    struct error err = {0};
    use_stand_in(true);
    CHECK_OK(ask(texts, 6, false, &err), err);
    CHECK_INT(told_count, 6);
    CHECK_TEXT(told[1].ended, "the process that read it was ended by signal 6");
    CHECK_TEXT(told[3].ended, "the process that read it ended");
    CHECK(told[4].ended[0] != '\0');
    for (size_t i = 0; i < 6; i++)
        CHECK(told[i].file == texts[i] && (told[i].ended[0] != '\0') == (told[i].resources == 0));
}

/* Through the process itself: what the operator raised is told to it with each batch, its own limits when it starts. */
static void a_raised_limit_reaches_the_reader(void)
{
    struct operator_config config = {.manifest_limits = MANIFEST_LIMITS_DEFAULT};
    struct error err = {0};
    struct buffer text = {0};
    char limits_file[64], line[200], found[64] = "";
    buffer_puts(&text, good);
    while (text.length < 1200 * 1024)
        buffer_puts(&text, "# a comment that goes on and on and on\n");
    use_stand_in(false);
    for (int raised = 0; raised <= 1; raised++) {
        if (raised == 1) {
            config.manifest_limits.file_kib = 1300;
            config.manifest_limits.cpu_s = 33;
        }
        const struct parser_terms terms = parser_terms(&config);
        struct parser_batch *batch = parser_batch_create(true, &terms);
        told_count = 0;
        CHECK(parser_add(batch, &text, span_of(text.data, text.length)));
        CHECK_OK(parser_send(batch, &err) && parser_receive(batch, listen_to, NULL, &err), err);
        parser_batch_destroy(batch);
        CHECK_INT(told_count, 1);
        CHECK_INT(told[0].resources, raised);
        CHECK_INT(told[0].errors, !raised);
    }
    snprintf(limits_file, sizeof limits_file, "/proc/%d/limits", parser_process());
    FILE *file = fopen(limits_file, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "Max cpu time %60s", found);
    if (file != NULL)
        fclose(file);
    CHECK_TEXT(found, "33");
    buffer_release(&text);
}

static void an_answer_without_end_is_none(void)
{
    const char *texts[] = {good, "ENDLESS", good};
    struct error err = {0};
    use_stand_in(true);
    CHECK_OK(ask(texts, 3, false, &err), err);
    CHECK(told_count == 3 && told[1].ended[0] != '\0' && told[2].resources == 1);
}

static void a_reader_that_cannot_be_confined_is_refused(void)
{
    const char *texts[] = {good};
    struct error err = {0};
    use_stand_in(true);
    setenv("LANG", "loose", 1);
    CHECK(!ask(texts, 1, false, &err) && err.kind == ERROR_CONFIG);
    CHECK(strstr(err.message, "confinement: Optional") != NULL && parser_process() == 0);
    CHECK_OK(ask(texts, 1, true, &err), err); /* the operator said so */
    CHECK_INT(told[0].resources, 1);
    unsetenv("LANG");
}

static void another_version_is_not_understood(void)
{
    const char *texts[] = {good};
    struct error err = {0};
    use_stand_in(true);
    setenv("LC_CTYPE", "old", 1);
    CHECK(!ask(texts, 1, false, &err) && strstr(err.message, "another version") != NULL);
    unsetenv("LC_CTYPE");
}

static void a_missing_program_is_said(void)
{
    const char *texts[] = {good};
    struct error err = {0};
    parser_stop();
    setenv("CERTWRIGHT_PARSE", "/nonexistent", 1);
    CHECK(!ask(texts, 1, false, &err) && err.kind == ERROR_SYSTEM && strstr(err.message, "missing") != NULL);
    setenv("CERTWRIGHT_PARSE", "/bin/false", 1);
    CHECK(!ask(texts, 1, false, &err) && err.kind == ERROR_SYSTEM);
}

/* Every byte of an answer changed, cut anywhere: it is refused, or says something that a file could have said. */
static void a_lying_answer_is_no_more_than_a_file(void)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(arena) struct arena *scratch = arena_create();
    struct buffer out = {0};
    parsed_encode(&yaml_limits_default, span_of(PARSED_SAMPLE, sizeof PARSED_SAMPLE - 1), true, arena, &out);
    size_t decoded = 0, refused = 0;
    for (size_t i = 0; i < out.length; i++)
        for (int turn = 0; turn < 3; turn++) {
            struct problem_list problems = {.arena = scratch};
            struct parsed_file parsed = {0};
            char *copy = malloc(out.length); /* its own, so that reading past it is seen */
            size_t length = turn == 2 ? i : out.length;
            memcpy(copy, out.data, out.length);
            copy[i] = (char)(turn == 0 ? copy[i] ^ 0xff : copy[i] + 1);
            char *exact = malloc(length > 0 ? length : 1);
            memcpy(exact, copy, length);
            bool ok = parsed_decode(span_of(exact, length), "x.yaml", scratch, &parsed, &problems, NULL);
            for (size_t k = 0; ok && k < parsed.count; k++) {
                struct resource resource;
                decoded += parsed_resource_decode(&parsed.resources[k], scratch, &resource);
            }
            refused += !ok;
            free(exact);
            free(copy);
            arena_reset(scratch);
        }
    CHECK(refused > out.length && decoded > 0);
    buffer_release(&out);
}

int main(int argc, char **argv)
{
    char self[4096];
    (void)argc;
    if (strcmp(argv[0], "certwright-parse") == 0)
        return stand_in();
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    own_program = self;
    unsetenv("LANG");
    unsetenv("LC_CTYPE");
    RUN(it_is_confined);
    RUN(answers_come_in_order);
    RUN(one_process_serves_many_batches);
    RUN(a_process_that_was_killed_costs_no_file);
    RUN(a_file_that_ends_it_is_told_and_the_others_are_read);
    RUN(a_raised_limit_reaches_the_reader);
    RUN(an_answer_without_end_is_none);
    RUN(a_reader_that_cannot_be_confined_is_refused);
    RUN(another_version_is_not_understood);
    RUN(a_missing_program_is_said);
    RUN(a_lying_answer_is_no_more_than_a_file);
    parser_stop();
    return CHECK_REPORT();
}
