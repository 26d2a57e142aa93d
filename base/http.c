/* Whether a byte of the request left is known, not guessed: libcurl asks the gate (CURLOPT_PREREQFUNCTION)
 * when connection and TLS stand and before it writes the request. What never passed the gate was not sent;
 * what passed it without a whole answer is unknown. The gate also holds the send deadline and the "once"
 * (reliability.md R4, R5). */
#include "base/http.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/log.h"

enum {
    DEFAULT_CONNECT_MS = 15000,
    DEFAULT_TIMEOUT_MS = 60000,
    DEFAULT_BODY = 1 << 20,
    HEADER_BYTES = 64 << 10,
    HEADER_COUNT = 100,
    SILENCE_S = 60,
};
static const char default_roots[] = "/etc/ssl/certs/ca-certificates.crt";

/* Two handles, each with connections of its own: one whose every address was checked, one for the
 * operator's endpoints. So no connection made without the check is ever taken up by a request that needs
 * it. */
struct http_client {
    CURL *checked, *trusted;
    struct curl_slist *connect_to;    /* "host:port:address:port" */
    struct sockaddr_storage *targets; /* of `resolve`: where the operator himself points */
    size_t target_count;
    const struct string_list *allowed;
};

/* One request under way. */
struct transfer {
    const struct http_client *client;
    const struct http_request *request;
    struct buffer body;
    size_t header_bytes;
    int header_count;
    int64_t date;
    bool passed_gate;
    bool head_whole;     /* the empty line after the last head was seen */
    const char *stopped; /* why a callback of ours ended it; NULL: none did */
    int addresses_tried;
    struct error address_refused; /* kind NONE: none was */
    char reason[CURL_ERROR_SIZE];
};

void http_setup(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline void curl_url_release(CURLU **url) { curl_url_cleanup(*url); }
static inline void curl_text_release(char **text) { curl_free(*text); }
static inline void curl_list_release(struct curl_slist **list) { curl_slist_free_all(*list); }

/* "host:port=address:port" to libcurl's spelling, and the target kept for the address check. */
static bool add_resolve(struct http_client *client, const char *entry)
{
    const char *equals = strchr(entry, '='), *port = strrchr(entry, ':');
    if (equals == NULL || port == NULL || port < equals)
        return false;
    const char *host = equals + 1, *end = port;
    if (*host == '[' && end[-1] == ']') {
        host++;
        end--;
    }
    char address[64], line[600];
    int number = atoi(port + 1);
    if (end <= host || (size_t)(end - host) >= sizeof address || number < 1 || number > 65535)
        return false;
    memcpy(address, host, (size_t)(end - host));
    address[end - host] = '\0';
    struct sockaddr_storage target;
    if (!address_from_text(address, number, &target) ||
        snprintf(line, sizeof line, "%.*s:%s", (int)(equals - entry), entry, equals + 1) >=
            (int)sizeof line)
        return false;
    struct curl_slist *list = curl_slist_append(client->connect_to, line);
    if (list == NULL)
        return false;
    client->connect_to = list;
    client->targets[client->target_count++] = target;
    return true;
}

struct http_client *http_client_create(const struct http_network *network)
{
    struct http_client *client = calloc(1, sizeof *client);
    size_t count = network != NULL && network->resolve != NULL ? network->resolve->count : 0;
    if (client == NULL || (client->checked = curl_easy_init()) == NULL ||
        (client->trusted = curl_easy_init()) == NULL ||
        (client->targets = calloc(count + 1, sizeof *client->targets)) == NULL)
        fatal_memory();
    for (size_t i = 0; i < count; i++) {
        if (!add_resolve(client, network->resolve->items[i]))
            log_event(LOG_WARN, "resolve entry cannot be used: host:port=address:port is wanted", "entry",
                      network->resolve->items[i], NULL);
    }
    client->allowed = network != NULL ? network->allow_addresses : NULL;
    return client;
}

void http_client_destroy(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->checked);
    curl_easy_cleanup(client->trusted);
    curl_slist_free_all(client->connect_to);
    free(client->targets);
    free(client);
}

