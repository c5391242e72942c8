"""Ranks of unequal speed: the time to the same validation loss of ranks that wait for none, compared with that of ranks
that add up their gradients in every step.

    python3 tests/peers/ranks_slow.py [--ranks 2] [--steps 160] [--more 1.25] [--local 10] [--set ranks.outer_lr=0.7]

Needs Linux with a core for each rank and taskset. Each rank has one thread and a core of its own; a busy process
shares that of the last rank, which is slowed to half. The model is that of configs/austen-builtin.toml. The ranks that
wait for none train `more` times as many steps; the time is that of the training clock in metrics.jsonl, between two
validations by interpolation.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def validations(arguments, store, name, settings):
    """Seconds and losses of the validations of a run."""
    with tempfile.TemporaryDirectory() as folder:
        common = {
            "run.dir": folder, "run.name": name, "data.store": store, "train.threads": 1, "sample.tokens": 0,
            "train.batch": 8 // arguments.ranks, "train.accumulate": arguments.ranks, "report.page": "false",
            "train.validate_every": arguments.every, "train.validate_batches": 8, "train.checkpoint_every": 0,
            **settings,
        }
        train = [arguments.program, "train", str(ROOT / "configs/austen-builtin.toml")]
        train += [word for key, value in common.items() for word in ("--set", f"{key}={value}")]
        command = [arguments.mpirun]
        for rank in range(arguments.ranks):
            command += ([":"] if rank else []) + ["-n", "1", "taskset", "-c", str(rank), *train]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(f"{folder}/{name}/metrics.jsonl") as log:
            records = [json.loads(line) for line in log]
        updates = [record for record in records if record["kind"] == "update"]
        if updates:
            parts = [sum(update["parts"] for update in updates if update["rank"] == rank)
                     for rank in range(arguments.ranks)]
            print(f"updates {len(updates)}, staleness at most {max(update['staleness'] for update in updates)}, "
                  f"parts by rank {parts}", file=sys.stderr)
        records = [record for record in records if record["kind"] == "validation"]
        return [(record["seconds"], record["validation"]["loss"]) for record in records]


def reaches(curve, loss):
    """Seconds until a curve is at a loss, between two validations by interpolation; none if it never is."""
    for (before, high), (after, low) in zip(curve, curve[1:]):
        if low <= loss < high:
            return before + (after - before) * (high - loss) / (high - low)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--more", type=float, default=1.25)
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--local", type=int, default=10)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--mpirun", default="mpirun")
    parser.add_argument("--program", default=str(ROOT / "target/release/trainyard"))
    arguments = parser.parse_args()
    settings = dict(setting.split("=", 1) for setting in arguments.set)
    apart = {"ranks.local_steps": arguments.local, "ranks.asynchronous": "true",
             "train.steps": round(arguments.steps * arguments.more), **settings}
    busy = subprocess.Popen(["taskset", "-c", str(arguments.ranks - 1), sys.executable, "-c", "while True: pass"])
    try:
        with tempfile.TemporaryDirectory() as store:
            together = validations(arguments, store, "together", {"train.steps": arguments.steps})
            print("together", together, file=sys.stderr)
            alone = validations(arguments, store, "alone", apart)
            print("alone", alone, file=sys.stderr)
    finally:
        busy.kill()
    seconds, loss = together[-1]
    own = reaches(alone, loss)
    print(f"validation loss {loss:.4f}: together after {seconds:.1f} s, "
          + (f"apart after {own:.1f} s: {seconds / own:.2f} times as fast" if own else "apart not reached"))


main()
