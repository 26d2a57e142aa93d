/* Sealing of values at rest: AES-256-GCM, 96-bit random nonce, the caller's associated data. A key file of 32 random
 * bytes (as 64 hex digits and a newline) wraps a data key per store, so that rotation wraps 32 bytes anew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct arena;
struct error;
struct seal;

/* Read the key file (decisions 12). Fails: NOT_FOUND, CONFIG (rights, owner, shape). */
struct seal *seal_load(const char *path, struct error *err);
/* Make the file, 0400, exclusively, with its directory; then load it. Fails: SYSTEM, CONFLICT (it exists). */
struct seal *seal_make(const char *path, struct error *err);
struct seal *seal_from_bytes(const unsigned char key[32]); /* a data key just unwrapped */
void seal_destroy(struct seal *seal); /* wipes */
/* Gives nonce || ciphertext || tag, 28 bytes longer than the plain text, in the arena. */
bool seal_close(const struct seal *seal, struct span associated, struct span plain, struct arena *arena,
                struct span *out, struct error *err);
/* Fails: STATE when the tag is wrong. The caller wipes what is secret. */
bool seal_open(const struct seal *seal, struct span associated, struct span sealed, struct arena *arena,
               struct span *out, struct error *err);
/* The same for many values in a row: the key is expanded once, and stays expanded until the opener goes. For one thread. */
struct seal_opener;
struct seal_opener *seal_opener_create(const struct seal *seal);
bool seal_opener_open(struct seal_opener *opener, struct span associated, struct span sealed, struct arena *arena,
                      struct span *out, struct error *err);
void seal_opener_destroy(struct seal_opener *opener); /* wipes; NULL is fine */
/* HMAC-SHA-256 under a key derived from this one for `purpose`: tags of plain index rows. */
void seal_tag(const struct seal *seal, const char *purpose, struct span data, unsigned char out[32]);

static inline void seal_release(struct seal **seal) { seal_destroy(*seal); }
static inline void seal_opener_release(struct seal_opener **opener) { seal_opener_destroy(*opener); }
