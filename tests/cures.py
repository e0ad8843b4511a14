"""Cures: the code in the package's own sentences, found in its source: what an error or a card tells to type."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.house import House

ROOTS = (
    "rb", "audit", "df", "schema", "job", "more", "review", "repair", "chat", "run", "session", "ablation",
    "comparison", "AugmentConfig", "ChatConfig", "TrainConfig", "model", "client", "to_chat", "train", "dask",
    "AutoTokenizer", "LlamaCpp", "refund_rules", "refunds", "tiny_student", "lambda", "pip",
)  # fmt: skip
_BEGINS = re.compile(rf"(?<![\w.\"'/])(?:(\w+) = )?(?=({'|'.join(ROOTS)})\b[\w.]*[(\[.])")


class Cure(NamedTuple):
    """A piece of code that the package tells a person to type, and where."""

    where: str
    code: str


def cures(house: House) -> Iterator[Cure]:
    """Every piece of code in a string of the package that is no docstring."""
    for name, tree in house.trees.items():
        for node in _strings(tree):
            for code in pieces(said(node) or ""):
                yield Cure(f"{house.files[name].relative_to(house.package)}:{node.lineno}", code)


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


def _strings(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Every constant and every f-string below a node, but docstrings and what only is a part of an f-string."""
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant):
            if not isinstance(node, ast.JoinedStr):
                yield child
            continue
        if isinstance(child, ast.JoinedStr):
            yield child
        if child is not first or not isinstance(child, ast.Expr) or not isinstance(child.value, ast.Constant):
            yield from _strings(child)
