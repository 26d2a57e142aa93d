/* .certwrightignore at the root of a manifest directory: what is not read. The subset of .gitignore that is
 * understood:
 *
 *   # comment, empty lines   skipped; white space at the end of a line too
 *   name                     a file or folder of that name anywhere
 *   /name, a/b               from the root (any slash but a last one anchors)
 *   name/                    folders only
 *   *  ?                     within one part of a path;  ** : any number of parts
 *   !pattern                 takes back; the last line that matches decides. Nothing below an ignored
 * folder is seen \c                       the character c itself
 *
 * Bracket expressions are not understood: "[" stands for itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct ignore;

struct ignore *ignore_parse(const char *text, size_t length, struct arena *arena);
/* `path` is relative to the root. NULL ignores nothing. */
bool ignore_match(const struct ignore *ignore, const char *path, bool is_folder);
