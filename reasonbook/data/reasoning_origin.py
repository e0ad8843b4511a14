"""Reasoning origin: which teacher wrote the reasoning of rows, found again by what stands in them.

An augmentation leaves one event in the store: its origin, and how the store names its answers. Rows lead to these
answers by their content, and a row is an augmentation's when its reasoning is what that answer says. So a copied
frame, a file read back and a new kernel know their teacher, and a frame that another teacher has filled since does
not take over the wrong one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

from ..events import Event
from ..store import Store
from .conversation import Conversation, is_sequence, missing
from .training_rows import ChatRow
from .turn_reasoning import Reasoning, TurnCountError, by_turn, last_of

SUBJECT = "origin"
_ABSENT = object()
_NAMED = 3  # origins that a note names one by one


@dataclass(frozen=True)
class Origin:
    """What a teacher was asked for the reasoning of some rows; None stands for what is not known.

    Attributes:
        schema: the fields, as `Schema.to_dict` gives them.
        teacher: the teacher's name.
        method: ``extract``, ``rationalize``, ``native`` or ``chain_of_thought``.
        prompt: the instructions with which the requests for all rows begin.

    Example:
        >>> chat.origin.method
        'extract'
    """

    schema: Mapping[str, Any] | None = None
    teacher: str | None = None
    method: str | None = None
    prompt: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the run card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Origin:
        """What `to_dict` gave, also as part of a larger mapping such as a run card."""
        return cls(**{name: plain.get(name) for name in cls.__dataclass_fields__})

    def __str__(self) -> str:
        return f"{self.teacher} ({self.method})"


@dataclass(frozen=True)
class OriginKeys:
    """How the store names the answers of one augmentation: digest of the row, then an ending.

    Attributes:
        request: per sample, field → ending after `Conversation.prompt_key`: the teacher saw the request alone.
        whole: per sample, field → ending after `Conversation.key`: it saw the response too.
        text: the entry of a stored answer that is the reasoning; "" where the answer is.
        last: the last assistant turns alone were asked for, by option.
    """

    request: tuple[Mapping[str, str], ...]
    whole: tuple[Mapping[str, str], ...]
    text: str = ""
    last: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the store."""
        told = {"request": list(self.request), "whole": list(self.whole), "text": self.text}
        return told | ({"last": True} if self.last else {})

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> OriginKeys:
        """What `to_dict` gave."""
        return cls(tuple(plain["request"]), tuple(plain["whole"]), plain["text"], bool(plain.get("last")))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields, in their order."""
        return tuple(self.whole[0])


class _Turn(NamedTuple):
    """One assistant turn, and the reasoning that stands for it."""

    conversation: Conversation
    reasoning: Reasoning | None


def record(store: Store, origin: Origin, keys: OriginKeys) -> None:
    """Puts an augmentation's origin on record, once however often it is run.

    Raises:
        StoreError: the store cannot be written.
    """
    told = {"origin": origin.to_dict(), "keys": keys.to_dict()}
    if all(event.data != told for event in store.events(SUBJECT)):
        store.append(SUBJECT, [Event("origin", told)])


def origin_of(rows: Iterable[ChatRow], store: Store) -> tuple[Origin | None, tuple[str, ...]]:
    """The one origin of the reasoning of these rows, and what a report has to say of it.

    Rows whose reasoning was edited since do not speak against an origin; they are counted in a note. Where rows
    come from several augmentations, or some from none on record, there is no one origin and a note says whose they are.
    """
    known = [(origin, keys) for _, origin, keys in recorded(store)][::-1]
    reasoned = [row for row in rows if not missing(row.reasoning)] if known else []
    fitting, edited = _rows(reasoned, [keys for _, keys in known], store)
    if not any(fitting):
        return None, ()
    nobodys = sum(not bits and i not in edited for i, bits in enumerate(fitting))
    common = -1
    for bits in filter(None, fitting):
        common &= bits
    if common and not nobodys:
        note = f"Rows whose reasoning was edited since their teacher wrote it: {len(edited)}."
        return known[_newest(common)][0], (note,) if edited else ()
    counts = Counter(str(known[_newest(bits)][0]) for bits in fitting if bits)
    words = [f"{count} by {name}" for name, count in counts.most_common(_NAMED)]
    words += [f"{len(counts) - _NAMED} more"] if len(counts) > _NAMED else []
    words += [f"{nobodys} by no augmentation on record"] if nobodys else []
    return None, (f"The rows' reasoning has no one origin for the run card: {', '.join(words)}.",)


class RecordedOrigins:
    """The origins that a store has on record, oldest first; what augmentations add is seen when one looks again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read = 0
        self._known: list[tuple[Origin, OriginKeys]] = []

    @property
    def all(self) -> list[Origin]:
        """Every origin."""
        for event, origin, keys in recorded(self._store, after=self._read):
            self._read = event.seq
            self._known.append((origin, keys))
        return [origin for origin, _ in self._known]

    def of(self, row: ChatRow) -> list[int]:
        """Which of them have written the reasoning of a row, by their place among all."""
        fitting, _ = _rows([row], [keys for _, keys in self._known], self._store)
        return [number for number in range(len(self._known)) if fitting[0] >> number & 1]


