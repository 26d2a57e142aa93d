/* N requests through base/http.c, each on a connection of its own, as an order is sent.
 *
 *   bench_connect URL CA N */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/http.h"

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: bench_connect URL CA N\n", stderr);
        return 64;
    }
    static const struct http_header headers[] = {{"Content-Type", "application/json; charset=utf-8"}};
    http_setup();
    struct http_client *client = http_client_create(NULL);
    for (int i = 0, n = atoi(argv[3]); i < n; i++) {
        AUTO(arena) struct arena *arena = arena_create();
        struct http_response response;
        struct error err = {0};
        struct http_request request = {.method = "POST", .url = argv[1], .headers = headers, .header_count = 1,
                                       .body = "{}", .body_length = 2, .ca_file = argv[2], .trusted_address = true,
                                       .once = true};
        if (!http_perform(client, &request, arena, &response, &err)) {
            fprintf(stderr, "bench_connect: %s\n", err.message);
            return 1;
        }
    }
    http_client_destroy(client);
    return 0;
}
