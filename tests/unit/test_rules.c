#include "check.h"

#include "base/clock.h"
#include "schema/rules.h"

static int64_t day(int year, int month, int date) { return clock_from_civil(year, month, date, 0, 0, 0); }

static void the_ladder_steps_at_midnight(void)
{
    CHECK_INT(rules_validity(day(2026, 3, 15) - 1)->max_days, 398);
    CHECK_INT(rules_validity(day(2026, 3, 15))->max_days, 200);
    CHECK_INT(rules_validity(day(2027, 3, 15) - 1)->advised_days, 199);
    CHECK_INT(rules_validity(day(2027, 3, 15))->max_days, 100);
    CHECK_INT(rules_validity(day(2029, 3, 15) - 1)->dcv_reuse_days, 100);
    CHECK_INT(rules_validity(day(2029, 3, 15))->max_days, 47);
    CHECK_INT(rules_validity(day(2029, 3, 15))->dcv_reuse_days, 10);
    CHECK_TEXT(rules_validity(day(2029, 3, 15))->source, "SC-081v3");
}

static void a_clock_before_the_ladder_finds_its_first_step(void)
{
    CHECK_INT(rules_validity(0)->max_days, 398);
    CHECK_INT(rules_validity(-1)->max_days, 398);
}

static void the_ladder_only_descends(void)
{
    const struct validity_rule *last = rules_validity(0);
    for (int64_t at = day(2020, 1, 1); at < day(2031, 1, 1); at += 86400) {
        const struct validity_rule *now = rules_validity(at);
        CHECK(now->from >= last->from && now->max_days <= last->max_days);
        CHECK(now->advised_days == now->max_days - 1 && now->dcv_reuse_days <= now->max_days);
        last = now;
    }
    CHECK_INT(last->max_days, 47);
}

static void dated_rules_are_found_by_word(void)
{
    CHECK_INT(rules_dated("whois-email-forbidden")->from, day(2025, 7, 15));
    CHECK_INT(rules_dated("email-constructed-discouraged")->from, day(2026, 3, 15));
    CHECK_INT(rules_dated("email-constructed-forbidden")->from, day(2028, 3, 15));
    CHECK_INT(rules_dated("sha1-forbidden")->from, day(2026, 9, 15));
    CHECK(rules_dated("no-such-rule") == NULL);
}

static void every_dated_rule_is_whole_and_in_order(void)
{
    const struct dated_rule *rule;
    int64_t last = 0;
    unsigned count = 0;
    for (; (rule = rules_dated_at(count)) != NULL; count++) {
        CHECK(rule->from >= last && rule->text[0] != '\0' && rule->source[0] != '\0');
        CHECK(rules_dated(rule->word) == rule);
        last = rule->from;
    }
    CHECK(count >= 10);
    CHECK_INT(strlen(rules_version()), strlen("2026-11-22"));
}

int main(void)
{
    RUN(the_ladder_steps_at_midnight);
    RUN(a_clock_before_the_ladder_finds_its_first_step);
    RUN(the_ladder_only_descends);
    RUN(dated_rules_are_found_by_word);
    RUN(every_dated_rule_is_whole_and_in_order);
    return CHECK_REPORT();
}
