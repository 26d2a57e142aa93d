#include "check.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "schema/field.h"
#include "schema/operator.h"
#include "schema/resource.h"
#include "schema/yaml.h"

/* One field of each type, in a struct of the test's own. */
struct inner {
    const char *name, *text;
    int count;
};
struct sample {
    const char *string, *upper, *token;
    bool yes;
    int number, months, mode, word, choice;
    int64_t large, seconds, ms, cents;
    const char *currency;
    struct string_list list, set;
    struct label_list labels;
    struct reference reference;
    struct reference_list references;
    struct secret_ref secret;
    struct {
        const char *text;
        int number;
    } object;
    struct inner *objects, *map;
    size_t object_count, map_count;
    struct name_pair *pairs;
    size_t pair_count;
    const char *left, *right;
};

static const char *shout(struct arena *arena, const char *text, const char **out_reason)
{
    if (strchr(text, '!') != NULL) {
        *out_reason = "it shouts already";
        return NULL;
    }
    char *loud = arena_strdup(arena, text);
    for (char *c = loud; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return loud;
}

static const char *const words[] = {"", "One", "Two", NULL};
static const struct field inner_fields[] = {
    {.name = "text", .type = FIELD_STRING, AT(inner, text), .required = true},
    {.name = "count", .type = FIELD_INT, AT(inner, count), .fallback = "7", .min = 1, .max = 9},
};
static const struct field_table inner_table = {.name = "inner", .size = sizeof(struct inner), FIELDS(inner_fields)};
static const struct field object_fields[] = {
    {.name = "text", .type = FIELD_STRING, AT(sample, object.text)},
    {.name = "number", .type = FIELD_INT, AT(sample, object.number), .fallback = "3"},
};
static _Atomic int finished;
static void finish_object(void *out, const struct field_scope *scope)
{
    struct sample *sample = out;
    finished++;
    if (sample->object.number == 13)
        field_problem(scope, "number", SEVERITY_ERROR, "unlucky", "is %d", sample->object.number);
    CHECK(scope->node == NULL || field_given(scope, "number") == (yaml_member(scope->node, "number") != NULL));
}
static const struct field_table object_table = {.name = "object", FIELDS(object_fields), .finish = finish_object};
static const struct field sample_fields[] = {
    {.name = "apiVersion", .type = FIELD_FIXED, .fallback = "v1", .required = true},
    {.name = "string", .type = FIELD_STRING, AT(sample, string), .min = 2, .max = 5, .pattern = "^[a-zü]+$"},
    {.name = "upper", .type = FIELD_STRING, AT(sample, upper), .canonical = shout, .fallback = "QUIET"},
    {.name = "token", .type = FIELD_STRING, AT(sample, token), .secret_text = true},
    {.name = "yes", .type = FIELD_BOOL, AT(sample, yes), .fallback = "true"},
    {.name = "number", .type = FIELD_INT, AT(sample, number), .absent = -1, .min = 0, .max = 100},
    {.name = "term", .type = FIELD_TERM, AT(sample, months), .fallback = "1y", .min = 1, .max = 36},
    {.name = "mode", .type = FIELD_MODE, AT(sample, mode), .fallback = "0640"},
    {.name = "word", .type = FIELD_ENUM, AT(sample, word), .words = words},
    {.name = "large", .type = FIELD_INT64, AT(sample, large)},
    {.name = "seconds", .type = FIELD_DURATION_S, AT(sample, seconds), .min = 1, .max = 86400},
    {.name = "ms", .type = FIELD_DURATION_MS, AT(sample, ms), .fallback = "200ms"},
    {.name = "money", .type = FIELD_MONEY, AT_LIST(sample, cents, currency), .absent = -1},
    {.name = "list", .type = FIELD_STRING_LIST, AT(sample, list), .max = 4},
    {.name = "set", .type = FIELD_STRING_LIST, AT(sample, set), .set = true, .canonical = shout},
    {.name = "labels", .type = FIELD_LABELS, AT(sample, labels), .pattern = "^[a-z]+$"},
    {.name = "reference", .type = FIELD_REFERENCE, AT(sample, reference)},
    {.name = "references", .type = FIELD_REFERENCES, AT(sample, references), .set = true},
    {.name = "secret", .type = FIELD_SECRET, AT(sample, secret)},
    {.name = "object", .type = FIELD_OBJECT, .table = &object_table},
    {.name = "objects", .type = FIELD_OBJECTS, AT_LIST(sample, objects, object_count), .table = &inner_table, .set = true},
    {.name = "map", .type = FIELD_OBJECT_MAP, AT_LIST(sample, map, map_count), KEY_AT(inner, name), .table = &inner_table,
     .pattern = "^[a-z]+$"},
    {.name = "pairs", .type = FIELD_PAIRS, AT_LIST(sample, pairs, pair_count), .canonical = shout},
    {.name = "left", .type = FIELD_STRING, AT(sample, left), NOT_WITH("right")},
    {.name = "right", .type = FIELD_STRING, AT(sample, right)},
};
static const struct field_table sample_table = {
    .name = "Sample", .doc = "A sample.", .size = sizeof(struct sample), FIELDS(sample_fields),
    .one_of = WORDS("left", "right"), .one_of_optional = true, ONE_OF_AT(sample, choice)};

static struct arena *arena;
static struct problem_list problems;
static struct sample sample;

static bool decode(const char *text)
{
    struct yaml_document_list documents = {0};
    problems = (struct problem_list){.arena = arena};
    CHECK(yaml_parse("s.yaml", text, strlen(text), arena, &documents, &problems));
    return field_decode(&sample_table, documents.items[0].root, "", arena, &sample, &problems);
}

static const char full[] =
    "apiVersion: v1\nstring: grün\nupper: loud\ntoken: hush\nyes: false\nnumber: 0\nterm: 2y\nmode: '0600'\nword: Two\n"
    "large: 9007199254740991\nseconds: 1h30m\nms: 1500ms\nmoney: 99.05 EUR\nlist: [b, a, b]\nset: [b, a, B]\n"
    "labels: {b: '1', a: x}\nreference: {name: r}\nreferences: [{name: two}, {name: one}, {name: two}]\n"
    "secret: {name: s, key: k.pem}\nobject: {text: t}\nobjects: [{text: z}, {text: a, count: 9}]\n"
    "map: {zeta: {text: z}, alpha: {text: a}}\npairs: {b: x, a: y}\nright: r\n";

static void every_type_is_read(void)
{
    CHECK(decode(full));
    CHECK_TEXT(sample.string, "grün");
    CHECK_TEXT(sample.upper, "LOUD");
    CHECK(!sample.yes);
    CHECK_INT(sample.number, 0);
    CHECK_INT(sample.months, 24);
    CHECK_INT(sample.mode, 0600);
    CHECK_INT(sample.word, 2);
    CHECK_INT(sample.large, 9007199254740991);
    CHECK_INT(sample.seconds, 5400);
    CHECK_INT(sample.ms, 1500);
    CHECK_INT(sample.cents, 9905);
    CHECK_TEXT(sample.currency, "EUR");
    CHECK_INT(sample.list.count, 3);
    CHECK_INT(sample.set.count, 2);
    CHECK_TEXT(sample.set.items[0], "B");
    CHECK_TEXT(label_value(&sample.labels, "b"), "1");
    CHECK_TEXT(sample.labels.items[0].name, "a");
    CHECK_TEXT(sample.reference.name, "r");
    CHECK_INT(sample.reference.position.line, 17);
    CHECK_INT(sample.references.count, 2);
    CHECK_TEXT(sample.secret.key, "k.pem");
    CHECK_TEXT(sample.object.text, "t");
    CHECK_INT(sample.object.number, 3);
    CHECK_INT(sample.object_count, 2);
    CHECK_INT(sample.objects[0].count, 7);
    CHECK_TEXT(sample.map[0].name, "alpha");
    CHECK_TEXT(sample.map[1].text, "z");
    CHECK_TEXT(sample.pairs[0].name, "A");
    CHECK_TEXT(sample.pairs[0].value, "y");
    CHECK_INT(sample.choice, 1);
}

static void what_is_absent_has_its_default(void)
{
    finished = 0;
    CHECK(decode("apiVersion: v1\n"));
    CHECK_TEXT(sample.upper, "QUIET");
    CHECK(sample.yes && sample.string == NULL);
    CHECK_INT(sample.number, -1);
    CHECK_INT(sample.months, 12);
    CHECK_INT(sample.mode, 0640);
    CHECK_INT(sample.word, 0);
    CHECK_INT(sample.ms, 200);
    CHECK_INT(sample.cents, -1);
    CHECK_INT(sample.object.number, 3);
    CHECK_INT(finished, 1);
}

static const char *encode(bool for_store)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    field_encode(&sample_table, &sample, for_store, &w);
    const char *kept = arena_strdup(arena, buffer_text(&text));
    buffer_release(&text);
    return kept;
}

