/* Whether the pages of an LMDB 0.9 file hang together: LMDB itself checks none (reliability.md 7.3). Reads the file's layout,
 * not its contents: both trees are walked by bounds-checked offsets, and no page may be used twice or be both used and free,
 * or a later commit would write over what lives. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* `map`: the whole file. False: `words` says what is wrong. Never reads outside of `size`. */
bool pages_verify(const unsigned char *map, size_t size, char *words, size_t words_size);
/* The same for a file; -1: it could not be opened or mapped. */
int pages_verify_file(const char *path, char *words, size_t words_size);
