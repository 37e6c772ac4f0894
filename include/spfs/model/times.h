/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ISO 8601 on the wire, contract sheet §17. */
#ifndef SPFS_MODEL_TIMES_H
#define SPFS_MODEL_TIMES_H

#include <stddef.h>
#include <stdint.h>

/* "2026-01-31T12:34:56[.0-9 digits](Z|±hh:mm)" → nanoseconds since 1970; SPFS_TIME_UNKNOWN for year 1, NULL
 * and anything malformed or out of range. */
int64_t spfs_time_parse(const char *text);
/* Whole seconds, cut downward: "2026-01-31T12:34:56Z". */
void spfs_time_format(int64_t ns, char out[32]);

#endif
