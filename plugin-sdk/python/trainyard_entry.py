"""What componentize-py enters: the functions of every kind's world, in terms of trainyard_plugin."""

import traceback

import wit_world
from componentize_py_types import Err
from wit_world.imports import log, types

try:
    from wit_world.imports import networks
except ImportError:
    networks = None  # no model's world

import plugin
import trainyard_plugin as sdk
from trainyard_settings import SETTINGS

_plugin = None
sdk._write_log = lambda level, line: log.write(log.Level[level.upper()], line)


def _answer(call):
    """What a call returns; its exceptions as the contract's errors."""
    try:
        return call()
    except sdk.PluginError as error:
        kind, message = error.kind, error.message
    except NotImplementedError as error:
        kind, message = "unsupported", str(error) or "this plugin does not do that"
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        kind, message = "internal", f"{type(error).__name__} at {frame.filename}:{frame.lineno}: {error}"
    raise Err(types.PluginError(types.ErrorKind[kind.upper()], message))


def _info():
    direction = types.Direction.HIGHER_IS_BETTER if _plugin.higher_is_better else types.Direction.LOWER_IS_BETTER
    return types.MetricInfo(_plugin.unit, direction, _plugin.aggregation)


def _graph():
    graph = _plugin.describe()
    nodes = [types.Node(op, inputs, attributes) for op, inputs, attributes in graph.nodes]
    # no newer set than it needs, so that older hosts run it
    op_set = max((sdk.LATER_OPS.get(op, 1) for op, _, _ in graph.nodes), default=1)
    return types.Graph(op_set, nodes, [types.Output(*output) for output in graph.outputs])


def _value(value):
    """A setting's value: its type says which case of the contract's it is."""
    if isinstance(value, bool):
        return types.Value_Boolean(value)
    if isinstance(value, int):
        return types.Value_Integer(value)
    if isinstance(value, float):
        return types.Value_Number(value)
    if isinstance(value, str):
        return types.Value_Text(value)
    if all(isinstance(item, str) for item in value) and value:
        return types.Value_Texts(list(value))
    return types.Value_Numbers([float(item) for item in value])


def _settings(settings):
    return [types.Setting(key, _value(value)) for key, value in settings.items()]


def _sizes(sizes):
    return {size.name: size.value for size in sizes}


def _network(sizes):
    net = _plugin.describe(_sizes(sizes))
    parameters = [networks.Parameter(**parameter) for parameter in net.parameters]
    layers = [
        networks.Layer(op, scope, inputs, parameters, _settings(attributes))
        for op, scope, inputs, parameters, attributes in net.layers
    ]
    heads = [networks.Head(*head) for head in net.heads]
    return networks.Network(sdk.NETWORK_OP_SET, parameters, layers, heads, net.blocks, net.ignored)


def _verdict(verdict):
    score = None if verdict.score is None else float(verdict.score)
    spans = [types.Span(start, end) for start, end in verdict.spans]
    return types.Verdict(verdict.keep, verdict.reason, score, verdict.text, spans)


def _vocabulary():
    tokens, specials = _plugin.vocabulary()
    return types.Vocabulary(tokens, [types.SpecialToken(name, id) for name, id in specials])


def _batch(sequences):
    ids, ends = [], []
    for sequence in sequences:
        ids.extend(sequence)
        ends.append(len(ids))
    return types.TokenBatch(ids, ends)


def _sequences(batch):
    starts = [0, *batch.ends]
    return [list(batch.ids[start:end]) for start, end in zip(starts, batch.ends)]


class WitWorld(wit_world.WitWorld):
    def create(self, settings):
        def create():
            global _plugin
            case = lambda value: type(value).__name__.removeprefix("Value_").lower()
            given = [(s.key, case(s.value), s.value.value) for s in settings]
            _plugin = plugin.Plugin(sdk.read_settings(SETTINGS, given))

        return _answer(create)

    def two_pass(self):
        return bool(_plugin.two_pass())

    def observe(self, texts):
        return _answer(lambda: _plugin.observe(texts))

    def state(self):
        return _answer(lambda: bytes(_plugin.state()))

    def merge(self, state):
        return _answer(lambda: _plugin.merge(bytes(state)))

    def judge(self, documents):
        return _answer(lambda: [_verdict(verdict) for verdict in _plugin.judge(documents)])

    def train(self):
        return _answer(lambda: bytes(_plugin.train()))

    def load(self, model):
        return _answer(lambda: _plugin.load(bytes(model)))

    def vocabulary(self):
        return _answer(_vocabulary)

    def encode(self, texts):
        return _answer(lambda: _batch(_plugin.encode(texts)))

    def decode(self, batch):
        return _answer(lambda: _plugin.decode(_sequences(batch)))

    def describe(self, sizes=None):
        return _answer(_graph if sizes is None else lambda: _network(sizes))

    def import_config(self, config):
        given = {setting.key: setting.value.value for setting in config}
        return _answer(lambda: _settings(_plugin.import_config(given)))

    def export_config(self, sizes):
        return _answer(lambda: _settings(_plugin.export_config(_sizes(sizes))))

    def info(self):
        return _answer(_info)

    def update(self, pairs):
        return _answer(lambda: _plugin.update([(pair.hypothesis, pair.references) for pair in pairs]))

    def value(self):
        return _answer(lambda: float(_plugin.value()))
