#include "config/csv.h"

#include <errno.h>

typedef struct CsvReader {
        Arena *arena;
        Report *report;
        Text file;
        Text rest;
        unsigned line;
        bool is_good;
        Text cells[CSV_COLUMNS_MAX];
        size_t cell_count; /* of the row; may be more than fit */
        unsigned row_line;
} CsvReader;

static void csv_error(CsvReader *c, unsigned line, const char *message)
{
        c->is_good = false;
        report_error(c->report, c->file, line, "%s", message);
}

static void reader_advance(CsvReader *c, size_t bytes)
{
        c->rest = text_from_offset(c->rest, bytes);
}

/* Skips the end of a line, if one is here. */
static bool line_ends(CsvReader *c)
{
        if (text_is_empty(c->rest))
                return true;
        if (c->rest.data[0] != '\n' && c->rest.data[0] != '\r')
                return false;
        reader_advance(c, text_starts(c->rest, TEXT("\r\n")) ? 2 : 1);
        c->line++;
        return true;
}

/* Up to the closing quote; doubled quotes become one. False: there is no end, and nothing after it can be trusted. */
static bool quoted_cell(CsvReader *c, Text *ret)
{
        unsigned began = c->line;
        Buffer b = buffer_in(c->arena);
        for (reader_advance(c, 1); !text_is_empty(c->rest); reader_advance(c, 1)) {
                if (text_starts(c->rest, TEXT("\"\""))) {
                        reader_advance(c, 1);
                } else if (c->rest.data[0] == '"') {
                        reader_advance(c, 1);
                        *ret = buffer_text(&b);
                        return true;
                }
                c->line += c->rest.data[0] == '\n';
                buffer_put_char(&b, c->rest.data[0]);
        }
        csv_error(c, began, "the quote that opens here is not closed");
        return false;
}

static bool plain_cell(CsvReader *c, Text *ret)
{
        size_t len = 0;
        while (len < c->rest.len && !strchr(",\r\n\"", c->rest.data[len]))
                len++;
        *ret = (Text){ c->rest.data, len };
        reader_advance(c, len);
        if (text_is_empty(c->rest) || c->rest.data[0] != '"')
                return true;
        csv_error(c, c->line, "a quote stands inside a cell; put the whole cell in quotes and double this one");
        return false;
}

/* One cell and the comma or line end after it. */
static bool read_cell(CsvReader *c, bool *ret_is_last)
{
        Text cell;
        bool is_quoted = !text_is_empty(c->rest) && c->rest.data[0] == '"';
        if (!(is_quoted ? quoted_cell(c, &cell) : plain_cell(c, &cell)))
                return false;
        cell = text_trim(cell);
        if (c->cell_count < CSV_COLUMNS_MAX)
                c->cells[c->cell_count++] = cell;
        else if (!text_is_empty(cell))
                c->cell_count++;
        if (!text_is_empty(c->rest) && c->rest.data[0] == ',') {
                reader_advance(c, 1);
                *ret_is_last = false;
                return true;
        }
        *ret_is_last = true;
        if (line_ends(c))
                return true;
        csv_error(c, c->line, "text stands behind the closing quote of a cell");
        return false;
}

/* The next row that is not empty. False: none, or it cannot be read. */
static bool read_row(CsvReader *c)
{
        while (!text_is_empty(c->rest)) {
                bool is_last = false, is_empty = true;
                c->cell_count = 0;
                c->row_line = c->line;
                while (!is_last)
                        if (!read_cell(c, &is_last))
                                return false;
                for (size_t i = 0; i < MIN_OF(c->cell_count, (size_t)CSV_COLUMNS_MAX); i++)
                        is_empty &= text_is_empty(c->cells[i]);
                if (!is_empty)
                        return true;
        }
        return false;
}

/* Where each column asked for stands in the file; SIZE_MAX: nowhere. */
typedef struct CsvHeader {
        const CsvColumn *columns;
        size_t column_count;
        size_t places[CSV_COLUMNS_MAX];
        size_t width; /* of the file's header, without empty names at its end */
} CsvHeader;

static void header_unknown(CsvReader *c, const CsvHeader *h, Text name)
{
        Arena *arena = c->report->arena;
        Suggestion nearest = suggestion_for(name);
        for (size_t i = 0; i < h->column_count; i++)
                suggestion_offer(&nearest, text_from(h->columns[i].name));
        c->is_good = false;
        report_error(c->report, c->file, c->row_line, "unknown column %s%s", report_quote(arena, name),
                     suggestion_text(&nearest, arena));
}

