"""Cures: the code in the package's own sentences, found in its source: what an error or a card tells to type."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOTS = (
    "rb", "df", "schema", "job", "review", "repair", "chat", "run", "session", "ablation", "comparison",
    "AugmentConfig", "ChatConfig", "TrainConfig", "model", "client", "to_chat", "train", "dask", "AutoTokenizer",
    "LlamaCpp", "refund_rules", "refunds", "tiny_student", "lambda", "pip",
)  # fmt: skip
_BEGINS = re.compile(rf"(?<![\w.\"'/])(?:(\w+) = )?(?=({'|'.join(ROOTS)})\b[\w.]*[(\[.])")


class Cure(NamedTuple):
    """A piece of code that the package tells a person to type, and where."""

    where: str
    code: str


def cures(package: Path) -> Iterator[Cure]:
    """Every piece of code in a string of the package that is no docstring."""
    for path in sorted(package.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        skipped = {id(node) for each in nodes for node in _docstring(each)}
        inside = {id(part) for each in nodes if isinstance(each, ast.JoinedStr) for part in each.values}
        for node in nodes:
            if id(node) in skipped or id(node) in inside:
                continue
            text = said(node)
            for code in pieces(text) if text else ():
                yield Cure(f"{path.relative_to(package)}:{node.lineno}", code)  # type: ignore[attr-defined]


def said(node: ast.AST) -> str | None:
    """The text of a string in the source; what is filled in at run time stands in it as ``⟨expression⟩``."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"⟨{ast.unparse(part)}⟩"
            for part in node.values
        )
    return None


def pieces(text: str) -> Iterator[str]:
    """The calls and attributes in a sentence, each as it stands there."""
    at = 0
    while found := _BEGINS.search(text, at):
        end = _end(text, found.end())
        code = text[found.start() : end].rstrip(".")
        if "(" in code or "[" in code:
            yield code
        at = max(end, found.end() + 1)


def _end(text: str, at: int) -> int:
    """Where an expression ends: at the first blank, comma or full stop that no bracket holds."""
    depth, quote = 0, ""
    for i in range(at, len(text)):
        letter = text[i]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and depth:
            quote = letter
        elif letter in "([{⟨":
            depth += 1
        elif letter in ")]}⟩":
            depth -= 1
            if depth < 0:
                return i
        elif not depth and not (letter.isalnum() or letter in "._"):
            return i
    return len(text)


def _docstring(node: ast.AST) -> Iterator[ast.AST]:
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        yield body[0].value
