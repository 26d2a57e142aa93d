#include "check.h"

#include "base/text.h"
#include "controller/schedule.h"

static struct schedule *schedule;

static void take(const char *should, int64_t now_ms)
{
    char *key = schedule_take(schedule, now_ms);
    bool same = text_equal(key, should);
    if (!same)
        fprintf(stderr, "taken %s, should be %s\n", key != NULL ? key : "nothing",
                should != NULL ? should : "nothing");
    free(key);
    CHECK(same);
}

static void begin(void)
{
    schedule_destroy(schedule);
    schedule = schedule_create();
}

static void earliest_comes_first_and_nothing_before_its_time(void)
{
    begin();
    CHECK_INT(schedule_next(schedule), INT64_MAX);
    take(NULL, INT64_MAX);
    schedule_set(schedule, "late", 30);
    schedule_set(schedule, "early", 10);
    schedule_set(schedule, "middle", 20);
    CHECK_INT(schedule_next(schedule), 10);
    take(NULL, 9);
    take("early", 10);
    take(NULL, 10);
    take("middle", 100);
    take("late", 100);
    take(NULL, 100);
    CHECK_INT(schedule_count(schedule), 0);
}

static void one_key_has_one_entry(void)
{
    begin();
    schedule_set(schedule, "a", 10);
    schedule_set(schedule, "a", 50);
    CHECK_INT(schedule_count(schedule), 1);
    take(NULL, 49);
    take("a", 50);
    take(NULL, 100);
}

static void sooner_never_delays(void)
{
    begin();
    schedule_sooner(schedule, "a", 50);
    schedule_sooner(schedule, "a", 80);
    CHECK_INT(schedule_next(schedule), 50);
    schedule_sooner(schedule, "a", 20);
    CHECK_INT(schedule_next(schedule), 20);
    CHECK_INT(schedule_count(schedule), 1);
}

static void all_come_at_once_and_what_was_due_before_comes_first(void)
{
    begin();
    for (int i = 99; i >= 0; i--) {
        char name[16];
        snprintf(name, sizeof name, "key-%d", i);
        schedule_set(schedule, name, 10 * i);
    }
    schedule_all_sooner(schedule, 20);
    CHECK_INT(schedule_count(schedule), 100);
    take("key-0", 19);
    take("key-1", 19);
    take(NULL, 19);
    schedule_set(schedule, "before", 5);
    take("before", 20);
    for (int i = 2; i < 100; i++)
        free(schedule_take(schedule, 20));
    CHECK_INT(schedule_count(schedule), 0);
    schedule_all_sooner(schedule, 20);
    take(NULL, INT64_MAX);
}

static void equal_times_are_served_in_the_order_of_arrival(void)
{
    static const char *const keys[] = {"e", "b", "d", "a", "c"};
    begin();
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        schedule_set(schedule, keys[i], 10);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        take(keys[i], 10);
        schedule_set(schedule, keys[i], 10); /* whoever was served waits behind the others */
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        take(keys[i], 10);
}

static void removed_key_is_not_served(void)
{
    begin();
    schedule_set(schedule, "a", 10);
    schedule_set(schedule, "b", 20);
    schedule_remove(schedule, "a");
    schedule_remove(schedule, "nobody");
    CHECK(!schedule_has(schedule, "a"));
    CHECK(schedule_has(schedule, "b"));
    take("b", 100);
    CHECK(!schedule_has(schedule, "b"));
}

static void same_as_a_plain_list_over_many_random_calls(void)
{
    enum { KEYS = 300, CALLS = 60000 };
    static struct {
        bool there;
        int64_t due;
        unsigned long arrival;
    } list[KEYS];
    unsigned long random = 12345, arrivals = 0;
    begin();
    memset(list, 0, sizeof list);
    for (int call = 0; call < CALLS; call++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned key = (unsigned)(random >> 33) % KEYS;
        int64_t due = (int64_t)(random >> 45) % 1000;
        char name[16];
        snprintf(name, sizeof name, "key-%u", key);
        switch ((random >> 20) % 5) {
        case 0:
        case 1:
            schedule_set(schedule, name, due);
            list[key].there = true, list[key].due = due, list[key].arrival = arrivals++;
            break;
        case 2:
            schedule_sooner(schedule, name, due);
            if (!list[key].there || list[key].due > due)
                list[key].there = true, list[key].due = due, list[key].arrival = arrivals++;
            break;
        case 3:
            schedule_remove(schedule, name);
            list[key].there = false;
            break;
        default: {
            int first = -1;
            for (int i = 0; i < KEYS; i++)
                if (list[i].there &&
                    (first < 0 || list[i].due < list[first].due ||
                     (list[i].due == list[first].due && list[i].arrival < list[first].arrival)))
                    first = i;
            CHECK_INT(schedule_next(schedule), first < 0 ? INT64_MAX : list[first].due);
            if (first < 0 || list[first].due > due) {
                take(NULL, due);
            } else {
                snprintf(name, sizeof name, "key-%d", first);
                take(name, due);
                list[first].there = false;
            }
        }
        }
    }
}

int main(void)
{
    RUN(earliest_comes_first_and_nothing_before_its_time);
    RUN(one_key_has_one_entry);
    RUN(sooner_never_delays);
    RUN(all_come_at_once_and_what_was_due_before_comes_first);
    RUN(equal_times_are_served_in_the_order_of_arrival);
    RUN(removed_key_is_not_served);
    RUN(same_as_a_plain_list_over_many_random_calls);
    schedule_destroy(schedule);
    return CHECK_REPORT();
}
