"""Pacing in every weather: the real pacer in virtual time, beside the best fixed setting and the patient SDK."""

import asyncio
import time
from dataclasses import replace

import pytest

from reasonbook.augment.engine.pacing import Pacer
from reasonbook.augment.engine.pacing.evidence import Slowdown
from reasonbook.teachers import CallError, Limits
from tests.servers.simulator import CONCURRENCY, best, fixed, ours, sdk
from tests.servers.virtual_loop import VirtualLoop
from tests.servers.weather import MIXED, OTHERS, WEATHERS, Weather
from tests.walks import walk

FAST = {
    "30 a second, short job",
    "8 at once, slow answers",
    "20% shed, retry-after 1",
}
ALL = WEATHERS | OTHERS
BUCKET = WEATHERS["30 a second"]


@pytest.mark.parametrize("name", walk(ALL, fast=FAST))
def test_every_weather_is_used_to_the_full(name):
    weather = ALL[name]
    run, (ideal, at_once, rate), plain = ours(weather), best(weather), sdk(weather)
    assert run.lost == 0
    assert run.seconds <= 1.3 * ideal.seconds, (
        f"{at_once} at once, {rate} a second take {ideal.seconds:.1f} s"
    )
    assert run.seconds <= 1.02 * plain.seconds  # chance differs as much
    if weather.limited:
        assert run.share <= 0.3


OWN = {"clear": 20, "30 a second": 3, "20% shed, no hint": 20, "8 at once": 20, "100 per ten seconds": 20}


