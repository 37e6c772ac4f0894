/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: changes asked for through Graph. The simulator's tenant is read-only for now. */
#include "route_i.h"

void mutate_call(struct sim_call *c, const struct route *r)
{
    (void)r;
    call_error(c, 403, "accessDenied", "The caller does not have permission to perform the action.", NULL);
}
