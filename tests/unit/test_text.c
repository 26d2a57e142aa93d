/* The small conversions that every layer relies on, at their edges. */
#include "base/text.h"

#include "base/arena.h"
#include "check.h"

static struct arena *arena;

/* ---- hex, base 64, base 32 ---- */

static void hex_is_strict(void)
{
    unsigned char out[4];
    CHECK(text_unhex("00ffA5b6", out, 4) && out[0] == 0 && out[1] == 255 && out[2] == 0xA5 && out[3] == 0xB6);
    CHECK_TEXT(text_hex(arena, out, 4), "00ffa5b6");
    CHECK(text_unhex("", out, 0));
    static const char *const wrong[] = {"0", "0g", "g0", "00 0", "0011223344", "0:", "/0", "0@", "G0", "0`"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK(!text_unhex(wrong[i], out, 4));
}

static void base64_goes_there_and_back_and_is_strict(void)
{
    static const struct {
        const char *plain, *coded;
    } vectors[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
                   {"foobar", "Zm9vYmFy"}}; /* RFC 4648, 10 */
    unsigned char *out;
    size_t length;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        CHECK_TEXT(text_base64(arena, vectors[i].plain, strlen(vectors[i].plain)), vectors[i].coded);
        CHECK(text_unbase64(arena, vectors[i].coded, strlen(vectors[i].coded), &out, &length));
        CHECK_INT(length, strlen(vectors[i].plain));
        CHECK(memcmp(out, vectors[i].plain, length) == 0);
    }
    static const char spaced[] = " Zm 9v\r\n\tYm\nFy \n";
    CHECK(text_unbase64(arena, spaced, sizeof spaced - 1, &out, &length) && length == 6);
    static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg===", "=", "Zh==", "Zm9=", "Zm9vY", "Zg==Zg==", "Z=g=", "Zm9v!", "Zm9v-_8="};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (text_unbase64(arena, wrong[i], strlen(wrong[i]), &out, &length))
            CHECK_TEXT(wrong[i], "refused");
    CHECK(!text_unbase64(arena, "Zm\0v", 4, &out, &length));
    CHECK_TEXT(text_base32_lower(arena, "foobar", 6), "mzxw6ytboi");
    CHECK_TEXT(text_base32_lower(arena, "f", 1), "my");
}

/* ---- UTF-8 ---- */

