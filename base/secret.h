/* Secret bytes: wiped when released, locked where the limit allows, in no core file, never printed. There is no function that
 * formats one; secret_bytes() is what a reviewer greps for. */
#pragma once

#include <stddef.h>
#include <stdbool.h>

struct secret;

struct secret *secret_create(const void *data, size_t length); /* copies */
void secret_destroy(struct secret *secret); /* wipes; NULL is fine */
const char *secret_bytes(const struct secret *secret); /* NUL-terminated; "" for NULL */
size_t secret_length(const struct secret *secret);
bool secret_equal(const struct secret *a, const struct secret *b); /* constant time for equal lengths */
void secret_wipe(void *data, size_t length); /* not optimised away */

static inline void secret_release(struct secret **secret) { secret_destroy(*secret); }
