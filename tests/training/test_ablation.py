"""Which fields pay: real trainings of a few steps, and the verdicts over known grades."""

from __future__ import annotations

import pytest

from reasonbook.chat import Task
from reasonbook.errors import TrainingError
from reasonbook.training.ablation import NONE, Ablation, ablate, effects, holm, sentence
from reasonbook.training.answering.generate import Reply
from reasonbook.training.evaluation.evaluation import Evaluation

pytest.importorskip("torch")


@pytest.fixture
def frame():
    from reasonbook.examples import refund_rules, refunds

    df = refunds(40)
    reasonings = [refund_rules(prompt) for prompt in df["prompt"]]
    names = list(reasonings[0])[:2]
    df["reasoning"] = [{name: r[name] for name in names} for r in reasonings]
    df["reasoning_status"] = "ok"
    return df, names


@pytest.mark.train
def test_every_variant_is_really_trained(frame, tiny_student, home):
    df, names = frame
    job = ablate(df, tiny_student, steps=3, batch_size=4, samples=0, sample_tokens=8)
    assert isinstance(job, Ablation)
    job.wait(120)
    assert str(job.status) == "COMPLETED" and job.done == 4
    assert list(job.runs) == ["all fields", f"without {names[0]}", f"without {names[1]}", NONE]
    runs = [each[0] for each in job.runs.values()]
    assert {run.plan.steps for run in runs} == {3} and {run.plan.seed for run in runs} == {0}
    prints = {run.data.fingerprint for run in runs}
    assert len(prints) == 4
    text = runs[1].format.tokenizer.decode(runs[1].data.train.input_ids[0])
    assert f"{names[0]}:" not in text and f"{names[1]}:" in text
    html = job._repr_html_()
    assert "no effect could be shown" in html and "One seed" in html


def test_a_field_that_is_not_there(frame, tiny_student, home):
    with pytest.raises(TrainingError, match="no field 'Mood'"):
        ablate(frame[0], tiny_student, ["Mood"])


def evaluation(label, grades):
    tasks = [Task(str(i), i, 0, "test", (), "x") for i in range(len(grades))]
    replies = [Reply("x", "", "x", "valid", 1, g == 1, float(g)) for g in grades]
    return Evaluation(label, "test", "exact match", tasks, replies)


def test_verdicts():
    whole = [1] * 90 + [0] * 10
    found = effects(
        [
            evaluation("all fields", whole),
            evaluation("without A", [1] * 40 + [0] * 60),
            evaluation("without B", [1] * 89 + [0] * 11),
            evaluation("without C", [1] * 100),
            evaluation(NONE, [0] * 100),
        ]
    )
    verdicts = {f.field: f.verdict for f in found}
    assert verdicts == {"A": "pays", "B": "not shown", "C": "harms", NONE: "pays"}
    assert [f.field for f in found] == ["A", "B", "C", NONE]
    assert "no effect could be shown" in sentence(found[1])
    assert found[0].low > 0.3 and found[1].low < 0 < found[1].high


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5]) == [0.5] and holm([]) == []
