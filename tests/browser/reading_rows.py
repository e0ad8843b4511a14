"""Rows that are hard to read as plain text: one with tools, and one each of code, formulas, JSON, scripts, length."""

from __future__ import annotations

import pandas as pd

CODE = """**Two steps.** See [the manual](https://docs.python.org/3/) and ![a chart](https://example.invalid/c.png).

| n | share |
|--:|:------|
| 1 | 50 %  |

```python
def total(orders: list[dict]) -> float:
    # what was paid
    return sum(order["price"] for order in orders)
```

1. `total` sums the prices
2. it returns a *float*"""
THOUGHT = r"""By the quadratic formula $x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}$, so

$$
\sum_{i=1}^{n} i
+ 1 = \frac{n(n+1)}{2} + 1
$$

and \(e^{i\pi} = -1\). It costs $5 and $10."""
CONVERSATION = [
    {"role": "system", "content": "You work for a shop. Look orders up before you answer."},
    {"role": "user", "content": "Where is my refund for order A-17?"},
    {
        "role": "assistant",
        "content": "I look it up.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "lookup_order", "arguments": '{"order_id": "A-17", "deep": true}'},
            }
        ],
    },
    {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": '{"id": 12345678901234567890, "paid": 104.50, "items": [{"name": "chair", "returned": true}]}',
    },
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": "refund", "arguments": {"order": "A-17", "amount": 104.5}}}],
    },
]
ARABIC = "أريد استرداد ثمن الكرسي رقم A-17، وقد دفعت 104 دولارًا."
CHINESE = "您好，订单 A-17 的退款 104 美元将在三天内到账。"
LONG = "\n".join(f"Line {i}: the customer writes on and on about the chair." for i in range(80))
JSON = (
    '{"decision": "refund", "amount": 104.50, "lines": ['
    + ", ".join(f'{{"sku": "C-{i}", "qty": {i}, "note": "first\\nsecond"}}' for i in range(14))
    + "]}"
)


def frame() -> pd.DataFrame:
    """One row of each kind, in the layout of messages."""

    def asked(question: str, answer: str) -> list[dict]:
        return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    return pd.DataFrame(
        {
            "messages": [
                CONVERSATION,
                asked("How do I *sum* the orders?", CODE),
                asked("Solve it. The book costs $5 and $10 more.", THOUGHT),
                asked("Give me the decision as JSON.", JSON),
                asked(ARABIC, CHINESE),
                asked(LONG, LONG),
            ],
            "reasoning": [
                {"Intent": "refund of **one** order", "Steps": ["look the order up", "pay `104.50` back"]},
                {"Language": "Python", "Plan": "- sum\n- return"},
                {"Method": r"$ax^2 + bx + c = 0$"},
                {"Facts": '{"order": "A-17", "days": 12}'},
                {"Intent": ARABIC, "Language": CHINESE},
                {"Intent": LONG},
            ],
            "reasoning_status": "ok",
            "reasoning_error": None,
        }
    )
