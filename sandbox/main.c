/* certwright-sandbox: arguments, start, stop. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/http_server.h"
#include "base/log.h"
#include "sandbox/crypto.h"
#include "sandbox/faults.h"
#include "sandbox/orders.h"
#include "sandbox/overrides.h"
#include "sandbox/validate.h"
#include "sandbox/wire.h"

enum {
    EXIT_USAGE = 2,
    MAX_CONNECTIONS = 4096,
    FIRST_PARTNER_ORDER = 900111,
    FIRST_VENDOR_ORDER = 1200345678
};

enum option_key {
    KEY_LISTEN = 256,
    KEY_CONTROL,
    KEY_DIR,
    KEY_RESOLVE,
    KEY_NAMESERVER,
    KEY_OVERRIDES,
    KEY_PARTNER,
    KEY_TOKEN,
    KEY_MAILDIR,
    KEY_SMTP,
    KEY_CLOCK,
    KEY_PORTS,
    KEY_ISSUE_DELAY,
    KEY_VETTING_DELAY,
    KEY_DELAY,
    KEY_FAIL_RATE,
    KEY_SEED,
    KEY_RSA,
    KEY_VERBOSE,
    KEY_HELP,
    KEY_VERSION
};
static const struct {
    const char *name;
    enum option_key key;
    const char *argument, *help;
} option_table[] = {
    {"listen", KEY_LISTEN, "ADDRESS:PORT",
     "the vendor's API, HTTPS, under /rest/ (default 127.0.0.1:0; 0: any port)"},
    {"control", KEY_CONTROL, "ADDRESS:PORT",
     "the second port: ledger, faults, clock (default 127.0.0.1:0)"},
    {"dir", KEY_DIR, "DIR",
     "keep authority, orders and ledger there (default: a folder that goes at the end)"},
    {"resolve", KEY_RESOLVE, "NAME:PORT=ADDRESS:PORT",
     "who answers for a name when files are fetched; NAME may be *"},
    {"nameserver", KEY_NAMESERVER, "ZONE=ADDRESS:PORT",
     "the server asked about a zone; \".\" is every zone"},
    {"overrides", KEY_OVERRIDES, "FILE", "read `resolve` and `nameservers` from an operator's file"},
    {"partner-code", KEY_PARTNER, "CODE", "the partner code that is right (default 10012345)"},
    {"auth-token-file", KEY_TOKEN, "FILE",
     "holds the token that is right (default DIR/auth-token, made if missing)"},
    {"maildir", KEY_MAILDIR, "DIR", "approval mails go into this Maildir (default DIR/mail)"},
    {"smtp", KEY_SMTP, "URL", "and to this server, as smtp://127.0.0.1:2525/sandbox"},
    {"clock", KEY_CLOCK, "FILE", "the turned clock that the controller follows (default DIR/clock)"},
    {"ports-file", KEY_PORTS, "FILE",
     "written when all is ready: {\"url\", \"control\", \"pid\", \"dir\"}"},
    {"issue-delay", KEY_ISSUE_DELAY, "SECONDS", "from proven to issued (default 0)"},
    {"vetting-delay", KEY_VETTING_DELAY, "SECONDS", "of an organisation, OV and EV (default 0)"},
    {"delay", KEY_DELAY, "MS", "before every answer of the API (default 0)"},
    {"fail-rate", KEY_FAIL_RATE, "P", "share of good requests that fail, 0 to 1 (default 0)"},
    {"seed", KEY_SEED, "N", "of --fail-rate; the same seed fails the same way (default 1)"},
    {"rsa", KEY_RSA, NULL, "an authority with RSA keys (default P-256)"},
    {"verbose", KEY_VERBOSE, NULL, "log every request"},
    {"help", KEY_HELP, NULL, "this text"},
    {"version", KEY_VERSION, NULL, "the version"},
};

static void print_help(void)
{
    printf("Usage: certwright-sandbox [OPTION...]\n\n"
           "The SSL Store's API on this host alone: no network, no money. It checks requests, proves "
           "control of names\n"
           "for real, signs with an authority of its own, and can be told to misbehave.\n\n");
    for (size_t i = 0; i < COUNT_OF(option_table); i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", option_table[i].name,
                 option_table[i].argument != NULL ? " " : "",
                 option_table[i].argument != NULL ? option_table[i].argument : "");
        printf("  %-36s %s\n", left, option_table[i].help);
    }
    printf("\nThe control port speaks JSON: GET /health /ledger /orders /requests /faults /settings, POST "
           "/faults /clock\n"
           "/settings /orders/seed /orders/NUMBER, DELETE /faults /requests, GET /approve?token=TOKEN.\n"
           "DIR/root.pem is the root of issued certificates, DIR/api-ca.pem that of the API itself.\n");
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Loopback only. */
static bool parse_address(struct arena *arena, const char *text, const char **out_address, int *out_port)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    if (colon == NULL || end == colon + 1 || *end != '\0' || port < 0 || port > 65535)
        return false;
    const char *address = arena_strndup(arena, text, (size_t)(colon - text));
    struct in_addr ip;
    bool loopback = strcmp(address, "[::1]") == 0 ||
                    (inet_pton(AF_INET, address, &ip) == 1 && ntohl(ip.s_addr) >> 24 == 127);
    *out_address = strcmp(address, "[::1]") == 0 ? "::1" : address;
    *out_port = (int)port;
    return loopback;
}

