"""Training steps of trainyard compared with those of PyTorch, and trainyard's scaling, as Markdown tables.

Usage, from the root of the repository, with nothing else running (needs PyTorch, and `make build`):
    python tests/peers/step_compare.py speed      ms per step of both, f32 and bf16
    python tests/peers/step_compare.py memory     the most memory that either process holds
    python tests/peers/step_compare.py scaling    time per token as layers, width, context and vocabulary double
    python tests/peers/step_compare.py wasm       steps with the loss as a WASM component and built in (`make plugins`)

The two take turns, round by round, on the same number of threads. Ratios are taken per round, so that what slows the
machine down for a while slows both. The work is the same but for details: trainyard also computes the norm of the
gradient, draws a new batch every step and exempts norms and biases from weight decay; PyTorch repeats one batch.
"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
VOCAB = {"char": 65, "vocab": 8192, "memory": 50257, "lstm": 8192}


class Torch:
    """step_torch.py, which keeps its model from round to round."""

    def __init__(self, case, precision, threads):
        command = [sys.executable, str(HERE / "step_torch.py"), case, precision, str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("step_torch.py ended without an answer")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def trainyard(args, case, precision, vocab=None, settings=()):
    command = [args.trainyard, "bench", "step", str(HERE / f"{case}.toml"), "--json"]
    command += ["--vocab", str(vocab or VOCAB[case]), "--steps", str(args.steps)]
    for setting in (f"train.threads={args.threads}", f"train.precision={precision}", *settings):
        command += ["--set", setting]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)


def rounds(args, case, precision):
    """(PyTorch's answer, trainyard's answer) per round."""
    torch = Torch(case, precision, args.threads)
    torch.run(2)
    pairs = []
    for index in range(args.rounds):
        pairs.append((torch.run(args.steps), trainyard(args, case, precision)))
        print(f"{case} {precision}: round {index + 1} of {args.rounds}", file=sys.stderr)
    torch.close()
    for theirs, ours in pairs[:1]:
        if theirs["parameters"] != ours["parameters"]:
            sys.exit(f"{case}: {theirs['parameters']} parameters in PyTorch, {ours['parameters']} in trainyard")
    return pairs


def spread(values, digits=2):
    return f"{median(values):.{digits}f} | {min(values):.{digits}f} to {max(values):.{digits}f}"


def speed(args):
    print("\n| case | precision | PyTorch ms | trainyard ms | PyTorch / trainyard, median | range "
          "| cores busy, PyTorch | cores busy, trainyard |")
    print("|---|---|---|---|---|---|---|---|")
    for case in args.cases:
        for precision in args.precisions:
            pairs = rounds(args, case, precision)
            theirs = [median(theirs["milliseconds"]) for theirs, _ in pairs]
            ours = [ours["milliseconds"]["median"] for _, ours in pairs]
            ratios = [a / b for a, b in zip(theirs, ours)]
            busy = [median(side["cores_busy"] for side in sides) for sides in zip(*pairs)]
            print(f"| {case} | {precision} | {median(theirs):.1f} | {median(ours):.1f} | {spread(ratios)} "
                  f"| {busy[0]:.2f} | {busy[1]:.2f} |", flush=True)


def memory(args):
    mebibyte = 1 << 20
    print("\n| case | precision | PyTorch MiB | of it before the model | trainyard MiB | trainyard / PyTorch |")
    print("|---|---|---|---|---|---|")
    for precision in args.precisions:
        theirs, ours = rounds(argparse.Namespace(**{**vars(args), "rounds": 1}), "memory", precision)[0]
        peaks = theirs["peak_memory"], ours["peak_memory"]
        print(f"| memory | {precision} | {peaks[0] / mebibyte:.0f} | {theirs['memory_before_model'] / mebibyte:.0f} "
              f"| {peaks[1] / mebibyte:.0f} | {peaks[1] / peaks[0]:.2f} |", flush=True)


def scaling(args):
    """Heads stay 64 wide and a step 4096 tokens."""
    base = {"layers": 4, "width": 256, "context": 256, "vocab": 8192}
    chains = [[{**base, name: base[name] * factor // 2} for factor in (1, 2, 4)] for name in base]
    print("\n| doubled | from | to | time per token, ratio | arithmetic per token, ratio | time / arithmetic |")
    print("|---|---|---|---|---|---|")

    def measure(size, precision):
        settings = [f"model.{name}={size[name]}" for name in ("layers", "width", "context")]
        settings += [f"model.heads={size['width'] // 64}", f"train.batch={4096 // size['context']}"]
        return trainyard(args, "vocab", precision, size["vocab"], settings)

    for name, chain in zip(base, chains):
        turns = []
        for index in range(args.rounds):
            turns.append([measure(size, args.precisions[0]) for size in chain])
            print(f"{name}: round {index + 1} of {args.rounds}", file=sys.stderr)
        for small, large in ((0, 1), (1, 2)):
            pairs = [(turn[small], turn[large]) for turn in turns]
            time = median(a["tokens_per_second"] / b["tokens_per_second"] for a, b in pairs)
            arithmetic = pairs[0][1]["flops_per_token"] / pairs[0][0]["flops_per_token"]
            print(f"| {name} | {chain[small][name]} | {chain[large][name]} | {time:.2f} | {arithmetic:.2f} "
                  f"| {time / arithmetic:.2f} |", flush=True)


def wasm(args):
    """Whole steps, the loss in its two forms."""
    component = HERE.parents[1] / "target" / "plugins" / "cross-entropy.wasm"
    if not component.exists():
        sys.exit(f"{component}: not found; `make plugins` builds it")
    print("\n| case | precision | built-in ms | WASM ms | WASM / built-in, median | range |")
    print("|---|---|---|---|---|---|")
    for case in args.cases:
        for precision in args.precisions:
            turns = []
            for index in range(args.rounds):
                forms = [[], [f"loss.plugin={component}"]]
                order = forms if index % 2 == 0 else forms[::-1]
                times = [trainyard(args, case, precision, settings=form)["milliseconds"]["median"] for form in order]
                turns.append(times if index % 2 == 0 else times[::-1])
                print(f"{case} {precision}: round {index + 1} of {args.rounds}", file=sys.stderr)
            builtin, component_times = zip(*turns)
            ratios = [b / a for a, b in turns]
            print(f"| {case} | {precision} | {median(builtin):.1f} | {median(component_times):.1f} "
                  f"| {spread(ratios, 3)} |", flush=True)


def machine(args):
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as cpuinfo:
            name = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")), name)
    version = ""
    if args.mode in ("speed", "memory"):
        import torch
        version = f"PyTorch {torch.__version__}, "
    print(f"{name}, {len(os.sched_getaffinity(0))} cores; {args.threads} threads, {version}"
          f"{args.rounds} rounds of {args.steps} steps; {datetime.date.today()}", flush=True)


def main():
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["speed", "memory", "scaling", "wasm"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="timed per round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cases", type=words, default=["char", "vocab"])
    parser.add_argument("--precisions", type=words, default=["f32", "bf16"])
    parser.add_argument("--trainyard", default=str(HERE.parents[1] / "target" / "release" / "trainyard"))
    args = parser.parse_args()
    machine(args)
    {"speed": speed, "memory": memory, "scaling": scaling, "wasm": wasm}[args.mode](args)


if __name__ == "__main__":
    main()
