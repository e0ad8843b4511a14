"""CONTRIBUTING.md says what is there: the map is today's, and every place where one adds a thing exists."""

import re

from tests.contributing import MAP, PAGE, drawn
from tests.house import HOUSE, built

WIDTH = 120


def test_the_map_is_of_today():
    found = MAP.search(PAGE.read_text(encoding="utf-8"))
    assert found and found.group() == drawn(HOUSE), "stale: make map"


def test_each_line_of_it_fits():
    """A first line that does not fit says too much for a first line."""
    assert [line for line in drawn(HOUSE).splitlines() if len(line) > WIDTH] == []


def test_the_map_is_in_the_laws_order_and_says_what_the_docstrings_say(tmp_path):
    house = built(
        tmp_path / "reasonbook",
        {
            "__init__.py": '"""The whole."""',
            "events.py": '"""Events: what is shown."""',
            "attic.py": '"""What nobody knows the place of: this."""',
            "review/__init__.py": '"""Review: decisions."""',
            "review/samples.py": '"""Rows as they stand.\n\nAnd more."""',
        },
    )
    assert drawn(house).splitlines() == [
        "reasonbook/  The whole",
        "  review/    decisions",
        "    samples  Rows as they stand",
        "  events     what is shown",
        "  attic      What nobody knows the place of: this",
    ]


def places(text: str) -> list[str]:
    """What the table names in backticks with a slash; NAME and NN stand for any."""
    table = [line for line in text.splitlines() if line.startswith("| ")]
    return [place for line in table for place in re.findall(r"`([^`]*/[^`]*)`", line)]


def missing(named: list[str]) -> list[str]:
    return [place for place in named if not any(PAGE.parent.glob(re.sub(r"NAME|NN", "*", place.rstrip("/"))))]


def test_every_place_to_add_a_thing_exists():
    named = places(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 20 and missing(named) == []
    assert missing(places("| a | `reasonbook/attic/` | `frontend/src/NAME.rs` |")) == [
        "reasonbook/attic/",
        "frontend/src/NAME.rs",
    ]
