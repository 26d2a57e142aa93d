/* Certificate: what a TLS certificate should be, from whom, how proven, where served. */
#pragma once

#include "base/key.h"
#include "schema/resource.h"

enum dcv_method { DCV_UNSET, DCV_DNS, DCV_HTTP, DCV_HTTPS, DCV_EMAIL, DCV_METHOD_COUNT };
enum rotation_policy { ROTATION_ALWAYS, ROTATION_NEVER };
enum deletion_policy { DELETION_ORPHAN };

struct dcv_settings { /* the same members stand at dcv and in each override */
    enum dcv_method method; /* DNS unless given */
    struct {
        struct reference account_ref;
        bool manual; /* print the record, wait, verify */
    } dns;
    struct {
        bool manual; /* print the file, wait, verify */
    } http;
    struct {
        const char *approver; /* one address for all names it fits; NULL: admin@<registrable domain> */
    } email;
};
struct dcv_override {
    struct string_list dns_names;
    struct dcv_settings settings;
    struct position position;
};

struct certificate {
    const char *common_name;     /* canonical; NULL: the first of dns_names */
    struct string_list dns_names; /* canonical (A-labels, lower case), in the manifest's order, without duplicates;
                                     includes common_name */
    struct reference issuer_ref;
    struct {
        const char *product; /* the vendor's code, lower case, aliases resolved */
        int term_months;     /* 12 unless given */
        int server_count;    /* 1 unless given; -1: unlimited */
        const char *web_server_type; /* the vendor's spelling; "Other" unless given */
        const char *special_instructions; /* "" unless given */
        const char *email_language;       /* "EN" unless given */
    } order;
    struct reference organization_ref, admin_contact_ref, technical_contact_ref;
    struct {
        enum key_algorithm algorithm; /* RSA unless given */
        int size;                     /* 2048 for RSA, 256 for ECDSA unless given */
        enum rotation_policy rotation_policy;
        struct secret_ref secret_ref; /* a brought key */
    } private_key;
    const char *csr; /* a brought request, PEM; NULL: none */
    struct secret_ref csr_secret_ref;
    struct {
        struct dcv_settings settings;
        struct dcv_override *overrides;
        size_t override_count;
    } dcv;
    int64_t renew_before_s;       /* 0: not given */
    int renew_before_percentage;  /* of the lifetime; 0: not given. Neither: one third of the lifetime */
    struct reference_list targets;
    struct label_list target_selector; /* matchLabels */
    enum deletion_policy deletion_policy;
    bool suspend;
};

/* The common name given, else the first name. */
const char *certificate_main_name(const struct certificate *certificate);
/* The settings that govern `name`: the override that lists it, else the general ones; method never UNSET. */
const struct dcv_settings *certificate_dcv(const struct certificate *certificate, const char *name);
const char *dcv_method_name(enum dcv_method method); /* "DNS", "HTTP", "HTTPS", "Email" */
