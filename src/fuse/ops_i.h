/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations, and the handles that the kernel keeps for us. */
#ifndef SPFS_FUSE_OPS_I_H
#define SPFS_FUSE_OPS_I_H

#include "fuse_i.h"

static inline struct spfs_vfs_file *file_of(const struct fuse_file_info *fi)
{
    return (struct spfs_vfs_file *)(uintptr_t)fi->fh;
}

static inline struct spfs_vfs_dir *dir_of(const struct fuse_file_info *fi)
{
    return (struct spfs_vfs_dir *)(uintptr_t)fi->fh;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

#endif
