#include "controller/listing.h"

#include "base/arena.h"
#include "controller/look_print.h"
#include "schema/manifest.h"

void listing_begin(struct listing *listing, struct command_context *ctx, const struct listing_column *columns)
{
    *listing = (struct listing){.ctx = ctx, .columns = columns};
    while (columns[listing->column_count].heading != NULL)
        listing->column_count++;
    listing->w.out = &listing->json;
    listing->json.limit = (size_t)1 << 30;
    json_begin_array(&listing->w);
}

bool listing_wants_document(const struct listing *listing)
{
    return listing->ctx->output == OUTPUT_JSON || listing->ctx->output == OUTPUT_YAML;
}

void listing_add(struct listing *listing, const char *namespace_, const char *name, const char *id,
                 const char *const *cells)
{
    struct arena *arena = listing->ctx->arena;
    struct listing_row *row = arena_push(arena, &listing->rows, listing->count);
    *row = (struct listing_row){arena_strdup(arena, namespace_), arena_strdup(arena, name),
                                arena_strdup(arena, id),
                                arena_array(arena, listing->column_count, sizeof *row->cells), listing->json.length};
    for (size_t i = 0; i < listing->column_count; i++)
        row->cells[i] = cells[i] != NULL ? look_line(arena, cells[i]) : "";
}

/* The namespace is worth a column when there is more to see than "default" or the one asked for. */
static bool shows_namespaces(const struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        if (!text_equal(listing->rows[i].namespace_, listing->rows[0].namespace_) ||
            (listing->ctx->namespace_ == NULL && !text_equal(listing->rows[i].namespace_, "default")))
            return true;
    return false;
}

static void print_table(struct listing *listing)
{
    struct arena *arena = listing->ctx->arena;
    bool wide = listing->ctx->output == OUTPUT_WIDE, namespaces = shows_namespaces(listing);
    const char **headings = arena_array(arena, listing->column_count + 1, sizeof *headings);
    size_t shown = 0;
    if (namespaces)
        headings[shown++] = "NAMESPACE";
    for (size_t i = 0; i < listing->column_count; i++)
        if (wide || !listing->columns[i].wide)
            headings[shown++] = listing->columns[i].heading;
    struct table table;
    table_begin(&table, arena, shown, headings);
    for (size_t r = 0; r < listing->count; r++) {
        if (namespaces)
            *arena_push(arena, &table.cells, table.count) = listing->rows[r].namespace_;
        for (size_t i = 0; i < listing->column_count; i++)
            if (wide || !listing->columns[i].wide)
                *arena_push(arena, &table.cells, table.count) = listing->rows[r].cells[i];
    }
    table_print(listing->ctx, &table);
}

/* A document each, so that what is printed can be kept as a manifest file. */
static int print_documents(struct listing *listing)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < listing->count && code == EXIT_OK; i++) {
        size_t from = i == 0 ? 1 : listing->rows[i - 1].json_end + 1; /* behind a bracket or a comma */
        struct buffer text = {.limit = (size_t)1 << 30};
        buffer_append(&text, listing->json.data + from, listing->rows[i].json_end - from);
        command_print(listing->ctx, "---\n");
        code = look_print_document(listing->ctx, &text);
        buffer_release(&text);
    }
    return code;
}

static int print_document(struct listing *listing)
{
    struct buffer text = {.limit = (size_t)1 << 30};
    struct json_writer w = {.out = &text};
    if (listing->single) { /* without the brackets */
        buffer_append(&text, listing->json.data + 1, listing->json.length - 2);
    } else {
        json_begin_object(&w);
        json_string_member(&w, "apiVersion", MANIFEST_API_VERSION);
        json_string_member(&w, "kind", "List");
        json_string_member(&w, "formatVersion", "1");
        json_key(&w, "items");
        json_put_raw(&w, buffer_text(&listing->json));
        json_end_object(&w);
    }
    int code = look_print_document(listing->ctx, &text);
    buffer_release(&text);
    return code;
}

int listing_end(struct listing *listing, const char *what)
{
    int code = EXIT_OK;
    json_end_array(&listing->w);
    if (listing_wants_document(listing)) {
        if (!listing->single && listing->ctx->output == OUTPUT_YAML)
            code = print_documents(listing);
        else if (!listing->single || listing->count == 1)
            code = print_document(listing);
    } else if (listing->ctx->output == OUTPUT_NAME) {
        for (size_t i = 0; i < listing->count; i++)
            command_print(listing->ctx, "%s\n", listing->rows[i].id);
    } else if (listing->count > 0) {
        print_table(listing);
    } else if (!listing->ctx->quiet && !listing->single) {
        command_fail(listing->ctx, EXIT_OK, "there are no %s", what);
    }
    buffer_release(&listing->json);
    return code;
}
