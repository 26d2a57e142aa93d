/* DNS accounts in the queue: their credentials are watched as the manifests date them. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "controller/credentials.h"
#include "controller/engine_internal.h"
#include "controller/records.h"

/* Said once a stage, also by another process: a note in the store keeps what was said. */
static void warn(struct engine *engine, const struct credential_note *note, struct arena *arena)
{
    const char *key = arena_printf(arena, "credential/%s/%s", note->namespace_, note->name);
    const char *said = arena_printf(arena, "%lld %d", (long long)note->credential.end, (int)note->credential.stage);
    if (text_equal(meta_text(engine->model.state, key, arena), said))
        return;
    struct step step = {.human = note->credential.human};
    engine_report(engine, note->id, "warning", &step, note->credential.words, true);
    model_event(&engine->model, engine->batch, "DNSAccount", note->namespace_, note->name, "Warning", note->credential.code,
                note->credential.words, arena);
    meta_put(engine->batch, key, said);
}

void engine_credentials_due(struct engine *engine)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct credential_notes notes = credentials_ending(engine->model.desired, clock_now(), arena);
    for (size_t i = 0; i < notes.count; i++)
        warn(engine, &notes.items[i], arena);
    if (notes.next > 0)
        schedule_set(engine->queue, CREDENTIALS_KEY, notes.next * 1000);
    else
        schedule_remove(engine->queue, CREDENTIALS_KEY);
}
