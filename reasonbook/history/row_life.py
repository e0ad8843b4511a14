"""Row life: what has happened to one row, in order, from the first request to the last test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from ..augment.engine.job_journal import read as read_jobs
from ..data.conversation import Conversation, is_mapping, is_sequence
from ..data.frame import Frame
from ..decisions import Decisions
from ..errors import ReviewError
from ..html_card import clip, details, table
from ..store import NOT_RECORDED, AskedCall, Store, calls_about
from .listing import Listing, dollars, moment
from .row_runs import RowInRun, runs_of
from .stored_reasoning import recipes


@dataclass(frozen=True)
class LifeStep:
    """One thing that happened to a row.

    Attributes:
        at: seconds since the epoch.
        what: ``asked``, ``not usable``, ``failed``, ``repair asked``, ``repaired``, ``edited``, ``accepted``,
            ``rejected``, ``settled``, ``rated``, ``changed``, ``undone``, ``redone``, ``trained``, ``validated``,
            ``held out``, ``right``, ``wrong`` or ``partly right``.
        who: the teacher, the reviewer or the run; "not recorded" where nobody was named.
        text: what came of it, in words.
        details: what else is on record, by name.
    """

    at: float
    what: str
    who: str
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


_COLUMNS: Mapping[str, Callable[[LifeStep], Any]] = {
    "when": lambda step: moment(step.at),
    "what": lambda step: step.what,
    "who": lambda step: step.who,
    "": lambda step: clip(step.text, 300),
}


class RowLife(Listing[LifeStep]):
    """The life of one row of a frame.

    Args:
        frame: the frame.
        position: of the row.
        store: where everything is on record.

    Attributes:
        steps: what happened, oldest first.

    Example:
        >>> life = df.reason.history(17)
        >>> [step.what for step in life.steps]
        ['asked']
        >>> life.steps[0].details["method"]
        'extract'
    """

    def __init__(self, frame: Frame, position: int, store: Store) -> None:
        if not -len(frame) <= position < len(frame):
            raise ReviewError(
                f"There is no row {position}; the frame has {len(frame)}.", "df.reason.history(0)"
            )
        position %= len(frame)
        [conversation] = frame.layout.read(frame.df, [position])
        decisions = Decisions(store)
        key, root = frame.keys[position], decisions.roots_of(frame.fresh_keys)[position]
        names = list(dict.fromkeys([key, *decisions.names(root)]))
        contents = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
        turns = _turns(conversation, contents)
        steps = [
            *_asked(store, turns, names),
            *_failed(store, turns, names),
            *_decided(store, decisions, root, len(turns)),
            *_trained(runs_of(store, names)),
        ]
        self.steps: tuple[LifeStep, ...] = tuple(sorted(steps, key=lambda step: step.at))
        self.position, self._request = position, conversation.messages
        super().__init__(
            self.steps,
            _COLUMNS,
            title=f"Row {position}",
            next_verb="df.reason.history(17).steps[0].details",
            notes=[] if self.steps else ["Nothing about this row is on record."],
        )

    def _body(self) -> str:
        folded = "".join(
            details(f"{step.what}, {moment(step.at)}: details", table(("", ""), list(step.details.items())))
            for step in self.steps
            if step.details
        )
        asked = next((m.get("content") for m in reversed(self._request) if m.get("role") == "user"), "")
        return table(("request",), [(clip(str(asked), 300),)]) + super()._body() + folded


# -- asked -----------------------------------------------------------------------------------------------------
def _turns(row: Conversation, contents: Sequence[str]) -> list[list[str]]:
    """By what the store knows each assistant turn of a row; the last one goes by the row's names too."""
    *earlier, _ = (row.turn(n) for n in range(len(row.turn_ends)))
    return [*([turn.prompt_key, turn.key] for turn in earlier), [row.prompt_key, *contents]]


