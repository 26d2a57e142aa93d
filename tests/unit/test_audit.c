/* The audit file: a chain of lines that goes on after a restart, a torn line and a rotation. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/audit.h"
#include "controller/state.h"

#include "check.h"
#include "scratch.h"

static char folder[80], file[100];

static void fresh_folder(void)
{
    scratch_folder(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/audit.log", folder);
}

static void write_some(int count)
{
    struct error err = {0};
    struct audit *audit = audit_open(folder, &err);
    CHECK_OK(audit != NULL, err);
    for (int i = 0; i < count; i++)
        CHECK_OK(audit_append(audit, 1, "operator", "certificate/shop", "order", "one\nline", &err), err);
    CHECK_OK(audit_sync(audit, &err), err);
    audit_close(audit);
}

static void append_raw(const char *text)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

struct seen {
    int count;
    int64_t last;
};
static bool take(const char *line, void *arg)
{
    struct seen *seen = arg;
    struct json *document = json_parse(line, strlen(line), NULL);
    CHECK(document != NULL);
    CHECK(json_int(json_member(document, "seq"), &seen->last));
    CHECK_TEXT(json_string(json_member(document, "action")), "order");
    json_destroy(document);
    seen->count++;
    return true;
}

static struct seen read_all(void)
{
    struct error err = {0};
    struct seen seen = {0};
    CHECK_OK(audit_read(folder, take, &seen, &err), err);
    return seen;
}

static void lines_are_numbered_and_chained_over_a_restart(void)
{
    struct error err = {0};
    struct audit_summary told = {.watch = 3};
    struct stat st;
    fresh_folder();
    write_some(3);
    write_some(2);
    struct seen seen = read_all();
    CHECK_INT(seen.count, 5);
    CHECK_INT(seen.last, 5);
    CHECK_OK(audit_verify(folder, &told, &err), err);
    CHECK_INT(told.lines, 5);
    CHECK_INT(told.first, 1);
    CHECK_INT(told.last, 5);
    CHECK_INT(told.torn, 0);
    CHECK_INT(strlen(told.watch_hash), 64);
    CHECK(stat(file, &st) == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
}

static void a_changed_line_is_found(void)
{
    struct error err = {0};
    fresh_folder();
    write_some(5);
    struct buffer text = {0};
    CHECK_OK(file_read_path(file, 0x10000, &text, &err), err);
    memcpy(strstr(text.data, "operator"), "intruder", 8);
    int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text.data, text.length) == (ssize_t)text.length);
    close(fd);
    buffer_release(&text);
    CHECK(!audit_verify(folder, NULL, &err));
    CHECK(strstr(err.message, "line 2") != NULL);
}

static void a_torn_line_is_closed_kept_and_chained(void)
{
    struct error err = {0};
    struct audit_summary told = {.watch = 3};
    fresh_folder();
    write_some(2);
    append_raw("{\"seq\":3,\"time\":\"20");
    write_some(1);
    struct seen seen = read_all();
    CHECK_INT(seen.count, 3);
    CHECK_INT(seen.last, 3);
    CHECK_OK(audit_verify(folder, &told, &err), err);
    CHECK_INT(told.lines, 4);
    CHECK_INT(told.torn, 1);
}

static void a_whole_line_without_its_newline_counts(void)
{
    fresh_folder();
    write_some(2);
    struct stat st;
    CHECK(stat(file, &st) == 0 && truncate(file, st.st_size - 1) == 0);
    write_some(1);
    struct seen seen = read_all();
    CHECK_INT(seen.count, 3);
    CHECK_INT(seen.last, 3);
}

static void garbage_at_the_end_does_not_stop_it(void)
{
    fresh_folder();
    write_some(1);
    append_raw("\n\n{]\n\0\n");
    write_some(1);
    CHECK_INT(read_all().last, 2);
}

static void a_rotated_file_is_followed(void)
{
    struct error err = {0};
    char old[160];
    fresh_folder();
    struct audit *audit = audit_open(folder, &err);
    CHECK_OK(audit != NULL, err);
    CHECK_OK(audit_append(audit, 1, "a", "s", "order", NULL, &err), err);
    snprintf(old, sizeof old, "%s.1", file);
    CHECK(rename(file, old) == 0);
    CHECK_OK(audit_append(audit, 1, "a", "s", "order", NULL, &err), err);
    CHECK_OK(audit_append(audit, 1, "a", "s", "order", NULL, &err), err);
    CHECK_INT(audit_sequence(audit), 3);
    audit_close(audit);
    struct seen seen = read_all();
    CHECK_INT(seen.count, 2);
    CHECK_INT(seen.last, 3);
    CHECK_OK(audit_verify(folder, NULL, &err), err);
}

static void a_line_that_was_cut_out_is_found(void)
{
    struct error err = {0};
    fresh_folder();
    write_some(3);
    char hash[65], before[65];
    struct audit *audit = audit_open(folder, &err);
    CHECK_OK(audit != NULL, err);
    audit_last_hash(audit, hash);
    CHECK(audit_continue(audit, 3, hash));
    CHECK(audit_continue(audit, 2, ""));
    memcpy(before, hash, sizeof before);
    before[0] = before[0] == 'a' ? 'b' : 'a';
    CHECK(!audit_continue(audit, 3, before)); /* altered */
    audit_close(audit);
    struct buffer text = {0};
    CHECK_OK(file_read_path(file, 0x10000, &text, &err), err);
    char *last = memrchr(text.data, '\n', text.length - 1);
    CHECK(truncate(file, last + 1 - text.data) == 0);
    buffer_release(&text);
    audit = audit_open(folder, &err);
    CHECK(!audit_continue(audit, 3, hash)); /* gone; its number is not given again */
    CHECK_OK(audit_append(audit, 1, "a", "s", "order", NULL, &err), err);
    CHECK_INT(audit_sequence(audit), 4);
    audit_close(audit);
    CHECK(!audit_verify(folder, NULL, &err));
    CHECK(unlink(file) == 0); /* rotated away: chain and numbers go on */
    audit = audit_open(folder, &err);
    CHECK(audit_continue(audit, 3, hash));
    CHECK_OK(audit_append(audit, 1, "a", "s", "order", NULL, &err), err);
    CHECK_INT(audit_sequence(audit), 4);
    audit_close(audit);
    struct buffer again = {0};
    CHECK_OK(file_read_path(file, 0x10000, &again, &err), err);
    CHECK(strstr(buffer_text(&again), hash) != NULL);
    buffer_release(&again);
}

static void what_others_could_read_or_is_no_file_is_refused(void)
{
    struct error err = {0};
    fresh_folder();
    write_some(1);
    CHECK(chmod(file, 0644) == 0);
    CHECK(audit_open(folder, &err) == NULL);
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(unlink(file) == 0 && symlink("/dev/null", file) == 0);
    CHECK(audit_open(folder, &err) == NULL);
    CHECK_INT(err.kind, ERROR_STATE);
}

int main(void)
{
    RUN(lines_are_numbered_and_chained_over_a_restart);
    RUN(a_changed_line_is_found);
    RUN(a_torn_line_is_closed_kept_and_chained);
    RUN(a_whole_line_without_its_newline_counts);
    RUN(garbage_at_the_end_does_not_stop_it);
    RUN(a_rotated_file_is_followed);
    RUN(a_line_that_was_cut_out_is_found);
    RUN(what_others_could_read_or_is_no_file_is_refused);
    return CHECK_REPORT();
}
