#!/usr/bin/env python3
"""A training step on a machine that is busy with other work: slowdown beside k processes that never sleep, compared
with the fair share of the machine.

With t threads of ours and k of theirs on c cores the fair share is min(1, c / (t + k)); a step should not take longer
than 1.5 / share times a step alone. Steps alone and beside busy processes alternate, and means over all steps of a
burst are compared: what counts is progress, not the luckiest step.

usage: busy.py [--program FILE] [--other FILE] [--busy 4,16] [--rounds 3] [--case NAME] [--precision f32|bf16]
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# name: (config, vocabulary, further settings, steps alone, steps beside busy processes)
CASES = {
    "char": ("char.toml", 65, ["train.batch=2"], 4, 2),
    "vocab": ("vocab.toml", 8192, ["train.batch=2"], 4, 2),
    "small": ("char.toml", 65, ["model.layers=2", "model.heads=2", "model.width=64", "train.batch=4"], 100, 20),
}


def bench(program, case, precision, steps, threads):
    config, vocab, settings, _, _ = CASES[case]
    settings = [f"train.precision={precision}", f"train.threads={threads}", *settings]
    command = [program, "bench", "step", ROOT / "tests/peers" / config, "--vocab", str(vocab), "--steps", str(steps)]
    command += ["--warmup", "1", "--json", *(word for setting in settings for word in ("--set", setting))]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    # The mean step is the sum of its parts.
    return sum(group["milliseconds"] for group in json.loads(result.stdout)["groups"])


def processor_time(process):
    """Seconds that a process has had."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def beside(k, work):
    """What `work` returns beside k busy processes, and the share of a core that one of them had."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(k)]
    try:
        started, before = time.monotonic(), sum(map(processor_time, busy))
        result = work()
        seconds = time.monotonic() - started
        return result, (sum(map(processor_time, busy)) - before) / seconds / k if k else 1.0
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "target/release/trainyard")
    parser.add_argument("--other", help="a second program, measured in turn with the first")
    parser.add_argument("--busy", default="4,16", help="numbers of busy processes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", default="char", choices=CASES)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    cores, threads = len(os.sched_getaffinity(0)), args.threads
    programs = [program for program in (args.program, args.other) if program]
    numbers = [int(k) for k in args.busy.split(",") if k]
    alone_steps, busy_steps = CASES[args.case][3:]
    seen = {(program, k): [] for program in programs for k in [0, *numbers]}
    for _ in range(args.rounds):
        for k in [0, *numbers]:
            for program in programs:
                steps = busy_steps if k else alone_steps
                seen[program, k].append(beside(k, lambda: bench(program, args.case, args.precision, steps, threads)))
    print(f"{args.case}, {args.precision}, {threads} threads on {cores} cores; medians of {args.rounds} rounds")
    for program in programs:
        alone = statistics.median(ms for ms, _ in seen[program, 0])
        print(f"{program}: alone {alone:.1f} ms a step ({', '.join(f'{ms:.1f}' for ms, _ in seen[program, 0])})")
        for k in numbers:
            most = 1.5 / min(1, cores / (threads + k))
            slowdown = statistics.median(ms for ms, _ in seen[program, k]) / alone
            # What others on the machine took is in the share that the busy processes had.
            fair = statistics.median(ms / alone * min(1, share) for ms, share in seen[program, k])
            each = ", ".join(f"{ms / alone:.1f}" for ms, _ in seen[program, k])
            verdict = "within" if slowdown <= most else "ABOVE"
            print(
                f"  beside {k:2}: {slowdown:5.1f} times slower ({each}); 1.5 / share = {most:.1f}: {verdict}; "
                f"{fair:.2f} times as slow as by the share of a busy process"
            )


if __name__ == "__main__":
    main()
