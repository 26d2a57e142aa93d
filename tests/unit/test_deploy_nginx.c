/* The local deploy target against a real nginx on loopback: publish, check, reload, probe, roll back. */
#include "check.h"
#include "make_x509.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "base/secret.h"
#include "base/x509.h"
#include "reconcilers/deploy/deploy.h"
#include "schema/operator.h"

#define NGINX "/usr/sbin/nginx"
#define PATIENCE_MS 20000
#define GENERATIONS 3

static struct arena *arena;
static struct error err;
static char folder[128];
static const char *conf;
static int port;

static const struct secret *keys[GENERATIONS + 1];
static const char *leaves[GENERATIONS + 1], *fingerprints[GENERATIONS + 1], *chain;

static struct deploy_root root;
static struct reload_profile profile = {.name = "nginx", .timeout_s = 20};
static struct operator_config config = {
    .roots = &root, .root_count = 1, .profiles = &profile, .profile_count = 1};
static struct deploy_target spec = {
    .local = {.root = "certs"}, .path = "{name}", .mode = 0600, .reload = {.profile = "nginx"}};
static struct resource target = {
    .kind = KIND_DEPLOY_TARGET, .namespace_ = "default", .name = "web", .deploy_target = &spec};
static struct context ctx = {.config = &config};

static void write_conf(const char *certificate, const char *more)
{
    FILE *file = fopen(conf, "w");
    CHECK(file != NULL);
    fprintf(file,
            "pid %s/nginx.pid;\nerror_log %s/error.log;\nworker_processes 1;\nevents { worker_connections "
            "64; }\n%s\n"
            "http {\n  access_log off;\n  client_body_temp_path %s/t1; proxy_temp_path %s/t2; "
            "fastcgi_temp_path %s/t3;\n"
            "  uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n"
            "  server {\n    listen 127.0.0.1:%d ssl;\n    server_name shop.example.test;\n"
            "    ssl_certificate %s/certs/shop/current/%s;\n    ssl_certificate_key "
            "%s/certs/shop/current/key.pem;\n  }\n}\n",
            folder, folder, more, folder, folder, folder, folder, folder, port, folder, certificate, folder);
    CHECK(fclose(file) == 0);
}

static void make_everything(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    close(fd);
    port = ntohs(address.sin_port);

    struct made authority = make_x509((struct recipe){.cn = "Root", .ca = true});
    struct made middle = make_x509((struct recipe){.cn = "Middle", .ca = true, .issuer = &authority});
    chain = made_pem(&middle, arena);
    for (int i = 1; i <= GENERATIONS; i++) {
        struct x509_info info;
        struct made leaf = make_x509(
            (struct recipe){.cn = "shop.example.test", .san = "DNS:shop.example.test", .issuer = &middle});
        const char *key = made_key_pem(leaf.key, arena);
        keys[i] = secret_create(key, strlen(key));
        leaves[i] = made_pem(&leaf, arena);
        CHECK_OK(x509_parse(leaves[i], arena, &info, &err), err);
        fingerprints[i] = info.fingerprint;
        unmake_x509(leaf);
    }
    unmake_x509(middle);
    unmake_x509(authority);

    const char *certs = arena_printf(arena, "%s/certs", folder);
    CHECK(mkdir(certs, 0755) == 0);
    root = (struct deploy_root){.name = "certs", .path = certs};
    conf = arena_printf(arena, "%s/nginx.conf", folder);
    spec.probe.address = arena_printf(arena, "127.0.0.1:%d", port);
    const char **check = arena_array(arena, 8, sizeof *check),
               **reload = arena_array(arena, 8, sizeof *reload);
    const char *vector[] = {NGINX, "-q", "-p", folder, "-c", conf, "-t"};
    memcpy(check, vector, sizeof vector);
    profile.check = (struct string_list){.items = check, .count = 7};
    vector[6] = "-s";
    memcpy(reload, vector, sizeof vector);
    reload[7] = "reload";
    profile.reload = (struct string_list){.items = reload, .count = 8};
}

static struct deployment deployment(int generation, int previous)
{
    static const char *names[] = {"shop.example.test"};
    memset(&err, 0, sizeof err);
    return (struct deployment){
        .target = &target,
        .namespace_ = "default",
        .name = "shop",
        .common_name = names[0],
        .names = {names, 1},
        .generation = generation,
        .previous = previous,
        .fingerprint = fingerprints[generation],
        .previous_fingerprint = previous > 0 ? fingerprints[previous] : "",
        .key = keys[generation],
        .leaf = leaves[generation],
        .chain = chain,
    };
}

