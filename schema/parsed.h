/* What the reader of manifests (certwright-parse, a confined process) says about one file, as bytes. Whoever takes the
 * answer trusts it no more than the file itself: every count, length, name and text is checked, and a resource is decoded
 * anew, by the field tables, from the tree or record in it before anything is done with it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "schema/manifest.h"
#include "schema/yaml.h"

struct error;

#define PARSED_ANSWER_MAX (8u << 20) /* of one file; more in the measure in which the operator lets files be larger */
size_t parsed_answer_max(const struct yaml_limits *limits);

/* The first bytes the reader says, and of each batch that it is given. Numbers are in the host's order. */
#define PARSED_MAGIC 0x31505743u
struct parsed_hello {
    uint32_t magic;
    char version[28]; /* the program's; another one is not understood */
    uint32_t calls, landlock, user, limits; /* struct confinement */
};
struct parsed_batch {
    uint32_t length; /* of what follows: for each file its length (4 bytes) and its bytes */
    uint32_t files;
    uint32_t trees; /* 1: with the tree of each document */
    struct yaml_limits limits; /* of each file */
};
#define PARSED_BATCH_MAX (YAML_TOP_FILE + (1u << 20))
/* A file that every reader can read: a good document, one with an internationalised name, one that is no YAML. */
#define PARSED_SAMPLE                                                                                                  \
    "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: petra, labels: {a: b}}\n"                        \
    "spec: {firstName: Petra, lastName: Muster, email: petra@example.com, phone: \"+43 1 5550101\"}\n"                 \
    "---\napiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: shop}\n"                               \
    "spec: {dnsNames: [www.b\xC3\xBC" "cher.example], x: 1}\n--- [\n"

struct parsed_resource {
    enum resource_kind kind;
    struct position position;
    const unsigned char *digest; /* 32 bytes */
    const char *namespace_, *name;
    struct span json; /* the canonical record, as manifest_encode_json writes it */
    struct span tree; /* the document as written (yaml_pack); empty: not asked for */
};
struct parsed_file {
    struct parsed_resource *resources;
    size_t count;
    struct resource_list broken; /* kind, namespace, name, position: whose documents have errors */
};

/* The reader's side: decode a file and append the answer. */
void parsed_encode(const struct yaml_limits *limits, struct span text, bool trees, struct arena *arena, struct buffer *out);
/* The other side. Everything points into `bytes`, but problems, whose texts are cleaned copies. Fails: MALFORMED. */
bool parsed_decode(struct span bytes, const char *file, struct arena *arena, struct parsed_file *out,
                   struct problem_list *problems, struct error *err);
/* The resource itself, from its tree, else from its record; `bytes` of both must outlive it. False: it is not what was
 * said about it. */
bool parsed_resource_decode(const struct parsed_resource *parsed, struct arena *arena, struct resource *out);
