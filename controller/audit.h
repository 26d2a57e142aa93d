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
/* Append one line; it is on disk after audit_sync. Fails: STATE. */
bool audit_append(struct audit *audit, const char *actor, const char *subject, const char *action,
                  const char *detail, struct error *err);
bool audit_sync(struct audit *audit,
                struct error *err);                /* nothing to do if nothing was appended. Fails: STATE */
int64_t audit_sequence(const struct audit *audit); /* of the last line */
/* Check that each line carries the hash of the line before it. Fails: STATE, naming the first line that
 * does not. */
bool audit_verify(const char *directory, int64_t *out_lines, struct error *err);
