/* Where secret bytes lie: in pages that are locked and in no core file, and nowhere when they are released. */
#include "base/secret.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

/* What the kernel says of the mapping that holds an address: "rd wr … lo dd"; "" when there is none. */
static const char *flags_at(const void *address)
{
    static char flags[400];
    char line[400];
    unsigned long long begin, end;
    bool inside = false;
    FILE *file = fopen("/proc/self/smaps", "re");
    flags[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%llx-%llx ", &begin, &end) == 2)
            inside = (uintptr_t)address >= begin && (uintptr_t)address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, sizeof flags, "%s", line + 8);
    }
    if (file != NULL)
        fclose(file);
    flags[strcspn(flags, "\n")] = '\0';
    return flags;
}

static void a_secret_is_locked_and_in_no_dump(void)
{
    static const size_t lengths[] = {0, 1, 100, 4063, 4064, 4065, 4096, 9000};
    static char data[9000];
    memset(data, 's', sizeof data);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct secret *secret = secret_create(data, lengths[i]);
        const char *bytes = secret_bytes(secret);
        CHECK_INT(secret_length(secret), lengths[i]);
        CHECK_INT(strlen(bytes), lengths[i]);
        CHECK(memcmp(bytes, data, lengths[i]) == 0);
        const char *ends[] = {bytes, bytes + lengths[i]};
        for (size_t e = 0; e < 2; e++) {
            CHECK(strstr(flags_at(ends[e]), " dd") != NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* with them, mlock does nothing */
            CHECK(strstr(flags_at(ends[e]), " lo") != NULL);
#endif
        }
        secret_destroy(secret);
        CHECK(strstr(flags_at(bytes), " dd") == NULL); /* gone, or another's by now */
    }
    char *plain = strdup("no secret");
    CHECK(strstr(flags_at(plain), " rd") != NULL && strstr(flags_at(plain), " dd") == NULL);
    free(plain);
}

static void without_leave_to_lock_it_is_in_no_dump_either(void)
{
    struct rlimit before;
    getrlimit(RLIMIT_MEMLOCK, &before);
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, before.rlim_max});
    struct secret *secret = secret_create("quiet", 5);
    setrlimit(RLIMIT_MEMLOCK, &before);
    CHECK_TEXT(secret_bytes(secret), "quiet");
    CHECK(strstr(flags_at(secret_bytes(secret)), " dd") != NULL);
    secret_destroy(secret);
}

static void secrets_are_equal_by_their_bytes(void)
{
    struct secret *a = secret_create("one\0two", 7), *b = secret_create("one\0two", 7), *c = secret_create("one", 3);
    CHECK(secret_equal(a, b) && !secret_equal(a, c) && !secret_equal(a, NULL) && secret_equal(NULL, NULL));
    CHECK_TEXT(secret_bytes(NULL), "");
    secret_destroy(a);
    secret_destroy(b);
    secret_destroy(c);
    secret_destroy(NULL);
}

int main(void)
{
    RUN(a_secret_is_locked_and_in_no_dump);
    RUN(without_leave_to_lock_it_is_in_no_dump_either);
    RUN(secrets_are_equal_by_their_bytes);
    return CHECK_REPORT();
}
