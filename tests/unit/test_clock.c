/* Dates as others write them, and a clock that another process turns. */
#include "base/clock.h"

#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "check.h"
#include "scratch.h"

static struct arena *arena;

static void dates_are_read_strictly(void)
{
    static const struct {
        const char *text;
        int64_t at;
    } good[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T03:40:00Z", 1795318800},
        {"2026-11-22t03:40:00z", 1795318800},
        {"2026-11-22 03:40:00Z", 1795318800},
        {"2026-11-22T03:40:00.123456Z", 1795318800},
        {"2026-11-22T04:40:00+01:00", 1795318800},
        {"2026-11-21T22:10:00-05:30", 1795318800},
        {"2024-02-29", 1709164800},
        {"1969-12-31T23:59:59Z", -1},
    };
    static const char *const wrong[] = {
        "", "2026", "2026-11", "2026-11-2", "2026-11-22T", "2026-11-22T03:40", "2026-11-22T03:40:00", "2026-11-22T03:40:00+0100",
        "2026-11-22T03:40:00+01:00x", "2026-11-22T03:40:00+24:00", "2026-11-22T03:40:00+01:60", "2026-11-22T03:40:00*01:00",
        "2026-11-22x03:40:00Z", "2026-13-01", "2026-00-01", "2026-11-00", "2026-11-31", "2025-02-29", "2026-02-30T00:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T03:60:00Z", "2026-11-22T03:40:61Z", "2026-11-22T-1:40:00Z", "+026-11-22", " 026-11-22",
        "2026/11/22", "2026-11-22Z", "2026-11-22T 3:40:00Z", "2026-11-22T03:40:00ZZ", "20261122",
    };
    int64_t at;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        CHECK(clock_parse_rfc3339(good[i].text, &at));
        CHECK_INT(at, good[i].at);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (clock_parse_rfc3339(wrong[i], &at))
            CHECK_TEXT(wrong[i], "refused");
    CHECK_TEXT(clock_rfc3339(arena, 1795318800), "2026-11-22T03:40:00Z");
    CHECK_TEXT(clock_rfc3339(arena, 0), "");
}

static void a_clock_is_turned_by_another_process_and_the_wire_s_is_not(void)
{
    char folder[96];
    struct error err = {0};
    scratch_folder(folder, sizeof folder);
    const char *path = arena_printf(arena, "%s/clock", folder);
    CHECK(!clock_follow(path, &err));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs("no clock, but long enough", file) >= 0 && fclose(file) == 0);
    CHECK(!clock_follow(path, &err) && strstr(err.message, "is not a clock file") != NULL);
    CHECK(truncate(path, 4) == 0 && !clock_follow(path, &err));
    CHECK(unlink(path) == 0);
    CHECK(!clock_publish(arena_printf(arena, "%s/nowhere/clock", folder), 5, &err));
    CHECK_OK(clock_publish(path, 86400, &err), err);
    int64_t real = clock_wire();
    CHECK_OK(clock_follow(path, &err), err);
    CHECK(clock_now() - real >= 86400 && clock_now() - real < 86410);
    CHECK_INT(clock_offset(), 86400);
    CHECK_OK(clock_publish(path, 172800, &err), err); /* seen at once */
    CHECK_INT(clock_offset(), 172800);
    CHECK(clock_wire() - real < 10);
    CHECK(clock_boot_id()[0] != '\0' && clock_boot_id() == clock_boot_id());
}

static void a_clock_that_is_turned_back_leads_by_less(void)
{
    clock_turn(0);
    int64_t lead = clock_lead_ms();
    clock_turn(3600);
    CHECK(clock_lead_ms() - lead > 3599 * 1000);
    clock_turn(-3600);
    CHECK(lead - clock_lead_ms() > 3599 * 1000);
    clock_turn(0);
    CHECK(clock_lead_ms() - lead < 1000 && clock_lead_ms() - lead > -1000);
}

int main(void)
{
    arena = arena_create();
    RUN(dates_are_read_strictly);
    RUN(a_clock_that_is_turned_back_leads_by_less);
    RUN(a_clock_is_turned_by_another_process_and_the_wire_s_is_not);
    arena_destroy(arena);
    return CHECK_REPORT();
}
