"""YAML by libyaml, if available: ten times as fast as pure Python. Read within bounds."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from yaml import SafeDumper as Dumper
    from yaml import SafeLoader
else:
    Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

__all__ = ["DEPTH", "NODES", "Dumper", "dump_yaml", "parse_yaml", "refuse_excess"]

NODES: Final = 100_000
"""Most keys and values in a document, where an alias counts as all that it stands for."""

DEPTH: Final = 50
"""Most levels of nesting."""

_ENTRY: Final = re.compile(r"^\w+:(?: .*)?\n(?:(?:(?: |- ).*|-)?\n)*", re.MULTILINE)
"""An entry of a mapping as `dump_yaml` writes it: its other lines are indented or list items."""

_LONGEST: Final = 1 << 14  # characters of a text whose entries are kept

_INTEGER: Final = "tag:yaml.org,2002:int"
_DIGITS: Final = 308  # more do not fit in a float

_PLAIN: Final = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")
)


def dump_yaml(content: Mapping[str, Any] | Sequence[Any], dumper: Any = Dumper) -> str:
    """Write a mapping or a list as YAML, keeping the order of its keys.

    The configurations of a sweep's runs have most entries in common, so the text of an entry is
    kept for the next configuration that contains it.

    Parameters
    ----------
    content : mapping of str to object, or sequence
        Values that can be pickled and that `dumper` represents.
    dumper : type, default Dumper
        The class that represents values.

    Returns
    -------
    str
        The text. An object that occurs in two entries is written twice, without an alias.
    """
    entries: list[Any]
    if isinstance(content, Mapping):
        entries = [{key: value} for key, value in content.items()]
    else:
        entries = [[item] for item in content]
    # The empty mapping or list has no entries.
    return "".join(_text(pickle.dumps(entry), dumper) for entry in entries or [content])


@lru_cache(maxsize=256)
def _text(pickled: bytes, dumper: Any) -> str:
    content = pickle.loads(pickled)
    return str(yaml.dump(content, Dumper=dumper, sort_keys=False, allow_unicode=True))


def parse_yaml(content: bytes | str) -> Any:
    """Parse one document of plain values, as the configuration of a run is.

    The configurations of a sweep's runs have most entries in common, so what an entry means is
    kept for the next text that contains it.

    Parameters
    ----------
    content : bytes or str
        The text, in UTF-8 if it is bytes.

    Returns
    -------
    object
        Dictionaries, lists, strings, numbers, booleans and None.

    Raises
    ------
    ValueError
        If the text is not YAML, is too long or nested too deeply, or contains a key that a
        mapping already has, or a value of another type, such as a date.
    """
    text = content.decode() if isinstance(content, bytes) else content
    entries = _entries(text)
    try:
        parsed = [pickle.loads(_parsed_entry(entry)) for entry in entries]
    except ValueError:  # whose lines count from the beginning of the entry
        return _parse(text)
    merged = {key: value for entry in parsed for key, value in entry.items()}
    return merged if entries and len(merged) == len(entries) else _parse(text)


def refuse_excess(content: bytes) -> None:
    """Refuse a document beyond the bounds, of whatever type its values are, before another parser.

    Malformed documents are left to that parser, which may take more than this module does.

    Parameters
    ----------
    content : bytes
        The text in UTF-8.

    Raises
    ------
    yaml.YAMLError
        If the document is too long or nested too deeply, or an integer has too many digits.
    """
    loader = _Loader(content.decode(errors="replace"))
    try:
        root = loader.get_single_node()
        if root is not None:
            _check(root, _check_digits)
    except yaml.MarkedYAMLError:
        pass
    finally:
        loader.dispose()


def _entries(text: str) -> list[str]:
    """Divide a document into entries that can be parsed one by one; none if it has others."""
    if len(text) > _LONGEST or "&" in text:  # an anchor counts in the entries after it
        return []
    entries = _ENTRY.findall(text)
    return entries if "".join(entries) == text else []


@lru_cache(maxsize=1024)
def _parsed_entry(text: str) -> bytes:
    return pickle.dumps(_parse(text))


def _parse(text: str) -> Any:
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(node, _check_node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        raise ValueError(f"{error.problem}{where}") from error
    except (yaml.YAMLError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    except KeyError as error:
        raise ValueError(f"{error} is not of the type that is written before it") from error


class _Loader(SafeLoader):
    """A loader that stops at the node that is one too many or too deep."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Count a node before it is composed; PyYAML calls this for every node.

        The method of PyYAML serves resolvers by path, which these loaders do not use.
        """
        self._nodes += 1
        self._depth += 1
        if self._nodes > NODES or self._depth > DEPTH:
            _bound(self._nodes, self._depth)

    def ascend_resolver(self) -> None:
        """Leave a node."""
        self._depth -= 1


def _bound(nodes: int, depth: int) -> None:
    if nodes > NODES:
        raise yaml.YAMLError(f"it has more than {NODES:,} keys and values")
    if depth > DEPTH:
        raise yaml.YAMLError(f"it is nested more than {DEPTH} levels deep")


def _check(root: yaml.Node, check: Callable[[yaml.Node], None]) -> None:
    """Check each node of a document, and refuse one that its aliases make too large."""
    sizes: dict[yaml.Node, tuple[int, int]] = {}  # nodes and levels below each node and with it

    def measure(node: yaml.Node, above: int) -> tuple[int, int]:
        # An alias of a node that contains it would descend forever: the depth ends that.
        _bound(0, above)
        if node not in sizes:
            check(node)
            parts = [measure(part, above + 1) for part in _parts(node)]
            nodes = 1 + sum(size for size, _ in parts)
            depth = 1 + max((levels for _, levels in parts), default=0)
            sizes[node] = nodes, depth
        _bound(sizes[node][0], above + sizes[node][1] - 1)
        return sizes[node]

    measure(root, 1)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_digits(node: yaml.Node) -> None:
    if node.tag == _INTEGER and len(node.value) > _DIGITS:
        raise yaml.YAMLError(f"an integer of {len(node.value)} digits is too large")


def _check_node(node: yaml.Node) -> None:
    """Refuse values that are not plain."""
    _check_digits(node)
    problem = None
    if node.tag not in _PLAIN:
        problem = f"a value of the type {node.tag.rpartition(':')[2]!r} is not allowed"
    elif isinstance(node, yaml.MappingNode):
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) < len(node.value):
            problem = "a key is a list or a mapping"
        elif len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            problem = f"the key {twice[1][:50]!r} occurs twice"
    if problem is not None:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
