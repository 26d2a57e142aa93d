/* Workers that prove control of names for real. A job is a copy of what it needs; its answer goes back
 * through a list and an eventfd, so that only the loop thread touches orders. */
#include "sandbox/validate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <ldns/ldns.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "sandbox/orders.h"

enum { WORKERS = 8, BODY_LIMIT = 8192, REDIRECTS = 5, HTTP_TIMEOUT_MS = 5000, DNS_TIMEOUT_S = 2,
       ALIASES_MOST = 8 };

struct job {
    struct job *next;
    struct arena *arena;
    int64_t order;
    int round;
    size_t index;
    enum method method;
    const char *domain; /* without "*." */
    const char *file_name, *file_content, *record_name, *record_data;
    const char *mail_to, *mail_text; /* a mail to send; else a proof to try */
    bool good;
    const char *problem;
};

struct name_server {
    const char *zone, *host; /* host: numeric */
    int port;
};
struct validator {
    struct sandbox *sandbox;
    struct arena *arena;
    struct curl_slist *connect_to; /* name:port:address:port; last: everything else goes nowhere */
    struct name_server *servers;
    size_t server_count;
    const char *smtp;
    pthread_t threads[WORKERS];
    int thread_count;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job *waiting, **waiting_end, *finished;
    bool stopping;
    int notify_fd;
    struct event *notified;
};

/* ---- overrides ------------------------------------------------------------------------------- */

/* "name:port=address:port", where the name may be "*". */
static bool add_resolve(struct validator *validator, const char *text, struct error *err)
{
    struct arena *arena = validator->arena;
    const char *equals = strchr(text, '='), *colon = strchr(text, ':');
    if (equals == NULL || colon == NULL || colon > equals || strrchr(equals, ':') == NULL)
        return error_raise(err, ERROR_CONFIG, "--resolve %s is not NAME:PORT=ADDRESS:PORT", text);
    const char *name = arena_strndup(arena, text, (size_t)(colon - text));
    const char *port = arena_strndup(arena, colon + 1, (size_t)(equals - colon - 1));
    const char *entry = arena_printf(arena, "%s:%s:%s", strcmp(name, "*") == 0 ? "" : name, port,
                                     equals + 1);
    struct curl_slist *longer = curl_slist_append(validator->connect_to, entry);
    if (longer == NULL)
        abort();
    validator->connect_to = longer;
    return true;
}

/* "zone=address:port"; the zone "." stands for everything. */
static bool add_server(struct validator *validator, const char *text, struct error *err)
{
    struct arena *arena = validator->arena;
    const char *equals = strchr(text, '='), *colon = strrchr(text, ':');
    unsigned char address[16];
    if (equals == NULL || colon == NULL || colon < equals)
        return error_raise(err, ERROR_CONFIG, "--nameserver %s is not ZONE=ADDRESS:PORT", text);
    char *host = arena_strndup(arena, equals + 1, (size_t)(colon - equals - 1));
    if (host[0] == '[' && text_has_suffix(host, "]")) {
        host[strlen(host) - 1] = '\0';
        host++;
    }
    int port = atoi(colon + 1);
    if ((inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1) || port < 1 ||
        port > 65535)
        return error_raise(err, ERROR_CONFIG, "--nameserver %s: the address must be numeric, with a port",
                           text);
    char *zone = text_lower(arena, arena_strndup(arena, text, (size_t)(equals - text)));
    if (zone[0] != '\0' && text_has_suffix(zone, "."))
        zone[strlen(zone) - 1] = '\0';
    struct name_server *server = arena_push(arena, &validator->servers, validator->server_count);
    *server = (struct name_server){.zone = zone, .host = host, .port = port};
    return true;
}

static const struct name_server *server_for(const struct validator *validator, const char *name)
{
    const struct name_server *best = NULL;
    for (size_t i = 0; i < validator->server_count; i++) {
        const struct name_server *server = &validator->servers[i];
        if ((server->zone[0] == '\0' || text_name_within(name, server->zone)) &&
            (best == NULL || strlen(server->zone) > strlen(best->zone)))
            best = server;
    }
    return best;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct body {
    char text[BODY_LIMIT + 1];
    size_t length;
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct body *body = arg;
    size_t length = size * count;
    if (body->length + length > BODY_LIMIT)
        return 0;
    memcpy(body->text + body->length, data, length);
    body->length += length;
    body->text[body->length] = '\0';
    return length;
}

/* Equal line by line; blanks at line ends and at the end of the file do not count. */
static bool same_lines(const char *a, const char *b)
{
    for (;;) {
        size_t a_length = strcspn(a, "\n"), b_length = strcspn(b, "\n");
        size_t a_used = a_length, b_used = b_length;
        while (a_used > 0 && strchr(" \t\r", a[a_used - 1]) != NULL)
            a_used--;
        while (b_used > 0 && strchr(" \t\r", b[b_used - 1]) != NULL)
            b_used--;
        if (a_used != b_used || memcmp(a, b, a_used) != 0)
            return false;
        a += a_length + (a[a_length] == '\n');
        b += b_length + (b[b_length] == '\n');
        if (a[strspn(a, " \t\r\n")] == '\0' && b[strspn(b, " \t\r\n")] == '\0')
            return true;
    }
}

static CURL *new_curl(const struct validator *validator)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        abort();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* nothing is verified, so no roots are read */
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HTTP_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, validator->connect_to);
    return curl;
}