def _named(numbers: Sequence[int], count: int) -> str:
    """Which turns something is about; "" of a row that has but one."""
    if count < 2:
        return ""
    return f"turn{'s' if len(numbers) > 1 else ''} {', '.join(str(n + 1) for n in numbers)} of {count}: "


def _asked(store: Store, turns: Sequence[Sequence[str]], names: Sequence[str]) -> Iterator[LifeStep]:
    calls: dict[int, AskedCall] = {}
    about: dict[int, list[int]] = {}
    for n, contents in enumerate(turns):
        for call in calls_about(store, contents):
            calls[call.id] = call
            about.setdefault(call.id, []).append(n)
    calls.update((call.id, call) for call in calls_about(store, names))
    for call in calls.values():
        repair = call.purpose == "repair"
        what = ("repair asked" if repair else "asked") if not call.problem else "not usable"
        parameters = _json(call.parameters)
        text = call.problem or (f"feedback: {parameters.get('feedback', '')}" if repair else call.text)
        which = _named(about[call.id], len(turns)) if call.id in about else ""
        yield LifeStep(call.at, what, call.teacher, which + text, _facts(call, parameters))


def _facts(call: AskedCall, parameters: Mapping[str, Any]) -> dict[str, Any]:
    unknown = call.purpose == NOT_RECORDED
    return {
        "teacher": call.teacher,
        "method": call.method or call.purpose,
        "prompt": call.prompt,
        "schema": call.schema,
        "parameters": NOT_RECORDED if unknown else json.dumps(dict(parameters), ensure_ascii=False),
        "tokens": f"{call.usage.get('input', 0)} in, {call.usage.get('output', 0)} out",
        "price": NOT_RECORDED if unknown else _price(call.price),
        "cost": NOT_RECORDED if unknown else dollars(call.cost),
        "notebook": call.notebook,
        "job": call.job or NOT_RECORDED,
        "answer": call.text,
    }


def _price(price: Sequence[float] | None) -> str:
    if price is None:
        return "not known"
    read, written, _ = price
    return f"{dollars(read)} in, {dollars(written)} out per million tokens"


def _failed(store: Store, turns: Sequence[Sequence[str]], names: Sequence[str]) -> Iterator[LifeStep]:
    """Ends without an answer: nothing was paid for, so no call tells of them."""
    known = [*((_named([n], len(turns)), contents) for n, contents in enumerate(turns)), ("", names)]
    for job in read_jobs(store).jobs:
        for which, contents in known:
            why = next((job.failures[name] for name in contents if name in job.failures), None)
            if why is not None:
                yield LifeStep(job.until, "failed", job.teacher, which + why, {"job": job.id})


def _json(text: str) -> Mapping[str, Any]:
    try:
        told: object = json.loads(text)
    except ValueError:
        return {}
    return told if is_mapping(told) else {}


# -- decided ---------------------------------------------------------------------------------------------------
def _decided(store: Store, decisions: Decisions, root: str, count: int) -> Iterator[LifeStep]:
    acts: dict[str, LifeStep] = {}
    named = {recipe.id: recipe.origin for recipe in recipes(store)}
    for _, event in sorted(decisions.acts(), key=itemgetter(0)):
        data = event.data
        if not is_mapping(data):
            continue
        who = str(data.get("by") or NOT_RECORDED)
        if event.kind in ("undo", "redo"):
            act = acts.get(str(data.get("id")))
            if act is not None:
                yield LifeStep(event.at, f"{event.kind}ne", who, f"{act.what}, {moment(act.at)}")
            continue
        new = _of(data, "after", root)
        if new is None:
            continue
        if event.kind == "use":
            chosen = named.get(str(data.get("recipe")), "an augmentation")
            yield LifeStep(event.at, "changed", who, f"the reasoning by {chosen} was brought into the frame")
            continue
        step = _act(event.at, who, _of(data, "before", root) or {}, new, data.get("repair"), count)
        settled: object = data.get("settled")
        if is_sequence(settled) and root in settled:
            whose = f"the version of {data['version']}; " if data.get("version") else ""
            step = replace(step, what="settled", text=whose + step.text)
        acts[str(data.get("id"))] = step
        yield step


