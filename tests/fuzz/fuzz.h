/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SPFS_TEST_FUZZ_H
#define SPFS_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
