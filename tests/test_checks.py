"""The checks: what they flag, and that ordinary rows stay clean."""

import pytest

from reasonbook.checks import check


def rows(n=20):
    return [
        ({"Intent": f"wants a refund for order {i}", "Amount": 10 + i}, f"You get ${10 + i}.00 back.")
        for i in range(n)
    ]


def test_ordinary_rows_are_clean():
    assert all(finding.flags == () and finding.suspicion == 0 for finding in check(rows()))


@pytest.mark.parametrize(
    ("reasoning", "response", "flag"),
    [
        ({"Intent": "wants a refund", "Amount": 99}, "You get $12 back.", "contradicted"),
        (
            {"Intent": "as stated in the response, a refund is due", "Amount": 12},
            "You get $12 back.",
            "leaked",
        ),
        ({"Intent": "", "Amount": 12}, "You get $12 back.", "blank"),
        ({"Intent": "I'm sorry, I cannot help with that", "Amount": 12}, "You get $12 back.", "refused"),
        ({"Intent": "the customer wants money back. " * 4, "Amount": 12}, "You get $12 back.", "repeated"),
        ({"Intent": " ".join(f"word{i}" for i in range(400)), "Amount": 12}, "You get $12 back.", "too long"),
    ],
)
def test_each_flag(reasoning, response, flag):
    finding = check([*rows(), (reasoning, response)])[-1]
    assert finding.flags == (flag,) and finding.suspicion > 0


def test_rows_without_reasoning_are_not_judged():
    assert check([(None, "x"), ({}, None)])[0].flags == ()


def test_contradiction_needs_a_field_that_states_the_answer():
    loose = [({"Tone": "calm"}, f"answer {i}") for i in range(20)]
    assert all(finding.flags == () for finding in check(loose))
