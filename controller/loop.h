/* One poll over descriptors, timers and signals; libevent behind it. Everything runs on the thread that calls loop_run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_source;

typedef void loop_callback(void *arg);

struct loop *loop_create(void);
void loop_destroy(struct loop *loop);
struct event_base *loop_base(struct loop *loop);
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop);

struct loop_source *loop_readable(struct loop *loop, int fd, loop_callback *call, void *arg);
struct loop_source *loop_signal(struct loop *loop, int number, loop_callback *call, void *arg);
/* A timer that is set anew with loop_timer_at; created unset. */
struct loop_source *loop_timer(struct loop *loop, loop_callback *call, void *arg);
void loop_timer_in(struct loop_source *timer, int64_t milliseconds); /* from now, real time; negative: unset */
void loop_source_destroy(struct loop_source *source); /* NULL is fine */
