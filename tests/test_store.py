"""The store: what is written stays, also when the process is killed; several writers do not harm it."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest

from reasonbook.errors import StoreError
from reasonbook.events import Event
from reasonbook.store import Call, Store, default_store


def test_answers_come_back_and_the_first_one_stands(tmp_path):
    store = Store(tmp_path)
    store.put([Call("t", "raw", {"k1": "a", "k2": [1, None, "é"]}, usage={"input": 3})])
    store.put([Call("t", "raw", {"k1": "other"})])
    assert store.answers(["k1", "k2", "none"]) == {"k1": "a", "k2": [1, None, "é"]}
    store.forget(["k1"])
    assert Store(tmp_path).answers(["k1", "k2"]) == {"k2": [1, None, "é"]}


def test_many_keys_in_one_question(tmp_path):
    store = Store(tmp_path)
    store.put([Call("t", "", {f"k{i}": i for i in range(3000)})])
    assert store.answers(f"k{i}" for i in range(4000)) == {f"k{i}": i for i in range(3000)}


def test_events_keep_their_order_per_subject(tmp_path):
    store = Store(tmp_path)
    store.append("run:1", [Event("step", {"step": i}) for i in range(3)])
    store.append("run:2", [Event("note", {})])
    events = list(store.events("run:1"))
    assert [e.data["step"] for e in events] == [0, 1, 2]
    assert [e.data["step"] for e in store.events("run:1", after=events[0].seq)] == [1, 2]
    assert store.subjects("run:") == ["run:1", "run:2"]


@pytest.mark.slow
def test_two_processes_and_many_threads_write_at_once(tmp_path):
    code = textwrap.dedent(
        """
        import sys
        from reasonbook.store import Call, Store
        store = Store(sys.argv[1])
        for i in range(100):
            store.put([Call("t", "", {f"{sys.argv[2]}-{i}": i})])
        """
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    store = Store(tmp_path)

    def write(name: str) -> None:
        for i in range(50):
            store.put([Call("t", "", {f"{name}-{i}": i})])

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert [p.wait(60) for p in others] == [0, 0]
    assert len(store.answers([f"{n}-{i}" for n in "ab" for i in range(100)])) == 200
    assert len(store.answers([f"t{n}-{i}" for n in range(4) for i in range(50)])) == 200


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.slow
def test_what_was_put_survives_kill_9(tmp_path):
    code = textwrap.dedent(
        """
        import sys
        from reasonbook.store import Call, Store
        store = Store(sys.argv[1])
        i = 0
        while True:
            store.put([Call("t", "x" * 500, {f"k{i}": i})])
            print(i, flush=True)
            i += 1
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(200)][-1]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(Store(tmp_path).answers([f"k{i}" for i in range(said + 1)])) == said + 1


def test_a_file_that_is_no_database_is_set_aside(tmp_path):
    (tmp_path / "store.sqlite").write_bytes(b"not a database at all, really not" * 100)
    with pytest.warns(UserWarning, match="set aside"):
        store = Store(tmp_path)
    store.put([Call("t", "", {"k": 1})])
    assert list(tmp_path.glob("store.unreadable-*"))


def test_a_folder_that_cannot_be_made_says_what_to_type(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="REASONBOOK_HOME"):
        Store(tmp_path / "file" / "sub")


def test_a_full_disk_says_so_and_keeps_what_stood(tmp_path):
    store = Store(tmp_path)
    store.put([Call("t", "", {"k": 1})])
    [(pages,)] = store._file._db.execute("PRAGMA page_count").fetchall()
    store._file._db.execute(
        f"PRAGMA max_page_count={pages + 1}"
    )  # SQLite then answers just as on a full disk
    with pytest.raises(StoreError, match="full"):
        store.put([Call("t", "x" * 100_000, {f"big{i}": "y" * 1000 for i in range(100)})])
    assert store.answers(["k", "big0"]) == {"k": 1}


def test_default_store_follows_the_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("REASONBOOK_HOME", str(tmp_path / "one"))
    first = default_store()
    assert default_store() is first and first.folder == tmp_path / "one"
    monkeypatch.setenv("REASONBOOK_HOME", str(tmp_path / "two"))
    assert default_store() is not first


def test_a_file_that_another_process_makes_at_the_same_moment_is_waited_for(tmp_path, monkeypatch):
    """SQLite says "locked" at once there, whatever its patience; it is too rare to be met by chance."""
    refused = []

    class Hasty(sqlite3.Connection):
        def execute(self, sql, *values):
            if "journal_mode" in sql and len(refused) < 2:
                refused.append(sql)
                raise sqlite3.OperationalError("database is locked")
            return super().execute(sql, *values)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, factory=Hasty, **options))
    store = Store(tmp_path)
    store.put([Call("t", "x", {"k": 1})])
    assert len(refused) == 2 and store.answers(["k"]) == {"k": 1}
