/* Generations: written whole under a random name, read back, then renamed to their number
 * (reliability.md 6.3, D2 to D4); and read again before anything is published. Key bytes never pass through
 * an arena. */
#include "reconcilers/deploy/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/secret.h"
#include "base/x509.h"
#include "schema/deploy_target.h"

#define FILE_LIMIT (256 * 1024)
#define CERTIFICATES_MAX 10 /* reliability.md 6.1 */
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

/* One file of a generation. */
struct piece {
    const char
        *name; /* within the generation's folder; Combined has one piece, which is the generation itself */
    struct buffer bytes;
    bool is_key;
};
struct piece_list {
    struct piece items[4];
    size_t count;
};

static void piece_list_release(struct piece_list *pieces)
{
    for (size_t i = 0; i < pieces->count; i++)
        buffer_wipe(&pieces->items[i].bytes);
}

void generation_release(struct generation *generation)
{
    secret_destroy((struct secret *)generation->key);
    generation->key = NULL;
}

/* --- judging --------------------------------------------------------------------------------- */

bool certificate_fingerprints(const char *pem, struct arena *arena, struct string_list *out,
                              struct error *err)
{
    struct string_list found = {0};
    const char *at = pem;
    while ((at = strstr(at, PEM_BEGIN)) != NULL) {
        const char *end = strstr(at, PEM_END);
        struct x509_info info;
        if (end == NULL || found.count == CERTIFICATES_MAX)
            return error_raise(err, ERROR_MALFORMED,
                               end == NULL ? "a certificate is cut off" : "more than 10 certificates");
        end += strlen(PEM_END);
        if (!x509_parse(arena_strndup(arena, at, (size_t)(end - at)), arena, &info, err))
            return false;
        string_list_push(arena, &found, info.fingerprint);
        at = end;
    }
    *out = found;
    return true;
}

bool generation_check(const struct generation *generation, const char *fingerprint, struct arena *arena,
                      struct error *err)
{
    struct x509_info leaf;
    struct x509_bundle bundle;
    struct string_list given, sorted;

    if (!x509_parse(generation->leaf, arena, &leaf, err))
        return error_prefix(err, "the certificate to deploy");
    if (!text_empty(fingerprint) && !text_equal(fingerprint, leaf.fingerprint))
        return error_raise(err, ERROR_INTERNAL,
                           "the certificate is %.16s…, not %.16s…, which was to be deployed",
                           leaf.fingerprint, fingerprint);
    if (generation->key != NULL) {
        AUTO(key) struct key *key = key_parse(generation->key, err);
        if (key == NULL)
            return error_prefix(err, "the key to deploy");
        if (!text_equal(key_spki_sha256(key, arena), leaf.spki_sha256))
            return error_raise(
                err, ERROR_INTERNAL,
                "the key does not belong to the certificate %.16s…: a broken pair is not deployed",
                leaf.fingerprint);
    }
    const struct span texts[] = {span_of(generation->leaf, strlen(generation->leaf)),
                                 span_of(generation->chain, strlen(generation->chain))};
    if (!x509_assemble(texts, texts[1].length > 0 ? 2 : 1, leaf.spki_sha256, arena, &bundle, err) ||
        !certificate_fingerprints(generation->chain, arena, &given, err) ||
        !certificate_fingerprints(bundle.chain, arena, &sorted, err))
        return error_prefix(err, "the chain to deploy");
    if (!string_list_equal(&given, &sorted))
        return error_raise(
            err, ERROR_INTERNAL,
            "the chain to deploy is not in order, or holds certificates that do not belong to it");
    return true;
}

/* --- what a generation holds ----------------------------------------------------------------- */

/* Room at once: a buffer that grows leaves copies of a key behind. */
static void make_room(struct buffer *buffer, size_t size)
{
    buffer->data = calloc(1, size);
    buffer->capacity = buffer->data != NULL ? size : 0;
}

static void put_pem(struct buffer *out, const char *pem)
{
    buffer_puts(out, pem);
    if (*pem != '\0' && !text_has_suffix(pem, "\n"))
        buffer_putc(out, '\n');
}

