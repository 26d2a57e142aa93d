/* certwright-watch DIRECTORY [PARENT-PID]: says on standard output when something below a folder has
 * changed.
 *
 *   ready            every folder is watched; what changes from now on is told
 *   changed          look again (one word for a burst)
 *   error <words>    for the log, before a bad exit
 *
 * libinotifytools (GPL) lives in this program alone, and this program links nothing else of ours: its state
 * is global, it asserts, it blocks, it cannot follow a new folder (reference/libraries.md 4.1). So nothing
 * is repaired here: when the queue overflowed or folders came, went or moved, this says `changed` and exits
 * with 0, and certwright starts another one that sees the tree as it is now. Anything odd exits with 1. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <inotifytools/inotify.h>
#include <inotifytools/inotifytools.h>

#define TREE_EVENTS                                                                                        \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB |        \
     IN_ONLYDIR | IN_EXCL_UNLINK)
#define DOOR_EVENTS (IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define DEPTH_MAX 64
#define LINKS_MAX 40

/* Folders outside the tree, in which one name decides where the tree is: a link on the way to it, or the
 * tree's own name while it is missing. Only events about that name count. */
static struct door {
    int wd;
    char name[NAME_MAX + 1];
} doors[LINKS_MAX];
static int door_count;
static int first_tree_wd = INT_MAX; /* kernel numbers grow: doors are added first */

static void say(const char *word)
{
    if (puts(word) == EOF || fflush(stdout) == EOF)
        exit(1); /* nobody listens */
}

__attribute__((format(printf, 1, 2), noreturn)) static void give_up(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("error ", stdout);
    vprintf(format, args);
    va_end(args);
    say("");
    exit(1);
}

static void nap_ms(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

/* Gives the watch's number; -1 when the folder is gone or closed to us (its parent tells what becomes of
 * it). */
static int watch(const char *path, unsigned events)
{
    if (inotifytools_watch_file(path, (int)events))
        return inotifytools_wd_from_filename(path);
    int why = inotifytools_error();
    if (why == ENOSPC)
        give_up("no inotify watches left: raise fs.inotify.max_user_watches");
    if (why != ENOENT && why != ENOTDIR && why != EACCES && why != ELOOP)
        give_up("watching %s: %s", path, strerror(why));
    return -1;
}

static void watch_door(const char *folder, const char *name)
{
    if (door_count == LINKS_MAX || strlen(name) > NAME_MAX)
        give_up("too many links on the way to the folder");
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/", folder) >= (int)sizeof path)
        give_up("a path is too long");
    int wd = watch(path, DOOR_EVENTS);
    if (wd < 0)
        return;
    doors[door_count].wd = wd;
    strcpy(doors[door_count++].name, name);
}

/* Walk down `path`, an absolute one, and watch every link met on the way in the folder where it stands, and
 * the first name that is missing. Links are followed by hand, so that a chain of them is watched at each
 * joint. */
static void watch_way(const char *path, int depth)
{
    char at[PATH_MAX] = "", target[PATH_MAX], next[2 * PATH_MAX];
    if (depth > LINKS_MAX)
        give_up("links lead in a circle");
    for (const char *part = path; *(part += strspn(part, "/")) != '\0'; part += strcspn(part, "/")) {
        char name[NAME_MAX + 1];
        int length = (int)strcspn(part, "/");
        if (length > NAME_MAX || strlen(at) + (size_t)length + 2 > sizeof at)
            give_up("a path is too long");
        snprintf(name, sizeof name, "%.*s", length, part);
        size_t folder = strlen(at);
        snprintf(at + folder, sizeof at - folder, "/%s", name);
        struct stat st;
        bool there = lstat(at, &st) == 0;
        if (there && !S_ISLNK(st.st_mode))
            continue;
        ssize_t got = there ? readlink(at, target, sizeof target - 1) : -1;
        at[folder] = '\0';
        watch_door(folder == 0 ? "/" : at, name);
        if (got <= 0)
            return;
        target[got] = '\0';
        if (snprintf(next, sizeof next, "%s/%s%s", *target == '/' ? "" : at, target, part + length) >=
            PATH_MAX)
            give_up("a path is too long");
        watch_way(next, depth + 1);
        return;
    }
}

/* First the watch, then the listing: what comes in between is told or seen, perhaps both. Links are not
 * followed: what lies behind them beneath the tree has a watch of its own, and what lies outside does not
 * belong to it. */
static void watch_tree(const char *folder, int depth)
{
    char path[PATH_MAX];
    int wd = watch(folder, TREE_EVENTS | IN_DONT_FOLLOW);
    if (wd < 0)
        return;
    if (wd < first_tree_wd)
        first_tree_wd = wd;
    if (depth > DEPTH_MAX)
        return;
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        struct stat st;
        const char *name = entry->d_name;
        if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) || strcmp(name, ".") == 0 ||
            strcmp(name, "..") == 0 || strcmp(name, ".git") == 0 ||
            snprintf(path, sizeof path, "%s%s/", folder, name) >= (int)sizeof path)
            continue;
        if (entry->d_type == DT_UNKNOWN &&
            (fstatat(dirfd(stream), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)))
            continue;
        watch_tree(path, depth + 1);
    }
    closedir(stream);
}

