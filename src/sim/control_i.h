/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the control endpoint. */
#ifndef SIM_CONTROL_I_H
#define SIM_CONTROL_I_H

#include "sim_i.h"

/* change.c: POST /_sim/change, one operation or an array of them. */
void change_call(struct sim_call *c);

#endif
