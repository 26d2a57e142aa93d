/* Look for a challenge file as the vendor will: http(s)://<name>/.well-known/pki-validation/<file>. */
#pragma once

#include <stdbool.h>

#include "reconcilers/context.h"

struct error;

/* Ask for a file that is not there: whether anything answers where the vendor will look. Gives the last status after redirects.
 * Fails: UNREACHABLE, REFUSED. */
bool http_reach_check(struct context *ctx, const char *name, bool https, const char *file_name, int *out_status,
                      struct error *err);
/* True when the body is exactly `content` (a trailing newline is forgiven). HTTPS takes any certificate, as CAs do.
 * Fails: UNREACHABLE, REFUSED (status or other content: says what came). */
bool http_challenge_check(struct context *ctx, const char *name, bool https, const char *file_name, const char *content,
                          struct error *err);
