/* Written before something is made outside beside any order (a probe), and before a stray is taken away;
 * written again when it is gone. Whoever holds the lock writes: this process, or, over the control socket,
 * the controller that runs. What is done outside in between is done by the command itself. */
#pragma once

#include <stdbool.h>

#include "schema/record.h"

struct buffer;
struct command_context;
struct error;
struct journal;
struct state;

/* Take the lock as `holder`, or find who has it. Prints what fails; NULL: exit with EXIT_STATE. */
struct journal *journal_open(struct command_context *ctx, const char *holder);
/* The store, when this process holds the lock: no other may be opened beside it. NULL: somebody else holds
 * it. */
struct state *journal_state(const struct journal *journal);
void journal_close(struct journal *journal); /* NULL is fine */

/* The intent to make it. Fails: STATE; nothing may be made then. */
bool journal_note(struct journal *journal, const struct leftover_record *leftover, struct error *err);
/* It is gone, seen so by whoever calls. Fails: STATE. */
bool journal_strike(struct journal *journal, const struct leftover_record *leftover, struct error *err);
/* The intent to take a stray away, by its key (stray.h); looked at once more by whoever holds the lock.
 * Fails: NOT_FOUND (it is none any more), STATE. */
bool journal_claim(struct journal *journal, const char *key, struct error *err);
bool journal_settle(struct journal *journal, const char *key, struct error *err);

/* The holder's end: one of the four by its word. */
bool journal_has_verb(const char *verb);
/* Of "journal-claim" and "journal-settle" about a challenge: whose ("certificate/<ns>/<name>"); false: of
 * none. */
bool journal_subject(const char *verb, const char *argument, char *out_namespace, char *out_name,
                     size_t size);
/* Gives an exit code; what went wrong goes into `out`. */
int journal_run(struct state *state, const char *verb, const char *argument, const char *actor,
                struct buffer *out);