@pytest.mark.parametrize("name", walk(OWN, fast=["clear"]))
def test_rows_that_are_refused_by_themselves_hold_nobody_up_and_end_in_time(name):
    weather = replace(WEATHERS[name], rows=900)
    alone, run = ours(weather), ours(replace(weather, never=900 // OWN[name]))
    assert run.lost == OWN[name]
    assert run.answered_at <= 1.25 * alone.seconds + 0.5
    assert run.seconds <= run.answered_at + 30.0


@pytest.mark.parametrize(
    "name, most", [("a slow drip", 150), ("400 a minute by the clock", 450), ("two minutes shut", 450)]
)
@pytest.mark.parametrize("rows", walk([40, 450], fast=[40]))
@pytest.mark.parametrize("concurrency", walk([4, 64], fast=[64]))
def test_a_limit_at_the_end_of_a_job_is_not_taken_for_its_last_rows(name, most, rows, concurrency):
    assert ours(ALL[name], rows=min(rows, most), concurrency=concurrency).lost == 0


@pytest.mark.slow
def test_a_limit_and_shed_calls_together_end_in_no_spiral():
    run = ours(MIXED)
    assert run.lost == 0 and run.seconds <= 2 * best(MIXED)[0].seconds


BRAKES = {
    "clear": "",
    "30 a second": "provider's limit 30/s",
    "200 a second": "provider's limit 200/s",
    "8 at once": "8 calls at once, the provider's cap",
    "20% shed, retry-after 1": "20% shed, not a rate limit",
    "40% shed, no hint": "40% shed, not a rate limit",
    "a slow drip": "provider's limit 20/min",
    "100 per ten seconds": "provider's limit 100 per 10 s",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", walk(BRAKES, fast=["clear", "200 a second"]))
def test_the_brake_is_said_in_words_and_near_the_truth(name):
    said = []
    ours(WEATHERS[name], watch=lambda now, pacer: said.append(pacer.brake))
    half = said[len(said) // 2 : -CONCURRENCY]
    wanted = BRAKES[name]
    near = [text for text in half if _words(text) == _words(wanted)]
    assert len(near) >= 0.8 * len(half), set(half)
    if wanted:
        numbers = sorted(_number(text) for text in near)
        assert numbers[len(numbers) // 2] == pytest.approx(_number(wanted), rel=0.15)


def _words(text):
    return "".join(letter for letter in text if not letter.isdigit())


def _number(text):
    return int("".join(letter for letter in text if letter.isdigit()))


def test_an_outage_of_refusals_is_named_while_it_lasts():
    said = {}
    ours(WEATHERS["two minutes shut"], watch=lambda now, pacer: said.setdefault(int(now), pacer.brake))
    assert any(
        text.startswith("nothing gets through, next try in") for at, text in said.items() if 20 < at < 130
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 3))
@pytest.mark.parametrize("name", ["30 a second, short job", "8 at once", "30% shed, slow answers", "bursts"])
def test_it_does_not_hang_on_one_throw_of_the_dice(name, seed):
    weather = WEATHERS[name]
    run = ours(weather, seed=seed)
    assert run.seconds <= 1.3 * best(weather, seed=seed)[0].seconds and run.lost == 0


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 4, 128])
@pytest.mark.parametrize(
    "name", ["30 a second", "20% shed, retry-after 1", "10 s shut, then free", "8 at once"]
)
def test_few_workers_and_many_fare_as_well(name, concurrency):
    weather = replace(WEATHERS[name], rows=min(WEATHERS[name].rows, 30 * concurrency))
    run = ours(weather, concurrency=concurrency)
    plain = min(fixed(weather, concurrency=n).seconds for n in {min(8, concurrency), concurrency})
    assert run.seconds <= 1.3 * plain + 1.0 and run.lost == 0


@pytest.mark.parametrize("rate", walk([2, 30], fast=[30]))
@pytest.mark.parametrize("hint", walk(["honest", 1.0, None], fast=["honest"]))
@pytest.mark.parametrize("latency", walk([0.05, 2.0], fast=[2.0]))
def test_a_bucket_is_kept_near_its_rate(rate, hint, latency):
    weather = Weather(rate=rate, burst=rate, hint=hint, latency=latency, spread=0.3, rows=40 * rate)
    run = ours(weather, concurrency=max(CONCURRENCY, 3 * rate))
    assert run.seconds <= 1.3 * best(weather)[0].seconds
    assert run.refused - CONCURRENCY <= 0.3 * run.calls  # the first wave is unforeseen


@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize("hint", ["honest", None])
def test_an_allowance_that_is_used_up_at_the_start_teaches_no_rate(hint, concurrency):
    weather = replace(BUCKET, hint=hint, rows=300, phases=((0.0, {"shut": True}), (20.0, {})))
    run = ours(weather, concurrency=concurrency)
    free = 300 / concurrency * 0.05  # as fast as so few can go
    assert run.seconds <= 20 * (1.0 if hint else 1.3) + 1.5 * max(10.0, free)
    assert run.refused <= concurrency + 40 + 0.3 * 300


def test_stray_refusals_do_not_slow_the_others():
    run = ours(Weather(shed=0.05, hint=1.0, rows=6000))
    assert run.refused > 200 and run.pacer.rate is None
    assert run.seconds <= 1.1 * fixed(Weather(shed=0.05, hint=1.0, rows=6000)).seconds


# -- what is told ------------------------------------------------------------------------------------------------
def test_headers_set_the_rate_and_the_users_word_stays():
    pacer = Pacer(64, clock=lambda: 100.0)
    pacer.heard(Limits(requests=600, requests_left=10, requests_reset=30))
    assert pacer.rate == pytest.approx(10.0, rel=2)
    given = Pacer(64, rpm=60, clock=lambda: 100.0)
    given.heard(Limits(requests=6000))
    assert given.rate == 1.0


def test_room_in_the_headers_fills_no_learnt_bucket():
    loose = ours(WEATHERS["looser headers than limit"])
    silent = ours(BUCKET)
    assert loose.calls <= 1.1 * silent.calls and loose.seconds <= 1.05 * silent.seconds


def test_a_rate_that_is_given_is_kept():
    run = ours(Weather(rows=600), rpm=600)
    assert run.seconds >= 0.98 * (600 - 10) / 10 and run.refused == 0


# -- what processes of one store share -----------------------------------------------------------------------------
def test_a_share_of_every_limit_is_used():
    half = Pacer(64, rpm=600)
    half.share = 0.5
    assert half.rate == pytest.approx(5.0)
    half.share = 1.0
    assert half.rate == pytest.approx(10.0)
    learnt = ours(BUCKET).pacer
    before = learnt.rate
    learnt.share = 0.25
    assert learnt.rate == pytest.approx(before / 4, rel=0.3) and learnt.state()["rate"] == pytest.approx(
        30, rel=0.2
    )


def test_what_one_process_found_out_another_goes_by():
    state = ours(BUCKET).pacer.state()
    assert state["rate"] == pytest.approx(30, rel=0.15) and state["paused_until"] is None
    other = Pacer(64, clock=lambda: 100.0)
    other.share = 0.5
    other.adopt(state)
    assert other.rate == pytest.approx(state["rate"] / 2)
    other.adopt({"rate": None, "cap": None, "shed": 0.0, "paused_until": time.time() + 30})
    assert other.brake == "nothing gets through, next try in 30 s"
    assert other.state()["paused_until"] == pytest.approx(time.time() + 30, abs=1)


def test_a_window_is_shared_as_a_window():
    learnt = ours(WEATHERS["100 per ten seconds"], rows=350).pacer
    state = learnt.state() | {"opened": time.time() - 3.0}
    assert state["window"] == pytest.approx(100, abs=3)
    other = Pacer(64, clock=lambda: 100.0)
    other.share = 0.5
    other.adopt(state)
    assert (
        other.brake == f"provider's limit {learnt.found.door.count // 2} per 10 s"
        and other.found.rate is None
    )
    assert other.state()["window"] == pytest.approx(100, abs=3) and other.rate == pytest.approx(5, rel=0.1)
    assert other.state()["opened"] == pytest.approx(time.time() - 3.0, abs=0.5)


def test_a_pause_lets_nothing_leave_and_then_ever_more():
    loop, left = VirtualLoop(), []
    pacer = Pacer(8, clock=loop.time)

    async def call():
        await pacer.enter()
        left.append(loop.now)
        await asyncio.sleep(10)
        pacer.succeeded()
        pacer.leave()

    async def main():
        pacer.pause(5.0)
        await asyncio.gather(*(call() for _ in range(8)))

    loop.run_until_complete(main())
    loop.close()
    assert left[0] >= 5.0 and left[1] > left[0] and left[-1] < 7.0


# -- one decision ----------------------------------------------------------------------------------------------------
def verdict(share, refused, admitted, of="rate", floor=0.0, calls=100, slower=0.5):
    return Slowdown(of, 0, round(share * calls), calls, floor, slower=slower).verdict(refused, admitted)


def test_a_trial_is_judged_by_what_it_changed():
    assert verdict(0.5, 0, 3) is None  # too early
    assert verdict(0.5, 0, 9) == "helps" and verdict(0.2, 0, 30) == "helps"
    assert verdict(0.5, 10, 10) == "does not" and verdict(0.2, 8, 25) == "does not"
    assert verdict(0.5, 10, 10, calls=6) == "too many", "what was before is hardly known"
    assert verdict(0.5, 10, 10, slower=0.9) == "too many", "it is hardly slower"
    assert verdict(0.9, 40, 10) == "too many", "no provider sheds as much"
    assert verdict(0.9, 12, 0) is None and verdict(0.5, 10, 10, of="cap") == "does not"
    assert verdict(0.6, 8, 32, floor=0.2) == "helps some", (
        "the rest may be shed, or a slower rate may do better"
    )


def test_time_outs_mean_fewer_calls_at_once_for_a_while():
    now = [100.0]
    pacer = Pacer(10, clock=lambda: now[0])

    async def main():
        for _ in range(10):
            await pacer.enter()
        for _ in range(3):
            now[0] += 2.0
            pacer.failed(CallError("timeout", "no answer"))
        pacer.leave()
        pacer.leave()
        waits = asyncio.create_task(pacer.enter())
        await asyncio.sleep(0)
        assert not waits.done() and pacer.in_flight == 8
        for _ in range(40):
            pacer.succeeded()
        pacer.leave()
        await waits

    asyncio.run(main())
