"""The law of the house, a small bad house for each of its rules, and what `import reasonbook` costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest

from tests.house import HOUSE, House, built, circles, inside, short

# ---------------------------------------------------------------------------------------------------- the law
# A room imports from lines further down only, wherever the import stands: at import time, inside a function, under
# TYPE_CHECKING. Rooms on one line do not import each other; `*` is every other room of the folder, in any order.
# A folder's own index, its `__init__`, stands above all its rooms. CONTRIBUTING.md draws its map in this order.
LAYERS = {
    "reasonbook": (
        "cli ipython",
        "demo widgets",
        "accessor",
        "environment exports format_matrix history review",
        "mixture quality",
        "augment training examples",
        "versions",
        "chat decisions teachers schema",
        "cases",
        "data",
        "waiting",
        "store job",
        "options",
        "errors html_card events notebook safe_text _version",
    ),
    "reasonbook.training": (
        "ablation rerun",
        "launch start",
        "run",
        "evaluation saving chat_session",
        "runs",
        "planner",
        "backends",
        "loop answering",
        "planning run_events",
    ),
    "reasonbook.chat": (
        "to_chat",
        "closed_loop outliers",
        "builder",
        "dataset",
        "format preflight written_text",
        "rendering",
        "template config preview reasoning_text thinking_parser",
        "loop_report",
    ),
    "reasonbook.augment": ("datasets estimation", "augmentation", "engine", "*"),
    "reasonbook.teachers": ("ask batches", "*", "hosted", "pricing", "json_access teacher"),
}
# Who alone may import a thing.
ONLY = {
    "reasonbook.widgets": "reasonbook.ipython",
    "unsloth": "reasonbook.training.backends.unsloth",
    "unsloth_zoo": "reasonbook.training.backends.unsloth",
}
# Slow to load, and missing on many machines: nobody imports them at import time. Widgets may, since
# `import reasonbook` does not pass them.
HEAVY = set(
    "torch transformers trl peft accelerate datasets bitsandbytes unsloth unsloth_zoo openai anthropic "
    "aiohttp xllamacpp ipywidgets anywidget plotly pyarrow dask rensa rapidfuzz".split()
)
# `df.reason` is the user's door; the package takes the rooms behind it. The examples show the user's way.
SAYS_REASON = ("reasonbook.accessor", "reasonbook.examples")
# The live view of a Comparison is the Comparison that a person sees.
ONE_NAME_FOR_TWO = {"Comparison"}
# A shelf is what a reader takes in at a glance. Where a new thing is a new file, the things do not count.
SHELF = 12
ONE_FILE_EACH = {
    "reasonbook.widgets": (
        "augment_progress chat_box comparison mask_preview sample_review schema_editor training_curves"
    ),
}
# ------------------------------------------------------------------------------------------------------------

NOT_LOADED = ("torch", "transformers", "openai", "anthropic", "ipywidgets", "plotly", "aiohttp", "anywidget")
IMPORT_BUDGET = 0.5  # seconds, pandas among them


def layer(name: str, folder: str) -> int | None:
    """How far down a room of a folder stands, by full name; None where the law does not name it."""
    lines = [line.split() for line in LAYERS[folder]]
    return next((i for word in (short(name), "*") for i, line in enumerate(lines) if word in line), None)


def arrows_run_down(house: House) -> list[str]:
    found = []
    for folder, lines in LAYERS.items():
        for each, origin, target in house.between(folder):
            above, below = layer(origin, folder), layer(target, folder)
            if above is None or below is None:
                continue  # `every_room_has_a_place` says so
            if above > below or (above == below and lines[above] != "*"):
                found.append(str(each))
    return found


def nobody_imports_an_index_above(house: House) -> list[str]:
    """A module takes from its neighbours, not from the index that gathers them for others."""
    return [str(each) for each in house.arrows if inside(each.origin, each.target)]


def every_room_has_a_place(house: House) -> list[str]:
    return [name for folder in LAYERS for name in house.rooms(folder) if layer(name, folder) is None]


def every_place_has_a_room(house: House) -> list[str]:
    places = [f"{folder}.{name}" for folder, lines in LAYERS.items() for name in " ".join(lines).split()]
    return [place for place in places if place not in house.files and short(place) != "*"]


def no_circle_of_files(house: House) -> list[str]:
    edges: dict[str, set[str]] = defaultdict(set)
    for each in house.arrows:
        edges[each.origin].add(each.target)
    return drawn(edges)


def no_circle_of_folders(house: House) -> list[str]:
    """Each folder's rooms, taken as wholes."""
    found = []
    for folder in house.folders:
        edges: dict[str, set[str]] = defaultdict(set)
        for _, origin, target in house.between(folder):
            edges[origin].add(target)
        found += [line for line in drawn(edges) if any(house.is_folder(name) for name in line.split(" → "))]
    return found


