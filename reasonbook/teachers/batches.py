"""Batches: the batch APIs of the providers, which answer within a day at half the price."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..errors import TeacherError
from ..safe_text import excerpt
from .hosted.call_errors import call_error, clean
from .hosted.hosted import HostedTeacher
from .json_access import as_object, as_text, count, dumped, parsed, part, parts, text
from .teacher import CallError, Completion, Request, Teacher

if TYPE_CHECKING:
    from .anthropic import Anthropic
    from .openai import OpenAI

_MARK = "reasonbook"  # the key of our mark in a batch's metadata

BatchResult = Completion | CallError | Literal["expired", "canceled"]


@dataclass(frozen=True)
class BatchState:
    """Where a batch stands.

    Attributes:
        ended: whether its results are all there are.
        done: rows that the provider has worked on.
        problem: why the batch as a whole failed; empty when it did not.
        files: where the results are.
    """

    ended: bool
    done: int = 0
    problem: str = ""
    files: tuple[str, ...] = ()


class BatchApi(Protocol):
    """One provider's batch API.

    ``find`` looks for a batch whose receipt was lost: by the mark that ``submit`` sent along, or, where none
    can be, by its time (seconds since 1970) and number of requests.

    Attributes:
        most: requests in one batch.
        bytes: size of one batch.
    """

    most: int
    bytes: int

    def line(self, name: str, request: Request) -> bytes:
        """One request as the JSON that a batch holds for it, under a name that is given back."""
        ...

    async def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Sends a batch and gives its id at the provider."""
        ...

    async def find(self, mark: str, since: float, count: int) -> list[str]:
        """The ids of batches that may be the one whose receipt was lost."""
        ...

    async def look(self, batch: str) -> BatchState:
        """Asks once where a batch stands."""
        ...

    async def results(self, batch: str, state: BatchState) -> Iterator[tuple[str, BatchResult]]:
        """What became of each request of a batch that has ended, by name, in any order.

        A line that cannot be read has no name and is left out.
        """
        ...

    async def cancel(self, batch: str) -> None:
        """Has the provider end a batch; what it has finished is still given."""
        ...

    def learn(self, error: CallError, request: Request) -> bool:
        """Whether a request that a batch refused is worth making again, by what its refusal taught."""
        ...


