/* The calls that our code makes of OpenSSL, each of which can be made to fail: see failing.h. */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "failing.h"

typedef const unsigned char *octets; /* a comma less in what follows */

FAILING_LIBRARY(BIO *, NULL, BIO_new, (const BIO_METHOD *a), a)
FAILING_LIBRARY(BIO *, NULL, BIO_new_mem_buf, (const void *a, int b), a, b)
FAILING_LIBRARY(OPENSSL_STACK *, NULL, OPENSSL_sk_new_null, (void), )
FAILING_LIBRARY(int, 0, OPENSSL_sk_push, (OPENSSL_STACK * a, const void *b), a, b)
FAILING_LIBRARY(int, 0, X509_up_ref, (X509 * a), a)
FAILING_LIBRARY(int, 0, X509_digest,
                (const X509 *a, const EVP_MD *b, unsigned char *c, unsigned *d), a, b, c, d)
FAILING_LIBRARY(EVP_PKEY *, NULL, X509_get0_pubkey, (const X509 *a), a)
FAILING_LIBRARY(char *, NULL, BN_bn2hex, (const BIGNUM *a), a)
FAILING_LIBRARY(int, 0, ASN1_TIME_to_tm, (const ASN1_TIME *a, struct tm *b), a, b)
FAILING_LIBRARY(int, -1, ASN1_STRING_to_UTF8, (unsigned char **a, const ASN1_STRING *b), a, b)
FAILING_LIBRARY(int, 0, GENERAL_NAME_print, (BIO * a, GENERAL_NAME *b), a, b)
FAILING_LIBRARY(void *, NULL, X509_get_ext_d2i, (const X509 *a, int b, int *c, int *d), a, b, c, d)
FAILING_LIBRARY(int, 0, PEM_write_bio_X509, (BIO * a, const X509 *b), a, b)
FAILING_LIBRARY(X509 *, NULL, PEM_read_bio_X509, (BIO * a, X509 **b, pem_password_cb *c, void *d), a, b, c, d)
FAILING_LIBRARY(int, 0, PEM_read_bio,
                (BIO * a, char **b, char **c, unsigned char **d, long *e), a, b, c, d, e)
FAILING_LIBRARY(X509_STORE *, NULL, X509_STORE_new, (void), )
FAILING_LIBRARY(int, 0, X509_STORE_add_cert, (X509_STORE * a, X509 *b), a, b)
FAILING_LIBRARY(X509_STORE_CTX *, NULL, X509_STORE_CTX_new, (void), )
FAILING_LIBRARY(int, 0, X509_STORE_CTX_init,
                (X509_STORE_CTX * a, X509_STORE *b, X509 *c, STACK_OF(X509) * d), a, b, c, d)
FAILING_LIBRARY(int, 0, X509_STORE_CTX_set_default, (X509_STORE_CTX * a, const char *b), a, b)
FAILING_LIBRARY(int, -1, X509_verify_cert, (X509_STORE_CTX * a), a)
FAILING_LIBRARY(int, -1, X509_verify, (X509 * a, EVP_PKEY *b), a, b)
FAILING_LIBRARY(X509_NAME *, NULL, X509_NAME_new, (void), )
FAILING_LIBRARY(int, 0, X509_NAME_add_entry_by_NID,
                (X509_NAME * a, int b, int c, octets d, int e, int f, int g), a, b, c, d, e, f, g)
FAILING_LIBRARY(X509_REQ *, NULL, X509_REQ_new, (void), )
FAILING_LIBRARY(int, 0, X509_REQ_set_version, (X509_REQ * a, long b), a, b)
FAILING_LIBRARY(int, 0, X509_REQ_set_pubkey, (X509_REQ * a, EVP_PKEY *b), a, b)
FAILING_LIBRARY(int, 0, X509_REQ_set_subject_name, (X509_REQ * a, const X509_NAME *b), a, b)
FAILING_LIBRARY(int, 0, X509_REQ_add_extensions, (X509_REQ * a, const STACK_OF(X509_EXTENSION) * b), a, b)
FAILING_LIBRARY(int, 0, X509_REQ_sign, (X509_REQ * a, EVP_PKEY *b, const EVP_MD *c), a, b, c)
FAILING_LIBRARY(int, -1, X509_REQ_verify, (X509_REQ * a, EVP_PKEY *b), a, b)
FAILING_LIBRARY(EVP_PKEY *, NULL, X509_REQ_get0_pubkey, (X509_REQ * a), a)
FAILING_LIBRARY(int, 0, X509V3_add1_i2d,
                (STACK_OF(X509_EXTENSION) * *a, int b, void *c, int d, unsigned long e), a, b, c, d, e)
FAILING_LIBRARY(GENERAL_NAME *, NULL, GENERAL_NAME_new, (void), )
FAILING_LIBRARY(GENERAL_NAMES *, NULL, GENERAL_NAMES_new, (void), )
FAILING_LIBRARY(ASN1_IA5STRING *, NULL, ASN1_IA5STRING_new, (void), )
FAILING_LIBRARY(int, 0, ASN1_STRING_set, (ASN1_STRING * a, const void *b, int c), a, b, c)
FAILING_LIBRARY(int, 0, PEM_write_bio_X509_REQ, (BIO * a, const X509_REQ *b), a, b)
FAILING_LIBRARY(int, 0, PEM_bytes_read_bio,
                (unsigned char **a, long *b, char **c, const char *d, BIO *e, pem_password_cb *f, void *g),
                a, b, c, d, e, f, g)
