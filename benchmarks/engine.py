"""The augmentation engine beside a bare HTTP client and the SDK's own call, alternated in one run.

    python -m benchmarks.engine              every table (about six minutes)
    python -m benchmarks.engine cpu latency  some of them: cpu latency workers faults pacing weather real memory python
    python -m benchmarks.engine million      a dataset of 1 000 000 rows, or of ``--rows``; no part of the others

The provider is the protocol server of the tests, in a process of its own. Every client runs in a fresh process
and checks each answer against its own row. ``floor`` is aiohttp with JSON and a pool of workers, nothing else;
``sdk`` is ``openai``'s ``chat.completions.create`` with its defaults. Ours runs with validation, cache, store and
progress on. The peers of ``benchmarks.peers`` run too: those installed here, or in an environment of their own
(``--peers ENV/bin/python``). CPU is the client's own (user + system); on a busy machine trust it and the ratios,
not the rows/s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from statistics import median
from typing import Any

from . import scale
from .measure import OPTIONS, Clock, body, judged, table, text
from .peers import PEERS


# -- clients, each in its own process --------------------------------------------------------------------------
def ours(url: str, n: int, c: int, timeout: float) -> dict[str, Any]:
    import pandas as pd

    import reasonbook as rb

    schema = rb.Schema(
        [
            rb.Field("Intent", "Say what the customer wants."),
            rb.Field("Mood", "Say how the customer feels."),
            rb.Field("Urgency", "Judge how soon.", type="choice", options=OPTIONS),
            rb.Field("Score", "From 0 to 10.", type="number", minimum=0, maximum=10),
        ]
    )
    df = pd.DataFrame({"prompt": [text(i) for i in range(n)], "response": ["ok"] * n})
    import aiohttp  # noqa: F401
    import openai as sdk  # noqa: F401

    from reasonbook.augment import Augmentation  # noqa: F401  imports are not what is measured
    from reasonbook.teachers import openai  # noqa: F401

    job = df.reason.augment
    clock = Clock()
    job = job(schema, teacher=f"openai:mock@{url}", concurrency=c, timeout=timeout)
    job.wait()
    result = clock.read()
    low = [{k.lower(): v for k, v in cell.items()} if cell else None for cell in df["reasoning"]]
    return result | judged(low)


def floor(url: str, n: int, c: int, timeout: float) -> dict[str, Any]:
    import aiohttp

    answers: list[Any] = [None] * n

    async def main() -> None:
        rows = iter(range(n))
        limit = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limit) as session:

            async def worker() -> None:
                for i in rows:
                    try:
                        async with session.post(f"{url}/chat/completions", json=body(i)) as answer:
                            said = await answer.json()
                            if answer.status == 200:
                                answers[i] = json.loads(said["choices"][0]["message"]["content"])
                    except (ValueError, asyncio.TimeoutError):
                        pass

            await asyncio.gather(*(worker() for _ in range(c)))

    clock = Clock()
    asyncio.run(main())
    return clock.read() | judged(answers)


def sdk(url: str, n: int, c: int, timeout: float, retries: int = 2) -> dict[str, Any]:
    import openai

    answers: list[Any] = [None] * n

    async def main() -> None:
        rows = iter(range(n))
        client = openai.AsyncOpenAI(api_key="none", base_url=url, timeout=timeout, max_retries=retries)

        async def worker() -> None:
            for i in rows:
                try:
                    said = await client.chat.completions.create(**body(i))
                    answers[i] = json.loads(said.choices[0].message.content or "")
                except (ValueError, openai.APIError):
                    pass

        await asyncio.gather(*(worker() for _ in range(c)))

    clock = Clock()
    asyncio.run(main())
    return clock.read() | judged(answers)


def function(url: str, n: int, c: int, timeout: float) -> dict[str, Any]:
    """Ours with a Python function as the teacher."""
    import pandas as pd

    import reasonbook as rb

    schema = rb.Schema({"Length": {"instruction": "How long?", "type": "number"}, "Text": "The text."})
    df = pd.DataFrame({"prompt": [text(i) for i in range(n)], "response": ["ok"] * n})

    def teacher(request: str) -> dict[str, Any]:
        return {"Length": len(request), "Text": request}

    clock = Clock()
    df.reason.augment(schema, teacher=teacher).wait()
    result = clock.read()
    good = sum(cell is not None and cell["Text"] == text(i) for i, cell in enumerate(df["reasoning"]))
    return result | {"correct": good, "lost": n - good, "wrong": 0}


def patient(url: str, n: int, c: int, timeout: float) -> dict[str, Any]:
    """The SDK with twelve retries."""
    return sdk(url, n, c, timeout, retries=12)


CLIENTS = {"ours": ours, "floor": floor, "sdk": sdk, "sdk, 12 retries": patient, "function": function}


# -- tables ------------------------------------------------------------------------------------------------------
class Bench:
    """A provider in a process of its own, and clients sent against it."""

    def __init__(self, peers: str = sys.executable) -> None:
        self.python = dict.fromkeys(CLIENTS, sys.executable) | dict.fromkeys(_installed(peers), peers)
        self.bytecode = tempfile.TemporaryDirectory()  # compiled once, as what is installed is
        self._compiled = {"PYTHONPYCACHEPREFIX": self.bytecode.name, "PYTHONDONTWRITEBYTECODE": ""}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.provider"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.root = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def run(
        self, client: str, n: int, c: int, *, timeout: float = 60.0, processes: int = 1, **options: Any
    ) -> dict[str, Any]:
        """One client's run, or that of several on one store, together; ``options`` are the provider's."""
        self._ask("/_seen", options)
        command = [self.python[client], "-m", "benchmarks.engine", "--client", client, "--url", f"{self.root}/v1",
                   "--n", str(n), "--c", str(c), "--timeout", str(timeout)]  # fmt: skip
        with tempfile.TemporaryDirectory() as home:
            env = {**os.environ, "REASONBOOK_HOME": home, "OMP_NUM_THREADS": "1", **self._compiled}
            pipe = subprocess.PIPE
            running = [
                subprocess.Popen(command, env=env, text=True, stdout=pipe, stderr=pipe)
                for _ in range(processes)
            ]
            said = [(*process.communicate(), process.returncode) for process in running]
        for _, trouble, code in said:
            if code:
                raise SystemExit(trouble)
        seen = json.loads(urllib.request.urlopen(f"{self.root}/_seen").read())
        ran = [json.loads(out) for out, _, _ in said]
        told = min(ran, key=lambda each: each["correct"]) | {"cpu": sum(each["cpu"] for each in ran), "n": n}
        return told | {name: seen[name] for name in ("requests", "statuses", "repeats", "seconds")}

    @property
    def others(self) -> tuple[str, ...]:
        """The SDK and the peers."""
        return ("sdk", *(name for name in self.python if name not in CLIENTS))

    def _ask(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            self.root + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        urllib.request.urlopen(request).read()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.bytecode.cleanup()


def _installed(python: str) -> list[str]:
    """The peers that an environment has."""
    look = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"
    return subprocess.run([python, "-c", look, *PEERS], capture_output=True, text=True).stdout.split()


def _alternated(
    bench: Bench, clients: tuple[str, ...], rounds: int, n: int, c: int, **options: Any
) -> dict[str, list[dict]]:
    results: dict[str, list[dict]] = {name: [] for name in clients}
    for _ in range(rounds):
        for name in clients:
            results[name].append(bench.run(name, n, c, **options))
    return results


def cpu(bench: Bench, rounds: int) -> None:
    results = _alternated(bench, ("floor", "ours", *bench.others), rounds, 2000, 64)
    base = median(r["cpu"] for r in results["floor"]) / 2
    rows = []
    for name, runs in results.items():
        each = sorted(r["cpu"] / 2 for r in runs)
        assert all(r["correct"] == 2000 for r in runs), runs
        rows.append((name, median(each), f"{each[0]:.2f} to {each[-1]:.2f}", median(each) / base,
                     2000 / median(r["wall"] for r in runs)))  # fmt: skip
    table(
        "0 ms, concurrency 64, 2 000 rows",
        ("client", "CPU s / 1000 rows", "range", "x floor", "rows/s"),
        rows,
    )


def latency(bench: Bench, rounds: int) -> None:
    for c, n in ((64, 2560), (256, 10_240)):
        results = _alternated(bench, ("floor", "ours"), rounds, n, c, latency=0.2)
        results |= {name: [bench.run(name, n // 2, c, latency=0.2)] for name in bench.others}
        ideal = c / 0.2
        rows = []
        for name, runs in results.items():
            speed = max(r["n"] / r["wall"] for r in runs)
            wire = max(r["n"] / r["seconds"] for r in runs)
            rows.append((name, speed, 100 * speed / ideal, 100 * wire / ideal))
        title = f"200 ms, concurrency {c}, {n} rows, ideal {ideal:.0f} rows/s, best of {rounds}"
        table(title, ("client", "rows/s", "% of ideal", "% between first and last call"), rows)


def faults(bench: Bench, rounds: int) -> None:
    chances = {"rate": 0.05, "server": 0.02, "malformed": 0.01, "hang": 0.01, "seed": 1}
    rows = []
    for name in ("ours", *bench.others):
        r = bench.run(name, 1000, 64, timeout=10.0, latency=0.05, chances=chances)
        rows.append(
            (
                name,
                r["correct"],
                r["lost"],
                r["wrong"],
                r["requests"],
                r["requests"] / _fewest(chances, 1000),
                r["wall"],
            )
        )
    title = "5 % 429, 2 % 500, 1 % malformed, 1 % hang; 1 000 rows, 50 ms, concurrency 64, time-out 10 s"
    table(title, ("client", "correct", "lost", "wrong", "calls", "x fewest", "seconds"), rows)


def _fewest(chances: dict[str, Any], n: int) -> int:
    from tests.servers.faults import Chances

    met = Chances(**chances)
    return n + sum(met(f"ROW-{i:06d}", 1) is not None for i in range(n))


def pacing(bench: Bench, rounds: int) -> None:
    rows = []
    for name in ("ours", "ours", "ours", *bench.others):
        r = bench.run(name, 300, 64, weather="30 a second")
        refused = int(r["statuses"].get("429", 0))
        ideal = (300 - 30) / 30 + 0.05
        rows.append(
            (name, r["correct"], r["wall"], r["seconds"] / ideal, refused, 100 * refused / r["requests"])
        )
    title = "server limit 30 requests/s with a burst of 30, 300 rows, concurrency 64, ideal 9.05 s"
    table(title, ("client", "correct", "seconds", "x ideal", "refused", "% refused"), rows)


# Weather → rows of a job that takes some seconds in it, for the real runs: two minutes in all.
REAL = {
    "clear": 1000,
    "30 a second": 150,
    "20 a second, no hint": 100,
    "8 at once": 200,
    "20% shed, retry-after 1": 500,
    "40% shed, no hint": 250,
    "20% shed as 503": 400,
    "10 s shut, then free": 400,
}


def weather(bench: Bench, rounds: int) -> None:
    """All weathers in virtual time, which the machine's load does not change, and some of them for real."""
    from tests.servers import simulator
    from tests.servers.weather import OTHERS, WEATHERS

    rows: list[tuple[Any, ...]] = []
    for name, sky in (WEATHERS | OTHERS).items():
        run, ideal, plain = simulator.ours(sky), simulator.best(sky)[0].seconds, simulator.sdk(sky)
        rows.append((name, sky.rows, ideal, run.seconds, run.seconds / ideal, f"{run.share:.0%}",
                     plain.seconds, run.seconds / plain.seconds, f"{plain.share:.0%}"))  # fmt: skip
    head = ("weather", "rows", "best fixed, s", "ours, s", "x best", "refused")
    table(
        "weathers in virtual time, 64 at once", (*head, "sdk, 12 retries, s", "ours x sdk", "refused"), rows
    )
    really(bench, rounds)