def _of(data: Mapping[str, Any], part: str, root: str) -> Mapping[str, Any] | None:
    """A row's attributes before or after an act; None where it was not about the row."""
    rows = data.get(part)
    found = rows.get(root) if is_mapping(rows) else None
    return found if is_mapping(found) else None


def _act(
    at: float,
    who: str,
    before: Mapping[str, Any],
    new: Mapping[str, Any],
    repair: Mapping[str, Any] | None,
    count: int,
) -> LifeStep:
    changed = {name: value for name, value in new.items() if before.get(name) != value and name in _SAID}
    facts = {f"{name} before": before.get(name) for name in ("response",) if name in changed} | changed
    wrote = new.get("teacher_reasoning")
    if "reasoning" in changed and is_mapping(wrote):
        facts["the teacher's"] = wrote
    texts = [*_turn_words(before, new, count)]
    facts |= {f"the teacher's, {which[:-2]}": had for which, _, had in texts if had}
    last = _named([count - 1], count)
    said = [
        (last if name == "reasoning" else "") + _words(name, value, wrote) for name, value in changed.items()
    ]
    text = "; ".join([*(which + words for which, words, _ in texts), *said])
    if repair is not None:
        feedback = repair.get("feedback")
        return LifeStep(at, "repaired", who, f"feedback: {feedback}; {text}", {**repair, **facts})
    if texts or "reasoning" in changed or "response" in changed:
        return LifeStep(at, "edited", who, text, facts)
    verdict = changed.get("verdict")
    if verdict:
        return LifeStep(at, str(verdict), who, text)
    return LifeStep(at, "rated" if changed.get("rating") else "changed", who, text)


def _turn_words(
    before: Mapping[str, Any], new: Mapping[str, Any], count: int
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Of each earlier turn that an act has changed: which, in words what, and what the teacher had written."""
    old: Mapping[str, Any] = before.get("turns") or {}
    wrote: Mapping[str, Any] = new.get("teacher_turns") or {}
    turns: Mapping[str, Any] = new.get("turns") or {}
    for name, mine in turns.items():
        if old.get(name) != mine:
            had: Mapping[str, Any] = wrote.get(name) or {}
            yield _named([int(name)], count), _words("reasoning", mine, had), had


_SAID = ("verdict", "rating", "reasoning", "response", "stale", "note", "tags", "later")


def _words(name: str, value: object, wrote: object) -> str:
    if name == "reasoning" and is_mapping(value) and is_mapping(wrote):
        return ", ".join(f"{n}: {wrote.get(n)!r} → {v!r}" for n, v in value.items() if wrote.get(n) != v)
    return f"{name}: {value}"


# -- trained ---------------------------------------------------------------------------------------------------
_TOOK_PART = {"train": "trained", "validation": "validated", "test": "held out"}


def _trained(runs: Sequence[RowInRun]) -> Iterator[LifeStep]:
    for run in runs:
        loss = "" if run.loss is None else f"; its loss at the end: {run.loss:.3f}"
        facts = {"run": run.id, "student": run.student, "strategy": run.strategy, "split": run.split}
        yield LifeStep(run.at, _TOOK_PART.get(run.split, run.split), run.name, f"run {run.id}{loss}", facts)
        for test, grade in run.grades:
            what = {0.0: "wrong", 1.0: "right"}.get(grade, "partly right")
            by = f"{run.student}, before training" if test.base else run.name
            text = f"{test.measure} on {test.split}, run {run.id}, step {test.step}" + (
                "" if grade in (0.0, 1.0) else f": {grade:g}"
            )
            yield LifeStep(test.at, what, by, text)
