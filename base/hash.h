/* SHA-256, HMAC-SHA-256 and random bytes. */
#pragma once

#include <stddef.h>

#include "base/text.h"

void hash_sha256(struct span data, unsigned char out[32]);
void hash_hmac_sha256(struct span key, struct span data, unsigned char out[32]); /* RFC 2104 */
/* A running digest. */
struct hash;
struct hash *hash_begin(void);
void hash_add(struct hash *hash, const void *data, size_t length);
void hash_end(struct hash *hash, unsigned char out[32]); /* frees */
void random_bytes(void *out, size_t length); /* ends the process if the kernel gives none */
char *random_token(struct arena *arena, size_t length, const char *alphabet);
