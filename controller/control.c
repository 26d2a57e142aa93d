#include "controller/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "controller/command.h"
#include "controller/follow.h"
#include "controller/loop.h"
#include "controller/operations.h"

enum { LINE_MOST = 4 * 1024 * 1024 /* the ids of 50,000 certificates */, CLIENTS_MOST = 16 };

struct client {
    struct control *control;
    int fd;
    struct loop_source *source, *timer;
    struct buffer in;
    char verb[32];
    struct arena *arena;
    const char *argument;
    struct string_list only; /* apply: the certificates it is about, sorted; empty: all */
    bool waiting, follows;
    struct follow follow;
    struct client *next;
};
struct control {
    struct engine *engine;
    int fd;
    char *path;
    struct loop_source *source;
    struct client *clients;
    int count;
};

void progress_line(const struct engine_progress *p, struct buffer *out)
{
    AUTO(arena) struct arena *arena = arena_create();
    buffer_printf(out, "%.8s  %-9s %s%s%s%s%s", clock_rfc3339(arena, clock_now()) + 11, p->word, p->id,
                  p->subject[0] != '\0' ? "  " : "", p->subject, p->text[0] != '\0' ? ": " : "",
                  text_clean(arena, p->text, strlen(p->text), 1000));
    if (p->human != NULL)
        buffer_printf(out, "\n%21sto do: %s", "", text_clean(arena, p->human, strlen(p->human), 1500));
    if (p->command != NULL)
        buffer_printf(out, "\n%21s%s %s", "", p->if_lost ? "if it was lost:" : "then: ", p->command);
}

/* A path too long for sockaddr_un is reached through the descriptor of its folder. */
static bool address_of(const char *directory, int *out_directory_fd, struct sockaddr_un *out, struct error *err)
{
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_raise(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "%s: %s", directory, strerror(errno));
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/control.sock", fd);
    *out_directory_fd = fd;
    return true;
}

static bool send_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            int ready = poll(&wait, 1, 1000);
            if (ready == 0 || (ready < 0 && errno != EINTR))
                return false; /* a client that does not read is let go */
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        text += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void client_close(struct client *client)
{
    struct control *control = client->control;
    for (struct client **at = &control->clients; *at != NULL; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    control->count--;
    bool followed = false;
    for (const struct client *other = control->clients; other != NULL; other = other->next)
        followed = followed || other->follows;
    if (client->follows && !followed)
        engine_also_report(control->engine, NULL, NULL);
    loop_source_destroy(client->source);
    loop_source_destroy(client->timer);
    buffer_release(&client->in);
    arena_destroy(client->arena);
    close(client->fd);
    free(client);
}

static void answer(struct client *client, int code, const char *out)
{
    struct buffer line = {0};
    struct json_writer w = {.out = &line};
    json_begin_object(&w);
    json_int_member(&w, "exit", code);
    json_string_member(&w, "out", out);
    json_end_object(&w);
    buffer_putc(&line, '\n');
    send_all(client->fd, buffer_text(&line), line.length);
    buffer_release(&line);
    client_close(client);
}

static void tell(const struct engine_progress *progress, struct client *client)
{
    bool certificate = text_has_prefix(progress->id, "certificate/");
    if (client->only.count > 0 && certificate && !string_list_sorted_contains(&client->only, progress->id))
        return;
    struct buffer text = {0}, line = {0};
    struct json_writer w = {.out = &line};
    progress_line(progress, &text);
    json_begin_object(&w);
    json_string_member(&w, "progress", buffer_text(&text));
    json_end_object(&w);
    buffer_putc(&line, '\n');
    /* Whoever does not read is waited for once: client_readable finds the end and closes, for tell_all walks the list now. */
    if (!send_all(client->fd, buffer_text(&line), line.length))
        shutdown(client->fd, SHUT_RDWR);
    buffer_release(&text);
    buffer_release(&line);
}

static void tell_all(const struct engine_progress *progress, void *arg)
{
    const struct control *control = arg;
    for (struct client *client = control->clients; client != NULL; client = client->next)
        if (client->follows)
            tell(progress, client);
}

static void check_client(struct client *client)
{
    struct buffer out = {0};
    int code = client->follows ? follow_over(&client->follow)
                               : operation_outcome(client->control->engine, client->verb, client->argument, &out);
    if (code >= 0)
        answer(client, code, buffer_text(&out));
    buffer_release(&out);
}

static void client_timer(void *arg) { check_client(arg); }

void control_after_turn(struct control *control)
{
    for (struct client *client = control->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->waiting)
            check_client(client);
    }
}

