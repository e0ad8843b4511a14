"""Conversations with tools, from the teacher to a trained student: every turn is asked, learnt, counted and judged."""

from __future__ import annotations

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.job import Status
from reasonbook.training.run import Run
from tests.augment.talks import TOOLS, call, said, user

# The tiny student's own template shows no tools; this one does, in the way of Qwen3.
TEMPLATE = """{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}
{%- if m.role == 'assistant' and m.reasoning_content and loop.last %}
{{- '<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{%- endif %}{{ m.content }}
{%- for c in m.tool_calls or [] %}{{ '<tool_call>\n' + (c.function | tojson) + '\n</tool_call>' }}{% endfor %}
{{- '<|im_end|>\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""


def talks(n: int) -> pd.DataFrame:
    rows = []
    for i in range(n):
        names = [f"ROW-{10 * i + k:06d}" for k in range(3)]
        rows.append([user(names[0]), said(names[0]), user(names[1]), *call(names[2]), said(names[2])])
    return pd.DataFrame({"messages": rows, "tools": [TOOLS] * n})


def rules(request):
    last = request.splitlines()[-1]
    return {"Aim": "read the answer" if "order found" in last else "say where it is", "Which": last[-30:]}


@pytest.mark.train
def test_every_turn_goes_from_the_teacher_into_the_student_and_onto_the_card(tiny_student):
    df = talks(20)
    schema = rb.Schema({"Aim": "What is wanted?", "Which": "Which parcel?"})
    job = df.reason.augment(schema, teacher=rules).wait()
    assert (job.progress.done, job.progress.turns_done) == (20, 60)
    df.reason.review().accept_all(passing=False).edit(0, {"Aim": "my own aim"}, turn=0)
    df.reason.split(test=0.2, validation=0.1)
    chat = df.reason.to_chat(tiny_student, chat_template=TEMPLATE, max_length=1024)
    report = chat.report
    assert report.ok, report.problems
    assert (report.rows, report.rows_kept, len(chat)) == (20, 20, 60)
    assert (
        report.reasoning == report.reasoning_learnt == 60
        and report.plain == 0
        and sum(report.examples.values()) == 60
    )
    first = next(task for task in chat.tasks if (task.position, task.turn) == (0, 0))
    assert first.reasoning.startswith("Aim: my own aim")
    splits = {(task.position, task.split) for task in chat.tasks}
    assert len(splits) == 20, "the turns of a conversation stay together"
    run = rb.train(chat, max_steps=3, batch_size=8, samples=2).wait()
    assert run.status is Status.COMPLETED
    assert run.card["teacher"].startswith("python:rules") and run.card["method"] == "extract"
    held = run.card["data"]
    assert held["train_examples"] == 3 * 14 and held["validation_examples"] == 3 * 2
    compared = rb.compare([run])
    tested = [task for task in chat.tasks if task.split == "test"]
    assert len(compared.rows) == len(tested) == 12
    assert {row.expected for row in compared.rows} == {task.expected for task in tested}
    assert any("find_order" in row.expected for row in compared.rows)
    again = Run.load(run.folder)
    assert [task.reasoning for task in again.data.tasks] == [task.reasoning for task in chat.tasks]
