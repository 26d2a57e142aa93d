/* Preloaded into a name server: its wall clock is CLOCK_AHEAD seconds ahead of ours, all other clocks are right. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t ahead(void)
{
    const char *text = getenv("CLOCK_AHEAD");
    return text != NULL ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    long result = syscall(SYS_clock_gettime, clock, out);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        out->tv_sec += ahead();
    return (int)result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    long result = syscall(SYS_gettimeofday, out, zone);
    if (result == 0)
        out->tv_sec += ahead();
    return (int)result;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
