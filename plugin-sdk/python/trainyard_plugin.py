"""What a trainyard plugin in Python is written with.

plugin.py defines one class, Plugin, derived from Tokenizer, Filter, Loss, Metric, TextMetric or Model. The class is
made with a dict of all settings in plugin.toml, types checked and defaults filled in. Everything here also runs outside
of a component, so that a plugin is tested like any module.
"""

import sys
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple, Union

# The versions of the tables of ops that graphs and networks are made of.
OP_SET = 2
# ops that are not in set 1, with the set that brought them
LATER_OPS = {"input.targets": 2}
NETWORK_OP_SET = 1


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


class Model(Plugin):
    """An architecture, described and not executed: the host differentiates, plans and runs it."""

    def describe(self, sizes: Dict[str, int]) -> "Net":
        """The network for these sizes: vocab, context, labels (0 where there are none)."""
        raise NotImplementedError

    def import_config(self, config: dict) -> dict:
        """Settings of the model that a config.json describes, whose nested keys are joined with dots."""
        raise PluginError("this model reads no config.json of other programs", "unsupported")

    def export_config(self, sizes: Dict[str, int]) -> dict:
        """The config.json of this model, as import_config reads it."""
        raise PluginError("this model has no form for other programs", "unsupported")


class Net:
    """A network, built by writing its forward: its methods are layers with parameters, Value has the others. Names are
    relative to the block or scope that is open. The host checks the types of all values."""

    def __init__(self):
        self.parameters, self.layers, self.heads = [], [], []
        self.blocks, self.ignored, self._scopes = [], [], []

    def block(self, name: str) -> "_Scope":
        """with net.block("h.0"): layers whose names begin so; its border is one at which activations may be computed
        again."""
        self.blocks.append(self._path(name))
        return self.scope(name)

    def scope(self, name: str) -> "_Scope":
        """with net.scope("attn"): layers whose names begin so."""
        return _Scope(self._scopes, self._path(name))

    def _path(self, name: str) -> str:
        return ".".join(part for part in [self._scopes[-1] if self._scopes else "", name] if part)

    def parameter(self, name: str, shape: List[int], init: str = "normal", scale: float = 0.02) -> int:
        """A parameter by its name in the scope that is open; that of an earlier layer, if there is one of this name.
        init is zeros, ones, normal (deviation scale) or uniform (within scale)."""
        path = self._path(name)
        for index, known in enumerate(self.parameters):
            if known["name"] == path:
                if known["shape"] != list(shape):
                    raise PluginError(f"{_author_line()}parameter {path} has shape {known['shape']}, not {list(shape)}", "internal")
                return index
        scale = float(scale) if init in ("normal", "uniform") else 0.0
        self.parameters.append(
            {"name": path, "shape": list(shape), "init": init, "scale": scale, "decay": len(shape) > 1, "aliases": []}
        )
        return len(self.parameters) - 1

    def alias(self, name: str, alias: str) -> None:
        """Files may also have parameter name (in full) under alias."""
        next(known for known in self.parameters if known["name"] == name)["aliases"].append(alias)

    def layer(
        self, op: str, inputs=(), parameters=(), name: str = "", columns: Optional[int] = None, **attributes
    ) -> "Value":
        """Any op of the table, whose result has this many columns: those of the first input unless said."""
        for value in inputs:
            if value.net is not self:
                raise PluginError(_author_line() + "a value of another Net; use one Net for a network", "internal")
        if columns is None:
            columns = inputs[0].columns if inputs else 0
        ids = [value.id for value in inputs]
        self.layers.append((op, self._path(name), ids, list(parameters), attributes))
        return Value(self, len(self.layers) - 1, columns)

    def input(self, name: str) -> "Value":
        """input.NAME of the table: ids, positions, token_types, source_ids, source_positions."""
        op = "input." + name
        known = [index for index, layer in enumerate(self.layers) if layer[0] == op]
        return Value(self, known[0], 0) if known else self.layer(op)

    def embedding(self, name: str, index: "Value", n: int, columns: int, offset: int = 0) -> "Value":
        """Rows of the table name.weight [n, columns]."""
        table = self.parameter(name + ".weight", [n, columns])
        return self.layer("embedding", [index], [table], name, columns, **({"offset": offset} if offset else {}))

    def linear(self, name: str, x: "Value", columns: int, bias: bool = True) -> "Value":
        """name.weight [columns, columns of x], and name.bias."""
        parameters = [self.parameter(name + ".weight", [columns, x.columns])]
        if bias:
            parameters.append(self.parameter(name + ".bias", [columns], "zeros"))
        return self.layer("linear", [x], parameters, name, columns)

    def tied(self, name: str, x: "Value") -> "Value":
        """x times the table of the embedding of this full name, transposed."""
        table = next((i for i, known in enumerate(self.parameters) if known["name"] == name + ".weight"), None)
        if table is None:
            raise PluginError(f"{_author_line()}there is no table {name}.weight to be tied to", "internal")
        return self.layer("linear", [x], [table], name, self.parameters[table]["shape"][0])

    def layer_norm(self, name: str, x: "Value", epsilon: float) -> "Value":
        parameters = [self.parameter(name + ".weight", [x.columns], "ones")]
        parameters.append(self.parameter(name + ".bias", [x.columns], "zeros"))
        return self.layer("layer_norm", [x], parameters, name, epsilon=float(epsilon))

    def rms_norm(self, name: str, x: "Value", epsilon: float, width: Optional[int] = None) -> "Value":
        """Of each chunk of width columns; of all columns unless said."""
        weight = self.parameter(name + ".weight", [width or x.columns], "ones")
        return self.layer("rms_norm", [x], [weight], name, epsilon=float(epsilon))

    def recurrent(self, kind: str, name: str, x: "Value", state: int, suffix: str = "l0", reverse: bool = False) -> "Value":
        """kind is rnn, gru or lstm; the parameters are PyTorch's: name.weight_ih_l0 and so on."""
        rows = {"rnn": 1, "gru": 3, "lstm": 4}[kind] * state
        path = lambda part: ".".join(filter(None, [name, f"{part}_{suffix}"]))
        shapes = {"weight_ih": [rows, x.columns], "weight_hh": [rows, state], "bias_ih": [rows], "bias_hh": [rows]}
        bound = 1.0 / max(state, 1) ** 0.5
        parameters = [self.parameter(path(part), shape, "uniform", bound) for part, shape in shapes.items()]
        return self.layer(kind, [x], parameters, name, state, **({"reverse": True} if reverse else {}))

    def conv(self, name: str, x: "Value", taps: int, bias: bool = True) -> "Value":
        """Causal depthwise convolution: name.weight [columns, taps], and name.bias."""
        parameters = [self.parameter(name + ".weight", [x.columns, taps], "uniform", 1.0 / max(taps, 1) ** 0.5)]
        if bias:
            parameters.append(self.parameter(name + ".bias", [x.columns], "zeros"))
        return self.layer("conv", [x], parameters, name)

    def concat(self, values: List["Value"]) -> "Value":
        """Columns of all values side by side."""
        return self.layer("concat", values, columns=sum(value.columns for value in values))

    def head(self, name: str, value: "Value") -> None:
        """A named result: logits is what a loss reads."""
        self.heads.append((name, value.id))


