/* The calls that connections are made of, each of which can be made to fail, or to pass a few bytes at
 * once: see failing.h. */
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include "failing.h"

FAILING(int, -1, socket, (int a, int b, int c), a, b, c)
FAILING(int, -1, socketpair, (int a, int b, int c, int d[2]), a, b, c, d)
FAILING(int, -1, connect, (int a, const struct sockaddr *b, socklen_t c), a, b, c)
FAILING(int, -1, getsockopt, (int a, int b, int c, void *d, socklen_t *e), a, b, c, d, e)
FAILING(int, -1, getsockname, (int a, struct sockaddr *b, socklen_t *c), a, b, c)
FAILING(ssize_t, -1, sendmsg, (int a, const struct msghdr *b, int c), a, b, c)
FAILING(ssize_t, -1, recvmsg, (int a, struct msghdr *b, int c), a, b, c)
FAILING(int, -1, poll, (struct pollfd * a, nfds_t b, int c), a, b, c)

/* Of the calling thread. */
static __thread size_t at_most_at_once;       /* bytes; 0: as many as the caller wants */
static __thread ssize_t left_to_receive = -1; /* then the far side has closed; -1: as much as comes */

ssize_t recv(int fd, void *out, size_t size, int flags)
{
    if (FAILS(SYSTEM_CALLS, "recv"))
        return -1;
    if (left_to_receive >= 0 && (ssize_t)size > left_to_receive)
        size = (size_t)left_to_receive;
    if (left_to_receive == 0)
        return 0;
    if (at_most_at_once > 0 && size > at_most_at_once)
        size = at_most_at_once;
    ssize_t got = NEXT(recv)(fd, out, size, flags);
    if (left_to_receive >= 0 && got > 0)
        left_to_receive -= got;
    return got;
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    if (FAILS(SYSTEM_CALLS, "send"))
        return -1;
    if (at_most_at_once > 0 && size > at_most_at_once)
        size = at_most_at_once;
    return NEXT(send)(fd, data, size, flags);
}
