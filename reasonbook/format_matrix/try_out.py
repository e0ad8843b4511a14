"""Try-out: a perfect student is played for known chat templates, or for a student of yours (`rb.formats`)."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..chat import ChatConfig, ChatFormat, Probe
from ..chat.closed_loop.loop import check_format
from ..chat.config import STRATEGIES, check_strategy
from ..chat.template.message_form import EMBEDDED, PARTS
from ..chat.template.tokenizer import load_tokenizer
from ..errors import FormatError
from ..options import checked
from ..waiting import StatusLine
from .byte_tokenizer import EOS, byte_tokenizer
from .format_result import FormatResult
from .known_templates import PACKAGES, KnownTemplate, known_templates, versions
from .matrix import FormatMatrix

_OWN = 'rb.formats("Qwen/Qwen3-4B")   or   rb.formats("template.jinja")'
_MADE = (
    "Its tokenizer is made for the try: a token a byte, special tokens by their look. "
    "To be certain give the student's own: a folder or a Hub name."
)
_WAYS_IN = {"": "after the prompt", EMBEDDED: "tags in the content", PARTS: "parts of the content"}


@checked(FormatError, 'rb.formats("Qwen/Qwen3-4B")')
def formats(
    student: object | None = None,
    *,
    strategy: str | Sequence[str] | None = None,
    config: ChatConfig | None = None,
) -> FormatMatrix:
    """Which students can be trained in which way: a perfect student is played from prompt to prompt.

    It takes part of a second for a student and most of a minute for all known templates. An interrupt ends it, and
    what was tried until then is kept.

    Args:
        student: a folder, a Hub name, a tokenizer, a ``.jinja`` file, the text of a chat template, or the name of a
            known one such as ``trl:qwen3``; None: every chat template that the installed trl and unsloth carry.
        strategy: one or several of ``final_and_reasoning``, ``final_only``, ``two_message_cot``; None: all.
        config: choices about rows; see `ChatConfig`.

    Raises:
        FormatError: there is no such student, file or strategy, or no package that carries templates.

    Example:
        >>> print(rb.formats(rb.examples.tiny_student(), strategy="final_and_reasoning"))
        1 student, 1 strategy: works 1 · ...
        rows                      final_and_reasoning
        thinking                  ✓
        plain                     ✓
        ...
    """
    wanted = (strategy,) if isinstance(strategy, str) else tuple(strategy or STRATEGIES)
    for name in wanted:
        check_strategy(name)
    known = student is None
    students = _known() if known else [_given(student)]
    notes = _provenance() if known else [_MADE] if students[0].made else []
    begun, line = time.perf_counter(), StatusLine("Formats")
    results: list[FormatResult] = []
    complete = True
    try:
        for number, each in enumerate(students):
            line.show(f"{each.name}, {number + 1} of {len(students)}")
            results.extend(_results(each, wanted, config or ChatConfig()))
    except KeyboardInterrupt:
        complete = False
        tried = len({result.student for result in results})
        notes.append(f"Interrupted: {tried} of {len(students)} students were tried.")
    seconds = time.perf_counter() - begun
    line.end(f"Formats: {len(results)} tried in {seconds:.0f} s.", quick=True)
    return FormatMatrix(results, seconds=seconds, notes=notes, complete=complete)


@dataclass(frozen=True)
class _Student:
    name: str
    tokenizer: Callable[[], object]
    made: bool = False  # its tokenizer was made here, and so was its end token
    aliases: tuple[str, ...] = ()


def _results(student: _Student, strategies: Sequence[str], config: ChatConfig) -> Iterator[FormatResult]:
    tokenizer = student.tokenizer()
    for strategy in strategies:
        try:
            chat = ChatFormat(tokenizer, strategy=strategy, config=config)
            loop = check_format(chat)
        except FormatError as error:
            yield FormatResult(
                student.name, strategy, why=error.problem, fix=error.fix, aliases=student.aliases
            )
            continue
        yield FormatResult(
            student.name,
            strategy,
            loop=loop,
            carrier=_way_in(chat.probe),
            switch=_switch(chat.probe),
            stops=_stops(chat, student.made),
            aliases=student.aliases,
        )


def _way_in(probe: Probe) -> str:
    return _WAYS_IN.get(probe.form.carrier, probe.form.carrier)


def _switch(probe: Probe) -> str:
    if not probe.switch:
        return ""
    return " ".join(f"{name}={value!r}" for name, value in sorted(probe.on.kwargs.items()))


def _stops(chat: ChatFormat, made: bool) -> tuple[str, ...]:
    """The stop tokens; the one that was made up here only where the template writes it."""
    texts = [chat.tokenizer.decode([token]) for token in chat.stop_ids]
    if made:
        written = chat.probe.on.stop + chat.probe.off.stop
        texts = ["eos_token" if text == EOS else text for text in texts if text != EOS or EOS in written]
    return tuple(texts)


# -- which students ------------------------------------------------------------------------------------------
def _known() -> list[_Student]:
    found = known_templates()
    if not found:
        raise FormatError(
            "The known chat templates come with the packages trl and unsloth, and neither is installed.",
            f"pip install trl   or, for a student of yours, {_OWN}",
        )
    return [_of_template(template) for template in found.values()]


def _provenance() -> list[str]:
    there = versions()
    notes = [f"Templates of {' and '.join(f'{name} {version}' for name, version in there.items())}."]
    return notes + [
        f"{name} is not installed, and its templates are left out: pip install {name}"
        for name in PACKAGES
        if name not in there
    ]


def _given(student: object) -> _Student:
    """A student as a person names one."""
    if isinstance(student, (str, Path)):
        name = str(student)
        if "{{" in name or "{%" in name:
            return _of_template(KnownTemplate("template", name))
        if Path(name).suffix in (".jinja", ".jinja2", ".j2"):
            return _of_template(KnownTemplate(Path(name).name, _read(Path(name).expanduser())))
        if ":" in name and name.partition(":")[0] in PACKAGES:
            found = {
                each: known for known in known_templates().values() for each in (known.name, *known.aliases)
            }
            if name not in found:
                near = difflib.get_close_matches(name, found, n=5, cutoff=0.3)
                raise FormatError(
                    f"There is no known template {name!r}.",
                    f"`reasonbook formats` lists them all; near it: {', '.join(near)}",
                )
            return _of_template(found[name])
    tokenizer, name = load_tokenizer(student)
    return _Student(name, lambda: tokenizer)


def _of_template(template: KnownTemplate) -> _Student:
    return _Student(
        template.name,
        lambda: byte_tokenizer(template.source, eos=template.eos or EOS),
        made=True,
        aliases=template.aliases,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"The chat template {str(path)!r} cannot be read: {error}.", _OWN) from error