def drawn(edges: dict[str, set[str]]) -> list[str]:
    return [" → ".join(circle) for circle in circles(edges)]


def a_private_entrance_is_private(house: House) -> list[str]:
    return [
        str(each)
        for each in house.imports
        for thing, alone in ONLY.items()
        if inside(each.target, thing) and not related(each.origin, thing) and each.origin != alone
    ]


def related(module: str, thing: str) -> bool:
    """Whether a module lies in a thing, or is the index above it."""
    return inside(module, thing) or inside(thing, module)


def nothing_heavy_at_import_time(house: House) -> list[str]:
    return [
        str(each)
        for each in house.imports
        if each.when == "import"
        and each.target.partition(".")[0] in HEAVY
        and not inside(each.origin, "reasonbook.widgets")
    ]


def the_package_imports_itself_by_dots(house: House) -> list[str]:
    return [str(each) for each in house.imports if inside(each.target, "reasonbook") and not each.relative]


def only_an_index_imports_by_a_text(house: House) -> list[str]:
    """An arrow in a text is one that nobody sees; an index may, since it only ever points down."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in house.trees.items()
        if not house.is_folder(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) == "import_module" and relative(node)
    ]


def called(node: ast.Call) -> str:
    return short(ast.unparse(node.func))


def relative(node: ast.Call) -> bool:
    """Whether an `import_module` may reach into the house: with a package to start from, or by its name."""
    return len(node.args) + len(node.keywords) > 1 or "reasonbook" in ast.unparse(node)


def the_accessor_is_the_users(house: House) -> list[str]:
    """No `X.reason` where X is a frame: by its name, by its annotation, or since a verb of the accessor follows.

    Runs, errors and results have a text by that name; of the verbs, texts have `split` alone.
    """
    verbs = verbs_of_the_accessor(house) - set(dir(str))
    return [
        f"{name}:{line}"
        for name, tree in house.trees.items()
        if not any(inside(name, place) for place in SAYS_REASON)
        for line in sorted(set(reasons(tree, verbs, frozenset())))
    ]


def verbs_of_the_accessor(house: House) -> set[str]:
    classes = [node for node in house.trees["reasonbook.accessor"].body if isinstance(node, ast.ClassDef)]
    return {each.name for node in classes for each in node.body if isinstance(each, ast.FunctionDef)}


def reasons(node: ast.AST, verbs: set[str], frames: frozenset[str]) -> Iterator[int]:
    """The lines that say `.reason` of a frame; `frames` are the names that the function annotates as frames."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        given = [each for each in ast.walk(node.args) if isinstance(each, ast.arg) and each.annotation]
        frames |= {each.arg for each in given if "DataFrame" in ast.unparse(each)}
    match node:
        case ast.Attribute(ast.Attribute(_, "reason"), verb) if verb in verbs:
            yield node.lineno
        case ast.Attribute(value, "reason") if is_frame(value, frames):
            yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from reasons(child, verbs, frames)


def is_frame(node: ast.expr, frames: frozenset[str]) -> bool:
    while isinstance(node, ast.Subscript):
        node = node.value
    word = short(ast.unparse(node))
    return word in frames or word.split("_")[-1] in ("df", "ddf", "frame")


def one_name_one_class(house: House) -> list[str]:
    homes: dict[str, list[str]] = defaultdict(list)
    for name, tree in house.trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    return [
        f"{name}: {', '.join(where)}"
        for name, where in homes.items()
        if len(where) > 1 and name not in ONE_NAME_FOR_TWO
    ]


def no_module_in_the_shadow_of_its_function(house: House) -> list[str]:
    """`from . import x` is the module or the function, as the imports before it had it."""
    found = []
    for folder in house.folders:
        for node in ast.walk(house.trees[folder]):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 1:
                found += [f"{folder}.{a.asname or a.name}" for a in node.names]
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.append(f"{folder}.{node.name}")
    return sorted({name for name in found if name in house.files})


