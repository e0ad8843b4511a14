"""Names: what an expression of a template names, reads, compares or writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jinja2 import nodes

# Words of the field for thinking: what bears one of them in its name is tried before all else.
THINKING = re.compile(r"think|thought|reason|deliberat|ponder", re.IGNORECASE)


def name_of(node: nodes.Node | None) -> str:
    """``name``, or ``name.attribute`` of a namespace; "" for anything else."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.NSRef):
        return f"{node.name}.{node.attr}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""


def bare(node: nodes.Node | None) -> nodes.Node | None:
    """An expression without its filters."""
    while isinstance(node, nodes.Filter):
        node = node.node
    return node


def flow(node: nodes.Node | None) -> Iterator[str]:
    """The names whose value an expression may have."""
    if isinstance(node, nodes.CondExpr):
        yield from (*flow(node.expr1), *flow(node.expr2))
    elif isinstance(node, (nodes.And, nodes.Or)):
        yield from (*flow(node.left), *flow(node.right))
    elif isinstance(node, nodes.Filter):
        yield from flow(node.node)
    elif name := name_of(node):
        yield name


def written(node: nodes.Node) -> Iterator[nodes.Node]:
    """What is written one after the other, sums and joins taken apart."""
    if isinstance(node, (nodes.Output, nodes.Concat)):
        for child in node.nodes:
            yield from written(child)
    elif isinstance(node, nodes.Add):
        yield from (*written(node.left), *written(node.right))
    else:
        yield node


def text_of(node: nodes.Node, texts: Mapping[str, str]) -> str:
    """A text that the template holds, by itself or under a name; "" for anything else."""
    if isinstance(node, nodes.TemplateData):
        return node.data
    text = node.value if isinstance(node, nodes.Const) else texts.get(name_of(node), "")
    return text if isinstance(text, str) else ""


def key_of(node: nodes.Node | None) -> tuple[nodes.Node | None, object]:
    """``x.key``, ``x["key"]``, ``x.get("key")`` and ``x[1:]`` as (x, key)."""
    if isinstance(node, nodes.Getattr):
        return node.node, node.attr
    if isinstance(node, nodes.Getitem):
        return node.node, node.arg.value if isinstance(node.arg, nodes.Const) else None
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "get":
        first = node.args[0] if node.args else None
        return node.node.node, first.value if isinstance(first, nodes.Const) else None
    return None, None


def constants(node: nodes.Node) -> Iterator[object]:
    """The values of a constant, or of a list of them."""
    if isinstance(node, nodes.Const):
        yield node.value
    elif isinstance(node, (nodes.List, nodes.Tuple)):
        for item in node.items:
            yield from constants(item)
    elif isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const):
        yield -node.node.value
