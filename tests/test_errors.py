"""Errors: what they show, and that the tree at the top of errors.py is the one that the package has."""

import builtins
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import reasonbook
from reasonbook import errors
from reasonbook.errors import MissingPackage, ReasonbookError, choices

Line = tuple[str, str, str]  # class, the class it comes from, module


def defined() -> list[type[BaseException]]:
    """Every exception class of the package, in any of its modules."""
    found = []
    for module in pkgutil.walk_packages(reasonbook.__path__, "reasonbook."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, BaseException) and member.__module__ == module.name:
                found.append(member)
    return found


def drawn(docstring: str) -> Iterator[Line]:
    """The lines of a docstring's trees: two more blanks are one class deeper."""
    above: dict[int, str] = {}
    for line in docstring.splitlines():
        if not line.startswith("    ") or not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        name, _, words = line.strip().partition(" ")
        above[indent] = name
        module, colon, _ = words.strip().partition(": ")
        if not hasattr(builtins, name):
            yield name, above.get(indent - 2, "Exception"), module if colon and "." in module else "errors"


def test_the_tree_of_the_docstring_is_the_package_s():
    there = [
        (each.__name__, each.__bases__[0].__name__, each.__module__.removeprefix("reasonbook."))
        for each in defined()
    ]
    assert sorted(drawn(errors.__doc__ or "")) == sorted(there)


def test_the_tree_is_read_with_parents_and_modules():
    text = """Words.

    AError    a thing: its problem
      BError  x.y: deeper
    ValueError
      CError  z.z: last
    """
    assert list(drawn(text)) == [
        ("AError", "Exception", "errors"),
        ("BError", "AError", "x.y"),
        ("CError", "ValueError", "z.z"),
    ]


def test_what_stays_inside_the_package_ends_in_error():
    inner = [each.__name__ for each in defined() if not issubclass(each, ReasonbookError)]
    assert [name for name in inner if not name.endswith("Error")] == []


def test_an_error_shows_its_problem_and_what_to_type():
    error = ReasonbookError("The disk is full.", "free some space")
    assert str(error) == "The disk is full.\n  → free some space"
    assert error._render_traceback_() == [f"ReasonbookError: {error}"]
    assert str(ReasonbookError("Only this.")) == "Only this."


def test_a_missing_package_names_the_extra_that_brings_it():
    with pytest.raises(MissingPackage, match=r'pip install "reasonbook\[train\]"') as caught:
        raise MissingPackage("torch", feature="Training", extra="train")
    assert caught.value.package == "torch"


def test_choices_name_the_nearest():
    assert choices("extrct", ["extract", "native"]) == "valid: 'extract', 'native'. Did you mean \"extract\"?"
