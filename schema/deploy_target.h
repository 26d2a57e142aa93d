/* DeployTarget: where key and certificate go, how the service takes them up, how that is checked; and where challenge
 * files for the names it serves are put. */
#pragma once

#include "schema/resource.h"

enum target_layout { LAYOUT_GENERATION, LAYOUT_COMBINED };
enum rollback_policy { ROLLBACK_AUTO, ROLLBACK_NEVER };
enum deploy_policy { DEPLOY_AUTO, DEPLOY_MANUAL };

struct deploy_target {
    struct string_list domains; /* canonical names and "*.zone" globs it serves */
    struct {
        const char *root; /* a root of the operator's file */
    } local;
    const char *path; /* beneath the root; {namespace} {name} {common_name} */
    enum target_layout layout;
    const char *owner, *group; /* NULL: as the root has it */
    int mode; /* of the key; 0600 unless given */
    bool take_over;
    struct {
        const char *profile; /* NULL: none */
    } reload;
    struct {
        const char *address; /* "127.0.0.1:443"; NULL: no probe */
        const char *server_name; /* NULL: each of the certificate's names */
        int64_t timeout_s; /* 60 unless given */
    } probe;
    enum rollback_policy rollback;
    enum deploy_policy deploy;
    struct {
        const char *root;    /* NULL: takes no challenge files */
        const char *webroot; /* beneath that root; "" unless given */
    } challenge_http;
};