static bool parse_number(const char *text, double least, double most, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= least && *out <= most;
}

static bool take_option(struct sandbox *sandbox, enum option_key key, const char *value, struct error *err)
{
    struct options *options = &sandbox->options;
    struct settings *settings = &sandbox->settings;
    double number = 0;
    bool good = true;
    switch (key) {
    case KEY_LISTEN: good = parse_address(sandbox->arena, value, &options->address, &options->port); break;
    case KEY_CONTROL:
        good = parse_address(sandbox->arena, value, &options->control_address, &options->control_port);
        break;
    case KEY_DIR: options->directory = value; break;
    case KEY_RESOLVE: string_list_push(sandbox->arena, &options->resolve, value); break;
    case KEY_NAMESERVER: string_list_push(sandbox->arena, &options->nameservers, value); break;
    case KEY_OVERRIDES: return overrides_read(value, sandbox->arena, options, err);
    case KEY_PARTNER: options->partner_code = value; break;
    case KEY_TOKEN: options->token_file = value; break;
    case KEY_MAILDIR: options->maildir = value; break;
    case KEY_SMTP: options->smtp = value; break;
    case KEY_CLOCK: options->clock_file = value; break;
    case KEY_PORTS: options->ports_file = value; break;
    case KEY_RSA: options->rsa_authority = true; break;
    case KEY_VERBOSE: log_setup(LOG_LOGFMT, LOG_DEBUG); break;
    case KEY_ISSUE_DELAY:
        good = parse_number(value, 0, 1e9, &number);
        settings->issue_delay_ms = (int64_t)(number * 1000);
        break;
    case KEY_VETTING_DELAY:
        good = parse_number(value, 0, 1e9, &number);
        settings->vetting_delay_ms = (int64_t)(number * 1000);
        break;
    case KEY_DELAY:
        good = parse_number(value, 0, 600000, &number);
        settings->api_delay_ms = (int64_t)number;
        break;
    case KEY_FAIL_RATE: good = parse_number(value, 0, 1, &settings->fail_rate); break;
    case KEY_SEED:
        good = parse_number(value, 0, 1e15, &number);
        settings->seed = (uint64_t)number;
        break;
    case KEY_HELP: print_help(); exit(EXIT_SUCCESS);
    case KEY_VERSION: printf("certwright-sandbox %s\n", CERTWRIGHT_VERSION); exit(EXIT_SUCCESS);
    }
    return good ||
           error_raise(err, ERROR_CONFIG, "%s is not a value that this option takes%s", value,
                       key == KEY_LISTEN || key == KEY_CONTROL ? " (the sandbox listens on loopback only)"
                                                               : "");
}

