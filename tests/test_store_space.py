"""What a store takes and what can go; and that a place where nothing can be kept is found before anything is paid."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import reasonbook as rb
from reasonbook.errors import StoreError
from reasonbook.events import Event
from reasonbook.store import Call, Context, Store, default_store
from reasonbook.store.upkeep.space import room_for
from tests.augment.conftest import check, frame, provider, schema  # noqa: F401


def run_tool(*words: str) -> bool:
    return shutil.which(words[0]) is not None and subprocess.run(words, capture_output=True).returncode == 0


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    if not run_tool("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        assert run_tool("umount", "-l", str(folder))


def fill_up(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4096)):
            pass


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder that nobody can write to, the superuser neither."""
    for words in (
        ("mount", "--bind", str(folder), str(folder)),
        ("mount", "-o", "remount,ro,bind", str(folder)),
    ):
        if not run_tool(*words):
            pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        assert run_tool("umount", "-l", str(folder))


@pytest.fixture
def new_kernel(monkeypatch):
    def begin() -> None:
        monkeypatch.setattr(rb.store.database, "_stores", {})

    return begin


# -- where nothing can be written ----------------------------------------------------------------------------------
def test_a_store_that_can_only_be_read_serves_cached_rows_and_refuses_others_unpaid(
    provider, schema, home, new_kernel  # noqa: F811
):  # fmt: skip
    df = frame(30)
    df.reason.augment(schema, teacher=provider.chat).wait()
    default_store().close()
    with read_only(home):
        new_kernel()
        again = frame(30)
        job = again.reason.augment(schema, teacher=provider.chat).wait()
        check(again)
        assert job.progress.cached == 30 and provider.requests == 30
        fewer = frame(30)
        part = rb.Schema(list(schema)[:2])
        fewer.reason.augment(
            part, teacher=provider.chat
        ).wait()  # another recipe, which cannot be put on record
        assert fewer["reasoning"].notna().all() and provider.requests == 30
        more = frame(40)
        with pytest.raises(StoreError, match="cannot be written") as refused:
            more.reason.augment(schema, teacher=provider.chat).wait()
        assert "REASONBOOK_HOME" in refused.value.fix
        assert provider.requests == 30, "nothing was asked"
        assert len(df.reason.history()) == 1 and rb.spent().total.calls == 30
        assert rb.store.size()["answers"].rows == 120
        with pytest.raises(StoreError, match="cannot be written"):
            rb.store.clean("raw", confirm=True)
    more.reason.augment(schema, teacher=provider.chat).wait()  # the same kernel, once it can be written again
    check(more)
    assert provider.requests == 40


def test_a_read_only_folder_without_a_store_says_so(tmp_path):
    with read_only(tmp_path), pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path)


def test_a_damaged_store_where_nothing_can_be_written_is_left_as_it_is(tmp_path):
    folder = tmp_path / "store"
    Store(folder).close()
    with (folder / "store.sqlite").open("r+b") as file:
        file.write(b"no header at all")
    before = (folder / "store.sqlite").read_bytes()
    with read_only(folder), pytest.raises(StoreError, match=r"is damaged .* left as it is"):
        Store(folder)
    assert (folder / "store.sqlite").read_bytes() == before


def test_an_old_store_that_can_only_be_read_is_read(tmp_path):
    folder = tmp_path / "store"
    Store(folder).close()
    db = sqlite3.connect(folder / "store.sqlite", isolation_level=None)
    db.execute("ALTER TABLE events DROP COLUMN sum")
    db.execute("PRAGMA user_version=2")
    db.execute("INSERT INTO answers VALUES('k', '7', 0)")
    db.execute("INSERT INTO events(subject, at, kind, data) VALUES('review', 1.5, 'note', '{}')")
    db.close()
    with read_only(folder):
        store = Store(folder)
        assert store.answers(["k"]) == {"k": 7} and len(list(store.events("review"))) == 1
        with pytest.raises(StoreError, match="cannot be written"):
            store.put([Call("t", "", {"n": 1})])
    store.put([Call("t", "", {"n": 1})])
    assert store.answers(["k", "n"]) == {"k": 7, "n": 1}


