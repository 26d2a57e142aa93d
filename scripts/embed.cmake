# IN, OUT, NAME: write the bytes of IN as a C array NAME with its length NAME_length.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "#include <stddef.h>
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_length;
const unsigned char ${NAME}[] = {\n${bytes}0};
const size_t ${NAME}_length = sizeof ${NAME} - 1;
")
