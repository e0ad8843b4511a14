"""Ollama: a GGUF file and the Modelfile that prompts it exactly as training did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .adapter import Saved, free, size
from .gguf import gguf

if TYPE_CHECKING:
    from ...chat import ChatFormat
    from ..runs.trained import TrainedStudent

_S, _U, _A, _V = "rbsystemone", "rbusertwo", "rbassistantthree", "rbuserfour"


@dataclass(frozen=True)
class ModelfileParts:
    """What stands around the messages of a prompt.

    Attributes:
        start: before the first user message when there is no system message.
        system: before and after a system message, up to the text of the user's.
        user: between an answer and the next user message.
        answer: between a user message and an earlier answer.
        end: after the last user message: where the student begins to write.
    """

    start: str
    system: tuple[str, str]
    user: str
    answer: str
    end: str

    def render(self, messages: list[dict[str, Any]]) -> str:
        """What the Modelfile's template makes of messages that end with the user's."""
        text, before = "", ""
        for i, message in enumerate(messages):
            if message["role"] == "system":
                text += self.system[0] + message["content"] + self.system[1]
            elif message["role"] == "user":
                text += (self.start if i == 0 else "" if before == "system" else self.user) + message[
                    "content"
                ]
            else:
                text += self.answer + message["content"]
            before = message["role"]
        return text + self.end

    def template(self) -> str:
        """The same as Ollama's Go template."""
        return (
            "{{- range $i, $m := .Messages }}"
            '{{- if eq $m.Role "system" }}' + _go(self.system[0]) + "{{ $m.Content }}" + _go(self.system[1])
            + '{{- else if eq $m.Role "user" }}'
            + "{{- if eq $i 0 }}" + _go(self.start)
            + '{{- else if ne (index $.Messages 0).Role "system" }}' + _go(self.user)
            + "{{- else if ne $i 1 }}" + _go(self.user) + "{{- end }}{{ $m.Content }}"
            + '{{- else if eq $m.Role "assistant" }}' + _go(self.answer) + "{{ $m.Content }}"
            + "{{- end }}{{- end }}" + _go(self.end)
        )  # fmt: skip


def ollama(student: TrainedStudent, path: Path, *, quantization: str = "f16") -> Saved:
    """Writes ``model.gguf`` and a ``Modelfile``; then: ``ollama create NAME -f Modelfile``.

    Args:
        student: what is saved.
        path: a folder of its own.
        quantization: as for ``gguf``.
    """

    free(path)
    made = gguf(student, path / "model.gguf", quantization=quantization)
    found = pieces(student.format)
    (path / "Modelfile").write_text(
        modelfile(student.format, found, context=student.plan.longest + student.plan.sample_tokens),
        encoding="utf-8",
    )
    note = made.note
    if found is None:
        note += " The prompts of this student do not fit a Go template; Ollama takes the Jinja template in the file."
    return Saved(
        str(path), "ollama", size(path), note, f"ollama create {_name(student.name)} -f {path / 'Modelfile'}"
    )


def modelfile(form: ChatFormat, found: ModelfileParts | None, *, context: int) -> str:
    """The Modelfile: greedy, with the stop tokens and the context that training had."""
    lines = ["FROM ./model.gguf", "PARAMETER temperature 0", f"PARAMETER num_ctx {max(256, context)}"]
    lines += [f'PARAMETER stop "{form.tokenizer.decode([i])}"' for i in form.stop_ids]
    if form.shown.system and '"""' not in form.shown.system:  # for `/show system`: the template has it too
        lines.append(f'SYSTEM """{form.shown.system}"""')
    if found is not None:
        lines.append(f'TEMPLATE """{found.template()}"""')
    return "\n".join(lines) + "\n"


def pieces(form: ChatFormat) -> ModelfileParts | None:
    """Takes prompts of the student apart; None where what was found does not put them together again."""
    user, system = {"role": "user", "content": _U}, {"role": "system", "content": _S}
    earlier, again = {"role": "assistant", "content": _A}, {"role": "user", "content": _V}
    if form.calls != 1:
        return None
    try:
        alone = form.prompt_text([user])
        ruled = form.prompt_text([system, user])
        longer = form.prompt_text([user, earlier, again])
        start, end = alone.split(_U)
        before, rest = ruled.split(_S)
        after = rest.split(_U)[0]
        answer, rest = longer.split(_U)[1].split(_A)
        found = ModelfileParts(start, (before, after), rest.split(_V)[0], answer, end)
    except Exception:  # a template that refuses system messages, or repeats what it is given
        return None
    talks = ([user], [system, user], [user, earlier, again], [system, user, earlier, again])
    return found if all(found.render(list(t)) == form.prompt_text(list(t)) for t in talks) else None


def _go(text: str) -> str:
    """A text as it must stand in a Go template; blanks at its ends are kept."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '{{ "' + escaped + '" }}' if text else ""


def _name(label: str) -> str:
    return "-".join(label.lower().split())
