"""Told limits: what the user or the provider's headers say, kept from the first call on; a lie is found out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ....teachers import Limits
from .bucket import Bucket
from .evidence import SentCall

_FARTHEST = 60.0  # seconds; what is full again later than this is no allowance per minute
_AGAIN, _RARER = 0.5, 4.0  # seconds until the next question after a no; so much longer after each
_LIES = 8  # such calls let in, one after the other


class Question:
    """Whether there really is no room: one call leaves all the same, then two, four, … while they are let in."""

    def __init__(self) -> None:
        self.yes = 0
        self._at, self._every = 0.0, _AGAIN
        self._size, self._latest = 1, deque[SentCall]()
        self._open: set[SentCall] = set()

    def delay(self, now: float, patience: float) -> float:
        """Seconds until a call may ask; one that is under way for longer than the patience counts as let in."""
        if now < self._at:
            return self._at - now
        if len(self._latest) < self._size:
            return 0.0
        return max(0.0, self._latest[-1].at + patience - now)

    def leaves(self, call: SentCall) -> None:
        """Notes a call that asks."""
        if len(self._latest) >= self._size:
            self._latest.clear()
            self._size *= 2
        self._latest.append(call)
        self._open.add(call)

    def ended(self, call: SentCall) -> None:
        """Notes how a call fared."""
        if call not in self._open:
            return
        self._open.remove(call)
        if not call.refused:
            self.yes += 1
        elif call.at >= self._at:
            self.yes, self._size, self._at = 0, 1, call.at + self._every
            self._every *= _RARER
            self._latest.clear()


class Told:
    """A bucket of requests and one of tokens, each where somebody said how large it is.

    They stand beside what is learnt from refusals, and a call has to pass both: a header that says that there is room
    fills no learnt bucket. Headers may also say that there is none where there is; so what they say is questioned,
    and when several calls in a row are let in, the headers are heard no more.

    Args:
        rpm: requests a minute that the user gave; headers do not change it.
        tpm: tokens a minute, likewise.
    """

    def __init__(self, clock: Callable[[], float], rpm: float | None, tpm: float | None) -> None:
        self._clock = clock
        self._share = 1.0
        self.requests = Bucket(rpm / 60, max(1.0, rpm / 60), clock) if rpm else None
        self.tokens = Bucket(tpm / 60, max(1.0, tpm / 60), clock) if tpm else None
        self.given = (rpm is not None, tpm is not None)
        self._deaf = False
        self._question = Question()

    @property
    def share(self) -> float:
        """The part of each limit that this process may use."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        for bucket in (self.requests, self.tokens):
            if bucket is not None:
                bucket.scale(share / self._share)
        self._share = share

    def delay(self, patience: float) -> float:
        """Seconds until a call may leave; what was refused would be back after the patience."""
        given, heard = self._lacking()
        if heard > given:
            heard = min(heard, self._question.delay(self._clock(), patience))
        return max(given, heard)

    def leaves(self, call: SentCall, tokens: float) -> None:
        """Takes a call and its tokens."""
        if self._lacking()[1] > 0:
            self._question.leaves(call)
        if self.requests is not None:
            self.requests.take(1.0)
        if self.tokens is not None:
            self.tokens.take(tokens)

    def ended(self, call: SentCall) -> None:
        """Takes in how a call fared."""
        self._question.ended(call)
        if self._question.yes >= _LIES and not self._deaf:
            self._deaf = True
            self.requests = self.requests if self.given[0] else None
            self.tokens = self.tokens if self.given[1] else None

    def heard(self, limits: Limits, in_flight: int) -> None:
        """Takes in the limits of a provider's headers."""
        if self._deaf:
            return
        if limits.requests and not self.given[0]:
            own = None if limits.requests_left is None else limits.requests_left * self._share - in_flight
            self.requests = self._told(self.requests, limits.requests, own, limits.requests_reset)
        if limits.tokens and not self.given[1]:
            own = None if limits.tokens_left is None else limits.tokens_left * self._share
            self.tokens = self._told(self.tokens, limits.tokens, own, limits.tokens_reset)

    def _told(self, bucket: Bucket | None, limit: float, own: float | None, reset: float | None) -> Bucket:
        if bucket is None:
            bucket = Bucket(self._share * limit / 60, limit, self._clock)
        if own is not None:
            bucket.set(level=own)
            if reset and own <= 0 and reset <= _FARTHEST:
                bucket.set(rate=self._share * max(limit / 60, (limit - own) / reset))
        return bucket

    def _lacking(self) -> tuple[float, float]:
        """Seconds until the user's own limits allow a call, and until those of the headers do."""
        if self.requests is None and self.tokens is None:
            return 0.0, 0.0
        waits = (
            0.0 if self.requests is None else self.requests.delay(1.0),
            0.0 if self.tokens is None else self.tokens.delay(),
        )
        given = max(wait if given else 0.0 for wait, given in zip(waits, self.given, strict=True))
        return given, max(0.0 if given else wait for wait, given in zip(waits, self.given, strict=True))
