"""Told limits: what the user or the provider's headers say, kept from the first call on; a lie is found out."""

from __future__ import annotations

from collections.abc import Callable

from ....teachers import Limits
from .bucket import Bucket
from .evidence import SentCall

_FARTHEST = 60.0  # seconds; what is full again later than this is no allowance per minute
_ASK, _RARER = (
    0.5,
    4.0,
)  # seconds until a call asks whether really nothing is left; so much longer after each yes
_LIES = 3  # such calls let in, one after the other


class Told:
    """A bucket of requests and one of tokens, each where somebody said how large it is.

    They stand beside what is learnt from refusals, and a call has to pass both: a header that says that there is room
    fills no learnt bucket. Headers may also say that nothing is left where there is; so now and then one call
    leaves all the same, and when several in a row are let in, the headers are heard no more.

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
        self._used_up = self._deaf = False
        self._asks: SentCall | None = None
        self._ask_at, self._every, self._lies = 0.0, _ASK, 0

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

    def delay(self) -> float:
        """Seconds until a call may leave."""
        wait = self._lacking()
        if wait > 0 and self._used_up and self._asks is None:
            wait = min(wait, max(0.0, self._ask_at - self._clock()))
        return wait

    def leaves(self, call: SentCall, tokens: float) -> None:
        """Takes a call and its tokens."""
        if self._used_up and self._asks is None and self._lacking() > 0:
            self._asks = call
        if self.requests is not None:
            self.requests.take(1.0)
        if self.tokens is not None:
            self.tokens.take(tokens)

    def ended(self, call: SentCall) -> None:
        """Takes in how a call fared that left although nothing was left."""
        if call is not self._asks:
            return
        self._asks = None
        self._lies = 0 if call.refused else self._lies + 1
        self._every *= _RARER if call.refused else 1.0
        self._ask_at = self._clock() + self._every
        if self._lies >= _LIES:
            self._deaf, self._used_up = True, False
            self.requests = self.requests if self.given[0] else None
            self.tokens = self.tokens if self.given[1] else None

    def heard(self, limits: Limits, in_flight: int) -> None:
        """Takes in the limits of a provider's headers."""
        if self._deaf:
            return
        used_up = False
        if limits.requests and not self.given[0]:
            own = None if limits.requests_left is None else limits.requests_left * self._share - in_flight
            self.requests = self._told(self.requests, limits.requests, own, limits.requests_reset)
            used_up = limits.requests_left is not None and limits.requests_left < 1
        if limits.tokens and not self.given[1]:
            own = None if limits.tokens_left is None else limits.tokens_left * self._share
            self.tokens = self._told(self.tokens, limits.tokens, own, limits.tokens_reset)
            used_up = used_up or (limits.tokens_left is not None and limits.tokens_left < 1)
        if used_up and not self._used_up:
            self._ask_at = self._clock() + self._every
        self._used_up = used_up

    def _told(self, bucket: Bucket | None, limit: float, own: float | None, reset: float | None) -> Bucket:
        if bucket is None:
            bucket = Bucket(self._share * limit / 60, limit, self._clock)
        if own is not None:
            bucket.set(level=own)
            if reset and own <= 0 and reset <= _FARTHEST:
                bucket.set(rate=self._share * max(limit / 60, (limit - own) / reset))
        return bucket

    def _lacking(self) -> float:
        wait = 0.0 if self.requests is None else self.requests.delay(1.0)
        return wait if self.tokens is None else max(wait, self.tokens.delay())
