"""Mixture: several frames trained as one; shares, draws, the account of every row, and one curve per source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.sources.mixture import Mixture, Source
from reasonbook.errors import TrainingError
from reasonbook.mixture.weights import passes_of
from reasonbook.training.loop.batches import LengthOrder
from reasonbook.training.loop.draws import Draws
from reasonbook.training.rerun import rerun
from reasonbook.training.runs.data import RunData


def talk(n: int, *, start: int = 0) -> pd.DataFrame:
    """Plain rows in another layout than the refunds."""
    said = [
        [{"role": "user", "content": f"Say {i}."}, {"role": "assistant", "content": f"{i}, with pleasure."}]
        for i in range(start, start + n)
    ]
    return pd.DataFrame({"messages": said})


@pytest.fixture
def df(home):
    frame = rb.examples.refunds(60)
    frame.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    return frame


def test_weights_become_passes():
    assert passes_of([900, 600], [None, 0.25]) == [1, 0.5]  # 300 of 1 200
    assert passes_of([900, 100], [None, 0.25]) == [1, 3]  # a small source comes several times
    assert passes_of([500, 100, 100], [None, 2, 0.3]) == [1, 2, 3]  # 300 of 1 000
    assert passes_of([100, 100], [0.8, 0.2]) == [4, 1]  # every row of every source is there
    assert passes_of([0, 100], [None, 0.5]) == [1, 1]  # nothing else to learn from


@pytest.mark.parametrize(
    ("sources", "options", "says"),
    [
        ({}, {}, "no source"),
        ({"a": -1.0}, {}, "weight of 'a' is -1"),
        ({"a": 0.0}, {}, "weight of 'a' is 0"),
        ({"a": float("nan")}, {}, "weight of 'a' is nan"),
        ({"a": None, "b": 0.6, "c": 0.4}, {}, "leave nothing for 'a'"),
        ({"a": 0.6, "b": 0.3}, {}, "0.6 \\+ 0.3 is not 1"),
        ({"a": None}, {"by": "epochs"}, "by='epochs'"),
        ({"step": None}, {}, "cannot be called 'step'"),
        ({"a": "much"}, {}, "neither a DataFrame"),
    ],
)
def test_bad_mixtures_are_refused(sources, options, says):
    frame = talk(2)
    given = {name: frame if weight is None else (frame, weight) for name, weight in sources.items()}
    with pytest.raises(TrainingError, match=says):
        rb.mix(given, **options)


def test_each_epoch_draws_anew_and_comes_round_before_it_repeats():
    """Half of ``b`` an epoch, ``c`` two and a half times: by the seed and the epoch alone."""
    sources = tuple(
        Source(n, n, {}, name=name, start=start, passes=passes, examples=n)
        for name, n, start, passes in (("a", 10, 0, 1.0), ("b", 20, 10, 0.5), ("c", 8, 30, 2.5))
    )
    draws = Draws(Mixture(sources, seed=3), range(38))
    epochs = [draws.of(epoch) for epoch in range(4)]
    assert len(draws) == 10 + 10 + 20 == sum(source.epoch_examples for source in sources)
    assert all(set(range(10)) <= set(each.tolist()) for each in epochs)
    half, other, third, _ = (set(each[10:20].tolist()) for each in epochs)
    assert half | other == set(range(10, 30)) and not half & other and third != half
    repeated = np.bincount(np.concatenate([each[20:] for each in epochs]))[30:]
    assert repeated.tolist() == [10] * 8  # two and a half times, four epochs: as even as can be
    assert np.array_equal(Draws(Mixture(sources, seed=3), range(38)).of(3), epochs[3])
    assert not np.array_equal(Draws(Mixture(sources, seed=4), range(38)).of(3), epochs[3])
    order = LengthOrder(np.arange(38), 4, seed=1, draws=draws)
    assert len(order) == 40 and sorted(order.order(1)) == sorted(epochs[1])


@pytest.mark.slow
def test_frames_of_two_layouts_become_one_set_in_which_every_row_is_accounted_for(df, tiny_student):
    other = talk(30)
    df.reason.review().reject([3, 4])
    other.loc[5, "messages"] = [[{"role": "user", "content": "Say nothing."}]]
    mix = rb.mix({"refunds": df, "chat": (other, 0.25)})
    guessed = mix.mixture
    assert (
        guessed.estimated
        and "estimate" in mix._repr_html_()
        and guessed.shares["chat"] == pytest.approx(0.25)
    )
    chat = mix.to_chat(tiny_student)
    refunds, plain = chat.mixture.sources
    assert (refunds.rows, refunds.rows_kept, dict(refunds.left_out)) == (60, 58, {"rejected": 2})
    assert (plain.rows, plain.rows_kept, sum(plain.left_out.values())) == (30, 29, 1)
    assert (refunds.thinking, refunds.plain, plain.thinking, plain.plain) == (58, 0, 0, 29)
    assert chat.report.rows == 90 and chat.report.rows_kept == 87
    # What an epoch really teaches, counted in the arrays that are trained.
    train = chat.split("train")
    learnt = np.array([int((e.labels != -100).sum()) for e in train])
    of = chat.mixture.numbers([e.position for e in train])
    assert [int(learnt[of == i].sum()) for i in (0, 1)] == [refunds.tokens, plain.tokens]
    drawn = np.concatenate([RunData.from_chat(chat).train.draws.of(epoch) for epoch in range(3)])
    assert learnt[drawn][of[drawn] == 1].sum() / learnt[drawn].sum() == pytest.approx(0.25, abs=0.01)
    # Rows are numbered through, and each is its own frame's.
    for example, task in zip(chat, chat.tasks, strict=True):
        name, at = chat.mixture.row(example.position)
        said = df["prompt"].iloc[at] if name == "refunds" else other["messages"].iloc[at][0]["content"]
        assert task.request == said
    assert any("enable_thinking=False" in note for note in chat.report.notes)
    assert all("df.reason.to_chat" not in line for _, line in chat.report.warnings)
    assert "chat" in chat._repr_html_() and chat.split("test").mixture is chat.mixture


@pytest.mark.slow
def test_what_needs_a_source_many_times_over_and_what_two_sources_share_is_said(df, tiny_student):
    twin = pd.DataFrame({"prompt": df["prompt"].head(8), "response": [*df["response"].head(6), "$1", "$2"]})
    mix = rb.mix({"refunds": df, "twin": (twin, 0.5)}, by="rows")
    [shared] = mix.overlaps
    assert (shared.same, shared.contradicting, shared.leaking, shared.rows) == (6, 2, 0, ((6, 6), (7, 7)))
    chat = mix.to_chat(tiny_student)
    said = " ".join(chat.report.remarks)
    train_rows = [source.examples for source in chat.mixture.sources]
    assert f"comes {train_rows[0] / train_rows[1]:.3g} times over" in said
    assert (
        "2 requests stand in 'refunds' and 'twin' with different answers (first at rows 6 and 6, 7 and 7)"
        in said
    )
    assert "6 requests" in said and "validate or test" not in said, "the splits were made for both together"
    # The weight that the warning offers is what it says.
    weight = float(chat.mixture.warnings[0][1].split("(other, ")[1].split(")")[0])
    bearable = rb.mix({"refunds": df, "twin": (twin, weight)}, by="rows").to_chat(tiny_student)
    assert bearable.mixture.sources[1].passes == pytest.approx(4, rel=0.05)
    twin["split"] = ["test"] * 8
    df["split"] = "train"
    assert mix.overlaps[0].leaking == 8


@pytest.mark.slow
@pytest.mark.train
def test_a_run_of_a_mixture_resumes_reruns_and_is_judged_by_source(df, tiny_student):
    settings = {"max_steps": 14, "batch_size": 8, "samples": 0, "eval_every": 7, "sample_tokens": 8}
    mix = rb.mix({"refunds": df, "chat": (talk(30), 0.25)}, by="rows")
    straight = mix.train(tiny_student, **settings).wait()
    apart = straight.history["source"]
    assert list(apart) == ["step", "refunds", "chat"] and apart["step"].tolist() == [7, 14]
    assert np.isfinite(apart["chat"]).all() and (apart["refunds"] != apart["chat"]).all()
    both = straight.history["eval"]["eval_loss"]
    assert ((both - apart["refunds"]) * (both - apart["chat"]) < 0).all(), "between the two"

    broken = mix.train(tiny_student, **settings)
    while broken.step < 8 and broken.running:
        broken.wait(0.005)
    broken.stop().wait()
    again = rb.Run.load(broken.id).resume().wait()  # as another kernel would
    np.testing.assert_allclose(again.history["step"]["loss"], straight.history["step"]["loss"], rtol=1e-5)
    np.testing.assert_allclose(again.history["source"]["chat"], apart["chat"], rtol=1e-5)

    refunds, chat = straight.card["sources"]
    assert (chat["name"], chat["weight"], chat["share"], chat["rows"]) == ("chat", 0.25, 0.25, 30)
    assert chat["epochs"] == pytest.approx(straight.plan.epochs * chat["passes"], abs=1e-3)
    assert len(refunds["rows_hash"]) == 32 and refunds["origin"]["teacher"]
    assert rerun(straight.card_path, tell=False).same, "nothing of the frames is needed"

    comparison = rb.compare([straight, again])
    assert set(comparison.sources) == {"refunds", "chat"}
    assert sum(each.scores[0].rows for each in comparison.sources.values()) == comparison.scores[0].rows
    assert "chat" in comparison._repr_html_()
    assert len(straight.rows_at(3)) == 8
