/* What the journal calls a stray, and what it does not: seeded records in a real store. */
#include "controller_world.h"

#include "controller/journal.h"
#include "controller/records.h"
#include "controller/stray.h"

static struct world world;
static struct state_batch *batch;

static struct challenge_record challenge(const char *name, int cycle, enum challenge_state state,
                                         const char *value)
{
    return (struct challenge_record){.namespace_ = "default",
                                     .name = name,
                                     .cycle = cycle,
                                     .domain = "shop.example.com",
                                     .method = 1,
                                     .state = state,
                                     .record_name = "_x.shop.example.com",
                                     .record_type = "CNAME",
                                     .record_value = value,
                                     .file_name = "",
                                     .file_content = "",
                                     .approver = "",
                                     .account = "bind",
                                     .zone = "example.com",
                                     .target = "",
                                     .vendor_status = "",
                                     .last_check = "",
                                     .error = "",
                                     .created_at = 1795348800};
}

static void put_challenge(struct challenge_record record)
{
    record_put(batch, TABLE_CHALLENGE, challenge_key(world.arena, &record), &challenge_record_table, &record,
               STATE_ANY);
}

static void put_order(const char *name, int cycle, enum order_state state, bool fetched)
{
    struct order_record order = {.namespace_ = "default",
                                 .name = name,
                                 .cycle = cycle,
                                 .state = state,
                                 .fetched = fetched,
                                 .vendor_order_id = "4567890"};
    struct certificate_record certificate = {.namespace_ = "default", .name = name, .cycle = cycle};
    record_put(batch, TABLE_ORDER, record_key_number(world.arena, "default", name, cycle),
               &order_record_table, &order, STATE_ANY);
    record_put(batch, TABLE_CERTIFICATE, record_key(world.arena, "default", name), &certificate_record_table,
               &certificate, STATE_ANY);
}

static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    batch = state_batch_create();
}

static struct stray *strays(size_t *out_count)
{
    struct stray *found = NULL;
    struct error err = {0};
    if (batch != NULL)
        world_commit(&world, batch);
    batch = NULL;
    *out_count = 0;
    CHECK_OK(stray_list(world.state, world.arena, &found, out_count, &err), err);
    return found;
}

static void a_live_order_needs_its_proof(void)
{
    size_t count;
    begin();
    put_order("shop", 1, ORDER_PLACED, false);
    put_challenge(challenge("shop", 1, CHALLENGE_PRESENTED, "a.example.net"));
    strays(&count);
    CHECK_INT(count, 0);
}

