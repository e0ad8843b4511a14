"""A damaged store costs what cannot be read of it: never the rest, never a value that nobody wrote."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import pytest

import reasonbook as rb
from reasonbook.errors import StoreError
from reasonbook.events import Event
from reasonbook.store import Call, Context, Store, calls_about, expenses, row_print
from reasonbook.store.damage.pages import PageFile
from tests.augment.conftest import check, frame, provider, schema  # noqa: F401

PAGE = 4096
CALLS, FIELDS = 800, 3
USAGE = {"input": 120, "output": 40, "cached": 0, "reasoning": 0}


def value(n: int, field: int) -> object:
    """What stands in a field: numbers, short texts, and now and then one that goes over several pages."""
    if field == 0:
        return n * 7
    return f"text {n}.{field}: ä " + "x" * (9_000 if n % 97 == 5 else n % 300)


ANSWERS = {f"{n:032x}{field:016x}": value(n, field) for n in range(CALLS) for field in range(FIELDS)}
EVENTS = [Event("step", {"step": n, "text": "y" * (n % 200)}, at=1e9 + n / 3) for n in range(300)]


def fill(store: Store) -> None:
    for start in range(0, CALLS, 50):
        calls = [
            Call(
                "openai:mock", f'{{"raw": {n}}}' + "z" * (n % 900),
                {f"{n:032x}{field:016x}": value(n, field) for field in range(FIELDS)},
                usage=USAGE, context=Context("augmentation", prompt="Do it."), rows=row_print(f"{n:032x}"), cost=0.01,
            )
            for n in range(start, start + 50)
        ]  # fmt: skip
        store.put(calls)
        part = EVENTS[start * 300 // CALLS : (start + 50) * 300 // CALLS]
        store.append("run:one" if start % 100 else "review", part)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A store at rest: everything stands in its file."""
    folder = tmp_path_factory.mktemp("whole")
    store = Store(folder)
    fill(store)
    store.close()
    assert not (folder / "store.sqlite-wal").exists()
    return folder


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> Path:
    """A store as a killed process leaves it: its newest pages stand in the log."""
    folder, source = tmp_path_factory.mktemp("logged"), tmp_path_factory.mktemp("source")
    store = Store(source)
    fill(store)
    for part in source.glob("store.sqlite*"):
        shutil.copy(part, folder)
    store.close()
    assert (folder / "store.sqlite-wal").stat().st_size > 100 * PAGE
    return folder


def copied(folder: Path, to: Path) -> Path:
    to.mkdir(parents=True)
    for part in folder.glob("store.sqlite*"):
        shutil.copy(part, to)
    return to / "store.sqlite"


def set_aside(folder: Path) -> list[Path]:
    """Damaged stores, without their logs."""
    return [path for path in folder.glob("store.unreadable-*") if path.name[-4:] not in ("-wal", "-shm")]


# -- damage ----------------------------------------------------------------------------------------------------------
def flip_bits(path: Path, rng: random.Random) -> int:
    data = bytearray(path.read_bytes())
    count = rng.choice((1, 5, 20, 200))
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return count


def change_bytes(path: Path, rng: random.Random) -> int:
    data = bytearray(path.read_bytes())
    for _ in range(200):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)
    return 200


def zero_pages(path: Path, rng: random.Random) -> int:
    data = bytearray(path.read_bytes())
    count = rng.randint(1, 6)
    for _ in range(count):
        at = rng.randrange(len(data) // PAGE) * PAGE
        data[at : at + PAGE] = bytes(PAGE)
    path.write_bytes(data)
    return count


def scramble_pages(path: Path, rng: random.Random) -> int:
    data = bytearray(path.read_bytes())
    count = rng.randint(1, 6)
    for _ in range(count):
        at = rng.randrange(len(data) // PAGE) * PAGE
        data[at : at + PAGE] = rng.randbytes(PAGE)
    path.write_bytes(data)
    return count


def damage_header(path: Path, rng: random.Random) -> int:
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 30)):
        data[rng.randrange(100)] = rng.randrange(256)
    path.write_bytes(data)
    return 1


