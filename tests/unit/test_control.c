/* The control socket between a controller and those who ask it: what is not understood, who goes away, and who stays away. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "controller_world.h"

#include "base/file.h"
#include "controller/command.h"
#include "controller/control.h"
#include "controller/loop.h"

static struct world world;
static struct engine *engine;
static struct control *control;
static struct loop_source *look_on;
static pid_t asking;
static int asked_code;

static void after_turn(void *arg)
{
    (void)arg;
    control_after_turn(control);
}

static void child_ended(void *arg)
{
    int status;
    (void)arg;
    if (waitpid(asking, &status, WNOHANG) == asking) {
        asked_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        loop_stop(engine_loop(engine));
        return;
    }
    loop_timer_in(look_on, 10);
}

/* Certificates of which nobody outside is asked: they are suspended, and so blocked. */
static void suspend(int count)
{
    struct buffer text = {0};
    for (int i = 0; i < count; i++) {
        buffer_printf(&text, WORLD_DOCUMENT("Certificate", "c%04d") "  dnsNames: [c%04d.example.com]\n  suspend: true\n"
                             "  order: {product: positivessl}\n  dcv: {method: Email}\n", i, i);
        if (i % 50 < 49 && i + 1 < count)
            continue;
        world_write(&world, arena_printf(world.arena, "manifests/suspended-%d.yaml", i / 50), buffer_text(&text));
        buffer_clear(&text);
    }
    buffer_release(&text);
}

static bool only_the_first(struct model *model, const struct desired_entry *entry, void *arg)
{
    (void)model, (void)arg;
    return strcmp(entry->name, "c0000") == 0;
}

/* Only folders and what is suspended: an issuer or a certificate would be asked about outside. */
static void begin_with(int count, engine_filter *filter, const struct string_list *files)
{
    struct error err = {0};
    world_begin(&world);
    world.config.workers = 1;
    if (count > 0)
        suspend(count);
    struct string_list given = {0};
    for (size_t i = 0; files != NULL && i < files->count; i++)
        string_list_push(world.arena, &given, world_at(&world, files->items[i]));
    struct engine_options options = {.config = &world.config, .state = world.state, .filter = filter,
                                     .files = files != NULL ? arena_memdup(world.arena, &given, sizeof given) : NULL};
    engine = engine_create(&options, &err);
    CHECK_OK(engine != NULL, err);
    control = control_listen(engine, world_at(&world, "state"), &err);
    CHECK_OK(control != NULL, err);
    engine_after_turn(engine, after_turn, NULL);
    CHECK_OK(engine_look(engine, true, &err), err);
    look_on = loop_timer(engine_loop(engine), child_ended, NULL);
}

static void begin(void) { begin_with(0, NULL, NULL); }

static void end(void)
{
    loop_source_destroy(look_on);
    control_close(control);
    control = NULL;
    engine_destroy(engine);
    world_end(&world);
}

/* What `ask` gives, run in a process of its own while the controller is at work. */
static int asked_by(int (*ask)(void))
{
    fflush(NULL);
    asking = fork();
    CHECK(asking >= 0);
    if (asking == 0) {
        alarm(60);
        _exit(ask());
    }
    asked_code = -1;
    loop_timer_in(look_on, 1);
    loop_run(engine_loop(engine));
    return asked_code;
}

/* ---- those who ask ---- */

static int told_lines;
static void count_line(const char *line, void *arg)
{
    (void)arg;
    told_lines += line[0] != '\0';
}

static int ask_for(const struct control_request *request, const char *words)
{
    struct buffer out = {0};
    struct error err = {0};
    int code = -1;
    if (!control_send(world_at(&world, "state"), request, count_line, NULL, &out, &code, &err))
        return 100 + (int)err.kind;
    int gives = strstr(buffer_text(&out), words) != NULL ? code : 99;
    if (gives == 99)
        fprintf(stderr, "code %d: %s\n", code, buffer_text(&out));
    buffer_release(&out);
    return gives;
}

static int ask_sync(void) { return ask_for(&(struct control_request){.verb = "sync", .argument = "certificate/none"}, "there is no"); }
static int ask_confirm(void) { return ask_for(&(struct control_request){.verb = "confirm", .argument = "0123"}, "nothing is held under"); }
static int ask_apply(void) { return ask_for(&(struct control_request){.verb = "apply", .argument = "", .timeout_s = 5}, ""); }
static int apply_of(const char *ids, const char *words)
{
    return ask_for(&(struct control_request){.verb = "apply", .argument = ids, .timeout_s = 5, .detach = true}, words);
}
static int ask_apply_of_none(void) { return apply_of("certificate/none", "certificate/none is not in the manifests"); }
static int ask_apply_of_issuer(void) { return apply_of("issuer/c0000", "issuer/c0000 is not in the manifests"); }
static int ask_apply_of_second(void) { return apply_of("certificate/c0001", ""); }
static int ask_apply_of_all(void) { return apply_of("", ""); }
static int ask_apply_of_all_of_files(void) { return apply_of("", "given files (-f)"); }

