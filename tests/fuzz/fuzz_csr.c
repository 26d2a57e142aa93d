/* Brought requests and brought keys: both are foreign PEM. Input that begins as DER does (0x30) is dressed up
 * first. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/csr.h"
#include "base/error.h"
#include "base/key.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dress(const uint8_t *data, size_t size, const char *label, struct arena *arena)
{
    if (size == 0 || data[0] != 0x30)
        return arena_strndup(arena, (const char *)data, size);
    const char *base64 = text_base64(arena, data, size);
    struct buffer lines = {0};
    buffer_printf(&lines, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < strlen(base64); at += 64)
        buffer_printf(&lines, "%.64s\n", base64 + at);
    buffer_printf(&lines, "-----END %s-----\n", label);
    char *text = arena_strdup(arena, buffer_text(&lines));
    buffer_release(&lines);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct csr_info info;
    AUTO(arena) struct arena *arena = arena_create();
    char *text = dress(data, size, "CERTIFICATE REQUEST", arena);

    if (csr_parse(text, arena, &info, &err)) {
        if (strlen(info.spki_sha256) != 64 || strlen(info.der_sha256) != 64 || strlen(info.der_md5) != 32)
            abort();
    } else if (err.kind != ERROR_MANIFEST)
        abort();
    text = dress(data, size, "PRIVATE KEY", arena);
    AUTO(secret) struct secret *pem = secret_create(text, strlen(text));
    AUTO(key) struct key *key = key_parse(pem, &err);
    if (key == NULL)
        return 0;
    if (strlen(key_spki_sha256(key, arena)) != 64)
        abort();
    AUTO(secret) struct secret *again = key_pem(key, &err);
    if (again == NULL)
        abort();
    return 0;
}