/* What libcurl calls while the request runs. */

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    (void)purpose;
    bool open = transfer->request->trusted_address || transfer->request->proxy != NULL;
    for (size_t i = 0; i < transfer->client->target_count && !open; i++)
        open = address_equal(&address->addr, (const struct sockaddr *)&transfer->client->targets[i]);
    if (!open && !address_check(&address->addr, transfer->client->allowed, &transfer->address_refused))
        return CURL_SOCKET_BAD;
    transfer->addresses_tried++;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_gate(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct transfer *transfer = arg;
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    if (transfer->request->once && transfer->request->follow_redirects == 0 && transfer->passed_gate) {
        transfer->stopped = "it would have been sent a second time";
        return CURL_PREREQFUNC_ABORT;
    }
    if (transfer->request->send_deadline_ms != 0 && clock_boot_ms() > transfer->request->send_deadline_ms) {
        transfer->stopped = "the connection came up too late to send it";
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->passed_gate = true;
    transfer->addresses_tried = 0; /* a redirect's are counted anew */
    transfer->address_refused.kind = ERROR_NONE;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t length = size * count;
    if (length == 0)
        return 0;
    if (length >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        /* A new head: a redirect's or a proxy's may have come before. */
        transfer->date = 0;
        transfer->head_whole = false;
    }
    transfer->head_whole = transfer->head_whole || data[0] == '\r' || data[0] == '\n';
    transfer->header_bytes += length;
    if (transfer->header_bytes > HEADER_BYTES || ++transfer->header_count > HEADER_COUNT) {
        transfer->stopped = "the answer's head is too large";
        return 0;
    }
    char text[64];
    if (length > 5 && length - 5 < sizeof text && strncasecmp(data, "date:", 5) == 0) {
        memcpy(text, data + 5, length - 5);
        text[length - 5] = '\0';
        time_t date = curl_getdate(text, NULL);
        transfer->date = date > 0 ? (int64_t)date : 0;
    }
    return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t length = size * count;
    if (length > transfer->body.limit - transfer->body.length) {
        transfer->stopped = "the answer is too large";
        return 0;
    }
    buffer_append(&transfer->body, data, length);
    return length;
}

/* What goes out. */

static bool is_token(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (!isascii((unsigned char)*c) ||
            (!isalnum((unsigned char)*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL))
            return false;
    }
    return *text != '\0';
}

static bool has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            return true;
    }
    return false;
}

static bool append_line(struct curl_slist **list, const char *line, struct error *err)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return error_raise(err, ERROR_SYSTEM, "no memory for the request");
    *list = longer;
    return true;
}

static bool build_headers(const struct http_request *request, struct arena *arena, struct curl_slist **out,
                          struct error *err)
{
    AUTO(curl_list) struct curl_slist *list = NULL;
    bool typed = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!is_token(header->name))
            return error_raise(err, ERROR_INTERNAL, "a header without a proper name");
        if (has_control(header->value)) /* the value may be a secret and is not shown */
            return error_raise(err, ERROR_CREDENTIAL,
                               "the value for header %s holds a line break or another control "
                               "character: nothing is sent",
                               header->name);
        typed = typed || strcasecmp(header->name, "Content-Type") == 0;
        /* "Name;" is how libcurl is told of an empty value. */
        const char *line = *header->value != '\0'
                               ? arena_printf(arena, "%s: %s", header->name, header->value)
                               : arena_printf(arena, "%s;", header->name);
        if (!append_line(&list, line, err))
            return false;
    }
    if (!append_line(&list, "Expect:", err) || (!typed && !append_line(&list, "Content-Type:", err)))
        return false;
    *out = list;
    list = NULL; /* handed to the caller */
    return true;
}

/* Scheme and host for messages; no user name, no foreign scheme. */
static bool check_url(const char *text, struct arena *arena, bool *out_https, const char **out_place,
                      struct error *err)
{
    AUTO(curl_url) CURLU *url = curl_url();
    AUTO(curl_text) char *scheme = NULL;
    AUTO(curl_text) char *host = NULL;
    AUTO(curl_text) char *port = NULL;
    if (url == NULL || has_control(text) || strchr(text, ' ') != NULL ||
        curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return error_raise(err, ERROR_CONFIG, "the URL of a request is not well formed");
    *out_https = strcmp(scheme, "https") == 0;
    if (!*out_https && strcmp(scheme, "http") != 0)
        return error_raise(err, ERROR_CONFIG, "\"%s\" URLs are not asked: only https and http", scheme);
    *out_place = arena_printf(arena, "%s:%s", host, port);
    return true;
}

static void set_method(CURL *easy, const struct http_request *request)
{
    bool bodied = request->body != NULL || strcmp(request->method, "POST") == 0 ||
                  strcmp(request->method, "PUT") == 0;
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (bodied) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    }
    if (strcmp(request->method, "HEAD") != 0 && strcmp(request->method, bodied ? "POST" : "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_trust(CURL *easy, const struct http_request *request)
{
    const char *roots = request->ca_file != NULL ? request->ca_file : default_roots;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->insecure_tls ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->insecure_tls ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, roots);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, roots);
    /* With a CAPATH the parsed roots are not kept between connections: 16 ms each (performance.md 1.4). */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
}

static void set_limits(CURL *easy, const struct http_request *request)
{
    int64_t timeout = request->timeout_ms > 0 ? request->timeout_ms : DEFAULT_TIMEOUT_MS;
    int64_t connect = request->connect_timeout_ms > 0 ? request->connect_timeout_ms : DEFAULT_CONNECT_MS;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    if (!request->once) { /* an order is waited for to the end, however silent (R8) */
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    }
    if (request->once) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->follow_redirects > 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)request->follow_redirects);
}

