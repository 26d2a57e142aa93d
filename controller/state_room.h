/* Room for what is open to be closed (reliability.md 7.6): a file that holds disk space and is given up when a commit finds
 * none, and the words that stop new purchases long before. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define ROOM_RESERVE ((size_t)8 << 20)
#define ROOM_DISK_LEAST ((size_t)64 << 20)

/* Have <directory>/reserve hold `size` bytes of disk, if there is room for it beside ROOM_DISK_LEAST. */
void room_reserve(const char *directory, size_t size);
bool room_release(const char *directory); /* false: there was none left */
/* Whether next to nothing is left: LMDB tells a write that was cut short by a full disk as an input/output error. */
bool room_exhausted(const char *directory);
/* Why nothing new should be begun; NULL: there is room. `used`, `most`: of the map. */
const char *room_words(const char *directory, size_t used, size_t most, struct arena *arena);
