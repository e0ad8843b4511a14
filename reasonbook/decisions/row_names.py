"""Row names: which row of the journal each row of a frame is, also where edits made rows equal or unequal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence


class RowNames:
    """What the edits in a journal say of names.

    A row is named by its content and by which of its equals it is, so an edit gives it another name for a later
    reader, and moves the names of its old and of its new equals. The journal knows a row by its first name, the root.
    """

    def __init__(self) -> None:
        self._now: dict[str, str] = {}  # root → its name after the edits that stand
        self._past: dict[
            str, dict[str, None]
        ] = {}  # root → every name that edits have given it, oldest first

    def __bool__(self) -> bool:
        return bool(self._past)

    def take(self, aliases: Mapping[str, str]) -> dict[str, str]:
        """Takes an edit in, as name → root; returns the names that these rows had before, by root, for an undo."""
        before = {root: self._now.get(root, root) for root in aliases.values()}
        for name, root in aliases.items():
            self._past.setdefault(root, {})[name] = None
            self._now[root] = name
        return before

    def turn(self, names: Mapping[str, str]) -> None:
        """Makes these the present names, by root: an edit was taken back, or done again."""
        self._now.update(names)

    def of(self, root: str) -> list[str]:
        """Every name that a row has had, the root first."""
        return list(dict.fromkeys([root, *self._past.get(root, ())]))

    def roots(self, names: Sequence[str]) -> list[str]:
        """The root of each row of a frame, by its names in order; no two rows have the same.

        A frame may hold the edits or not. Rows whose names meet are looked at together: a frame without the edits
        has all of their first names, one with the edits has all of their present ones.
        """
        places = set(names) if self else set[str]()
        claims: dict[str, str] = {}  # name → root
        for group in self._linked():
            now = {self._now[root]: root for root in group}
            edited, as_it_was = now.keys() <= places, places.issuperset(group)
            if as_it_was and not (edited and now.keys() == set(group)):
                continue
            claims.update(now if edited else self._some(group, places, claims))
        if not claims:
            return list(names)
        taken = set(claims.values())
        numbers: defaultdict[str, int] = defaultdict(int)
        found: list[str] = []
        for name in names:
            root = claims.get(name)
            while root is None:
                content = _content(name)
                own = f"{content}.{numbers[content]}"
                numbers[content] += 1
                root = None if own in taken else own
            found.append(root)
        return found

    def _linked(self) -> Iterator[list[str]]:
        """Roots in groups: two are together where the one had or has a content that the other had or has."""
        contents: defaultdict[str, set[str]] = defaultdict(set)
        for root, name in self._now.items():
            contents[_content(root)].add(root)
            contents[_content(name)].add(root)
        seen: set[str] = set()
        for first in self._now:
            group: list[str] = []
            waiting = [first]
            while waiting:
                root = waiting.pop()
                if root not in seen:
                    seen.add(root)
                    group.append(root)
                    waiting += contents[_content(root)] | contents[_content(self._now[root])]
            if group:
                yield group

    def _some(self, group: Iterable[str], places: set[str], claimed: Mapping[str, str]) -> dict[str, str]:
        """Name → root in a part of a frame, or in one that was saved between two edits: as far as names tell."""
        found = {self._now[root]: root for root in group if self._now[root] in places}
        done = set(found.values())
        for root in group:
            if root in done or (root in places and root not in found):
                continue
            free = (
                n for n in reversed(self._past[root]) if n in places and n not in found and n not in claimed
            )
            if (name := next(free, None)) is not None:
                found[name] = root
        return found


def _content(name: str) -> str:
    return name.rpartition(".")[0]
