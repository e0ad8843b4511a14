"""Controller: finds out why calls are refused, by sending fewer, and slows down only where that helps."""

from __future__ import annotations

import math
from collections.abc import Callable

from .door import Between, Door
from .evidence import Mark, SentCall, Slowdown, Traffic
from .learnt import LearntCap, LearntRate

_WAVE, _WAVELET = 6, 3  # refusals beyond what is shed that count: while no rate is learnt, and later
_RARE = math.log(1e-5)  # so many refusals in a row are no accident
_STRETCH, _ENOUGH = 0.4, 8  # seconds and calls between two marks that tell a rate
_WASTED = 0.5  # of what a rough rate holds, which doubles at each step; less since the mark was too slow
_EXPOSED = 8  # calls of a trial whose fate is open
_MOST_SHED = 0.6
_COARSE = 4  # so few calls at once are better told by a rate
_TRIALS = 5  # of one rate after the other
_WINDOW = 64  # newest calls; when half of them are refused in mid-window it was none
_MEMORY = 1 / 128  # weight of one call in the share that is shed


class Controller:
    """What is known of a provider's refusals.

    It may refuse because too many calls are with it (a cap), because they come too fast (a rate), a share of them
    whatever we do (it sheds load), or all of them. Only sending fewer tells these apart. So a wave of refusals
    starts a trial: first no more calls at once than were let in; then, where that does not help, no more a second.
    What helps is kept as a learnt limit, tried upward all the time and measured anew. What does not help is given
    up: refusals that come at any speed are no reason to go slower. When nothing gets through at all, single calls
    ask from time to time; when one is let in, ever more follow. A provider that says when it lets calls in again is
    taken at its word once, and for as long as it keeps it; one that shuts by the clock is known by that (`Door`).

    Args:
        most: calls at once.

    Attributes:
        shed: share that is refused at any speed.
        shedding: whether a trial has said so.
        closed_since: when nothing got through any more; None when something does.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self.clock = clock
        self.traffic = Traffic(most)
        self.rate: LearntRate | None = None
        self.cap: LearntCap | None = None
        self.shed = 0.0
        self.shedding = False
        self.paused_until = 0.0
        self.closed_since: float | None = None
        self._opened_at: float | None = None  # when calls began to leave again, ever more of them
        self._trial: Slowdown | None = None
        self._trials, self._fast = 0, 0.0  # rates tried in a row, and what it was before them
        self._helped = self._proven = (
            0.0  # the rate in the last trial that did, and in two such one after the other
        )
        self.door = Door()
        self._probe = SentCall(0, 0.0, 0)  # that left first since it was shut
        self._believes = True  # whether what refusals say of when to come back has not misled
        self._mark: Mark | None = None
        self._reacted = 0  # number of the last call that left before something was changed
        self._run, self._span = 0, (0, 0)  # refusals in a row since, and the first and last number
        self._last = SentCall(0, 0.0, 0)  # that was refused

    # -- what it allows --------------------------------------------------------------------------------------
    def at_once(self) -> int:
        """Calls at once at present."""
        allowed = self.most if self.cap is None else min(self.most, self.cap.calls)
        if self._trial is not None:
            known = len(self.traffic.under_way) - self.traffic.open_fates(self.clock())
            allowed = min(allowed, known + _EXPOSED)
        elif self.door.count is not None and self.closed_since is None:
            # All that is left of the window, and beyond its end ever more while they are let in.
            undecided = self.traffic.open_fates(self.clock())
            left = self.door.count - self.door.let_in(self._admitted - undecided)
            allowed = min(allowed, len(self.traffic.under_way) - undecided + max(1, abs(left)))
        if self._opened_at is None:
            return allowed
        steps = 0
        if self.traffic.sent > self._reacted:
            steps = max(0, int((self.clock() - self._opened_at) / self._step))
        if steps >= 2:
            self._open()
            if steps > 12 or 2**steps >= allowed:
                self._opened_at = None
                return allowed
        before = sum(call.seq <= self._reacted for call in self.traffic.under_way)
        return min(allowed, before + 2**steps)

    def wider_in(self) -> float:
        """Seconds until time alone allows more calls at once; infinite where it does not."""
        if self._trial is not None or (self.door.count is not None and self.at_once() < self.most):
            return 0.3 * self.traffic.patience
        if self._opened_at is None:
            return math.inf
        age = self.clock() - self._opened_at
        return self._step * (1.001 + age // self._step) - age

    def pause(self, until: float) -> None:
        """Lets nothing leave until a time of the clock, then one call, then ever more."""
        self.paused_until = max(self.paused_until, until)
        self._opened_at = self.paused_until
        self._react()

    def scale(self, factor: float) -> None:
        """Takes a larger or smaller part of what is learnt."""
        if self.rate is not None:
            self.rate.measure(self.rate.held * factor)
            self.rate.proven *= factor
        self._helped, self._proven = factor * self._helped, factor * self._proven
        if self.cap is not None:
            self.cap = LearntCap(max(1, round(self.cap.held * factor)))
        if self.door.count is not None:
            self.door.count = max(1, round(self.door.count * factor))

    def adopt(self, *, rate: float | None, cap: float | None, shed: float) -> None:
        """Goes by what somebody else has found out, unless something is being tried here."""
        if self._trial is not None or self.door.count is not None:
            return
        if rate is not None and (self.rate is None or abs(rate - self.rate.held) > 0.05 * rate):
            self.rate = LearntRate(rate, self.clock)
            self._mark = None
        if cap is not None and self.cap is None:
            self.cap = LearntCap(max(1, round(cap)))
        if shed and not self.shedding:
            self.shed, self.shedding = shed, True

    def adopt_window(self, count: float, period: tuple[float, float], opened: float) -> None:
        """Goes by a window that somebody else has found, unless one is known or something is being tried here."""
        if self._trial is None and self.door.count is None and self.closed_since is None:
            self.door.adopt(round(count), Between(*period), opened, self._admitted)
            self.rate = self.cap = None

    def begun_anew(self) -> Controller:
        """One that knows nothing but the calls under way, and the limit that is proven."""
        fresh = Controller(self.most, self.clock)
        fresh.traffic = self.traffic
        if self._proven:
            fresh.rate, fresh._proven = LearntRate(self._proven, self.clock), self._proven
        return fresh

    # -- what it hears ---------------------------------------------------------------------------------------
    def leaves(self) -> SentCall:
        """Notes a call that goes out."""
        now = self.clock()
        if self._opened_at is not None and self.traffic.sent == self._reacted:
            self._opened_at = now
            self._probe = self.traffic.leaves(now)
            return self._probe
        return self.traffic.leaves(now)

    def answered(self, call: SentCall, bound: bool) -> None:
        """Takes in an answer; ``bound`` says that calls had to wait for what is learnt."""
        self.traffic.ends(call, self.clock())
        if call.seq > self._reacted:
            self._open()
        self.door.hints.forget(call.at)
        if call.seq > self._span[0]:
            self._run = 0
        if self._trial is not None:
            self._judge()
        elif self.rate is not None:
            if bound:
                self.rate.climb(call.at, self.clock())
        elif self.cap is not None:
            self.cap.answers(call.beside, bound)
            if self.cap.calls >= self.most:
                self.cap = None
        elif self.shed:
            self.shed -= _MEMORY * self.shed

    def refused(self, call: SentCall, retry_after: float | None, *, closes: bool = True) -> None:
        """Takes in a refusal; ``closes`` says that a run of them means a pause."""
        now = self.clock()
        self.traffic.refuses(call, now)
        if retry_after:
            self.door.hints.add(now, retry_after)
        self._last = call
        if self._mark is not None and call.seq > self._mark.seq:
            self._mark.refused += 1
        if call.seq <= self._reacted:
            self._late(call, retry_after, closes)
            return
        first, last = self._span if self._run else (call.seq, call.seq)
        self._span = (min(first, call.seq), max(last, call.seq))
        self._run += 1
        if self._nothing_gets_through(call) or self._used_up():
            self._close(call, retry_after, closes)
        elif self._trial is not None:
            self._judge()
        elif self.rate is not None:
            self.rate.refuses(plainly=not self.shedding)
            bad, calls = self.traffic.refusals(now, 64 if self.shedding else 16)
            if bad >= _WAVELET + self._expected(calls):
                self._try_rate(*self.traffic.share_since(self.rate.grown_at))
        elif self.cap is not None:
            if not self.cap.refuses(call.beside):
                self._try_rate(3, 10, rough=True)
        elif self.door.count is not None:
            bad, calls = self.traffic.refusals(now)
            if 2 * (bad - self._run) > _WINDOW:
                self.door.forget()
        else:
            self._stray(call, retry_after, closes)

    # -- inside ----------------------------------------------------------------------------------------------
    @property
    def _step(self) -> float:
        return max(0.02, self.traffic.patience)

    def _expected(self, calls: int) -> float:
        """Refusals among so many calls that load shedding explains."""
        if not self.shedding:
            return 0.0
        return calls * self.shed + 3 * math.sqrt(calls * self.shed * (1 - self.shed))

    def _react(self) -> None:
        self._reacted = self.traffic.sent
        self._run = 0
        self.traffic.forget()

    @property
    def _admitted(self) -> int:
        """Calls that were not refused so far."""
        return self.traffic.sent - self.traffic.refused

    def _used_up(self) -> bool:
        """Whether a window is known, and has let in what it does."""
        count = self.door.count
        return self._trial is None and count is not None and self.door.let_in(self._admitted) >= count

    def _stray(self, call: SentCall, retry_after: float | None, closes: bool) -> None:
        """Nothing is limited so far: are these more refusals than strays?"""
        now = self.clock()
        self.shed = min(_MOST_SHED, self.shed + _MEMORY * (1 - self.shed))
        bad, calls = self.traffic.refusals(now)
        few = min(_WAVE, max(2, self.most // 2))
        few = few + self._expected(calls) if self.shedding else max(few, 0.2 * calls)
        if bad < min(few, 0.75 * calls):
            return
        if closes and self._believes and self.door.hints.moment is not None:
            self._believes = self.closed_since is None and self.door.let_in(self._admitted) >= _ENOUGH
            if self._believes:
                self._close(call, retry_after, closes)
                return
        self._mark = self._mark or self.traffic.first_refused()
        inside = len(self.traffic.under_way)
        self.cap = LearntCap(max(1, inside))
        self._begin(Slowdown("cap", self.traffic.sent, *self.traffic.share_since(), self._floor, inside))

    def _begin(self, trial: Slowdown) -> None:
        self._trial = trial
        self._react()

    @property
    def _floor(self) -> float:
        return self.shed if self.shedding else 0.0

    def _try_rate(
        self, bad: int, calls: int, *, rough: bool = False, helped: float | None = None, fast: float = 0.0
    ) -> None:
        """Fewer calls a second: as many as were let in since the allowance was last seen to be used up."""
        mark, now = self._mark or Mark(self._last.seq, self._last.at), self.clock()
        let_in, over = self.traffic.admitted_since(mark), now - mark.at
        limit, floor = self.rate, self._floor
        if limit is not None and not self._trials:
            fast = limit.rate
            if not limit.rough and let_in < limit.held * over:  # some of it was lost in between
                let_in, over = 2 * _ENOUGH, 2 * _ENOUGH / limit.held
                fast = limit.held  # which is no slower, so it can prove nothing
            elif over < _STRETCH or let_in < max(_ENOUGH, _WASTED * limit.held * over):
                # too little to go by: back to what was fine
                let_in, over = _ENOUGH, _ENOUGH / limit.held
        trial = Slowdown("rate", self.traffic.sent, bad, calls, floor, let_in, over, helped)
        trial.slower = trial.rate / fast if fast else 0.0
        if limit is not None and not self._trials and limit.adjust(trial.rate, now):
            self._mark = Mark(self._last.seq, self._last.at)
            self._react()
            return
        self.cap, self.rate = None, LearntRate(trial.rate, self.clock, rough=rough or let_in < _ENOUGH)
        self._mark = Mark(self._last.seq, self._last.at)
        self._trials += 1
        self._fast = fast
        self._begin(trial)

    def _late(self, call: SentCall, retry_after: float | None, closes: bool) -> None:
        """A call that left before the last change is refused."""
        trial = self._trial
        if trial is None or call.seq > trial.after:
            return
        trial.late()
        nothing = trial.let_in <= 0 and trial.bad >= self._accident()
        if nothing and not self.traffic.passed(trial.after - trial.calls, call.seq):
            self._close(call, retry_after, closes)
        elif trial.of == "rate" and self.rate is not None:
            self.rate.measure(trial.rate, rough=trial.let_in < _ENOUGH)
        elif trial.of == "cap":
            self.cap = LearntCap(max(1, trial.let_in))

    def _judge(self) -> None:
        """Ends a trial as soon as it is clear whether it helps."""
        trial = self._trial
        assert trial is not None
        refused, admitted = self.traffic.fates(self.clock())
        verdict = trial.verdict(refused, admitted)
        if verdict is None:
            return
        self._trial = None
        seen = self.traffic.share_since()
        if trial.of == "cap":
            if verdict != "helps" or (self.cap is not None and self.cap.calls < _COARSE):
                self._try_rate(*(seen if verdict != "helps" else (trial.bad, trial.calls)))
                return
        elif verdict in ("helps some", "too many") and self._trials < _TRIALS:
            assert self.rate is not None
            helped = self.rate.rate if verdict == "helps some" else trial.helped
            self._try_rate(*seen, helped=helped, fast=self._fast)
            return
        elif verdict in ("does not", "too many"):
            self.rate = None if trial.helped is None else LearntRate(trial.helped, self.clock, rough=True)
            self._mark = None
            self.shed, self.shedding = min(refused / (refused + admitted), _MOST_SHED), True
        elif refused < _WAVELET:
            self.shed, self.shedding = 0.0, False
        if verdict == "helps" and trial.of == "rate" and self.rate is not None:
            self.rate.helped(self._helped)
            self._helped, self._proven = self.rate.held, self.rate.proven
        self._trials = 0
        self._react()

    def _accident(self) -> float:
        """Refusals in a row that shedding explains."""
        return _RARE / math.log(max(0.5, min(0.9, self.shed)))

    def _nothing_gets_through(self, call: SentCall) -> bool:
        self.at_once()  # ends what time has ended
        if self.closed_since is not None:
            return not self.traffic.passed(self._reacted, call.seq)
        if self._run < self._accident():
            return False
        if self.traffic.passed(*self._span):
            self._run = 0
        return self._run > 0

    def _close(self, call: SentCall, retry_after: float | None, closes: bool) -> None:
        """Waits until the provider says, or ever longer, and lets single calls ask."""
        now = self.clock()
        if self.closed_since is None:
            self.closed_since = now
            if (
                self._trial is not None
                and self.door.hints.moment
                and self.door.let_in(self._admitted) >= _ENOUGH
            ):
                self.rate = None
            self._measure_by(now)
        else:
            self.door.refuses(call.at)
        self._trial = self.cap = None
        self._trials = 0
        self._react()
        if closes:
            self.paused_until = max(
                self.paused_until, self.door.next_try(now, retry_after, self.closed_since)
            )
        self._opened_at = max(now, self.paused_until)

    def _open(self) -> None:
        """Something gets through again."""
        if self.closed_since is not None:
            self.closed_since = None
            self.door.opens(self._probe.at, self._probe.seq - self.traffic.refused)
            if self.door.count is not None:
                self._opened_at = None

    def _measure_by(self, now: float) -> None:
        """Nothing gets through any more: what did since that was so the last time tells a rate, or a window."""
        self._mark = None
        seen = self.door.shuts(now, self._admitted)
        if self.door.count is not None:
            self.rate = None
        elif seen is not None:
            rate = 0.98 * seen[0]
            if self.rate is None or self.rate.rough or rate < self.rate.rate:
                self.rate = LearntRate(rate, self.clock, rough=not seen[1])
