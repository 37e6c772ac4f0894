/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pause of one account, shared by the processes of this machine.
 *
 * States: open (until 0) → paused (until in the future) → due (until passed): one probe goes first → open, or
 * paused again. All words are atomics in a mapped file, so that a process killed at any point leaves nothing
 * locked: a probe is a lease that runs out. Times are on the boot clock, which no change of the wall clock
 * moves; the id of the boot is kept beside them, so that a reboot voids the file; an end further away than
 * PAUSE_MAX_MS is void as well. */
#ifndef SPFS_HTTP_PAUSE_I_H
#define SPFS_HTTP_PAUSE_I_H

#include <spfs/base/str.h>

/* The longest pause obeyed, whatever a server says; and how long a probe may take before another one goes. */
enum { PAUSE_MAX_MS = 3600 * 1000, PROBE_MS = 30 * 1000 };

enum pause_gate { PAUSE_OPEN, PAUSE_CLOSED, PAUSE_DUE };

struct pause;

/* file NULL: this process only. */
int pause_open(const char *file, struct pause **ret, struct spfs_reason *reason);
void pause_close(struct pause *p);
/* ret_until: end of the pause on spfs_now_ms; 0 when open. */
enum pause_gate pause_look(struct pause *p, uint64_t now_ms, uint64_t *ret_until);
/* A throttled reply. retry_after_ms -1: it did not say; then, and when throttled again and again, the wait
 * doubles. True when this began a pause, false when it only met one. */
bool pause_raise(struct pause *p, uint64_t now_ms, int64_t retry_after_ms);
/* When due: the right to send the one probe. False: somebody else has it. */
bool pause_take_probe(struct pause *p, uint64_t now_ms, uint64_t *ret_lease);
/* The probe is over; passed: it was answered, so the pause that ended at `until` is forgotten. */
void pause_end_probe(struct pause *p, uint64_t lease, uint64_t until, bool passed);

/* Full jitter: uniform in 0 … 0.5 s doubled step times, at most 60 s. */
uint64_t pause_backoff_ms(unsigned step);

#endif