static void what_no_order_needs_is_one(void)
{
    static const struct {
        enum order_state state;
        bool there, fetched;
        int cycle; /* of the order */
        const char *says;
    } rows[] = {{ORDER_PLACED, false, false, 1, "no longer in the store"},
                {ORDER_DEAD, true, false, 1, "cancelled"},
                {ORDER_PLACED, true, true, 1, "issued"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count;
        begin();
        if (rows[i].there)
            put_order("shop", rows[i].cycle, rows[i].state, rows[i].fetched);
        put_challenge(challenge("shop", 1, CHALLENGE_PRESENTED, "a.example.net"));
        struct stray *found = strays(&count);
        CHECK_INT(count, 1);
        CHECK(strstr(found[0].why_needless, rows[i].says) != NULL);
        CHECK_TEXT(found[0].owner, "certificate/shop");
    }
}

/* The order is there and lives, and still nobody needs it. */
static void what_its_certificate_left_behind_is_one(void)
{
    static const struct {
        bool known, forgotten;
        int cycle; /* of the certificate */
        const char *says;
    } rows[] = {{false, false, 1, "its certificate is no longer in the store"},
                {true, false, 2, "a later order took the place"},
                {true, true, 1, "the manifest of its certificate is gone"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count;
        begin();
        put_order("shop", 1, ORDER_PLACED, false);
        struct certificate_record certificate = {.namespace_ = "default", .name = "shop", .cycle = rows[i].cycle,
                                                 .forgotten = rows[i].forgotten};
        if (rows[i].known)
            record_put(batch, TABLE_CERTIFICATE, "default/shop", &certificate_record_table, &certificate, STATE_ANY);
        else
            state_delete(batch, TABLE_CERTIFICATE, "default/shop", STATE_ANY);
        put_challenge(challenge("shop", 1, CHALLENGE_PRESENTED, "a.example.net"));
        struct stray *found = strays(&count);
        CHECK_INT(count, 1);
        CHECK(strstr(found[0].why_needless, rows[i].says) != NULL);
    }
}

static struct challenge_record file_of(const char *name, enum challenge_state state, const char *file, const char *content)
{
    struct challenge_record record = challenge(name, 1, state, "");
    record.record_name = record.record_type = record.account = record.zone = "";
    record.file_name = file;
    record.file_content = content;
    record.target = "web";
    return record;
}

static void a_file_is_needed_as_it_is_and_as_it_is_to_become(void)
{
    static const struct {
        const char *file, *content;
        size_t count;
    } rows[] = {{"A.txt", "one", 0}, {"B.txt", "two", 0}, {"A.txt", "two", 1}, {"C.txt", "one", 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count;
        begin();
        put_order("shop", 1, ORDER_PLACED, false);
        struct challenge_record needed = file_of("shop", CHALLENGE_REMOVING, "A.txt", "one"); /* taken away by the controller */
        needed.next_file_name = "B.txt";
        needed.next_file_content = "two";
        put_challenge(needed);
        put_challenge(file_of("old", CHALLENGE_PRESENTED, rows[i].file, rows[i].content));
        strays(&count);
        CHECK_INT(count, rows[i].count);
    }
    size_t count;
    begin();
    put_order("shop", 1, ORDER_PLACED, false);
    put_challenge(file_of("shop", CHALLENGE_PRESENTED, "A.txt", "one"));
    put_challenge(challenge("old", 1, CHALLENGE_PRESENTED, "a.example.net")); /* a record is no file */
    strays(&count);
    CHECK_INT(count, 1);
}

static void an_intent_is_enough_and_what_was_never_begun_is_not(void)
{
    static const struct {
        enum challenge_state state;
        size_t count;
    } rows[] = {{CHALLENGE_PENDING, 0},
                {CHALLENGE_PRESENTING, 1},
                {CHALLENGE_SEEN, 1},
                {CHALLENGE_REMOVING, 1},
                {CHALLENGE_GONE, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count;
        begin();
        put_challenge(challenge("shop", 1, rows[i].state, "a.example.net"));
        strays(&count);
        CHECK_INT(count, rows[i].count);
    }
    size_t count;
    struct challenge_record by_hand = challenge("shop", 1, CHALLENGE_PRESENTED, "a.example.net");
    by_hand.manual = true;
    begin();
    put_challenge(by_hand);
    strays(&count);
    CHECK_INT(count, 0);
}

static void what_equals_a_needed_proof_is_needed(void)
{
    size_t count;
    begin();
    put_challenge(challenge("old", 1, CHALLENGE_PRESENTED, "A.example.net"));
    put_order("shop", 1, ORDER_PLACED, false);
    put_challenge(challenge("shop", 1, CHALLENGE_PENDING, "a.EXAMPLE.net"));
    strays(&count);
    CHECK_INT(count, 0);
}

static void a_leftover_is_one_until_it_is_struck(void)
{
    size_t count;
    struct buffer out = {0};
    const char *probe =
        "{\"namespace\":\"default\",\"origin\":\"a probe\",\"account\":\"bind\",\"zone\":\"example.com\","
        "\"recordName\":\"_p.example.com\",\"recordType\":\"TXT\",\"recordValue\":\"v\"}";
    begin();
    state_batch_destroy(batch);
    batch = NULL;
    CHECK_INT(journal_run(world.state, "journal-note", probe, "test", &out), 0);
    struct stray *found = strays(&count);
    CHECK_INT(count, 1);
    CHECK(strstr(found[0].why_ours, "a probe") != NULL);
    CHECK_INT(journal_run(world.state, "journal-claim", found[0].key, "test", &out), 0);
    CHECK_INT(journal_run(world.state, "journal-settle", found[0].key, "test", &out), 0);
    strays(&count);
    CHECK_INT(count, 0);
    CHECK(journal_run(world.state, "journal-settle", found[0].key, "test", &out) != 0);
    CHECK(journal_run(world.state, "journal-note", "{", "test", &out) != 0);
    buffer_release(&out);
}

static void a_claim_is_refused_once_an_order_needs_it(void)
{
    size_t count;
    struct buffer out = {0};
    begin();
    put_challenge(challenge("shop", 1, CHALLENGE_PRESENTED, "a.example.net"));
    struct stray *found = strays(&count);
    CHECK_INT(count, 1);
    batch = state_batch_create();
    put_order("shop", 1, ORDER_PLACED, false);
    world_commit(&world, batch);
    batch = NULL;
    CHECK(journal_run(world.state, "journal-claim", found[0].key, "test", &out) != 0);
    CHECK(strstr(buffer_text(&out), "no stray any more") != NULL);
    buffer_release(&out);
}

int main(void)
{
    RUN(a_live_order_needs_its_proof);
    RUN(what_no_order_needs_is_one);
    RUN(what_its_certificate_left_behind_is_one);
    RUN(a_file_is_needed_as_it_is_and_as_it_is_to_become);
    RUN(an_intent_is_enough_and_what_was_never_begun_is_not);
    RUN(what_equals_a_needed_proof_is_needed);
    RUN(a_leftover_is_one_until_it_is_struck);
    RUN(a_claim_is_refused_once_an_order_needs_it);
    world_end(&world);
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed > 0;
}
