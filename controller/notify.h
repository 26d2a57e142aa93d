/* sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET, nothing where there is none. */
#pragma once

void notify_service_manager(const char *words); /* "READY=1\nSTATUS=…" */
