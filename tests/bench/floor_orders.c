/* What N orders must cost: for each a P-256 key, a CSR, a synced LMDB commit, and one POST.
 *
 *   floor_orders URL CA BODY NAMES N THREADS MODE [DIR]
 *
 * BODY is a file with the JSON of an order in which @CSR@, @ID@ and @NAME@ stand for what differs. NAMES: the
 * orders are for NAMES-1.example.test and so on. MODE: `fresh` (a connection each), `kept` (one a thread), or
 * `work` (no POST at all). DIR: an empty folder for LMDB; without it nothing is made or committed but the
 * POST of BODY as it is. The CA store is kept between connections: CURLOPT_CAPATH is unset. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <lmdb.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const char *url, *ca, *names;
static char *body;
static int count;
static bool fresh, posts;
static MDB_env *env;
static MDB_dbi dbi;
static atomic_int next_order, accepted;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "floor_orders: %s\n", what);
    exit(1);
}

static char *make_csr(const char *name)
{
    char san[160], *pem;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = X509_REQ_new();
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    snprintf(san, sizeof san, "DNS:%s", name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(extensions, extension);
    X509_REQ_add_extensions(request, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_set_pubkey(request, key);
    must(X509_REQ_sign(request, key, EVP_sha256()) > 0, "CSR");
    BIO *out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(out, request);
    long length = BIO_get_mem_data(out, &pem);
    char *text = strndup(pem, (size_t)length);
    BIO_free(out);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return text;
}

/* `text` with every `what` replaced, freed. JSON: line breaks of `by` become \n. */
static char *replace(char *text, const char *what, const char *by)
{
    for (char *at; (at = strstr(text, what)) != NULL;) {
        char *made = malloc(strlen(text) + 2 * strlen(by) + 1), *to = made;
        memcpy(to, text, (size_t)(at - text));
        to += at - text;
        for (const char *from = by; *from != '\0'; from++) {
            if (*from == '\n')
                *to++ = '\\';
            *to++ = *from == '\n' ? 'n' : *from;
        }
        strcpy(to, at + strlen(what));
        free(text);
        text = made;
    }
    return text;
}

static void commit(const char *id, const char *text)
{
    MDB_txn *txn;
    MDB_val k = {strlen(id), (void *)(uintptr_t)id}, v = {strlen(text), (void *)(uintptr_t)text};
    must(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_put(txn, dbi, &k, &v, 0) == 0 && mdb_txn_commit(txn) == 0, "LMDB");
}

static char answer[1 << 14];
static size_t take(char *data, size_t size, size_t number, void *arg)
{
    size_t *length = arg;
    if (*length == 0 && memmem(data, number, "\"isError\":true", 14) == NULL)
        accepted++;
    *length += size * number;
    return size * number;
}

static void post(CURL *easy, struct curl_slist *headers, const char *text)
{
    size_t length = 0;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &length);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh ? 1L : 0L);
    must(curl_easy_perform(easy) == CURLE_OK, "POST");
}

static void *work(void *arg)
{
    (void)arg;
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    headers = curl_slist_append(headers, "Expect:");
    for (int i; (i = next_order++) < count;) {
        char name[80], id[80];
        char *text = strdup(body);
        snprintf(name, sizeof name, "%s-%d.example.test", names, i + 1);
        snprintf(id, sizeof id, "cw1-%032d", i + 1);
        if (env != NULL) {
            char *csr = make_csr(name);
            text = replace(replace(replace(text, "@CSR@", csr), "@NAME@", name), "@ID@", id);
            commit(id, text);
            free(csr);
        }
        if (posts)
            post(easy, headers, text);
        free(text);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return NULL;
}

static void open_store(const char *directory)
{
    MDB_txn *txn;
    must(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, (size_t)1 << 30) == 0 &&
             mdb_env_open(env, directory, MDB_NOTLS, 0600) == 0 && mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
             mdb_dbi_open(txn, NULL, 0, &dbi) == 0 && mdb_txn_commit(txn) == 0, "LMDB");
}

int main(int argc, char **argv)
{
    pthread_t threads[256];
    if (argc < 8) {
        fputs("usage: floor_orders URL CA BODY NAMES N THREADS fresh|kept|work [DIR]\n", stderr);
        return 64;
    }
    url = argv[1], ca = argv[2], names = argv[4];
    FILE *file = fopen(argv[3], "r");
    must(file != NULL, argv[3]);
    size_t length = fread(answer, 1, sizeof answer - 1, file);
    fclose(file);
    answer[length] = '\0';
    body = answer;
    count = atoi(argv[5]);
    int thread_count = atoi(argv[6]);
    must(thread_count > 0 && thread_count <= 256, "THREADS is between 1 and 256");
    fresh = strcmp(argv[7], "fresh") == 0;
    posts = strcmp(argv[7], "work") != 0;
    if (argc > 8)
        open_store(argv[8]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < thread_count; i++)
        must(pthread_create(&threads[i], NULL, work, NULL) == 0, "thread");
    for (int i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    printf("%d accepted\n", (int)accepted);
    if (env != NULL)
        mdb_env_close(env);
    return 0;
}