static void begin_follow(struct client *client, int64_t timeout_s, bool detach)
{
    struct error err = {0};
    struct engine *engine = client->control->engine;
    const char *missing = NULL;
    if (client->argument[0] != '\0') {
        struct string_list ids = text_split(client->arena, client->argument, ',');
        client->only = string_list_sorted(client->arena, &ids);
    } else if (!engine_widen(engine)) {
        answer(client, EXIT_STATE, "the store is held by a command that was given files (-f) and knows no others: try again "
                                   "when it has ended\n");
        return;
    }
    client->follows = client->waiting = true;
    engine_also_report(engine, tell_all, client->control);
    follow_begin(&client->follow, engine, detach, timeout_s);
    client->follow.only = &client->only;
    if (!engine_look(engine, true, &err)) {
        answer(client, EXIT_ERROR, err.message);
        return;
    }
    if (!engine_ask(engine, &client->only, &missing)) {
        answer(client, EXIT_STATE,
               arena_printf(client->arena, "%s is not in the manifests that the holder of the store reads\n", missing));
        return;
    }
    client->timer = loop_timer(engine_loop(engine), client_timer, client);
    loop_timer_in(client->timer, follow_left_ms(&client->follow) + 10);
}

static void run_request(struct client *client, const char *text, size_t length)
{
    struct error err = {0};
    AUTO(json) struct json *request = json_parse(text, length, &err);
    const char *verb = json_string(json_member(request, "verb")), *argument = json_string(json_member(request, "argument"));
    int64_t timeout_s = 600;
    bool detach = false;
    json_int(json_member(request, "timeout"), &timeout_s);
    json_bool(json_member(request, "detach"), &detach);
    if (verb == NULL) {
        answer(client, EXIT_USAGE, "not understood\n");
        return;
    }
    log_event(LOG_INFO, "control", "verb", verb, "argument", argument, NULL);
    snprintf(client->verb, sizeof client->verb, "%s", verb);
    client->argument = arena_strdup(client->arena, argument != NULL ? argument : "");
    if (strcmp(verb, "apply") == 0 || strcmp(verb, "reconcile") == 0) {
        begin_follow(client, timeout_s, detach);
        return;
    }
    struct buffer out = {0};
    int code = operation_run(client->control->engine, client->verb, client->argument, "operator", &out);
    if (code >= 0)
        answer(client, code, buffer_text(&out));
    else
        client->waiting = true;
    buffer_release(&out);
}

static void client_readable(void *arg)
{
    struct client *client = arg;
    char bytes[16 * 1024];
    ssize_t got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        client_close(client);
        return;
    }
    if (client->waiting)
        return; /* one request a connection */
    if (client->in.length + (size_t)got > LINE_MOST) {
        answer(client, EXIT_USAGE, "that is more than is taken at once: name fewer certificates\n");
        return;
    }
    buffer_append(&client->in, bytes, (size_t)got);
    if (memchr(bytes, '\n', (size_t)got) != NULL)
        run_request(client, client->in.data, client->in.length - 1);
}