static bool take_arguments(struct sandbox *sandbox, int argc, char **argv, struct error *err)
{
    struct option longs[COUNT_OF(option_table) + 1] = {{0}};
    for (size_t i = 0; i < COUNT_OF(option_table); i++)
        longs[i] = (struct option){.name = option_table[i].name,
                                   .val = (int)option_table[i].key,
                                   .has_arg = option_table[i].argument != NULL ? required_argument
                                                                               : no_argument};
    sandbox->options = (struct options){
        .address = "127.0.0.1", .control_address = "127.0.0.1", .partner_code = "10012345"};
    sandbox->settings.seed = 1;
    sandbox->settings.balance_cents = 10000000;
    sandbox->settings.credit = true;
    int key;
    while ((key = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (key == '?')
            return error_raise(err, ERROR_CONFIG, "see certwright-sandbox --help");
        if (!take_option(sandbox, (enum option_key)key, optarg, err))
            return false;
    }
    return optind == argc || error_raise(err, ERROR_CONFIG, "%s: no argument is expected", argv[optind]);
}

/* ---- start ----------------------------------------------------------------------------------- */

static bool open_directory(struct sandbox *sandbox, struct error *err)
{
    struct options *options = &sandbox->options;
    if (options->directory == NULL) {
        char pattern[] = "/tmp/certwright-sandbox-XXXXXX";
        if (mkdtemp(pattern) == NULL)
            return error_raise(err, ERROR_SYSTEM, "cannot make a folder in /tmp: %s", strerror(errno));
        options->directory = arena_strdup(sandbox->arena, pattern);
    } else if (!file_make_directories(options->directory, 0700, err)) {
        return false;
    }
    sandbox->directory_fd = file_open_directory(options->directory, err);
    if (sandbox->directory_fd < 0)
        return false;
    if (flock(sandbox->directory_fd, LOCK_EX | LOCK_NB) != 0)
        return error_raise(err, ERROR_STATE, "another sandbox uses %s", options->directory);
    if (options->maildir == NULL)
        options->maildir = arena_printf(sandbox->arena, "%s/mail", options->directory);
    if (options->clock_file == NULL)
        options->clock_file = arena_printf(sandbox->arena, "%s/clock", options->directory);
    return true;
}

static bool read_token(struct sandbox *sandbox, struct error *err)
{
    struct buffer text = {0};
    const char *path = sandbox->options.token_file;
    if (path == NULL) {
        path = arena_printf(sandbox->arena, "%s/auth-token", sandbox->options.directory);
        const char *token = random_word(sandbox->arena, 32);
        if (access(path, F_OK) != 0 &&
            !file_replace(sandbox->directory_fd, "auth-token", token, strlen(token), 0400, err))
            return false;
    }
    if (!file_read_path(path, 4096, &text, err))
        return false;
    sandbox->auth_token = text_trim(sandbox->arena, buffer_text(&text));
    buffer_wipe(&text);
    return !text_empty(sandbox->auth_token) || error_raise(err, ERROR_CONFIG, "%s is empty", path);
}

/* An old turn stands until it is turned again. */
static bool open_clock(struct sandbox *sandbox, struct error *err)
{
    const char *path = sandbox->options.clock_file;
    return (access(path, F_OK) == 0 || clock_publish(path, 0, err)) && clock_follow(path, err);
}

static bool open_ports(struct sandbox *sandbox, struct error *err)
{
    struct options *options = &sandbox->options;
    struct http_server_options api = {
        .address = options->address,
        .port = options->port,
        .max_connections = MAX_CONNECTIONS,
        .certificate_file = arena_printf(sandbox->arena, "%s/tls.pem", options->directory),
        .key_file = arena_printf(sandbox->arena, "%s/tls-key.pem", options->directory)};
    struct http_server_options control = {
        .address = options->control_address, .port = options->control_port, .max_connections = 256};
    sandbox->api = http_server_create(sandbox->base, &api, api_handle, sandbox, err);
    if (sandbox->api == NULL)
        return false;
    sandbox->control = http_server_create(sandbox->base, &control, control_handle, sandbox, err);
    if (sandbox->control == NULL)
        return false;
    bool six = strchr(options->address, ':') != NULL,
         control_six = strchr(options->control_address, ':') != NULL;
    sandbox->url = arena_printf(sandbox->arena, "https://%s%s%s:%d/rest/", six ? "[" : "", options->address,
                                six ? "]" : "", http_server_port(sandbox->api));
    sandbox->control_url = arena_printf(sandbox->arena, "http://%s%s%s:%d/", control_six ? "[" : "",
                                        options->control_address, control_six ? "]" : "",
                                        http_server_port(sandbox->control));
    return true;
}

static bool write_ports(struct sandbox *sandbox, struct error *err)
{
    const char *path = sandbox->options.ports_file;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "url", sandbox->url);
    cJSON_AddStringToObject(out, "control", sandbox->control_url);
    cJSON_AddNumberToObject(out, "pid", getpid());
    cJSON_AddStringToObject(out, "dir", sandbox->options.directory);
    char *text = cJSON_PrintUnformatted(out);
    cJSON_Delete(out);
    printf("%s\n", text);
    fflush(stdout);
    bool written = true;
    if (path != NULL) {
        const char *slash = strrchr(path, '/');
        const char *folder = slash == NULL   ? "."
                             : slash == path ? "/"
                                             : arena_strndup(sandbox->arena, path, (size_t)(slash - path));
        int fd = file_open_directory(folder, err);
        written = fd >= 0 &&
                  file_replace(fd, slash != NULL ? slash + 1 : path, text, strlen(text), 0644, err);
        fd_release(&fd);
    }
    free(text);
    return written;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct sandbox *sandbox = arg;
    orders_tick(sandbox);
    arena_reset(sandbox->scratch);
}