def no_shelf_over_a_dozen(house: House) -> list[str]:
    found = []
    for folder in house.folders:
        things = ONE_FILE_EACH.get(folder, "").split()
        modules = [
            name for name in house.rooms(folder) if not house.is_folder(name) and short(name) not in things
        ]
        if len(modules) > SHELF:
            found.append(f"{folder}: {len(modules)} modules")
    return found


def a_widget_knows_no_other_widget(house: House) -> list[str]:
    """Widgets share modules; one that has a front end of its own is imported by the index alone."""
    source = house.package.parent / "frontend" / "src"
    holders = {name for name in house.rooms("reasonbook.widgets") if (source / f"{short(name)}.ts").is_file()}
    return [
        str(each) for each in house.arrows if each.target in holders and each.origin != "reasonbook.widgets"
    ]


# Each rule with a small house that breaks it: its files, and the complaint. A module `innocent` may do what it does.
BAD_HOUSES: dict[Callable[[House], list[str]], tuple[dict[str, str], str]] = {
    arrows_run_down: (
        {
            "data/frame.py": "def f():\n    from ..chat.config import x",
            "chat/config.py": "",
            "augment/work.py": "",
            "augment/innocent.py": "from . import work",
        },
        "reasonbook.data.frame:2 → reasonbook.chat.config",
    ),
    nobody_imports_an_index_above: (
        {"store.py": "def f():\n    from . import __version__", "innocent.py": "from . import store"},
        "reasonbook.store:2 → reasonbook",
    ),
    every_room_has_a_place: ({"attic.py": "", "augment/innocent.py": ""}, "reasonbook.attic"),
    every_place_has_a_room: ({"cli.py": ""}, "reasonbook.training.run"),
    no_circle_of_files: (
        {
            "a.py": "from .b import x",
            "b.py": "def f():\n    from .chat.probe import x",
            "chat/probe.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..a import x",
            "innocent.py": "from . import a",
        },
        "reasonbook.a → reasonbook.b → reasonbook.chat.probe → reasonbook.a",
    ),
    no_circle_of_folders: (
        {
            "data/a.py": "from ..chat.b import x",
            "chat/b.py": "",
            "chat/c.py": "from ..data.d import x",
            "data/d.py": "",
            "data/innocent.py": "from . import a, d",
        },
        "reasonbook.chat → reasonbook.data → reasonbook.chat",
    ),
    a_private_entrance_is_private: (
        {
            "cli.py": "def f():\n    from .widgets.base import View",
            "widgets/base.py": "",
            "ipython.py": "from . import widgets",
        },
        "reasonbook.cli:2 → reasonbook.widgets.base",
    ),
    nothing_heavy_at_import_time: (
        {
            "store.py": "try:\n    import torch.nn\nexcept ImportError:\n    pass",
            "innocent.py": "if TYPE_CHECKING:\n    import torch\ndef f():\n    import torch",
        },
        "reasonbook.store:2 → torch.nn",
    ),
    the_package_imports_itself_by_dots: (
        {"store.py": "def f():\n    import reasonbook.errors", "innocent.py": "from .store import f"},
        "reasonbook.store:2 → reasonbook.errors",
    ),
    only_an_index_imports_by_a_text: (
        {
            "store.py": "importlib.import_module(f'.{name}', __package__)",
            "innocent.py": "importlib.import_module('torch')",
        },
        "reasonbook.store:1",
    ),
    the_accessor_is_the_users: (
        {
            "accessor.py": "class ReasonAccessor:\n    def augment(self): ...\n    def split(self): ...",
            "store.py": "def f(source: pd.DataFrame):\n    source.reason.split()",
            "innocent.py": "def f(source):\n    return run.reason, error.reason.split(), source.reason",
        },
        "reasonbook.store:2",
    ),
    one_name_one_class: (
        {
            "a.py": "class Task: ...\nclass _Own: ...",
            "b.py": "class Task: ...",
            "innocent.py": "class _Own: ...",
        },
        "Task: reasonbook.a, reasonbook.b",
    ),
    no_module_in_the_shadow_of_its_function: (
        {
            "chat/__init__.py": "from .build import build\nfrom . import innocent",
            "chat/build.py": "def build(): ...",
            "chat/innocent.py": "",
        },
        "reasonbook.chat.build",
    ),
    no_shelf_over_a_dozen: (
        {f"review/room_{i}.py": "" for i in range(13)} | {"teachers/openai.py": ""},
        "reasonbook.review: 13 modules",
    ),
    a_widget_knows_no_other_widget: (
        {
            "widgets/chat_box.py": "from .comparison import x",
            "widgets/comparison.py": "from .innocent import x",
            "widgets/innocent.py": "",
            "../frontend/src/comparison.ts": "",
        },
        "reasonbook.widgets.chat_box:1 → reasonbook.widgets.comparison",
    ),
}
each_rule = pytest.mark.parametrize("rule", BAD_HOUSES, ids=lambda rule: rule.__name__)


