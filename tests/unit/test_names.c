/* Domain names as people write them, and the one form that is kept. */
#include <string.h>

#include "check.h"

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"

static struct arena *arena;

static const char *canonical(const char *text)
{
    const char *reason = NULL, *name = name_canonical(arena, text, &reason);
    CHECK((name == NULL) == (reason != NULL));
    return name;
}

static void a_name_has_one_form(void)
{
    CHECK_TEXT(canonical("Shop.Example.COM."), "shop.example.com");
    CHECK_TEXT(canonical("*.Example.com"), "*.example.com");
    CHECK_TEXT(canonical("b\xC3\xBC" "cher.example"), "xn--bcher-kva.example");
    CHECK_TEXT(canonical("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
    CHECK_TEXT(canonical("xN--bcher-kva.example"), "xn--bcher-kva.example");
}

static void what_is_no_name_is_refused(void)
{
    static const char *const bad[] = {"", ".", "a..b", "-a.example", "a-.example", "a_b.example", "single", "10.0.0.1", "*", "*.*.example",
                                      "xn--xn-h-bcer-kva.e", "xN--xn-h-bcer-kva.e", "Xn--xn-h-bcer-kva.e"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (canonical(bad[i]) != NULL)
            CHECK_TEXT(bad[i], "refused");
}

/* 253 characters are the most (RFC 1035, 2.3.4, without the length and root bytes), and the asterisk counts. */
static void the_longest_name_counts_its_asterisk(void)
{
    char name[300] = "";
    for (int i = 0; i < 5; i++)
        strcat(name, "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklm."); /* 50 each */
    strcat(name, "com");
    CHECK_INT(strlen(name), 253);
    CHECK(canonical(name) != NULL);
    CHECK(canonical(arena_printf(arena, "*.%s", name)) == NULL);
    CHECK(canonical(arena_printf(arena, "*.%s", name + 1)) == NULL);
    CHECK(canonical(arena_printf(arena, "*.%s", name + 2)) != NULL);
    CHECK(canonical(arena_printf(arena, "a%s", name)) == NULL);
}

static void a_zone_may_have_an_underscore_in_front(void)
{
    const char *reason = NULL;
    CHECK_TEXT(zone_canonical(arena, "_acme.Example.com", &reason), "_acme.example.com");
    CHECK(zone_canonical(arena, "*.example.com", &reason) == NULL && reason != NULL);
}

int main(void)
{
    arena = arena_create();
    RUN(a_name_has_one_form);
    RUN(what_is_no_name_is_refused);
    RUN(the_longest_name_counts_its_asterisk);
    RUN(a_zone_may_have_an_underscore_in_front);
    arena_destroy(arena);
    return CHECK_REPORT();
}
