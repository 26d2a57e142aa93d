#include "check.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "schema/manifest.h"
#include "schema/problem.h"
#include "schema/yaml.h"

static struct arena *arena;
static struct problem_list problems;
static struct yaml_document_list documents;

static bool parse_bytes(const char *text, size_t length)
{
    arena_destroy(arena);
    arena = arena_create();
    problems = (struct problem_list){.arena = arena};
    documents = (struct yaml_document_list){0};
    return yaml_parse("a.yaml", text, length, arena, &documents, &problems);
}
static bool parse(const char *text) { return parse_bytes(text, strlen(text)); }

static const struct yaml_node *root(void) { return documents.items[0].root; }

static void check_refused(const char *text, const char *code, int line, int column)
{
    CHECK(!parse(text));
    CHECK(problems.count >= 1);
    CHECK_TEXT(problems.items[0].code, code);
    CHECK_INT(problems.items[0].position.line, line);
    CHECK_INT(problems.items[0].position.column, column);
    CHECK(!problems.items[0].in_schema);
}

static void places_count_from_one_and_in_characters(void)
{
    CHECK(parse("a: 1\nünï: [x, ÿy, z]\n"));
    const struct yaml_node *a = yaml_member(root(), "a"), *list = yaml_member(root(), "ünï");
    CHECK_INT(a->key_line, 1);
    CHECK_INT(a->column, 4);
    CHECK_INT(list->line, 2);
    CHECK_INT(list->column, 6);
    CHECK_INT(list->count, 3);
    CHECK_INT(list->first->next->next->column, 14);
    CHECK_INT(root()->weight, 6);
    CHECK_INT(root()->height, 3);
}

static void scalars_are_those_of_yaml_1_2(void)
{
    static const struct {
        const char *text;
        enum yaml_scalar type;
    } cases[] = {
        {"", YAML_NULL},       {"~", YAML_NULL},      {"null", YAML_NULL},    {"Null", YAML_NULL},   {"nULL", YAML_STRING},
        {"true", YAML_BOOL},   {"FALSE", YAML_BOOL},  {"yes", YAML_STRING},   {"no", YAML_STRING},   {"on", YAML_STRING},
        {"0", YAML_INT},       {"012", YAML_INT},     {"-7", YAML_INT},       {"+7", YAML_INT},      {"0x1F", YAML_INT},
        {"0o17", YAML_INT},    {"0o18", YAML_STRING}, {"1_000", YAML_STRING}, {"12:30", YAML_STRING}, {"1.5", YAML_FLOAT},
        {".5", YAML_FLOAT},    {"1.", YAML_FLOAT},    {"1e3", YAML_FLOAT},    {"1e", YAML_STRING},   {".inf", YAML_FLOAT},
        {"-.INF", YAML_FLOAT}, {".nan", YAML_FLOAT},  {".", YAML_STRING},     {"-", YAML_STRING},    {"12mo", YAML_STRING},
        {"1.2.3", YAML_STRING}, {"0x", YAML_STRING},  {"192.0.2.1", YAML_STRING},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (yaml_plain_type(cases[i].text, strlen(cases[i].text)) != cases[i].type)
            fprintf(stderr, "case %s\n", cases[i].text);
        CHECK_INT(yaml_plain_type(cases[i].text, strlen(cases[i].text)), cases[i].type);
    }
    CHECK(parse("a: 'no'\nb: 1\nc: '1'\nd: !!str 1\ne: |-\n  1\n"));
    CHECK_INT(yaml_scalar_type(yaml_member(root(), "b")), YAML_INT);
    CHECK_INT(yaml_scalar_type(yaml_member(root(), "c")), YAML_STRING);
    CHECK_INT(yaml_scalar_type(yaml_member(root(), "d")), YAML_STRING);
    CHECK_INT(yaml_scalar_type(yaml_member(root(), "e")), YAML_STRING);
}

static void documents_that_say_nothing_are_left_out(void)
{
    CHECK(parse("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n"));
    CHECK_INT(documents.count, 2);
    CHECK(parse(""));
    CHECK_INT(documents.count, 0);
    CHECK(parse("\xEF\xBB\xBF{\"a\": \"x\\/y\\u00e4\"}"));
    CHECK_TEXT(yaml_member(root(), "a")->text, "x/yä");
}

