"""A run's events as types, and what they add up to; odd and old ones too."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from reasonbook.events import Event
from reasonbook.store import Store
from reasonbook.training.run_events import (
    SERIES,
    TYPES,
    AlarmEvent,
    CheckpointEvent,
    EtaEvent,
    EvalEvent,
    NoteEvent,
    RowLossEvent,
    SampledAnswer,
    SamplesEvent,
    StatusEvent,
    StepEvent,
    from_event,
    to_data,
)
from reasonbook.training.runs.history import History, recorded

ONE_OF_EACH = [
    StepEvent(3, 9, loss=1.5, learning_rate=1e-4, grad_norm=0.5, tokens=10, targets=4, tokens_per_second=9.0),
    EvalEvent(3, 1.25),
    SamplesEvent(3, (SampledAnswer("q", "a", correct=True, score=1.0),), {"valid": 3, "empty": 1}, 0.25, 4),
    RowLossEvent(1, 40, 0.5),
    EtaEvent(12.5, 3, 9),
    CheckpointEvent(3),
    AlarmEvent("divergence", "The loss rose.", 3),
    NoteEvent("Memory ran out.", micro_batch_size=2),
    StatusEvent("RUNNING"),
]


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.kind)
def test_an_event_comes_back_from_json_as_it_was(event):
    data = json.loads(json.dumps(to_data(event)))
    back = from_event(Event(event.kind, data))
    assert type(back) is type(event)
    for name, value in vars(event).items():
        again = getattr(back, name)
        assert again == value or (isinstance(value, float) and math.isnan(value) and math.isnan(again)), name


def test_every_kind_is_there():
    assert {event.kind for event in ONE_OF_EACH} == set(TYPES)
    assert (
        SERIES["step"][0] == "loss"
        and "total" not in SERIES["step"]
        and SERIES["eval"] == ("eval_loss", "score")
    )


@pytest.mark.parametrize(
    "event",
    [
        Event("step", {}),
        Event("step", {"step": "three"}),
        Event("step", {"step": None, "loss": 1.0}),
        Event("samples", {"step": 1, "rows": [7]}),
        Event("samples", {"step": 1, "rows": 7}),
        Event("alarm", {"text": "no name"}),
        Event("decision", {"step": 1}),
    ],
)
def test_what_is_none_of_a_runs_or_damaged_changes_nothing(event):
    history = History()
    history.take(Event("step", {"step": 1, "loss": 2.0}))
    history.take(event)
    assert history.step == 1 and not history.samples and not history.messages
    assert history.arrays()["step"]["loss"].tolist() == [2.0]


def test_what_a_newer_version_says_besides_is_passed_over():
    history = History()
    history.take(Event("step", {"step": 1, "loss": 2.0, "flops": 1e12}))
    assert history.arrays()["step"]["loss"].tolist() == [2.0]
    assert np.isnan(history.arrays()["step"]["memory"]).all()


def test_a_resumed_run_replaces_its_abandoned_tail_in_every_family():
    history = History()
    for step in range(1, 11):
        history.take(Event("step", {"step": step, "loss": float(step)}))
        history.take(Event("eval", {"step": step, "eval_loss": float(step)}))
        history.take(Event("samples", {"step": step, "rows": [], "health": {"valid": 1}, "score": 1.0}))
    for step in (7, 8):
        history.take(Event("step", {"step": step, "loss": 100.0}))
    history.take(Event("eval", {"step": 7, "eval_loss": 100.0}))
    history.take(Event("samples", {"step": 7, "rows": [], "health": {"valid": 1}, "score": 0.5}))
    arrays = history.arrays()
    assert arrays["step"]["step"].tolist() == [*range(1, 9)] and arrays["step"]["loss"][-2:].tolist() == [
        100,
        100,
    ]
    assert arrays["eval"]["step"].tolist() == [*range(1, 8)] == arrays["health"]["step"].tolist()
    assert [said.step for said in history.samples] == [*range(1, 8)] and history.samples[-1].score == 0.5


def test_a_card_fills_what_events_had_filled(tmp_path):
    history = History()
    stream, journal = recorded(history, Store(tmp_path), "run:x")
    for event in ONE_OF_EACH:
        stream.emit(event.kind, **to_data(event))
    assert journal is not None
    journal.flush()
    replayed, filled = History(), History()
    for event in Store(tmp_path).events("run:x"):
        replayed.take(event)
    filled.fill(
        json.loads(
            json.dumps({k: {n: v.tolist() for n, v in s.items()} for k, s in history.arrays().items()})
        )
    )
    for other in (replayed, filled):
        for kind, series in history.arrays().items():
            for name, values in series.items():
                np.testing.assert_array_equal(other.arrays()[kind][name], values, err_msg=f"{kind} {name}")
    assert list(replayed.samples) == list(history.samples)
    assert [m.text for m in replayed.messages] == ["The loss rose.", "Memory ran out."]
    assert "eta" not in {event.kind for event in Store(tmp_path).events("run:x")}
