/* Odd values of manifests and odd things on the disk: places, names that look like ours, pairs and chains that are no such. */
#include "deploy_world.h"

#include <fcntl.h>

static bool stages(const struct deployment *d)
{
    memset(&err, 0, sizeof err);
    return deploy_local.stage(&ctx, d, &err);
}

static void make_place(void)
{
    CHECK(mkdir(at("default"), 0755) == 0 && mkdir(at("default/shop"), 0755) == 0);
}

/* --- places ---------------------------------------------------------------------------------- */

static const char *place_of(const char *path, const char *name, const char *common_name)
{
    const char *is = NULL;
    spec.path = path;
    memset(&err, 0, sizeof err);
    return deploy_place(&config, &target, "team", name, common_name, arena, &is, &err) ? is : NULL;
}

static void a_place_is_one_of_plain_names(void)
{
    char longest[202];
    new_world(LAYOUT_GENERATION);
    CHECK_TEXT(place_of("{common_name}/x", "shop", "a/b.example.test"), at("a_b.example.test/x")); /* no folder by a value */
    CHECK_TEXT(place_of("gen-/gen-x/a", "shop", "cn"), at("gen-/gen-x/a"));
    CHECK_TEXT(place_of(".a/..b/ab", "shop", "cn"), at(".a/..b/ab"));
    memset(longest, 'n', sizeof longest);
    longest[201] = '\0';
    const char *const bad[] = {longest, "a\\b", "a\x7f" "b", "{nom}", "{nam3}", "x}", "."};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(place_of(bad[i], "shop", "cn") == NULL);
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    longest[200] = '\0';
    CHECK_TEXT(place_of(longest, "shop", "cn"), at("%s", longest));
    roots[0].path = "/";
    CHECK_TEXT(place_of("etc/{name}", "shop", "cn"), "/etc/shop");
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < COUNT_OF(none); i++) { /* a target that only takes challenge files */
        spec.local.root = none[i];
        CHECK(place_of("{name}", "shop", "cn") == NULL);
        CHECK_INT(err.kind, ERROR_CONFIG);
        CHECK(strstr(err.message, "roots: {NAME:") != NULL);
    }
}

static void a_step_without_its_place_changes_nothing(void)
{
    struct deployment d = deployment(1, 0);
    struct deploy_observation seen;
    new_world(LAYOUT_GENERATION);
    spec.path = "../{name}";
    CHECK(!stages(&d));
    CHECK_INT(err.kind, ERROR_MANIFEST);
    CHECK(!deploy_local.observe(&ctx, &d, &seen, &err) && !deploy_local.publish(&ctx, &d, &err));
    spec.path = "{name}";
    d.leaf = NULL;
    CHECK(!stages(&d));
    d = deployment(1, 0);
    d.generation = 0;
    CHECK(!stages(&d));
    CHECK_INT(err.kind, ERROR_INTERNAL);
    CHECK_INT(count_entries(folder, false), 0);
}

static void a_key_is_for_its_owner_alone_unless_the_target_says_more(void)
{
    new_world(LAYOUT_GENERATION);
    spec.mode = 0;
    CHECK_OK(deploy(1, 0), err);
    CHECK_INT(mode_of(at("default/shop/current/key.pem")), 0600);
}

/* --- what lies there ------------------------------------------------------------------------- */

static void names_that_only_look_like_generations_are_not_counted(void)
{
    static const char *const names[] = {"gen-", "gen-x", "gen-07", "gen-1234567890", "gen-8x", "gen-8.pem", "gen-0", "shop"};
    new_world(LAYOUT_GENERATION);
    CHECK_OK(deploy(1, 0), err);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(mkdir(at("default/shop/%s", names[i]), 0755) == 0);
    CHECK_INT(look().highest, 1);
    const char *link = at("default/shop/current");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CHECK(unlink(link) == 0 && symlink(names[i], link) == 0);
        CHECK_INT(look().current, strcmp(names[i], "gen-0") == 0 ? 0 : -1);
    }
    new_world(LAYOUT_COMBINED);
    CHECK(mkdir(at("default"), 0755) == 0);
    CHECK(symlink("/etc/ssl/shop.generations/gen-1.pem", at("default/shop.pem")) == 0);
    CHECK_INT(look().current, -1);
    CHECK(strstr(look().words, "a link that certwright did not make") != NULL);
    CHECK(unlink(at("default/shop.pem")) == 0 && symlink("shop.generations/gen-1.pem", at("default/shop.pem")) == 0);
    CHECK_INT(look().current, 1); /* ours, and its folder is gone */
    CHECK(!look().whole);
    CHECK(strstr(look().words, "missing") != NULL);
}

