/* Printing for the looking verbs: JSON and YAML documents, records with readable times, foreign text made fit
 * to show (reliability.md 8.4). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "controller/command.h"
#include "schema/field.h"

struct condition;
struct certificate_look;
struct step;

/* A compact JSON text as -o asks: JSON, indented, or YAML. Gives EXIT_OK. */
int look_print_document(struct command_context *ctx, const struct buffer *json);
/* A record as an object in the order of its table: times as RFC 3339, states by their words also when they
 * are the first. `table` NULL: as it stands. False: not JSON. */
bool look_put_record(struct json_writer *w, const struct field_table *table, const char *json, size_t length,
                     struct arena *arena);
void look_put_struct(struct json_writer *w, const struct field_table *table, const void *record,
                     struct arena *arena);

/* Members that are left out when there is nothing to say. */
void look_text_member(struct json_writer *w, const char *name, const char *text, struct arena *arena);
void look_time_member(struct json_writer *w, const char *name, int64_t at, struct arena *arena);
void look_strings_member(struct json_writer *w, const char *name, const struct string_list *list,
                         struct arena *arena);
void look_conditions_member(struct json_writer *w, const struct certificate_look *certificate,
                            struct arena *arena);
void look_problems_member(struct json_writer *w, const struct problem_list *problems, struct arena *arena);
/* {"conditions": …, "order": …, …}: the status of a certificate. */
void look_put_status(struct json_writer *w, const struct certificate_look *certificate, struct arena *arena);

/* One line of a terminal. */
const char *look_line(struct arena *arena, const char *text);
/* "Label      text" with text of several lines indented below itself; nothing for empty text. */
void look_print_field(struct command_context *ctx, const char *label, const char *text);
const char *look_time(struct command_context *ctx, int64_t at); /* "2026-11-22T03:40:00Z (12 min ago)" */
const char *look_age(struct command_context *ctx, int64_t at);  /* "3 days"; "" for 0 */
const char *look_money(struct arena *arena, int64_t cents, const char *currency);
const char *look_count(struct arena *arena, size_t count, const char *thing); /* "1 file", "2 files" */
/* What must be placed by hand or is placed for a name: lines of text. */
struct challenge_record;
const char *look_challenge(struct arena *arena, const struct challenge_record *challenge);