def cut(path: Path, rng: random.Random) -> int:
    length = path.stat().st_size
    left = rng.randrange(length)
    os.truncate(path, left)
    return (length - left) // PAGE + 2


DAMAGES = (flip_bits, change_bytes, zero_pages, scramble_pages, damage_header, cut)
MOST_ROWS = 40  # of a page of answers


def read(store: Store) -> dict[str, object]:
    """The answers that a store has; none of them is another one than was written."""
    found = store.answers(ANSWERS)
    assert [key for key, value in found.items() if ANSWERS[key] != value] == []
    return found


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_whatever_happens_to_the_file_no_value_is_wrong_and_the_store_works(whole, tmp_path, damage, seed):
    path = copied(whole, tmp_path / "store")
    harm = damage(path, random.Random(f"{damage.__name__} {seed}"))
    store = Store(path.parent)
    found = read(store)
    assert len(found) >= len(ANSWERS) - harm * MOST_ROWS
    written = [(event.kind, event.data, event.at) for event in EVENTS]
    for subject in ("review", "run:one", *store.subjects("run:")):
        for event in store.events(subject):
            assert event.kind == "unreadable" or (event.kind, event.data, event.at) in written
    calls_about(store, [f"{n:032x}" for n in range(0, CALLS, 100)])
    expenses(store)
    store.put([Call("t", "", {"new": 1}, context=Context("repair"))])
    store.append("review", [Event("new", {"n": 1})])
    rb.store.check(store=store)
    rb.store.size(store=store)
    found = read(store)
    assert len(found) >= len(ANSWERS) - harm * (4 if damage in (flip_bits, change_bytes) else MOST_ROWS)
    assert store.answers(["new"]) == {"new": 1} and list(store.events("review"))[-1].data == {"n": 1}
    store.close()
    again = Store(path.parent)
    assert again.answers(["new"]) == {"new": 1}
    assert again.query("PRAGMA integrity_check") == [("ok",)]
    again.close()


# -- what is said, and how much is saved ---------------------------------------------------------------------------
def said(caught: pytest.WarningsRecorder) -> tuple[dict[str, int], dict[str, int]]:
    """What the one warning says was saved, and what is gone."""
    [text] = [str(each.message) for each in caught if "was damaged" in str(each.message)]
    saved, gone = text.split("were read from it")
    counts = [
        {name: int(number.replace(" ", "")) for number, name in re.findall(r"(\d[\d ]*) (\w+?)s?\b", part)}
        for part in (saved.split("in its place.")[1], gone.split("are gone")[0])
    ]
    return counts[0], counts[1]


def holds_answers(page: bytes) -> bool:
    return page.count(b"0000000000000000") > 20


def test_a_page_costs_its_rows_and_the_sentence_says_how_many(whole, tmp_path, recwarn):
    path = copied(whole, tmp_path / "store")
    data = bytearray(path.read_bytes())
    leaves = [
        at for at in range(PAGE, len(data), PAGE) if data[at] == 10 and holds_answers(data[at : at + PAGE])
    ]
    for at in leaves[10:13]:
        data[at : at + PAGE] = bytes(PAGE)
    path.write_bytes(data)
    store = Store(path.parent)
    found = read(store)
    lost = len(ANSWERS) - len(found)
    assert 0 < lost <= 3 * MOST_ROWS
    saved, gone = said(recwarn)
    assert saved["answer"] == len(found) and saved["run"] == 1
    assert (saved["call"], saved["event"], gone["call"], gone["event"]) == (CALLS, len(EVENTS), 0, 0)
    assert lost / 2 <= gone["answer"] <= lost * 2
    [aside] = set_aside(path.parent)
    assert aside.read_bytes() == data, "the damaged file is kept as it was"
    [text] = [str(each.message) for each in recwarn if "was damaged" in str(each.message)]
    assert aside.name in text and 'rb.store.clean("unreadable", confirm=True)' in text
    events = sorted(
        (event for name in store.subjects() for event in store.events(name)), key=lambda each: each.seq
    )
    assert [(each.data, each.at) for each in events] == [(each.data, each.at) for each in EVENTS]
    assert expenses(store)[0].calls == CALLS and len(calls_about(store, [f"{7:032x}"])) == 1


