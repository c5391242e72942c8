"""What a trainyard plugin in Python is written with.

plugin.py defines one class, Plugin, derived from Tokenizer, Filter, Loss, Metric or TextMetric. The class is made with
a dict of all settings in plugin.toml, types checked and defaults filled in. Everything here also runs outside of a
component, so that a plugin is tested like any module.
"""

import sys
from dataclasses import dataclass, field
from typing import List, Optional, Tuple

# The version of the table of ops that graphs are made of.
OP_SET = 1


class PluginError(Exception):
    """Why a call failed. kind says whose fault it is: config (a setting), input (the documents, ids or model passed
    in), state (the order of calls), unsupported, internal (a defect of the plugin)."""

    def __init__(self, message: str, kind: str = "config"):
        super().__init__(message)
        self.message, self.kind = message, kind


def log(line: str, level: str = "info") -> None:
    """A line for the log: error, warn, info or debug. Outside of a component it is printed."""
    _write_log(level, line)


def _write_log(level: str, line: str) -> None:
    print(f"{level}: {line}")


class Plugin:
    """What all kinds share."""

    def __init__(self, settings: dict):
        pass


@dataclass
class Verdict:
    """What a filter says of one document: reason is a stable code, score the value that was compared with the
    threshold, text the document rewritten, spans half-open ranges of bytes in UTF-8."""

    keep: bool
    reason: str = ""
    score: Optional[float] = None
    text: Optional[str] = None
    spans: List[Tuple[int, int]] = field(default_factory=list)


class Filter(Plugin):
    """Which documents to train on. A verdict may depend on the settings, the observed state and the one document."""

    def two_pass(self) -> bool:
        """Whether every document must pass through observe before the first judge."""
        return False

    def observe(self, documents: List[str]) -> None:
        raise PluginError("this filter has no first pass", "unsupported")

    def state(self) -> bytes:
        """What was observed so far, to be merged into another instance."""
        return b""

    def merge(self, state: bytes) -> None:
        """Adds what another instance observed: the order may not matter."""

    def judge(self, documents: List[str]) -> List[Verdict]:
        """One verdict per document, in order."""
        raise NotImplementedError


class Tokenizer(Plugin):
    """Text to token ids and back. observe* and train, or nothing, then load; then the rest."""

    def observe(self, texts: List[str]) -> None:
        """One batch of training text; how texts are split into batches may not matter."""

    def train(self) -> bytes:
        """Ends training and returns the model."""
        return b""

    def load(self, model: bytes) -> None:
        """Makes the tokenizer usable from what train returned, here or in another instance."""
        raise NotImplementedError

    def vocabulary(self) -> Tuple[List[bytes], List[Tuple[str, int]]]:
        """The bytes of every token in the order of ids, empty for special tokens; and the special tokens."""
        raise NotImplementedError

    def encode(self, texts: List[str]) -> List[List[int]]:
        """One sequence of ids per text."""
        raise NotImplementedError

    def decode(self, sequences: List[List[int]]) -> List[bytes]:
        """One byte string per sequence; special tokens decode to nothing."""
        raise NotImplementedError


class Loss(Plugin):
    """What training minimises: described once, differentiated and run by the host."""

    def describe(self) -> "Graph":
        raise NotImplementedError


class Metric(Loss):
    """A number about predicted tokens, described like a loss. aggregation: "mean", or "exp-mean" for e to that power."""

    unit = ""
    higher_is_better = False
    aggregation = "mean"


class TextMetric(Plugin):
    """A number about generated text. Merging states must equal updating with all pairs, in any order."""

    unit = ""
    higher_is_better = False
    aggregation = "mean"

    def update(self, pairs: List[Tuple[str, List[str]]]) -> None:
        """A batch of generated texts, each with the texts it is compared with."""
        raise NotImplementedError

    def state(self) -> bytes:
        raise NotImplementedError

    def merge(self, state: bytes) -> None:
        raise NotImplementedError

    def value(self) -> float:
        """The metric of everything counted; NaN when nothing was."""
        raise NotImplementedError


