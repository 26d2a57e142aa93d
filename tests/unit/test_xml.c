/* The small reader of XML: what Route 53 sends, and what must not pass. */
#include "check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "reconcilers/dns/xml.h"

static struct arena *arena;

static const struct xml_node *parse(const char *text)
{
    struct error err = {0};
    return xml_parse(text, strlen(text), arena, &err);
}

static void elements_and_text_are_read_in_any_order(void)
{
    const struct xml_node *root =
        parse("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- so -->\n<a xmlns=\"urn:x\" b = 'c>' >"
              "<x>1</x><y/><x><z> t </z></x></a>\n<!-- end -->\n");
    CHECK(root != NULL);
    CHECK_TEXT(root->name, "a");
    CHECK_TEXT(xml_text(xml_child(root, "x")), "1");
    CHECK_TEXT(xml_text(xml_child(xml_again(xml_child(root, "x")), "z")), " t ");
    CHECK(xml_again(xml_again(xml_child(root, "x"))) == NULL);
    CHECK_TEXT(xml_text(xml_child(root, "y")), "");
    CHECK(xml_child(xml_child(root, "none"), "x") == NULL);
    CHECK_TEXT(xml_text(NULL), "");
}

static void prefixes_do_not_count(void)
{
    const struct xml_node *root = parse("<ns:a xmlns:ns=\"urn:x\"><ns:b>t</ns:b></ns:a>");
    CHECK(root != NULL);
    CHECK_TEXT(root->name, "a");
    CHECK_TEXT(xml_text(xml_child(root, "b")), "t");
}

static void references_are_resolved(void)
{
    const struct xml_node *root =
        parse("<a>&quot;x&#34;&#x22; &amp;lt; &lt;&gt;&apos;&#233;&#x20AC;&#x1F600;</a>");
    CHECK(root != NULL);
    CHECK_TEXT(root->text, "\"x\"\" &lt; <>'\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

static void what_is_escaped_comes_back(void)
{
    const char *text = "a & b < c > d \"e\" 'f' \\052";
    const struct xml_node *root = parse(arena_printf(arena, "<a>%s</a>", xml_escape(arena, text)));
    CHECK(root != NULL);
    CHECK_TEXT(root->text, text);
}

static void what_is_not_xml_is_refused(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "text",
        "<",
        "<a",
        "<a>",
        "<a></b>",
        "<a></a",
        "<a><b></a></b>",
        "<a/><b/>",
        "<a/>text",
        "<a b></a>",
        "<a b=c></a>",
        "<a b=\"c></a>",
        "<a b=\"<\"></a>",
        "<a b=\"1\"c=\"2\"/>",
        "<1/>",
        "< a/>",
        "<a>&</a>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#130;</a>", /* a control character, as in the text itself */
        "<a>&#127;</a>",
        "<a>&#x110000;</a>",
        "<a>&#99999999;</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<a><![CDATA[x]]></a>",
        "<!-- x",
        "<?xml",
        "<a><!-- x</a>",
        "<a>\x01</a>",
        "<a>\xC3</a>",
        "<html><body>oops",
        "<a></a ",
        "<a></",
        "<a",
        "<a/",
        "<a><b",
        "<:a/>",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (parse(bad[i]) != NULL)
            fprintf(stderr, "taken: %s\n", bad[i]);
        CHECK(parse(bad[i]) == NULL);
    }
}

static void a_document_cut_anywhere_is_refused(void)
{
    static const char whole[] = "<?xml version='1.0'?><!-- c --><ns:a b = \"1\" c='2' "
                                "><x>&amp;&#34;&#x2f;</x><y d='3'/><!-- e --></ns:a >";
    CHECK(xml_parse(whole, strlen(whole), arena, NULL) != NULL);
    for (size_t length = 0; length < strlen(whole); length++) {
        struct error err = {0};
        CHECK(xml_parse(whole, length, arena, &err) == NULL);
        CHECK_INT(err.kind, ERROR_MALFORMED);
    }
}

static void signs_at_the_edges_of_what_may_stand_are_kept_apart(void)
{
    static const struct {
        const char *text, *is; /* NULL: refused */
    } cases[] = {
        {"<a>&#9;&#10;&#13;&#32;</a>", "\t\n\r "},
        {"<a>&#8;</a>", NULL},
        {"<a>&#11;</a>", NULL},
        {"<a>&#14;</a>", NULL},
        {"<a>&#31;</a>", NULL},
        {"<a>&#xFFFFFFF;</a>", NULL},
        {"<a>&#xG;</a>", NULL},
        {"<a>&#/;</a>", NULL},
        {"<a>&#:;</a>", NULL},
        {"<a>&#xDFFF;</a>", NULL},
        {"<a>&#xE000;</a>", "\xEE\x80\x80"},
        {"<a>&#12a;</a>", NULL},
        {"<a>&#x41</a>", NULL},
        {"<a>&#0000065;</a>", "A"},
        {"<a>&#00000065;</a>", NULL},
        {"<a>&#xa0;</a>", "\xC2\xA0"},
        {"<_a.b-c9>x</_a.b-c9>", "x"},
        {"<a:>x</a:>", "x"},
        {"<a+>x</a+>", NULL},
        {"<a>x</+>", NULL},
        {"<a>x</a/>", NULL},
        {"<a><?p ?>x</a>", "x"},
        {"<a><?p </a>", NULL},
        {"<a b='1' 2='3'/>", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct xml_node *root = parse(cases[i].text);
        if ((root != NULL) != (cases[i].is != NULL))
            fprintf(stderr, "%s\n", cases[i].text);
        CHECK_INT(root != NULL, cases[i].is != NULL);
        if (root != NULL)
            CHECK_TEXT(root->text, cases[i].is);
    }
    CHECK(xml_again(NULL) == NULL);
    CHECK(xml_child(NULL, "a") == NULL);
}

static void depth_and_number_are_bounded(void)
{
    struct buffer text = {0};
    for (int i = 0; i < 17; i++)
        buffer_puts(&text, "<a>");
    for (int i = 0; i < 17; i++)
        buffer_puts(&text, "</a>");
    CHECK(parse(buffer_text(&text)) == NULL);
    CHECK(parse(arena_strndup(arena, buffer_text(&text) + 3, text.length - 7)) != NULL);
    buffer_clear(&text);
    buffer_puts(&text, "<a>");
    for (int i = 0; i < 100000; i++)
        buffer_puts(&text, "<b/>");
    buffer_puts(&text, "</a>");
    CHECK(parse(buffer_text(&text)) == NULL);
    buffer_release(&text);
}

int main(void)
{
    arena = arena_create();
    RUN(elements_and_text_are_read_in_any_order);
    RUN(prefixes_do_not_count);
    RUN(references_are_resolved);
    RUN(what_is_escaped_comes_back);
    RUN(what_is_not_xml_is_refused);
    RUN(a_document_cut_anywhere_is_refused);
    RUN(signs_at_the_edges_of_what_may_stand_are_kept_apart);
    RUN(depth_and_number_are_bounded);
    arena_destroy(arena);
    return CHECK_REPORT();
}
