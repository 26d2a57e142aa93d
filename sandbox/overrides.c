/* Reads the two maps that the sandbox shares with the operator's file, by libyaml's events. */
#include "sandbox/overrides.h"

#include <string.h>

#include <yaml.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "sandbox/sandbox.h"

enum { MAX_FILE = 1 << 20 };

struct reading {
    struct arena *arena;
    struct options *options;
    struct string_list *into; /* of the map we are in; NULL: none that matters */
    const char *key;          /* waiting for its value, at depth 1 or 2 */
    int depth;
};

static void take_scalar(struct reading *reading, const char *text)
{
    if (reading->depth == 1) {
        reading->key = reading->key == NULL ? text : NULL;
        return;
    }
    if (reading->depth != 2 || reading->into == NULL)
        return;
    if (reading->key == NULL) {
        reading->key = text;
        return;
    }
    string_list_push(reading->arena, reading->into,
                     arena_printf(reading->arena, "%s=%s", reading->key, text));
    reading->key = NULL;
}

static void begin(struct reading *reading)
{
    if (reading->depth++ != 1)
        return;
    reading->into = reading->key == NULL                       ? NULL
                    : strcmp(reading->key, "resolve") == 0     ? &reading->options->resolve
                    : strcmp(reading->key, "nameservers") == 0 ? &reading->options->nameservers
                                                               : NULL;
    reading->key = NULL;
}

static void end(struct reading *reading)
{
    reading->depth--;
    reading->key = NULL;
    if (reading->depth == 1)
        reading->into = NULL;
}

static bool take_event(struct reading *reading, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        take_scalar(reading, arena_strndup(reading->arena, (const char *)event->data.scalar.value,
                                           event->data.scalar.length));
        return true;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT: begin(reading); return reading->depth <= 32;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: end(reading); return true;
    default: return true;
    }
}

bool overrides_read(const char *path, struct arena *arena, struct options *options, struct error *err)
{
    struct buffer text = {0};
    yaml_parser_t parser;
    if (!file_read_path(path, MAX_FILE, &text, err))
        return false;
    if (!yaml_parser_initialize(&parser)) {
        buffer_release(&text);
        return error_raise(err, ERROR_INTERNAL, "the YAML reader cannot be set up");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)buffer_text(&text), text.length);
    struct reading reading = {.arena = arena, .options = options};
    bool good = true, more = true;
    while (good && more) {
        yaml_event_t event;
        good = yaml_parser_parse(&parser, &event) == 1;
        if (!good) {
            error_raise(err, ERROR_CONFIG, "%s:%zu: %s", path, parser.problem_mark.line + 1,
                        parser.problem != NULL ? parser.problem : "not YAML");
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        if (!take_event(&reading, &event))
            good = error_raise(err, ERROR_CONFIG, "%s is nested too deeply", path);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    buffer_release(&text);
    return good;
}
