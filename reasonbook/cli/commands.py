"""Commands: `reasonbook` demo, lab, examples, doctor, formats, inspect, augment, export, train, rerun."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .._version import __version__
from ..errors import MissingPackage, ReasonbookError
from . import file_commands


def demo(args: argparse.Namespace) -> int:
    """Runs the quickstart without a browser; writes the executed notebook and a page to open offline."""
    from ..demo import html_page, notebooks

    source = notebooks.find(args.notebook)
    name = source.stem.split("_", 1)[-1]
    out = Path(args.out)
    target, html = out / f"{name}.ipynb", out / f"{name}.html"
    print(f"reasonbook demo: running {source.name}; a real augmentation and real training, on this machine")
    line = notebooks.ProgressLine()
    try:
        notebook = notebooks.execute(source, target=target, parameters=dict(args.set), report=line)
    finally:
        line.done()
    html.write_text(html_page.to_html(notebook, title=f"reasonbook · {name}"), encoding="utf-8")
    shown = html_page.tagged_text(notebook, "comparison")
    if shown:
        print(f"\n{shown}\n")
    print(f"executed notebook  {target}\npage to open       {html}")
    return 0


def lab(args: argparse.Namespace) -> int:
    """Opens JupyterLab on your own copy of the quickstart."""
    import importlib.util

    from ..demo import notebooks

    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingPackage("jupyterlab", feature="reasonbook lab", extra="lab")
    notebooks.copy_to(args.dir)
    quickstart = Path(args.dir) / notebooks.find().name
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        str(quickstart),
        *(each for each in args.options if each != "--"),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0


def examples(args: argparse.Namespace) -> int:
    """Copies the walkthrough notebooks into a folder; works in Colab and VS Code too."""
    from ..demo import notebooks

    new, kept = notebooks.copy_to(args.dir)
    for path in new:
        print(f"new   {path}")
    for path in kept:
        print(f"kept  {path}  (was there already)")
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Says what this machine can do: packages, GPU, keys found, which teacher and backend would be picked."""
    from ..environment import doctor as examine

    print(examine())
    return 0


def formats(args: argparse.Namespace) -> int:
    """Says which students can be trained in which way: every known chat template, or a student of yours."""
    from ..format_matrix import formats as try_out

    matrix = try_out(args.student, strategy=args.strategy)
    if args.json:
        print(json.dumps(matrix.to_dict(), ensure_ascii=False, indent=1))
    else:
        print(matrix.to_markdown() if args.markdown else matrix, end="" if args.markdown else "\n")
    if not matrix.complete:
        return file_commands.INTERRUPTED
    return 0 if args.student is None or matrix.ok else 1


def train(args: argparse.Namespace) -> int:
    """Trains what a run card says; every process of torchrun or accelerate launch calls this."""
    from ..training.launch import train_card

    done = train_card(args.card, run=args.run_id)
    if os.environ.get("RANK", "0") == "0":
        print(f"run {done}: reasonbook.Run.load({done!r})")
    return 0


def rerun(args: argparse.Namespace) -> int:
    """Checks that the data beside a run card is what the card says, and runs it again."""
    from ..training.rerun import rerun as again

    print(again(args.card, split=args.split))
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line, one function a subcommand."""
    top = argparse.ArgumentParser(
        prog="reasonbook", description="See, fix and prove what a model will learn from reasoning."
    )
    top.add_argument("--version", action="version", version=f"reasonbook {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        words = inspect.getdoc(function)
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=function)
        return sub

    sub = add("demo", demo)
    sub.add_argument(
        "notebook", nargs="?", default="00_quickstart", help="which walkthrough (default: %(default)s)"
    )
    sub.add_argument("--out", default="build", help="folder for the results (default: %(default)s)")
    sub.add_argument(
        "--set",
        action="append",
        type=_setting,
        default=[],
        metavar="NAME=VALUE",
        help="a value for the notebook's parameters cell; may be given more than once",
    )
    sub = add("lab", lab)
    sub.add_argument(
        "--dir", default="reasonbook-notebooks", help="folder for your copies (default: %(default)s)"
    )
    sub.add_argument("options", nargs=argparse.REMAINDER, help="further options for JupyterLab, after --")
    sub = add("examples", examples)
    sub.add_argument("dir", help="folder for your copies; files that are there already are kept")
    add("doctor", doctor)
    sub = add("formats", formats)
    sub.add_argument(
        "student",
        nargs="?",
        help="a folder, a Hub name, a .jinja file or a known template such as trl:qwen3 (default: all known ones)",
    )
    sub.add_argument(
        "--strategy",
        action="append",
        help="final_and_reasoning, final_only or two_message_cot; may be given more than once (default: all)",
    )
    shape = sub.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="everything that was found, as JSON")
    shape.add_argument("--markdown", action="store_true", help="the page of the documentation")
    for function in (file_commands.inspect, file_commands.augment, file_commands.export):
        file_commands.add_options(add(function.__name__, function), function.__name__)
    sub = add("train", train)
    sub.add_argument("card", help="a run's card.json, or the folder it stands in")
    sub.add_argument(
        "--run-id",
        default="",
        help="id of the new run; give the same again to go on from its last checkpoint",
    )
    sub = add("rerun", rerun)
    sub.add_argument("card", help="a run's card.json, or the folder it stands in")
    sub.add_argument("--split", default="test", help="rows that judge both runs (default: %(default)s)")
    return top


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand; an error that a person can mend is two lines, not a traceback."""
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except ReasonbookError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