# -- where there is no room ----------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_disk_without_room_for_the_open_rows_is_found_before_anything_is_paid(
    provider, schema, tmp_path, monkeypatch  # noqa: F811
):  # fmt: skip
    with small_disk(tmp_path / "disk", "2m") as disk:
        monkeypatch.setenv("REASONBOOK_HOME", str(disk / "store"))
        df = frame(3000)
        with pytest.raises(
            StoreError, match=r"has .* left, and the answers of 3,000 calls take about"
        ) as refused:
            df.reason.augment(schema, teacher=provider.chat).wait()
        assert provider.requests == 0 and "free some space" in refused.value.fix
        few = frame(20)
        few.reason.augment(schema, teacher=provider.chat).wait()
        check(few)
        default_store().close()


def test_a_disk_that_is_full_serves_cached_rows_and_refuses_others_unpaid(
    provider, schema, tmp_path, monkeypatch, new_kernel  # noqa: F811
):  # fmt: skip
    with small_disk(tmp_path / "disk", "3m") as disk:
        monkeypatch.setenv("REASONBOOK_HOME", str(disk / "store"))
        frame(20).reason.augment(schema, teacher=provider.chat).wait()
        default_store().close()
        fill_up(disk)
        new_kernel()
        cached = frame(20)
        cached.reason.augment(schema, teacher=provider.chat).wait()
        check(cached)
        more = frame(25)
        with pytest.raises(StoreError) as refused:
            more.reason.augment(schema, teacher=provider.chat).wait()
        assert "free some space" in refused.value.fix and provider.requests == 20
        (disk / "ballast").unlink()
        more.reason.augment(schema, teacher=provider.chat).wait()
        check(more)
        assert provider.requests == 25
        default_store().close()