static void repeated_keys_are_refused_with_both_places(void)
{
    check_refused("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1);
    CHECK(strstr(problems.items[0].message, "line 1") != NULL);
    struct buffer text = {0};
    for (int i = 0; i < 40; i++)
        buffer_printf(&text, "k%d: 1\n", i);
    buffer_puts(&text, "k7: 2\n");
    check_refused(buffer_text(&text), "duplicate-key", 41, 1);
    buffer_release(&text);
    CHECK(documents.items[0].broken && !documents.items[0].partial);
}

static void merge_keys_fill_in_what_is_not_written(void)
{
    CHECK(parse("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\n"
                "one:\n  <<: *b\n  y: 9\ntwo:\n  <<: [*o, *b]\nthree: {'<<': 1}\n"));
    const struct yaml_node *one = yaml_member(root(), "one"), *two = yaml_member(root(), "two");
    CHECK_INT(one->count, 2);
    CHECK_TEXT(yaml_member(one, "x")->text, "1");
    CHECK_TEXT(yaml_member(one, "y")->text, "9");
    CHECK_INT(two->count, 3);
    CHECK_TEXT(yaml_member(two, "y")->text, "3");
    CHECK_TEXT(yaml_member(yaml_member(root(), "three"), "<<")->text, "1");
    check_refused("a: {<<: 1}\n", "bad-merge", 1, 9);
}

static void aliases_share_and_are_counted(void)
{
    CHECK(parse("a: &a {x: [1, 2]}\nb: *a\n"));
    CHECK(yaml_member(root(), "b")->first == yaml_member(root(), "a")->first);
    CHECK_INT(yaml_member(root(), "b")->line, 2);
    check_refused("a: &a [*a]\n", "recursive-alias", 1, 8);
    check_refused("a: *nobody\n", "unknown-alias", 1, 4);
    check_refused("a: &x 1\n---\nb: *x\n", "unknown-alias", 3, 4);
    check_refused("a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                  "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
                  "alias-budget", 5, 11);
    struct buffer text = {0}; /* under the budget, but more than ten times what is written */
    buffer_puts(&text, "a: &a [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]\nb: [");
    for (int i = 0; i < 60; i++)
        buffer_printf(&text, "%s*a", i > 0 ? "," : "");
    buffer_puts(&text, "]\n");
    check_refused(buffer_text(&text), "alias-budget", 1, 1);
    buffer_release(&text);
}

static void limits_hold_while_reading(void)
{
    struct buffer text = {0};
    for (int i = 0; i < 100000; i++)
        buffer_putc(&text, '[');
    check_refused(buffer_text(&text), "too-deep", 1, 33);
    buffer_clear(&text);
    for (int i = 0; i < 20001; i++)
        buffer_puts(&text, "- 1\n");
    check_refused(buffer_text(&text), "too-many-nodes", 20000, 3);
    buffer_clear(&text);
    for (int i = 0; i < 101; i++)
        buffer_puts(&text, "---\na: 1\n");
    check_refused(buffer_text(&text), "too-many-documents", 201, 1);
    CHECK_INT(documents.count, 101); /* the hundred, and the one that was given up */
    buffer_clear(&text);
    for (int i = 0; i < 100; i++)
        buffer_puts(&text, "---\na: 1\n");
    buffer_puts(&text, "...\n%YAML 5.2\n--- 1\n--- 2\n%YAML 5.2\n--- 3\n--- 4\n");
    CHECK(!parse(buffer_text(&text)));
    CHECK_INT(documents.count, 101);
    buffer_clear(&text);
    for (int i = 0; i < 300; i++) /* each is given up before it begins */
        buffer_puts(&text, "---\na: 1\n...\n%YAML 5.2\n");
    CHECK(!parse(buffer_text(&text)));
    CHECK_INT(documents.count, 101);
    CHECK_TEXT(problems.items[problems.count - 1].code, "too-many-documents");
    CHECK(documents.items[100].broken && documents.items[100].partial);
    buffer_clear(&text);
    buffer_puts(&text, "a: '");
    for (int i = 0; i < 17000; i++)
        buffer_putc(&text, 'x');
    buffer_puts(&text, "'\n");
    check_refused(buffer_text(&text), "long-value", 1, 4);
    buffer_clear(&text);
    for (int i = 0; i < 129; i++)
        buffer_putc(&text, 'k');
    buffer_puts(&text, ": 1\n");
    check_refused(buffer_text(&text), "long-key", 1, 1);
    buffer_clear(&text);
    for (int i = 0; i < 27000; i++)
        buffer_puts(&text, "# comment\n");
    check_refused(buffer_text(&text), "file-too-large", 0, 0);
    buffer_release(&text);
}

static void foreign_bytes_are_refused_with_their_place(void)
{
    check_refused("a: 1\nb: \xff\n", "bad-character", 2, 4);
    check_refused("a: ä\xe2\x80\xae\n", "bad-character", 1, 5);
    check_refused("a: \"x\\0y\"\n", "bad-character", 1, 4);
    check_refused("a: \"x\\u202ey\"\n", "bad-character", 1, 4);
    check_refused("a:\n  \"k\\0y\": 1\n", "bad-character", 2, 3);
    const struct yaml_node *member = documents.items[0].root->first->first;
    CHECK_TEXT(member->key, "k");
    CHECK_INT(member->key_length, 1);
    CHECK(!parse_bytes("a: \0\n", 5));
    CHECK_TEXT(problems.items[0].code, "bad-character");
    check_refused("a: !tool x\n", "custom-tag", 1, 4);
    check_refused("a: !!binary x\n", "custom-tag", 1, 4);
    check_refused("? [a]\n: b\n", "complex-key", 1, 3);
    check_refused("*x : b\n", "complex-key", 1, 1);
    check_refused("'': b\n", "empty-key", 1, 1);
}

static void syntax_errors_have_place_and_hint(void)
{
    check_refused("a: b\n c: d\n", "yaml-syntax", 2, 3);
    CHECK(strstr(problems.items[0].hint, "indentation") != NULL);
    check_refused("a:\n\tb: c\n", "yaml-syntax", 2, 1);
    CHECK_TEXT(problems.items[0].hint, "indent with spaces");
    check_refused("a: [b, c\nd: e\n", "yaml-syntax", 2, 2);
    check_refused("a: 'b\n", "yaml-syntax", 2, 1);
    check_refused("a: @b\n", "yaml-syntax", 1, 4);
    check_refused("a: \"\\y\"\n", "yaml-syntax", 1, 5);
    static const char *const unquoted[] = {"a: *.example.com\n", "a: [*.example.com]\n", "a:\n  - *.example.com\n",
                                           "a: *example.com\n", "a: &\n"};
    for (size_t i = 0; i < COUNT_OF(unquoted); i++) {
        CHECK(!parse(unquoted[i]));
        CHECK_INT(problems.count, 1);
        CHECK(problems.items[0].hint != NULL && strstr(problems.items[0].hint, "\"*.example.com\"") != NULL);
    }
}

/* Whoever writes on another system ends lines otherwise; places are those that an editor shows. */
static void places_are_right_with_every_end_of_line(void)
{
    static const char *const ends[] = {"\n", "\r\n", "\r", "\xE2\x80\xA8", "\xE2\x80\xA9"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        const char *e = ends[i];
        char text[128];
        snprintf(text, sizeof text, "a: 1%sb:%s  c: 2%s  ä: 3%s  c: 4%s", e, e, e, e, e);
        check_refused(text, "duplicate-key", 5, 3);
        snprintf(text, sizeof text, "a: 1%sb: ü @c%s@d: e%s", e, e, e);
        check_refused(text, "yaml-syntax", 3, 1);
        snprintf(text, sizeof text, "a: 1%s---%sb: 1%s---%sb: [%s", e, e, e, e, e);
        check_refused(text, "yaml-syntax", 6, 1);
    }
    check_refused("a: 1\r\nb: \xff\r\n", "bad-character", 2, 4);
    CHECK(parse("a: 1\r\n---\r\nb: 2\r\n"));
    CHECK_INT(documents.count, 2);
}

static void an_error_spoils_one_document_only(void)
{
    CHECK(!parse("kind: A\n---\nkind: B\nbad: [1\n---\nkind: C\n---\nkind: D\nx: 'open\n---\nkind: E\n"));
    CHECK_INT(documents.count, 5);
    static const bool broken[] = {false, true, false, true, false};
    static const char *const kinds[] = {"A", "B", "C", "D", "E"};
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(documents.items[i].broken, broken[i]);
        CHECK_INT(documents.items[i].partial, broken[i]);
        CHECK_TEXT(yaml_member(documents.items[i].root, "kind")->text, kinds[i]);
    }
    CHECK_INT(problems.count, 2);
    CHECK_INT(problems.items[0].position.line, 5);
    CHECK_INT(problems.items[1].position.line, 10);
    CHECK_INT(yaml_member(documents.items[4].root, "kind")->line, 11);
    CHECK(!parse("%YAML 9\n---\na: 1\n---\nb: 2\n")); /* a directive of another world, before any document */
    CHECK_TEXT(yaml_member(documents.items[documents.count - 1].root, "b")->text, "2");
}