static void what_is_written_reads_the_same(void)
{
    struct error err = {0};
    struct sample again;
    CHECK(decode(full));
    const char *stored = encode(true);
    CHECK_TEXT(stored,
               "{\"apiVersion\":\"v1\",\"string\":\"grün\",\"upper\":\"LOUD\",\"token\":\"hush\",\"yes\":false,\"number\":0,"
               "\"term\":\"24mo\",\"mode\":\"0600\",\"word\":\"Two\",\"large\":9007199254740991,\"seconds\":\"90m\","
               "\"ms\":\"1500ms\",\"money\":\"99.05 EUR\",\"list\":[\"b\",\"a\",\"b\"],\"set\":[\"B\",\"A\"],"
               "\"labels\":{\"a\":\"x\",\"b\":\"1\"},\"reference\":{\"name\":\"r\"},\"references\":[{\"name\":\"two\"},"
               "{\"name\":\"one\"}],\"secret\":{\"name\":\"s\",\"key\":\"k.pem\"},\"object\":{\"text\":\"t\",\"number\":3},"
               "\"objects\":[{\"text\":\"z\",\"count\":7},{\"text\":\"a\",\"count\":9}],"
               "\"map\":{\"alpha\":{\"text\":\"a\",\"count\":7},\"zeta\":{\"text\":\"z\",\"count\":7}},"
               "\"pairs\":{\"A\":\"y\",\"B\":\"x\"},\"right\":\"r\"}");
    CHECK(decode(stored));
    CHECK_TEXT(encode(true), stored);
    CHECK_OK(field_decode_json(&sample_table, stored, strlen(stored), arena, &again, &err), err);
    CHECK_TEXT(again.map[1].name, "zeta");
    sample = again;
    sample.choice = 1; /* records have no unions */
    CHECK_TEXT(encode(true), stored);
}

