"""Event files of host/export, read by TensorBoard itself: every value must be equal.

    python -m venv VENV && VENV/bin/pip install tensorboard==2.21.0
    cargo build --release -p trainyard-export --example export
    VENV/bin/python tests/peers/tensorboard_events.py EXPORT [METRICS.jsonl ...]

EXPORT is the example's program. Logs of finished runs may follow. Scalars are compared as 32-bit floats, which is what
TensorBoard plots. With --fixtures FOLDER instead, it writes what the Rust tests expect: host/export/tests/fixtures.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path

import numpy as np
from google.protobuf import json_format
from tensorboard.backend.event_processing import event_accumulator, event_file_loader, plugin_event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

STARTED = "2026-11-30T03:11:56Z"
START = datetime.fromisoformat(STARTED).timestamp()
EVERYTHING = {"scalars": 0, "tensors": 0}


def header(kind, step, started=STARTED):
    return {"kind": kind, "step": step, "name": "r", "host": "vm", "started": started, "steps": 12, "metrics": []}


def step(n, loss, seconds, **more):
    return {"kind": "step", "step": n, "loss": loss, "lr": 1e-3 / n, "grad_norm": 1 / 3, "seconds": seconds,
            "tokens": 2048 * n, "epochs": n / 7, "tokens_per_second": 4308.0, "data_wait_ms": 0.03, **more}


def measured(kind, n, seconds, **more):
    values = {"bits-per-byte": 2 + 1 / n, "größe": 0.1, "bad": None}
    return {"kind": kind, "step": n, "seconds": seconds, "tokens": 2048 * n, "validation": values,
            "validation_batches": [2, 9], "validation_outputs": {"bad": {"x": 1.25}}, **more}


def number(name, value, **more):
    return {"name": name, "value": value, "unit": "", "higher_is_better": False, "comparable": "text", **more}


def small_log():
    """Every kind of record, numbers that are not finite, an output with the name of a number of the host."""
    plugin = {"place": "filter", "name": "length", "backend": "wasm", "calls": 1, "items": 0, "bytes": 0,
              "seconds": 0.25, "errors": 0, "skipped": 0, "restarts": 0}
    report = {"validation": [number("loss", 1.5)], "test": [number("loss", 1.25, outputs={"x": 0.1})],
              "texts": {}, "predictions": {"test": {"f1": 0.5, "classes": {"a": {"recall": 1.0}}, "table": [[1]]}},
              "baseline": None, "sample": "It is *a* truth\n\n# universally <b>"}
    return [
        header("run", 0),
        {"kind": "warning", "step": 0, "warning": "the first"},
        {"kind": "warning", "step": 0, "warning": "the second"},
        measured("watch", 1, 0.0, text="general"),
        step(1, 7.671576183987781, 0.54, share_of_peak=0.523, outputs={"loss": 0.5, "z": 1e-30}),
        step(2, None, 1.0, negative_weight=-1.5, outputs={"loss": 3.0, "z": 1e300, "new": None}),
        measured("validation", 2, 1.5),
        step(3, 16777217.0, 8.0),
        {"kind": "final", "step": 3, "model_step": 3, "final": report},
        {"kind": "plugins", "step": 3, "plugins": [plugin, plugin]},
        {"kind": "end", "step": 3, "state": "done", "seconds": 9.0, "ended": "2026-11-30T03:14:20Z"},
    ]


CONFIG = '[run]\nseed = 1\nname = "r"\n[optimizer]\nlr = 0.002\n[train]\ndeterministic = false\n'
HPARAMS = {"run.seed": 1.0, "run.name": "r", "optimizer.lr": 0.002, "train.deterministic": False}


def resumed_log():
    """A run that was killed after step 8 and resumed from its checkpoint of step 5."""
    later = "2026-11-30T04:00:00Z"
    return [header("run", 0)] + [step(n, 10.0 - n, 3.0 * n) for n in range(1, 9)] + [measured("validation", 5, 15.0)] \
        + [measured("validation", 8, 24.0), header("resume", 5, later)] \
        + [step(n, 20.0 - n, 15.0 + n) for n in range(6, 13)]


def nulls(values):
    return {name: math.nan if value is None else value for name, value in values.items()}


def expected(records):
    """Scalars by tag and step, and the wall time of each."""
    scalars, steps = {}, {}
    start, first, now = 0.0, 0.0, 0.0
    of_step = ["loss", "lr", "grad_norm", "tokens_per_second", "data_wait_ms", "tokens", "epochs", "share_of_peak",
               "negative_weight"]

    def add(record, prefix, values):
        for name, value in nulls(values).items():
            scalars.setdefault(f"{prefix}{name}", {})[record["step"]] = (value, start + (now - first))

    for record in records:
        kind = record["kind"]
        if kind in ("run", "resume"):
            start, first = datetime.fromisoformat(record["started"]).timestamp(), now if kind == "resume" else 0.0
            # what was recorded of later steps is dropped
            for values in scalars.values():
                for n in [n for n in values if n > record["step"]]:
                    del values[n]
        now = record.get("seconds") or now
        if kind == "step":
            add(record, "train/", {name: record[name] for name in of_step if name in record})
            outputs = record.get("outputs", {})
            add(record, "train/", {f"{name}-2" if name in of_step else name: outputs[name] for name in outputs})
        elif kind in ("validation", "watch"):
            prefix = f"watch/{record['text']}/" if kind == "watch" else "validation/"
            add(record, prefix, record["validation"])
            for name, values in record.get("validation_outputs", {}).items():
                add(record, f"{prefix}{name}/", values)
        elif kind == "final":
            for split in ("validation", "test"):
                for value in record["final"][split]:
                    add(record, f"final/{split}/", {value["name"]: value["value"]})
                    add(record, f"final/{split}/{value['name']}/", value.get("outputs", {}))
            for split, values in record["final"].get("predictions", {}).items():
                add(record, f"final/predictions/{split}/", numbers(values))
        elif kind == "plugins":
            seen = {}
            for plugin in record["plugins"]:
                name = f"{plugin['place']}/{plugin['name']}"
                seen[name] = seen.get(name, 0) + 1
                name += f"-{seen[name]}" if seen[name] > 1 else ""
                add(record, f"plugins/{name}/", {"seconds": plugin["seconds"]})
    return {tag: values for tag, values in scalars.items() if values}


def numbers(values, prefix=""):
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update(numbers(value, f"{prefix}{name}/"))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = value
    return found


def f32(value):
    with np.errstate(over="ignore"):
        return np.float32(value)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def compare(folder, records):
    """Compares what EventAccumulator reads with the records; returns the number of scalars."""
    accumulator = event_accumulator.EventAccumulator(str(folder), size_guidance=EVERYTHING).Reload()
    want = expected(records)
    assert set(accumulator.Tags()["scalars"]) == set(want), set(accumulator.Tags()["scalars"]) ^ set(want)
    n = 0
    for tag, values in want.items():
        events = accumulator.Scalars(tag)
        assert [event.step for event in events] == list(values), (tag, [event.step for event in events], list(values))
        for event in events:
            value, wall_time = values[event.step]
            assert same(f32(event.value), f32(value)), (tag, event, value)
            assert event.wall_time == wall_time, (tag, event, wall_time)
            n += 1
    return n


def texts(folder, tag):
    accumulator = event_accumulator.EventAccumulator(str(folder), size_guidance=EVERYTHING).Reload()
    text = lambda event: tensor_util.make_ndarray(event.tensor_proto)[0].decode()
    return [(event.step, text(event)) for event in accumulator.Tensors(tag)]


def hparams(folder):
    """The session's beginning and its end, as the plugin reads them."""
    accumulator = plugin_event_accumulator.EventAccumulator(str(folder)).Reload()
    content = accumulator.PluginTagToContent(metadata.PLUGIN_NAME)
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    end = content.get(metadata.SESSION_END_INFO_TAG)
    return start, end and metadata.parse_session_end_info_plugin_data(end)


