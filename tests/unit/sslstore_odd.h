/* The vendor's answers read from texts, and one account at the vendor, who is played from a script (http_script.h). */
#pragma once

#include "check.h"
#include "http_script.h"

#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "reconcilers/issuer/sslstore/sslstore.h"
#include "schema/catalogue.h"
#include "schema/operator.h"

static struct arena *arena;
static struct context ctx;
static struct issuer_account account;
static struct answer answer;
static const struct issuer_ops *const ops = &issuer_sslstore;

/* Texts are written with ' in place of ". */
static const char *json_of(const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static bool reads(const char *text, struct error *err)
{
    const char *json = json_of(text);
    answer_release(&answer);
    return answer_read(json, strlen(json), arena, &answer, err);
}

__attribute__((unused)) static struct vendor_order order_of(const char *text)
{
    struct error err = {0};
    struct vendor_order order;
    CHECK_OK(reads(text, &err), err);
    sslstore_read_order(answer.object, arena, &order);
    return order;
}

__attribute__((unused)) static const struct product positivessl = {.code = "positivessl", .family = FAMILY_SECTIGO};

static void vendor_begin(void)
{
    static const struct script_row nothing[] = {{.status = -1}};
    log_setup(LOG_LOGFMT, LOG_ERROR);
    script = nothing;
    odd.status = -1;
    arena = arena_create();
    ctx = (struct context){.arena = arena};
    account = (struct issuer_account){.name = "main",
                                      .partner_code = "10012345",
                                      .token = secret_create("s3cr3t-t0ken", 12),
                                      .token_place = "secret main/token",
                                      .url = "https://vendor.test/rest/"};
}

static void vendor_end(void)
{
    answer_release(&answer);
    secret_destroy(account.token);
    arena_destroy(arena);
}