/* One GET. Gives the status, 0 for none; `out_redirect` is where it points to. */
static long fetch(const struct validator *validator, const char *url, struct arena *arena,
                  struct body *body, const char **out_redirect)
{
    CURL *curl = new_curl(validator);
    long status = 0;
    char *redirect = NULL;
    body->length = 0;
    body->text[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER,
                     0L); /* what is there before the certificate is anything */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (curl_easy_perform(curl) == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
    }
    *out_redirect = arena_strdup(arena, redirect);
    curl_easy_cleanup(curl);
    return status;
}

/* BR 3.2.2.4.18: 2xx, redirects by 301, 302, 307 and 308 only. */
static bool try_file(const struct validator *validator, struct job *job)
{
    struct body *body = arena_alloc(job->arena, sizeof *body);
    const char *url = arena_printf(job->arena, "%s://%s/.well-known/pki-validation/%s",
                                   job->method == METHOD_HTTPS ? "https" : "http", job->domain,
                                   job->file_name);
    for (int hop = 0; hop <= REDIRECTS; hop++) {
        const char *redirect;
        long status = fetch(validator, url, job->arena, body, &redirect);
        if (status >= 200 && status < 300) {
            if (same_lines(body->text, job->file_content))
                return true;
            job->problem = "file_random_value_not_found: the file has other content";
            return false;
        }
        bool follows = status == 301 || status == 302 || status == 307 || status == 308;
        if (!follows || text_empty(redirect)) {
            job->problem = status == 0 ? arena_printf(job->arena, "%s cannot be reached", url)
                                       : arena_printf(job->arena, "%s answers %ld", url, status);
            return false;
        }
        url = redirect;
    }
    job->problem = "too many redirects";
    return false;
}

/* ---- DNS ------------------------------------------------------------------------------------- */

static ldns_resolver *open_resolver(const struct name_server *server)
{
    ldns_resolver *resolver = ldns_resolver_new();
    ldns_rdf *address = ldns_rdf_new_frm_str(
        strchr(server->host, ':') ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A, server->host);
    if (resolver == NULL || address == NULL ||
        ldns_resolver_push_nameserver(resolver, address) != LDNS_STATUS_OK)
        abort();
    ldns_rdf_deep_free(address);
    ldns_resolver_set_port(resolver, (uint16_t)server->port);
    ldns_resolver_set_timeout(resolver, (struct timeval){.tv_sec = DNS_TIMEOUT_S});
    ldns_resolver_set_retry(resolver, 1);
    ldns_resolver_set_recursive(resolver, true);
    return resolver;
}

static const char *first_rdata(struct arena *arena, const ldns_rr *rr, bool text)
{
    struct buffer value = {0};
    if (!text) {
        char *name = ldns_rdf2str(ldns_rr_rdf(rr, 0));
        buffer_puts(&value, name != NULL ? name : "");
        free(name);
    }
    /* The strings of a TXT record are one text. */
    for (size_t i = 0; text && i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *part = ldns_rr_rdf(rr, i);
        if (ldns_rdf_size(part) > 1)
            buffer_append(&value, ldns_rdf_data(part) + 1, ldns_rdf_size(part) - 1);
    }
    char *copy = arena_strdup(arena, buffer_text(&value));
    buffer_release(&value);
    if (!text && text_has_suffix(copy, "."))
        copy[strlen(copy) - 1] = '\0';
    return copy;
}

static bool answer_holds(struct job *job, const ldns_pkt *answer, bool text)
{
    ldns_rr_list *found = ldns_pkt_rr_list_by_type(answer, text ? LDNS_RR_TYPE_TXT : LDNS_RR_TYPE_CNAME,
                                                   LDNS_SECTION_ANSWER);
    bool holds = false;
    for (size_t i = 0; found != NULL && i < ldns_rr_list_rr_count(found); i++) {
        const char *value = first_rdata(job->arena, ldns_rr_list_rr(found, i), text);
        holds = holds ||
                (text ? strcmp(value, job->record_data) : strcasecmp(value, job->record_data)) == 0;
    }
    job->problem = found == NULL ? "invalid_dns_txt: no such record"
                                 : "invalid_dns_txt: the record has another value";
    ldns_rr_list_deep_free(found);
    return holds;
}

