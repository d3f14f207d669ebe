#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/mustache.h"

static const char *const NAMES[] = { "yes", "no", "text", "template", "customer", "long" };
enum {
        NAME_COUNT = COUNT_OF(NAMES)
};

static Arena *arena;

static int setup(void **state)
{
        (void)state;
        arena = arena_new(4096);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena = arena_free(arena);
        return 0;
}

static Text render_within(const char *source, size_t bytes_max)
{
        const Text values[NAME_COUNT] = { TEXT("yes"), TEXT_NONE, TEXT("second"), TEXT("{{customer}}{{#yes}}"),
                                          TEXT("Maria") };
        Mustache *template = NULL;
        TextFault fault = { 0 };
        int r = mustache_compile(arena, text_from(source), NAMES, NAME_COUNT, &template, &fault);
        if (r < 0)
                fail_msg("\"%s\": %.*s at %zu", source, TEXT_ARG(fault.message), fault.offset);
        return mustache_render(template, values, arena, bytes_max);
}

static void assert_renders(const char *source, const char *expected)
{
        Text text = render_within(source, 4096);
        if (!text_is(text, expected))
                fail_msg("\"%s\" gives \"%.*s\", not \"%s\"", source, TEXT_ARG(text), expected);
}

typedef struct Rendering {
        const char *source, *expected;
} Rendering;

static void assert_all(const Rendering *cases, size_t count)
{
        for (size_t i = 0; i < count; i++)
                assert_renders(cases[i].source, cases[i].expected);
}

/* The cases below are those of the public Mustache specification that apply to this subset. */

static void interpolation_inserts_and_leaves_space_alone(void **state)
{
        (void)state;
        const Rendering cases[] = {
                { "Hello from {Mustache}!\n", "Hello from {Mustache}!\n" },
                { "Hello, {{text}}!\n", "Hello, second!\n" },
                { "{{template}}: {{text}}", "{{customer}}{{#yes}}: second" },
                { "I ({{no}}) be seen!", "I () be seen!" },
                { "| {{text}} |", "| second |" },
                { "  {{text}}\n", "  second\n" },
                { "|{{ text }}|", "|second|" },
                { "|{{\n text\t}}|", "|second|" },
                { "", "" },
        };
        assert_all(cases, COUNT_OF(cases));
}

static void a_section_is_kept_if_the_value_is_not_empty(void **state)
{
        (void)state;
        const Rendering cases[] = {
                { "\"{{#yes}}This should be rendered.{{/yes}}\"", "\"This should be rendered.\"" },
                { "\"{{#no}}This should not be rendered.{{/no}}\"", "\"\"" },
                { "{{#yes}}\n* first\n{{/yes}}\n* {{text}}\n{{#yes}}\n* third\n{{/yes}}\n",
                  "* first\n* second\n* third\n" },
                { "| A {{#yes}}B {{#yes}}C{{/yes}} D{{/yes}} E |", "| A B C D E |" },
                { "| A {{#no}}B {{#no}}C{{/no}} D{{/no}} E |", "| A  E |" },
                { " | {{#yes}}\t|\t{{/yes}} | \n", " | \t|\t | \n" },
                { " | {{#yes}} {{! Important Whitespace }}\n {{/yes}} | \n", " |  \n  | \n" },
                { " {{#yes}}YES{{/yes}}\n {{#yes}}GOOD{{/yes}}\n", " YES\n GOOD\n" },
                { "|{{# yes }}={{/ yes }}|", "|=|" },
        };
        assert_all(cases, COUNT_OF(cases));
}

static void an_inverted_section_is_kept_if_the_value_is_empty(void **state)
{
        (void)state;
        const Rendering cases[] = {
                { "\"{{^no}}This should be rendered.{{/no}}\"", "\"This should be rendered.\"" },
                { "\"{{^yes}}This should not be rendered.{{/yes}}\"", "\"\"" },
                { "{{^no}}\n* first\n{{/no}}\n* {{text}}\n{{^no}}\n* third\n{{/no}}\n",
                  "* first\n* second\n* third\n" },
                { "| A {{^no}}B {{^no}}C{{/no}} D{{/no}} E |", "| A B C D E |" },
                { "| A {{^yes}}B {{^yes}}C{{/yes}} D{{/yes}} E |", "| A  E |" },
                { " | {{^no}}\t|\t{{/no}} | \n", " | \t|\t | \n" },
                { " {{^no}}NO{{/no}}\n {{^no}}WAY{{/no}}\n", " NO\n WAY\n" },
                { "|{{^ no }}={{/ no }}|", "|=|" },
        };
        assert_all(cases, COUNT_OF(cases));
}

