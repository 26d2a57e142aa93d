/* What a plan looks like: text, JSON and Markdown of one made by hand. */
#include "check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/plan.h"

static struct arena *arena;
static struct plan plan;
static struct buffer out;
static const struct plan_colours plain = {"", "", "", "", "", ""};

static struct plan_item *item(const char *id)
{
    struct plan_item *made = arena_push(arena, &plan.items, plan.count);
    made->id = id;
    return made;
}

static struct step *step(struct plan_item *of, enum verb verb, const char *subject, const char *reason)
{
    struct step *made = arena_push(arena, &of->steps, of->count);
    *made = (struct step){
        .verb = verb, .code = "Code", .subject = subject, .detail = "", .reason = reason, .index = -1};
    plan.by_verb[verb]++;
    return made;
}

static void begin(void)
{
    arena_reset(arena);
    plan = (struct plan){.arena = arena};
    buffer_clear(&out);
}

static void costs(int64_t cents, const char *currency)
{
    *arena_push(arena, &plan.costs, plan.cost_count) = (struct plan_cost){currency, cents};
}

static void whole_plan(void)
{
    begin();
    struct plan_item *shop = item("certificate/shop");
    shop->position = (struct position){.file = "shop.yaml", .line = 3};
    struct step *order = step(shop, VERB_ORDER, "positivessl", "no certificate yet");
    order->cost_cents = 750;
    order->currency = "USD";
    order->detail = "PositiveSSL, 12 months, 1 name";
    order->effects = "certificates last at most 199 days now";
    step(shop, VERB_DEPLOY, "web", "this revision is not there yet");
    struct step *blocked = step(item("certificate/held"), VERB_BLOCKED, "", "the vendor does not know of it");
    blocked->code = "OrderHeld";
    blocked->human = "look for it in the vendor's panel";
    blocked->command = "certwright release certificate/held";
    plan.settled = 2;
    costs(750, "USD");
}

static void text_tells_what_why_and_what_to_do(void)
{
    whole_plan();
    plan_print_text(&plan, &plain, 0, &out);
    CHECK_TEXT(buffer_text(&out), "\n"
               "certificate/shop  shop.yaml:3\n"
               "  + order    positivessl  7.50 USD\n"
               "      what: PositiveSSL, 12 months, 1 name\n"
               "      why:  no certificate yet\n"
               "      note: certificates last at most 199 days now\n"
               "  ~ deploy   web\n"
               "      why:  this revision is not there yet\n"
               "\n"
               "certificate/held\n"
               "  ! blocked  OrderHeld\n"
               "      why:  the vendor does not know of it\n"
               "      to do: look for it in the vendor's panel\n"
               "      then: certwright release certificate/held\n"
               "\n"
               "Plan: 1 order, 1 deploy, 1 blocked; 7.50 USD. 2 as the manifests say.\n");
}

static void a_command_is_the_next_step_or_for_when_something_was_lost(void)
{
    begin();
    struct step *wait = step(item("certificate/shop"), VERB_WAIT, "web", "rolled back");
    wait->human = "cure it";
    wait->command = "certwright sync certificate/shop";
    plan_print_text(&plan, &plain, 0, &out);
    CHECK(strstr(buffer_text(&out), "      to do: cure it\n      then: certwright sync certificate/shop\n") != NULL);
    buffer_clear(&out);
    plan_print_markdown(&plan, &out);
    CHECK(strstr(buffer_text(&out), "cure it; then `certwright sync certificate/shop`") != NULL);
    buffer_clear(&out);
    wait->code = "AwaitingApproval";
    plan_print_text(&plan, &plain, 0, &out);
    CHECK(strstr(buffer_text(&out), "      if it was lost: certwright sync certificate/shop\n") != NULL);
    buffer_clear(&out);
    plan_print_markdown(&plan, &out);
    CHECK(strstr(buffer_text(&out), "cure it; if it was lost: `certwright sync certificate/shop`") != NULL);
}