static void accept_client(void *arg)
{
    struct control *control = arg;
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != geteuid() && peer.uid != 0) ||
        control->count >= CLIENTS_MOST) {
        close(fd);
        return;
    }
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        fatal_memory();
    *client = (struct client){.control = control, .fd = fd, .in = {.limit = LINE_MOST}, .next = control->clients,
                              .arena = arena_create()};
    control->clients = client;
    control->count++;
    client->source = loop_readable(engine_loop(control->engine), fd, client_readable, client);
}

struct control *control_listen(struct engine *engine, const char *state_directory, struct error *err)
{
    int directory = -1;
    struct sockaddr_un address;
    if (!address_of(state_directory, &directory, &address, err))
        return NULL;
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL)
        fatal_memory();
    control->engine = engine;
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlinkat(directory, "control.sock", 0); /* left behind by a crash: we hold the lock */
    bool ok = control->fd >= 0 && bind(control->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              fchmodat(directory, "control.sock", 0600, 0) == 0 && listen(control->fd, 8) == 0;
    if (!ok) {
        error_raise(err, ERROR_SYSTEM, "cannot listen on %s/control.sock: %s", state_directory, strerror(errno));
        close(directory);
        if (control->fd >= 0)
            close(control->fd);
        free(control);
        return NULL;
    }
    close(directory);
    control->path = fatal_unless(strdup(state_directory));
    control->source = loop_readable(engine_loop(engine), control->fd, accept_client, control);
    return control;
}

void control_close(struct control *control)
{
    if (control == NULL)
        return;
    while (control->clients != NULL)
        client_close(control->clients);
    int directory = open(control->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        unlinkat(directory, "control.sock", 0);
        close(directory);
    }
    loop_source_destroy(control->source);
    close(control->fd);
    free(control->path);
    free(control);
}

/* ---- the other end ---- */

static bool read_line(int fd, struct buffer *in, struct buffer *line)
{
    buffer_clear(line);
    for (;;) {
        char *end = in->length > 0 ? memchr(in->data, '\n', in->length) : NULL;
        if (end != NULL) {
            size_t length = (size_t)(end - in->data);
            buffer_append(line, in->data, length);
            memmove(in->data, end + 1, in->length - length - 1);
            in->length -= length + 1;
            return true;
        }
        char bytes[4096];
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        buffer_append(in, bytes, (size_t)got);
    }
}

bool control_send(const char *state_directory, const struct control_request *request,
                  void (*progress)(const char *line, void *arg), void *arg, struct buffer *out, int *out_exit,
                  struct error *err)
{
    int directory = -1;
    struct sockaddr_un address;
    if (!address_of(state_directory, &directory, &address, err))
        return false;
    AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(directory);
    if (!connected)
        return error_raise(err, ERROR_NOT_FOUND, "nobody listens on %s/control.sock: %s", state_directory, strerror(errno));
    struct buffer line = {0}, in = {0};
    struct json_writer w = {.out = &line};
    json_begin_object(&w);
    json_string_member(&w, "verb", request->verb);
    json_string_member(&w, "argument", request->argument);
    json_int_member(&w, "timeout", request->timeout_s);
    json_bool_member(&w, "detach", request->detach);
    json_end_object(&w);
    buffer_putc(&line, '\n');
    bool over = false;
    send_all(fd, buffer_text(&line), line.length); /* what is too long is answered before it is read to its end */
    while (!over && read_line(fd, &in, &line)) {
        AUTO(json) struct json *said = json_parse(buffer_text(&line), line.length, err);
        const char *text = json_string(json_member(said, "progress"));
        int64_t code;
        if (text != NULL && progress != NULL)
            progress(text, arg);
        if (json_int(json_member(said, "exit"), &code)) {
            const char *words = json_string(json_member(said, "out"));
            *out_exit = (int)code;
            if (words != NULL)
                buffer_puts(out, words);
            over = true;
        }
    }
    buffer_release(&line);
    buffer_release(&in);
    return over || error_raise(err, ERROR_UNREACHABLE, "the controller stopped before it answered");
}
