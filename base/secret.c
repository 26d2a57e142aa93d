#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/fatal.h"

/* Each has pages of its own, so that lock and leave to dump concern nothing else and go with it. */
struct secret {
    size_t mapped, length;
    char bytes[];
};

struct secret *secret_create(const void *data, size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
    if (__builtin_add_overflow(length, sizeof(struct secret) + page, &size))
        fatal_memory();
    size = size / page * page; /* with the NUL */
    struct secret *secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED)
        fatal_memory();
    mlock(secret, size); /* as far as the limit allows */
    madvise(secret, size, MADV_DONTDUMP); /* in no core, whoever made the process dumpable again */
    secret->mapped = size;
    secret->length = length;
    if (length > 0)
        memcpy(secret->bytes, data, length);
    return secret;
}

void secret_wipe(void *data, size_t length) { OPENSSL_cleanse(data, length); }

void secret_destroy(struct secret *secret)
{
    if (secret == NULL)
        return;
    size_t mapped = secret->mapped;
    secret_wipe(secret, sizeof *secret + secret->length);
    munmap(secret, mapped);
}

const char *secret_bytes(const struct secret *secret) { return secret != NULL ? secret->bytes : ""; }
size_t secret_length(const struct secret *secret) { return secret != NULL ? secret->length : 0; }

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return secret_length(a) == secret_length(b) &&
           CRYPTO_memcmp(secret_bytes(a), secret_bytes(b), secret_length(a)) == 0;
}
