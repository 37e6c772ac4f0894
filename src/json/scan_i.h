/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is checked before and beside cJSON, which bounds neither memory nor text. */
#ifndef SPFS_JSON_SCAN_I_H
#define SPFS_JSON_SCAN_I_H

#include <stdbool.h>
#include <stddef.h>

/* One pass over a document, before it is parsed: 0, -EBADMSG (a NUL byte, or nested too deep), -EFBIG (more
 * values than are believed). Escapes that stand for no text (\u0000, half a surrogate pair) are overwritten
 * by bytes that are not UTF-8, so that the one string around them is refused later and not the whole
 * document. */
int scan_document(char *text, size_t len);
bool scan_is_utf8(const char *s);

#endif