/* Somebody goes back to what was there before the take-over. */
static void the_files_of_before_a_take_over_are_known_as_such(void)
{
    new_world(LAYOUT_GENERATION);
    make_place();
    CHECK(mkdir(at("default/shop/gen-0"), 0755) == 0 && symlink("gen-0", at("default/shop/current")) == 0);
    put(at("default/shop/gen-0/precious"), "by hand", 0600);
    CHECK_INT(look().current, 0);
    CHECK(strstr(look().words, "the files of before the take-over") != NULL);
    CHECK(chmod(at("default"), 0775) == 0);
    CHECK(strstr(look().words, "the files of before the take-over") != NULL); /* the nearer trouble */
    CHECK(chmod(at("default"), 0755) == 0);
    CHECK_OK(deploy(1, 0), err);
    CHECK_INT(look().current, 1);
    CHECK_TEXT(text_of(at("default/shop/gen-0/precious")), "by hand");
}

static void the_first_bad_folder_on_the_way_is_told(void)
{
    new_world(LAYOUT_GENERATION);
    make_place();
    CHECK(chmod(at("default"), 0775) == 0 && chmod(at("default/shop"), 0777) == 0);
    CHECK(strstr(look().words, "its group") != NULL);
    CHECK(chmod(folder, 0777) == 0);
    const char *words = look().words;
    CHECK(chmod(folder, 0755) == 0);
    CHECK(strstr(words, "everybody") != NULL && strstr(words, "default") == NULL);
}

/* After a rollback that is long ago, say, or when somebody turned the link. */
static void what_is_published_is_never_cleaned_away(void)
{
    new_world(LAYOUT_GENERATION);
    for (int i = 1; i < 7; i++)
        CHECK_OK(deploy(i, i - 1), err);
    CHECK(unlink(at("default/shop/current")) == 0 && symlink("gen-2", at("default/shop/current")) == 0);
    struct deployment d = deployment(3, 0); /* above it lies what was staged and given up */
    clock_turn(8 * 86400);
    bool cleaned = deploy_local.clean(&ctx, &d, &err);
    clock_turn(0);
    CHECK_OK(cleaned, err);
    CHECK_INT(look().current, 2);
    CHECK(look().whole && exists(at("default/shop/gen-3/key.pem")));
    CHECK(!exists(at("default/shop/gen-1")) && !exists(at("default/shop/gen-4")));
}

static void a_rollback_takes_nothing_over(void)
{
    new_world(LAYOUT_COMBINED);
    CHECK_OK(deploy(1, 0) && deploy(2, 1), err);
    CHECK(unlink(at("default/shop.pem")) == 0);
    put(at("default/shop.pem"), "by hand", 0600);
    struct deployment d = deployment(2, 1);
    for (int i = 0; i < 2; i++) {
        spec.take_over = i == 1;
        CHECK(!deploy_local.rollback(&ctx, &d, &err));
        CHECK_INT(err.kind, ERROR_CONFLICT);
        CHECK(strstr(err.message, "takeOver") == NULL);
        CHECK_TEXT(text_of(at("default/shop.pem")), "by hand");
    }
    spec.take_over = false;
    CHECK(!deploy_local.publish(&ctx, &d, &err)); /* put there after staging */
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(strstr(err.message, "takeOver") != NULL);
    CHECK_TEXT(text_of(at("default/shop.pem")), "by hand");
}

/* --- pairs and chains ------------------------------------------------------------------------ */

static void what_is_no_certificate_key_or_chain_is_not_staged(void)
{
    new_world(LAYOUT_GENERATION);
    struct deployment d = deployment(1, 0);
    d.leaf = "no certificate";
    CHECK(!stages(&d));
    CHECK(strstr(err.message, "the certificate to deploy") != NULL);
    d = deployment(1, 0);
    const struct secret *no_key = secret_create("no key", 6);
    d.key = no_key;
    bool staged = stages(&d);
    secret_destroy((struct secret *)no_key);
    CHECK(!staged);
    CHECK(strstr(err.message, "the key to deploy") != NULL);
    struct buffer often = {0};
    for (int i = 0; i < 11; i++)
        buffer_puts(&often, chain);
    const char *const chains[] = {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no chain",
                                  arena_strdup(arena, buffer_text(&often)), arena_printf(arena, "%s%s", chain, chain)};
    buffer_release(&often);
    for (size_t i = 0; i < COUNT_OF(chains); i++) {
        d = deployment(1, 0);
        d.chain = chains[i];
        CHECK(!stages(&d));
        CHECK(strstr(err.message, "the chain to deploy") != NULL);
    }
    CHECK_INT(count_entries(folder, false), 0);
}

