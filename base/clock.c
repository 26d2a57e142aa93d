#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"

/* The one piece of state that is not handed around: there is one time in a process. */
struct clock_page {
    char magic[8]; /* "CWCLOCK1" */
    int64_t offset_s;
};
static struct clock_page own_page = {.magic = "CWCLOCK1"};
static struct clock_page *page = &own_page;

static int64_t milliseconds(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_offset(void) { return __atomic_load_n(&page->offset_s, __ATOMIC_RELAXED); }
int64_t clock_now_ms(void) { return milliseconds(CLOCK_REALTIME) + clock_offset() * 1000; }
int64_t clock_now(void) { return clock_now_ms() / 1000; }
int64_t clock_boot_ms(void) { return milliseconds(CLOCK_BOOTTIME) + clock_offset() * 1000; }
int64_t clock_lead_ms(void) { return clock_now_ms() - milliseconds(CLOCK_BOOTTIME); }
int64_t clock_wire(void) { return milliseconds(CLOCK_REALTIME) / 1000; }
void clock_turn(int64_t offset_s) { __atomic_store_n(&page->offset_s, offset_s, __ATOMIC_RELAXED); }

static char boot_id[64];
static void read_boot_id(void)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, boot_id, sizeof boot_id - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        snprintf(boot_id, sizeof boot_id, "unknown");
    boot_id[strcspn(boot_id, "\n")] = '\0';
}

const char *clock_boot_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_boot_id);
    return boot_id;
}

bool clock_follow(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open the clock file %s: %s", path, strerror(errno));
    struct clock_page *mapped = MAP_FAILED;
    if (lseek(fd, 0, SEEK_END) >= (off_t)sizeof *mapped)
        mapped = mmap(NULL, sizeof *mapped, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED || memcmp(mapped->magic, own_page.magic, sizeof mapped->magic) != 0)
        return error_raise(err, ERROR_SYSTEM, "%s is not a clock file: the sandbox writes one with --clock", path);
    page = mapped;
    return true;
}

bool clock_publish(const char *path, int64_t offset_s, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot open the clock file %s: %s", path, strerror(errno));
    struct clock_page content = {.offset_s = offset_s};
    memcpy(content.magic, own_page.magic, sizeof content.magic);
    /* In place: readers have it mapped. The eight bytes of the offset are written in one go. */
    bool written = pwrite(fd, &content, sizeof content, 0) == (ssize_t)sizeof content;
    close(fd);
    return written || error_raise(err, ERROR_SYSTEM, "cannot write the clock file %s: %s", path, strerror(errno));
}

char *clock_rfc3339(struct arena *arena, int64_t unix_s)
{
    if (unix_s == 0)
        return arena_strdup(arena, "");
    struct tm tm;
    time_t t = (time_t)unix_s;
    gmtime_r(&t, &tm);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return arena_strdup(arena, text);
}

int64_t clock_from_civil(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
                    .tm_sec = second};
    return (int64_t)timegm(&tm);
}

/* Exactly so many digits, then `behind` ('\0': whatever). */
static bool take_digits(const char **text, int count, char behind, int *out)
{
    int number = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        number = 10 * number + (**text - '0');
    }
    if (behind != '\0' && *(*text)++ != behind)
        return false;
    *out = number;
    return true;
}

/* "Z", "z", "+01:00" or "-01:00", and nothing behind it. */
static bool take_zone(const char *text, int64_t *out_offset)
{
    int hour, minute;
    *out_offset = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return true;
    const char sign = *text++;
    if ((sign != '+' && sign != '-') || !take_digits(&text, 2, ':', &hour) || !take_digits(&text, 2, '\0', &minute) || hour > 23 ||
        minute > 59)
        return false;
    *out_offset = (sign == '-' ? -1 : 1) * (hour * 3600 + minute * 60);
    return *text == '\0';
}

/* "T03:40:00Z", "t03:40:00.5+01:00", " 03:40:00Z": seconds from midnight in UTC. */
static bool take_time(const char *text, int64_t *out_seconds)
{
    int hour, minute, second;
    int64_t offset;
    if (*text != 'T' && *text != 't' && *text != ' ')
        return false;
    text++;
    if (!take_digits(&text, 2, ':', &hour) || !take_digits(&text, 2, ':', &minute) || !take_digits(&text, 2, '\0', &second) ||
        hour > 23 || minute > 59 || second > 60)
        return false;
    if (*text == '.')
        text += 1 + strspn(text + 1, "0123456789");
    if (!take_zone(text, &offset))
        return false;
    *out_seconds = hour * 3600 + minute * 60 + second - offset;
    return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *out_unix_s)
{
    struct tm tm = {0};
    int year, month;
    int64_t seconds = 0;
    if (!take_digits(&text, 4, '-', &year) || !take_digits(&text, 2, '-', &month) || !take_digits(&text, 2, '\0', &tm.tm_mday))
        return false;
    if (*text != '\0' && !take_time(text, &seconds))
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    const int day = tm.tm_mday;
    const int64_t midnight = (int64_t)timegm(&tm);
    if (tm.tm_mday != day || tm.tm_mon != month - 1) /* the 31st of February was made another day */
        return false;
    *out_unix_s = midnight + seconds;
    return true;
}
