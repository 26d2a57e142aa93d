/* What a process may no longer do: given up for good, and by everything it starts. Kernels differ in what they
 * offer, so each call says what it found; whoever calls decides whether that is enough. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;

/* What holds a process that reads foreign bytes. */
struct confinement {
    bool calls;   /* seccomp: any system call outside a short list ends the process */
    int landlock; /* version of Landlock that forbids every file and port; 0: the kernel has none */
    bool user;    /* it was root and became nobody */
    bool limits;  /* memory, processor time, no files */
};

/* Leave this process what a reader needs that has its descriptors already: read, write, memory, end. `limits`:
 * `memory_mib`, and `cpu_s` seconds of processor time in its life. Never fails: `out` says what holds. Everything that libraries do
 * lazily with files must have been done before. */
void confine_reader(int cpu_s, int memory_mib, struct confinement *out);
/* Whether the list of system calls holds: without it the process could open files. */
static inline bool confinement_holds(const struct confinement *found) { return found->calls; }
/* "system calls by seccomp, files and ports by Landlock 7, as nobody": for people. */
const char *confinement_words(const struct confinement *found, struct arena *arena);

/* ---- files of a whole program, by Landlock ---- */

enum confine_access {
    CONFINE_READ,  /* files and folders below are read, programs run */
    CONFINE_WRITE, /* the same, and anything below is made, changed, removed */
    CONFINE_FILE,  /* a file (or device) that is read and written, never made */
};
struct confine_path {
    const char *path; /* what is not there is left out */
    enum confine_access access;
};
int confine_landlock(void); /* the kernel's version; 0: none, or switched off */
/* From now on this thread, and whatever it starts (threads and programs), opens nothing but what `paths` say. To be
 * called before there are other threads. Gives the version in `out_version`, 0 when the kernel has none: then nothing is
 * restricted. Fails: SYSTEM. */
bool confine_files(const struct confine_path *paths, size_t count, int *out_version, struct error *err);
