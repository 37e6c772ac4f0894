/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: what SharePoint stores, what Linux shows, and when two are one.
 * Facts: contract sheet §15.1; the mapped characters are those of rclone's onedrive backend, so that trees
 * written by either look alike. */
#ifndef SPFS_MODEL_NAMES_H
#define SPFS_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest name with its NUL: 255 UTF-16 units are at most 765 bytes; mapping can lengthen
 * (quoting). */
#define SPFS_NAME_SIZE 1024
/* Bytes of a folded name with its NUL. */
#define SPFS_FOLD_SIZE 3072

/* May a name that the server sent be shown at all? Not empty, not "." or "..", no '/', NUL or control
 * character, valid UTF-8, at most 255 UTF-16 units. */
bool spfs_name_acceptable(const char *name, size_t len);

/* Server → Linux and back: full-width stand-ins ↔ " * : < > ? \ |, leading space and trailing space or dot;
 * U+201B quotes a stand-in that was meant literally. A leading tilde is legal today and stays. 0, or
 * -ENAMETOOLONG when out is too small, -EILSEQ for text that is not UTF-8. to_server(to_local(x)) == x and
 * to_local(to_server(x)) == x; acceptable names never become "." or "..". */
int spfs_name_to_local(const char *server, char *out, size_t size);
int spfs_name_to_server(const char *local, char *out, size_t size);

/* NFC and full case folding, the equality of the server's collation as far as known (it unites CJK
 * compatibility ideographs, as NFC does). Not NFKC, which would make one of a* and a＊, or of x2 and x²: a
 * name that is found must be the file that was meant. A name that the server finds taken all the same is a
 * conflict (409). 0, -EILSEQ, -ENAMETOOLONG, -ENOMEM. */
int spfs_name_fold(const char *name, char out[SPFS_FOLD_SIZE]);
bool spfs_name_equal(const char *a, const char *b); /* exactly or folded */

/* Names that SharePoint refuses altogether (~$x, .lock, desktop.ini, CON, COM0…, _vti_, `forms` at a
 * library's root, over-long, or with a character that it does not take at that place). */
bool spfs_name_refused(const char *server, bool at_library_root);

#endif
