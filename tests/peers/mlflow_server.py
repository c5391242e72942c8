"""Logs sent to a real MLflow server and read back by MLflow's own client.

    python -m venv VENV && VENV/bin/pip install mlflow==3.17.2
    cargo build --release -p trainyard-export --example export
    VENV/bin/python tests/peers/mlflow_server.py EXPORT RUN [RUN ...]

EXPORT is the example's program, a RUN the folder of a finished run. The server listens on this machine only.
"""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

HOST = "127.0.0.1"
STARTED = "2026-11-30T03:11:56Z"


def header(kind, step):
    return {"kind": kind, "step": step, "name": "small", "commit": "abc", "host": "vm", "started": STARTED}


def small(root):
    """Numbers that JSON lacks, names that MLflow lacks, more settings and metrics than a request may have."""
    folder = root / "small"
    folder.mkdir()
    steps = [{"kind": "step", "step": n, "loss": 1 / n if n % 100 else None, "lr": 0.1, "grad_norm": 1.0,
              "seconds": n / 2, "tokens": n, "tokens_per_second": 2.0, "data_wait_ms": 0.0,
              "outputs": {"a,b": float(n)}} for n in range(1, 501)]
    validation = {"kind": "validation", "step": 500, "seconds": 250.0, "tokens": 500, "validation": {"größe": 1.5}}
    end = {"kind": "end", "step": 500, "state": "failed", "seconds": 251.0, "ended": "2026-11-30T03:16:20Z"}
    records = [header("run", 0), *steps, validation, end]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    settings = "".join(f"key{n} = {n}\n" for n in range(250))
    (folder / "config.toml").write_text(f'{settings}empty = ""\n"x,y" = true\n[[data.source]]\npath = "ü"\n')
    return folder


def flat(value, path=""):
    if isinstance(value, dict):
        return {key: one for name, inner in value.items() for key, one in flat(inner, f"{path}.{name}").items()}
    if isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        return {key: one for n, inner in enumerate(value) for key, one in flat(inner, f"{path}.{n}").items()}
    return {re.sub(r"[^/\w.\- :]", "_", path[1:]): value}


def check(client, run_id, folder):
    """Compares a run on the server with its log; returns the number of values."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    run = client.get_run(run_id)
    settings = flat(tomllib.loads((folder / "config.toml").read_text()))
    assert set(run.data.params) == set(settings), set(run.data.params) ^ set(settings)
    for key, value in settings.items():
        got = run.data.params[key]
        text = json.dumps(value) if isinstance(value, (bool, list)) else value
        assert float(got) == value if type(value) in (int, float) else got == text, (key, got, value)
    end = records[-1]
    assert run.info.status == {"done": "FINISHED", "failed": "FAILED"}[end["state"]], run.info
    assert run.info.run_name == records[0]["name"] and run.data.tags["trainyard.commit"] == records[0]["commit"]
    start = milliseconds(records[0]["started"])
    assert run.info.start_time == start and run.info.end_time == milliseconds(end["ended"])
    n = 0
    wanted = {f"train/{name}": [(record["step"], record[name], record["seconds"]) for record in records
                                if record["kind"] == "step"]
              for name in ("loss", "lr", "grad_norm", "tokens", "tokens_per_second", "data_wait_ms")}
    for record in records:
        if record["kind"] == "step":
            for name, value in record.get("outputs", {}).items():
                key = "train/" + re.sub(r"[^/\w.\- :]", "_", name)
                wanted.setdefault(key, []).append((record["step"], value, record["seconds"]))
        if record["kind"] == "validation":
            for name, value in record["validation"].items():
                wanted.setdefault(f"validation/{name}", []).append((record["step"], value, record["seconds"]))
    for key, values in wanted.items():
        history = sorted(client.get_metric_history(run_id, key), key=lambda metric: metric.step)
        assert len(history) == len(values), (key, len(history), len(values))
        for metric, (step, value, seconds) in zip(history, values):
            # what is read from a log may differ in the last bit
            close = math.isnan(metric.value) if value is None else abs(metric.value - value) <= 2**-52 * abs(value)
            assert close and metric.step == step, (key, metric.value, value, step)
            assert abs(metric.timestamp - (start + 1e3 * seconds)) <= 1, (key, metric.timestamp)
            n += 1
    return n


def milliseconds(text):
    return int(1000 * datetime.fromisoformat(text).timestamp())


def main():
    program, *runs = sys.argv[1:]
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    url = f"http://{HOST}:{port}"
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        command = [Path(sys.executable).with_name("mlflow"), "server", "--host", HOST, "--port", str(port),
                   "--workers", "1", "--backend-store-uri", f"sqlite:///{root}/mlflow.db",
                   "--artifacts-destination", str(root / "artifacts")]
        with open(root / "server.log", "w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=root)
        try:
            deadline = time.monotonic() + 180
            while True:
                try:
                    urllib.request.urlopen(f"{url}/health").read()
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert server.poll() is None and time.monotonic() < deadline, (root / "server.log").read_text()
                    time.sleep(0.5)
            # slow to load, and not needed to wait
            from mlflow import MlflowClient

            client = MlflowClient(url)
            for folder in [small(root), *map(Path, runs)]:
                begun = time.monotonic()
                done = subprocess.run([program, "mlflow", folder / "metrics.jsonl", url], check=True,
                                      capture_output=True, text=True)
                seconds = time.monotonic() - begun
                n = check(client, done.stdout.strip(), folder)
                print(f"{folder.name}: {n} metrics, settings, status and times equal; sent in {seconds:.1f} s")
            names = [experiment.name for experiment in client.search_experiments()]
            assert sorted(names) == ["Default", "trainyard"], names
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