/* Before there are threads: none of them may be interrupted. */
static int open_signals(void)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    return signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static bool start(struct sandbox *sandbox, struct error *err)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sandbox->tick = evtimer_new(sandbox->base, on_tick, sandbox);
    if (!open_directory(sandbox, err) || !open_clock(sandbox, err) || !read_token(sandbox, err))
        return false;
    sandbox->authority = authority_open(sandbox->directory_fd, sandbox->options.directory,
                                        sandbox->options.rsa_authority, err);
    if (sandbox->authority == NULL)
        return false;
    sandbox->validator = validator_start(sandbox, err);
    return sandbox->validator != NULL && orders_load(sandbox, err) && open_ports(sandbox, err) &&
           write_ports(sandbox, err);
}

/* ---- stop ------------------------------------------------------------------------------------ */

static void remove_tree(struct arena *arena, const char *path)
{
    /* Only what we made ourselves lies there. */
    static const char *const names[] = {
        "root.pem",   "root-key.pem",   "intermediate.pem", "intermediate-key.pem",
        "api-ca.pem", "api-ca-key.pem", "tls.pem",          "tls-key.pem",
        "auth-token", "orders.jsonl",   "ledger.jsonl",     "clock"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unlink(arena_printf(arena, "%s/%s", path, names[i]));
    rmdir(path); /* stays if mails lie in it */
}

static void stop(struct sandbox *sandbox, bool own_directory)
{
    validator_stop(sandbox->validator);
    api_forget_late(sandbox);
    http_server_destroy(sandbox->api);
    http_server_destroy(sandbox->control);
    orders_close(sandbox);
    authority_close(sandbox->authority);
    faults_destroy(sandbox->faults);
    cJSON_Delete(sandbox->ledger_entries);
    for (size_t i = 0; i < REQUESTS_KEPT; i++) {
        free(sandbox->requests[i].custom_id);
        free(sandbox->requests[i].order_id);
        free(sandbox->requests[i].fault);
        cJSON_Delete(sandbox->requests[i].body);
    }
    text_map_destroy(sandbox->by_custom);
    text_map_destroy(sandbox->by_csr);
    text_map_destroy(sandbox->by_mail);
    text_map_destroy(sandbox->validated);
    if (own_directory && sandbox->options.directory != NULL)
        remove_tree(sandbox->arena, sandbox->options.directory);
    fd_release(&sandbox->directory_fd);
    if (sandbox->tick != NULL)
        event_free(sandbox->tick);
    arena_destroy(sandbox->scratch);
    arena_destroy(sandbox->arena);
    curl_global_cleanup();
}

int main(int argc, char **argv)
{
    static struct sandbox sandbox;
    struct error err = {0};
    int signals = open_signals();
    if (signals < 0) {
        perror("certwright-sandbox: signalfd");
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_LOGFMT, LOG_INFO);
    sandbox.arena = arena_create();
    sandbox.scratch = arena_create();
    sandbox.directory_fd = sandbox.orders_fd = sandbox.ledger_fd = -1;
    if (!take_arguments(&sandbox, argc, argv, &err)) {
        fprintf(stderr, "certwright-sandbox: %s\n", err.message);
        arena_destroy(sandbox.scratch);
        arena_destroy(sandbox.arena);
        return EXIT_USAGE;
    }
    bool own_directory = sandbox.options.directory == NULL;
    sandbox.base = event_base_new();
    sandbox.faults = faults_create();
    sandbox.ledger_entries = cJSON_CreateArray();
    sandbox.by_custom = text_map_create();
    sandbox.by_csr = text_map_create();
    sandbox.by_mail = text_map_create();
    sandbox.validated = text_map_create();
    sandbox.next_partner = FIRST_PARTNER_ORDER;
    sandbox.next_vendor = FIRST_VENDOR_ORDER;
    struct event *ended = event_new(sandbox.base, signals, EV_READ, on_signal, sandbox.base);
    event_add(ended, NULL);
    bool started = start(&sandbox, &err);
    if (started) {
        log_event(LOG_INFO, "sandbox ready", "url", sandbox.url, "control", sandbox.control_url, "dir",
                  sandbox.options.directory, NULL);
        event_base_dispatch(sandbox.base);
        log_event(LOG_INFO, "sandbox stopped", NULL);
    } else {
        fprintf(stderr, "certwright-sandbox: %s\n", err.message);
    }
    stop(&sandbox, own_directory);
    event_free(ended);
    close(signals);
    event_base_free(sandbox.base);
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}