@pytest.mark.slow
def test_a_limit_on_files_is_found_before_anything_is_paid(provider, tmp_path):  # noqa: F811
    """No disk tells of a quota: only writing does."""
    code = textwrap.dedent(
        """
        import os, resource, sys
        import reasonbook as rb
        from tests.augment.conftest import fields, frame
        rb.store.default_store()
        size = os.path.getsize(rb.store.default_store().path) // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            frame(20).reason.augment(rb.Schema(fields()), teacher=sys.argv[1]).wait()
        except rb.errors.StoreError as error:
            print("refused:", error)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code, provider.chat], capture_output=True, text=True, timeout=120,
        env={**os.environ, "REASONBOOK_HOME": str(tmp_path / "store")},
    )  # fmt: skip
    assert "refused: " in done.stdout and "cannot be written" in done.stdout, done.stderr
    assert provider.requests == 0


def test_a_damaged_store_that_has_no_room_to_be_mended_is_left_as_it_is(tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        folder = disk / "store"
        store = Store(folder)
        store.put([Call("t", "x" * 500, {f"k{i}": "y" * 500 for i in range(1000)})])
        store.close()
        path = folder / "store.sqlite"
        with path.open("r+b") as file:
            file.write(b"no header at all")
        before = path.read_bytes()
        fill_up(disk)
        with pytest.raises(StoreError, match=r"is damaged .* left as it is"):
            Store(folder)
        assert path.read_bytes() == before and not list(folder.glob("*.mending"))
        (disk / "ballast").unlink()
        with pytest.warns(UserWarning, match="1 000 answers"):
            assert Store(folder).answers(["k999"]) == {"k999": "y" * 500}


def test_an_open_store_that_cannot_be_mended_yet_is_mended_when_there_is_room(tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        store = Store(disk / "store")
        store.put([Call("t", "x" * 500, {f"k{i}": "y" * 500 for i in range(1000)})])
        fill_up(disk)
        with pytest.raises(StoreError, match=r"is damaged .* left as it is"):
            store.mend("somebody says so")
        with pytest.raises(StoreError, match=r"is damaged|cannot be written"):
            store.put([Call("t", "", {"new": 1})])
        (disk / "ballast").unlink()
        store.put([Call("t", "", {"new": 1})])
        assert store.answers(["k999", "new"]) == {"k999": "y" * 500, "new": 1}


def test_a_repair_is_refused_before_it_is_paid(provider, schema, home, new_kernel):  # noqa: F811
    df = frame(3)
    df.reason.augment(schema, teacher=provider.chat).wait()
    default_store().close()
    with read_only(home):
        new_kernel()
        paid = provider.requests
        with pytest.raises(rb.ReasonbookError):
            df.reason.review().repair(0, "say more", teacher=provider.chat).wait().accept()
        assert provider.requests == paid


@pytest.mark.slow
def test_the_room_that_is_asked_for_is_enough_and_not_absurd(provider, schema, home):  # noqa: F811
    for rows in (20, 300):
        df = frame(rows)
        before = rb.store.size().file
        df.reason.augment(schema, teacher=provider.chat).wait()
        taken = rb.store.size().file - before
        assert taken / 3 < room_for(rows, 4 * rows) < 20 * taken


# -- how much, how old, what can go -----------------------------------------------------------------------------------
def test_the_size_of_a_store_by_kind_with_its_age(home):
    store = default_store()
    calls = [
        Call(
            "t",
            "r" * 1000,
            {f"k{i}": "ä" * 100},
            usage={"input": 1},
            context=Context("repair"),
            rows=b"x" * 8,
        )
        for i in range(200)
    ]
    store.put(calls)
    store.append("review", [Event("note", {"n": 1}, at=1e9), Event("note", {"n": 2}, at=2e9)])
    with store.writing() as db:
        db.execute("UPDATE calls SET at = 1000 + id")
    (home / "runs" / "one" / "checkpoint-1").mkdir(parents=True)
    (home / "runs" / "one" / "checkpoint-1" / "state").write_bytes(bytes(5000))
    found = rb.store.size()
    assert (found["answers"].rows, found["answers"].oldest, found["answers"].newest) == (200, 1001.0, 1200.0)
    assert found["answers"].bytes == sum(len(f"k{i}") + 202 for i in range(200))
    assert (found["raw"].rows, found["raw"].bytes) == (200, 200_000)
    assert (found["events"].rows, found["events"].oldest, found["events"].newest) == (2, 1e9, 2e9)
    assert (found["runs"].rows, found["checkpoints"].rows, found["checkpoints"].bytes) == (1, 1, 5000)
    parts = sum(found[what].bytes for what in ("answers", "raw", "calls", "events"))
    assert parts < found.file and found.bytes >= found.file + 5000
    assert {part.what for part in found.parts if part.can_go} == {
        "answers",
        "raw",
        "runs",
        "checkpoints",
        "unreadable",
    }
    assert "200" in found._repr_html_() and "raw" in repr(found)
    quote = rb.store.clean("raw")
    assert quote.bytes == found["raw"].bytes
    rb.store.clean("raw", confirm=True)
    after = rb.store.size()
    assert after["raw"].rows == 0 and after.file < found.file - 150_000 and after.unused == 0


def test_answers_whose_call_was_lost_can_still_be_cleaned(home):
    store = default_store()
    store.put([Call("t", "r", {"a": 1, "b": 2})])
    with store.writing() as db:
        db.execute("DELETE FROM calls")
    assert rb.store.clean("answers").items[0].rows == 2
    rb.store.clean("answers", confirm=True, paid=True)
    assert store.answers(["a", "b"]) == {}


@pytest.mark.slow
def test_cleaning_makes_the_file_smaller_while_another_notebook_has_it_open(home):
    store = default_store()
    store.put([Call("t", "r" * 5000, {f"k{i}": i}) for i in range(2000)])
    code = (
        "import sys\nfrom reasonbook.store import *\ns = default_store()\ns.answers(['k1'])\n"
        + textwrap.dedent(
            """
        print("open", flush=True)
        sys.stdin.readline()
        s.put([Call("t", "", {"other": 1})])
        print(len(s.answers([f"k{i}" for i in range(2000)] + ["other"])), flush=True)
        """
        )
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None and other.stdout is not None
    assert other.stdout.readline() == "open\n"
    before = rb.store.size().file
    quote = rb.store.clean("raw", confirm=True)
    assert quote.done and not quote.kept
    assert rb.store.size().file < before / 10
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "2001\n" and other.wait(30) == 0
    assert store.answers(["other"]) == {"other": 1}


@pytest.mark.slow
def test_a_store_that_somebody_is_writing_to_is_cleaned_and_says_what_became_of_the_file(home, monkeypatch):
    monkeypatch.setattr(
        "reasonbook.store.store_file._PATIENCE", 1.0
    )  # nobody lets go before the cleaning gives up
    store = default_store()
    store.put([Call("t", "r" * 5000, {f"k{i}": i}) for i in range(500)])
    reader = sqlite3.connect(store.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM calls").fetchall()  # holds on to what stood then
    quote = rb.store.clean("raw", confirm=True)
    assert quote.done and "smaller" in quote.kept and quote.kept in quote._repr_html_()
    assert rb.store.size()["raw"].rows == 0
    reader.execute("COMMIT")
    reader.close()
