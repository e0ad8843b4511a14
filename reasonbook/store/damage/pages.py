"""Pages: the rows that a SQLite file still holds, read page by page, whatever became of its trees.

The format is https://www.sqlite.org/fileformat2.html: a page whose first byte is 13 holds rows of a table, one with 10
or 2 entries of an index, or rows of a table WITHOUT ROWID. A row that does not fit goes on in overflow pages. A page
that is newer in the write-ahead log counts as it stands there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_MAGIC = b"SQLite format 3\0"
_TABLE, _INDEX, _INNER_INDEX, _INNER_TABLE = 13, 10, 2, 5
_USUAL = 4096  # bytes of a page
_LOOKED_AT = 1 << 20  # bytes by which another size is believed
_NEVER_USED = 1 << 30  # what SQLite locks by; the page in which it lies holds nothing
_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type of a whole number → bytes

Value = int | float | str | bytes | None


class PageRow(NamedTuple):
    """One row.

    Attributes:
        number: its rowid; None in an index, or in a table WITHOUT ROWID.
        values: of its columns; the one that is another name of the rowid is None.
    """

    number: int | None
    values: tuple[Value, ...]


class PageFile:
    """A SQLite file with its write-ahead log, read without SQLite.

    Args:
        path: of the file.

    Attributes:
        broken_rows: rows of index pages that could not be read, so far.
        table_pages: pages with rows of tables that could be, so far.
        index_pages: pages with entries of indexes, or rows of tables WITHOUT ROWID, that could be, so far.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._length = path.stat().st_size
        header = self._file.read(100)
        self.size = self._page_size(header)
        self._said = struct.unpack(">I", header[28:32])[0] if header.startswith(_MAGIC) else 0
        self._log, self._newer = _log_of(Path(f"{path}-wal"), self.size)
        self._seen = bytearray(self.count + 1)  # 1: holds rows or leads to them, 2: the rest of a long row
        self.broken_rows = self.table_pages = self.index_pages = 0

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._log is not None:
            self._log.close()

    @property
    def count(self) -> int:
        """Pages that are there."""
        return max(self._length // self.size, *self._newer, 0)

    @property
    def lost_pages(self) -> int:
        """Pages that hold nothing that could be read, or are cut off; known when all rows were read."""
        unused = self._free | {0, _NEVER_USED // self.size + 1}
        there = sum(not seen and number not in unused for number, seen in enumerate(self._seen))
        believable = self._said if self._said <= 4 * self.count + 64 else 0
        return there + max(0, believable - self.count)

    def rows(self) -> Iterator[PageRow]:
        """Every row of every page that is in use."""
        free = self._free = self._free_pages()
        for number in range(1, self.count + 1):
            if number in free:
                continue
            page = self._page(number)
            start = 100 if number == 1 else 0
            kind = page[start] if len(page) == self.size else 0
            if kind == _INNER_TABLE:
                self._seen[number] = 1
            elif kind in (_TABLE, _INDEX, _INNER_INDEX):
                yield from self._rows(number, page, start, kind)

    _free: frozenset[int] = frozenset()

    # -- pages -------------------------------------------------------------------------------------------
    def _page_size(self, header: bytes) -> int:
        said = struct.unpack(">H", header[16:18])[0] if len(header) > 17 else 0
        said = 65536 if said == 1 else said
        if said not in (512, 1024, 2048, 8192, 16384, 32768, 65536):
            return _USUAL
        return said if self._fits(said) > 1.5 * self._fits(_USUAL) else _USUAL

    def _fits(self, size: int) -> int:
        """How many bytes at the file's beginning are pages of this size, by the first byte of each."""
        places = range(size, min(self._length, _LOOKED_AT), size)
        found = 0
        for place in places:
            self._file.seek(place)
            found += self._file.read(1) in (b"\x02", b"\x05", b"\x0a", b"\x0d")
        return found * size

    def _page(self, number: int) -> bytes:
        at = self._newer.get(number)
        file = self._file if at is None or self._log is None else self._log
        file.seek((number - 1) * self.size if at is None else at)
        return file.read(self.size)

    def _free_pages(self) -> frozenset[int]:
        """Pages whose rows were deleted, as far as their list can be read."""
        first = self._page(1)
        found: set[int] = set()
        trunk = struct.unpack(">I", first[32:36])[0] if first.startswith(_MAGIC) else 0
        while 1 < trunk <= self.count and trunk not in found:
            page = self._page(trunk)
            if len(page) < self.size:
                break
            following, length = struct.unpack(">II", page[:8])
            if length > self.size // 4 - 2:  # no such list: what it names may be in use
                break
            found.add(trunk)
            found.update(struct.unpack(f">{length}I", page[8 : 8 + 4 * length]))
            trunk = following
        return frozenset(found)

    # -- rows --------------------------------------------------------------------------------------------
    def _rows(self, number: int, page: bytes, start: int, kind: int) -> Iterator[PageRow]:
        [length] = struct.unpack(">H", page[start + 3 : start + 5])
        at = start + (12 if kind == _INNER_INDEX else 8)
        if at + 2 * length > self.size:
            return
        broken = 0
        for place in struct.unpack(f">{length}H", page[at : at + 2 * length]):
            try:
                yield self._row(page, place, kind)
            except (ValueError, IndexError, struct.error):
                broken += 1
        if kind != _TABLE:
            self.broken_rows += broken
        if broken < length or not length:
            self._seen[number] = 1
            self.table_pages += kind == _TABLE
            self.index_pages += kind != _TABLE

    def _row(self, page: bytes, at: int, kind: int) -> PageRow:
        at += 4 if kind == _INNER_INDEX else 0
        length, at = _varint(page, at)
        number: int | None = None
        if kind == _TABLE:
            number, at = _varint(page, at)
            number -= (number >> 63) << 64
        return PageRow(number, _record(self._payload(page, at, length, kind)))

    def _payload(self, page: bytes, at: int, length: int, kind: int) -> bytes:
        most = self.size - 35 if kind == _TABLE else (self.size - 12) * 64 // 255 - 23
        if length <= most:
            if at + length > self.size:
                raise ValueError("it goes on beyond its page")
            return page[at : at + length]
        if length > self.count * self.size:
            raise ValueError("it is longer than the file")
        least = (self.size - 12) * 32 // 255 - 23
        here = least + (length - least) % (self.size - 4)
        here = here if here <= most else least
        parts, left = [page[at : at + here]], length - here
        [following] = struct.unpack(">I", page[at + here : at + here + 4])
        while left > 0:
            if not 1 < following <= self.count:
                raise ValueError("its end is missing")
            more = self._page(following)
            self._seen[following] = self._seen[following] or 2
            parts.append(more[4 : 4 + left])
            left -= len(more) - 4
            if len(more) < self.size:
                raise ValueError("its end is cut off")
            [following] = struct.unpack(">I", more[:4])
        return b"".join(parts)


def _log_of(path: Path, size: int) -> tuple[BinaryIO | None, dict[int, int]]:
    """The write-ahead log, and where in it the newest committed copy of each page stands."""
    committed: dict[int, int] = {}
    if not path.is_file():
        return None, committed
    file = path.open("rb")
    header = file.read(32)
    newer: dict[int, int] = {}
    if len(header) == 32 and struct.unpack(">I", header[8:12])[0] == size:
        at, frame = 32, file.read(24)
        while len(frame) == 24:
            number, commits = struct.unpack(">II", frame[:8])
            if frame[8:16] != header[16:24] or not number:  # of an earlier round
                break
            newer[number] = at + 24
            if commits:
                committed.update(newer)
                newer.clear()
            at += 24 + size
            file.seek(at)
            frame = file.read(24)
    length = path.stat().st_size
    return file, {number: at for number, at in committed.items() if at + size <= length}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    raise AssertionError


def _record(payload: bytes) -> tuple[Value, ...]:
    """The values of a row.

    Raises:
        ValueError: it is no row, or a text is no UTF-8.
    """
    end, at = _varint(payload, 0)
    if end > len(payload):
        raise ValueError("its head is longer than it is")
    body = end
    values: list[Value] = []
    while at < end:
        kind, at = _varint(payload, at)
        if kind >= 12:
            size = (kind - 12) // 2
            part = payload[body : body + size]
            values.append(part.decode() if kind % 2 else part)
        elif kind in _SIZES:
            size = _SIZES[kind]
            values.append(int.from_bytes(payload[body : body + size], "big", signed=True))
        elif kind == 7:
            size = 8
            values.append(struct.unpack(">d", payload[body : body + 8])[0])
        elif kind in (0, 8, 9):
            size = 0
            values.append(None if kind == 0 else kind - 8)
        else:
            raise ValueError("there is no such type")
        body += size
    if body != len(payload) or at != end:
        raise ValueError("it is longer or shorter than it says")
    return tuple(values)