static void nothing_to_do_is_said(void)
{
    begin();
    plan.settled = 1;
    plan_print_text(&plan, &plain, 0, &out);
    CHECK_TEXT(buffer_text(&out), "Nothing to do: 1 certificate is as the manifests say.\n");
    CHECK(!plan_has_changes(&plan));
    buffer_clear(&out);
    plan.settled = 0;
    plan_print_text(&plan, &plain, 0, &out);
    CHECK_TEXT(buffer_text(&out), "Nothing to do: there is no certificate in the manifests.\n");
    buffer_clear(&out);
    plan.narrowed = true; /* there may be others */
    plan_print_text(&plan, &plain, 0, &out);
    CHECK_TEXT(buffer_text(&out), "Nothing to do: no certificate in the manifests is meant.\n");
    buffer_clear(&out);
    plan.settled = 3;
    plan_print_markdown(&plan, &out);
    CHECK(strstr(buffer_text(&out), "3 certificates are as the manifests say.") != NULL);
}

static void money_of_several_currencies_is_not_added_up(void)
{
    whole_plan();
    costs(1200, "EUR");
    plan.cost_unknown = true;
    plan_print_text(&plan, &plain, 0, &out);
    CHECK(strstr(buffer_text(&out), "; 7.50 USD + 12.00 EUR + unknown prices.") != NULL);
    CHECK_TEXT(plan_total(&plan), "7.50 USD + 12.00 EUR + unknown prices"); /* what a person agrees to */
    CHECK_TEXT(plan_money(arena, 5, "USD"), "0.05 USD");
    CHECK_TEXT(plan_money(arena, -1, NULL), "price unknown");
    CHECK(plan_spends(&plan));
}

static void what_is_held_is_summed_apart_from_what_is_paid(void)
{
    struct error err = {0};
    begin();
    for (int i = 0; i < 13; i++) {
        struct step *held = step(item(arena_printf(arena, "certificate/n%02d", i)), VERB_BLOCKED, "", "held as a whole");
        held->cost_cents = 750;
        held->currency = "USD";
    }
    plan_print_text(&plan, &plain, 0, &out);
    CHECK(strstr(buffer_text(&out), "\nPlan: 13 blocked; nothing to pay now; 97.50 USD held.\n") != NULL);
    CHECK(!plan_spends(&plan));
    buffer_clear(&out);
    plan_print_json(&plan, NULL, &out);
    AUTO(json) struct json *document = json_parse(buffer_text(&out), out.length, &err);
    CHECK_OK(document != NULL, err);
    CHECK_INT(json_count(json_member(document, "costs")), 0);
    CHECK_TEXT(json_string(json_member(json_first(json_member(document, "held")), "amount")), "97.50");
    whole_plan();
    struct step *unknown = step(item("certificate/more"), VERB_BLOCKED, "", "held as a whole");
    unknown->cost_cents = -1;
    plan_print_markdown(&plan, &out);
    CHECK(strstr(buffer_text(&out), "; 7.50 USD now; unknown prices held**") != NULL);
}

static void lines_fit_the_terminal(void)
{
    whole_plan();
    plan.items[0].steps[1].reason =
        "a reason that is so long that it does not fit on one line of a terminal with eighty "
        "columns, nor on two of them, if one is honest about how people write such things";
    plan_print_text(&plan, &plain, 80, &out);
    const char *line = buffer_text(&out);
    while (line != NULL) {
        size_t length = strcspn(line, "\n");
        CHECK(length <= 80);
        line = line[length] != '\0' ? line + length + 1 : NULL;
    }
    CHECK(strstr(buffer_text(&out), "\n            ") != NULL);
}

static void colours_surround_and_end(void)
{
    const struct plan_colours colours = {"<B>", "<G>", "<Y>", "<R>", "<D>", "<0>"};
    whole_plan();
    plan_print_text(&plan, &colours, 0, &out);
    CHECK(strstr(buffer_text(&out), "<G>+ order   <0> positivessl") != NULL);
    CHECK(strstr(buffer_text(&out), "<R>! blocked <0>") != NULL);
    size_t begun = 0, ended = 0;
    for (const char *at = buffer_text(&out); (at = strchr(at, '<')) != NULL; at++)
        *(at[1] == '0' ? &ended : &begun) += 1;
    CHECK_INT(begun, ended);
}

