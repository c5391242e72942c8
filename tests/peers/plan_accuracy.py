"""How far `trainyard plan` is from what a run takes: time of training and peak resident memory, on unlike configs.

    python3 tests/peers/plan_accuracy.py [--rounds 5] [--program target/release/trainyard]

Each round plans and trains every config once; the medians are compared. Runs are shortened to about half a minute, and
their held-out texts are measured as configured. Nothing else may run on the machine meanwhile.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

AUSTEN = "configs/austen-builtin.toml"
CASES = {
    "GPT-2, 3.7M": (AUSTEN, ["train.steps=60"]),
    "Llama, 3.5M, bf16": ("configs/austen-llama.toml", ["train.steps=60", "train.precision=bf16"]),
    "LSTM": (AUSTEN, ["model.plugin=lstm", "train.steps=60"]),
    "GPT-2, 3.7M, recomputation": (AUSTEN, ["train.steps=60", "train.recompute=true"]),
    "GPT-2, 91M, context 1024": ("configs/gpt2-124m.toml", [
        "train.device=cpu", "train.precision=f32", "train.steps=8", "train.batch=1", "train.validate_every=0",
        "data.validation=0.01", "data.test=0.0"]),
}


def child(command):
    """Output and peak resident memory of a process in bytes."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        if status:
            sys.exit(f"{' '.join(command)}: {said.read().decode()}")
    return json.loads(out), usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default="target/release/trainyard")
    parser.add_argument("--case")
    arguments = parser.parse_args()
    figures = {name: [] for name in CASES if not arguments.case or arguments.case in name}
    store = tempfile.TemporaryDirectory()
    # the first round prepares the data, which is no part of the plan
    for number in range(arguments.rounds + 1):
        for name, rows in figures.items():
            config, settings = CASES[name]
            sets = [word for setting in settings for word in ("--set", setting)]
            plan, _ = child([arguments.program, "plan", config, *sets, "--json"])
            with tempfile.TemporaryDirectory() as folder:
                own = ["--set", f"run.dir={folder}", "--set", "sample.tokens=0", "--set", "train.checkpoint_every=0",
                       "--set", f"data.store={store.name}"]
                run, memory = child([arguments.program, "train", config, *sets, *own, "--json"])
            predicted = plan["training_seconds"] + plan["validation_seconds"]
            row = (predicted, run["seconds"], plan["memory"], memory)
            print(name, *(f"{value:.4g}" for value in row), file=sys.stderr)
            if number > 0:
                rows.append(row)
    print("| config | time predicted | measured | | memory predicted | measured | |\n|---|---|---|---|---|---|---|")
    for name, rows in figures.items():
        time, took, memory, used = (statistics.median(column) for column in zip(*rows))
        cells = [f"{time:.1f} s", f"{took:.1f} s", f"{time / took:.2f}"]
        cells += [f"{memory / 2**20:.0f} MiB", f"{used / 2**20:.0f} MiB", f"{memory / used:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |")


main()
