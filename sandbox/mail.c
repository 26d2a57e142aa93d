/* The approval mail (BR 3.2.2.4.4): a random link, put into a Maildir and, if asked, sent over SMTP. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "sandbox/crypto.h"
#include "sandbox/orders.h"
#include "sandbox/validate.h"

static const char *message_text(struct sandbox *sandbox, struct arena *arena, const struct order *order,
                                const struct proof *proof)
{
    char date[64];
    struct tm day;
    time_t now = (time_t)clock_now();
    gmtime_r(&now, &day);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &day);
    return arena_printf(arena,
                        "Date: %s\r\n"
                        "From: Sandbox Authority <noreply@sandbox.example>\r\n"
                        "To: %s\r\n"
                        "Subject: Approve the certificate for %s (order %lld)\r\n"
                        "Message-ID: <%s@sandbox.example>\r\n"
                        "MIME-Version: 1.0\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "\r\n"
                        "A certificate was ordered for %s.\r\n"
                        "If you agree, follow this link:\r\n"
                        "\r\n"
                        "%sapprove?token=%s\r\n",
                        date, proof->approver, proof->domain, (long long)order->id, random_hex(arena, 12),
                        proof->domain, sandbox->control_url, proof->mail_token);
}

/* Into tmp, then by rename into new, as maildir(5) has it. */
static bool deliver(const char *maildir, struct arena *arena, const char *message, struct error *err)
{
    static const char *const folders[] = {"tmp", "new", "cur"};
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (!file_make_directories(arena_printf(arena, "%s/%s", maildir, folders[i]), 0700, err))
            return false;
    const char *name = arena_printf(arena, "%lld.%d.%s", (long long)clock_wire(), (int)getpid(),
                                    random_hex(arena, 8));
    const char *from = arena_printf(arena, "%s/tmp/%s", maildir, name);
    const char *to = arena_printf(arena, "%s/new/%s", maildir, name);
    int fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_raise(err, ERROR_SYSTEM, "cannot make %s: %s", from, strerror(errno));
    bool written = file_write_all(fd, message, strlen(message), err);
    close(fd);
    if (written && rename(from, to) != 0)
        written = error_raise(err, ERROR_SYSTEM, "cannot rename to %s: %s", to, strerror(errno));
    return written;
}

void mail_approver(struct sandbox *sandbox, const struct order *order, const struct proof *proof)
{
    struct error err = {0};
    struct arena *arena = arena_create();
    const char *message = message_text(sandbox, arena, order, proof);
    if (sandbox->options.maildir != NULL && !deliver(sandbox->options.maildir, arena, message, &err))
        log_event(LOG_ERROR, "mail not delivered", "to", proof->approver, "reason", err.message, NULL);
    if (sandbox->options.smtp != NULL)
        validator_send_mail(sandbox->validator, proof->approver, message);
    arena_destroy(arena);
}
