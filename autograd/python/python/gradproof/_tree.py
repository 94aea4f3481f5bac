"""Nested inputs: dicts, lists and tuples of arrays, as a list of arrays with names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


class Node:
    """A place in nested inputs: a leaf, or a container of further places.

    Parameters
    ----------
    name
        The place as an expression, such as ``params['w']``.
    kind
        The type of the container, a class; None for a leaf.
    keys
        The keys of a dict, the positions of a sequence.
    children
        One node for each key.
    """

    __slots__ = ("children", "keys", "kind", "name")

    def __init__(self, name: str, kind: Any, keys: list[Any], children: list[Node]) -> None:
        self.name, self.kind, self.keys, self.children = name, kind, keys, children

    def leaves(self) -> Iterator[Node]:
        """The leaves, in order."""
        if self.kind is None:
            yield self
        for child in self.children:
            yield from child.leaves()

    def build(self, leaves: Iterator[Any]) -> Any:
        """The same containers with these leaves."""
        if self.kind is None:
            return next(leaves)
        items = [child.build(leaves) for child in self.children]
        if issubclass(self.kind, Mapping):
            pairs = dict(zip(self.keys, items, strict=True))
            return pairs if self.kind is dict else self.kind(pairs)
        if hasattr(self.kind, "_fields"):
            return self.kind(*items)
        if self.kind is type(None):
            return None
        return self.kind(items)

    def match(self, tree: Any, what: str) -> Iterator[Any]:
        """The leaves of another tree of this structure.

        Raises
        ------
        TypeError
            If it lacks a place that this one has, or has another; `what` names the tree.
        """
        if self.kind is None:
            yield tree
            return
        if self.kind is type(None):
            return
        if issubclass(self.kind, Mapping):
            if not isinstance(tree, Mapping):
                raise TypeError(f"{what} by {self.name} is {article(tree)}; return a dict with the keys {self.keys}")
            if set(tree) != set(self.keys):
                raise TypeError(f"{what} by {self.name} has the keys {list(tree)}; it needs {self.keys}")
            items: Sequence[Any] = [tree[key] for key in self.keys]
        else:
            items = sequence(tree, len(self.children), f"{what} by {self.name}")
        for child, item in zip(self.children, items, strict=True):
            yield from child.match(item, what)


def sequence(tree: Any, length: int, what: str) -> Any:
    """A list, a tuple or the rows of an array, of this length."""
    if not isinstance(tree, list | tuple) and not hasattr(tree, "shape"):
        raise TypeError(f"{what} is {article(tree)}; return a tuple of {length}")
    if hasattr(tree, "shape") and not tree.shape:
        raise TypeError(f"{what} is one number; return a tuple of {length}")
    if len(tree) != length:
        raise TypeError(f"{what} has {len(tree)} parts; return {length}")
    return tree


def nodes(tree: Any, name: str, leaves: list[Any], leaf: Callable[[Any, str], Any]) -> Node:
    """The structure of a tree; its leaves, each as `leaf` gives it, are appended to `leaves`."""

    def below(key: Any) -> Node:
        return nodes(tree[key], f"{name}[{key!r}]", leaves, leaf)

    if isinstance(tree, Mapping):
        keys = list(tree)
        return Node(name, type(tree), keys, [below(key) for key in keys])
    if isinstance(tree, list | tuple):
        if tree and all_numbers(tree):
            raise TypeError(f"{name} is a {type(tree).__name__} of numbers; pass an array: np.array({name})")
        fields = getattr(tree, "_fields", None)
        if fields is not None:
            children = [nodes(item, f"{name}.{key}", leaves, leaf) for key, item in zip(fields, tree, strict=True)]
            return Node(name, type(tree), list(fields), children)
        keys = list(range(len(tree)))
        return Node(name, type(tree), keys, [below(key) for key in keys])
    if tree is None:
        return Node(name, type(None), [], [])
    leaves.append(leaf(tree, name))
    return Node(name, None, [], [])


def all_numbers(tree: Any) -> bool:
    """Whether these are Python's numbers, or lists of them."""
    if isinstance(tree, list | tuple):
        return all(all_numbers(item) for item in tree)
    return isinstance(tree, bool | int | float | complex)


def article(thing: Any) -> str:
    """The type of a thing, in words."""
    return "None (is a return missing?)" if thing is None else f"of type {type(thing).__name__}"