static void secrets_are_not_shown(void)
{
    CHECK(decode(full));
    CHECK(strstr(encode(true), "hush") != NULL);
    CHECK(strstr(encode(false), "hush") == NULL && strstr(encode(false), "token") == NULL);
}

static void the_digest_ignores_the_order_of_sets(void)
{
    unsigned char one[32], two[32];
    CHECK(decode("apiVersion: v1\nset: [a, b]\nreferences: [{name: x}, {name: y}]\nobjects: [{text: p}, {text: q}]\n"));
    field_digest(&sample_table, &sample, one);
    CHECK(decode("objects: [{text: q, count: 7}, {text: p}]\nreferences: [{name: y}, {name: x}]\nset: [B, A, b]\n"
                 "apiVersion: v1\n"));
    field_digest(&sample_table, &sample, two);
    CHECK(memcmp(one, two, 32) == 0);
    CHECK(decode("apiVersion: v1\nlist: [a, b]\n"));
    field_digest(&sample_table, &sample, one);
    CHECK(decode("apiVersion: v1\nlist: [b, a]\n"));
    field_digest(&sample_table, &sample, two);
    CHECK(memcmp(one, two, 32) != 0);
}

static char changes[1024];
static void note_change(const char *path, const char *was, const char *is, void *arg)
{
    (void)arg;
    size_t length = strlen(changes);
    snprintf(changes + length, sizeof changes - length, "%s: %s -> %s\n", path, was, is);
}