static void utf8_is_what_the_rfc_says(void)
{
    static const struct {
        const char *bytes;
        bool utf8, plain;
    } cases[] = {
        {"plain words, more than eight", true, true},
        {"m\xC3\xBCller", true, true},
        {"\xE2\x82\xAC \xF0\x9F\x98\x80", true, true},
        {"tab\tline\nreturn\r", true, true},
        {"bell\a", true, false},
        {"eightabc\x1B[31m", true, false},
        {"delete\x7F", true, false},
        {"\xC2\x80", true, false},             /* C1 */
        {"\xC2\x9F", true, false},
        {"\xC2\xA0", true, true},
        {"\xD8\x9C", true, false},             /* Arabic letter mark */
        {"\xE2\x80\x8E", true, false},         /* left-to-right mark */
        {"\xE2\x80\x8F", true, false},
        {"\xE2\x80\xAA", true, false},         /* an embedding */
        {"\xE2\x80\xAE", true, false},         /* an override */
        {"\xE2\x81\xA6", true, false},         /* an isolate */
        {"\xE2\x81\xA9", true, false},
        {"\xE2\x81\xAA", true, true},
        {"\xEF\xB7\x90", true, false},         /* a non-character */
        {"\xEF\xBF\xBE", true, false},
        {"\xF0\x9F\xBF\xBF", true, false},
        {"\xEF\xB7\xB0", true, true},
        {"\x80", false, false},                /* a continuation alone */
        {"\xC0\xAF", false, false},            /* longer than need be */
        {"\xC1\xBF", false, false},
        {"\xE0\x80\xAF", false, false},
        {"\xE0\x9F\xBF", false, false},
        {"\xF0\x80\x80\xAF", false, false},
        {"\xF0\x8F\xBF\xBF", false, false},
        {"\xED\xA0\x80", false, false},        /* a surrogate */
        {"\xED\xBF\xBF", false, false},
        {"\xEE\x80\x80", true, true},
        {"\xF4\x8F\xBF\xBD", true, true},
        {"\xF4\x90\x80\x80", false, false},    /* past the last one */
        {"\xF5\x80\x80\x80", false, false},
        {"\xFF", false, false},
        {"\xC3", false, false},                /* cut short */
        {"\xE2\x82", false, false},
        {"\xF0\x9F\x98", false, false},
        {"\xC3(", false, false},
        {"\xE2\x82(", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t length = strlen(cases[i].bytes), bad = 777;
        if (text_is_utf8(cases[i].bytes, length, NULL) != cases[i].utf8 || text_is_plain_utf8(cases[i].bytes, length, NULL) != cases[i].plain)
            CHECK_TEXT(text_hex(arena, cases[i].bytes, length), cases[i].utf8 ? "is UTF-8" : "is none");
        char *behind = arena_printf(arena, "0123456789%s", cases[i].bytes);
        CHECK(text_is_plain_utf8(behind, strlen(behind), &bad) == cases[i].plain && (cases[i].plain || bad >= 10));
        bad = 777;
        CHECK(text_is_utf8(behind, strlen(behind), &bad) == cases[i].utf8 && (cases[i].utf8 ? bad == 777 : bad >= 10));
        /* cleaned, it can always be shown */
        char *clean = text_clean(arena, cases[i].bytes, length, 0);
        CHECK(text_is_plain_utf8(clean, strlen(clean), NULL) && strpbrk(clean, "\n\r\t\a\x1B") == NULL);
    }
    CHECK(!text_is_plain_utf8("a\0b", 3, NULL));
}

static void what_is_shown_is_cleaned_and_cut(void)
{
    CHECK(text_clean(arena, NULL, 0, 0) == NULL);
    CHECK_TEXT(text_clean(arena, "two\nlines\tand\rmore", 18, 0), "two lines and more");
    CHECK_TEXT(text_clean(arena, "a\x1B[31mb", 7, 0), "a\xEF\xBF\xBD[31mb");
    CHECK_TEXT(text_clean(arena, "a\xE2\x80\xA8" "b", 5, 0), "a\xEF\xBF\xBD" "b"); /* a line separator */
    CHECK_TEXT(text_clean(arena, "abcdef", 6, 4), "abcd");
    CHECK_TEXT(text_clean(arena, "abc\xC3\xBC", 5, 4), "abc"); /* no half character */
    CHECK_TEXT(text_clean(arena, "\xFF\xFF", 2, 4), "\xEF\xBF\xBD");
    char *long_one = arena_alloc(arena, 1001);
    memset(long_one, 'x', 1000);
    CHECK_INT(strlen(text_clean(arena, long_one, 1000, 0)), 512);
}

/* ---- durations ---- */

static void durations_have_units(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"200ms", 200}, {"90s", 90000}, {"10m", 600000}, {"12h", 43200000}, {"30d", 2592000000}, {"1h30m", 5400000},
                {"0s", 0}, {"1d12h", 129600000}};
    static const char *const wrong[] = {"", "5", "s", "5x", "5 m", "-5m", "5m ", "1.5h", "5M", "5mm", "99999999999999999999s",
                                        "9223372036854775807s", "9223372036854775807ms1ms", "106751991168d", "m5"};
    int64_t ms;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        CHECK(text_parse_duration_ms(good[i].text, &ms));
        CHECK_INT(ms, good[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (text_parse_duration_ms(wrong[i], &ms))
            CHECK_TEXT(wrong[i], "refused");
    CHECK_TEXT(text_duration(arena, 0), "0s");
    CHECK_TEXT(text_duration(arena, 59), "59s");
    CHECK_TEXT(text_duration(arena, 3600), "1h");
    CHECK_TEXT(text_duration(arena, 5400), "90m");
    CHECK_TEXT(text_duration(arena, 2592000), "30d");
    static const struct {
        int64_t seconds;
        const char *words;
    } words[] = {{0, "0 s"}, {-90, "90 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "119 min"}, {7200, "2 h"}, {172799, "47 h"},
                 {172800, "2 days"}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        CHECK_TEXT(text_duration_words(arena, words[i].seconds), words[i].words);
}

/* ---- names and words ---- */

static void a_wildcard_matches_one_label(void)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"*.example.com", "a.example.com", true},    {"*.example.com", "A.EXAMPLE.COM", true},
        {"*.example.com", "a.b.example.com", false}, {"*.example.com", "example.com", false},
        {"*.example.com", ".example.com", false},    {"*.example.com", "*.example.com", true},
        {"*.example.com", "*.example.org", false},   {"*.example.com", "localhost", false},
        {"example.com", "EXAMPLE.com", true},        {"example.com", "a.example.com", false},
        {"*", "a", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (text_name_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
            CHECK_TEXT(cases[i].name, cases[i].pattern);
    CHECK(text_name_within("a.example.com", "example.com") && text_name_within("example.com", "example.com"));
    CHECK(!text_name_within("badexample.com", "example.com") && !text_name_within("com", "example.com") &&
          !text_name_within("example.org", "example.com"));
}

static void the_nearest_word_is_meant_if_it_is_near(void)
{
    static const char *const words[] = {"issuer", NULL, "certificate", "contact"};
    CHECK_TEXT(text_nearest("isuer", words, COUNT_OF(words)), "issuer");
    CHECK_TEXT(text_nearest("certifcate", words, COUNT_OF(words)), "certificate");
    CHECK(text_nearest("xyzzy", words, COUNT_OF(words)) == NULL);
    char *endless = arena_alloc(arena, 201);
    memset(endless, 'c', 200);
    CHECK(text_nearest(endless, words, COUNT_OF(words)) == NULL);
    CHECK(text_nearest("x", words, 0) == NULL);
}

/* ---- buffers ---- */

static void a_buffer_stops_at_its_limit(void)
{
    struct buffer buffer = {.limit = 8};
    CHECK_TEXT(buffer_text(&buffer), "");
    buffer_puts(&buffer, "12345678");
    CHECK(!buffer.overflow && buffer.length == 8);
    buffer_putc(&buffer, '9');
    CHECK(buffer.overflow && buffer.length <= 8 && buffer.data[buffer.length] == '\0');
    buffer_release(&buffer);
    struct buffer large = {0};
    for (int i = 0; i < 1000; i++)
        buffer_printf(&large, "%d %s,", i, "of a thousand");
    CHECK_INT(large.length, 10 * 16 + 90 * 17 + 900 * 18);
    char *long_one = arena_alloc(arena, 5001);
    memset(long_one, 'y', 5000);
    buffer_clear(&large);
    buffer_printf(&large, "%s", long_one);
    CHECK_INT(large.length, 5000);
    buffer_wipe(&large);
    CHECK_TEXT(buffer_text(&large), "");
}

int main(void)
{
    arena = arena_create();
    RUN(hex_is_strict);
    RUN(base64_goes_there_and_back_and_is_strict);
    RUN(utf8_is_what_the_rfc_says);
    RUN(what_is_shown_is_cleaned_and_cut);
    RUN(durations_have_units);
    RUN(a_wildcard_matches_one_label);
    RUN(the_nearest_word_is_meant_if_it_is_near);
    RUN(a_buffer_stops_at_its_limit);
    arena_destroy(arena);
    return CHECK_REPORT();
}
