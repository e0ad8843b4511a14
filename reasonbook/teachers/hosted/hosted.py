"""Hosted teacher: what the teachers behind a provider's HTTP API have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..teacher import CallError, Capabilities, Completion, Request, Rung
from .answer_body import AnswerProtocol, decode
from .downgrade import Downgrade
from .http import HttpAnswer, HttpClient


class HostedTeacher:
    """A model at a provider; a subclass says what a request looks like, and in which protocol answers come.

    It can be named and priced without an API key; `check` and the first call ask for one.

    Args:
        model: the model's name at its provider.
        name: the teacher's.
        capabilities: what it can do.
        protocol: how its answers are written.
        optional: parameters that its requests can do without.
        connect: makes the SDK's client; raises `NeedsKey` where there is no key.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str,
        capabilities: Capabilities,
        protocol: AnswerProtocol,
        optional: tuple[str, ...],
        connect: Callable[[], Any],
    ) -> None:
        self.model = model
        self.name = name
        self.capabilities = capabilities
        self.protocol = protocol
        self.downgrade = Downgrade(capabilities.rungs, optional)
        self.http = HttpClient(connect)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def check(self) -> None:
        """Raises `NeedsKey` when there is no key for a provider that wants one."""
        _ = self.http.client

    async def complete(self, request: Request) -> Completion:
        """Asks once; a parameter or a way to hold the schema that the provider refuses is left out from then on."""
        while True:
            rung = self.rung(request)
            path, body = self.body(request, rung)
            try:
                return self._heard(await self.http.post(path, body, timeout=request.timeout))
            except CallError as error:
                if not self.learn(error, rung, body):
                    raise

    def _heard(self, answer: HttpAnswer) -> Completion:
        try:
            completion = self.read(answer.raw)
            return completion if answer.limits is None else replace(completion, limits=answer.limits)
        except CallError as error:
            raise self.http.heard(error, answer) from None

    async def close(self) -> None:
        """Ends the connections of this event loop."""
        await self.http.close()

    # -- the protocol, also used by the batch mode ---------------------------------------------------------
    def rung(self, request: Request) -> Rung:
        """The way in which this request is held to its schema by now."""
        return self.downgrade.rung if request.schema is not None else "text"

    def body(self, request: Request, rung: Rung) -> tuple[str, dict[str, Any]]:
        """Path and JSON body of a request."""
        raise NotImplementedError

    def read(self, answer: object) -> Completion:
        """The completion in an answer, which is its bytes or the JSON in them; see `decode`."""
        return decode(answer, self.protocol)

    def learn(self, error: CallError, rung: Rung, body: Mapping[str, Any]) -> bool:
        """Whether a refused request is worth making again, by what its refusal taught."""
        return self.downgrade.learn(error, rung, self.parameters(body))

    def parameters(self, body: Mapping[str, Any]) -> set[str]:
        """The parameters that really stand in a body, by the names that errors use."""
        return set(body)