def write_log(folder, records, config=None, half=""):
    folder.mkdir(parents=True)
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (folder / "metrics.jsonl").write_text(lines + half)
    if config:
        (folder / "config.toml").write_text(config)
    return folder / "metrics.jsonl"


def export(program, what, log, folder):
    subprocess.run([program, what, log, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


def check_small(program, root):
    log = write_log(root / "small", small_log(), CONFIG, half='{"kind":"step","step":4,"lo')
    folder = export(program, "tensorboard", log, root / "board" / "small")
    n = compare(folder, small_log())
    block = lambda text: "".join(f"    {line}\n" for line in text.splitlines())
    assert texts(folder, "sample") == [(3, block(small_log()[8]["final"]["sample"]))]
    assert texts(folder, "config") == [(0, block(CONFIG))]
    assert texts(folder, "warnings")[-1] == (0, "    the first\n    the second\n")
    start, end = hparams(folder)
    assert json_format.MessageToDict(start)["hparams"] == HPARAMS, start
    assert start.start_time_secs == START and end.status == api_pb2.STATUS_SUCCESS and end.end_time_secs == START + 144
    print(f"every kind of record: {n} scalars equal, texts and hyperparameters equal")


def check_resumed(program, root):
    log = write_log(root / "resumed", resumed_log())
    live = export(program, "live", log, root / "board" / "live")
    assert len(list(live.iterdir())) == 2
    for folder in (live, export(program, "tensorboard", log, root / "board" / "exported")):
        n = compare(folder, resumed_log())
        plugin = plugin_event_accumulator.EventAccumulator(str(folder), size_guidance=EVERYTHING).Reload()
        assert [event.step for event in plugin.Tensors("train/loss")] == list(range(1, 13))
    print(f"a resumed run, two event files: {n} scalars equal, no step twice, in both of TensorBoard's readers")


def serve(board, root, fast):
    """Asks TensorBoard's web server for what it plots."""
    port_file = root / f"port-{fast}"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(board), "--host", "127.0.0.1", "--port", "0",
               "--load_fast", fast, "--samples_per_plugin", "scalars=1000,text=1000"]
    with open(port_file, "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        found = None
        while not found:
            assert server.poll() is None, port_file.read_text()
            time.sleep(0.2)
            found = re.search(r"http://([\d.]+:\d+)", port_file.read_text())
        get = lambda path: json.loads(urllib.request.urlopen(f"http://{found[1]}/data/{path}").read())
        deadline = time.monotonic() + 30
        while not {"small", "live", "exported"} <= set(get("plugin/scalars/tags")):
            assert time.monotonic() < deadline, get("plugin/scalars/tags")
            time.sleep(0.2)
        time.sleep(1)
        loss = lambda run: get(f"plugin/scalars/scalars?tag={urllib.parse.quote('train/loss', '')}&run={run}")
        want = {n: value for n, (value, _) in expected(resumed_log())["train/loss"].items()}
        for run in ("live", "exported"):
            assert {n: value for _, n, value in loss(run)} == want, loss(run)
        shown = json.dumps([value for _, _, value in loss("small")])
        doubles = [value for _, _, value in loss("doubles")]
        text = get("plugin/text/text?run=small&tag=sample")[0]["text"]
        assert "<code>It is *a* truth\n\n# universally &lt;b&gt;\n</code>" in text, text
        request = json.dumps({"colParams": [], "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN"],
                              "startIndex": 0, "sliceSize": 10}).encode()
        url = f"http://{found[1]}/data/plugin/hparams/session_groups"
        request = urllib.request.Request(url, request, {"Content-Type": "application/json"})
        groups = json.loads(urllib.request.urlopen(request).read())["sessionGroups"]
        assert [group["hparams"] for group in groups] == [HPARAMS], groups
        metrics = len(groups[0]["metricValues"])
        print(f"server, load_fast={fast}: steps once, losses {shown}, text as it is, {metrics} metrics beside hparams;"
              f" a scalar of 64 bits, pi: {doubles or 'not shown'}")
    finally:
        server.terminate()
        server.wait()


def write_doubles(folder):
    """The other form of a scalar, to see whether TensorBoard plots it: a tensor of 64 bits."""
    folder.mkdir()
    value = summary_pb2.Summary.Value(tag="train/loss", tensor=tensor_util.make_tensor_proto(math.pi, dtype=np.float64))
    value.metadata.plugin_data.plugin_name = "scalars"
    value.metadata.data_class = summary_pb2.DATA_CLASS_SCALAR
    events = [event_pb2.Event(wall_time=START, file_version="brain.Event:2"),
              event_pb2.Event(wall_time=START, step=1, summary=summary_pb2.Summary(value=[value]))]
    with open(folder / "events.out.tfevents.1.x", "wb") as file:
        for event in events:
            RecordWriter(file).write(event.SerializeToString())


def golden():
    """Events by TensorFlow's own messages, and one of them framed."""
    summary = lambda *values: summary_pb2.Summary(value=values)
    value = summary_pb2.Summary.Value
    text = value(tag="t", tensor=tensor_util.make_tensor_proto(["a\nb"]))
    text.metadata.plugin_data.plugin_name = "text"
    text.metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=START + 0.25)
    start.hparams["lr"].number_value = 0.002
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=START + 0.25)

    def hparams(tag, content):
        of = value(tag=tag, tensor=tensor_util.make_tensor_proto([0.0], dtype=np.float32))
        of.metadata.CopyFrom(metadata.create_summary_metadata(content))
        of.metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
        return of

    event = lambda **what: event_pb2.Event(wall_time=START + 0.25, **what)
    data = plugin_data_pb2.HParamsPluginData
    log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    scalars = summary(value(tag="train/loss", simple_value=0.1), value(tag="ü", simple_value=math.inf))
    events = {
        "file_version": event(file_version="brain.Event:2"),
        "session_start": event(step=300, session_log=log),
        "scalars": event(step=2**40, summary=scalars),
        "text": event(step=1, summary=summary(text)),
        "session_start_info": event(
            summary=summary(hparams(metadata.SESSION_START_INFO_TAG, data(session_start_info=start)))
        ),
        "session_end_info": event(summary=summary(hparams(metadata.SESSION_END_INFO_TAG, data(session_end_info=end)))),
    }
    encoded = {name: event.SerializeToString(deterministic=True) for name, event in events.items()}
    with tempfile.TemporaryFile() as file:
        RecordWriter(file).write(encoded["scalars"])
        file.seek(0)
        framed = file.read()
    return {name: event.hex() for name, event in encoded.items()} | {"framed": framed.hex()}


