#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "base/fatal.h"

struct secret {
    size_t length;
    char bytes[];
};

struct secret *secret_create(const void *data, size_t length)
{
    struct secret *secret = calloc(1, sizeof *secret + length + 1);
    if (secret == NULL)
        fatal_memory();
    mlock(secret, sizeof *secret + length + 1); /* as far as the limit allows */
    secret->length = length;
    if (length > 0)
        memcpy(secret->bytes, data, length);
    secret->bytes[length] = '\0';
    return secret;
}

void secret_wipe(void *data, size_t length) { OPENSSL_cleanse(data, length); }

void secret_destroy(struct secret *secret)
{
    if (secret == NULL)
        return;
    /* Not unlocked: the page may hold another secret, and locks do not nest. */
    secret_wipe(secret, sizeof *secret + secret->length);
    free(secret);
}

const char *secret_bytes(const struct secret *secret) { return secret != NULL ? secret->bytes : ""; }
size_t secret_length(const struct secret *secret) { return secret != NULL ? secret->length : 0; }

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return secret_length(a) == secret_length(b) &&
           CRYPTO_memcmp(secret_bytes(a), secret_bytes(b), secret_length(a)) == 0;
}
