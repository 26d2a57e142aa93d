#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/secret.h"

#define BESIDE ".sealing-"
enum { KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16, KEY_TEXT = 2 * KEY_BYTES + 1 };

struct seal {
    struct secret *key; /* wiped and locked there */
    EVP_CIPHER *cipher; /* fetched once: looking it up costs more than sealing a small value */
};

static inline void cipher_ctx_release(EVP_CIPHER_CTX **ctx) { EVP_CIPHER_CTX_free(*ctx); }

static const unsigned char *seal_key(const struct seal *seal)
{
    return (const unsigned char *)secret_bytes(seal->key);
}

struct seal *seal_from_bytes(const unsigned char key[32])
{
    struct seal *seal = calloc(1, sizeof *seal);
    if (seal == NULL)
        fatal("out of memory");
    seal->key = secret_create(key, KEY_BYTES);
    seal->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (seal->cipher == NULL)
        fatal("OpenSSL has no AES-256-GCM");
    return seal;
}

void seal_destroy(struct seal *seal)
{
    if (seal == NULL)
        return;
    secret_destroy(seal->key);
    EVP_CIPHER_free(seal->cipher);
    free(seal);
}

/* ---- the key file: 64 hex digits and a newline ---- */

struct seal *seal_load(const char *path, struct error *err)
{
    unsigned char key[KEY_BYTES];
    AUTO(secret) struct secret *text = file_read_secret(path, 4096, err);
    if (text == NULL)
        return NULL;
    size_t length = secret_length(text);
    if (length == KEY_TEXT && secret_bytes(text)[KEY_TEXT - 1] == '\n')
        length--;
    char digits[KEY_TEXT] = "";
    bool good = length == KEY_TEXT - 1;
    if (good)
        memcpy(digits, secret_bytes(text), length);
    good = good && strlen(digits) == KEY_TEXT - 1 && text_unhex(digits, key, sizeof key);
    struct seal *seal = good ? seal_from_bytes(key) : NULL;
    secret_wipe(digits, sizeof digits);
    secret_wipe(key, sizeof key);
    if (seal == NULL)
        error_raise(err, ERROR_CONFIG,
                    "the sealing key %s is not 64 hexadecimal digits and a newline: put the right file "
                    "back from its backup",
                    path);
    return seal;
}

/* A folder that was just made must be there after a power cut too: its entry stands in the one above. */
static void sync_folders_above(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", folder);
    for (char *slash; (slash = strrchr(path, '/')) != NULL && slash != path;) {
        *slash = '\0';
        AUTO(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            fsync(fd); /* as far as we may */
    }
}

/* Never over another file, and never by two names at once; a file system without the flag gets link(2), which is as
 * exclusive. */
static bool put_in_place(int folder, const char *beside, const char *name)
{
    if (renameat2(folder, beside, folder, name, RENAME_NOREPLACE) == 0)
        return true;
    return errno == EINVAL && linkat(folder, beside, folder, name, 0) == 0;
}

/* Written whole under another name, then put in place: a crash leaves no half key, and what it leaves goes the next time. */
static bool write_key_file(int folder, const char *name, const char *path, struct error *err)
{
    unsigned char key[KEY_BYTES], mark[8];
    char text[KEY_TEXT + 1], beside[64];

    random_bytes(key, sizeof key);
    for (size_t i = 0; i < sizeof key; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    text[KEY_TEXT - 1] = '\n';
    file_remove_leftovers(folder, BESIDE);
    random_bytes(mark, sizeof mark);
    snprintf(beside, sizeof beside, BESIDE "%02x%02x%02x%02x%02x%02x%02x%02x", mark[0], mark[1], mark[2],
             mark[3], mark[4], mark[5], mark[6], mark[7]);

    AUTO(fd) int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    bool ok = fd >= 0;
    if (!ok)
        error_raise(err, ERROR_SYSTEM, "cannot make the sealing key %s: %m", path);
    else {
        ok = file_write_all(fd, text, KEY_TEXT, err);
        if (ok && (fchmod(fd, 0400) != 0 || fsync(fd) != 0))
            ok = error_raise(err, ERROR_SYSTEM, "cannot write the sealing key %s: %m", path);
        if (ok && !put_in_place(folder, beside, name))
            ok = errno == EEXIST ? error_raise(err, ERROR_CONFLICT, "the sealing key %s exists already", path)
                                 : error_raise(err, ERROR_SYSTEM, "cannot make the sealing key %s: %m", path);
        unlinkat(folder, beside, 0);
    }
    if (ok && fsync(folder) != 0)
        ok = error_raise(err, ERROR_SYSTEM, "cannot make the sealing key %s durable: %m", path);
    secret_wipe(key, sizeof key);
    secret_wipe(text, sizeof text);
    return ok;
}

struct seal *seal_make(const char *path, struct error *err)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    if (*name == '\0' || strlen(path) >= sizeof parent) {
        error_raise(err, ERROR_SYSTEM, "%s is no name for a sealing key", path);
        return NULL;
    }
    if (slash == NULL)
        snprintf(parent, sizeof parent, ".");
    else
        snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    struct stat status;
    bool fresh = stat(parent, &status) != 0;
    if (fresh && !file_make_directories(parent, 0700, err))
        return NULL;
    AUTO(fd) int folder = file_open_directory(parent, err);
    if (folder < 0 || !write_key_file(folder, name, path, err))
        return NULL;
    if (fresh)
        sync_folders_above(parent);
    return seal_load(path, err);
}

/* ---- values: nonce (12) || ciphertext || tag (16); NIST SP 800-38D ---- */

bool seal_close(const struct seal *seal, struct span associated, struct span plain, struct arena *arena,
                struct span *out, struct error *err)
{
    int length = 0, rest = 0;

    if (plain.length > INT_MAX - 64 || associated.length > INT_MAX)
        return error_raise(err, ERROR_INTERNAL, "a value of %zu bytes is too large to seal", plain.length);
    size_t total = NONCE_BYTES + plain.length + TAG_BYTES;
    unsigned char *sealed = arena_alloc(arena, total), *body = sealed + NONCE_BYTES;
    random_bytes(sealed, NONCE_BYTES);
    AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx != NULL && EVP_EncryptInit_ex2(ctx, seal->cipher, seal_key(seal), sealed, NULL) == 1;
    if (ok && associated.length > 0)
        ok = EVP_EncryptUpdate(ctx, NULL, &length, (const unsigned char *)associated.data,
                               (int)associated.length) == 1;
    length = 0;
    if (ok && plain.length > 0)
        ok = EVP_EncryptUpdate(ctx, body, &length, (const unsigned char *)plain.data, (int)plain.length) == 1;
    ok = ok && EVP_EncryptFinal_ex(ctx, body + length, &rest) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + plain.length) == 1;
    if (!ok) {
        secret_wipe(sealed, total);
        return error_raise(err, ERROR_INTERNAL, "cannot seal a value");
    }
    *out = span_of((const char *)sealed, total);
    return true;
}

