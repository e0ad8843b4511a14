"""Adapter: the trained weights as they are, in a folder with their card; what every form shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import TrainingError
from ...html_card import card
from ..runs import run_card
from ..runs.folder import LOG
from ..runs.output_log import muted

if TYPE_CHECKING:
    from ..runs.trained import TrainedStudent


@dataclass(frozen=True)
class Saved:
    """What was written.

    Attributes:
        path: the folder or file.
        format: adapter, merged, gguf, ollama or hub.
        bytes: of all files together.
        note: what is worth knowing about it.
        next: the line that uses it.
    """

    path: str
    format: str
    bytes: int
    note: str = ""
    next: str = ""

    def _repr_html_(self) -> str:
        return card(
            f"Saved: {self.path}",
            {"format": self.format, "MiB": round(self.bytes / (1 << 20), 2)},
            notes=[self.note] if self.note else [],
            next_verb=self.next,
        )


def adapter(student: TrainedStudent, path: Path) -> Saved:
    """The adapter, or all weights where all of them were trained; with tokenizer, template and run card."""
    free(path)
    with student.lent() as model, muted(student.folder / LOG):
        model.save_pretrained(str(path))
    note = ""
    if student.plan.tuning == "full":
        note = "All weights were trained, so all of them are in the folder; there is no adapter."
    describe(student, path)
    return Saved(str(path), "adapter", size(path), note, f"rb.Run.load({str(path)!r}).chat('…')")


def describe(student: TrainedStudent, path: Path) -> None:
    """Puts the tokenizer with the template in use, and the card, beside weights."""
    student.format.export_tokenizer().save_pretrained(str(path / "tokenizer"))
    student.format.export_tokenizer().save_pretrained(str(path))
    run_card.write(path, student.card.read())


def free(path: Path) -> None:
    """Refuses to mix files with somebody else's."""
    if path.is_dir() and any(path.iterdir()) and not (path / run_card.NAME).is_file():
        raise TrainingError(f"{str(path)!r} holds other files.", "run.save('a/new/folder')")
    path.mkdir(parents=True, exist_ok=True)


def size(path: Path) -> int:
    """Bytes of a file or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
