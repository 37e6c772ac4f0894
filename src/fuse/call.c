/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request on the stack of the thread that serves it.
 *
 * Interrupts: libfuse calls the hook under a lock of the request, which setting the hook takes too. So once
 * call_unhook has put NULL there, no hook is running nor will run, and the op may leave the stack. */
#include "fuse_i.h"

static void interrupted(fuse_req_t req, void *data)
{
    (void)req;
    spfs_op_cancel(data);
}

void call_begin(struct call *c, fuse_req_t req)
{
    c->req = req;
    c->fuse = fuse_req_userdata(req);
    c->vfs = c->fuse->vfs;
    spfs_op_init(&c->op, SPFS_URGENT, c->fuse->op_ms);
    fuse_req_interrupt_func(req, interrupted, &c->op);
    c->hooked = true;
}

void call_unhook(struct call *c)
{
    if (c->hooked)
        fuse_req_interrupt_func(c->req, NULL, NULL);
    c->hooked = false;
}

void call_end(struct call *c)
{
    call_unhook(c);
    spfs_op_done(&c->op);
}