static void json_has_the_same_steps(void)
{
    struct error err = {0};
    whole_plan();
    plan_print_json(&plan, NULL, &out);
    AUTO(json) struct json *document = json_parse(buffer_text(&out), out.length, &err);
    CHECK_OK(document != NULL, err);
    CHECK_TEXT(json_string(json_member(document, "formatVersion")), "1");
    const struct json *steps = json_member(document, "steps");
    CHECK_INT(json_count(steps), 3);
    const struct json *order = json_first(steps), *deploy = json_next(order), *blocked = json_next(deploy);
    CHECK_TEXT(json_string(json_member(order, "verb")), "order");
    CHECK_TEXT(json_string(json_member(order, "resource")), "certificate/shop");
    CHECK_TEXT(json_string(json_member(json_member(order, "cost"), "amount")), "7.50");
    CHECK_TEXT(json_string(json_member(json_member(order, "cost"), "currency")), "USD");
    CHECK_TEXT(json_string(json_member(json_member(deploy, "cost"), "amount")), "0.00");
    CHECK_TEXT(json_string(json_member(blocked, "command")), "certwright release certificate/held");
    CHECK(json_is_null(json_member(deploy, "human")));
    int64_t number = 0;
    CHECK(json_int(json_member(json_member(document, "summary"), "order"), &number));
    CHECK_INT(number, 1);
    CHECK(json_int(json_member(json_member(document, "summary"), "settled"), &number));
    CHECK_INT(number, 2);
}

static void unknown_price_is_null_and_never_zero(void)
{
    struct error err = {0};
    whole_plan();
    plan.items[0].steps[0].cost_cents = -1;
    plan_print_json(&plan, NULL, &out);
    AUTO(json) struct json *document = json_parse(buffer_text(&out), out.length, &err);
    CHECK_OK(document != NULL, err);
    CHECK(json_is_null(json_member(json_first(json_member(document, "steps")), "cost")));
    CHECK(json_member(json_first(json_member(document, "steps")), "cost") != NULL);
}

static void markdown_is_a_table_with_everything(void)
{
    whole_plan();
    plan_print_markdown(&plan, &out);
    CHECK(
        strstr(buffer_text(&out),
               "| `+` | **order** | certificate/shop | positivessl | 7.50 USD | no certificate yet |  |\n") !=
        NULL);
    CHECK(strstr(buffer_text(&out),
                 "| OrderHeld |  | the vendor does not know of it | look for it in the vendor's panel; "
                 "then `certwright release certificate/held` |\n") != NULL);
    CHECK(strstr(buffer_text(&out), "**1 order, 1 deploy, 1 blocked; 7.50 USD**\n") != NULL);
}

/* Texts of manifests and of the vendor end up in a pull request's comment. */
static void markdown_carries_no_foreign_markup(void)
{
    static const char evil[] =
        "a|b\n# c\r\x1b[31m <img src=x onerror=alert(1)> [click](http://evil.example) `code` *b* _i_ \\";
    begin();
    struct plan_item *shop = item("certificate/shop");
    struct step *made = step(shop, VERB_BLOCKED, "", evil);
    made->human = evil;
    string_list_push(arena, &plan.notes, evil);
    plan_print_markdown(&plan, &out);
    const char *text = buffer_text(&out);
    size_t rows = 0;
    for (const char *line = text; line != NULL;
         line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL) {
        size_t bars = 0, length = strcspn(line, "\n");
        for (size_t i = 0; i < length; i++)
            bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
        if (line[0] == '|') {
            CHECK_INT(bars, 8);
            rows++;
        }
    }
    CHECK_INT(rows, 3);
    for (const char *at = text; *at != '\0'; at++) {
        CHECK(*at == '\n' || (unsigned char)*at >= ' ');
        if (strchr("<[", *at) != NULL)
            CHECK(at > text && at[-1] == '\\');
    }
    CHECK(strstr(text, "\n# c") == NULL);
}

int main(void)
{
    arena = arena_create();
    RUN(text_tells_what_why_and_what_to_do);
    RUN(a_command_is_the_next_step_or_for_when_something_was_lost);
    RUN(nothing_to_do_is_said);
    RUN(money_of_several_currencies_is_not_added_up);
    RUN(what_is_held_is_summed_apart_from_what_is_paid);
    RUN(lines_fit_the_terminal);
    RUN(colours_surround_and_end);
    RUN(json_has_the_same_steps);
    RUN(unknown_price_is_null_and_never_zero);
    RUN(markdown_is_a_table_with_everything);
    RUN(markdown_carries_no_foreign_markup);
    arena_destroy(arena);
    buffer_release(&out);
    return CHECK_REPORT();
}