static bool publish(const struct deployment *d)
{
    return deploy_local.stage(&ctx, d, &err) && deploy_local.publish(&ctx, d, &err);
}

/* nginx reloads after the command has ended, and its old workers may still take a connection while the new ones do
 * already: look again until it serves, or until patience ends. */
static bool serves(const struct deployment *d, int patience_ms)
{
    struct error why = {0};
    for (int waited = 0; waited < patience_ms; waited += 20) {
        if (deploy_local.probe(&ctx, d, &why))
            return true;
        poll(NULL, 0, 20);
    }
    err = why;
    return false;
}

static void a_service_starts_with_the_first_generation(void)
{
    struct deployment d = deployment(1, 0);
    CHECK_OK(publish(&d), err);
    write_conf("fullchain.pem", "");
    const char *argv[] = {NGINX, "-q", "-p", folder, "-c", conf, NULL}; /* becomes a daemon, and lives on */
    const struct process start = {.argv = argv};
    struct process_result result;
    CHECK_OK(process_run(&start, arena, &result, &err), err);
    CHECK_INT(result.exit_code, 0);
    CHECK_OK(serves(&d, PATIENCE_MS), err);
}

static void a_new_generation_is_served_after_the_reload(void)
{
    struct deployment d = deployment(2, 1);
    CHECK_OK(publish(&d), err);
    CHECK(!deploy_local.probe(&ctx, &d, &err));
    CHECK(strstr(err.message, "still the former") != NULL);
    CHECK_OK(deploy_local.reload(&ctx, &d, &err), err);
    CHECK_OK(serves(&d, PATIENCE_MS), err);
    d.chain = NULL; /* then what lies at the published path counts */
    CHECK_OK(serves(&d, PATIENCE_MS), err);
}

static void a_refused_configuration_ends_in_a_rollback(void)
{
    struct deployment d = deployment(3, 2);
    CHECK_OK(publish(&d), err);
    write_conf("fullchain.pem", "nonsense_directive on;");
    CHECK(!deploy_local.reload(&ctx, &d, &err));
    CHECK_INT(err.kind, ERROR_REFUSED);
    CHECK(strstr(err.message, "nonsense_directive") != NULL);
    CHECK_OK(deploy_local.rollback(&ctx, &d, &err), err);
    write_conf("fullchain.pem", "");
    struct deployment back = deployment(2, 0);
    CHECK_OK(deploy_local.reload(&ctx, &back, &err), err);
    CHECK_OK(serves(&back, PATIENCE_MS), err);
}

static void a_service_that_reads_the_wrong_file_is_told_so(void)
{
    struct deployment d = deployment(3, 2);
    CHECK_OK(publish(&d), err);
    write_conf("cert.pem", "");
    CHECK_OK(deploy_local.reload(&ctx, &d, &err), err);
    /* Until then the former one may answer, or nobody (old workers refuse while the new ones are not there yet), or the new
     * one with its chain: the reload of before this test may be carried out only now. */
    bool told = false;
    for (int waited = 0; waited < PATIENCE_MS && !told; waited += 20)
        told = !serves(&d, 20) && strstr(err.message, "fullchain.pem") != NULL;
    CHECK(told);
}

static void stop_nginx(void)
{
    char path[160];
    int pid = 0;
    snprintf(path, sizeof path, "%s/nginx.pid", folder);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    bool known = fscanf(file, "%d", &pid) == 1;
    fclose(file);
    if (!known || pid < 2)
        return;
    kill(pid, SIGTERM);
    for (int waited = 0; waited < PATIENCE_MS && access(path, F_OK) == 0;
         waited += 20) /* it removes the file as it ends */
        poll(NULL, 0, 20);
}

int main(void)
{
    if (access(NGINX, X_OK) != 0) {
        printf("skipped: needs the Debian package nginx-light\n");
        return getenv("CI") != NULL ? 1 : 77;
    }
    ctx.arena = arena = arena_create();
    snprintf(folder, sizeof folder, "%s/certwright-nginx-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
        return 2;
    clock_turn(MADE_NOW - clock_wire());
    RUN(make_everything);
    RUN(a_service_starts_with_the_first_generation);
    RUN(a_new_generation_is_served_after_the_reload);
    RUN(a_refused_configuration_ends_in_a_rollback);
    RUN(a_service_that_reads_the_wrong_file_is_told_so);
    stop_nginx();
    for (int i = 1; i <= GENERATIONS; i++)
        secret_destroy((struct secret *)keys[i]);
    if (system(arena_printf(arena, "rm -rf '%s'", folder)) != 0)
        return 2;
    arena_destroy(arena);
    return CHECK_REPORT();
}