static void set_up(CURL *easy, struct transfer *transfer, bool https, struct curl_slist *headers)
{
    const struct http_request *request = transfer->request;
    curl_easy_reset(easy); /* options only: connections and parsed roots stay */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, https ? "https" : "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "certwright/" CERTWRIGHT_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy != NULL ? request->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transfer->client->connect_to);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_gate);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    set_method(easy, request);
    set_trust(easy, request);
    set_limits(easy, request);
}

/* What came. */

static void read_response(CURL *easy, CURLcode code, struct transfer *transfer, struct arena *arena,
                          struct http_response *out)
{
    long status = 0;
    char *type = NULL;
    curl_off_t retry = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry);
    out->outcome = code == CURLE_OK ? HTTP_ANSWERED : transfer->passed_gate ? HTTP_UNKNOWN : HTTP_NOT_SENT;
    if (out->outcome == HTTP_NOT_SENT)
        return; /* a status would be a proxy's */
    out->status = (int)status;
    out->date = transfer->date;
    out->retry_after_s = retry > 0 ? (int64_t)retry : 0;
    if (type != NULL)
        out->content_type = text_clean(arena, type, strlen(type), 128);
    if (out->outcome == HTTP_ANSWERED) {
        out->body = arena_memdup(arena, buffer_text(&transfer->body), transfer->body.length + 1);
        out->body_length = transfer->body.length;
    }
}

static enum error_kind kind_of(CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CACERT_BADFILE:
        return ERROR_CONFIG;
    case CURLE_PARTIAL_FILE:
    case CURLE_URL_MALFORMAT:        /* ours was checked: a redirect's */
    case CURLE_UNSUPPORTED_PROTOCOL: /* the same, or no HTTP at all */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_TOO_MANY_REDIRECTS:
        return ERROR_MALFORMED;
    case CURLE_OUT_OF_MEMORY:
        return ERROR_SYSTEM;
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
        return ERROR_INTERNAL;
    default:
        return ERROR_UNREACHABLE;
    }
}

static bool explain(CURLcode code, const struct transfer *transfer, const char *place, struct arena *arena,
                    struct error *err)
{
    if (transfer->stopped != NULL) {
        bool answer = code == CURLE_WRITE_ERROR;
        return error_raise(err, answer ? ERROR_MALFORMED : ERROR_UNREACHABLE, "%s: %s", place,
                           transfer->stopped);
    }
    if (transfer->address_refused.kind != ERROR_NONE && transfer->addresses_tried == 0)
        return error_raise(err, ERROR_CONFIG, "%s: %s", place, transfer->address_refused.message);
    if (code == CURLE_SSL_CACERT_BADFILE)
        return error_raise(err, ERROR_CONFIG, "%s: cannot read the CA certificates in %s", place,
                           transfer->request->ca_file != NULL ? transfer->request->ca_file : default_roots);
    const char *reason = transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(code);
    return error_raise(err, kind_of(code), "%s: %s", place, text_clean(arena, reason, strlen(reason), 300));
}

bool http_perform(struct http_client *client, const struct http_request *request, struct arena *arena,
                  struct http_response *out, struct error *err)
{
    struct transfer transfer = {.client = client, .request = request};
    AUTO(curl_list) struct curl_slist *headers = NULL;
    const char *place = "";
    bool https = false;
    *out = (struct http_response){.outcome = HTTP_NOT_SENT, .body = "", .content_type = ""};
    transfer.body.limit = request->response_limit > 0 ? request->response_limit : DEFAULT_BODY;
    if (!is_token(request->method))
        return error_raise(err, ERROR_INTERNAL, "a request without a method");
    if (!check_url(request->url, arena, &https, &place, err) ||
        !build_headers(request, arena, &headers, err))
        return false;
    CURL *easy = request->trusted_address ? client->trusted : client->checked;
    set_up(easy, &transfer, https, headers);
    if (request->send_deadline_ms != 0 && clock_boot_ms() > request->send_deadline_ms)
        return error_raise(err, ERROR_UNREACHABLE, "%s: it is too late to send the request", place);
    CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_OK && !transfer.head_whole) {
        /* libcurl takes a head that ends with the connection for whole. */
        transfer.stopped = "the answer was cut in its head";
        code = CURLE_WRITE_ERROR;
    }
    read_response(easy, code, &transfer, arena, out);
    buffer_wipe(&transfer.body);
    curl_easy_reset(easy); /* nothing of this call's memory is referred to any more */
    return code == CURLE_OK || explain(code, &transfer, place, arena, err);
}
