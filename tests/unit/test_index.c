#include "controller_world.h"

static struct world world;
static struct buffer seen;

static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER);
}

static void put(const char *key, const struct index_row *row)
{
    struct state_batch *batch = state_batch_create();
    index_put(batch, key, row);
    world_commit(&world, batch);
}

static void visit(const char *key, const struct desired_entry *entry, const struct index_row *row, void *arg)
{
    (void)arg;
    buffer_printf(&seen, "%s%s%s ", strchr(key, KEY_SEPARATOR) + 1, entry != NULL ? "+" : "-",
                  row != NULL ? "#" : "");
}

static const char *walked(void)
{
    struct error err = {0};
    buffer_clear(&seen);
    CHECK_OK(index_walk(world.state, world.desired, visit, NULL, &err), err);
    return buffer_text(&seen);
}

static void row_comes_back_as_it_was(void)
{
    struct index_row row = {.due = 1795348800, .flags = INDEX_REST | INDEX_CONFIRMED}, read;
    struct span value;
    struct error err = {0};
    begin();
    memset(row.digest, 7, sizeof row.digest);
    memset(row.shared, 9, sizeof row.shared);
    put("default\x01shop", &row);
    CHECK_OK(state_get(world.state, TABLE_INDEX, "default\x01shop", world.arena, &value, NULL, &err), err);
    CHECK(index_decode(value, &read));
    CHECK(memcmp(&row.digest, &read.digest, 32) == 0 && memcmp(&row.shared, &read.shared, 32) == 0);
    CHECK_INT(read.due, row.due);
    CHECK_INT(read.flags, row.flags);
    CHECK(!index_decode(span_of(value.data, value.length - 1), &read));
    CHECK(!index_decode(span_of("", 0), &read));
}

static void walk_tells_new_known_and_gone(void)
{
    struct index_row row = {0};
    begin();
    world_certificates(&world, 1, 3);
    world_look(&world);
    CHECK_TEXT(walked(), "c01+ c02+ c03+ ");
    put("default\x01" "c02", &row);
    put("default\x01" "c00", &row);
    put("default\x01" "c025", &row);
    put("default\x01" "c09", &row);
    CHECK_TEXT(walked(), "c00-# c01+ c02+# c025-# c03+ c09-# ");
}

/* "a" and "a-b": the separator sorts below every letter of a name, so namespaces do not mix. */
static void namespaces_that_begin_alike_do_not_mix(void)
{
    struct index_row row = {0};
    begin();
    world_write(
        &world, "manifests/one.yaml",
        "apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: x, namespace: a}\n"
        "spec: {dnsNames: [x.example.com], order: {product: positivessl}}\n"
        "---\napiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: a, namespace: a-b}\n"
        "spec: {dnsNames: [y.example.com], order: {product: positivessl}}\n");
    world_look(&world);
    put("a-b\x01" "a", &row);
    CHECK_TEXT(walked(), "x+ a+# ");
    put("a\x01x", &row);
    put("a\x01z", &row);
    CHECK_TEXT(walked(), "x+# z-# a+# ");
}

static void settled_means_at_rest_unchanged_and_not_due(void)
{
    struct desired_entry entry = {.digest = {1}};
    struct index_row row = {.digest = {1}, .shared = {2}, .due = 100, .flags = INDEX_REST};
    const unsigned char shared[32] = {2}, other[32] = {3};
    CHECK(index_settled(&row, &entry, shared, 99));
    CHECK(!index_settled(&row, &entry, shared, 100));
    CHECK(!index_settled(&row, &entry, other, 99));
    entry.digest[5] = 1;
    CHECK(!index_settled(&row, &entry, shared, 99));
    entry.digest[5] = 0;
    row.flags = INDEX_BLOCKED;
    CHECK(!index_settled(&row, &entry, shared, 99));
    row.flags = INDEX_REST | INDEX_FORGOTTEN;
    CHECK(!index_settled(&row, &entry, shared, 99));
}

static bool is_settled(const char *name, const struct index_row *row)
{
    unsigned char shared[32];
    world_look(&world);
    desired_shared_digest(world.desired, shared);
    return index_settled(row, desired_find(world.desired, KIND_CERTIFICATE, "default", name), shared, row->due - 1);
}

/* What was decided under another operator's file is decided again. */
static void settled_is_settled_by_the_operators_file_of_then(void)
{
    struct index_row row = {.due = 100, .flags = INDEX_REST};
    struct namespace_rule rule = {.name = "default"};
    struct deploy_root root = {.name = "web", .path = "/srv/web"};
    begin();
    world_certificates(&world, 1, 1);
    CHECK(!is_settled("c01", &row));
    memcpy(row.digest, desired_find(world.desired, KIND_CERTIFICATE, "default", "c01")->digest, 32);
    desired_shared_digest(world.desired, row.shared);
    CHECK(is_settled("c01", &row));
    world.config.workers = 3;
    world.config.log_level = LOG_DEBUG;
    CHECK(is_settled("c01", &row));
    world.config.namespaces = &rule;
    world.config.namespace_count = 1;
    CHECK(!is_settled("c01", &row));
    world.config.namespace_count = 0;
    world.config.roots = &root;
    world.config.root_count = 1;
    CHECK(!is_settled("c01", &row));
    world.config.root_count = 0;
    CHECK(is_settled("c01", &row));
    world.endpoint.url = "https://127.0.0.1:2/rest/";
    CHECK(!is_settled("c01", &row));
    world.endpoint.url = "https://127.0.0.1:1/rest/";
    world.config.path = NULL;
    CHECK(!is_settled("c01", &row));
}

int main(void)
{
    RUN(row_comes_back_as_it_was);
    RUN(walk_tells_new_known_and_gone);
    RUN(namespaces_that_begin_alike_do_not_mix);
    RUN(settled_means_at_rest_unchanged_and_not_due);
    RUN(settled_is_settled_by_the_operators_file_of_then);
    world_end(&world);
    buffer_release(&seen);
    return CHECK_REPORT();
}