@each_rule
def test_the_house_keeps_the_law(rule):
    complaints = rule(HOUSE)
    assert not complaints, "\n".join(["", *complaints])


@each_rule
def test_a_house_that_breaks_the_law_is_seen(rule, tmp_path):
    """A rule would pass on a walk that finds nothing."""
    files, complaint = BAD_HOUSES[rule]
    complaints = rule(built(tmp_path / "reasonbook", files))
    assert complaint in complaints
    assert not [line for line in complaints if "innocent" in line]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("df.reason", [1]),
        ("x.df[:3].reason", [1]),
        ("copy.iloc[:3].copy().reason.augment(schema)", [1]),
        (
            "def f(x: pd.DataFrame | None):\n    if x:\n        return x.reason\ndef g(x):\n    return x.reason",
            [3],
        ),
        ("run.reason\nself.reason.split()\n'df.reason.augment'", []),
    ],
)
def test_a_frame_is_told_from_what_has_a_reason(text, lines):
    assert list(reasons(ast.parse(text), {"augment"}, frozenset())) == lines


def lost_views(views: dict[tuple[str, str], str]) -> list[str]:
    """The extension finds a type by where it says that it lives, so an alias would never be shown."""
    found = [getattr(import_module(module), name, None) for module, name in views]
    return [
        f"{module}.{name}"
        for (module, name), cls in zip(views, found, strict=True)
        if getattr(cls, "__module__", None) != module or not isinstance(cls, type)
    ]


def test_a_view_is_of_a_class_where_it_lives():
    from reasonbook import widgets
    from reasonbook.ipython import VIEWS

    assert lost_views(VIEWS) == []
    assert sorted(VIEWS.values()) == sorted(widgets.__all__)
    assert lost_views({("reasonbook.schema", "Schema"): "SchemaEditor"}) == ["reasonbook.schema.Schema"]
    assert lost_views({("reasonbook.schema.schema", "Gone"): "SchemaEditor"}) == [
        "reasonbook.schema.schema.Gone"
    ]


# CPU seconds: on an idle machine the seconds that a person waits, and of meaning on a busy one too.
PROBE = """
import json, sys, time
began = time.process_time()
import pandas
middle = time.process_time()
import reasonbook
ended = time.process_time()
print(json.dumps({"pandas": middle - began, "own": ended - middle, "loaded": sorted(sys.modules)}))
"""


def fresh_import(probe: str = PROBE) -> dict:
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr == "", "an import says nothing"
    return json.loads(done.stdout)


@pytest.mark.slow
def test_import_loads_nothing_heavy():
    # Not through PROBE: pandas itself may load pyarrow, and that is not ours.
    loaded = set(fresh_import()["loaded"])
    assert not loaded & set(NOT_LOADED)


@pytest.mark.alone
def test_import_is_fast():
    """At most 0.5 s with pandas, best of five; where pandas takes all that, ours is at most 0.1 s."""
    runs = [fresh_import() for _ in range(5)]
    own, pandas = min(run["own"] for run in runs), min(run["pandas"] for run in runs)
    print(f"\nimport reasonbook: {own + pandas:.3f} s, of which {own:.3f} s beyond pandas")
    assert own <= 0.1
    if pandas > IMPORT_BUDGET - 0.1:
        pytest.skip(f"pandas alone takes {pandas:.2f} s on this machine; our own {own:.3f} s was checked")
    assert own + pandas <= IMPORT_BUDGET
