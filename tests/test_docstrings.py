"""Every ``>>>`` of the package runs, as a reader would run it; what is public has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import reasonbook as rb
from reasonbook.accessor import ReasonAccessor
from tests.house import HOUSE

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PUBLIC = ("", "schema", "review", "teachers", "augment", "chat", "training", "widgets", "examples")
RUNS = {"run", "thinking", "plain"}
# Examples that cannot run here, each with the reason why.
SKIPPED: dict[str, str] = {}


def docstrings(module: str) -> Iterator[tuple[str, str]]:
    """Dotted name and text of every docstring of a module that holds an example."""
    todo: list[tuple[str, ast.AST]] = [(module.removeprefix("reasonbook").lstrip("."), HOUSE.trees[module])]
    while todo:
        name, node = todo.pop()
        text = ast.get_docstring(node)  # type: ignore[arg-type]
        if text and ">>>" in text:
            yield name, text
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                todo.append((f"{name}.{child.name}", child))


@cache
def collected() -> list[doctest.DocTest]:
    parser = doctest.DocTestParser()
    found = [each for module in HOUSE.files for each in docstrings(module)]
    return [parser.get_doctest(text, {}, name, None, None) for name, text in found]


def names(test: doctest.DocTest) -> set[str]:
    """What an example speaks of: names, attributes, functions."""
    nodes = [node for example in test.examples for node in ast.walk(ast.parse(example.source))]
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def params() -> Iterator[Any]:
    for test in collected():
        spoken = names(test)
        trains = [pytest.mark.train] * bool(spoken & {*RUNS, "train", "ablate"})
        builds = [pytest.mark.slow] * bool(spoken & {"tiny_student", "to_chat", "play"})
        yield pytest.param(test, id=test.name, marks=trains + builds)


def filled() -> Any:
    """Forty refund requests, reasoning filled by the teacher that needs no model."""
    df = rb.examples.refunds(40)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    return df


def link_student(folder: str, home: Path) -> None:
    """The student made once a session, where `tiny_student()` looks for it."""
    place = home / "students" / "tiny-0"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(folder, target_is_directory=True)


@pytest.fixture(scope="session")
def trained(tiny_student, tmp_path_factory) -> dict[str, Any]:
    """Two runs of a few steps, with reasoning and without, in a store of their own."""
    home = tmp_path_factory.mktemp("docstrings") / ".reasonbook"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONBOOK_HOME", str(home))
        link_student(tiny_student, home)
        df = filled()
        settings = {"max_steps": 2, "eval_rows": 2, "samples": 1, "sample_tokens": 8}
        thinking = df.reason.train(rb.examples.tiny_student(), **settings).wait()
        plain = df.reason.train(rb.examples.tiny_student(), strategy="final_only", **settings).wait()
    return {"run": thinking, "thinking": thinking, "plain": plain, "home": home}


@pytest.fixture(scope="session")
def built(tiny_student, tmp_path_factory) -> dict[str, Any]:
    """What nobody trains and nobody changes: the training rows of forty requests, in a store of their own."""
    home = tmp_path_factory.mktemp("docstrings") / ".reasonbook"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONBOOK_HOME", str(home))
        link_student(tiny_student, home)
        return {"chat": filled().reason.to_chat(rb.examples.tiny_student()), "home": home}


@pytest.fixture
def namespace(request, home, tmp_path, monkeypatch):
    """What an example may take as there: ``rb``, and of ``df``, ``schema``, ``chat`` and runs what it names."""

    def make(wanted: set[str]) -> dict[str, Any]:
        monkeypatch.chdir(tmp_path)
        there: dict[str, Any] = {"rb": rb, "schema": rb.examples.refund_schema()}
        folder = home
        if wanted & RUNS:
            runs = request.getfixturevalue("trained")
            folder = runs["home"]
            monkeypatch.setenv("REASONBOOK_HOME", str(folder))
            there |= {name: runs[name] for name in RUNS}
        elif "chat" in wanted and not wanted & {"df", "tiny_student", "train", "ablate"}:
            rows = request.getfixturevalue("built")
            monkeypatch.setenv("REASONBOOK_HOME", str(rows["home"]))
            return there | {"chat": rows["chat"]}
        if wanted & {"chat", "tiny_student", "train"}:
            link_student(request.getfixturevalue("tiny_student"), folder)
        if wanted & {"df", "chat"}:
            there["df"] = filled()
        if "chat" in wanted:
            there["chat"] = there["df"].reason.to_chat(rb.examples.tiny_student())
        return there

    return make


@pytest.mark.parametrize("test", list(params()))
def test_the_example_runs(test, namespace):
    if test.name in SKIPPED:
        pytest.skip(SKIPPED[test.name])
    test.globs = namespace(names(test))
    said: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append)
    assert not said, "".join(said)


def test_no_example_is_skipped_but_those_that_are_named():
    skipping = {t.name for t in collected() for example in t.examples if example.options.get(doctest.SKIP)}
    assert skipping == set(SKIPPED)


def test_what_is_public_has_an_example():
    bare = []
    for room in PUBLIC:
        package = importlib.import_module(f"reasonbook.{room}".rstrip("."))
        for name in package.__all__:
            thing = getattr(package, name)
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and ">>>" not in (thing.__doc__ or ""):
                bare.append(f"{thing.__module__}.{name}")
    verbs = dir(ReasonAccessor(rb.examples.support()))
    bare += [
        f"df.reason.{verb}" for verb in verbs if ">>>" not in (getattr(ReasonAccessor, verb).__doc__ or "")
    ]
    assert not bare


def test_an_example_that_goes_wrong_is_found(namespace):
    parser = doctest.DocTestParser()
    wrong = parser.get_doctest(">>> len(rb.examples.support())\n13\n", {}, "wrong", None, None)
    with pytest.raises(AssertionError, match=r"Got:\s+12"):
        test_the_example_runs(wrong, namespace)