def really(bench: Bench, rounds: int) -> None:
    """Some weathers for real, ours and the patient SDK in turn, beside what virtual time makes of the same job."""
    from tests.servers import simulator
    from tests.servers.weather import WEATHERS

    rows: list[tuple[Any, ...]] = []
    for name, n in REAL.items():
        cells: list[Any] = [name, n]
        took: list[float] = []
        for client, virtual in (("ours", simulator.ours), ("sdk, 12 retries", simulator.sdk)):
            r = bench.run(client, n, 64, weather=name)
            refused = r["requests"] - r["statuses"].get("200", 0)
            took.append(r["seconds"])
            cells += [r["correct"], r["seconds"], virtual(WEATHERS[name], rows=n).seconds]
            cells.append(f"{refused / r['requests']:.0%}")
        rows.append((*cells, took[0] / took[1]))
    head = ("weather", "rows", "ours: correct", "s", "virtual, s", "refused")
    head += ("sdk, 12 retries: correct", "s", "virtual, s", "refused", "ours x sdk")
    table("weathers for real, 64 at once, first call to last answer", head, rows)


def memory(bench: Bench, rounds: int) -> None:
    r = bench.run("ours", 100_000, 256)
    head = ("client", "correct", "MB over the frame", "seconds", "CPU s / 1000 rows")
    row = ("ours", r["correct"], r["grown"], r["wall"], r["cpu"] / 100)
    table("100 000 rows, 0 ms, concurrency 256", head, [row])


def python(bench: Bench, rounds: int) -> None:
    rows = []
    for n in (2_000, 20_000):
        r = bench.run("function", n, 64)
        rows.append((n, r["correct"], r["wall"], 1000 * r["cpu"] / n))
    table("a Python function as the teacher", ("rows", "correct", "seconds", "CPU s / 1000 rows"), rows)


TABLES = {
    "cpu": cpu,
    "latency": latency,
    "workers": scale.workers,
    "faults": faults,
    "pacing": pacing,
    "weather": weather,
    "real": really,
    "memory": memory,
    "python": python,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="table", help=" ".join(TABLES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the peers' Python")
    for name, kind in (("client", str), ("url", str), ("n", int), ("c", int), ("timeout", float)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table million")
    given = parser.parse_args()
    if given.client:
        print(json.dumps({**CLIENTS, **PEERS}[given.client](given.url, given.n, given.c, given.timeout)))
        return
    if "million" in given.tables:
        scale.million(given.rows)
        if given.tables == ["million"]:
            return
    bench = Bench(given.peers)
    try:
        for name in [name for name in given.tables if name != "million"] or TABLES:
            TABLES[name](bench, given.rounds)
    finally:
        bench.close()


if __name__ == "__main__":
    main()