def recorded(store: Store, after: int = 0) -> Iterator[tuple[Event, Origin, OriginKeys]]:
    """Origins on record, each with its event, oldest first; what cannot be read says nothing of any row."""
    for event in store.events(SUBJECT, after=after):
        try:
            keys = OriginKeys.from_dict(event.data["keys"])
            _ = keys.names
            yield event, Origin.from_dict(event.data["origin"]), keys
        except (KeyError, IndexError, TypeError, AttributeError):
            continue


def _rows(rows: Sequence[ChatRow], known: Sequence[OriginKeys], store: Store) -> tuple[list[int], set[int]]:
    """Per row a bit for each augmentation that wrote all of its turns; and which rows have been edited since.

    A turn that was edited does not speak against whoever wrote the others.
    """
    turns = [(i, turn) for i, row in enumerate(rows) for turn in _turns(row)]
    written, asked = _attributed([turn for _, turn in turns], known, store)
    fitting: dict[int, int] = {}
    edited: set[int] = set()
    for (i, _), bits, was in zip(turns, written, asked, strict=True):
        if was and not bits:
            edited.add(i)
        else:
            fitting[i] = fitting.get(i, -1) & bits
    return [fitting.get(i, 0) for i in range(len(rows))], edited


def _turns(row: ChatRow) -> list[_Turn]:
    """The turns of a row that have reasoning in its cell, each with what stood before it."""
    if not is_sequence(row.reasoning):
        return [_Turn(row.conversation, last_of(row.reasoning))]
    try:
        entries = by_turn(row.reasoning, len(row.conversation.turn_ends))
    except TurnCountError:
        return [_Turn(row.conversation, last_of(row.reasoning))]
    return [_Turn(row.conversation.turn(n), entry) for n, entry in enumerate(entries) if entry]


def _attributed(
    turns: Sequence[_Turn], known: Sequence[OriginKeys], store: Store
) -> tuple[list[int], list[bool]]:
    """Per turn a bit for each augmentation whose answer it holds; and whether any has an answer for it."""
    fitting, asked = [0] * len(turns), [False] * len(turns)
    for number, keys in enumerate(known):  # one field tells most turns apart, at a fraction of the reading
        for i, fits in enumerate(_fits(turns, keys, keys.names[:1], store)):
            asked[i] |= fits is not None
            fitting[i] |= bool(fits) << number
    several = [(i, bits) for i, bits in enumerate(fitting) if bits & (bits - 1)]
    for number, keys in enumerate(known):
        unsure = [i for i, bits in several if bits >> number & 1]
        said = _fits([turns[i] for i in unsure], keys, keys.names[1:], store)
        for i, fits in zip(unsure, said, strict=True):
            fitting[i] &= ~(int(not fits) << number)
    return fitting, asked


def _fits(rows: Sequence[_Turn], keys: OriginKeys, names: Sequence[str], store: Store) -> list[bool | None]:
    """Per turn whether these fields of its reasoning are what the answers say; None where there are no answers."""
    found: list[bool | None] = [None if names else True] * len(rows)
    for digest, samples in (("prompt_key", keys.request), ("key", keys.whole)):
        endings = [[sample[name] for name in names] for sample in samples]
        places = [i for i, fits in enumerate(found) if not fits] if endings else []
        contents: list[str] = [getattr(rows[i].conversation, digest) for i in places]
        wanted = sorted(content + end for content in contents for sample in endings for end in sample)
        answers = store.answers(wanted)  # in their own order they are read twice as fast
        for i, content in zip(places, contents, strict=True):
            for sample in endings:
                values = [answers.get(content + end, _ABSENT) for end in sample]
                if _ABSENT not in values:
                    found[i] = bool(found[i]) or says(rows[i].reasoning, names, values, keys)
    return found


def says(
    reasoning: Mapping[str, Any] | str | None, names: Sequence[str], values: Sequence[Any], keys: OriginKeys
) -> bool:
    """Whether reasoning has the values of these answers, and no field that the schema does not have."""
    if keys.text:
        values = [value[keys.text] for value in values]
    if isinstance(reasoning, str):  # a file of text keeps a dict as it is printed
        told = zip(names, values, strict=True)
        return all(f"{name!r}: {v!r}" in reasoning or f"{name}: {v}" in reasoning for name, v in told)
    given = reasoning or {}
    return all(_same(given.get(name), v) for name, v in zip(names, values, strict=True)) and all(
        name in keys.names or missing(value) for name, value in given.items()
    )


def same_values(given: object, values: Mapping[str, Any]) -> bool:
    """Whether a reasoning has just these values; fields without one may be absent."""
    if not isinstance(given, Mapping):
        return False
    said = cast("Mapping[str, Any]", given)
    return all(_same(said.get(name), values.get(name)) for name in {*said, *values})


def _same(given: Any, value: Any) -> bool:
    """Whether a cell holds a value; Arrow gives arrays for lists, and None where a row has no such field."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    return given == value or (missing(given) and missing(value))


def _newest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
