"""Layers: what each reviewer has said of rows, one over the other, with undo and redo of one's own acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .acts import Attributes, Change
from .decision import ATTRIBUTES, ORIGINALS, PERSONAL, PLAIN, UNDECIDED, Decision
from .settled import NOBODY, NONE, SETTLED, Conflicts, Said, together

_NO_ONE = {NOBODY, SETTLED}
_Layer = dict[str, Said]  # row → what one voice says of it
_Was = dict[str, dict[str, Said | None]]  # voice → row → what it said before an act


class Layers:
    """The acts that stand, in their order, and what they make true.

    Attributes:
        done: the acts that stand, oldest first.
    """

    def __init__(self) -> None:
        self.done: list[Change] = []
        self._undone: defaultdict[str, list[Change]] = defaultdict(list)
        self._voices: dict[str, _Layer] = {}
        self._was: dict[str, _Was] = {}  # act that stands → what it changed
        self._rows: dict[str, Decision] = {}
        self._conflicts: dict[str, Conflicts] = {}

    # -- look ------------------------------------------------------------------------------------------------
    def of(self, root: str) -> Decision:
        """The settled view of a row."""
        return self._rows.get(root, UNDECIDED)

    def conflict(self, root: str) -> Conflicts:
        """The attributes on which reviewers are in conflict."""
        return self._conflicts.get(root, NONE)

    @property
    def roots(self) -> frozenset[str]:
        """The rows that anybody has decided on."""
        return frozenset(self._rows)

    @property
    def names(self) -> list[str]:
        """The reviewers who have said something that counts."""
        return [name for name in self._voices if name not in (NOBODY, SETTLED)]

    def versions(self, root: str) -> dict[str, Decision]:
        """What each reviewer says of a row, by name."""
        return {name: said.decision for name, said in self._said(root) if name not in (NOBODY, SETTLED)}

    def has_judged(self, who: str, root: str) -> bool:
        """Whether a reviewer has given a row a verdict or a rating of their own."""
        said = self._voices.get(who, {}).get(root)
        return said is not None and (said.decision.verdict, said.decision.rating) != (None, None)

    @property
    def unsigned(self) -> bool:
        """Whether nobody who is named has said anything."""
        return self._voices.keys() <= _NO_ONE

    def alone(self, who: str) -> bool:
        """Whether no other reviewer has said anything."""
        return all(name in (NOBODY, SETTLED, who) for name in self._voices)

    def own(self, who: str, root: str) -> Decision:
        """What a reviewer has said of a row, over what was said for all."""
        voices = [(name, said) for name, said in self._said(root) if name in (NOBODY, SETTLED, who)]
        return together(voices)[0] if voices else UNDECIDED

    def seen_by(self, who: str, root: str, *, blind: bool) -> Decision:
        """A row as a reviewer may see it: ``blind`` of what others think of it, but never of their edits."""
        view = self._rows.get(root, UNDECIDED)
        hidden = PERSONAL if blind else ("later",)
        mine = self.own(who, root)
        return replace(view, **{name: getattr(mine, name) for name in hidden})

    def _said(self, root: str) -> Iterator[tuple[str, Said]]:
        for name in sorted(self._voices):
            if (said := self._voices[name].get(root)) is not None:
                yield name, said

    # -- act -------------------------------------------------------------------------------------------------
    def do(self, change: Change, *, again: bool = False) -> set[str]:
        """Makes an act true; a new one ends redo for whoever took it."""
        settled = {root: new for root, new in change.after.items() if root in change.settled}
        plain = change.after if not settled else {r: n for r, n in change.after.items() if r not in settled}
        was: _Was = {}
        if plain:
            self._say(was, change.by, plain)
            if change.by == NOBODY:
                self._silence(was, plain, [name for name in self._voices if name != NOBODY])
        if settled:
            self._say(was, SETTLED, settled)
            self._silence(was, settled, self.names)
        self._was[change.id] = was
        self.done.append(change)
        if not again:
            self._undone[change.by].clear()
        return self._look(change.after)

    def assume(self, values: Mapping[str, Attributes]) -> set[str]:
        """Makes true what is no act and cannot be undone, whoever said otherwise."""
        self._say({}, NOBODY, values)
        self._silence({}, values, [name for name in self._voices if name != NOBODY])
        return self._look(values)

    def undo(self, change: Change) -> set[str] | None:
        """Takes an act back, and nothing of what was said of the same rows since; None where it does not stand."""
        place = next((i for i in reversed(range(len(self.done))) if self.done[i] is change), None)
        if place is None:
            return None
        later = self.done[place + 1 :]
        del self.done[place]
        for voice, rows in self._was.pop(change.id).items():
            layer = self._voices[voice]
            for root, before in rows.items():
                names = {name for name in change.after[root] if name not in ORIGINALS}
                for act in later:
                    kept = self._was[act.id].get(voice, {})
                    if root in kept and (over := names & act.after[root].keys()):
                        kept[root] = _with(kept[root], before, over)
                        names -= over
                _put(layer, root, _with(layer.get(root), before, names))
        self._undone[change.by].append(change)
        return self._look(change.after)

    def redo(self, change: Change) -> set[str] | None:
        """Does an act again that was taken back; None where it was not, or where a newer act has ended that."""
        waiting = self._undone[change.by]
        if change not in waiting:
            return None
        waiting.remove(change)
        return self.do(change, again=True)

    def next(self, kind: str, by: str, among: Callable[[str], bool]) -> Change | None:
        """The act of a reviewer that an ``undo`` or a ``redo`` would be about."""
        acts = self.done if kind == "undo" else self._undone[by]
        mine = (change for change in reversed(acts) if change.by == by)
        return next((change for change in mine if any(among(root) for root in change.after)), None)

    # -- inside ----------------------------------------------------------------------------------------------
    def _say(self, was: _Was, voice: str, values: Mapping[str, Attributes]) -> None:
        layer, kept = self._voices.setdefault(voice, {}), was.setdefault(voice, {})
        alike: dict[tuple[Any, ...], Said] = {}  # an act on many rows leaves most of them with one decision
        for root, new in values.items():
            old = layer.get(root)
            kept.setdefault(root, old)
            known = {name: value for name, value in new.items() if name in ATTRIBUTES}
            plain = old is None and known.keys() <= PLAIN
            made = alike.get(tuple(known.items())) if plain else None
            if made is None:
                made = _saying(old, known)
                if plain:
                    alike[tuple(known.items())] = made
            layer[root] = made

    def _silence(self, was: _Was, values: Mapping[str, Attributes], voices: Iterable[str]) -> None:
        """These voices no longer count for what was now said for all."""
        for voice in voices:
            layer = self._voices[voice]
            for root in values.keys() & layer.keys():
                over = values[root].keys() - set(ORIGINALS)
                was.setdefault(voice, {}).setdefault(root, layer[root])
                _put(layer, root, _with(layer[root], None, over))

    def _look(self, changed: Iterable[str]) -> set[str]:
        """Brings the settled view of these rows up to what is said of them."""
        found = set(changed)
        if len(self._voices) == 1:
            [layer] = self._voices.values()
            for root in found:
                said = layer.get(root)
                self._rows[root] = UNDECIDED if said is None else said.decision
            return found
        for root in found:
            voices = list(self._said(root))
            self._rows[root], clash = together(voices) if voices else (UNDECIDED, NONE)
            if clash:
                self._conflicts[root] = clash
            else:
                self._conflicts.pop(root, None)
        return found


def _saying(old: Said | None, values: Attributes) -> Said:
    if old is None:
        return Said(Decision(**values), frozenset(values))
    return Said(replace(old.decision, **values), old.names | values.keys())


def _with(now: Said | None, before: Said | None, names: Iterable[str]) -> Said | None:
    """What is said now, but of these attributes what was said before; None where nothing is said."""
    back = {name for name in names if before is not None and name in before.names}
    gone = frozenset(names) - back
    values = {name: getattr(UNDECIDED, name) for name in gone}
    if before is not None:
        values |= {name: getattr(before.decision, name) for name in back}
    if not values:
        return now
    base = now or Said(UNDECIDED, frozenset())
    said = base.names - gone | back
    return Said(replace(base.decision, **values), said) if said else None


def _put(layer: _Layer, root: str, said: Said | None) -> None:
    if said is None:
        layer.pop(root, None)
    else:
        layer[root] = said