FAILING_LIBRARY(int, 0, PEM_bytes_read_bio_secmem,
                (unsigned char **a, long *b, char **c, const char *d, BIO *e, pem_password_cb *f, void *g),
                a, b, c, d, e, f, g)
FAILING_LIBRARY(int, 0, PEM_write_bio_PKCS8PrivateKey,
                (BIO * a, const EVP_PKEY *b, const EVP_CIPHER *c, const char *d, int e, pem_password_cb *f,
                 void *g),
                a, b, c, d, e, f, g)
FAILING_LIBRARY(int, 0, EVP_PKEY_get_group_name,
                (const EVP_PKEY *a, char *b, size_t c, size_t *d), a, b, c, d)
FAILING_LIBRARY(int, 0, EVP_PKEY_get_bn_param, (const EVP_PKEY *a, const char *b, BIGNUM **c), a, b, c)
FAILING_LIBRARY(int, 0, EVP_PKEY_set_utf8_string_param, (EVP_PKEY * a, const char *b, const char *c), a, b, c)
FAILING_LIBRARY(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void), )
FAILING_LIBRARY(int, 0, EVP_DigestSignInit,
                (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e), a, b, c, d, e)
FAILING_LIBRARY(int, 0, EVP_DigestSign,
                (EVP_MD_CTX * a, unsigned char *b, size_t *c, octets d, size_t e), a, b, c, d, e)
FAILING_LIBRARY(int, 0, EVP_DigestVerifyInit,
                (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e), a, b, c, d, e)
FAILING_LIBRARY(int, -1, EVP_DigestVerify,
                (EVP_MD_CTX * a, octets b, size_t c, octets d, size_t e), a, b, c, d, e)
FAILING_LIBRARY(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), )
FAILING_LIBRARY(int, 0, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * a, int b, int c, void *d), a, b, c, d)
FAILING_LIBRARY(int, 0, EVP_EncryptInit_ex2,
                (EVP_CIPHER_CTX * a, const EVP_CIPHER *b, octets c, octets d, const OSSL_PARAM *e),
                a, b, c, d, e)
FAILING_LIBRARY(int, 0, EVP_EncryptUpdate,
                (EVP_CIPHER_CTX * a, unsigned char *b, int *c, octets d, int e), a, b, c, d, e)
FAILING_LIBRARY(int, 0, EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * a, unsigned char *b, int *c), a, b, c)
FAILING_LIBRARY(int, 0, EVP_DecryptInit_ex2,
                (EVP_CIPHER_CTX * a, const EVP_CIPHER *b, octets c, octets d, const OSSL_PARAM *e),
                a, b, c, d, e)
FAILING_LIBRARY(int, 0, EVP_DecryptUpdate,
                (EVP_CIPHER_CTX * a, unsigned char *b, int *c, octets d, int e), a, b, c, d, e)
FAILING_LIBRARY(int, 0, EVP_DecryptFinal_ex, (EVP_CIPHER_CTX * a, unsigned char *b, int *c), a, b, c)

/* ---- messages to name servers ---- */

FAILING_LIBRARY(EVP_MAC *, NULL, EVP_MAC_fetch, (OSSL_LIB_CTX * a, const char *b, const char *c), a, b, c)
FAILING_LIBRARY(EVP_MAC_CTX *, NULL, EVP_MAC_CTX_new, (EVP_MAC * a), a)
FAILING_LIBRARY(int, 0, EVP_MAC_init, (EVP_MAC_CTX * a, octets b, size_t c, const OSSL_PARAM *d), a, b, c, d)
FAILING_LIBRARY(int, 0, EVP_MAC_update, (EVP_MAC_CTX * a, octets b, size_t c), a, b, c)
FAILING_LIBRARY(int, 0, EVP_MAC_final, (EVP_MAC_CTX * a, unsigned char *b, size_t *c, size_t d), a, b, c, d)

/* ---- connections ---- */

FAILING_LIBRARY(SSL_CTX *, NULL, SSL_CTX_new, (const SSL_METHOD *a), a)
FAILING_LIBRARY(long, 0, SSL_CTX_ctrl, (SSL_CTX * a, int b, long c, void *d), a, b, c, d)
FAILING_LIBRARY(int, 0, SSL_CTX_set_cipher_list, (SSL_CTX * a, const char *b), a, b)
FAILING_LIBRARY(SSL *, NULL, SSL_new, (SSL_CTX * a), a)
FAILING_LIBRARY(long, 0, SSL_ctrl, (SSL * a, int b, long c, void *d), a, b, c, d)
FAILING_LIBRARY(int, -1, BIO_write, (BIO * a, const void *b, int c), a, b, c)
FAILING_LIBRARY(X509 *, NULL, SSL_get0_peer_certificate, (const SSL *a), a)
