/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict reading of numbers between fixed text. */
#ifndef SIM_SCAN_I_H
#define SIM_SCAN_I_H

#include <stdbool.h>
#include <stdint.h>

/* `form` is matched from the start of text: %d reads decimal digits and %x hexadecimal ones into a uint64_t
 * *, anything else stands for itself. No signs, no spaces, no overflow. Gives the rest of the text, or NULL
 * when it does not match; a NULL text does not match. */
const char *scan(const char *text, const char *form, ...);

#endif
