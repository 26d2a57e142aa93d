#include "base/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "check.h"

static struct arena *arena;
static char *folder; /* this test program's own */

static char *path_of(const char *name) { return arena_printf(arena, "%s/%s", folder, name); }

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
    close(fd);
}

static const char digits[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

static struct span span_text(const char *text) { return span_of(text, strlen(text)); }

static bool same(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static const char *load_fault(const char *path, enum error_kind kind)
{
    struct error err = {0};
    AUTO(seal) struct seal *seal = seal_load(path, &err);
    CHECK(seal == NULL);
    CHECK_INT(err.kind, kind);
    return arena_strdup(arena, err.message);
}

static void what_is_closed_opens_again(void)
{
    unsigned char key[32] = {1};
    AUTO(seal) struct seal *seal = seal_from_bytes(key);
    static const size_t sizes[] = {0, 1, 15, 16, 17, 3000, 100000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct error err = {0};
        struct span closed, opened, plain = span_of(arena_alloc(arena, sizes[i] + 1), sizes[i]);
        memset((char *)plain.data, 'x', sizes[i]);
        CHECK_OK(seal_close(seal, span_text("order\0shop\0" "3"), plain, arena, &closed, &err), err);
        CHECK_INT(closed.length, sizes[i] + 28);
        CHECK_OK(seal_open(seal, span_text("order\0shop\0" "3"), closed, arena, &opened, &err), err);
        CHECK(same(plain, opened));
    }
}

static void an_opener_opens_many_and_is_not_upset_by_a_wrong_one(void)
{
    unsigned char key[32] = {1};
    AUTO(seal) struct seal *seal = seal_from_bytes(key);
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(seal);
    for (int i = 0; i < 20; i++) {
        struct error err = {0};
        struct span closed, opened, plain = span_text(arena_printf(arena, "value %d", i));
        CHECK_OK(seal_close(seal, span_text("place"), plain, arena, &closed, &err), err);
        if (i % 3 == 1) { /* behind each of these comes a good one */
            CHECK(!seal_opener_open(opener, span_text("elsewhere"), closed, arena, &opened, &err));
            CHECK_INT(err.kind, ERROR_STATE);
            CHECK(!seal_opener_open(opener, span_text("place"), span_of(closed.data, 27), arena, &opened, &err));
        } else {
            CHECK_OK(seal_opener_open(opener, span_text("place"), closed, arena, &opened, &err), err);
            CHECK(same(plain, opened));
        }
    }
}

static void no_two_sealings_are_alike(void)
{
    struct error err = {0};
    unsigned char key[32] = {1};
    struct span a, b;
    AUTO(seal) struct seal *seal = seal_from_bytes(key);
    CHECK(seal_close(seal, span_text(""), span_text("same"), arena, &a, &err));
    CHECK(seal_close(seal, span_text(""), span_text("same"), arena, &b, &err));
    CHECK(!same(a, b));
}

static void any_flipped_bit_is_seen(void)
{
    struct error err = {0};
    unsigned char key[32] = {1};
    struct span closed, opened;
    AUTO(seal) struct seal *seal = seal_from_bytes(key);
    CHECK(seal_close(seal, span_text("a"), span_text("value"), arena, &closed, &err));
    for (size_t bit = 0; bit < closed.length * 8; bit++) {
        char *bent = arena_memdup(arena, closed.data, closed.length);
        bent[bit / 8] = (char)(bent[bit / 8] ^ (1 << (bit % 8)));
        CHECK(!seal_open(seal, span_text("a"), span_of(bent, closed.length), arena, &opened, &err));
        CHECK_INT(err.kind, ERROR_STATE);
    }
    for (size_t length = 0; length < closed.length; length++)
        CHECK(!seal_open(seal, span_text("a"), span_of(closed.data, length), arena, &opened, &err));
}

static void another_place_or_key_does_not_open(void)
{
    struct error err = {0};
    unsigned char key[32] = {1}, other[32] = {2};
    struct span closed, opened;
    AUTO(seal) struct seal *a = seal_from_bytes(key);
    AUTO(seal) struct seal *b = seal_from_bytes(other);
    CHECK(seal_close(a, span_text("order/7"), span_text("value"), arena, &closed, &err));
    CHECK(!seal_open(a, span_text("order/8"), closed, arena, &opened, &err));
    CHECK(!seal_open(a, span_text(""), closed, arena, &opened, &err));
    CHECK(!seal_open(b, span_text("order/7"), closed, arena, &opened, &err));
    CHECK(seal_open(a, span_text("order/7"), closed, arena, &opened, &err));
}

/* NIST's GCM test case 14 (all zeros), so that other tools can read what we seal. */
static void the_format_is_plain_gcm(void)
{
    struct error err = {0};
    unsigned char key[32] = {0}, sealed[44];
    struct span opened;
    AUTO(seal) struct seal *seal = seal_from_bytes(key);
    CHECK(text_unhex("000000000000000000000000"
                     "cea7403d4d606b6e074ec5d3baf39d18"
                     "d0d1c8a799996bf0265b98b5d48ab919",
                     sealed, sizeof sealed));
    CHECK_OK(seal_open(seal, span_of("", 0), span_of((char *)sealed, sizeof sealed), arena, &opened, &err),
             err);
    CHECK_INT(opened.length, 16);
    for (size_t i = 0; i < 16; i++)
        CHECK_INT(opened.data[i], 0);
}

static void tags_differ_by_purpose_key_and_data(void)
{
    unsigned char key[32] = {1}, other[32] = {2}, a[32], b[32];
    AUTO(seal) struct seal *seal = seal_from_bytes(key);
    AUTO(seal) struct seal *second = seal_from_bytes(other);
    seal_tag(seal, "index", span_text("row"), a);
    seal_tag(seal, "index", span_text("row"), b);
    CHECK(memcmp(a, b, 32) == 0);
    seal_tag(seal, "journal", span_text("row"), b);
    CHECK(memcmp(a, b, 32) != 0);
    seal_tag(seal, "index", span_text("rows"), b);
    CHECK(memcmp(a, b, 32) != 0);
    seal_tag(second, "index", span_text("row"), b);
    CHECK(memcmp(a, b, 32) != 0);
    seal_tag(seal, "index", span_of("", 0), b);
}

static void a_key_is_made_once_and_only_for_us(void)
{
    struct error err = {0};
    struct stat status;
    struct span closed, opened;
    char *path = path_of("made/below/sealing.key");
    AUTO(seal) struct seal *made = seal_make(path, &err);
    CHECK_OK(made != NULL, err);
    CHECK(stat(path, &status) == 0);
    CHECK_INT(status.st_mode & 07777, 0400);
    CHECK_INT(status.st_size, 65);
    CHECK_INT(status.st_nlink, 1);
    CHECK(stat(path_of("made/below"), &status) == 0);
    CHECK_INT(status.st_mode & 0777, 0700);
    CHECK(seal_close(made, span_text("a"), span_text("value"), arena, &closed, &err));
    AUTO(seal) struct seal *loaded = seal_load(path, &err);
    CHECK_OK(loaded != NULL, err);
    CHECK_OK(seal_open(loaded, span_text("a"), closed, arena, &opened, &err), err);
    CHECK(same(opened, span_text("value")));
    /* a second time: refused, and the first key stays */
    AUTO(seal) struct seal *again = seal_make(path, &err);
    CHECK(again == NULL);
    CHECK_INT(err.kind, ERROR_CONFLICT);
    AUTO(seal) struct seal *still = seal_load(path, &err);
    CHECK_OK(seal_open(still, span_text("a"), closed, arena, &opened, &err), err);
}

static void a_key_is_not_made_over_a_link(void)
{
    struct error err = {0};
    char *path = path_of("dangling");
    CHECK(symlink(path_of("elsewhere"), path) == 0);
    AUTO(seal) struct seal *seal = seal_make(path, &err);
    CHECK(seal == NULL);
    CHECK_INT(err.kind, ERROR_CONFLICT);
    CHECK(access(path_of("elsewhere"), F_OK) != 0);
}

static void a_folder_that_cannot_be_made_is_an_error_of_the_host(void)
{
    struct error err = {0};
    write_file(path_of("file"), "x", 0600);
    AUTO(seal) struct seal *seal = seal_make(path_of("file/sealing.key"), &err);
    CHECK(seal == NULL);
    CHECK_INT(err.kind, ERROR_SYSTEM);
}

static void a_file_that_others_can_read_is_refused(void)
{
    write_file(path_of("group"), digits, 0440);
    write_file(path_of("others"), digits, 0404);
    write_file(path_of("fine"), digits, 0600);
    load_fault(path_of("group"), ERROR_CONFIG);
    load_fault(path_of("others"), ERROR_CONFIG);
    struct error err = {0};
    AUTO(seal) struct seal *seal = seal_load(path_of("fine"), &err);
    CHECK_OK(seal != NULL, err);
    CHECK(symlink(path_of("fine"), path_of("link")) == 0);
    load_fault(path_of("link"), ERROR_CONFIG);
    load_fault(path_of("absent"), ERROR_NOT_FOUND);
    load_fault(folder, ERROR_CONFIG);
}

static void a_file_of_another_shape_is_refused(void)
{
    static const char *const shapes[] = {
        "",
        "\n",
        "0001\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\n"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        char *path = path_of(arena_printf(arena, "shape%zu", i));
        write_file(path, shapes[i], 0400);
        const char *words = load_fault(path, ERROR_CONFIG);
        CHECK(strstr(words, "0001") == NULL); /* never what stands in it */
    }
}

int main(void)
{
    char place[] = "/tmp/test_seal.XXXXXX";
    arena = arena_create();
    folder = mkdtemp(place);
    RUN(what_is_closed_opens_again);
    RUN(an_opener_opens_many_and_is_not_upset_by_a_wrong_one);
    RUN(no_two_sealings_are_alike);
    RUN(any_flipped_bit_is_seen);
    RUN(another_place_or_key_does_not_open);
    RUN(the_format_is_plain_gcm);
    RUN(tags_differ_by_purpose_key_and_data);
    RUN(a_key_is_made_once_and_only_for_us);
    RUN(a_key_is_not_made_over_a_link);
    RUN(a_folder_that_cannot_be_made_is_an_error_of_the_host);
    RUN(a_file_that_others_can_read_is_refused);
    RUN(a_file_of_another_shape_is_refused);
    char *remove = arena_printf(arena, "rm -rf '%s'", folder);
    int left = system(remove);
    arena_destroy(arena);
    return CHECK_REPORT() || left != 0;
}
