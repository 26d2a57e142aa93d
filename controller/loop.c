#include "controller/loop.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/fatal.h"

struct loop {
    struct event_base *base;
};
struct loop_source {
    struct event *event;
    loop_callback *call;
    void *arg;
};

struct loop *loop_create(void)
{
    struct loop *loop = fatal_unless(calloc(1, sizeof *loop));
    loop->base = fatal_unless(event_base_new());
    return loop;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_base(struct loop *loop) { return loop->base; }
void loop_run(struct loop *loop) { event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY); }
void loop_stop(struct loop *loop) { event_base_loopbreak(loop->base); }

static void called(evutil_socket_t fd, short what, void *arg)
{
    const struct loop_source *source = arg;
    (void)fd, (void)what;
    source->call(source->arg);
}

static struct loop_source *add(struct loop *loop, int fd, short what, loop_callback *call, void *arg, bool now)
{
    struct loop_source *source = fatal_unless(calloc(1, sizeof *source));
    *source = (struct loop_source){.call = call, .arg = arg};
    source->event = fatal_unless(event_new(loop->base, fd, what, called, source));
    if (now)
        event_add(source->event, NULL);
    return source;
}

struct loop_source *loop_readable(struct loop *loop, int fd, loop_callback *call, void *arg)
{
    return add(loop, fd, EV_READ | EV_PERSIST, call, arg, true);
}
struct loop_source *loop_signal(struct loop *loop, int number, loop_callback *call, void *arg)
{
    return add(loop, number, EV_SIGNAL | EV_PERSIST, call, arg, true);
}
struct loop_source *loop_timer(struct loop *loop, loop_callback *call, void *arg)
{
    return add(loop, -1, 0, call, arg, false);
}

void loop_timer_in(struct loop_source *timer, int64_t milliseconds)
{
    if (milliseconds < 0) {
        event_del(timer->event);
        return;
    }
    /* At most an hour, so that a turned or stepped clock is noticed. */
    if (milliseconds > 3600 * 1000)
        milliseconds = 3600 * 1000;
    struct timeval wait = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    event_add(timer->event, &wait);
}

void loop_source_destroy(struct loop_source *source)
{
    if (source == NULL)
        return;
    event_free(source->event);
    free(source);
}
