/* What the files of the doctor share. */
#pragma once

#include "controller/command.h"
#include "controller/doctor.h"

struct desired;
struct state;

struct doctor {
    struct command_context *ctx;
    struct arena *arena;
    struct check_list *list;
    struct state *state;     /* NULL: it cannot be opened */
    struct desired *desired; /* NULL: they cannot be read */
    const char *about;       /* heading of what is added now */
};
void doctor_add(struct doctor *d, const char *name, const char *subject, enum check_outcome outcome,
                const char *cause, const char *cure);
void doctor_add_error(struct doctor *d, const char *name, const char *subject, const struct error *err,
                      const char *cure);

void doctor_places(
    struct doctor *d); /* doctor_places.c: directories, keys, rights, store, disk, limits, controller */
void doctor_outside(struct doctor *d); /* doctor_outside.c: vendors, DNS accounts */
void doctor_targets(struct doctor *d); /* doctor_outside.c: roots, webroots, reload programs */