static void changes_are_named_by_path(void)
{
    CHECK(decode(full));
    struct sample was = sample;
    field_compare(&sample_table, &was, &sample, arena, note_change, NULL);
    CHECK_TEXT(changes, "");
    CHECK(decode("apiVersion: v1\nstring: neu\ntoken: other\nyes: false\nnumber: 0\nterm: 1y\nmode: '0600'\nword: Two\n"
                 "large: 9007199254740991\nseconds: 1h30m\nms: 1500ms\nmoney: 99.05 EUR\nlist: [b, a, b]\nset: [A, b]\n"
                 "labels: {b: '1', a: x}\nreference: {name: s}\nreferences: [{name: one}, {name: two}]\nupper: loud\n"
                 "secret: {name: s, key: k.pem}\nobject: {text: u}\nobjects: [{text: a, count: 9}, {text: z}]\n"
                 "map: {zeta: {text: z}, alpha: {text: a}}\npairs: {b: x, a: y}\nright: r\n"));
    field_compare(&sample_table, &was, &sample, arena, note_change, NULL);
    CHECK_TEXT(changes, "string: grün -> neu\ntoken: *** -> ***\nterm: 24mo -> 12mo\nreference: r -> s\n"
                        "object.text: t -> u\n");
}

static void check_refused(const char *text, const char *code, const char *path, int line, int column, bool in_schema)
{
    struct buffer shown = {0};
    char whole[512];
    snprintf(whole, sizeof whole, "apiVersion: v1\n%s\n", text);
    CHECK(!decode(whole));
    const struct problem *problem = &problems.items[0];
    problem_print(problem, &shown);
    bool as_said = problems.count == 1 && strcmp(problem->code, code) == 0 && strcmp(problem->path, path) == 0 &&
                   problem->position.line == line && problem->position.column == column &&
                   problem->in_schema == in_schema;
    if (!as_said)
        fprintf(stderr, "%s\n  %s [%s] %s %d\n", text, buffer_text(&shown), problem->code, problem->path, problem->in_schema);
    buffer_release(&shown);
    CHECK(as_said);
}

static void each_wrong_value_has_its_code_and_place(void)
{
    check_refused("string: x", "out-of-range", "string", 2, 9, true);
    check_refused("string: üüüüüü", "out-of-range", "string", 2, 9, true);
    check_refused("string: ABC", "bad-value", "string", 2, 9, true);
    check_refused("string: [a]", "wrong-type", "string", 2, 9, true);
    check_refused("string: 12", "wrong-type", "string", 2, 9, true);
    check_refused("string: true", "wrong-type", "string", 2, 9, true);
    check_refused("string: ", "empty-value", "string", 2, 8, true);
    check_refused("upper: hey!", "bad-value", "upper", 2, 8, false);
    check_refused("yes: 1", "wrong-type", "yes", 2, 6, true);
    check_refused("number: 101", "out-of-range", "number", 2, 9, true);
    check_refused("number: -1", "out-of-range", "number", 2, 9, true);
    check_refused("number: 1.5", "wrong-type", "number", 2, 9, true);
    check_refused("number: 99999999999999999999", "out-of-range", "number", 2, 9, false);
    check_refused("term: 12", "wrong-type", "term", 2, 7, true);
    check_refused("term: 12m", "bad-value", "term", 2, 7, true);
    check_refused("term: 4y", "out-of-range", "term", 2, 7, false);
    check_refused("mode: 0640", "wrong-type", "mode", 2, 7, true);
    check_refused("mode: '640'", "bad-value", "mode", 2, 7, true);
    check_refused("word: Three", "bad-value", "word", 2, 7, true);
    check_refused("word: ''", "bad-value", "word", 2, 7, true);
    check_refused("seconds: 30", "wrong-type", "seconds", 2, 10, true);
    check_refused("seconds: 1500ms", "bad-value", "seconds", 2, 10, true);
    check_refused("seconds: 2d", "out-of-range", "seconds", 2, 10, false);
    check_refused("money: 12", "wrong-type", "money", 2, 8, true);
    check_refused("money: 12.345 USD", "bad-value", "money", 2, 8, true);
    check_refused("list: a", "wrong-type", "list", 2, 7, true);
    check_refused("list: [a, b, c, d, e]", "out-of-range", "list", 2, 7, true);
    check_refused("list: [a, [b]]", "wrong-type", "list[1]", 2, 11, true);
    check_refused("set: [a, b!]", "bad-value", "set[1]", 2, 10, false);
    check_refused("labels: {A: x}", "bad-key", "labels", 2, 10, true);
    check_refused("labels: {a: 1}", "wrong-type", "labels.a", 2, 13, true);
    check_refused("reference: {name: -x}", "bad-value", "reference.name", 2, 19, true);
    check_refused("reference: {}", "missing-field", "reference", 2, 1, true);
    check_refused("references: [{name: a}, b]", "wrong-type", "references[1]", 2, 25, true);
    check_refused("secret: {name: a}", "missing-field", "secret", 2, 1, true);
    check_refused("secret: {name: a, key: ../b}", "bad-value", "secret.key", 2, 24, true);
    check_refused("object: {number: 13}", "unlucky", "object.number", 2, 18, false);
    check_refused("objects:\n- text: a\n- count: 2", "missing-field", "objects[1]", 4, 3, true);
    check_refused("objects: [{text: a, count: 10}]", "out-of-range", "objects[0].count", 2, 28, true);
    check_refused("map: {A: {text: a}}", "bad-key", "map", 2, 7, true);
    check_refused("map: {a: {txt: a, text: b}}", "unknown-field", "map.a", 2, 11, true);
    check_refused("map: [a]", "wrong-type", "map", 2, 6, true);
    check_refused("pairs: {a!: b}", "bad-key", "pairs", 2, 9, false);
    CHECK(!decode("apiVersion: v2\n"));
    CHECK_TEXT(problems.items[0].path, "apiVersion");
    CHECK(!decode("apiVersion: v1\nleft: a\nright: b\n"));
    CHECK_TEXT(problems.items[0].code, "not-together");
    CHECK(!decode("{}"));
    CHECK_TEXT(problems.items[0].message, "the document needs the field \"apiVersion\"");
}