enum { MANY = 600 };

/* All but the first: each is told of, and the last as well. */
static int ask_apply_of_many(void)
{
    struct buffer ids = {0};
    for (int i = 1; i < MANY; i++)
        buffer_printf(&ids, "%scertificate/c%04d", i > 1 ? "," : "", i);
    int code = apply_of(buffer_text(&ids), "");
    buffer_release(&ids);
    return told_lines == MANY - 1 ? code : 98;
}

static int connected(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/state/control.sock", world.folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* What comes back until the far side closes; the bytes are sent in two pieces. */
static const char *raw(const char *text, size_t length)
{
    static char got[8192];
    size_t have = 0;
    int fd = connected();
    if (fd < 0 || send(fd, text, length / 2, MSG_NOSIGNAL) < 0)
        return "cannot connect";
    struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    nanosleep(&nap, NULL); /* so that it comes in two pieces; in one it must be understood as well */
    send(fd, text + length / 2, length - length / 2, MSG_NOSIGNAL);
    for (ssize_t more; have < sizeof got - 1 && (more = read(fd, got + have, sizeof got - 1 - have)) > 0;)
        have += (size_t)more;
    got[have] = '\0';
    close(fd);
    return got;
}

static int ask_nonsense(void)
{
    static const char *const texts[] = {"no JSON\n", "{}\n", "{\"verb\":7}\n", "\n", "[1]\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (strstr(raw(texts[i], strlen(texts[i])), "not understood") == NULL)
            return 1 + (int)i;
    return 0;
}

static int ask_too_much(void)
{
    static char much[5 * 1024 * 1024];
    memset(much, 'x', sizeof much);
    return strstr(raw(much, sizeof much), "\"exit\":64") != NULL ? 0 : 1;
}

static int ask_apply_of_too_many(void)
{
    struct buffer ids = {0};
    while (ids.length < 5 * 1024 * 1024)
        buffer_puts(&ids, "certificate/c0001,");
    int code = apply_of(buffer_text(&ids), "name fewer certificates");
    buffer_release(&ids);
    return code;
}

static int go_away(void)
{
    int fd = connected();
    return fd >= 0 && send(fd, "{\"verb\":", 8, MSG_NOSIGNAL) == 8 && close(fd) == 0 ? 0 : 1;
}

/* More at once than there are places: the last one is closed, and after they went there is room again. */
static int crowd(void)
{
    int fds[17];
    char byte;
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if ((fds[i] = connected()) < 0)
            return 1;
    if (read(fds[16], &byte, 1) != 0)
        return 2;
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};
    for (int tries = 0; tries < 500; tries++) {
        if (ask_confirm() == EXIT_ERROR)
            return 0;
        nanosleep(&nap, NULL);
    }
    return 3;
}

/* ---- claims ---- */

static void a_request_is_answered(void)
{
    begin();
    CHECK_INT(asked_by(ask_sync), EXIT_ERROR);
    CHECK_INT(asked_by(ask_confirm), EXIT_ERROR);
    CHECK_INT(asked_by(ask_apply), EXIT_OK);
    end();
}

static void what_is_asked_for_is_done_whatever_the_holder_was_begun_for(void)
{
    begin_with(2, only_the_first, NULL);
    CHECK_INT(asked_by(ask_apply_of_second), EXIT_BLOCKED);
    CHECK_INT(asked_by(ask_apply_of_none), EXIT_STATE);
    CHECK_INT(asked_by(ask_apply_of_issuer), EXIT_STATE);
    end();
    begin_with(2, only_the_first, NULL);
    struct engine_standing standing;
    CHECK_INT(asked_by(ask_apply_of_all), EXIT_BLOCKED);
    engine_standing(engine, &standing);
    CHECK_INT(standing.blocked, 2);
    end();
}

/* What is not in them would be taken for gone. */
static void a_holder_of_given_files_does_not_take_everything(void)
{
    static const char *name = "manifests/suspended-0.yaml";
    begin_with(2, only_the_first, &(struct string_list){&name, 1});
    CHECK_INT(asked_by(ask_apply_of_all_of_files), EXIT_STATE);
    CHECK_INT(asked_by(ask_apply_of_second), EXIT_BLOCKED);
    CHECK_INT(asked_by(ask_sync), EXIT_ERROR); /* and it serves on */
    end();
}

static void a_long_list_is_carried_whole(void)
{
    begin_with(MANY, only_the_first, NULL);
    CHECK_INT(asked_by(ask_apply_of_many), EXIT_BLOCKED);
    CHECK_INT(asked_by(ask_apply_of_too_many), EXIT_USAGE);
    end();
}

/* One of whom nobody knows that he does not read, until he is to be told more than the socket holds. */
static void whoever_does_not_read_stops_nobody(void)
{
    static const char request[] = "{\"verb\":\"apply\",\"argument\":\"\",\"timeout\":60}\n";
    begin_with(MANY, NULL, NULL);
    int fd = connected(), small = 4096;
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    time_t began = time(NULL);
    CHECK_INT(asked_by(ask_confirm), EXIT_ERROR);
    CHECK_INT(asked_by(ask_confirm), EXIT_ERROR);
    CHECK(time(NULL) - began < 20);
    close(fd);
    end();
}

static void what_is_not_understood_is_said_or_let_go(void)
{
    begin();
    CHECK_INT(asked_by(ask_nonsense), 0);
    CHECK_INT(asked_by(ask_too_much), 0);
    CHECK_INT(asked_by(go_away), 0);
    CHECK_INT(asked_by(ask_sync), EXIT_ERROR); /* and it serves on */
    end();
}

static void a_crowd_is_kept_at_bay(void)
{
    begin();
    CHECK_INT(asked_by(crowd), 0);
    end();
}

static void a_controller_that_ends_leaves_nobody_waiting(void)
{
    begin();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        close_range(3, ~0U, 0); /* or the socket it asks would live on in itself */
        _exit(ask_for(&(struct control_request){.verb = "sync", .argument = "certificate/none"}, ""));
    }
    struct timespec nap = {.tv_nsec = 100 * 1000 * 1000};
    nanosleep(&nap, NULL); /* it has asked by now; if not, nobody listens any more: both are told */
    end();
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 100 + ERROR_UNREACHABLE || WEXITSTATUS(status) == 100 + ERROR_NOT_FOUND);
}

