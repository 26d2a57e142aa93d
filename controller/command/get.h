/* Between get.c (kinds that users write) and get_record.c (kinds that the controller records). */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "controller/command.h"

/* Whether the word names a recorded kind: order, challenge, revision, rollout, event. */
bool get_is_record(const char *word);
/* The words for kinds of records, NULL-terminated. */
const char *const *get_record_words(struct arena *arena);
/* `names`: of certificates, or of the records themselves ("shop/1"); empty: all. */
int get_records(struct command_context *ctx, const char *word, const struct string_list *names);
