/* expr_scan.h - the words and signs of the rule language; private to expr_*.c.
 * Errors:  the first thing that is wrong is kept in fault; the token is then TOKEN_FAULT. */
#pragma once

#include "expr_tree.h"

typedef enum TokenKind {
        TOKEN_END,
        TOKEN_FAULT,
        TOKEN_WORD,
        TOKEN_NUMBER,
        TOKEN_TEXT,
        TOKEN_COMPARISON,
        TOKEN_SIGN, /* ( ) [ ] , / */
} TokenKind;

typedef struct Token {
        TokenKind kind;
        size_t start, end; /* bytes of the source */
        Text value;        /* TOKEN_TEXT: without its quotes; others as written */
        double number;
        Comparison comparison;
} Token;

typedef struct Scanner {
        Arena *arena;
        Text source;
        Token token;     /* the one to look at */
        size_t last_end; /* where the one before ended */
        bool has_fault;
        TextFault fault;
} Scanner;

/* Goes to the next token. */
void scan_next(Scanner *s);

/* At the sign /: reads the pattern up to the closing slash, and its flags. False: a fault. */
bool scan_regex(Scanner *s, Text *ret_pattern, bool *ret_ignores_case);

/* Keeps the fault, unless there is one already; returns false. */
bool scan_fault(Scanner *s, size_t offset, const char *format, ...) PRINTF_LIKE(3, 4);

bool token_is_word(const Token *token, const char *word);
bool token_is_sign(const Token *token, char sign);
bool word_is_reserved(Text word);

/* For messages: the token as written, in quotes, or "the end". */
Text token_found(const Scanner *s);
