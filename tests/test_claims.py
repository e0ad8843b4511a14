"""Who works on a store, what each of them asks, and what they spend together."""

import json
import os
import subprocess
import sys
import time

import pytest

from reasonbook.store import Call, Claims, Ledger, Membership, Store, members, membership


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "one")


def asks(*rows, parts=("a",)):
    return [(row, parts) for row in rows]


def member(store, endpoint="openai:mock"):
    return Claims(store, Membership(store, endpoint))


def take(claims, rows, look_up=lambda items: None):
    return claims.take(rows, lambda ask: ask, look_up)


def elsewhere(store, code, *arguments):
    """Runs code in a process of its own, which has a store `store` and a member `claims`; its last line is JSON."""
    begin = (
        "import json, sys, time, os, signal\nfrom reasonbook.store import *\nfrom tests.test_claims import *\n"
        "store = Store(sys.argv[1]); claims = member(store)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", begin + code, str(store.folder), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def test_a_row_is_claimed_by_one(store):
    one, two = member(store), member(store)
    assert take(one, asks("x", "y")) == (asks("x", "y"), [])
    assert take(two, asks("y", "z")) == (asks("z"), asks("y"))
    one.release(("y", ("a",)))
    assert two.freed(asks("y"), lambda ask: ask) == [], "the others hear of it when it is told"
    one.tell()
    assert two.freed(asks("x", "y"), lambda ask: ask) == asks("y")
    assert take(two, asks("y")) == (asks("y"), [])
    assert take(one, asks("y", "z")) == ([], asks("y", "z"))


def test_other_fields_of_a_row_are_other_answers(store):
    one, two = member(store), member(store)
    take(one, asks("x", parts=("a", "b")))
    assert take(two, asks("x", parts=("c",)))[0], "nobody asks for that"
    assert take(two, asks("x", parts=("b", "c"))) == ([], asks("x", parts=("b", "c")))


def test_answers_are_looked_up_only_where_there_was_company(store):
    looked = []
    one = member(store)
    take(one, asks("x"), looked.append)
    assert looked == []
    take(member(store), asks("y"), looked.append)
    take(one, asks("z"), looked.append)
    assert looked == [asks("y"), asks("z")]


def test_who_came_and_went_between_two_looks_is_noticed(store):
    looked = []
    one = member(store)
    other = member(store)
    other.close()
    other.member.leave()
    take(one, asks("x"), looked.append)
    assert looked == [asks("x")]


def test_who_leaves_holds_nothing(store):
    one, two = member(store), member(store)
    take(one, asks("x"))
    assert take(two, asks("x"))[1]
    one.member.leave()
    assert two.freed(asks("x"), lambda ask: ask) == asks("x")


@pytest.mark.slow
def test_a_killed_process_is_seen_at_once(store):
    other = elsewhere(store, "take(claims, asks('x')); print('claimed', flush=True); time.sleep(60)")
    assert other.stdout.readline() == "claimed\n"
    mine = member(store)
    assert take(mine, asks("x"))[1] and len(mine.member.others()) == 1
    other.kill()
    deadline = time.monotonic() + 3.0  # nobody has fetched its status yet: a zombie is dead too
    while mine.member.others():
        assert time.monotonic() < deadline, "long before its beat would tell"
    assert take(mine, asks("x")) == (asks("x"), [])
    other.wait()


def test_another_process_with_the_same_number_is_not_it(store):
    gone = member(store)
    take(gone, asks("x"))
    with store.writing() as db:
        db.execute("UPDATE members SET pid = ?, born = '1'", (os.getpid(),))
    mine = member(store)
    if os.path.exists("/proc/self/stat"):
        assert mine.member.others() == [] and take(mine, asks("x"))[0]


def test_a_member_elsewhere_is_dead_when_its_beat_stands_still(store, monkeypatch):
    """On another machine; by the watcher's own clock, so that neither's time of day matters."""
    now = [1000.0]
    monkeypatch.setattr(members.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(members.time, "time", lambda: pytest.fail("no clock is compared with another"))
    theirs, mine = member(store), member(store)
    with store.writing() as db:
        db.execute("UPDATE members SET host = 'another' WHERE id = ?", (theirs.owner,))
    for _ in range(5):
        now[0] += 8.0
        theirs.member.beat({})
        assert [other.id for other in mine.member.others()] == [theirs.owner]
    now[0] += 8.0
    assert len(mine.member.others()) == 1
    now[0] += 8.0
    assert mine.member.others() == []


def test_a_process_that_is_held_up_has_more_time(store, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(members.time, "monotonic", lambda: now[0])
    theirs, mine = member(store), member(store)
    mine.member.others()
    now[0] += 50.0
    assert [other.id for other in mine.member.others()] == [theirs.owner]
    now[0] += 20.0
    assert mine.member.others() == []


def test_who_was_taken_for_dead_comes_again_and_meets_the_others(store):
    one, two = member(store), member(store)
    take(one, asks("x", "y"))
    with store.writing() as db:
        db.execute("DELETE FROM members WHERE id = ?", (one.owner,))
    assert take(two, asks("x")) == (asks("x"), [])
    before, looked = one.owner, []
    assert take(one, asks("z"), looked.append)[0] and one.owner != before and looked
    assert take(two, asks("y"))[1], "what it still asks is claimed again"


def test_members_hear_what_the_others_say(store):
    one, two = Membership(store, "a"), Membership(store, "b")
    one.beat({"rate": 3.5})
    [other] = two.others()
    assert (other.endpoint, other.state) == ("a", {"rate": 3.5})
    with store.writing() as db:
        db.execute("UPDATE members SET state = 'no JSON' WHERE id = ?", (one.id,))
    assert two.others()[0].state == {}


@pytest.mark.slow
def test_claims_of_many_processes_never_overlap(store):
    """Each takes what it can get of the same rows, in an order of its own, and gives it back unanswered."""
    code = """
import random
drawn, got = random.Random(int(sys.argv[2])), []
for _ in range(60):
    mine, _ = take(claims, asks(*drawn.sample([str(i) for i in range(40)], 10)))
    got.append((time.monotonic_ns(), [row for row, _ in mine]))
    time.sleep(drawn.random() / 200)
    for ask in mine: claims.release(ask)
    got.append((time.monotonic_ns(), []))
    claims.tell()
print(json.dumps(got))
"""
    others = [elsewhere(store, code, str(seed)) for seed in range(3)]
    told = [json.loads(other.communicate(timeout=60)[0].splitlines()[-1]) for other in others]
    moments = sorted((at, who, rows) for who, mine in enumerate(told) for at, rows in mine)
    held: dict[int, list[str]] = {}
    for _, who, rows in moments:
        held[who] = rows
        together = [row for mine in held.values() for row in mine]
        assert len(together) == len(set(together))
    assert sum(len(rows) for _, _, rows in moments) > 300


def test_a_store_that_cannot_be_written_has_no_members(store, monkeypatch):
    store.put([Call("t", "", {"k": 1})])
    store.query("PRAGMA query_only = 1")  # what SQLite does with a file that it may only read
    assert membership(store, "a") is None
    assert store.answers(["k"]) == {"k": 1}


def test_workers_spend_no_more_than_there_is(store):
    one, two = Ledger(store, "job", 1.0), Ledger(store, "job", 1.0)
    assert one.grant(0.0, 0.4) == pytest.approx(0.4)
    assert two.grant(0.0, 0.9) == pytest.approx(0.6)
    assert one.grant(0.4, 0.8) == pytest.approx(0.4)
    two.close(0.1)
    assert one.grant(0.4, 2.0) == pytest.approx(0.9)
    assert Ledger(store, "another", 1.0).grant(0.0, 5.0) == pytest.approx(1.0)


def test_what_was_spent_too_much_is_not_granted_again(store):
    one, two = Ledger(store, "job", 1.0), Ledger(store, "job", 1.0)
    one.grant(0.0, 0.5)
    assert one.grant(1.2, 1.5) == pytest.approx(1.0), "spent before anybody knew what a call costs"
    assert two.grant(0.0, 0.1) <= 0.0
