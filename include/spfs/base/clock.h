/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks. Waits and deadlines use the monotonic one only, so that a jump of the wall clock ends no wait early
 * and prolongs none. Tests replace both by spfs_clock_set_fake; that is process-wide and for tests only. */
#ifndef SPFS_BASE_CLOCK_H
#define SPFS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

uint64_t spfs_now_ms(void);     /* monotonic, milliseconds (CLOCK_BOOTTIME: goes on in suspend) */
uint64_t spfs_now_us(void);     /* the same in microseconds, for measurements */
int64_t spfs_now_real_ns(void); /* wall clock, nanoseconds since 1970 */
void spfs_clock_set_fake(uint64_t mono_ms, int64_t real_ns); /* both clocks stand still at these values */
void spfs_clock_advance_fake(uint64_t ms);
void spfs_clock_set_real(void);

#endif
