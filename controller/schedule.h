/* The keyed queue: when each resource is due. One entry a key; the earlier of two times wins when asked to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule;

struct schedule *schedule_create(void);
void schedule_destroy(struct schedule *schedule);
/* Due at `due_ms` (clock_now_ms), whatever it was. The key is copied. */
void schedule_set(struct schedule *schedule, const char *key, int64_t due_ms);
/* Due at `due_ms` at the latest. */
void schedule_sooner(struct schedule *schedule, const char *key, int64_t due_ms);
/* All of them due at `due_ms` at the latest; those that were later come in any order. */
void schedule_all_sooner(struct schedule *schedule, int64_t due_ms);
void schedule_remove(struct schedule *schedule, const char *key);
/* The earliest due time; INT64_MAX when empty. */
int64_t schedule_next(const struct schedule *schedule);
/* Take the earliest entry due at or before `now_ms`; NULL: none. The caller frees the key. */
char *schedule_take(struct schedule *schedule, int64_t now_ms);
bool schedule_has(const struct schedule *schedule, const char *key);
size_t schedule_count(const struct schedule *schedule);
