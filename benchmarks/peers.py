"""Peers of the augmentation engine, run by `benchmarks.engine` where they are installed.

They need packages that quarrel with the project's own, so they may stand in an environment of their own:
``python -m venv peers && peers/bin/pip install instructor litellm``, then
``python -m benchmarks.engine --peers peers/bin/python``. Each runs as its documentation shows it, with the
benchmark's concurrency and time-out and with everything else at its defaults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from .measure import OPTIONS, Clock, body, judged


def instructor(url: str, n: int, c: int, timeout: float) -> dict[str, Any]:
    """``instructor`` over ``openai``, with a Pydantic model as the answer's form."""
    from typing import Literal

    import instructor as library  # pyright: ignore[reportMissingImports]
    import openai
    from pydantic import create_model

    urgency: Any = Literal[OPTIONS]  # pyright: ignore
    row = create_model("row", intent=str, mood=str, urgency=urgency, score=float)
    client = library.from_openai(
        openai.AsyncOpenAI(api_key="none", base_url=url, timeout=timeout), mode=library.Mode.JSON_SCHEMA
    )

    async def ask(i: int) -> dict[str, Any]:
        asked = body(i)
        said = await client.chat.completions.create(
            model=asked["model"], messages=asked["messages"], response_model=row
        )
        return said.model_dump()

    return _run(ask, n, c)


def litellm(url: str, n: int, c: int, timeout: float) -> dict[str, Any]:
    """``litellm.acompletion``."""
    import litellm as library  # pyright: ignore[reportMissingImports]

    library.suppress_debug_info = True

    async def ask(i: int) -> dict[str, Any]:
        asked = body(i)
        said = await library.acompletion(
            **{**asked, "model": "openai/mock"}, api_base=url, api_key="none", timeout=timeout
        )
        return json.loads(said.choices[0].message.content)

    return _run(ask, n, c)


PEERS = {"instructor": instructor, "litellm": litellm}


def _run(ask: Callable[[int], Awaitable[dict[str, Any]]], n: int, c: int) -> dict[str, Any]:
    answers: list[Any] = [None] * n
    rows = iter(range(n))

    async def worker() -> None:
        for i in rows:
            try:
                answers[i] = await ask(i)
            except Exception:  # what a peer does not answer is lost, whatever it raises
                pass

    async def main() -> None:
        await asyncio.gather(*(worker() for _ in range(c)))

    clock = Clock()
    asyncio.run(main())
    return clock.read() | judged(answers)