static void nobody_listens(void)
{
    struct error err = {0};
    begin();
    char *state = arena_strdup(world.arena, world_at(&world, "state"));
    CHECK(control_listen(engine, world_at(&world, "none"), &err) == NULL && err.kind == ERROR_NOT_FOUND);
    control_close(control);
    control = NULL;
    CHECK_INT(ask_sync(), 100 + ERROR_NOT_FOUND);
    CHECK(access(arena_printf(world.arena, "%s/control.sock", state), F_OK) != 0);
    CHECK(mkdir(arena_printf(world.arena, "%s/control.sock", state), 0700) == 0); /* something else stands there */
    CHECK(control_listen(engine, state, &err) == NULL && err.kind == ERROR_SYSTEM);
    CHECK(strstr(err.message, "cannot listen on") != NULL);
    end();
}

/* ---- what is told ---- */

static void a_command_is_the_next_step_or_for_when_something_was_lost(void)
{
    struct buffer line = {0};
    struct engine_progress progress = {.id = "certificate/shop", .word = "waiting", .subject = "", .text = "why", .human = "look",
                                       .command = "certwright sync certificate/shop"};
    progress_line(&progress, &line);
    CHECK(strstr(buffer_text(&line), "\n                     to do: look\n"
                                     "                     then:  certwright sync certificate/shop") != NULL);
    buffer_clear(&line);
    progress.if_lost = true;
    progress_line(&progress, &line);
    CHECK(strstr(buffer_text(&line), "\n                     if it was lost: certwright sync certificate/shop") != NULL);
    buffer_release(&line);
}

int main(void)
{
    RUN(a_command_is_the_next_step_or_for_when_something_was_lost);
    RUN(a_request_is_answered);
    RUN(what_is_asked_for_is_done_whatever_the_holder_was_begun_for);
    RUN(a_holder_of_given_files_does_not_take_everything);
    RUN(a_long_list_is_carried_whole);
    RUN(whoever_does_not_read_stops_nobody);
    RUN(what_is_not_understood_is_said_or_let_go);
    RUN(a_crowd_is_kept_at_bay);
    RUN(a_controller_that_ends_leaves_nobody_waiting);
    RUN(nobody_listens);
    return CHECK_REPORT();
}
