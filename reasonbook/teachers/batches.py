"""Batches: the batch APIs of the providers, which answer within a day at half the price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from ..errors import TeacherError
from .hosted.call_errors import call_error
from .hosted.hosted import HostedTeacher
from .json_access import part, parts
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
        """What became of each request of a batch that has ended, by name, in any order."""
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
        return orjson.dumps({"custom_id": name, "method": "POST", "url": f"/v1{path}", "body": body})

    async def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Uploads the lines as a file and makes a batch of it, with the mark in its metadata."""
        http = self.teacher.http
        content = b"\n".join(lines)
        file = await http.upload("/files", "reasonbook.jsonl", content, {"purpose": "batch"})
        path = "/v1/responses" if self.teacher.api == "responses" else "/v1/chat/completions"
        body = {"input_file_id": file.body["id"], "endpoint": path, "completion_window": "24h"}
        told = await http.post("/batches", {**body, "metadata": {_MARK: mark}}, timeout=120.0)
        return str(told.body["id"])

    async def find(self, mark: str, since: float, count: int) -> list[str]:
        """The ids of batches that bear the mark, newest first; looks back to ``since``."""
        found: list[str] = []
        after = ""
        while True:
            told = (await self.teacher.http.get(f"/batches?limit=100{after}")).body
            batches = parts(told, "data")
            found += [str(one["id"]) for one in batches if part(one, "metadata").get(_MARK) == mark]
            if found or not batches or not told.get("has_more") or batches[-1]["created_at"] < since:
                return found
            after = f"&after={batches[-1]['id']}"

    async def look(self, batch: str) -> BatchState:
        """Where a batch stands, with the files of its answers and of its errors."""
        told = (await self.teacher.http.get(f"/batches/{batch}")).body
        status, counts = told.get("status"), part(told, "request_counts")
        files = tuple(told[name] for name in ("output_file_id", "error_file_id") if told.get(name))
        problem = ""
        if status == "failed":
            errors = parts(part(told, "errors"), "data")
            problem = str((errors and errors[0].get("message")) or "the provider refused the batch")
        return BatchState(
            ended=status in ("completed", "failed", "expired", "cancelled"),
            done=(counts.get("completed") or 0) + (counts.get("failed") or 0),
            problem=problem,
            files=files,
        )

    async def results(self, batch: str, state: BatchState) -> Iterator[tuple[str, BatchResult]]:
        """The lines of both files; each is read when it is taken."""
        texts = [await self.teacher.http.text(f"/files/{file}/content") for file in state.files]
        return (
            self._result(orjson.loads(line)) for text in texts for line in text.splitlines() if line.strip()
        )

    def _result(self, line: dict[str, Any]) -> tuple[str, BatchResult]:
        name, answer, error = line["custom_id"], line.get("response"), part(line, "error")
        if answer is None:
            code = str(error.get("code") or "")
            if "expired" in code or "cancel" in code:
                return name, "expired" if "expired" in code else "canceled"
            return name, CallError("request", str(error.get("message") or code or "no answer"))
        if answer.get("status_code", 200) >= 300:
            return name, call_error(answer["status_code"], {}, answer.get("body"))
        return name, _read(self.teacher, answer["body"])

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
        return orjson.dumps({"custom_id": name, "params": body})

    async def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Makes a batch of the requests; there is no place for a mark in it."""
        content = b'{"requests":[' + b",".join(lines) + b"]}"
        told = await self.teacher.http.post_bytes("/v1/messages/batches", content, timeout=600.0)
        return str(told.body["id"])

    async def find(self, mark: str, since: float, count: int) -> list[str]:
        """The ids of batches made after ``since`` with this number of requests, newest first."""
        found: list[str] = []
        after = ""
        while True:
            told = (await self.teacher.http.get(f"/v1/messages/batches?limit=100{after}")).body
            batches = parts(told, "data")
            young = [one for one in batches if _moment(one["created_at"]) >= since]
            found += [str(one["id"]) for one in young if sum(_counts(one)) == count]
            if len(young) < len(batches) or not told.get("has_more"):
                return found
            after = f"&after_id={batches[-1]['id']}"

    async def look(self, batch: str) -> BatchState:
        """Where a batch stands, by the counts of its requests."""
        told = (await self.teacher.http.get(f"/v1/messages/batches/{batch}")).body
        return BatchState(ended=told.get("processing_status") == "ended", done=sum(_counts(told)[1:]))

    async def results(self, batch: str, state: BatchState) -> Iterator[tuple[str, BatchResult]]:
        """The lines of the results; each is read when it is taken."""
        text = await self.teacher.http.text(f"/v1/messages/batches/{batch}/results")
        return (self._result(orjson.loads(line)) for line in text.splitlines() if line.strip())

    def _result(self, line: dict[str, Any]) -> tuple[str, BatchResult]:
        name, result = line["custom_id"], line["result"]
        if result["type"] == "succeeded":
            return name, _read(self.teacher, result["message"])
        if result["type"] == "errored":
            return name, call_error(400, {}, result.get("error") or {})
        return name, "expired" if result["type"] == "expired" else "canceled"

    async def cancel(self, batch: str) -> None:
        """Ends a batch; what it finished stands in its results."""
        await self.teacher.http.post(f"/v1/messages/batches/{batch}/cancel", {}, timeout=60.0)

    def learn(self, error: CallError, request: Request) -> bool:
        """Whether a refused request is worth making again; see `HostedTeacher.learn`."""
        return _learn(self.teacher, error, request)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _counts(told: Mapping[str, Any]) -> list[int]:
    counts = part(told, "request_counts")
    return [counts.get(name) or 0 for name in ("processing", "succeeded", "errored", "canceled", "expired")]


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
