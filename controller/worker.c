#include "controller/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fatal.h"
#include "base/http.h"

enum { HEAVY_THREADS = 2, HEAVY_NICE = 10, WAKE_ATTEMPTS = 3 };

/* A thread that waits. Whoever began to wait last is called first: its connections, roots and random generator are warm. */
struct idle {
    pthread_cond_t called;
    struct idle *next;
    bool is_called;
};
struct queue {
    struct job *first, **last;
    struct idle *idle;
};
struct worker_pool {
    const struct operator_config *config;
    const struct http_network *network;
    pthread_mutex_t lock;
    struct queue light, heavy;
    struct job *results, **results_end;
    int result_fd;
    bool ending;
    pthread_t *threads;
    int thread_count;
};
struct thread_start {
    struct worker_pool *pool;
    bool heavy;
};

static void append(struct job ***last, struct job *job)
{
    job->next = NULL;
    **last = job;
    *last = &job->next;
}

static struct job *take(struct worker_pool *pool, struct queue *queue)
{
    struct idle self = {.called = PTHREAD_COND_INITIALIZER};
    pthread_mutex_lock(&pool->lock);
    while (queue->first == NULL && !pool->ending) {
        self.next = queue->idle;
        self.is_called = false;
        queue->idle = &self;
        while (!self.is_called && !pool->ending)
            pthread_cond_wait(&self.called, &pool->lock);
    }
    struct job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
        if (queue->first == NULL)
            queue->last = &queue->first;
    }
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&self.called);
    return job;
}

static void call_one(struct queue *queue)
{
    struct idle *idle = queue->idle;
    if (idle == NULL)
        return;
    queue->idle = idle->next;
    idle->is_called = true;
    pthread_cond_signal(&idle->called);
}

static void give_back(struct worker_pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    append(&pool->results_end, job);
    pthread_mutex_unlock(&pool->lock);
    uint64_t one = 1; /* the loop sleeps on this: one failure must not leave it asleep */
    for (int attempt = 0; attempt < WAKE_ATTEMPTS && write(pool->result_fd, &one, sizeof one) < 0 && errno != EAGAIN;)
        attempt++;
}

static void *work(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    free(arg);
    struct worker_pool *pool = start.pool;
    fatal_note_stack();
    if (start.heavy) /* making RSA keys must not make the loop late */
        setpriority(PRIO_PROCESS, (id_t)gettid(), HEAVY_NICE);
    struct context ctx = {.config = pool->config, .http = http_client_create(pool->network)};
    for (struct job *job; (job = take(pool, start.heavy ? &pool->heavy : &pool->light)) != NULL;) {
        ctx.arena = job->arena;
        job->run(job, &ctx);
        give_back(pool, job);
    }
    http_client_destroy(ctx.http);
    return NULL;
}

static bool start_threads(struct worker_pool *pool, int light, struct error *err)
{
    int failed = 0, wanted = light + HEAVY_THREADS;
    sigset_t all, before; /* signals are the loop's */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV), sigdelset(&all, SIGBUS); /* those of a thread's own doing (fatal_note_crashes) */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (failed == 0 && pool->thread_count < wanted) {
        struct thread_start *start = malloc(sizeof *start);
        if (start == NULL)
            fatal_memory();
        *start = (struct thread_start){pool, pool->thread_count >= light};
        failed = pthread_create(&pool->threads[pool->thread_count], NULL, work, start);
        if (failed == 0)
            pool->thread_count++;
        else
            free(start);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 || error_raise(err, ERROR_SYSTEM,
                                      "thread %d of %d cannot be started: %s; raise this user's limit of processes, or lower "
                                      "`workers` in the operator's file",
                                      pool->thread_count + 1, wanted, strerror(failed));
}

struct worker_pool *worker_pool_create(const struct operator_config *config, const struct http_network *network,
                                       int workers, struct error *err)
{
    struct worker_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        fatal_memory();
    pool->config = config;
    pool->network = network;
    pthread_mutex_init(&pool->lock, NULL);
    struct queue *queues[] = {&pool->light, &pool->heavy};
    for (int i = 0; i < 2; i++) {
        queues[i]->last = &queues[i]->first;
    }
    pool->results_end = &pool->results;
    pool->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->threads = calloc((size_t)workers + HEAVY_THREADS, sizeof *pool->threads);
    if (pool->threads == NULL)
        fatal_memory();
    bool ok = pool->result_fd >= 0 || error_raise(err, ERROR_SYSTEM, "cannot begin: %s", strerror(errno));
    if (ok && start_threads(pool, workers, err))
        return pool;
    worker_pool_destroy(pool);
    return NULL;
}

void worker_pool_destroy(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    while (pool->light.idle != NULL)
        call_one(&pool->light);
    while (pool->heavy.idle != NULL)
        call_one(&pool->heavy);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    if (pool->result_fd >= 0)
        close(pool->result_fd);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}

void worker_pool_submit(struct worker_pool *pool, struct job *job)
{
    struct queue *queue = job->heavy ? &pool->heavy : &pool->light;
    pthread_mutex_lock(&pool->lock);
    append(&queue->last, job);
    call_one(queue);
    pthread_mutex_unlock(&pool->lock);
}

int worker_pool_fd(const struct worker_pool *pool) { return pool->result_fd; }

struct job *worker_pool_results(struct worker_pool *pool)
{
    uint64_t count;
    ssize_t ignored = read(pool->result_fd, &count, sizeof count);
    (void)ignored;
    pthread_mutex_lock(&pool->lock);
    struct job *results = pool->results;
    pool->results = NULL;
    pool->results_end = &pool->results;
    pthread_mutex_unlock(&pool->lock);
    return results;
}