def fixtures(program, folder, root):
    """What the Rust tests compare with: a log, its event file, what TensorBoard reads in it, and single events."""
    folder.mkdir(parents=True, exist_ok=True)
    log = write_log(root / "small", small_log(), CONFIG)
    for name in ("metrics.jsonl", "config.toml"):
        shutil.copy(log.with_name(name), folder / name)
    board = export(program, "tensorboard", log, root / "board")
    compare(board, small_log())
    shutil.copy(next(board.iterdir()), folder / "events.bin")
    accumulator = event_accumulator.EventAccumulator(str(board), size_guidance=EVERYTHING).Reload()
    scalars = {}
    for tag in sorted(accumulator.Tags()["scalars"]):
        plain = lambda value: value if math.isfinite(value) else str(value)
        scalars[tag] = [[event.step, event.wall_time, plain(event.value)] for event in accumulator.Scalars(tag)]
    n_events = len(list(event_file_loader.RawEventFileLoader(str(next(board.iterdir()))).Load()))
    tags = [tag for tag in accumulator.Tags()["tensors"] if not tag.startswith("_hparams_")]
    answers = {"scalars": scalars, "texts": {tag: texts(board, tag) for tag in tags}, "events": n_events,
               "hparams": json_format.MessageToDict(hparams(board)[0])["hparams"], "golden": golden()}
    (folder / "answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def main():
    program, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        if rest[:1] == ["--fixtures"]:
            return fixtures(program, Path(rest[1]), root)
        check_small(program, root)
        check_resumed(program, root)
        for number, path in enumerate(rest):
            records = [json.loads(line) for line in Path(path).read_text().splitlines()]
            n = compare(export(program, "tensorboard", path, root / str(number)), records)
            print(f"{Path(path).parent.name}: {n} scalars equal")
        write_doubles(root / "board" / "doubles")
        for fast in ("true", "false"):
            serve(root / "board", root, fast)


if __name__ == "__main__":
    main()