static void a_message_never_carries_control_characters(void)
{
    struct problem_list list = {.arena = arena};
    struct buffer text = {0};
    struct problem *problem = problem_add(&list, SEVERITY_ERROR, "bad-value", (struct position){.file = "a.yaml"},
                                          "map.\x1b[2J", "map.\x1b[2J begins with \"\x01\a\"");
    problem_print(problem, &text);
    CHECK_TEXT(buffer_text(&text), "a.yaml: error: map.\xEF\xBF\xBD[2J begins with \"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    CHECK_TEXT(problem->path, "map.\xEF\xBF\xBD[2J");
    buffer_release(&text);
}

static void paths_are_found(void)
{
    const struct field_table *parent = NULL;
    CHECK_TEXT(field_find(&sample_table, "object.number", &parent)->name, "number");
    CHECK(parent == &object_table);
    CHECK_TEXT(field_find(&sample_table, "objects[3].count", &parent)->name, "count");
    CHECK_TEXT(field_find(&sample_table, "map.some.text", NULL)->name, "text");
    CHECK_TEXT(field_find(&sample_table, "secret.key", NULL)->name, "key");
    CHECK_TEXT(field_find(&sample_table, "references.name", NULL)->name, "name");
    CHECK(field_find(&sample_table, "object.nothing", &parent) == NULL);
    CHECK(parent == &object_table);
    CHECK(field_find(&sample_table, "string.deeper", &parent) == NULL);
    CHECK(field_find(&sample_table, "", NULL) == NULL);
    for (int type = 0; type < FIELD_TYPE_COUNT; type++)
        CHECK(strlen(field_type_word((enum field_type)type)) > 1);
}

static void *decode_many(void *arg)
{
    bool *ok = arg;
    AUTO(arena) struct arena *own = arena_create();
    for (int i = 0; i < 200; i++) {
        struct yaml_document_list documents = {0};
        struct problem_list list = {.arena = own};
        struct sample result;
        *ok = *ok && yaml_parse("s.yaml", full, sizeof full - 1, own, &documents, &list) &&
              field_decode(&sample_table, documents.items[0].root, "", own, &result, &list);
        arena_reset(own);
    }
    return NULL;
}

static void several_threads_may_decode(void)
{
    pthread_t threads[4];
    bool ok[4] = {true, true, true, true};
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, decode_many, &ok[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(ok[0] && ok[1] && ok[2] && ok[3]);
}

int main(void)
{
    arena = arena_create();
    RUN(every_type_is_read);
    RUN(what_is_absent_has_its_default);
    RUN(what_is_written_reads_the_same);
    RUN(secrets_are_not_shown);
    RUN(the_digest_ignores_the_order_of_sets);
    RUN(changes_are_named_by_path);
    RUN(each_wrong_value_has_its_code_and_place);
    RUN(a_message_never_carries_control_characters);
    RUN(paths_are_found);
    RUN(several_threads_may_decode);
    arena_destroy(arena);
    return CHECK_REPORT();
}
