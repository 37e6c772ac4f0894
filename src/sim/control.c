/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: the control endpoint of tests, /_sim/... */
#include "sim_i.h"

void control_call(struct sim_call *c)
{
    call_error(c, 404, "itemNotFound", "No such control.", NULL);
}