def test_without_its_header_nothing_else_is_lost(whole, tmp_path, recwarn):
    path = copied(whole, tmp_path / "store")
    with path.open("r+b") as file:
        file.write(os.urandom(100))
    assert len(read(Store(path.parent))) == len(ANSWERS)
    assert said(recwarn)[0]["event"] == len(EVENTS)


def test_a_cut_file_keeps_what_is_left_of_it(whole, tmp_path, recwarn):
    path = copied(whole, tmp_path / "store")
    os.truncate(path, path.stat().st_size // 2)
    assert len(ANSWERS) * 0.3 < len(read(Store(path.parent))) < len(ANSWERS)
    assert said(recwarn)[1]["answer"] > 0


def test_what_stands_in_the_log_is_read_as_well(logged, tmp_path):
    pages = PageFile(copied(logged, tmp_path / "store"))
    found = {row.values[0] for row in pages.rows() if len(row.values) == 3}
    assert found >= ANSWERS.keys()
    pages.close()


def test_a_store_with_its_log_is_mended_with_it(logged, tmp_path, recwarn):
    store = Store(copied(logged, tmp_path / "store").parent)
    store.mend("somebody says so")
    assert len(read(store)) == len(ANSWERS)
    assert sum(len(list(store.events(name))) for name in store.subjects()) == len(EVENTS)


@pytest.mark.parametrize("content", [b"", bytes(40 * PAGE), b"x", b"not a database at all" * 1000])
def test_a_file_without_anything_is_said_and_begun_anew(tmp_path, content):
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    os.utime(path, (1e9, 1e9))
    with pytest.warns(UserWarning, match="Nothing could be read"):
        store = Store(tmp_path)
    store.put([Call("t", "", {"k": 1})])
    assert store.answers(["k"]) == {"k": 1}


SCRAMBLE = """
import os, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(4096)
    file.write(os.urandom(os.path.getsize(sys.argv[1]) - 4096))
"""


def test_damage_that_comes_while_a_store_is_open_loses_no_answer_that_is_being_written(
    whole, tmp_path, recwarn
):
    path = copied(whole, tmp_path / "store")
    store = Store(path.parent)
    subprocess.run([sys.executable, "-c", SCRAMBLE, str(path)], check=True)
    store.put([Call("t", "", {"new": [1, 2]}, context=Context("repair"))])
    assert store.answers(["new"]) == {"new": [1, 2]}
    assert len(set_aside(path.parent)) == 1


def test_a_text_that_is_no_text_any_more_hides_nothing_else(whole, tmp_path):
    path = copied(whole, tmp_path / "store")
    data = bytearray(path.read_bytes())
    at = data.index("text 30.1: ä".encode()) + 12
    data[at] = 0xFF
    path.write_bytes(data)
    store = Store(path.parent)
    with pytest.warns(UserWarning, match="1 answer .* is not what was written"):
        found = read(store)
    assert len(found) == len(ANSWERS) - 1
    assert len(read(store)) == len(found)
    [broken] = ANSWERS.keys() - found.keys()
    store.put([Call("t", "", {broken: ANSWERS[broken]})])
    assert len(read(store)) == len(ANSWERS), "what is asked again takes the place"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_flipped_digits_are_asked_again_and_never_believed(provider, schema, home):  # noqa: F811
    df = frame(60)
    df.reason.augment(schema, teacher=provider.chat).wait()
    rb.store.default_store().close()
    path = home / "store.sqlite"
    data = path.read_bytes()
    wrong = re.sub(rb'(?<=of ROW-0000)[0-5](?=\d")', b"9", data)
    assert wrong != data
    path.write_bytes(wrong)
    again = frame(60)
    rb.store.database._stores.clear()
    job = again.reason.augment(schema, teacher=provider.chat).wait()
    check(again)
    assert job.progress.done == 60 and 60 < provider.requests <= 120


def test_an_event_that_was_changed_is_reported_and_hides_no_other(whole, tmp_path):
    path = copied(whole, tmp_path / "store")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'{"step":17,', b'{"step":71,'))
    store = Store(path.parent)
    with pytest.warns(UserWarning, match=r"Event \d+ \('step'\) .* is not what was written") as caught:
        events = [event for name in store.subjects() for event in store.events(name)]
    assert len(caught) == 1
    assert [event.data for event in events if event.kind == "unreadable"] == [{"kind": "step"}]
    assert len(events) == len(EVENTS)
    assert [event.at for event in events if event.data.get("step") == 71] == [EVENTS[71].at]
    found = rb.store.check(store=store)
    assert (found.sound, found.broken_events, found.events) == (False, 1, len(EVENTS) - 1)