static void header_place(CsvReader *c, CsvHeader *h, size_t place)
{
        Text name = c->cells[place];
        for (size_t i = 0; i < h->column_count; i++) {
                if (!text_is(name, h->columns[i].name))
                        continue;
                if (h->places[i] != SIZE_MAX)
                        csv_error(c, c->row_line,
                                  arena_textf(c->arena, "column \"%s\" stands here twice", h->columns[i].name).data);
                h->places[i] = place;
                return;
        }
        header_unknown(c, h, name);
}

static bool header_separator_is_comma(CsvReader *c)
{
        static const char others[] = { ';', '\t', '|' };
        for (size_t i = 0; c->cell_count == 1 && i < sizeof(others); i++) {
                if (!memchr(c->cells[0].data, others[i], c->cells[0].len))
                        continue;
                csv_error(c, c->row_line, "no comma stands here; columns are separated by commas");
                return false;
        }
        return true;
}

static void header_read(CsvReader *c, CsvHeader *h)
{
        for (size_t i = 0; i < h->column_count; i++)
                h->places[i] = SIZE_MAX;
        if (!read_row(c)) {
                if (c->is_good)
                        csv_error(c, 0, "the file is empty; its first row names the columns");
                return;
        }
        if (!header_separator_is_comma(c))
                return;
        if (c->cell_count > CSV_COLUMNS_MAX) {
                csv_error(c, c->row_line, "more columns than there are names for");
                return;
        }
        h->width = c->cell_count;
        while (text_is_empty(c->cells[h->width - 1]))
                h->width--;
        for (size_t i = 0; i < h->width; i++)
                header_place(c, h, i);
        for (size_t i = 0; i < h->column_count; i++)
                if (h->columns[i].is_required && h->places[i] == SIZE_MAX)
                        csv_error(c, c->row_line,
                                  arena_textf(c->arena, "column \"%s\" is missing", h->columns[i].name).data);
}

static void row_keep(CsvReader *c, const CsvHeader *h, CsvTable *table)
{
        while (c->cell_count > h->width && c->cell_count <= CSV_COLUMNS_MAX &&
               text_is_empty(c->cells[c->cell_count - 1]))
                c->cell_count--;
        if (c->cell_count != h->width) {
                csv_error(c, c->row_line,
                          arena_textf(c->arena, "%zu cells stand here, where the first row names %zu columns",
                                      c->cell_count, h->width)
                                  .data);
                return;
        }
        Text *cells = arena_array(c->arena, Text, h->column_count);
        for (size_t i = 0; i < h->column_count; i++)
                cells[i] = h->places[i] == SIZE_MAX ? TEXT_NONE : c->cells[h->places[i]];
        table->rows = arena_grow(c->arena, table->rows, table->count, &table->capacity, sizeof(CsvRow));
        table->rows[table->count++] = (CsvRow){ c->row_line, cells };
}

static bool content_is_text(CsvReader *c)
{
        Text rest = c->rest, part;
        if (!text_is_utf8(c->rest)) {
                for (unsigned line = 1; text_split(&rest, '\n', &part); line++)
                        if (!text_is_utf8(part))
                                csv_error(c, line, "this line is not UTF-8; export the file as UTF-8");
        } else if (c->rest.len > 0 && memchr(c->rest.data, '\0', c->rest.len)) {
                csv_error(c, 0, "a byte 0 stands in it; this is no text file");
        }
        return c->is_good;
}

int csv_read(Arena *arena, Text file, Text content, const CsvColumn *columns, size_t column_count, Report *report,
             CsvTable *ret)
{
        must(column_count <= CSV_COLUMNS_MAX);
        CsvReader c = { .arena = arena, .report = report, .file = file, .rest = content, .line = 1, .is_good = true };
        CsvHeader header = { .columns = columns, .column_count = column_count };
        CsvTable table = { .file = file };
        if (text_starts(c.rest, TEXT("\xef\xbb\xbf")))
                reader_advance(&c, 3);
        if (!content_is_text(&c))
                return -EINVAL;
        header_read(&c, &header);
        if (!c.is_good)
                return -EINVAL;
        while (read_row(&c))
                row_keep(&c, &header, &table);
        *ret = table;
        return c.is_good ? 0 : -EINVAL;
}
