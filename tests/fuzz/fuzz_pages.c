/* The pages of a store file, whatever somebody made of them: judged without a read outside of the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/state_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[200];
    unsigned char *copy = malloc(size + 1); /* exactly as long, so that the sanitizer sees every step over the end */
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    if (pages_verify(copy, size, words, sizeof words) == (words[0] != '\0'))
        abort(); /* good without a word, or bad with one */
    free(copy);
    return 0;
}