def test_what_was_forgotten_does_not_come_back(whole, tmp_path, recwarn):
    path = copied(whole, tmp_path / "store")
    store = Store(path.parent)
    gone = list(ANSWERS)[: len(ANSWERS) // 2]
    store.forget(gone)
    store.close()
    with path.open("r+b") as file:
        file.write(os.urandom(100))
    assert read(Store(path.parent)).keys() == ANSWERS.keys() - set(gone)


def test_tables_of_a_later_version_are_brought_along(whole, tmp_path, recwarn):
    path = copied(whole, tmp_path / "store")
    store = Store(path.parent)
    with store.writing() as db:
        db.execute("CREATE TABLE later(name TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")
        db.execute("CREATE INDEX later_numbers ON later(number)")
        db.executemany("INSERT INTO later VALUES(?,?)", [(f"n{n}", n) for n in range(50)])
    store.mend("somebody says so")
    assert store.query("SELECT count(*), sum(number) FROM later") == [(50, 1225)]
    assert len(read(store)) == len(ANSWERS)
    store.close()
    with path.open("r+b") as file:
        file.write(os.urandom(100))
    store = Store(path.parent)
    assert store.query("SELECT count(*) FROM later") == [(0,)], (
        "where SQLite cannot read its rows, it is empty"
    )
    assert len(read(store)) == len(ANSWERS)


def test_a_question_about_a_table_that_is_not_there_is_no_damage(whole, tmp_path):
    path = copied(whole, tmp_path / "store")
    store = Store(path.parent)
    with pytest.raises(StoreError, match="no such table"):
        store.query("SELECT * FROM leases")
    with pytest.raises(StoreError, match="no such table"), store.writing() as db:
        db.execute("INSERT INTO leases VALUES(1)")
    assert not list(path.parent.glob("store.unreadable-*"))


# -- several processes ---------------------------------------------------------------------------------------------
WRITER = textwrap.dedent(
    """
    import sys, time, warnings
    from reasonbook.store import Call, Context, Store
    warnings.simplefilter("ignore")
    folder, name, until, count = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    while time.time() < until:
        pass
    store = Store(folder)
    for i in range(count):
        store.put([Call("t", "x" * 300, {f"{name}-{i}": i}, context=Context("repair"), rows=b"x" * 8, cost=1.0)])
        print(i, flush=True)
    """
)


def writers(folder: Path, names: str, *, wait: float, count: int) -> list[subprocess.Popen]:
    at = str(time.time() + wait)
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), name, at, str(count)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_several_processes_meet_a_damaged_store_and_one_mends_it(whole, tmp_path):
    path = copied(whole, tmp_path / "store")
    with path.open("r+b") as file:
        file.write(os.urandom(100))
    others = writers(path.parent, "abcd", wait=3, count=20)
    assert [each.wait(120) for each in others] == [0] * 4
    assert len(set_aside(path.parent)) == 1
    store = Store(path.parent)
    assert len(read(store)) == len(ANSWERS)
    assert store.answers(f"{name}-{i}" for name in "abcd" for i in range(20)) == {
        f"{name}-{i}": i for name in "abcd" for i in range(20)
    }
    assert store.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_who_writes_while_another_mends_writes_into_the_mended_store(whole, tmp_path):
    path = copied(whole, tmp_path / "store")
    store = Store(path.parent)
    [other] = writers(path.parent, "w", wait=0, count=400)
    assert other.stdout is not None
    for _ in range(3):
        for _ in range(60):
            other.stdout.readline()
        store.mend("somebody says so")
    other.stdout.read()
    assert other.wait(60) == 0
    assert len(store.answers(f"w-{i}" for i in range(400))) == 400
    assert len(read(store)) == len(ANSWERS)
    assert store.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mending_that_is_killed_is_done_by_the_next_one(whole, tmp_path):
    code = "import sys\nfrom reasonbook.store import Store\nprint('go', flush=True)\nStore(sys.argv[1])"
    rng = random.Random(1)
    for turn in range(8):
        path = copied(whole, tmp_path / f"store {turn}")
        with path.open("r+b") as file:
            file.write(os.urandom(100))
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path.parent)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        store = Store(path.parent)
        assert len(read(store)) == len(ANSWERS)
        assert not list(path.parent.glob("*.mending"))


