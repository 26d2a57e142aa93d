/* Reload by profile, and the probe against a TLS server of our own on loopback. */
#include "deploy_world.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

/* --- reload ---------------------------------------------------------------------------------- */

static bool reloads(const char *check, const char *reload, int64_t timeout_s)
{
    const char *check_vector[] = {"/bin/sh", "-c", check}, *reload_vector[] = {"/bin/sh", "-c", reload};
    profiles[0].check = (struct string_list){.items = check_vector, .count = check != NULL ? 3 : 0};
    profiles[0].reload = (struct string_list){.items = reload_vector, .count = 3};
    profiles[0].timeout_s = timeout_s;
    struct deployment d = deployment(1, 0);
    memset(&err, 0, sizeof err);
    return deploy_local.reload(&ctx, &d, &err);
}

static void a_reload_follows_its_profile(void)
{
    new_world(LAYOUT_GENERATION);
    CHECK_OK(reloads(NULL, "exit 1", 5), err); /* the target names none */
    spec.reload.profile = "unknown";
    CHECK(!reloads(NULL, "true", 5));
    CHECK_INT(err.kind, ERROR_CONFIG);
    spec.reload.profile = "service";
    CHECK_OK(reloads("true", "true", 5), err);
    const char *mark = at("reloaded");
    CHECK(!reloads("echo 'first line'; echo; echo 'bad line 7' >&2; exit 2",
                   arena_printf(arena, "touch '%s'", mark), 5));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "first line / bad line 7") != NULL);
    CHECK(!exists(mark)); /* what does not pass the check is not reloaded */
    CHECK_OK(reloads("true", arena_printf(arena, "touch '%s'", mark), 5), err);
    CHECK(exists(mark));
    CHECK(!reloads(NULL, "kill -9 $$", 5));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(!reloads(NULL, "echo stuck; exec sleep 1000", 1));
    CHECK_INT(err.kind, ERROR_SYSTEM);
    CHECK(strstr(err.message, "stuck") != NULL);
}

/* --- probe ----------------------------------------------------------------------------------- */

struct server {
    int fd, port, connections;
    SSL_CTX *tls;
    pthread_t thread;
};

static void *serve(void *argument)
{
    struct server *server = argument;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        SSL *ssl = SSL_new(server->tls);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            char drop[16];
            SSL_shutdown(ssl);
            SSL_read(ssl, drop, sizeof drop);
        }
        SSL_free(ssl);
        close(fd);
        server->connections++;
    }
}

static void start_server(struct server *server, const struct pair *pair, const struct made *intermediate)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    *server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .tls = SSL_CTX_new(TLS_server_method())};
    CHECK(bind(server->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(server->fd, 8) == 0);
    CHECK(getsockname(server->fd, (struct sockaddr *)&address, &length) == 0);
    server->port = ntohs(address.sin_port);
    CHECK(SSL_CTX_use_certificate(server->tls, pair->made.certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(server->tls, pair->made.key) == 1);
    if (intermediate != NULL)
        CHECK(SSL_CTX_add1_chain_cert(server->tls, intermediate->certificate) == 1);
    CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    SSL_CTX_free(server->tls);
}

static bool probes(int served, const struct made *intermediate, bool chain_given)
{
    struct server server;
    struct deployment d = deployment(2, 1);
    if (!chain_given)
        d.chain = NULL;
    start_server(&server, &pairs[served], intermediate);
    spec.probe.address = arena_printf(arena, "127.0.0.1:%d", server.port);
    memset(&err, 0, sizeof err);
    bool good = deploy_local.probe(&ctx, &d, &err);
    stop_server(&server);
    CHECK(!good || server.connections == 2); /* one for each name */
    return good;
}

static void a_probe_believes_only_what_is_served(void)
{
    new_world(LAYOUT_GENERATION);
    struct deployment d = deployment(2, 1);
    CHECK_OK(deploy_local.probe(&ctx, &d, &err), err); /* the target names no endpoint */
    CHECK_OK(probes(2, &middle_ca, true), err);
    CHECK(!probes(1, &middle_ca, true));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "still the former") != NULL);
    CHECK(!probes(3, &middle_ca, true));
    CHECK(strstr(err.message, "another certificate") != NULL);
    CHECK(!probes(2, &other_ca, true));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "chain") != NULL);
    CHECK(!probes(2, NULL, true));
    CHECK(strstr(err.message, "fullchain.pem") != NULL);
    /* Without a chain from the caller, what lies at the published path counts. */
    CHECK_OK(deploy(2, 0), err);
    CHECK(!probes(2, &other_ca, false));
    CHECK_OK(probes(2, &middle_ca, false), err);
}

static void a_probe_goes_only_where_it_may(void)
{
    struct deployment d = deployment(1, 0);
    new_world(LAYOUT_GENERATION);
    static const char *const nonsense[] = {"443",         ":443",     "127.0.0.1",      "127.0.0.1:0",
                                           "127.0.0.1:x", "::1:443x", "127.0.0.1:99999"};
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        spec.probe.address = nonsense[i];
        CHECK(!deploy_local.probe(&ctx, &d, &err));
        CHECK_INT(err.kind, ERROR_MANIFEST);
    }
    spec.probe.address = "10.255.255.254:443"; /* private, and not this host's */
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);
    CHECK(strstr(err.message, "allowAddresses") != NULL);
    spec.probe.address = "169.254.169.254:80";
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_CONFIG);

    struct server server; /* the operator may say where a name is */
    start_server(&server, &pairs[1], &middle_ca);
    struct name_pair resolve = {.name = "shop.example.test:443",
                                .value = arena_printf(arena, "127.0.0.1:%d", server.port)};
    config.resolve = &resolve;
    config.resolve_count = 1;
    spec.probe.address = "shop.example.test:443";
    spec.probe.server_name = "shop.example.test";
    bool good = deploy_local.probe(&ctx, &d, &err);
    stop_server(&server);
    CHECK_OK(good, err);
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_UNREACHABLE);
}

int main(void)
{
    if (!open_worlds())
        return 2;
    RUN(make_pairs);
    RUN(a_reload_follows_its_profile);
    RUN(a_probe_believes_only_what_is_served);
    RUN(a_probe_goes_only_where_it_may);
    if (!close_worlds())
        return 2;
    return CHECK_REPORT();
}
