/* One page of assertions. A test program lists its tests in main() with RUN(name); a failed CHECK prints what
 * was expected and goes on with the next test. */
#pragma once

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failed, check_passed;

#ifdef CERTWRIGHT_BUILD_DIR
/* The reader of manifests lies beside the program, and tests lie elsewhere. */
__attribute__((constructor)) static void check_find_programs(void)
{
    setenv("CERTWRIGHT_PARSE", CERTWRIGHT_BUILD_DIR "/certwright-parse", 0);
}
#endif
static jmp_buf check_escape;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            longjmp(check_escape, 1); \
        } \
    } while (0)

#define CHECK_TEXT(is, should) \
    do { \
        const char *is_ = (is), *should_ = (should); \
        if (is_ == NULL || should_ == NULL || strcmp(is_, should_) != 0) { \
            fprintf(stderr, "%s:%d: %s\n  is     \"%s\"\n  should \"%s\"\n", __FILE__, __LINE__, #is, \
                    is_ ? is_ : "(null)", should_ ? should_ : "(null)"); \
            longjmp(check_escape, 1); \
        } \
    } while (0)

#define CHECK_INT(is, should) \
    do { \
        long long is_ = (long long)(is), should_ = (long long)(should); \
        if (is_ != should_) { \
            fprintf(stderr, "%s:%d: %s is %lld, should be %lld\n", __FILE__, __LINE__, #is, is_, should_); \
            longjmp(check_escape, 1); \
        } \
    } while (0)

/* A call that fills `err` and should have worked. */
#define CHECK_OK(call, err) \
    do { \
        if (!(call)) { \
            fprintf(stderr, "%s:%d: %s failed: %s (%s)\n", __FILE__, __LINE__, #call, (err).message, \
                    (err).raised_at ? (err).raised_at : "?"); \
            longjmp(check_escape, 1); \
        } \
    } while (0)

#define RUN(test) \
    do { \
        if (setjmp(check_escape) == 0) { \
            test(); \
            check_passed++; \
        } else { \
            fprintf(stderr, "FAILED %s\n", #test); \
            check_failed++; \
        } \
    } while (0)

#define CHECK_REPORT() (printf("%d passed, %d failed\n", check_passed, check_failed), check_failed != 0)