@pytest.mark.slow
def test_stores_without_checksums_are_brought_up_by_several_at_once_and_read_as_they_are(tmp_path):
    """A store of the version before checksums, word for word; nothing of it is rewritten."""
    store = Store(tmp_path)
    store.put([Call("t", "", {"new": "new"})])
    store.close()
    db = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    db.execute("ALTER TABLE events DROP COLUMN sum")
    db.execute("PRAGMA user_version=2")
    old = [(f"old-{i}", json.dumps(f"value {i}"), 1) for i in range(500)]
    db.executemany("INSERT INTO answers VALUES(?,?,?)", old)
    db.execute("INSERT INTO events(subject, at, kind, data) VALUES('review', 1.5, 'note', '{\"n\":1}')")
    db.close()
    others = writers(tmp_path, "abc", wait=3, count=10)
    assert [each.wait(60) for each in others] == [0] * 3
    store = Store(tmp_path)
    assert store.query("PRAGMA user_version") == [(3,)]
    assert store.answers(key for key, _, _ in old) == {key: json.loads(value) for key, value, _ in old}
    assert len(store.answers(f"{name}-{i}" for name in "abc" for i in range(10))) == 30
    assert [(e.kind, e.data, e.at) for e in store.events("review")] == [("note", {"n": 1}, 1.5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = rb.store.check(store=store)
        assert (found.sound, found.answers, found.unchecked) == (True, 531, 500)
        store.mend("somebody says so")
    assert len(store.answers(key for key, _, _ in old)) == 500


def test_pages_read_as_sqlite_reads_them(whole, tmp_path):
    """Every row of every table, as SQLite gives it."""
    path = copied(whole, tmp_path / "store")
    db = sqlite3.connect(path)
    pages = PageFile(path)
    rows = list(pages.rows())
    assert (pages.broken_rows, pages.lost_pages) == (0, 0)
    tables = {tuple(row.values) for row in rows if row.number is None}
    assert tables >= set(db.execute("SELECT key, value, call FROM answers"))
    numbered = {(row.number, *row.values[1:]) for row in rows if row.number is not None}
    for name in ("calls", "events", "asked", "contexts"):
        assert numbered >= set(db.execute(f"SELECT * FROM {name}"))
    pages.close()
