"""Walk: a template's syntax tree, its names followed through ``set``, loops, macros and namespaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from jinja2 import nodes

from .names import THINKING, bare, constants, flow, key_of, name_of

MESSAGE, CONTENT, REASONING = "message", "content", "reasoning"

Value = str | int | float | bool
_Node = TypeVar("_Node", bound=nodes.Node)


class TreeWalk:
    """One way through the tree of a template, and what is followed up from there.

    Attributes:
        kinds: name → `MESSAGE`, `CONTENT` or `REASONING`, where it holds messages, a content or what a message thinks.
        keys: what is read of messages and of contents.
        inside: keys that are looked for in a content, or may hold its parts.
        types: what the types of parts are compared with.
        sources: name → names whose value it may have.
        values: name → what it is compared with.
    """

    def __init__(self, tree: nodes.Template) -> None:
        self._found: dict[type[nodes.Node], list[nodes.Node]] = {}
        self._collect(tree)
        self._methods = {id(call.node) for call in self.all(nodes.Call)}
        self.kinds = {"messages": MESSAGE}  # name → whether it holds messages, or a content
        self.keys: dict[str, dict[str, None]] = {MESSAGE: {}, CONTENT: {}}
        self.inside: dict[str, None] = {}  # keys that are looked for in a content
        self.types: dict[str, None] = {}
        self.sources: dict[str, set[str]] = {}  # name → names whose value it may have
        self.values: dict[str, dict[tuple[type, Value], None]] = {}
        for _ in range(3):  # a name may be read above the place where it is set
            self._follow()
        self._conditions()

    def _collect(self, node: nodes.Node) -> None:
        for child in node.iter_child_nodes():
            self._found.setdefault(type(child), []).append(child)
            self._collect(child)

    def all(self, kind: type[_Node]) -> list[_Node]:
        """All nodes of a kind, in the order of the template."""
        return cast("list[_Node]", self._found.get(kind, []))

    # -- messages and contents ---------------------------------------------------------------------------
    def _follow(self) -> None:
        """Which names hold messages or contents, what is read of them, and which names stand for one another."""
        for node in self.all(nodes.Assign):
            self._assign(node.target, node.node)
        for node in self.all(nodes.For):
            self._hold(node.target, self.kind(node.iter))
        macros = {macro.name: macro for macro in self.all(nodes.Macro)}
        for call in self.all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in macros:
                for argument, value in zip(macros[call.node.name].args, call.args, strict=False):
                    self._hold(argument, self.kind(value))
            self.kind(call)
        for node in (*self.all(nodes.Getattr), *self.all(nodes.Getitem)):
            if id(node) not in self._methods:
                self.kind(node)
        for node in self.all(nodes.Compare):
            for operand in node.ops:
                if operand.op in ("in", "notin"):
                    self._looks_for(node.expr, self.kind(operand.expr))

    def _assign(self, target: nodes.Node, value: nodes.Node) -> None:
        self._hold(target, self.kind(value))
        self._stand(name_of(target), value)
        if isinstance(value, nodes.Call) and name_of(value.node) == "namespace":
            for pair in value.kwargs:
                self._stand(f"{name_of(target)}.{pair.key}", pair.value)

    def _hold(self, target: nodes.Node, kind: str) -> None:
        if kind and name_of(target):
            self.kinds.setdefault(name_of(target), kind)

    def _stand(self, name: str, value: nodes.Node) -> None:
        self.sources.setdefault(name, set()).update(set(flow(value)) - {name})

    def _looks_for(self, sought: nodes.Node, kind: str) -> None:
        """``"thought" in message``, ``"blocks" in message.content``."""
        for key in constants(sought):
            if kind in self.keys and isinstance(key, str) and key.isidentifier():
                self.keys[kind].setdefault(key)
                if kind == CONTENT:
                    self.inside.setdefault(key)

    def kind(self, node: nodes.Node | None) -> str:
        """Whether an expression holds messages, a content or parts of one, or neither; notes the key it reads."""
        if isinstance(node, nodes.CondExpr):
            return self.kind(node.expr1) or self.kind(node.expr2)
        if isinstance(node, (nodes.Or, nodes.And, nodes.Add)):
            return self.kind(node.left) or self.kind(node.right)
        if isinstance(node, nodes.Filter):
            return self.kind(node.node)
        known = self.kinds.get(name_of(node), "")
        base, key = key_of(node)
        if known or base is None:
            return known
        kind = self.kind(base)
        if not kind or not isinstance(key, str):
            return kind
        if kind == REASONING:
            return ""
        self.keys[kind].setdefault(key)
        if kind == MESSAGE:
            return CONTENT if key == "content" else REASONING if THINKING.search(key) else ""
        return CONTENT if key in self.inside else ""

    # -- conditions --------------------------------------------------------------------------------------
    def _conditions(self) -> None:
        """What is compared with what."""
        for node in self.all(nodes.Compare):
            self._compare(node)
        for node in self.all(nodes.Test):
            self._compared(node.node, (True, False))
        for node in self.all(nodes.Filter):
            if node.name == "default":
                self._compared(node.node, [value for each in node.args for value in constants(each)])
        for node in (*self.all(nodes.If), *self.all(nodes.CondExpr)):
            self._compared(node.test, (True, False))
        for node in (*self.all(nodes.And), *self.all(nodes.Or)):
            self._compared(node.left, (True, False))
            self._compared(node.right, (True, False))
        for node in self.all(nodes.Not):
            self._compared(node.node, (True, False))

    def _compare(self, node: nodes.Compare) -> None:
        base, key = key_of(bare(node.expr))
        typed = key == "type" and base is not None and self.kind(base) == CONTENT
        for operand in node.ops:
            values = list(constants(operand.expr))
            self._compared(node.expr, values)
            self._compared(operand.expr, constants(node.expr))
            if typed:
                self.types.update(dict.fromkeys(value for value in values if isinstance(value, str)))

    def _compared(self, node: nodes.Node | None, values: Iterable[object]) -> None:
        name = name_of(bare(node))
        if name:
            known = self.values.setdefault(name, {})
            known.update({(type(v), v): None for v in values if isinstance(v, (str, int, float))})
