/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: what SharePoint stores, what Linux shows, and when two are one.
 * Facts: contract sheet §15.1; the mapped characters are those of rclone's onedrive backend, so that trees written by either look alike. */
#ifndef SPFS_MODEL_NAMES_H
#define SPFS_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest name with its NUL: 255 UTF-16 units are at most 765 bytes; mapping can lengthen (quoting). */
#define SPFS_NAME_SIZE 1024
/* Bytes of a folded name with its NUL. */
#define SPFS_FOLD_SIZE 3072

/* May a name that the server sent be shown at all? Not empty, not "." or "..", no '/', NUL or control character, valid UTF-8, at most 255 UTF-16 units. */
bool spfs_name_acceptable(const char *name, size_t len);

/* Server → Linux and back. full-width stand-ins ↔ " * : < > ? \ |, leading space/tilde and trailing space/dot; U+201B quotes a stand-in that
 * was meant literally. 0, or -ENAMETOOLONG when out is too small, -EILSEQ for text that is not UTF-8. to_server(to_local(x)) == x for every acceptable x. */
int spfs_name_to_local(const char *server, char *out, size_t size);
int spfs_name_to_server(const char *local, char *out, size_t size);

/* NFKC and full case folding, the equality of the server's collation as far as known. 0, -EILSEQ, -ENAMETOOLONG. */
int spfs_name_fold(const char *name, char out[SPFS_FOLD_SIZE]);
bool spfs_name_equal(const char *a, const char *b); /* exactly or folded */

/* Names that SharePoint refuses altogether (~$x, .lock, desktop.ini, CON, COM0…, _vti_, `forms` at a library's root, over-long). */
bool spfs_name_refused(const char *server, bool at_library_root);

#endif