static void a_tag_alone_on_its_line_takes_the_line_with_it(void **state)
{
        (void)state;
        const Rendering cases[] = {
                { "| This Is\n{{#yes}}\n|\n{{/yes}}\n| A Line\n", "| This Is\n|\n| A Line\n" },
                { "| This Is\n  {{#yes}}\n|\n  {{/yes}}\n| A Line\n", "| This Is\n|\n| A Line\n" },
                { "| This Is\n\t{{^no}} \n|\n{{/no}}\t\n| A Line\n", "| This Is\n|\n| A Line\n" },
                { "|\r\n{{#yes}}\r\n{{/yes}}\r\n|", "|\r\n|" },
                { "  {{#yes}}\n#{{/yes}}\n/", "#\n/" },
                { "#{{#yes}}\n/\n  {{/yes}}", "#\n/\n" },
                { "^{{^no}}\n/\n  {{/no}}", "^\n/\n" },
                { "{{#no}}\nhidden\n{{/no}}\nseen\n", "seen\n" },
                { "{{#yes}}{{#yes}}\nx{{/yes}}{{/yes}}", "\nx" },
        };
        assert_all(cases, COUNT_OF(cases));
}

static void comments_are_left_out(void **state)
{
        (void)state;
        const Rendering cases[] = {
                { "12345{{! Comment Block! }}67890", "1234567890" },
                { "12345{{!\n  This is a\n  multi-line comment...\n}}67890\n", "1234567890\n" },
                { "Begin.\n{{! Comment Block! }}\nEnd.\n", "Begin.\nEnd.\n" },
                { "Begin.\n  {{! Indented Comment Block! }}\nEnd.\n", "Begin.\nEnd.\n" },
                { "|\r\n{{! Standalone Comment }}\r\n|", "|\r\n|" },
                { "  {{! I'm Still Standalone }}\n!", "!" },
                { "!\n  {{! I'm Still Standalone }}", "!\n" },
                { "Begin.\n{{!\nSomething's going on here...\n}}\nEnd.\n", "Begin.\nEnd.\n" },
                { "Begin.\n  {{!\n    Something's going on here...\n  }}\nEnd.\n", "Begin.\nEnd.\n" },
                { "  12 {{! 34 }}\n", "  12 \n" },
                { "12345 {{! Comment Block! }} 67890", "12345  67890" },
                { "comments never show: >{{! text }}<", "comments never show: ><" },
        };
        assert_all(cases, COUNT_OF(cases));
}

typedef struct Refusal {
        const char *source;
        size_t offset;
        const char *message; /* a part of it */
} Refusal;

static void assert_refused(Refusal expected)
{
        Mustache *template = (Mustache *)&expected;
        TextFault fault = { 0 };
        int r = mustache_compile(arena, text_from(expected.source), NAMES, NAME_COUNT, &template, &fault);
        assert_int_equal(r, -EINVAL);
        assert_ptr_equal(template, (Mustache *)&expected);
        if (fault.offset != expected.offset || !strstr(fault.message.data, expected.message))
                fail_msg("\"%s\": \"%.*s\" at %zu", expected.source, TEXT_ARG(fault.message), fault.offset);
}

static void an_error_says_where_and_what(void **state)
{
        (void)state;
        const Refusal refusals[] = {
                { "Call {{custmer}}", 7, "there is no \"custmer\" for templates. Did you mean \"customer\"?" },
                { "Call {{xylophone}}", 7, "there is no \"xylophone\" for templates" },
                { "{{ Customer }}", 3, "Did you mean \"customer\"?" },
                { "a{{customer", 1, "no \"}}\"" },
                { "a{{", 1, "no \"}}\"" },
                { "a{{}}", 1, "a tag needs a name" },
                { "a{{# }}", 1, "a tag needs a name" },
                { "{{a b}}", 2, "letters, digits and _" },
                { "{{text {{yes}}", 2, "letters, digits and _" },
                { "{{customer.name}}", 2, "letters, digits and _" },
                { "x{{#yes}}y", 1, "the section \"yes\" is not ended" },
                { "x{{#yes}}{{^no}}y{{/no}}", 1, "the section \"yes\" is not ended" },
                { "x{{/yes}}", 1, "was not begun" },
                { "{{#yes}}{{^no}}{{/yes}}{{/no}}", 18, "to be ended here is \"no\"" },
                { "{{{text}}}", 0, "nothing is escaped" },
                { "b{{&text}}", 1, "nothing is escaped" },
                { "{{> header}}", 0, "include" },
                { "{{=<% %>=}}", 0, "braces" },
                { "\xff{{text}}", 0, "UTF-8" },
        };
        for (size_t i = 0; i < COUNT_OF(refusals); i++)
                assert_refused(refusals[i]);
}

