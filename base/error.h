/* The one error type: what went wrong, who can cure it, and when to try again.
 *
 * The message lives inside, so an error is copied and dropped without freeing. It is raised once, where
 * the fact is known; on the way up a caller may put its own words in front. It never holds a secret. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum error_kind {
    ERROR_NONE,
    ERROR_MANIFEST,    /* the author of a manifest can cure it */
    ERROR_CONFIG,      /* the operator can cure it in the operator's file */
    ERROR_CREDENTIAL,  /* whoever holds the account can cure it */
    ERROR_REFUSED,     /* the far side said no, definitely */
    ERROR_THROTTLED,   /* too many requests; retry_at may be set */
    ERROR_UNREACHABLE, /* nothing was said: name, network, time-out */
    ERROR_MALFORMED,   /* something was said that cannot be trusted */
    ERROR_NOT_FOUND,   /* the thing asked for does not exist (a normal answer to many questions) */
    ERROR_CONFLICT,    /* a record changed meanwhile; read again */
    ERROR_STATE,       /* the store is locked, damaged or without its key */
    ERROR_SYSTEM,      /* the host: disk, permissions, memory */
    ERROR_INTERNAL,    /* ours */
    ERROR_KIND_COUNT
};

struct position {
    const char *file; /* lives as long as the desired set; NULL: no manifest */
    int line;         /* from 1; 0: unknown */
    int column;       /* from 1, in characters */
};

struct error {
    enum error_kind kind;
    int64_t retry_at;         /* Unix seconds when the far side named a time; 0: our own backoff */
    struct position manifest; /* what to open; line 0: no manifest */
    const char *raised_at;    /* "file.c:12", for the log only */
    char message[512];        /* one sentence for the operator */
};

/* Fill in `err` (which may be NULL) and return false, so that a failure is one line. */
#define error_raise(err, kind, ...) error_raise_at((err), (kind), ERROR_HERE_(__FILE_NAME__, __LINE__), __VA_ARGS__)
#define ERROR_HERE_(file, line) ERROR_HERE2_(file, line)
#define ERROR_HERE2_(file, line) file ":" #line
#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif
bool error_raise_at(struct error *err, enum error_kind kind, const char *raised_at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Put words in front of the message: "placing the order: connection refused". Always false. */
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether waiting may cure it without anybody's help. */
bool error_retryable(const struct error *err);

/* "Manifest", "Credential", …: the word used in conditions and JSON. */
const char *error_kind_name(enum error_kind kind);
/* The inverse; ERROR_NONE for an unknown word. */
enum error_kind error_kind_parse(const char *name);
