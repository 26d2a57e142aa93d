/* A far side that answers from a script: here http_perform() is not the network's but looks an answer up, so that whatever a
 * service may say is said at the request where it matters. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/http.h"

/* The first row that fits a request answers it. */
struct script_row {
    const char *asked; /* found in "METHOD URL", e.g. "GET https://a/b/zones?"; NULL: any */
    const char *body;  /* found in the request's body; NULL: any */
    const char *
        after; /* found in an earlier request or its body since the operation began; NULL: fits from the first */
    int status; /* 0: nobody answers */
    const char *answer;
    int64_t retry_after_s, date;
};

static const struct script_row *script; /* of a service that is well; ends with a row of status -1 */
static struct script_row odd;           /* stands before it; status -1: none */
static int odd_at;                      /* the request that gets it, 1 the first; 0: each that fits */
static int asked;                       /* requests */
static char asked_last[2048], asked_body[8192];
static char asked_all[65536]; /* lines and bodies of all of them */
static char odd_line[2048];   /* that got the odd answer */

void http_setup(void) {}
struct http_client *http_client_create(const struct http_network *network)
{
    (void)network;
    return NULL;
}
void http_client_destroy(struct http_client *client) { (void)client; }

static bool row_fits(const struct script_row *row, const char *line, const char *body)
{
    return (row->asked == NULL || strstr(line, row->asked) != NULL) &&
           (row->body == NULL || strstr(body, row->body) != NULL) &&
           (row->after == NULL || strstr(asked_all, row->after) != NULL);
}

bool http_perform(struct http_client *client, const struct http_request *request, struct arena *arena,
                  struct http_response *out, struct error *err)
{
    (void)client;
    asked++;
    snprintf(asked_last, sizeof asked_last, "%s %s", request->method, request->url);
    snprintf(asked_body, sizeof asked_body, "%.*s", (int)request->body_length,
             request->body != NULL ? (const char *)request->body : "");
    const struct script_row *row = script;
    if (odd.status != -1 && (odd_at == 0 || asked == odd_at) && row_fits(&odd, asked_last, asked_body)) {
        row = &odd;
        strcpy(odd_line, asked_last);
    } else
        while (row->status != -1 && !row_fits(row, asked_last, asked_body))
            row++;
    if (row->status == -1) {
        fprintf(stderr, "the script does not know: %s\n%s\n", asked_last, asked_body);
        abort();
    }
    strncat(asked_all, asked_last, sizeof asked_all - strlen(asked_all) - 1);
    strncat(asked_all, asked_body, sizeof asked_all - strlen(asked_all) - 1);
    *out = (struct http_response){.outcome = HTTP_UNKNOWN, .body = "", .content_type = ""};
    if (row->status == 0)
        return error_raise(err, ERROR_UNREACHABLE, "%s: no answer", request->url);
    out->outcome = HTTP_ANSWERED;
    out->status = row->status;
    out->body_length = strlen(row->answer);
    out->body = arena_memdup(arena, row->answer, out->body_length + 1);
    out->retry_after_s = row->retry_after_s;
    out->date = row->date;
    return true;
}