/* `cipher` and `key` are NULL where `ctx` has them already. */
static bool open_with(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const unsigned char *key, struct span associated,
                      struct span sealed, struct arena *arena, struct span *out, struct error *err)
{
    int length = 0, rest = 0;

    if (sealed.length < NONCE_BYTES + TAG_BYTES || sealed.length > INT_MAX || associated.length > INT_MAX)
        return error_raise(err, ERROR_STATE, "a sealed value has %zu bytes, which none of ours has",
                           sealed.length);
    const unsigned char *nonce = (const unsigned char *)sealed.data, *body = nonce + NONCE_BYTES;
    size_t size = sealed.length - NONCE_BYTES - TAG_BYTES;
    unsigned char tag[TAG_BYTES], *plain = arena_alloc(arena, size + 1); /* a NUL behind it for text */
    memcpy(tag, body + size, sizeof tag);
    bool ok = EVP_DecryptInit_ex2(ctx, cipher, key, nonce, NULL) == 1;
    if (ok && associated.length > 0)
        ok = EVP_DecryptUpdate(ctx, NULL, &length, (const unsigned char *)associated.data,
                               (int)associated.length) == 1;
    length = 0;
    if (ok && size > 0)
        ok = EVP_DecryptUpdate(ctx, plain, &length, body, (int)size) == 1;
    ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1;
    if (!ok || EVP_DecryptFinal_ex(ctx, plain + length, &rest) != 1) {
        secret_wipe(plain, size); /* what was deciphered before the tag was known to be wrong */
        return error_raise(err, ERROR_STATE,
                           "a stored value does not open: it was changed, or sealed with another key "
                           "than this one");
    }
    *out = span_of((const char *)plain, size);
    return true;
}

bool seal_open(const struct seal *seal, struct span associated, struct span sealed, struct arena *arena,
               struct span *out, struct error *err)
{
    AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL)
        fatal("out of memory");
    return open_with(ctx, seal->cipher, seal_key(seal), associated, sealed, arena, out, err);
}

struct seal_opener *seal_opener_create(const struct seal *seal)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_DecryptInit_ex2(ctx, seal->cipher, seal_key(seal), NULL, NULL) != 1)
        fatal("OpenSSL has no AES-256-GCM");
    return (struct seal_opener *)ctx;
}

bool seal_opener_open(struct seal_opener *opener, struct span associated, struct span sealed, struct arena *arena,
                      struct span *out, struct error *err)
{
    return open_with((EVP_CIPHER_CTX *)opener, NULL, NULL, associated, sealed, arena, out, err);
}

void seal_opener_destroy(struct seal_opener *opener) { EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)opener); }

static void hmac(const unsigned char *key, struct span data, unsigned char out[32])
{
    size_t length = 0;
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, 32, (const unsigned char *)data.data, data.length,
                  out, 32, &length) == NULL ||
        length != 32)
        fatal("OpenSSL has no HMAC-SHA-256");
}

void seal_tag(const struct seal *seal, const char *purpose, struct span data, unsigned char out[32])
{
    unsigned char derived[32];
    struct buffer label = {0};

    buffer_puts(&label, "certwright tag key: ");
    buffer_puts(&label, purpose);
    hmac(seal_key(seal), span_of(buffer_text(&label), label.length), derived);
    buffer_release(&label);
    hmac(derived, data, out);
    secret_wipe(derived, sizeof derived);
}
