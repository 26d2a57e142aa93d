/* The audit file: one JSON line per deed, each with the hash of the line before it. Only appended to.
 * state.h offers it to everybody else (state_audit, audit_read); this header is for state.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct audit;
struct error;

/* Makes directory (0700) and file (0600) if need be and goes on behind the last line. Fails: STATE, CONFIG
 * (rights). */
struct audit *audit_open(const char *directory, struct error *err);
void audit_close(struct audit *audit); /* syncs; NULL is fine */
/* Append one line; it is on disk after audit_sync. `revision`: of the store it is written on top of, so that a line above the
 * store's own revision tells that the store is older. Fails: STATE. */
bool audit_append(struct audit *audit, int64_t revision, const char *actor, const char *subject, const char *action,
                  const char *detail, struct error *err);
bool audit_sync(struct audit *audit,
                struct error *err);                /* nothing to do if nothing was appended. Fails: STATE */
int64_t audit_sequence(const struct audit *audit); /* of the last line */
int64_t audit_revision(const struct audit *audit); /* of the last line; -1: it tells none */
void audit_last_hash(const struct audit *audit, char out[65]);
/* What the store knows of the end of the log: a file that was rotated away is gone on from. False: lines that were there are
 * gone or altered; the sequence goes on behind them all the same. */
bool audit_continue(struct audit *audit, int64_t sequence, const char *hash);
struct audit_summary {
    int64_t lines, torn; /* torn: cut short by a crash or a full disk, kept as evidence */
    int64_t first, last; /* sequence numbers; 0: no line */
    int64_t watch;       /* given: a sequence number whose hash is wanted; 0: none */
    char watch_hash[65]; /* "": no such line */
};
/* Check that each line carries the hash of the line before it, and that no number is left out. `out` may be NULL.
 * Fails: NOT_FOUND (no file), STATE, naming the first line that does not follow. */
bool audit_verify(const char *directory, struct audit_summary *out, struct error *err);
