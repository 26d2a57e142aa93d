/* The least a daemon can do between a file that appears and a request on the wire: inotify, then a POST of a
 * body that lies ready, on a connection that is open.
 *
 *   floor_drop URL CA BODY DIR N     N files named *.yaml are renamed into DIR by somebody else */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <curl/curl.h>

static char body[1 << 14];
static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "floor_drop: %s\n", what);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("usage: floor_drop URL CA BODY DIR N\n", stderr);
        return 64;
    }
    FILE *file = fopen(argv[3], "r");
    must(file != NULL && fread(body, 1, sizeof body - 1, file) > 0, argv[3]);
    fclose(file);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_CAINFO, argv[2]);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    must(curl_easy_perform(easy) == CURLE_OK, "POST"); /* the connection is warm from here on */
    int fd = inotify_init1(IN_CLOEXEC), left = atoi(argv[5]);
    must(fd >= 0 && inotify_add_watch(fd, argv[4], IN_MOVED_TO) >= 0, argv[4]);
    puts("ready");
    fflush(stdout);
    while (left > 0) {
        char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        ssize_t got = read(fd, events, sizeof events);
        must(got > 0, "inotify");
        for (ssize_t at = 0; at < got; left--) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);
            at += (ssize_t)(sizeof *event + event->len);
            must(curl_easy_perform(easy) == CURLE_OK, "POST");
        }
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return 0;
}