static void sections_nest_sixteen_deep_and_not_deeper(void **state)
{
        (void)state;
        char source[1024] = "";
        for (int i = 0; i < 16; i++)
                strcat(source, "{{#yes}}");
        size_t open = strlen(source);
        char deeper[1024];
        strcpy(deeper, source);
        strcat(deeper, "{{#yes}}");
        strcat(source, "x");
        for (int i = 0; i < 16; i++)
                strcat(source, "{{/yes}}");
        assert_renders(source, "x");
        assert_refused((Refusal){ deeper, open, "16 deep" });
}

static void a_source_may_have_64_kib(void **state)
{
        (void)state;
        enum {
                MOST = 64 * 1024
        };
        char *source = arena_alloc(arena, MOST + 2);
        memset(source, 'a', MOST);
        Mustache *template = NULL;
        TextFault fault = { 0 };
        assert_int_equal(mustache_compile(arena, text_from(source), NAMES, NAME_COUNT, &template, &fault), 0);
        source[MOST] = 'a';
        assert_int_equal(mustache_compile(arena, text_from(source), NAMES, NAME_COUNT, &template, &fault), -EINVAL);
        assert_int_equal(fault.offset, MOST);
}

static void output_is_cut_at_a_character(void **state)
{
        (void)state;
        const char *source = "ab\u00e9{{text}}\U0001F600";
        const char *expected[] = { "", "a", "ab", "ab", "ab\u00e9", "ab\u00e9s", "ab\u00e9se" };
        for (size_t i = 0; i < COUNT_OF(expected); i++)
                assert_true(text_is(render_within(source, i), expected[i]));
        for (size_t i = 10; i < 14; i++)
                assert_true(text_is(render_within(source, i), "ab\u00e9second"));
        assert_true(text_is(render_within(source, 14), "ab\u00e9second\U0001F600"));
}

static void nothing_follows_what_was_cut(void **state)
{
        (void)state;
        assert_true(text_is(render_within("\U0001F600abc", 3), ""));
}

/* Every cut of a valid template, and every one with a byte changed, compiles or is refused with an offset inside it. */
static void broken_templates_are_refused_and_never_crash(void **state)
{
        (void)state;
        const char *source = "{{#yes}}\n{{text}} {{! a }}\n{{/yes}}{{^no}}x{{/no}}\n";
        size_t len = strlen(source);
        for (size_t cut = 0; cut < len; cut++) {
                for (size_t change = 0; change < 8; change++) {
                        char copy[128];
                        memcpy(copy, source, len);
                        copy[cut] = "{}#/^!\n\x80"[change];
                        Mustache *template = NULL;
                        TextFault fault = { .offset = SIZE_MAX };
                        Text text = { copy, change == 0 ? cut : len };
                        int r = mustache_compile(arena, text, NAMES, NAME_COUNT, &template, &fault);
                        if (r < 0) {
                                assert_true(fault.offset <= text.len && fault.message.len > 0);
                        } else {
                                const Text values[NAME_COUNT] = { TEXT("yes") };
                                assert_true(mustache_render(template, values, arena, 64).len <= 64);
                        }
                }
                arena_reset(arena);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(interpolation_inserts_and_leaves_space_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(a_section_is_kept_if_the_value_is_not_empty, setup, teardown),
                cmocka_unit_test_setup_teardown(an_inverted_section_is_kept_if_the_value_is_empty, setup, teardown),
                cmocka_unit_test_setup_teardown(a_tag_alone_on_its_line_takes_the_line_with_it, setup, teardown),
                cmocka_unit_test_setup_teardown(comments_are_left_out, setup, teardown),
                cmocka_unit_test_setup_teardown(an_error_says_where_and_what, setup, teardown),
                cmocka_unit_test_setup_teardown(sections_nest_sixteen_deep_and_not_deeper, setup, teardown),
                cmocka_unit_test_setup_teardown(a_source_may_have_64_kib, setup, teardown),
                cmocka_unit_test_setup_teardown(output_is_cut_at_a_character, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_follows_what_was_cut, setup, teardown),
                cmocka_unit_test_setup_teardown(broken_templates_are_refused_and_never_crash, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
