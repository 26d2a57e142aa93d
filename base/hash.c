#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/arena.h"
#include "base/fatal.h"

/* Looked up once for the life of the process: OpenSSL's look-up costs more than hashing a small text. */
static EVP_MD *sha256;
static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (sha256 == NULL)
        fatal("no SHA-256");
}

static const EVP_MD *the_sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_sha256);
    return sha256;
}

struct hash *hash_begin(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestInit_ex(ctx, the_sha256(), NULL) != 1)
        fatal("no SHA-256");
    return (struct hash *)ctx;
}

void hash_add(struct hash *hash, const void *data, size_t length)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)hash, data, length) != 1)
        fatal("SHA-256 failed");
}

void hash_end(struct hash *hash, unsigned char out[32])
{
    if (EVP_DigestFinal_ex((EVP_MD_CTX *)hash, out, NULL) != 1)
        fatal("SHA-256 failed");
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
}

void hash_sha256(struct span data, unsigned char out[32])
{
    if (EVP_Digest(data.data, data.length, out, NULL, the_sha256(), NULL) != 1)
        fatal("SHA-256 failed");
}

void hash_hmac_sha256(struct span key, struct span data, unsigned char out[32])
{
    if (HMAC(EVP_sha256(), key.data, (int)key.length, (const unsigned char *)data.data, data.length, out, NULL) == NULL)
        fatal("HMAC-SHA-256 failed");
}

void random_bytes(void *out, size_t length)
{
    if (RAND_bytes(out, (int)length) != 1)
        fatal("the kernel gives no random bytes");
}

char *random_token(struct arena *arena, size_t length, const char *alphabet)
{
    size_t letters = 0;
    while (alphabet[letters] != '\0')
        letters++;
    char *token = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length;) {
        unsigned char byte;
        random_bytes(&byte, 1);
        if (byte < 256 / letters * letters) /* no letter likelier than another */
            token[i++] = alphabet[byte % letters];
    }
    return token;
}