static void json_becomes_yaml_that_reads_the_same(void)
{
    static const char json[] =
        "{\"plain\":\"hello world\",\"word\":\"no\",\"number\":\"12\",\"term\":\"12mo\",\"colon\":\"a: b\",\"hash\":\"a #b\","
        "\"empty\":\"\",\"list\":[\"*\",\"-\",[\"x\",{\"y\":\"~\"}],{\"a\":\"1\",\"b\":[]}],\"none\":{},\"n\":-5,\"t\":true,"
        "\"pem\":\"-----BEGIN X-----\\nAA+/=\\n-----END X-----\\n\",\"lines\":\" a\\n\\nb\",\"sep\":\"x\u2028y\",\"key: x\":\"v\","
        "\"quote\":\"say \\\"hi\\\" \\\\ \\t\",\"space\":\"end \"}";
    struct buffer yaml = {0};
    CHECK(yaml_from_json(json, strlen(json), &yaml));
    if (!parse(buffer_text(&yaml)))
        fprintf(stderr, "%s\n%s\n", problems.items[0].message, buffer_text(&yaml));
    CHECK(problems.errors == 0);
    struct error err;
    AUTO(json) struct json *document = json_parse(json, strlen(json), &err);
    size_t strings = 0;
    for (const struct json *member = json_first(document); member != NULL; member = json_next(member)) {
        const struct yaml_node *node = yaml_member(root(), json_name(member));
        CHECK(node != NULL);
        if (!json_is_string(member))
            continue;
        strings++;
        CHECK_TEXT(node->text, json_string(member));
        CHECK_INT(yaml_scalar_type(node), YAML_STRING);
    }
    CHECK_INT(strings, 13);
    CHECK_INT(yaml_scalar_type(yaml_member(root(), "n")), YAML_INT);
    const struct yaml_node *list = yaml_member(root(), "list");
    CHECK_INT(list->count, 4);
    CHECK_TEXT(yaml_member(list->first->next->next->first->next, "y")->text, "~");
    CHECK_TEXT(yaml_member(list->first->next->next->next, "a")->text, "1");
    CHECK_INT(yaml_member(root(), "none")->kind, YAML_MAPPING);
    buffer_release(&yaml);
    CHECK(!yaml_from_json("{", 1, &yaml));
    buffer_release(&yaml);
}

int main(void)
{
    RUN(places_count_from_one_and_in_characters);
    RUN(scalars_are_those_of_yaml_1_2);
    RUN(documents_that_say_nothing_are_left_out);
    RUN(repeated_keys_are_refused_with_both_places);
    RUN(merge_keys_fill_in_what_is_not_written);
    RUN(aliases_share_and_are_counted);
    RUN(limits_hold_while_reading);
    RUN(foreign_bytes_are_refused_with_their_place);
    RUN(syntax_errors_have_place_and_hint);
    RUN(places_are_right_with_every_end_of_line);
    RUN(an_error_spoils_one_document_only);
    RUN(json_becomes_yaml_that_reads_the_same);
    arena_destroy(arena);
    return CHECK_REPORT();
}