/* Where an alias leads, in lower case without its dot; NULL: the answer holds none for the name, or the TXT itself as well. */
static const char *alias_target(struct arena *arena, const ldns_pkt *answer, const char *name)
{
    const char *target = NULL;
    for (size_t i = 0; i < ldns_rr_list_rr_count(ldns_pkt_answer(answer)); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_answer(answer), i);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_TXT)
            return NULL;
        char *owner = ldns_rdf2str(ldns_rr_owner(rr));
        size_t length = strlen(name);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && strncasecmp(owner, name, length) == 0 &&
            strcmp(owner + length, ".") == 0)
            target = text_lower(arena, first_rdata(arena, rr, false));
        free(owner);
    }
    return target;
}

static bool ask_name(const struct validator *validator, struct job *job, const char *at, const char **out_target)
{
    const struct name_server *server = server_for(validator, at);
    bool text = job->method == METHOD_TXT;
    *out_target = NULL;
    if (server == NULL) {
        job->problem = "no name server is known for this name: give the sandbox --nameserver";
        return false;
    }
    ldns_resolver *resolver = open_resolver(server);
    ldns_rdf *name = ldns_dname_new_frm_str(at);
    ldns_pkt *answer = NULL;
    bool good = false;
    if (name != NULL)
        ldns_resolver_send(&answer, resolver, name, text ? LDNS_RR_TYPE_TXT : LDNS_RR_TYPE_CNAME,
                           LDNS_RR_CLASS_IN, LDNS_RD);
    if (answer == NULL)
        job->problem = "the name server does not answer";
    else if (ldns_pkt_get_rcode(answer) == LDNS_RCODE_SERVFAIL ||
             ldns_pkt_get_rcode(answer) == LDNS_RCODE_REFUSED)
        job->problem = "the name server refuses or fails";
    else {
        good = answer_holds(job, answer, text);
        *out_target = text ? alias_target(job->arena, answer, at) : NULL;
    }
    ldns_pkt_free(answer);
    ldns_rdf_deep_free(name);
    ldns_resolver_deep_free(resolver);
    return good;
}

/* A TXT is looked for where aliases lead, as a resolver of a CA finds it; a CNAME is the proof itself. */
static bool try_dns(const struct validator *validator, struct job *job)
{
    const char *at = job->record_name, *target;
    for (int step = 0; step <= ALIASES_MOST; step++) {
        if (ask_name(validator, job, at, &target))
            return true;
        if (target == NULL)
            return false;
        at = target;
    }
    job->problem = "invalid_dns_txt: too many aliases";
    return false;
}

/* ---- SMTP ------------------------------------------------------------------------------------ */

struct upload {
    const char *text;
    size_t left;
};

static size_t give_mail(char *out, size_t size, size_t count, void *arg)
{
    struct upload *upload = arg;
    size_t length = size * count < upload->left ? size * count : upload->left;
    memcpy(out, upload->text, length);
    upload->text += length;
    upload->left -= length;
    return length;
}

static void send_mail(const struct validator *validator, const struct job *job)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *to = curl_slist_append(NULL, job->mail_to);
    struct upload upload = {.text = job->mail_text, .left = strlen(job->mail_text)};
    if (curl == NULL || to == NULL)
        abort();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_URL, validator->smtp);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HTTP_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, "noreply@sandbox.example");
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_mail);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        log_event(LOG_ERROR, "mail not sent", "to", job->mail_to, "reason", curl_easy_strerror(code), NULL);
    curl_easy_cleanup(curl);
    curl_slist_free_all(to);
}

/* ---- the workers ----------------------------------------------------------------------------- */

static void run_job(const struct validator *validator, struct job *job)
{
    job->problem = "";
    if (job->mail_to != NULL)
        send_mail(validator, job);
    else if (job->method == METHOD_HTTP || job->method == METHOD_HTTPS)
        job->good = try_file(validator, job);
    else
        job->good = try_dns(validator, job);
}

static void *work(void *arg)
{
    struct validator *validator = arg;
    pthread_mutex_lock(&validator->mutex);
    while (!validator->stopping) {
        struct job *job = validator->waiting;
        if (job == NULL) {
            pthread_cond_wait(&validator->wake, &validator->mutex);
            continue;
        }
        validator->waiting = job->next;
        if (validator->waiting == NULL)
            validator->waiting_end = &validator->waiting;
        pthread_mutex_unlock(&validator->mutex);
        run_job(validator, job);
        pthread_mutex_lock(&validator->mutex);
        job->next = validator->finished;
        validator->finished = job;
        eventfd_write(validator->notify_fd, 1);
    }
    pthread_mutex_unlock(&validator->mutex);
    return NULL;
}

