/* A DNS played from a script (dns_script.h), two resolvers that lead to it, and the operator's word about servers. */
#pragma once

#include "check.h"
#include "dns_script.h"

#include "reconcilers/dns/propagation.h"
#include "schema/operator.h"

static struct arena *arena;
static struct operator_config config;
static struct context ctx;
static const struct dns_address resolvers[] = {{"192.0.2.1", 53}, {"192.0.2.2", 53}};
static const struct propagation_world world = {resolvers, 2, 53};
static struct error err;

#define END \
    { \
        .rcode = END_OF_ROWS \
    }

static void named_server(const char *zone, const char *address)
{
    static struct name_pair pair;
    pair = (struct name_pair){zone, address};
    config.nameservers = &pair;
    config.nameserver_count = address != NULL;
}

static void world_begin(void)
{
    arena = arena_create();
    string_list_push(arena, &config.allow_addresses, "127.0.0.0/8");
    ctx = (struct context){.arena = arena, .config = &config};
}
