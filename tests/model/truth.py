# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server held at any time: every place of every item, every version of every file.

Time is time.monotonic(). A change is made somewhere between two moments, before and after the call that asked for it;
both are kept. "May have been" takes the wide reading of them, "was all the time" the narrow one.

Content describes itself: each 8-byte word is 2 characters of file, 2 of version and 4 of position. So any piece of it
tells where it came from, and what a version holds needs not be stored.

Threads: one thread changes, any thread asks; lock guards everything.
"""
import threading

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
WORD = 8
MAX_SIZE = 4 << 20
NEVER = float("inf")


def digits(n, count):
    out = ""
    for _ in range(count):
        out = ALPHABET[n % 64] + out
        n //= 64
    return out.encode()


POSITION = [digits(n, 4) for n in range(MAX_SIZE // WORD + 2)]


class Span:
    """Something that was so from `begin` to `end`, each known as (earliest, latest)."""

    def __init__(self, begin):
        self.begin = begin
        self.end = (NEVER, NEVER)

    def maybe(self, since, until):
        return self.begin[0] <= until and self.end[1] >= since

    def throughout(self, since, until):
        return self.begin[1] <= since and self.end[0] >= until


class Version(Span):
    def __init__(self, begin, file, number, size):
        super().__init__(begin)
        self.file, self.number, self.size = file, number, size
        self.prefix = digits(file, 2) + digits(number, 2)

    def piece(self, offset, length):
        """The bytes from offset on, clipped to the version's end."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        first = offset // WORD
        words = self.prefix.join([b""] + POSITION[first:(end + WORD - 1) // WORD])
        return words[offset - first * WORD:end - first * WORD]

    def __repr__(self):
        return "file %d version %d (%d bytes)" % (self.file, self.number, self.size)


class Place(Span):
    def __init__(self, begin, item, parent, name):
        super().__init__(begin)
        self.item, self.parent, self.name = item, parent, name


class Item:
    def __init__(self, number, is_dir):
        self.number, self.is_dir = number, is_dir
        self.places = []
        self.versions = []
        self.children = []  # every Place that was ever in this folder

    @property
    def place(self):
        return self.places[-1]


class Truth:
    def __init__(self, top):
        """top: names of the folders that were there before, from the mount's root to the library."""
        self.lock = threading.Lock()
        self.synced = 0.0  # the server's state of this moment or later is known to the mount
        self.items = {}
        self.files = 0
        always = (0.0, 0.0)
        self.root = self._new(True)
        self.top = self.root
        for name in top:
            folder = self._new(True)
            self._put(folder, self.top, name, always)
            self.top = folder

    def _new(self, is_dir):
        item = Item(len(self.items), is_dir)
        self.items[item.number] = item
        return item

    def _put(self, item, parent, name, when):
        if item.places and item.place.end[0] == NEVER:
            item.place.end = when
        place = Place(when, item, parent, name)
        item.places.append(place)
        parent.children.append(place)

    # -------------------------------------------------------------------------------------- now (the changing thread)
    def alive(self, item):
        return item is self.root or item.place.end[0] == NEVER

    def below(self, folder):
        """Live items below a folder, parents first."""
        for place in folder.children:
            if place.end[0] == NEVER:
                yield place.item
                if place.item.is_dir:
                    yield from self.below(place.item)

    def path(self, item):
        return "" if item is self.root else self.path(item.place.parent) + "/" + item.place.name

    def is_taken(self, folder, name):
        return any(p.end[0] == NEVER and p.name.casefold() == name.casefold() for p in folder.children)

    def tree(self):
        """{path: Version, or None for a folder} of all that was made here."""
        with self.lock:
            return {self.path(i): None if i.is_dir else i.versions[-1] for i in self.below(self.top)}

    # ------------------------------------------------------------------------------------------------------- changes
    # Each is announced before the server is asked (the new may be there from now on) and settled after it answered.
    def announce_item(self, parent, name, is_dir, when):
        with self.lock:
            item = self._new(is_dir)
            self._put(item, parent, name, (when, NEVER))
            return item

    def announce_version(self, item, size, when):
        with self.lock:
            if not item.versions:
                item.file = self.files
                self.files += 1
            version = Version((when, NEVER), item.file, len(item.versions), size)
            if item.versions:
                item.versions[-1].end = (when, NEVER)
            item.versions.append(version)
            return version

    def announce_move(self, item, parent, name, when):
        with self.lock:
            self._put(item, parent, name, (when, NEVER))

    def announce_delete(self, item, when):
        with self.lock:
            gone = [item] + (list(self.below(item)) if item.is_dir else [])
            for each in gone:
                each.place.end = (when, NEVER)
                if each.versions:
                    each.versions[-1].end = (when, NEVER)
            return gone

    def settle(self, items, when):
        with self.lock:
            for item in items:
                for span in item.places[-2:] + item.versions[-2:]:
                    if span.begin[1] == NEVER:
                        span.begin = (span.begin[0], when)
                    if span.end[0] != NEVER and span.end[1] == NEVER:
                        span.end = (span.end[0], when)

    # ----------------------------------------------------------------------------------------------------- questions
    def _maybe(self, parts, since, until):
        found = {self.root}
        for name in parts:
            found = {p.item for folder in found for p in folder.children
                     if p.name.casefold() == name.casefold() and p.maybe(since, until)}
        return found

    def maybe(self, path, since, until):
        """Items that a look-up of the path may find, if the mount knows the server's state of some time in between."""
        with self.lock:
            return self._maybe([n for n in path.split("/") if n], since, until)

    def _surely(self, parts, since, until):
        at = self.root
        for name in parts:
            at = next((p.item for p in at.children if p.name.casefold() == name.casefold() and p.throughout(since, until)), None)
            if at is None:
                return None
        return at

    def surely(self, path, since, until):
        """The item that was at the path all the time, or None."""
        with self.lock:
            return self._surely([n for n in path.split("/") if n], since, until)

    def listing(self, path, since, until):
        """(names that must be listed, names that may be)."""
        with self.lock:
            parts = [n for n in path.split("/") if n]
            folder = self._surely(parts, since, until)
            must = {p.name for p in folder.children if p.throughout(since, until)} if folder else set()
            may = {p.name for f in self._maybe(parts, since, until) for p in f.children if p.maybe(since, until)}
            return must, may

    def versions(self, items, since, until):
        with self.lock:
            return [v for i in items for v in i.versions if v.maybe(since, until)]

    def some_path(self, dice, want_dir=None):
        """A path that is, or was not long ago."""
        with self.lock:
            items = [i for i in self.items.values() if i.places and (want_dir is None or i.is_dir == want_dir)]
            live = [i for i in items if self.alive(i)]
            pool = live if live and dice.random() < 0.9 else items[-40:]
            return self.path(dice.choice(pool)) if pool else "/"
