/* Deliveries of certificates: bytes cut at each NUL into texts, then everything that is done with a delivery.
 * Input that begins as DER does (0x30) is dressed up first, so that the fuzzer need not find its way through
 * base64. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/x509.h"
#include "reconcilers/certificate/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something is always the leaf: the key of whatever certificate can be read first. */
static const char *key_of_first(const char *text, struct arena *arena)
{
    struct error err;
    struct x509_info info;
    return x509_parse(text, arena, &info, &err) ? info.spki_sha256 : "00";
}

static char *dress(const uint8_t *data, size_t size, size_t *out_size, struct arena *arena)
{
    char *text = arena_alloc(arena, size + 1);
    memcpy(text, data, size);
    *out_size = size;
    if (size == 0 || data[0] != 0x30)
        return text;
    const char *base64 = text_base64(arena, data, size);
    struct buffer lines = {0};
    buffer_puts(&lines, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < strlen(base64); at += 64)
        buffer_printf(&lines, "%.64s\n", base64 + at);
    buffer_puts(&lines, "-----END CERTIFICATE-----\n");
    struct error err;
    struct x509_info info;
    /* a certificate stays in its PEM dress; anything else is tried bare, as PKCS#7 may come */
    if (x509_parse(buffer_text(&lines), arena, &info, &err))
        base64 = arena_strdup(arena, buffer_text(&lines));
    buffer_release(&lines);
    *out_size = strlen(base64);
    return arena_strdup(arena, base64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span texts[16];
    size_t count = 0;
    struct error err = {0};
    struct x509_bundle bundle;
    AUTO(arena) struct arena *arena = arena_create();

    char *text = dress(data, size, &size, arena);
    for (size_t at = 0; at < size && count < COUNT_OF(texts);) {
        size_t length = strnlen(text + at, size - at);
        texts[count++] = span_of(text + at, length);
        at += length + 1;
    }
    if (!x509_assemble(texts, count, key_of_first(text, arena), arena, &bundle, &err)) {
        if (err.kind != ERROR_MALFORMED && err.kind != ERROR_NOT_FOUND)
            abort();
        return 0;
    }
    /* What was assembled is clean: it reads back, holds together and has no key in it. */
    struct x509_info again;
    if (!x509_parse(bundle.leaf, arena, &again, &err) ||
        strcmp(again.fingerprint, bundle.info.fingerprint) != 0 || bundle.chain_count > 9 ||
        strstr(bundle.fullchain, "PRIVATE KEY") != NULL)
        abort();
    struct acceptance rules = {
        .key_id = bundle.info.spki_sha256, .names = bundle.info.dns_names, .now = 1795000000};
    if (certificate_accept(&bundle, &rules, arena, &err))
        return 0;
    if (err.kind != ERROR_REFUSED)
        abort();
    return 0;
}