static struct piece *add_piece(struct piece_list *pieces, const char *name, bool is_key)
{
    struct piece *piece = &pieces->items[pieces->count++];
    *piece = (struct piece){.name = name, .is_key = is_key};
    make_room(&piece->bytes, FILE_LIMIT);
    return piece;
}

static void make_pieces(const struct deployment *d, bool combined, struct piece_list *out)
{
    const char *chain = d->chain != NULL ? d->chain : "";
    if (combined) {
        struct piece *all = add_piece(out, NULL, true); /* the key's mode, with a key or without */
        put_pem(&all->bytes, d->leaf);
        put_pem(&all->bytes, chain);
        if (d->key != NULL)
            put_pem(&all->bytes, secret_bytes(d->key));
        return;
    }
    if (d->key != NULL)
        put_pem(&add_piece(out, "key.pem", true)->bytes, secret_bytes(d->key));
    put_pem(&add_piece(out, "cert.pem", false)->bytes, d->leaf);
    put_pem(&add_piece(out, "chain.pem", false)->bytes, chain);
    struct piece *full = add_piece(out, "fullchain.pem", false);
    put_pem(&full->bytes, d->leaf);
    put_pem(&full->bytes, chain);
}

/* --- writing --------------------------------------------------------------------------------- */

static bool set_rights(const struct place *place, int fd, bool is_key, struct error *err)
{
    struct stat status;
    mode_t mode = is_key ? place->key_mode : 0644;

    if (fstat(fd, &status) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot look at a file of %s: %m", place->path);
    if ((status.st_uid != place->owner || status.st_gid != place->group) &&
        fchown(fd, place->owner, place->group) != 0) {
        if (errno != EPERM)
            return error_raise(err, ERROR_SYSTEM, "cannot set the owner of a file of %s: %m", place->path);
        return error_raise(
            err, ERROR_CONFIG,
            "the files of %s are to belong to user %u and group %u, and only root can give files "
            "away: run certwright as root, or make the root %s ours and leave out owner and group",
            place->path, (unsigned)place->owner, (unsigned)place->group, place->root->name);
    }
    if ((status.st_mode & 07777) != mode && fchmod(fd, mode) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot set the mode of a file of %s: %m", place->path);
    return true;
}

enum match { MATCH_SAME, MATCH_OTHER, MATCH_UNREADABLE /* errno says why */ };

/* Whether a file holds exactly these bytes. */
static enum match compare(int fd, const struct buffer *bytes)
{
    char chunk[8192];
    size_t at = 0;
    ssize_t got;
    do {
        got = pread(fd, chunk, sizeof chunk, (off_t)at);
        if (got > 0 && ((size_t)got > bytes->length - at || memcmp(chunk, bytes->data + at, (size_t)got) != 0))
            break;
        at += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    secret_wipe(chunk, sizeof chunk);
    return got < 0 ? MATCH_UNREADABLE : got == 0 && at == bytes->length ? MATCH_SAME : MATCH_OTHER;
}

/* Owner and mode are final before the first byte of a key is there (D2). */
static bool write_piece(const struct place *place, int folder, const char *name, const struct piece *piece,
                        struct error *err)
{
    AUTO(fd) int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot write a file of %s: %m", place->path);
    if (!set_rights(place, fd, piece->is_key, err))
        return false;
    if (!file_write_all(fd, piece->bytes.data, piece->bytes.length, err))
        return error_prefix(err, "%s", place->path);
    if (fsync(fd) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make a file of %s durable: %m", place->path);
    if (compare(fd, &piece->bytes) != MATCH_SAME)
        return error_raise(err, ERROR_SYSTEM,
                           "a file of %s does not read back as it was written: the disk is not to be trusted",
                           place->path);
    return true;
}

/* All pieces under the name `stage`, durable. */
static bool write_stage(const struct place *place, const char *stage, const struct piece_list *pieces,
                        struct error *err)
{
    if (place->combined)
        return write_piece(place, place->generations, stage, &pieces->items[0], err);
    if (mkdirat(place->generations, stage, 0700) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make a folder in %s: %m", place->path);
    AUTO(fd) int folder = file_open_beneath(place->generations, stage, O_RDONLY | O_DIRECTORY, 0, false, err);
    if (folder < 0)
        return error_prefix(err, "%s", place->path);
    for (size_t i = 0; i < pieces->count; i++)
        if (!write_piece(place, folder, pieces->items[i].name, &pieces->items[i], err))
            return false;
    if (fchmod(folder, 0755) != 0 || fsync(folder) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot finish a folder in %s: %m", place->path);
    return true;
}

/* --- present already ------------------------------------------------------------------------- */

static int open_piece(const struct place *place, const char *generation, const char *name, struct error *err)
{
    char path[128];
    snprintf(path, sizeof path, name != NULL ? "%s/%s" : "%s%s", generation, name != NULL ? name : "");
    return file_open_beneath(place->generations, path, O_RDONLY | O_NONBLOCK, 0, false, err);
}

/* A generation of this number is there: it must be this one, and gets its rights back. */
static bool accept_present(const struct place *place, const char *generation, const struct piece_list *pieces,
                           struct error *err)
{
    struct error why = {0};
    for (size_t i = 0; i < pieces->count; i++) {
        AUTO(fd) int fd = open_piece(place, generation, pieces->items[i].name, &why);
        if (fd < 0 && why.kind != ERROR_NOT_FOUND)
            return error_raise(err, why.kind, "%s of %s: %s", generation, place->path, why.message);
        enum match match = fd < 0 ? MATCH_OTHER : compare(fd, &pieces->items[i].bytes);
        if (match == MATCH_UNREADABLE)
            return error_raise(err, ERROR_SYSTEM, "cannot read %s of %s: %m", generation, place->path);
        if (match == MATCH_OTHER)
            return error_raise(err, ERROR_CONFLICT, "%s of %s exists and holds something else: move it away",
                               generation, place->path);
        if (!set_rights(place, fd, pieces->items[i].is_key, err))
            return false;
    }
    if (fsync(place->generations) != 0) /* we may have been stopped between renaming and this */
        return error_raise(err, ERROR_SYSTEM, "cannot make %s of %s durable: %m", generation, place->path);
    return true;
}

static bool present(const struct place *place, const char *generation)
{
    struct stat status;
    return fstatat(place->generations, generation, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool local_stage(struct context *ctx, const struct deployment *d, struct error *err)
{
    AUTO(place) struct place place = {.root_fd = -1, .links = -1, .generations = -1};
    AUTO(piece_list) struct piece_list pieces = {0};
    const struct generation wanted = {
        .key = d->key, .leaf = d->leaf, .chain = d->chain != NULL ? d->chain : ""};
    struct link link;

    if (d->leaf == NULL || d->generation < 1)
        return error_raise(err, ERROR_INTERNAL, "there is no certificate to deploy");
    if (!generation_check(&wanted, d->fingerprint, ctx->arena, err) ||
        !place_open(ctx, d, PLACE_MAKE, &place, err) || !place_link(&place, ctx->arena, &link, err))
        return false;
    if (link.state == LINK_FOREIGN && !d->target->deploy_target->take_over)
        return error_raise(err, ERROR_CONFLICT,
                           "%s: move it away, or set `takeOver: true` to keep it as gen-0", link.words);
    place_sweep(&place, ctx->arena);
    make_pieces(d, place.combined, &pieces);
    const char *generation = place_generation(&place, d->generation, ctx->arena);
    if (present(&place, generation))
        return accept_present(&place, generation, &pieces, err);

    const char *stage = arena_printf(ctx->arena, ".stage-%s",
                                     random_token(ctx->arena, 16, "abcdefghijklmnopqrstuvwxyz234567"));
    const struct timespec times[2] = {{.tv_sec = clock_now()},
                                      {.tv_sec = clock_now()}}; /* `clean` goes by it */
    if (!write_stage(&place, stage, &pieces, err)) {
        place_sweep(&place, ctx->arena);
        return false;
    }
    if (utimensat(place.generations, stage, times, AT_SYMLINK_NOFOLLOW) != 0 ||
        renameat2(place.generations, stage, place.generations, generation, RENAME_NOREPLACE) != 0 ||
        fsync(place.generations) != 0) {
        error_raise(err, ERROR_SYSTEM, "cannot put %s of %s in its place: %m", generation, place.path);
        place_sweep(&place, ctx->arena);
        return false;
    }
    return true;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_piece(const struct place *place, const char *generation, const char *name,
                       struct buffer *out, struct error *err)
{
    struct error why = {0};
    AUTO(fd) int fd = open_piece(place, generation, name, &why);
    if (fd >= 0 && file_read(fd, FILE_LIMIT, out, &why))
        return true;
    return error_raise(err, why.kind, "%s%s%s of %s: %s", generation, name != NULL ? "/" : "",
                       name != NULL ? name : "", place->path,
                       why.kind == ERROR_NOT_FOUND ? "is missing" : why.message);
}

/* Leaf, chain and key of one text: the certificates stand before the key. */
static bool split_combined(const struct place *place, const char *text, bool whole, struct arena *arena,
                           struct generation *out, struct error *err)
{
    const char *first_end = strstr(text, PEM_END);
    const char *key = strstr(text, "PRIVATE KEY-----");
    while (key != NULL && key > text && strncmp(key, "-----BEGIN ", 11) != 0)
        key--;
    const char *end = key != NULL ? key : text + strlen(text);
    if (first_end == NULL || first_end > end)
        return error_raise(err, ERROR_MALFORMED, "%s does not begin with a certificate", place->path);
    const char *rest = first_end + strlen(PEM_END);
    rest += *rest == '\n';
    out->leaf = arena_strndup(arena, text, (size_t)(rest - text));
    out->chain = arena_strndup(arena, rest, (size_t)(end - rest));
    if (whole && key != NULL)
        out->key = secret_create(key, strlen(key));
    return !whole || key != NULL || place->keyless ||
           error_raise(err, ERROR_MALFORMED, "the key is missing in %s", place->path);
}

/* fullchain.pem, which servers read, is leaf and chain. */
static bool full_chain_ok(const struct place *place, const char *generation, const struct generation *found,
                          struct buffer *text, struct error *err)
{
    struct buffer should = {0};
    if (!read_piece(place, generation, "fullchain.pem", text, err))
        return false;
    put_pem(&should, found->leaf);
    put_pem(&should, found->chain);
    bool same = text_equal(buffer_text(text), buffer_text(&should));
    buffer_release(&should);
    buffer_clear(text);
    return same || error_raise(err, ERROR_MALFORMED, "%s/fullchain.pem of %s does not hold cert.pem and chain.pem", generation,
                               place->path);
}

bool generation_read(const struct place *place, int number, bool whole, struct arena *arena,
                     struct generation *out, struct error *err)
{
    const char *generation = place_generation(place, number, arena);
    struct buffer text = {.limit = FILE_LIMIT + 1};
    struct generation found = {0};
    struct error why = {0};
    bool ok = false;

    if (place->generations < 0)
        return error_raise(err, ERROR_NOT_FOUND, "%s of %s is missing", generation, place->path);
    make_room(&text, FILE_LIMIT + 2);
    if (place->combined) {
        ok = read_piece(place, generation, NULL, &text, err) &&
             split_combined(place, buffer_text(&text), whole, arena, &found, err);
    } else if (read_piece(place, generation, "cert.pem", &text, err)) {
        found.leaf = arena_strdup(arena, buffer_text(&text));
        buffer_clear(&text);
        ok = read_piece(place, generation, "chain.pem", &text, err);
        found.chain = arena_strdup(arena, buffer_text(&text));
        buffer_clear(&text);
        ok = ok && (!whole || full_chain_ok(place, generation, &found, &text, err));
        if (ok && whole && read_piece(place, generation, "key.pem", &text, &why))
            found.key = secret_create(buffer_text(&text), text.length);
        else if (ok && whole && !(why.kind == ERROR_NOT_FOUND && place->keyless))
            ok = error_raise(err, why.kind, "%s", why.message);
    }
    buffer_wipe(&text);
    if (ok)
        *out = found;
    else
        generation_release(&found);
    return ok;
}
