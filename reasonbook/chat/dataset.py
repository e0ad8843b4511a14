"""Dataset: the ids and labels that are trained, and everything that explains them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from ..cases import Cases
from ..data.conversation import Conversation, Message
from ..data.reasoning_origin import Origin
from ..data.sources.mixture import Mixture
from ..data.task import Task
from ..data.training_rows import ChatRow
from ..errors import FormatError
from ..html_card import card, details, html_of
from ..options import checked
from .config import ChatConfig
from .format import ChatFormat
from .loop_report import PlayedRow, RowPlayer
from .preflight import Preflight
from .preview import Preview, PreviewToken
from .reasoning_text import NOTHING
from .rendering import segments
from .rendering.growable_arrays import DatasetArrays, labels_of
from .rendering.token_weights import TokenWeights
from .rendering.turns import TrainingTurn, thoughts_of, turns_of, with_thoughts
from .template.probe import Probe
from .template.typed_tokenizer import Tokenizer
from .thinking_parser import Parsed

_BEFORE = 4  # tokens that one is decoded behind, since it may begin with a space or be part of a character


@dataclass(frozen=True)
class Span:
    """A run of tokens of one part: ``tokens[start:stop]``.

    Example:
        >>> chat[0].spans[0]
        Span(part='prompt', start=0, stop=49, learnt=False)
    """

    part: str
    start: int
    stop: int
    learnt: bool


@dataclass(frozen=True)
class ChatExample:
    """One training row.

    Attributes:
        input_ids: int32 ids of the whole row.
        labels: int32, the id where a token carries loss, else -100.
        spans: the parts of the row, in order, without gaps.
        position: row of the frame.
        turn: assistant turn of that row, from 0.
        split: ``train``, ``validation`` or ``test``.
        weights: float32, how much the loss of each token counts, 0 where it carries none; None where weights were not
            asked for, so that all count the same.

    Example:
        >>> example = chat[0]
        >>> len(example.input_ids), int((example.labels != -100).sum())
        (117, 67)
    """

    input_ids: np.ndarray
    labels: np.ndarray
    spans: tuple[Span, ...]
    position: int
    turn: int
    split: str
    weights: np.ndarray | None = None


class ChatDataset(Sequence[ChatExample]):
    """Rows as tokens and labels; made by `build`, trained as they are.

    Attributes:
        format: how the student is written to and read.
        report: what was kept, what was dropped, and whether training may start.
        fingerprint: of all ids and labels, and of weights that are not all 1.
        origin: what a teacher was asked for the reasoning; None where nobody or several were.
        set_aside: why rows of the frame did not come in: reason → their positions.
        unusable: which of ``rows`` gave no training row: number → why.
        mixture: the sources that its rows are of; None for those of one frame.
        rows: the rows that came in, also those of which nothing is trained; `build` takes them again.
        arrays: ids and parts of every training row; a split has those of the whole.
        chosen: which of these training rows belong here, as int64 numbers.
        make_player: who plays a perfect student over these rows; set by whoever has proven them.
        cases: which rows of the frame are one case; None where no field states facts, or no frame is known.

    Example:
        >>> chat = df.reason.to_chat(rb.examples.tiny_student())
        >>> len(chat), chat.max_length
        (40, 1024)
    """

    def __init__(
        self,
        chat: ChatFormat,
        arrays: DatasetArrays,
        rows: Sequence[ChatRow],
        report: Preflight,
        fingerprint: str,
        *,
        origin: Origin | None = None,
        set_aside: Mapping[str, Sequence[int]] | None = None,
        unusable: Mapping[int, str] | None = None,
        mixture: Mixture | None = None,
        chosen: np.ndarray | None = None,
    ) -> None:
        self.format = chat
        self.report = report
        self.fingerprint = fingerprint
        self.origin = origin
        self.set_aside = set_aside or {}
        self.unusable = unusable or {}
        self.mixture = mixture
        self.arrays = arrays
        self.rows = rows
        self.make_player: Callable[[ChatDataset], RowPlayer] | None = None
        self.cases: Cases | None = None
        self.chosen = chosen if chosen is not None else np.arange(len(arrays.row))

    # -- what it stands on -------------------------------------------------------------------------------
    @property
    def tokenizer(self) -> Tokenizer:
        """The student's."""
        return self.format.tokenizer

    @property
    def student(self) -> str:
        """Folder or name of the student."""
        return self.format.student

    @property
    def strategy(self) -> str:
        """What the student learns to write."""
        return self.format.strategy

    @property
    def config(self) -> ChatConfig:
        """How the rows were rendered and what carries loss."""
        return self.format.config

    @property
    def probe(self) -> Probe:
        """What was found out about the student's template."""
        return self.format.probe

    @property
    def max_length(self) -> int:
        """Most tokens of a row."""
        return self.format.max_length

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end generation."""
        return self.format.stop_ids

    def check(self) -> None:
        """Raises `FormatError` when the preflight found something that must not be trained."""
        self.report.check()

    # -- rows --------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, index: int) -> ChatExample: ...
    @overload
    def __getitem__(self, index: slice) -> ChatDataset: ...
    def __getitem__(self, index: int | slice) -> ChatExample | ChatDataset:
        if isinstance(index, slice):
            return self._view(self.chosen[index])
        at = self._at(index)
        ids, codes = self._arrays(at)
        return ChatExample(
            input_ids=np.array(ids),
            labels=labels_of(ids, codes),
            spans=tuple(self._spans(codes)),
            position=int(self.arrays.position[at]),
            turn=int(self.arrays.turn[at]),
            split=self.arrays.splits[int(self.arrays.split[at])],
            weights=self._weights(at),
        )

    def __iter__(self) -> Iterator[ChatExample]:
        for index in range(len(self)):
            yield self[index]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per training row."""
        starts = self.arrays.starts
        return np.asarray(starts[self.chosen + 1] - starts[self.chosen])

    @property
    def weights(self) -> TokenWeights | None:
        """How much the loss of each token counts, one float32 array per training row; None where all count the same."""
        return self.arrays.weights(self.chosen)

    @property
    def splits(self) -> dict[str, int]:
        """Split → training rows."""
        codes = self.arrays.split[self.chosen]
        return {name: int((codes == i).sum()) for i, name in enumerate(self.arrays.splits)}

    @checked(FormatError, 'chat.split("train")')
    def split(self, name: str) -> ChatDataset:
        """The rows of one split; the same arrays, not a copy."""
        if name not in self.arrays.splits:
            return self._view(self.chosen[:0])
        code = self.arrays.splits.index(name)
        return self._view(self.chosen[self.arrays.split[self.chosen] == code])

    @property
    def tasks(self) -> Sequence[Task]:
        """What each training row asks and expects, as text; read when asked for.

        The two halves of a ``two_message_cot`` row have the same task.
        """
        return _Tasks(self, self._task)

    # -- what it shows -----------------------------------------------------------------------------------
    @checked(FormatError, "chat.preview(0)")
    def preview(self, index: int = 0) -> Preview:
        """The tokens of a training row, tinted by what they teach; read from the arrays that are trained."""
        if len(self) and not -len(self) <= index < len(self):
            raise FormatError(f"There is no training row {index}; there are {len(self)}.", "chat.preview(0)")
        at = self._at(index)
        ids, codes = self._arrays(at)
        labels, weights = labels_of(ids, codes), self._weights(at)
        texts = self._token_texts(ids)
        special = {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        special |= {i for text in self.format.markers.texts if (i := self._id_of(text)) is not None}
        part = self.format.renderer.fields.part
        learnt = labels != -100
        counts = learnt.astype(np.float32) if weights is None else weights
        tokens = tuple(
            PreviewToken(text, int(i), int(label), part(int(code)), int(i) in special, float(count))
            for text, i, label, code, count in zip(texts, ids, labels, codes, counts, strict=True)
        )
        taught = ids.tobytes() + labels.tobytes()
        if (counts[learnt] != 1).any():
            taught += counts.tobytes()
        digest = hashlib.blake2b(taught, digest_size=8).hexdigest()
        return Preview(
            tokens=tokens,
            index=int(index),
            position=int(self.arrays.position[at]),
            turn=int(self.arrays.turn[at]),
            split=self.arrays.splits[int(self.arrays.split[at])],
            hash=digest,
            fingerprint=self.fingerprint,
            dataset=self,
        )

    @checked(FormatError, "chat.play(0)")
    def play(self, index: int = 0) -> PlayedRow:
        """What a perfect student makes of a training row: what it writes, where it stops, how that is read back.

        Raises:
            FormatError: the dataset was not made by `build`, which says who plays.

        Example:
            >>> chat.play(0).ok
            True
        """
        if self._player is None:
            raise FormatError("Nobody plays these rows.", "chat = df.reason.to_chat(student)")
        self._at(index)
        return self._player.played(range(len(self))[index])

    @cached_property
    def _player(self) -> RowPlayer | None:
        return self.make_player(self) if self.make_player else None

    def prompt_ids(
        self,
        request: Conversation | Sequence[Message] | str,
        *,
        thought: str | None = None,
        thinks: bool | None = None,
    ) -> list[int]:
        """What the student must see at inference; see `ChatFormat.prompt_ids`."""
        return self.format.prompt_ids(request, thought=thought, thinks=thinks)

    def parse(
        self,
        text: str,
        *,
        thought: str | None = None,
        thinks: bool | None = None,
        request: Conversation | Sequence[Message] | str | None = None,
    ) -> Parsed:
        """Thinking and answer of what the student wrote; see `ChatFormat.parse`."""
        return self.format.parse(text, thought=thought, thinks=thinks, request=request)

    def __repr__(self) -> str:
        return (
            f"ChatDataset({self.student!r}, strategy={self.strategy!r}, rows={len(self)}, "
            f"fingerprint={self.fingerprint!r})"
        )

    def _repr_html_(self) -> str:
        lengths, loop = self.lengths, self.report.loop
        weights = ", ".join(f"{name} × {weight:g}" for name, weight in self.config.weights.items())
        return card(
            "Chat data",
            {
                "student": self.student,
                "strategy": self.strategy,
                **({"reasoning by": str(self.origin)} if self.origin is not None else {}),
                **{f"{name} rows": count for name, count in self.splits.items()},
                "tokens": int(lengths.sum()),
                **({"weights": weights} if weights else {}),
                **({"closed loop": "passed" if loop.ok else "breaks"} if loop is not None else {}),
            },
            body=html_of(self.report)
            + ("" if self.mixture is None else html_of(self.mixture))
            + details("thinking format", html_of(self.probe)),
            next_verb="chat.preview(0)   or   run = rb.train(chat)"
            if self.report.ok
            else self.report.problems[0][1],
        )

    # -- inside ------------------------------------------------------------------------------------------
    def _view(self, chosen: np.ndarray) -> ChatDataset:
        view = ChatDataset(
            self.format,
            self.arrays,
            self.rows,
            self.report,
            self.fingerprint,
            origin=self.origin,
            set_aside=self.set_aside,
            unusable=self.unusable,
            mixture=self.mixture,
            chosen=chosen,
        )
        view.make_player, view.cases = self.make_player, self.cases
        return view

    def _at(self, index: int) -> int:
        try:
            return int(self.chosen[index])
        except IndexError:
            if not len(self):
                raise FormatError(
                    "There is no training row here.", "chat.report   # why rows were left out"
                ) from None
            raise IndexError(f"{index} of {len(self)} training rows") from None

    def _arrays(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        start, end = int(self.arrays.starts[at]), int(self.arrays.starts[at + 1])
        return self.arrays.ids[start:end], self.arrays.codes[start:end]

    def _weights(self, at: int) -> np.ndarray | None:
        weights = self.arrays.weights([at])
        return None if weights is None else weights[0]

    def _spans(self, codes: np.ndarray) -> Iterator[Span]:
        if not len(codes):
            return
        edges = np.flatnonzero(np.diff(codes)) + 1
        for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), len(codes)], strict=True):
            code = int(codes[start])
            yield Span(self.format.renderer.fields.part(code), start, stop, bool(code & segments.TRAINED))

    def _id_of(self, text: str) -> int | None:
        return self.tokenizer.backend_tokenizer.token_to_id(text)

    def _token_texts(self, ids: np.ndarray) -> list[str]:
        """What each token stands for: from offsets where the ids come out the same again, else one by one."""
        decode = self.tokenizer.backend_tokenizer.decode
        plain = ids.tolist()
        text = decode(plain, skip_special_tokens=False)
        encoding = self.format.encode([text])[0]
        if encoding.ids == plain:
            starts = [start for start, _ in encoding.offsets]
            starts[0] = 0
            ends = [*starts[1:], len(text)]
            return [text[a:b] if b > a else "" for a, b in zip(starts, ends, strict=True)]
        texts = [""] * len(plain)
        begun = [0]  # tokens with which a character begins
        for at in range(len(plain)):
            first, start = begun[-1], begun[-1 - min(_BEFORE, len(begun) - 1)]
            known = decode(plain[start:first], skip_special_tokens=False)
            said = decode(plain[start : at + 1], skip_special_tokens=False)
            if said.endswith("\ufffd") and at - first < 3 and at + 1 < len(plain):
                continue
            texts[first] = said.removeprefix(known)
            begun.append(at + 1)
        return texts

    def _task(self, index: int) -> Task:
        at = self._at(index)
        row = self.rows[int(self.arrays.row[at])]
        half, turn = int(self.arrays.half[at]), int(self.arrays.turn[at])
        found = self._turns(row, turn)
        if not any(self.strategy != "two_message_cot" or each.is_thought == (half == 1) for each in found):
            raise FormatError(
                "The rows behind this dataset have changed.", "chat = df.reason.to_chat(student)"
            )
        upto = row.conversation.turn_ends[turn]
        thoughts = {} if self.strategy == "final_only" else thoughts_of(row, self.config)
        told = with_thoughts(row.conversation.messages, thoughts, self.strategy)
        return Task(
            key=row.key,
            position=row.position,
            turn=turn,
            split=row.split,
            prompt=tuple(dict(message) for message in told[:upto]),
            expected=self._expected(row, found[-1]),
            reasoning=thoughts.get(upto, NOTHING).text,
            case=self.cases.names([row.position])[0] if self.cases is not None else "",
        )

    def _turns(self, row: ChatRow, turn: int) -> list[TrainingTurn]:
        """What is learnt of one assistant turn; both halves under ``two_message_cot``."""
        turns = turns_of(row, self.strategy, self.format.shown, self.format.guard)
        return [found for found in turns if found.number == turn]

    def _expected(self, row: ChatRow, found: TrainingTurn) -> str:
        """The answer; of a turn that calls tools what a student that wrote it is read to say, as it is so judged."""
        if not (found.extra and found.extra.get("tool_calls")):
            upto = row.conversation.turn_ends[found.number]
            return str(row.conversation.messages[upto].get("content") or "")
        rendered = self.format.renderer.render(found)
        parsed = self.format.parse(rendered.written, thinks=bool(found.thought), request=found.prompt)
        return parsed.answer or rendered.answer.strip()


class _Tasks(Sequence[Task]):
    """Tasks that are made when they are looked at."""

    def __init__(self, dataset: ChatDataset, make: Callable[[int], Task]) -> None:
        self._dataset = dataset
        self._make = make

    def __len__(self) -> int:
        return len(self._dataset)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> list[Task]: ...
    def __getitem__(self, index: int | slice) -> Task | list[Task]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._make(index)
