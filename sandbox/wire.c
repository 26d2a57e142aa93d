/* Requests with all their liberties (section 4), dates as the vendor writes them. */
#include "sandbox/wire.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"

bool refuse(struct call *call, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    call->code = code;
    call->message = arena_vprintf(call->arena, format, args);
    va_end(args);
    return false;
}

const char *wire_text(struct arena *arena, const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsString(value))
        return value->valuestring;
    if (cJSON_IsNumber(value))
        return arena_printf(arena, "%.0f", value->valuedouble);
    return "";
}

bool wire_bool(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsTrue(value) || (cJSON_IsString(value) && strcasecmp(value->valuestring, "true") == 0);
}

int wire_int(const cJSON *object, const char *name, int fallback)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsNumber(value))
        return value->valueint;
    if (cJSON_IsString(value) && value->valuestring[0] != '\0') {
        char *end;
        long number = strtol(value->valuestring, &end, 10);
        if (*end == '\0' && number >= -1000000 && number <= 1000000)
            return (int)number;
    }
    return fallback;
}

const cJSON *wire_object(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsObject(value) ? value : NULL;
}

struct string_list wire_strings(struct arena *arena, const cJSON *object, const char *name)
{
    struct string_list list = {0};
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(object, name))
        if (cJSON_IsString(item) && item->valuestring[0] != '\0')
            string_list_push(arena, &list, text_lower(arena, item->valuestring));
    return list;
}

bool wire_date(struct arena *arena, const cJSON *object, const char *name, int64_t *out)
{
    const char *text = wire_text(arena, object, name);
    if (text_has_prefix(text, "/Date(")) {
        char *end;
        long long milliseconds = strtoll(text + 6, &end, 10);
        *out = milliseconds / 1000; /* an offset behind it changes the display, not the instant */
        return end != text + 6;
    }
    return clock_parse_rfc3339(text, out);
}

/* Eastern time: daylight saving from the second Sunday in March to the first in November, at 2 a.m. */
int64_t wire_vendor_local(int64_t utc)
{
    int64_t standard = utc - 5 * 3600;
    time_t at = (time_t)standard;
    struct tm day;
    gmtime_r(&at, &day);
    int year = day.tm_year + 1900;
    int64_t march = clock_from_civil(year, 3, 1, 2, 0, 0),
            november = clock_from_civil(year, 11, 1, 1, 0, 0);
    int march_weekday = (int)((march / 86400 + 4) % 7),
        november_weekday = (int)((november / 86400 + 4) % 7);
    march += (int64_t)((7 - march_weekday) % 7 + 7) * 86400;
    november += (int64_t)((7 - november_weekday) % 7) * 86400;
    return standard >= march && standard < november ? standard + 3600 : standard;
}

const char *wire_date_text(struct arena *arena, int64_t at, const char *culture)
{
    struct tm day;
    time_t when = (time_t)(at != 0 ? at : clock_from_civil(1900, 1, 1, 0, 0, 0));
    gmtime_r(&when, &day);
    if (text_equal(culture, "en-UK") || text_equal(culture, "en-GB"))
        return arena_printf(arena, "%02d/%02d/%04d %02d:%02d:%02d", day.tm_mday, day.tm_mon + 1,
                            day.tm_year + 1900, day.tm_hour, day.tm_min, day.tm_sec);
    return arena_printf(arena, "%d/%d/%04d %d:%02d:%02d %s", day.tm_mon + 1, day.tm_mday,
                        day.tm_year + 1900, day.tm_hour % 12 == 0 ? 12 : day.tm_hour % 12, day.tm_min,
                        day.tm_sec, day.tm_hour < 12 ? "AM" : "PM");
}
