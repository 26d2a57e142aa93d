/* Private keys over OpenSSL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;
struct key;
struct secret;

enum key_algorithm { KEY_RSA, KEY_ECDSA };

/* RSA 2048, 3072, 4096; ECDSA 256, 384. Takes up to seconds for RSA: call it on a worker. Fails: MANIFEST, INTERNAL. */
struct key *key_generate(enum key_algorithm algorithm, int size, struct error *err);
/* PEM in PKCS#8, PKCS#1 or SEC 1 form; not encrypted. Fails: MANIFEST (what is wrong with it). */
struct key *key_parse(const struct secret *pem, struct error *err);
void key_destroy(struct key *key);
struct secret *key_pem(const struct key *key, struct error *err); /* PKCS#8 */
enum key_algorithm key_algorithm(const struct key *key);
int key_size(const struct key *key);
/* SHA-256 of the SubjectPublicKeyInfo in DER, hex: how keys are named and compared everywhere. */
char *key_spki_sha256(const struct key *key, struct arena *arena);

static inline void key_release(struct key **key) { key_destroy(*key); }
