"""Training steps of trainyard on a GPU compared with those of PyTorch, as Markdown tables.

Usage, from the root of the repository, with nothing else on the GPU (needs PyTorch with CUDA, and `make cuda`):
    python tests/peers/torch_gpt_cuda.py speed      time per step, tokens/s, share of the peak, memory
    python tests/peers/torch_gpt_cuda.py wasm       steps with the loss as a WASM component and built in (make plugins)

A case is a config of configs/, whose sizes both sides read. They take turns, round by round, on random tokens. Ratios
are taken per round. Both do forward, cross-entropy, backward, clipping and AdamW, whose decay is for matrices only.
PyTorch runs in three modes, all with fused AdamW, and bf16 as autocast: `eager` with attention written out, `sdpa` with
its fused attention, and `compile`, which is that under torch.compile. What differs favours PyTorch: it repeats one
batch that is on the GPU, and is timed by CUDA events without waiting for the loss; trainyard draws a new batch (outside
of its time), copies it to the GPU and reads the loss back every step, by the wall clock.

The peak is a bf16 product of 8192 x 8192 random matrices, measured before and after. Memory is what nvidia-smi shows
above what was in use before: contexts, libraries and caches of allocators are in it.
"""
import argparse
import datetime
import json
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from statistics import median
from types import SimpleNamespace

from torch_gpt_cuda_worker import flops_per_token

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VOCAB = {"gpt2-124m": 50257, "llama-350m": 32000}
MEBIBYTE = 1 << 20


def config(args, case):
    """The path and what is in it."""
    path = args.configs / f"{case}.toml"
    return path, tomllib.loads(path.read_text())


