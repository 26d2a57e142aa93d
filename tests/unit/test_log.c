/* A line an event, whole and escaped, in each of its forms. */
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "check.h"
#include "scratch.h"

static struct arena *arena;
static char folder[96];

/* What was written since `fd` was opened, without the time. */
static const char *written(int fd)
{
    struct buffer text = {0};
    struct error *none = NULL;
    lseek(fd, 0, SEEK_SET);
    CHECK(file_read(fd, 1 << 20, &text, none));
    const char *copy = arena_strdup(arena, buffer_text(&text));
    buffer_release(&text);
    return copy;
}

static int fresh_sink(void)
{
    const char *path = arena_printf(arena, "%s/log", folder);
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    log_to(fd);
    return fd;
}

static void values_are_escaped_for_logfmt(void)
{
    int fd = fresh_sink();
    log_setup(LOG_LOGFMT, LOG_DEBUG);
    log_event(LOG_WARN, "two words", "plain", "a-b_c/d", "quoted", "say \"hi\" \\ bye", "sign", "a=b", "empty", "", "left", NULL, "line",
              "one\ntwo\x1B[31m", "name", "m\xC3\xBCller", NULL);
    const char *text = written(fd);
    close(fd);
    CHECK(text_has_prefix(text, "time=20"));
    CHECK_TEXT(strstr(text, " level="), " level=warn msg=\"two words\" plain=a-b_c/d quoted=\"say \\\"hi\\\" \\\\ bye\" sign=\"a=b\" empty=\"\" "
                                        "line=\"one two\xEF\xBF\xBD[31m\" name=\"m\xC3\xBCller\"\n");
}

static void json_is_json(void)
{
    int fd = fresh_sink();
    log_setup(LOG_JSON, LOG_INFO);
    log_event(LOG_ERROR, "a \"quoted\" thing", "path", "a\\b\n\t\x01", "left", NULL, NULL);
    const char *text = written(fd);
    close(fd);
    struct error *none = NULL;
    CHECK_INT(strcspn(text, "\n") + 1, strlen(text));
    AUTO(json) struct json *line = json_parse(text, strlen(text), none);
    CHECK_TEXT(json_string(json_member(line, "level")), "error");
    CHECK_TEXT(json_string(json_member(line, "msg")), "a \"quoted\" thing");
    CHECK_TEXT(json_string(json_member(line, "path")), "a\\b  \xEF\xBF\xBD");
    CHECK(json_member(line, "left") == NULL && json_member(line, "time") != NULL);
}

static void the_ceiling_holds_and_nowhere_is_nowhere(void)
{
    int fd = fresh_sink();
    log_setup(LOG_LOGFMT, LOG_WARN);
    CHECK(log_enabled(LOG_ERROR) && log_enabled(LOG_WARN) && !log_enabled(LOG_INFO) && !log_enabled(LOG_DEBUG));
    log_event(LOG_INFO, "quiet", NULL);
    CHECK_TEXT(written(fd), "");
    log_to(-1);
    CHECK(!log_enabled(LOG_ERROR));
    log_event(LOG_ERROR, "unheard", NULL);
    CHECK_TEXT(written(fd), "");
    close(fd);
}

/* systemd gives JOURNAL_STREAM=device:inode; the journal keeps time and level itself. */
static void the_journal_gets_priorities_in_front(void)
{
    struct stat st;
    int fd = fresh_sink();
    log_setup(LOG_LOGFMT, LOG_DEBUG);
    CHECK(fstat(fd, &st) == 0);
    setenv("JOURNAL_STREAM", arena_printf(arena, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino), 1);
    log_event(LOG_ERROR, "placed", "order", "7", NULL);
    log_event(LOG_DEBUG, "looked", NULL);
    CHECK_TEXT(written(fd), "<3> msg=placed order=7\n<7> msg=looked\n");
    /* another stream, and words that are none */
    setenv("JOURNAL_STREAM", arena_printf(arena, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + 1), 1);
    log_event(LOG_INFO, "elsewhere", NULL);
    setenv("JOURNAL_STREAM", "nonsense", 1);
    log_event(LOG_INFO, "nonsense", NULL);
    unsetenv("JOURNAL_STREAM");
    const char *text = written(fd);
    close(fd);
    CHECK(strstr(text, "level=info msg=elsewhere\n") != NULL && strstr(text, "level=info msg=nonsense\n") != NULL);
}

int main(void)
{
    arena = arena_create();
    scratch_folder(folder, sizeof folder);
    RUN(values_are_escaped_for_logfmt);
    RUN(json_is_json);
    RUN(the_ceiling_holds_and_nowhere_is_nowhere);
    RUN(the_journal_gets_priorities_in_front);
    log_to(2);
    arena_destroy(arena);
    return CHECK_REPORT();
}
