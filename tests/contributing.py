"""What CONTRIBUTING.md takes from the code: the map, drawn from the modules' docstrings in the order of the law.

`make map` writes it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house import HOUSE, House, short
from tests.test_architecture import LAYERS

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
MAP = re.compile(r"(?<=<!-- make map -->\n```\n).*?(?=```\n<!-- end of the map -->)", re.DOTALL)


def drawn(house: House) -> str:
    """A line for each module, folders before what lies in them."""
    lines = [(f"{house.package.name}/", said(house, house.package.name))]
    lines += [
        (f"{'  ' * name.count('.')}{short(name)}{'/' * house.is_folder(name)}", said(house, name))
        for name in in_order(house, house.package.name)
    ]
    width = max(len(name) for name, _ in lines) + 2
    return "".join(f"{name:{width}}{text}\n" for name, text in lines)


def in_order(house: House, folder: str) -> list[str]:
    """Everything below a folder: as the law has it, and by name where it does not say."""
    named = [name for line in LAYERS.get(folder, ()) for name in line.split()]
    place = {name: i for i, name in enumerate(named)}
    others = place.get("*", len(place))
    found = []
    for each in sorted(house.rooms(folder), key=lambda name: (place.get(short(name), others), name)):
        found += [each, *in_order(house, each)]
    return found


def said(house: House, module: str) -> str:
    """The first line of its docstring, without the one to three words before the colon: they are its name again."""
    line = (ast.get_docstring(house.trees[module]) or "").partition("\n")[0].removesuffix(".")
    lead, colon, rest = line.partition(": ")
    return rest if colon and len(lead.split()) <= 3 else line


if __name__ == "__main__":
    PAGE.write_text(MAP.sub(lambda _: drawn(HOUSE), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