static void free_jobs(struct job *job)
{
    while (job != NULL) {
        struct job *next = job->next;
        arena_destroy(job->arena);
        job = next;
    }
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct validator *validator = arg;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    pthread_mutex_lock(&validator->mutex);
    struct job *finished = validator->finished;
    validator->finished = NULL;
    pthread_mutex_unlock(&validator->mutex);
    for (struct job *job = finished; job != NULL; job = job->next)
        if (job->mail_to == NULL)
            order_proved(validator->sandbox, job->order, job->round, job->index, job->good, job->problem);
    free_jobs(finished);
}

static void submit(struct validator *validator, struct job *job)
{
    pthread_mutex_lock(&validator->mutex);
    *validator->waiting_end = job;
    validator->waiting_end = &job->next;
    pthread_cond_signal(&validator->wake);
    pthread_mutex_unlock(&validator->mutex);
}

static struct job *new_job(void)
{
    struct arena *arena = arena_create();
    struct job *job = arena_alloc(arena, sizeof *job);
    job->arena = arena;
    return job;
}

void validator_try(struct validator *validator, const struct order *order, size_t index)
{
    const struct proof *proof = &order->proofs[index];
    struct job *job = new_job();
    job->order = order->id;
    job->round = order->round;
    job->index = index;
    job->method = proof->method;
    job->domain = arena_strdup(job->arena,
                               text_has_prefix(proof->domain, "*.") ? proof->domain + 2 : proof->domain);
    job->file_name = arena_strdup(job->arena, proof->file_name);
    job->file_content = arena_strdup(job->arena, proof->file_content);
    job->record_name = arena_strdup(job->arena, proof->record_name);
    job->record_data = arena_strdup(job->arena, proof->record_data);
    submit(validator, job);
}

void validator_send_mail(struct validator *validator, const char *to, const char *message)
{
    struct job *job = new_job();
    job->mail_to = arena_strdup(job->arena, to);
    job->mail_text = arena_strdup(job->arena, message);
    submit(validator, job);
}

struct validator *validator_start(struct sandbox *sandbox, struct error *err)
{
    struct validator *validator = calloc(1, sizeof *validator);
    if (validator == NULL)
        abort();
    *validator = (struct validator){
        .sandbox = sandbox, .arena = arena_create(), .smtp = sandbox->options.smtp};
    validator->waiting_end = &validator->waiting;
    validator->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&validator->mutex, NULL);
    pthread_cond_init(&validator->wake, NULL);
    bool good = true;
    /* libcurl takes the first that fits: names before "*". */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; good && i < sandbox->options.resolve.count; i++)
            if (text_has_prefix(sandbox->options.resolve.items[i], "*:") == (pass == 1))
                good = add_resolve(validator, sandbox->options.resolve.items[i], err);
    for (size_t i = 0; good && i < sandbox->options.nameservers.count; i++)
        good = add_server(validator, sandbox->options.nameservers.items[i], err);
    /* Whatever no override names goes to a port where nobody listens: no name is looked up, nothing leaves
     * the host. */
    struct curl_slist *closed = good ? curl_slist_append(validator->connect_to, "::127.0.0.1:9") : NULL;
    validator->connect_to = closed != NULL ? closed : validator->connect_to;
    validator->notified = event_new(sandbox->base, validator->notify_fd, EV_READ | EV_PERSIST, on_finished,
                                    validator);
    event_add(validator->notified, NULL);
    while (good && validator->thread_count < WORKERS)
        if (pthread_create(&validator->threads[validator->thread_count], NULL, work, validator) == 0)
            validator->thread_count++;
        else
            good = error_raise(err, ERROR_SYSTEM, "cannot start a thread: %s", strerror(errno));
    if (good)
        return validator;
    validator_stop(validator);
    return NULL;
}

void validator_stop(struct validator *validator)
{
    if (validator == NULL)
        return;
    pthread_mutex_lock(&validator->mutex);
    validator->stopping = true;
    pthread_cond_broadcast(&validator->wake);
    pthread_mutex_unlock(&validator->mutex);
    for (int i = 0; i < validator->thread_count; i++)
        pthread_join(validator->threads[i], NULL);
    free_jobs(validator->waiting);
    free_jobs(validator->finished);
    event_free(validator->notified);
    close(validator->notify_fd);
    curl_slist_free_all(validator->connect_to);
    pthread_mutex_destroy(&validator->mutex);
    pthread_cond_destroy(&validator->wake);
    arena_destroy(validator->arena);
    free(validator);
}