def vocab(args, case):
    return -(-VOCAB[case] // 64) * 64 if args.padded else VOCAB[case]


class Memory:
    """The most memory in use on the GPU while this is open, above what was in use before; None without nvidia-smi."""

    def __enter__(self):
        self.first, self.most = None, None
        command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0", "-lms", "20"]
        try:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        except FileNotFoundError:
            self.process = None
            return self
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        waited = time.monotonic() + 5
        while self.first is None and self.thread.is_alive() and time.monotonic() < waited:
            time.sleep(0.01)
        return self

    def read(self):
        for line in self.process.stdout:
            if line.strip().isdigit():
                used = int(line) * MEBIBYTE
                self.first = used if self.first is None else self.first
                self.most = max(used, self.most or 0)

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def used(self):
        return None if self.most is None else self.most - self.first


class Torch:
    """A worker that keeps its model from round to round."""

    def __init__(self, args, case, precision, mode):
        path, _ = config(args, case)
        command = [sys.executable, str(HERE / "torch_gpt_cuda_worker.py"), str(path), str(vocab(args, case)), precision,
                   mode, "--batch", str(args.batch), "--device", args.device]
        self.mode = mode
        with Memory() as memory:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            first = self.run(args.warmup)
        self.memory = memory.used()
        self.failed = first is None

    def order(self, order):
        """None when the worker has ended."""
        try:
            self.process.stdin.write(f"{order}\n")
            self.process.stdin.flush()
        except OSError:
            return None
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else None

    def run(self, steps):
        return self.order(steps)

    def peak(self):
        answer = self.order("peak")
        return answer["flops"] if answer else 0.0

    def close(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass
        self.process.wait()


def trainyard(args, case, precision, settings=()):
    """The program's answer, or None; its message about a failure goes to stderr."""
    path, _ = config(args, case)
    command = [str(args.trainyard), "bench", "step", str(path), "--json", "--vocab", str(vocab(args, case))]
    command += ["--steps", str(args.steps), "--warmup", str(args.warmup)]
    batch = [f"train.batch={args.batch}"] if args.batch else []
    for setting in (*args.set, f"train.precision={precision}", *batch, *settings):
        command += ["--set", setting]
    with Memory() as memory:
        ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        print(f"trainyard failed ({ran.returncode}): {' '.join(command)}\n{ran.stderr[-2000:]}", file=sys.stderr)
        return None
    answer = json.loads(ran.stdout)
    answer["device_memory"] = memory.used()
    return answer


def spread(values, digits=2):
    return f"{median(values):.{digits}f} | {min(values):.{digits}f} to {max(values):.{digits}f}"


def rounds(args, case, precision):
    """Per side the answers of all rounds, its memory, and the peak."""
    workers, sides = [], {}
    for mode in args.modes:
        worker = Torch(args, case, precision, mode)
        if worker.failed:
            print(f"PyTorch {mode} failed on {case}", file=sys.stderr)
            worker.close()
        else:
            workers.append(worker)
            sides[f"PyTorch {mode}"] = SimpleNamespace(run=lambda worker=worker: worker.run(args.steps), answers=[],
                                                       memory=worker.memory)
    sides["trainyard"] = SimpleNamespace(run=lambda: trainyard(args, case, precision), answers=[], memory=None)
    peak = max((worker.peak() for worker in workers[:1]), default=0.0)
    for index in range(args.rounds):
        order = list(sides.values())
        for side in order if index % 2 == 0 else order[::-1]:
            side.answers.append(side.run())
        print(f"{case} {precision}: round {index + 1} of {args.rounds}", file=sys.stderr)
    peak = max(peak, *(worker.peak() for worker in workers[:1]), 0.0)
    for worker in workers:
        worker.close()
    return sides, peak


def milliseconds(answer):
    """The median of a round, of either side."""
    if answer is None:
        return None
    times = answer["milliseconds"]
    return times["median"] if isinstance(times, dict) else median(times)


def save(args, raw):
    if args.json:
        args.json.write_text(json.dumps(raw, indent=1))


def compare_sizes(case, sides, flops):
    """Both sides must do the same work."""
    answers = [answer for side in sides.values() for answer in side.answers if answer]
    parameters = {answer["parameters"] for answer in answers}
    counted = {answer["flops_per_token"] for answer in answers if "flops_per_token" in answer}
    if len(parameters) > 1 or counted - {flops}:
        sys.exit(f"{case}: {parameters} parameters, {counted} operations per token where {flops} were expected")


def speed(args):
    print("\n| case | precision | program | ms | tokens/s | share of the peak | memory MiB "
          "| its time / trainyard's, median | range |")
    print("|---|---|---|---|---|---|---|---|---|")
    raw = []
    for case in args.cases:
        path, settings = config(args, case)
        flops = flops_per_token(settings["model"], vocab(args, case))
        tokens = (args.batch or settings["train"]["batch"]) * settings["model"]["context"]
        for precision in args.precisions:
            sides, peak = rounds(args, case, precision)
            compare_sizes(case, sides, flops)
            ours = [milliseconds(answer) for answer in sides["trainyard"].answers]
            for name, side in sides.items():
                times = [milliseconds(answer) for answer in side.answers]
                done = [time for time in times if time is not None]
                if not done:
                    print(f"| {case} | {precision} | {name} | failed | | | | | |", flush=True)
                    continue
                rate = 1e3 * tokens / median(done)
                memories = [answer.get("device_memory") for answer in side.answers if answer]
                memory = side.memory or max((memory for memory in memories if memory), default=None)
                ratios = [a / b for a, b in zip(times, ours) if a is not None and b is not None]
                print(f"| {case} | {precision} | {name} | {median(done):.2f} | {rate:.0f} "
                      f"| {f'{rate * flops / peak:.1%}' if peak else ''} "
                      f"| {f'{memory / MEBIBYTE:.0f}' if memory else ''} "
                      f"| {spread(ratios) if ratios else ' | '} |", flush=True)
                raw.append({"case": case, "precision": precision, "program": name, "milliseconds": times,
                            "tokens_per_second": rate, "peak_flops": peak, "memory": memory, "answers": side.answers})
            print(f"\n{case} {precision}: the peak is {peak / 1e12:.0f} TFLOP/s", file=sys.stderr)
            save(args, raw)


def wasm(args):
    """Whole steps, the loss in its two forms."""
    if not args.component.exists():
        sys.exit(f"{args.component}: not found; `make plugins` builds it")
    print("\n| case | precision | built-in ms | WASM ms | WASM / built-in, median | range |")
    print("|---|---|---|---|---|---|")
    raw = []
    for case in args.cases:
        for precision in args.precisions:
            turns = []
            for index in range(args.rounds):
                forms = [[], [f"loss.plugin={args.component.resolve()}"]]
                order = forms if index % 2 == 0 else forms[::-1]
                times = [milliseconds(trainyard(args, case, precision, form)) for form in order]
                if None in times:
                    sys.exit(f"{case} {precision}: a run failed")
                turns.append(times if index % 2 == 0 else times[::-1])
            builtin, component = zip(*turns)
            print(f"| {case} | {precision} | {median(builtin):.2f} | {median(component):.2f} "
                  f"| {spread([b / a for a, b in turns], 3)} |", flush=True)
            raw.append({"case": case, "precision": precision, "turns": turns})
            save(args, raw)


def machine(args):
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader", "-i", "0"]
    try:
        name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        name = "no GPU that nvidia-smi knows"
    version = ""
    if args.mode == "speed":
        import torch
        version = f"PyTorch {torch.__version__}, "
    print(f"{name}; {version}{args.rounds} rounds of {args.steps} steps after {args.warmup}; {datetime.date.today()}",
          flush=True)


def main():
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["speed", "wasm"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="timed per round")
    parser.add_argument("--warmup", type=int, default=5, help="steps before; PyTorch's only before the first round")
    parser.add_argument("--batch", type=int, default=0, help="sequences, in place of the config's")
    parser.add_argument("--padded", action="store_true", help="vocabularies rounded up to 64 tokens")
    parser.add_argument("--cases", type=words, default=list(VOCAB))
    parser.add_argument("--precisions", type=words, default=["bf16"], help="f32, bf16")
    parser.add_argument("--modes", type=words, default=["eager", "sdpa", "compile"], help="of PyTorch")
    parser.add_argument("--set", action="append", default=[], help="a setting for trainyard, such as train.device=cpu")
    parser.add_argument("--device", default="cuda:0", help="of PyTorch")
    parser.add_argument("--trainyard", type=Path, default=ROOT / "target" / "release" / "trainyard-cuda")
    parser.add_argument("--configs", type=Path, default=ROOT / "configs")
    parser.add_argument("--component", type=Path, default=ROOT / "target" / "plugins" / "cross-entropy.wasm")
    parser.add_argument("--json", type=Path, help="write every measurement into this file")
    args = parser.parse_args()
    machine(args)
    {"speed": speed, "wasm": wasm}[args.mode](args)


if __name__ == "__main__":
    main()
