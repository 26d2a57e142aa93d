/* Reading manifests in a confined process (certwright-parse): bytes go in, checked answers come out. The process serves
 * many files and is started when the first is to be read, again after a file has ended it, and now and then so that its
 * limit of processor time never meets a long honest life. A file that ends it costs that file alone. One per program;
 * what is here may be called from any thread, one batch at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/confine.h"
#include "base/text.h"
#include "schema/yaml.h"

struct arena;
struct error;
struct operator_config;
struct parser_batch;

struct parser_terms {
    bool unconfined;           /* the operator lets manifests be read where the kernel cannot confine the reader */
    int cpu_s, memory_mib;     /* of the process, in its life */
    struct yaml_limits limits; /* of each file */
};
struct parser_terms parser_terms(const struct operator_config *config); /* NULL: the defaults */

/* `trees`: answers hold each document as it was written, not its record alone. */
struct parser_batch *parser_batch_create(bool trees, const struct parser_terms *terms);
void parser_batch_destroy(struct parser_batch *batch); /* NULL is fine */
/* Put a file in. `file` is given back with the answer. The bytes are copied. False: it is full; send it first. */
bool parser_add(struct parser_batch *batch, void *file, struct span bytes);
/* Begin: the process reads while the caller does something else. An empty batch is fine. Fails: SYSTEM (the program is
 * missing or cannot be started), CONFIG (it cannot be confined, and must be). */
bool parser_send(struct parser_batch *batch, struct error *err);
/* The answer about each file, in order; then the batch is empty. `answer` lives during the call; `ended` is NULL, or what
 * became of the process when it read this file ("it was ended by signal 11"): there is no answer then. Fails: SYSTEM. */
typedef void parser_visit(void *file, struct span answer, const char *ended, void *arg);
bool parser_receive(struct parser_batch *batch, parser_visit *visit, void *arg, struct error *err);

/* How the process is confined here; it is started if need be. Fails: SYSTEM. */
bool parser_confinement(struct confinement *out, struct error *err);
/* Start it ahead of the first file. */
bool parser_start(const struct parser_terms *terms, struct error *err);
void parser_stop(void);   /* ends the process; the next batch starts another */
int parser_process(void); /* its number; 0: none runs */
