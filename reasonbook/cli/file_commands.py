"""File commands: `reasonbook` inspect, augment and export, from one file of rows to another, without a notebook."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.layout import Layout, layout_of
from ..data.sources import frame, write_json_lines
from ..data.typed_pandas import DataFrame, column_cells
from ..errors import ReasonbookError
from ..schema import Schema
from ..schema.presets import PRESETS

if TYPE_CHECKING:
    from ..augment import Augmentation

SOME = 3  # exit code: the file is written, and some of its rows want a look
INTERRUPTED = 130
_TICK = 0.5
_SAID_EVERY = 5.0  # seconds between two lines of progress where no terminal draws one line anew


def inspect(args: argparse.Namespace) -> int:
    """Says what a file of rows holds and, with a student, whether it is ready to train; nothing is written."""
    df = frame(args.file)
    layout = _layout(df, args.columns).accounted(df)
    account = layout.account
    assert account is not None
    print(f"{args.file}: {layout!r}, as {'found' if layout.guessed else 'named'}")
    print(" · ".join(f"{name} {count}" for name, count in account.facts.items()))
    for line in account.lines:
        print(f"  {in_a_shell(line)}")
    if args.student is None:
        return SOME if account.problems else 0
    return _preflight(df, layout, args) or (SOME if account.problems else 0)


def _preflight(df: DataFrame, layout: Layout, args: argparse.Namespace) -> int:
    from ..chat import ChatConfig, build_from_frame
    from ..data.frame import Frame

    options = {} if args.max_length is None else {"max_length": args.max_length}
    report = build_from_frame(
        Frame(df, layout), args.student, strategy=args.strategy, config=ChatConfig(**options)
    ).report
    print(f"\nPreflight for {args.student}: {'ready' if report.ok else 'not ready'} to train")
    print(
        f"rows kept {report.rows_kept} of {report.rows} · with reasoning {report.reasoning_learnt}", end=" · "
    )
    print(f"plain {report.plain} · longest {report.longest} of {report.max_length} tokens")
    for reason, count in report.dropped.items():
        rows = ", ".join(map(str, report.places.get(reason, ())))
        print(f"  left out {count}: {reason}" + (f" (rows {rows})" if rows else ""))
    for what, line in report.problems:
        print(f"  stop: {what} → {line}")
    for remark in report.remarks:
        print(f"  note: {remark}")
    return 0 if report.ok else SOME


def augment(args: argparse.Namespace) -> int:
    """Has a teacher fill a reasoning schema for every row of a file; the rows with it go into a JSON Lines file."""
    from ..augment import Augmentation, AugmentConfig
    from ..data.frame import Frame

    out = _out(args)
    df = frame(args.file)
    config = AugmentConfig(method=args.method, budget=args.budget, limit=args.limit)
    job = Augmentation(Frame(df, _layout(df, args.columns)), _schema(args.schema), args.teacher, config)
    interrupted = False
    try:
        _follow(job.start())
    except KeyboardInterrupt:
        interrupted = True  # what is there is written; the same line goes on, and pays for nothing twice
        job.stop()
        job.mailbox.drain()
    write_json_lines(df, out)
    done = column_cells(df, "reasoning_status").count("ok") if "reasoning_status" in df.columns else 0
    print(f"{done} of {len(df)} rows have reasoning: {args.out}", file=sys.stderr)
    for why, count in Counter(column_cells(job.errors, "error")).most_common(5):
        print(f"  {count} times: {why}", file=sys.stderr)
    return INTERRUPTED if interrupted else SOME if done < len(df) else 0


def _follow(job: Augmentation) -> None:
    """Draws the progress of a job on stderr until it ends."""
    drawn = sys.stderr.isatty()
    said = time.monotonic()
    for event in job.stream:
        if event.kind == "note":
            print(in_a_shell(event.data["text"]), file=sys.stderr)
    while job.running:
        job.wait(_TICK)
        if drawn or time.monotonic() - said >= _SAID_EVERY:
            said = time.monotonic()
            progress = job.progress
            words = f"{progress.done} of {progress.total} rows, {progress.failed} failed"
            words += f", {progress.eta:.0f} s left" if progress.eta is not None else ""
            words += f", ${progress.cost:.4f}" if progress.cost else ""
            print(
                f"\r{words}\033[K" if drawn else words, end="" if drawn else "\n", file=sys.stderr, flush=True
            )
    if drawn:
        print(file=sys.stderr)
    job.wait()


def export(args: argparse.Namespace) -> int:
    """Writes the rows of a file that train, with their reasoning, in a layout that trainers read."""
    from ..data.layout import name_layout
    from ..exports import export as write

    out = _out(args)
    df = frame(args.file)
    name_layout(df, _layout(df, args.columns))
    made = write(df, out, layout=args.layout, strategy=args.strategy, split=args.split, student=args.student)
    report = made.preferences
    kept = made.rows_kept if report is not None else sum(1 for line in out.open("rb") if line.strip())
    left_out: dict[str, int] = getattr(made, "left_out", {})
    print(f"{kept} of {len(df)} rows, as {args.layout}: {out}", file=sys.stderr)
    for reason, count in left_out.items():
        print(f"  left out {count}: {reason}", file=sys.stderr)
    if report is not None:
        told = ", ".join(f"{count} by {source}" for source, count in report.records.items())
        print("\n".join([f"  {told}", *(f"  note: {note}" for note in report.notes)]), file=sys.stderr)
    return SOME if kept < len(df) and args.split is None else 0


def add_options(sub: argparse.ArgumentParser, command: str) -> None:
    """What a command takes."""
    sub.epilog = f"Ends with 0: all is well; 1: it cannot be done; {SOME}: done, and some rows want a look."
    sub.add_argument("file", help="rows: .jsonl, .json, .csv, .tsv or .parquet, or a folder of such")
    sub.add_argument(
        "--columns", nargs="+", default=[], type=_column, metavar="ROLE=COLUMN",
        help="where the guess is not right: prompt=question response=answer, or messages=chat",
    )  # fmt: skip
    if command != "augment":
        sub.add_argument(
            "--strategy", default="final_and_reasoning",
            help="final_and_reasoning, final_only or two_message_cot (default: %(default)s)",
        )  # fmt: skip
    if command == "inspect":
        sub.add_argument(
            "--student", help="a model's name or folder: also says whether the rows are ready to train"
        )
        sub.add_argument("--max-length", type=int, help="most tokens of a row")
        return
    sub.add_argument("--out", required=True, help="the JSON Lines file that is written")
    if command == "export":
        sub.add_argument(
            "--layout", default="messages", help="e.g. messages, openai, sharegpt, dpo (default: %(default)s)"
        )
        sub.add_argument("--student", help="of dpo and kto: the model whose template carries the reasoning")
        sub.add_argument("--split", help="only the rows of this split")
        return
    sub.add_argument(
        "--schema", required=True, help=f"{', '.join(PRESETS)}; a JSON file; or names, separated by commas"
    )
    sub.add_argument("--teacher", required=True, help='e.g. "openai:MODEL" or "openai:MODEL@http://host/v1"')
    sub.add_argument(
        "--method", default="extract",
        help="extract, rationalize, native or chain_of_thought (default: %(default)s)",
    )  # fmt: skip
    sub.add_argument("--budget", type=float, help="the most that it may cost, in US dollars")
    sub.add_argument("--limit", type=int, help="only so many rows")


def in_a_shell(text: str) -> str:
    """A sentence with its line to type, as somebody types it who has no notebook."""

    def options(found: re.Match[str]) -> str:
        call = ast.parse(found[0], mode="eval").body
        assert isinstance(call, ast.Call)
        pairs = [f"{part.arg}={ast.literal_eval(part.value)}" for part in call.keywords]
        return f"--columns {shlex.join(pairs)}"

    try:
        return re.sub(r"df\.reason\.layout\([^()]*\)", options, text)
    except (SyntaxError, ValueError):
        return text


def _column(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=COLUMN")
    return role, name


def _layout(df: DataFrame, columns: list[tuple[str, str]]) -> Layout:
    """The columns that were named, or the guess; what is wrong is said with options of the command line."""
    try:
        return Layout.named(dict(columns)).check(df) if columns else layout_of(df)
    except ReasonbookError as error:
        raise type(error)(error.problem, in_a_shell(error.fix)) from error


def _schema(text: str) -> Schema:
    """A preset, a JSON file, or names."""
    return Schema([name.strip() for name in text.split(",")]) if "," in text else Schema.of(text)


def _out(args: argparse.Namespace) -> Path:
    out = Path(args.out)
    if out.suffix.lower() != ".jsonl" or out.resolve() == Path(args.file).resolve():
        why = "does not end in .jsonl" if out.suffix.lower() != ".jsonl" else "is the file that is read"
        raise ReasonbookError(
            f"{str(out)!r} {why}.", f"--out {shlex.quote(str(out.with_suffix('.out.jsonl')))}"
        )
    return out
