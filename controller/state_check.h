/* A store file opened and walked whole in a child process before anybody relies on it (reliability.md 7.4): damage in a mapped
 * file shows as SIGBUS, SIGSEGV, abort, an endless walk or wrong data, and only the child meets it. Every page is accounted
 * for, every row is found by its key and its tag opens. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/state_vault.h"

struct state_check {
    enum vault_verdict verdict;
    char words[256]; /* what is wrong; "" when good */
    char installation[33];
    int schema;
    size_t key; /* in the ring */
    int64_t rows;
    struct counters counters;
};

/* `path`: a file that nobody writes meanwhile. The child has 10 s of processor time, and 120 s in all. Always gives an answer. */
void state_check_file(const char *path, const struct keyring *ring, struct state_check *out);
/* The store in a directory, also beside a running controller: one snapshot of it; its free pages are not looked at. */
void state_check_live(const char *directory, const struct keyring *ring, struct state_check *out);
