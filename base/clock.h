/* Time. `clock_now` and `clock_boot` are turned together by tests and by the sandbox's clock; `clock_wire`
 * is always the real clock, for protocols whose far side has a real one (TLS, TSIG, SigV4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct error;

int64_t clock_now(void);     /* Unix seconds: schedules, validity, rules */
int64_t clock_now_ms(void);
int64_t clock_boot_ms(void); /* milliseconds since boot, suspended time included: durations, deadlines */
/* Milliseconds by which the clock leads that of the boot, which nobody sets: less than before when it was set, or turned, back. */
int64_t clock_lead_ms(void);
int64_t clock_wire(void);    /* Unix seconds, never turned */
const char *clock_boot_id(void); /* of this boot, from the kernel; lives for ever */

/* Tests: turn this process's clock by seconds from the real one. */
void clock_turn(int64_t offset_s);
int64_t clock_offset(void);
/* Follow a turn written by another process: a mapped file of 16 bytes, "CWCLOCK1" and a signed 64-bit
 * offset in seconds, in the host's byte order. Fails: SYSTEM. */
bool clock_follow(const char *path, struct error *err);
/* Write that file, making it if need be (0600). Fails: SYSTEM. */
bool clock_publish(const char *path, int64_t offset_s, struct error *err);

char *clock_rfc3339(struct arena *arena, int64_t unix_s); /* "2026-11-22T03:40:00Z"; 0 gives "" */
bool clock_parse_rfc3339(const char *text, int64_t *out_unix_s); /* with Z or an offset; or a bare date */
int64_t clock_from_civil(int year, int month, int day, int hour, int minute, int second); /* UTC */