static void a_certificate_nobody_stands_above_needs_no_chain(void)
{
    struct made alone = make_x509((struct recipe){.cn = "shop.example.test", .san = "DNS:shop.example.test"});
    const char *key_text = made_key_pem(alone.key, arena), *leaf = made_pem(&alone, arena);
    unmake_x509(alone);
    size_t short_leaf = strlen(leaf) - 1, short_key = strlen(key_text) - 1;
    CHECK(leaf[short_leaf] == '\n' && key_text[short_key] == '\n'); /* which a brought file may lack */
    const struct secret *key = secret_create(key_text, short_key);
    bool good = true;
    for (enum target_layout layout = LAYOUT_GENERATION; layout <= LAYOUT_COMBINED; layout++) {
        new_world(layout);
        struct deployment d = deployment(1, 0);
        d.leaf = arena_strndup(arena, leaf, short_leaf);
        d.key = key;
        d.chain = NULL;
        d.fingerprint = "";
        good = good && stages(&d) && deploy_local.publish(&ctx, &d, &err) && look().whole;
        const char *text = text_of(at(layout == LAYOUT_COMBINED ? "default/shop.pem" : "default/shop/current/fullchain.pem"));
        good = good && strcmp(text, layout == LAYOUT_COMBINED ? arena_printf(arena, "%s%s", leaf, key_text) : leaf) == 0;
    }
    secret_destroy((struct secret *)key);
    CHECK_OK(good, err);
}

static void what_somebody_made_of_a_file_of_all_is_told(void)
{
    new_world(LAYOUT_COMBINED);
    CHECK_OK(deploy(1, 0) && deploy(2, 1), err);
    const char *path = at("default/shop.generations/gen-2.pem");
    const char *whole = text_of(path);
    const char *const texts[] = {"", "no certificate", "only a PRIVATE KEY-----", secret_bytes(pairs[2].key),
                                 arena_printf(arena, "%s%s%s", secret_bytes(pairs[2].key), pairs[2].leaf, chain)};
    struct deployment d = deployment(2, 1);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        put(path, texts[i], 0600);
        struct deploy_observation seen = look();
        CHECK(!seen.whole);
        CHECK(strstr(seen.words, "does not begin with a certificate") != NULL);
        CHECK(!deploy_local.publish(&ctx, &d, &err));
    }
    put(path, whole, 0600);
    CHECK(look().whole);
    d = deployment(2, 1);
    put(at("default/shop.generations/gen-1.pem"), "", 0600); /* nothing whole to go back to: the new one serves on */
    CHECK(!deploy_local.rollback(&ctx, &d, &err));
    CHECK_INT(look().current, 2);
}

/* --- without root ---------------------------------------------------------------------------- */

/* In the place of root a service's user, whose own folders these are. */
static void a_user_serves_its_own_folders(void)
{
    if (geteuid() != 0)
        return; /* then every other test shows it */
    new_world(LAYOUT_GENERATION);
    CHECK(chmod(base, 0711) == 0 && chown(folder, 65534, 65534) == 0);
    CHECK(setegid(65534) == 0 && seteuid(65534) == 0);
    bool reached = faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) == 0;
    bool deployed = reached && deploy(1, 0);
    CHECK(seteuid(0) == 0 && setegid(0) == 0);
    CHECK_OK(deployed || !reached, err);
    struct stat status;
    CHECK(!reached || (stat(at("default/shop/current/key.pem"), &status) == 0 && status.st_uid == 65534));
    struct deployment d = deployment(2, 1);
    CHECK(!stages(&d)); /* root does not put keys where that user could swap them */
    CHECK_INT(err.kind, ERROR_CONFIG);
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(a_place_is_one_of_plain_names);
    RUN(a_step_without_its_place_changes_nothing);
    RUN(a_key_is_for_its_owner_alone_unless_the_target_says_more);
    RUN(names_that_only_look_like_generations_are_not_counted);
    RUN(the_files_of_before_a_take_over_are_known_as_such);
    RUN(the_first_bad_folder_on_the_way_is_told);
    RUN(what_is_published_is_never_cleaned_away);
    RUN(a_rollback_takes_nothing_over);
    RUN(what_is_no_certificate_key_or_chain_is_not_staged);
    RUN(a_certificate_nobody_stands_above_needs_no_chain);
    RUN(what_somebody_made_of_a_file_of_all_is_told);
    RUN(a_user_serves_its_own_folders);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
