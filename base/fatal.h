/* What nobody can go on from: memory is gone, or OpenSSL lacks its algorithms. The process says so and ends at once with exit
 * code 71. Nothing is tidied up: it starts again into a recorded state, as after any other death. And crashes, which are noted. */
#pragma once

#define EXIT_NO_MEMORY 71 /* EX_OSERR of sysexits.h */

_Noreturn void fatal(const char *words); /* "out of memory" */
_Noreturn void fatal_memory(void);
/* What malloc, strdup and the like gave; ends the process when that is NULL. */
void *fatal_unless(void *memory);

/* To be called before anything else: OpenSSL, too, ends the process when it gets no memory. Since version 3 it may keep the
 * failure of something that it sets up once, and then fails at every later call ("decode error") for as long as the process lives. */
void fatal_guard_libraries(void);

/* Whoever relies on a store counts its own crashes (reliability.md 7.4): from here on a SIGSEGV, SIGBUS or SIGABRT of this process
 * appends the line "<Unix seconds> <signal>" to the file `name` of an open directory, and then ends it as it would have without.
 * `name` lives as long. A child is not concerned. `directory` -1: no longer. */
void fatal_note_crashes(int directory, const char *name);
/* For the calling thread, as long as it lives: a stack for that, also when its own has run out. */
void fatal_note_stack(void);