class OpenAIBatches:
    """Files and batches of OpenAI, in either of its protocols."""

    most, bytes = 50_000, 150 << 20

    def __init__(self, teacher: OpenAI) -> None:
        self.teacher = teacher

    def line(self, name: str, request: Request) -> bytes:
        """A line of the input file, with the path of the protocol that the teacher speaks."""
        path, body = self.teacher.body(request, self.teacher.rung(request))
        return dumped({"custom_id": name, "method": "POST", "url": f"/v1{path}", "body": body})

    async def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Uploads the lines as a file and makes a batch of it, with the mark in its metadata."""
        http = self.teacher.http
        content = b"\n".join(lines)
        file = await http.upload("/files", "reasonbook.jsonl", content, {"purpose": "batch"})
        path = "/v1/responses" if self.teacher.api == "responses" else "/v1/chat/completions"
        body = {"input_file_id": _id(file.body), "endpoint": path, "completion_window": "24h"}
        told = await http.post("/batches", {**body, "metadata": {_MARK: mark}}, timeout=120.0)
        return _id(told.body)

    async def find(self, mark: str, since: float, count: int) -> list[str]:
        """The ids of batches that bear the mark, newest first; looks back to ``since``."""
        found: list[str] = []
        after = ""
        while True:
            told = (await self.teacher.http.get(f"/batches?limit=100{after}")).body
            batches = parts(told, "data")
            found += [_id(one) for one in batches if part(one, "metadata").get(_MARK) == mark]
            if found or not batches or not told.get("has_more") or _moment(batches[-1]) < since:
                return found
            after = f"&after={_id(batches[-1])}"

    async def look(self, batch: str) -> BatchState:
        """Where a batch stands, with the files of its answers and of its errors."""
        told = (await self.teacher.http.get(f"/batches/{batch}")).body
        status, counts = told.get("status"), part(told, "request_counts")
        files = tuple(filter(None, (text(told.get(name)) for name in ("output_file_id", "error_file_id"))))
        problem = ""
        if status == "failed":
            errors = parts(part(told, "errors"), "data")
            said = as_text(errors[0].get("message")) if errors else ""
            problem = clean(said) or "the provider refused the batch"
        return BatchState(
            ended=status in ("completed", "failed", "expired", "cancelled"),
            done=count(counts.get("completed")) + count(counts.get("failed")),
            problem=problem,
            files=files,
        )

    async def results(self, batch: str, state: BatchState) -> Iterator[tuple[str, BatchResult]]:
        """The lines of both files; each is read when it is taken."""
        files = [await self.teacher.http.file(f"/files/{file}/content") for file in state.files]
        return ((name, self._result(line)) for file in files for name, line in _lines(file))

    def _result(self, line: Mapping[str, Any]) -> BatchResult:
        answer, error = as_object(line.get("response")), part(line, "error")
        if answer is None:
            code = as_text(error.get("code"))
            if "expired" in code or "cancel" in code:
                return "expired" if "expired" in code else "canceled"
            said = clean(as_text(error.get("message")) or code)
            return CallError("request", said or f"the batch holds no answer: {excerpt(line)}")
        status = count(answer.get("status_code"))
        if status >= 300:
            return call_error(status, {}, answer.get("body"))
        return _read(self.teacher, answer.get("body"))

    async def cancel(self, batch: str) -> None:
        """Ends a batch; what it finished stands in its files."""
        await self.teacher.http.post(f"/batches/{batch}/cancel", {}, timeout=60.0)

    def learn(self, error: CallError, request: Request) -> bool:
        """Whether a refused request is worth making again; see `HostedTeacher.learn`."""
        return _learn(self.teacher, error, request)


class AnthropicBatches:
    """Message batches of Anthropic."""

    most, bytes = 100_000, 200 << 20

    def __init__(self, teacher: Anthropic) -> None:
        self.teacher = teacher

    def line(self, name: str, request: Request) -> bytes:
        """A request of the batch, to be put between others with a comma."""
        _, body = self.teacher.body(request, self.teacher.rung(request))
        return dumped({"custom_id": name, "params": body})

    async def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Makes a batch of the requests; there is no place for a mark in it."""
        content = b'{"requests":[' + b",".join(lines) + b"]}"
        told = await self.teacher.http.post_bytes("/v1/messages/batches", content, timeout=600.0)
        return _id(told.body)

    async def find(self, mark: str, since: float, count: int) -> list[str]:
        """The ids of batches made after ``since`` with this number of requests, newest first."""
        found: list[str] = []
        after = ""
        while True:
            told = (await self.teacher.http.get(f"/v1/messages/batches?limit=100{after}")).body
            batches = parts(told, "data")
            young = [one for one in batches if _moment(one) >= since]
            found += [_id(one) for one in young if sum(_counts(one)) == count]
            if len(young) < len(batches) or not batches or not told.get("has_more"):
                return found
            after = f"&after_id={_id(batches[-1])}"

    async def look(self, batch: str) -> BatchState:
        """Where a batch stands, by the counts of its requests."""
        told = (await self.teacher.http.get(f"/v1/messages/batches/{batch}")).body
        return BatchState(ended=told.get("processing_status") == "ended", done=sum(_counts(told)[1:]))

    async def results(self, batch: str, state: BatchState) -> Iterator[tuple[str, BatchResult]]:
        """The lines of the results; each is read when it is taken."""
        file = await self.teacher.http.file(f"/v1/messages/batches/{batch}/results")
        return ((name, self._result(line)) for name, line in _lines(file))

    def _result(self, line: Mapping[str, Any]) -> BatchResult:
        result = part(line, "result")
        kind = result.get("type")
        if kind == "expired" or kind == "canceled":
            return kind
        if kind == "errored":
            return call_error(400, {}, result.get("error") or {})
        return _read(self.teacher, result.get("message"))

    async def cancel(self, batch: str) -> None:
        """Ends a batch; what it finished stands in its results."""
        await self.teacher.http.post(f"/v1/messages/batches/{batch}/cancel", {}, timeout=60.0)

    def learn(self, error: CallError, request: Request) -> bool:
        """Whether a refused request is worth making again; see `HostedTeacher.learn`."""
        return _learn(self.teacher, error, request)


def _lines(file: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The lines of a file of results that can be read, each by the name of its request."""
    for line in file.split(b"\n"):
        try:
            told = as_object(parsed(line)) or {}
        except ValueError:
            continue
        name = text(told.get("custom_id"))
        if name:
            yield name, told


def _id(told: Mapping[str, Any]) -> str:
    """The id of a file or of a batch.

    Raises:
        CallError: there is none.
    """
    name = text(told.get("id"))
    if not name:
        raise CallError("server", clean(f"the provider's answer names no id: {excerpt(told)}"))
    return name


def _moment(told: Mapping[str, Any]) -> float:
    """When a batch was made; now where it does not say, so that it is looked at."""
    made = told.get("created_at")
    if isinstance(made, (int, float)):
        return float(made)
    try:
        return datetime.fromisoformat(text(made).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        return time.time()


def _counts(told: Mapping[str, Any]) -> list[int]:
    counts = part(told, "request_counts")
    return [count(counts.get(name)) for name in ("processing", "succeeded", "errored", "canceled", "expired")]


def batch_api(teacher: Teacher) -> BatchApi:
    """The batch API of a teacher's provider.

    Raises:
        TeacherError: it has none.
    """
    from .anthropic import Anthropic
    from .openai import OpenAI

    if isinstance(teacher, OpenAI):
        return OpenAIBatches(teacher)
    if isinstance(teacher, Anthropic):
        return AnthropicBatches(teacher)
    raise TeacherError(f"{teacher.name} has no batch API.", 'mode="live"')


def _learn(teacher: HostedTeacher, error: CallError, request: Request) -> bool:
    rung = teacher.rung(request)
    return teacher.learn(error, rung, teacher.body(request, rung)[1])


def _read(teacher: HostedTeacher, body: object) -> Completion | CallError:
    try:
        return teacher.read(body)
    except CallError as error:
        return error
