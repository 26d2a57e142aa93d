/* What a scalar means (YAML 1.2, section 10.3.2: the core schema), and how text is written so that every reader, also
 * one of YAML 1.1, sees text again. */
#include "schema/yaml.h"

#include <string.h>

#include "base/text.h"

static bool is_word(const char *text, size_t length, const char *const words[])
{
    for (size_t i = 0; words[i] != NULL; i++)
        if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0)
            return true;
    return false;
}

static enum yaml_scalar number_type(const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    if (length > 2 && text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
        const char *digits = text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
        return strspn(text + 2, digits) == length - 2 ? YAML_INT : YAML_STRING;
    }
    at += *at == '-' || *at == '+';
    size_t whole = strspn(at, "0123456789");
    at += whole;
    if (at == end)
        return whole > 0 ? YAML_INT : YAML_STRING;
    size_t fraction = 0;
    if (*at == '.') {
        fraction = strspn(++at, "0123456789");
        at += fraction;
    }
    if (whole + fraction == 0)
        return YAML_STRING;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += *at == '-' || *at == '+';
        size_t exponent = strspn(at, "0123456789");
        if (exponent == 0)
            return YAML_STRING;
        at += exponent;
    }
    return at == end ? YAML_FLOAT : YAML_STRING;
}

enum yaml_scalar yaml_plain_type(const char *text, size_t length)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const floats[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf", "+.INF", "-.inf",
                                         "-.Inf", "-.INF", ".nan",  ".NaN",  ".NAN",  NULL};
    char c = length > 0 ? text[0] : '\0';
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.')
        return is_word(text, length, floats) ? YAML_FLOAT : number_type(text, length);
    if (c != '\0' && strchr("~nNtTfF", c) == NULL)
        return YAML_STRING;
    return is_word(text, length, nulls) ? YAML_NULL : is_word(text, length, bools) ? YAML_BOOL : YAML_STRING;
}

enum yaml_scalar yaml_scalar_type(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->plain ? yaml_plain_type(node->text, node->length) : YAML_STRING;
}

const char *yaml_describe(const struct yaml_node *node)
{
    static const char *const words[] = {
        [YAML_STRING] = "text", [YAML_NULL] = "null", [YAML_BOOL] = "true or false",
        [YAML_INT] = "a number", [YAML_FLOAT] = "a number",
    };
    if (node->kind != YAML_SCALAR)
        return node->kind == YAML_MAPPING ? "a mapping" : "a list";
    return words[yaml_scalar_type(node)];
}