enum meaning { MEANS_NOTHING, MEANS_CHANGED, MEANS_START_ANEW };

static enum meaning judge(const struct inotify_event *event)
{
    if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
        return MEANS_START_ANEW;
    for (int i = 0; i < door_count; i++)
        if (event->wd == doors[i].wd) {
            bool named = event->len > 0 && strcmp(event->name, doors[i].name) == 0;
            if (named || event->mask & (IN_DELETE_SELF | IN_MOVE_SELF))
                return MEANS_START_ANEW;
        }
    if (event->wd < first_tree_wd || event->mask & IN_IGNORED)
        return MEANS_NOTHING;
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF))
        return MEANS_START_ANEW;
    if (event->mask & IN_ISDIR && event->mask & (IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB))
        return event->len > 0 && strcmp(event->name, ".git") == 0 ? MEANS_NOTHING : MEANS_START_ANEW;
    return MEANS_CHANGED;
}

static enum meaning drain(void)
{
    enum meaning worst = MEANS_NOTHING;
    const struct inotify_event *event;
    while ((event = inotifytools_next_events(0, 1)) != NULL) { /* next_event(0) would block */
        enum meaning meaning = judge(event);
        if (meaning > worst)
            worst = meaning;
    }
    return worst;
}

/* Folders usually come in numbers: one new start for a burst of them, as long as it does not last. */
static void start_anew(void)
{
    for (int i = 0; i < 20; i++) {
        nap_ms(25);
        if (drain() == MEANS_NOTHING)
            break;
    }
    say("changed");
    exit(0);
}

static void prepare(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: certwright-watch DIRECTORY [PARENT-PID]\n");
        exit(2);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 3 && getppid() != (pid_t)atol(argv[2]))
        exit(0); /* it died before the line above */
    signal(SIGPIPE, SIG_DFL);
    close_range(3, ~0U, 0); /* the library aborts on a descriptor past 1023 */
    if (!inotifytools_initialize())
        give_up("inotify: %s", strerror(inotifytools_error()));
}

int main(int argc, char **argv)
{
    char root[PATH_MAX + 1], absolute[2 * PATH_MAX], here[PATH_MAX] = "";
    prepare(argc, argv);
    if (*argv[1] != '/' && getcwd(here, sizeof here) == NULL)
        give_up("the working directory: %s", strerror(errno));
    if (snprintf(absolute, sizeof absolute, "%s/%s", here, argv[1]) >= PATH_MAX)
        give_up("a path is too long");
    watch_way(absolute, 0);
    if (realpath(argv[1], root) != NULL) {
        if (strcmp(root, "/") != 0)
            strcat(root, "/"); /* the library names folders so */
        watch_tree(root, 0);
    }
    if (door_count == 0 && first_tree_wd == INT_MAX)
        give_up("%s cannot be watched", argv[1]);
    say("ready");
    for (;;) {
        const struct inotify_event *event = inotifytools_next_event(-1);
        if (event == NULL)
            give_up("inotify: %s", strerror(inotifytools_error()));
        enum meaning first = judge(event), more;
        if (first == MEANS_CHANGED)
            say("changed"); /* at once, then what else comes within the nap in one word */
        if (first == MEANS_CHANGED)
            nap_ms(5);
        more = drain();
        if (first == MEANS_START_ANEW || more == MEANS_START_ANEW)
            start_anew();
        if (more == MEANS_CHANGED)
            say("changed");
    }
}
