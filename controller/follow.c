#include "controller/follow.h"

#include <time.h>

#include "base/clock.h"
#include "controller/command.h"

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void follow_begin(struct follow *follow, struct engine *engine, bool detach, int64_t timeout_s)
{
    *follow = (struct follow){.engine = engine, .detach = detach, .deadline_ms = monotonic_ms() + timeout_s * 1000};
}

int64_t follow_left_ms(const struct follow *follow)
{
    int64_t left = follow->deadline_ms - monotonic_ms();
    return left > 0 ? left : 0;
}

static int settled_code(const struct engine_standing *standing)
{
    if (standing->invalid > 0)
        return EXIT_INVALID;
    if (standing->blocked > 0 || standing->needs_person > 0 || standing->held > 0)
        return EXIT_BLOCKED;
    return standing->failing > 0 ? EXIT_UNREACHABLE : EXIT_OK;
}

int follow_over(const struct follow *follow)
{
    struct engine_standing standing;
    engine_standing_of(follow->engine, follow->only, &standing);
    if (standing.broken)
        return EXIT_STATE;
    bool due = standing.next_due_ms <= clock_now_ms();
    if (standing.running > 0 || due)
        return -1;
    if (follow->detach || standing.waiting == standing.needs_person)
        return settled_code(&standing);
    int64_t left = follow_left_ms(follow);
    if (left > 0 && standing.next_due_ms - clock_now_ms() <= left) /* else waiting would be in vain */
        return -1;
    return standing.patient > 0 ? EXIT_PENDING : standing.needs_person > 0 ? EXIT_BLOCKED : EXIT_UNREACHABLE;
}