class _Scope:
    def __init__(self, scopes: list, path: str):
        self._scopes, self._name = scopes, path

    def __enter__(self):
        self._scopes.append(self._name)

    def __exit__(self, *_):
        self._scopes.pop()


class Value:
    """A result of a layer, with its number of columns."""

    def __init__(self, net: Net, id: int, columns: int):
        self.net, self.id, self.columns = net, id, columns

    def op(self, op: str, **attributes) -> "Value":
        """An op of this value alone, such as relu, silu, tanh, sigmoid, pool, expand, shift."""
        return self.net.layer(op, [self], **attributes)

    def gelu(self, form: str = "erf") -> "Value":
        return self.op("gelu", form=form)

    def silu(self) -> "Value":
        return self.op("silu")

    def sigmoid(self) -> "Value":
        return self.op("sigmoid")

    def scale(self, factor: float) -> "Value":
        return self.op("scale", factor=float(factor))

    def dropout(self, rate: float) -> "Value":
        return self.op("dropout", rate=float(rate)) if rate else self

    def slice(self, first: int, width: int) -> "Value":
        return self.net.layer("slice", [self], columns=width, first=first, width=width)

    def rotary(self, head_width: int, theta: float, **attributes) -> "Value":
        return self.op("rotary", head_width=head_width, theta=float(theta), **attributes)

    def attend(self, k: "Value", v: "Value", heads: int, kv_heads: Optional[int] = None, **attributes) -> "Value":
        """Causal attention of these queries, unless span says otherwise."""
        return self.net.layer("attention", [self, k, v], heads=heads, kv_heads=kv_heads or heads, **attributes)

    def __add__(self, other: "Value") -> "Value":
        return self.net.layer("add", [self, other])

    def __mul__(self, other: Union["Value", float]) -> "Value":
        return self.net.layer("mul", [self, other]) if isinstance(other, Value) else self.scale(other)


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