class Graph:
    """Mathematics as data: graph.input("logits").log_softmax(). An op of the table is a method of a node; + - * / work
    between nodes and numbers. Finish with mean or ratio."""

    def __init__(self):
        self.nodes, self.outputs = [], []

    def input(self, name: str) -> "Node":
        """input.NAME of the table of ops."""
        return self.op("input." + name)

    def constant(self, value: float) -> "Node":
        return self.op("constant", attributes=[value])

    def op(self, name: str, inputs=(), attributes=()) -> "Node":
        """Any op of the table. The same op of the same inputs is one node."""
        inputs = [self._own(x) if isinstance(x, Node) else self.constant(x).id for x in inputs]
        node = (name, inputs, [float(a) for a in attributes])
        if node not in self.nodes:
            self.nodes.append(node)
        return Node(self, self.nodes.index(node))

    def _own(self, x: "Node") -> int:
        """The number of a node of this graph; in another one it would name another node."""
        if x.graph is not self:
            raise PluginError(_author_line() + "an expression of another Graph; use one Graph for a formula", "internal")
        return x.id

    def mean(self, x: "Node") -> "Graph":
        """The value is the mean of x (one value per row) over the rows that count."""
        weight = self.input("weight")
        return self.ratio((x * weight).sum_rows(), weight.sum_rows())

    def ratio(self, total: "Node", weight: "Node") -> "Graph":
        """The value is total / weight, both scalars; the host divides after adding up all micro-batches."""
        self.outputs.insert(0, ("loss", self._own(total), self._own(weight)))
        return self

    def log_mean(self, name: str, x: "Node") -> None:
        """Logs the mean of x over the rows that count as name, beside the loss."""
        weight = self.input("weight")
        self.outputs.append((name, self._own((x * weight).sum_rows()), weight.sum_rows().id))


def _author_line() -> str:
    """File and line of the nearest caller outside of this module."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}: "


class Node:
    """A node of a graph. Its methods are the ops: x.gather(target), x.powf(2.0), x.clamp(0.0, 1.0)."""

    def __init__(self, graph: Graph, id: int):
        self.graph, self.id = graph, id

    def powf(self, exponent: float) -> "Node":
        return self.graph.op("powf", [self], [exponent])

    def clamp(self, low: float, high: float) -> "Node":
        return self.graph.op("clamp", [self], [low, high])

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *others: self.graph.op(name, [self, *others])

    def __neg__(self):
        return self.graph.op("neg", [self])

    def __add__(self, other):
        return self.graph.op("add", [self, other])

    def __radd__(self, other):
        return self.graph.op("add", [other, self])

    def __sub__(self, other):
        return self.graph.op("sub", [self, other])

    def __rsub__(self, other):
        return self.graph.op("sub", [other, self])

    def __mul__(self, other):
        return self.graph.op("mul", [self, other])

    def __rmul__(self, other):
        return self.graph.op("mul", [other, self])

    def __truediv__(self, other):
        return self.graph.op("div", [self, other])

    def __rtruediv__(self, other):
        return self.graph.op("div", [other, self])


EXPECTED = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "text": "text",
    "numbers": "a list of numbers",
    "texts": "a list of texts",
}


def read_settings(schema: list, given: list) -> dict:
    """All settings of a schema, [[name, type, default], ...], from given ones, [(name, type, value), ...]."""
    settings = {name: default for name, _, default in schema}
    types = {name: expected for name, expected, _ in schema}
    for name, kind, value in given:
        if name not in settings:
            known = "expected one of " + ", ".join(settings) if settings else "this plugin has none"
            raise PluginError(f"{name}: unknown setting, {known}")
        fits = kind == types[name] or (kind, types[name]) == ("integer", "number")
        if not (fits or (value == [] and types[name] in ("numbers", "texts"))):
            raise PluginError(f"{name}: expected {EXPECTED[types[name]]}, got {value!r}")
        settings[name] = float(value) if types[name] == "number" else value
    return settings
