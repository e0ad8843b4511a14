"""Both providers' batch APIs: files and batches of OpenAI, message batches of Anthropic."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from . import dialects

if TYPE_CHECKING:
    from .provider import Provider

_PATHS = {"/v1/responses": "responses", "/v1/chat/completions": "chat"}


class Batches:
    """The batches of one provider.

    Attributes:
        seconds: how long a batch takes.
        fate: row → ``errored``, ``expired`` or None, for what a batch does to it.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.seconds = 0.0
        self.fate: Any = lambda row: None
        self.spoil: Any = lambda content: content  # a file of results → what is sent of it
        self.ends: str | None = None  # what becomes of a whole batch: failed, expired
        self.files: dict[str, bytes] = {}
        self.made: dict[str, dict[str, Any]] = {}
        self.cancels = 0
        self.down = 0  # so many looks and downloads fail, or hang
        self.hangs = False
        self.breaks: str | None = None  # the connection of a batch handed in: before or after it is taken

    def add_routes(self, app: web.Application) -> None:
        route = app.router
        route.add_post("/v1/files", self._upload)
        route.add_get("/v1/files/{id}/content", self._content)
        route.add_post("/v1/batches", self._create)
        route.add_get("/v1/batches", self._list)
        route.add_get("/v1/batches/{id}", self._retrieve)
        route.add_post("/v1/batches/{id}/cancel", self._cancel)
        route.add_post("/v1/messages/batches", self._create_messages)
        route.add_get("/v1/messages/batches", self._list_messages)
        route.add_get("/v1/messages/batches/{id}", self._retrieve_messages)
        route.add_get("/v1/messages/batches/{id}/results", self._results)
        route.add_post("/v1/messages/batches/{id}/cancel", self._cancel)

    # -- OpenAI --------------------------------------------------------------------------------------------
    async def _upload(self, request: web.Request) -> web.Response:
        content = b""
        async for part in await request.multipart():
            if part.name == "file":  # type: ignore[union-attr]
                content = await part.read()  # type: ignore[union-attr]
        name = f"file-{len(self.files) + 1}"
        self.files[name] = bytes(content)
        return web.json_response({"id": name, "object": "file", "purpose": "batch", "bytes": len(content)})

    async def _content(self, request: web.Request) -> web.Response:
        await self._maybe_down()
        return web.Response(body=self.spoil(self.files[request.match_info["id"]]))

    async def _create(self, request: web.Request) -> web.Response:
        self._maybe_break(request)
        body = await request.json()
        lines = [orjson.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        asked = [(line["custom_id"], line["body"]) for line in lines]
        batch = self._make(asked, _PATHS[body["endpoint"]], body.get("metadata"))
        return self._receipt(request, self._openai(batch))

    async def _list(self, request: web.Request) -> web.Response:
        made = [self._openai(one) for one in self.made.values() if one["dialect"] != "messages"]
        return web.json_response(_page(made, request.query.get("after"), int(request.query["limit"])))

    async def _retrieve(self, request: web.Request) -> web.Response:
        await self._maybe_down()
        return web.json_response(self._openai(self.made[request.match_info["id"]]))

    def _openai(self, batch: dict[str, Any]) -> dict[str, Any]:
        done = self._settle(batch)
        status = "in_progress"
        if done:
            status = self.ends or ("cancelled" if batch["cancelled"] else "completed")
        told: dict[str, Any] = {
            "id": batch["id"], "object": "batch", "status": status, "endpoint": batch["dialect"],
            "metadata": batch["metadata"], "created_at": int(batch["created"]),
            "request_counts": {"total": len(batch["asked"]), "completed": len(batch["good"]),
                               "failed": len(batch["bad"])},
        }  # fmt: skip
        if self.ends == "failed" and done:
            told["errors"] = {"data": [{"message": "The batch's file is not valid."}]}
            return told
        if done:
            for name, lines in (("output_file_id", batch["good"]), ("error_file_id", batch["bad"])):
                if lines:
                    file = f"{batch['id']}-{name}"
                    self.files[file] = b"\n".join(orjson.dumps(line) for line in lines)
                    told[name] = file
        return told

    # -- Anthropic -----------------------------------------------------------------------------------------
    async def _create_messages(self, request: web.Request) -> web.Response:
        self._maybe_break(request)
        body = await request.json()
        asked = [(one["custom_id"], one["params"]) for one in body["requests"]]
        return self._receipt(request, self._anthropic(self._make(asked, "messages")))

    async def _list_messages(self, request: web.Request) -> web.Response:
        made = [self._anthropic(one) for one in self.made.values() if one["dialect"] == "messages"]
        return web.json_response(_page(made, request.query.get("after_id"), int(request.query["limit"])))

    async def _retrieve_messages(self, request: web.Request) -> web.Response:
        await self._maybe_down()
        return web.json_response(self._anthropic(self.made[request.match_info["id"]]))

    def _anthropic(self, batch: dict[str, Any]) -> dict[str, Any]:
        done = self._settle(batch)
        return {
            "id": batch["id"], "type": "message_batch",
            "created_at": datetime.fromtimestamp(batch["created"], timezone.utc).isoformat().replace("+00:00", "Z"),
            "processing_status": "ended" if done else "canceling" if batch["cancelled"] else "in_progress",
            "request_counts": {"processing": 0 if done else len(batch["asked"]), "succeeded": len(batch["good"]),
                               "errored": len(batch["bad"]), "canceled": 0, "expired": 0},
            "results_url": f"{self.provider.root}/v1/messages/batches/{batch['id']}/results" if done else None,
        }  # fmt: skip

    async def _results(self, request: web.Request) -> web.Response:
        batch = self.made[request.match_info["id"]]
        lines = [orjson.dumps(line) for line in (*batch["good"], *batch["bad"])]
        return web.Response(body=self.spoil(b"\n".join(lines)))

    # -- both ------------------------------------------------------------------------------------------------
    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.made[request.match_info["id"]]
        batch["cancelled"] = True
        self.cancels += 1
        told = self._anthropic(batch) if batch["dialect"] == "messages" else self._openai(batch)
        return web.json_response(told)

    async def _maybe_down(self) -> None:
        if self.down > 0:
            self.down -= 1
            if self.hangs:
                await asyncio.sleep(3600)
            raise web.HTTPServiceUnavailable(text="Overloaded.")

    def _maybe_break(self, request: web.Request) -> None:
        if self.breaks == "before" and request.transport is not None:
            request.transport.abort()
            raise web.HTTPServiceUnavailable

    def _receipt(self, request: web.Request, told: dict[str, Any]) -> web.Response:
        if self.breaks == "after" and request.transport is not None:
            request.transport.abort()
        return web.json_response(told)

    def _make(
        self, asked: list[tuple[str, dict[str, Any]]], dialect: str, metadata: dict[str, str] | None = None
    ) -> dict[str, Any]:
        name = f"{'msgbatch' if dialect == 'messages' else 'batch'}_{len(self.made) + 1}"
        batch = {"id": name, "asked": asked, "dialect": dialect, "at": time.monotonic(), "cancelled": False,
                 "created": time.time(), "metadata": metadata, "good": [], "bad": [], "settled": False}  # fmt: skip
        self.made[name] = batch
        return batch

    def _settle(self, batch: dict[str, Any]) -> bool:
        """Answers everything when the time has come; a cancelled batch keeps the first half."""
        if batch["settled"]:
            return True
        if not batch["cancelled"] and time.monotonic() - batch["at"] < self.seconds:
            return False
        batch["settled"] = True
        cut = len(batch["asked"]) // 2 if batch["cancelled"] else len(batch["asked"])
        for number, (name, body) in enumerate(batch["asked"]):
            asked = dialects.read(batch["dialect"], body)
            fate = "canceled" if number >= cut else self.ends or self.fate(asked.row)
            fault = None
            if fate in ("malformed", "refuse", "cut"):
                fate, fault = None, fate
            if fate is None:
                self.provider.paid[asked.row] += 1
                said = dialects.write(batch["dialect"], self.provider.said(asked, fault), "reasoning_content")
                batch["good"].append(_good(batch["dialect"], name, said))
            else:
                batch["bad"].append(_bad(batch["dialect"], name, fate))
        return True


def _page(made: list[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """Newest first, as both providers list."""
    newest = made[::-1]
    start = next((i + 1 for i, one in enumerate(newest) if one["id"] == after), 0)
    return {"data": newest[start : start + limit], "has_more": start + limit < len(newest)}


def _good(dialect: str, name: str, answer: dict[str, Any]) -> dict[str, Any]:
    if dialect == "messages":
        return {"custom_id": name, "result": {"type": "succeeded", "message": answer}}
    return {"id": "r", "custom_id": name, "response": {"status_code": 200, "body": answer}, "error": None}


def _bad(dialect: str, name: str, fate: str) -> dict[str, Any]:
    if dialect == "messages":
        result: dict[str, Any] = {"type": fate}
        if fate == "errored":
            result["error"] = {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "Too long."},
            }
        return {"custom_id": name, "result": result}
    if fate == "errored":
        body = {"error": {"message": "Too long.", "type": "invalid_request_error", "code": None}}
        return {"id": "r", "custom_id": name, "response": {"status_code": 400, "body": body}, "error": None}
    words = {"expired": "batch_expired", "canceled": "batch_cancelled"}.get(fate, fate)
    return {"id": "r", "custom_id": name, "response": None, "error": {"code": words, "message": words}}
