"""Training steps of trainyard compared with those of PyTorch in its best mode, and its scaling, as Markdown tables.

Usage, from the root of the repository, with nothing else running (needs PyTorch, g++ for torch.compile, and
`make build`; libtcmalloc_minimal is tried where it is installed):
    python tests/peers/step_compare.py speed      ms per step of both, f32 and bf16: --cases, --precisions
    python tests/peers/step_compare.py memory     the most memory that either process holds
    python tests/peers/step_compare.py scaling    time per token as layers, width, context and vocabulary double
    python tests/peers/step_compare.py wasm       steps with the loss as a WASM component and built in (`make plugins`)

`speed` first tries every mode that a user of PyTorch has on a CPU (as it is, with tcmalloc, with torch.compile; bf16
by autocast, with bfloat16 weights, with products in bfloat16, and not at all), and keeps the fastest. Then the two
take turns, round by round, on the same number of threads. Ratios are taken per round, so that what slows the machine
down for a while slows both. A round in which more than a tenth of a core did other work is not counted; where most
are, there is no ratio. The work is the same but for details: trainyard also computes the norm of the gradient, draws a
new batch every step and exempts norms and biases from weight decay; PyTorch repeats one batch.
"""
import argparse
import datetime
import glob
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent


def gpt(V, L, C, T, B, H=None, tied=False):
    return {"V": V, "L": L, "C": C, "T": T, "B": B, "H": H or C // 64, "tied": tied}


# V vocabulary, L layers, C width, T context, B batch, H heads; without heads it is an LSTM
CASES = {
    "char": gpt(65, 6, 384, 256, 16),
    "vocab": gpt(8192, 4, 256, 256, 16),
    "memory": gpt(50257, 2, 256, 256, 16),
    "50k": gpt(50257, 2, 256, 256, 4),
    "150k": gpt(150000, 2, 256, 256, 4),
    "124m": gpt(50257, 12, 768, 1024, 1, tied=True),
    "context-2048": gpt(2048, 4, 256, 2048, 1),
    "context-4096": gpt(2048, 4, 256, 4096, 1),
    "context-8192": gpt(2048, 4, 256, 8192, 1),
    "width-64": gpt(2048, 2, 64, 128, 1),
    "width-128": gpt(2048, 4, 128, 256, 1),
    "width-256": gpt(8192, 4, 256, 256, 1),
    "lstm": {"V": 8192, "L": 2, "C": 256, "T": 256, "B": 16},
}
MODES = {
    "f32": ["plain", "tcmalloc", "compile", "compile+tcmalloc"],
    "bf16": ["autocast", "autocast+tcmalloc", "autocast+compile+tcmalloc", "weights+tcmalloc",
             "weights+compile+tcmalloc", "products+tcmalloc", "products+compile+tcmalloc", "tcmalloc",
             "compile+tcmalloc"],
}
# Cores that other programs may use beside a round that counts.
FOREIGN = 0.1


def tcmalloc():
    return next(iter(sorted(glob.glob("/usr/lib/*/libtcmalloc_minimal.so*"))), None)


def busy_seconds():
    """Seconds that the cores of this machine were busy since it started, what a host took from them included."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, soft, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


class Torch:
    """step_torch.py, which keeps its model from round to round."""

    def __init__(self, case, mode, threads):
        command = [sys.executable, str(HERE / "step_torch.py"), json.dumps(CASES[case]), mode, str(threads)]
        environment = dict(os.environ)
        if "tcmalloc" in mode:
            environment["LD_PRELOAD"] = tcmalloc()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment)

    def run(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else None

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def trainyard(args, case, precision, vocab=None, settings=()):
    shape = CASES.get(case)
    file = case if shape is None or (HERE / f"{case}.toml").exists() else "vocab"
    command = [args.trainyard, "bench", "step", str(HERE / f"{file}.toml"), "--json"]
    command += ["--vocab", str(vocab or shape["V"]), "--steps", str(args.steps)]
    if file != case:
        sizes = {"layers": shape["L"], "heads": shape["H"], "width": shape["C"], "context": shape["T"]}
        settings = [f"model.{name}={size}" for name, size in sizes.items()] + list(settings)
        settings += [f"model.tied={str(shape['tied']).lower()}", f"train.batch={shape['B']}"]
    for setting in (f"train.threads={args.threads}", f"train.precision={precision}", *settings):
        command += ["--set", setting]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)


def best_mode(args, case, precision):
    """The fastest mode of PyTorch, by the faster of two steps after two that warm up."""
    times = {}
    for mode in MODES[precision]:
        if "tcmalloc" in mode and not tcmalloc():
            continue
        torch = Torch(case, mode, args.threads)
        answer = torch.run(2) and torch.run(2)
        torch.close()
        print(f"{case} {precision}: PyTorch {mode}: "
              + (f"{min(answer['milliseconds']):.1f} ms" if answer else "failed"), file=sys.stderr)
        if answer:
            times[mode] = min(answer["milliseconds"])
    return min(times, key=times.get)


def rounds(args, case, precision, mode=None):
    """PyTorch's mode, and (PyTorch's answer, trainyard's answer) per round that counts."""
    mode = mode or best_mode(args, case, precision)
    torch = Torch(case, mode, args.threads)
    torch.run(2)
    pairs = []
    for index in range(args.rounds):
        began, busy, own = time.perf_counter(), busy_seconds(), children()
        theirs = torch.run(args.steps)
        ours = trainyard(args, case, precision)
        own = children() - own + theirs["processor"]
        foreign = (busy_seconds() - busy - own) / (time.perf_counter() - began)
        counts = foreign <= FOREIGN
        if counts:
            pairs.append((theirs, ours))
        print(f"{case} {precision}: round {index + 1} of {args.rounds}, "
              f"{foreign:.2f} cores were busy with other work{'' if counts else ': not counted'}", file=sys.stderr)
    torch.close()
    for theirs, ours in pairs[:1]:
        if theirs["parameters"] != ours["parameters"]:
            sys.exit(f"{case}: {theirs['parameters']} parameters in PyTorch, {ours['parameters']} in trainyard")
    return mode, pairs


def children():
    """Processor time of programs that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def spread(values, digits=2):
    return f"{median(values):.{digits}f} | {min(values):.{digits}f} to {max(values):.{digits}f}"


def speed(args):
    print("\n| case | precision | PyTorch's best mode | PyTorch ms | trainyard ms | PyTorch / trainyard, median | range "
          "| cores busy, PyTorch | cores busy, trainyard |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in args.cases:
        for precision in args.precisions:
            mode, pairs = rounds(args, case, precision)
            if len(pairs) <= args.rounds // 2:
                print(f"| {case} | {precision} | {mode} | the machine was busy with other work | | | | | |", flush=True)
                continue
            theirs = [median(theirs["milliseconds"]) for theirs, _ in pairs]
            ours = [ours["milliseconds"]["median"] for _, ours in pairs]
            ratios = [a / b for a, b in zip(theirs, ours)]
            busy = [median(side["cores_busy"] for side in sides) for sides in zip(*pairs)]
            print(f"| {case} | {precision} | {mode} | {median(theirs):.1f} | {median(ours):.1f} | {spread(ratios)} "
                  f"| {busy[0]:.2f} | {busy[1]:.2f} |", flush=True)


def memory(args):
    mebibyte = 1 << 20
    print("\n| case | precision | PyTorch MiB | of it before the model | trainyard MiB | trainyard / PyTorch |")
    print("|---|---|---|---|---|---|")
    modes = {"f32": "plain", "bf16": "autocast"}
    for case in args.cases:
        for precision in args.precisions:
            one = argparse.Namespace(**{**vars(args), "rounds": 1})
            _, pairs = rounds(one, case, precision, modes[precision])
            if not pairs:
                sys.exit("the machine was busy with other work")
            theirs, ours = pairs[0]
            peaks = theirs["peak_memory"], ours["peak_memory"]
            print(f"| {case} | {precision} | {peaks[0] / mebibyte:.0f} | {theirs['memory_before_model'] / mebibyte:.0f} "
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


def first_line(path, start=""):
    """What follows `start` and a colon, or the whole first line."""
    try:
        with open(path) as file:
            line = next(line for line in file if line.startswith(start))
        return line.split(":")[1].strip() if start else line.strip()
    except (OSError, StopIteration):
        return None


def machine(args):
    """What a table was measured on."""
    name = first_line("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    numbers = ", ".join(f"{key} {value}" for key in ("cpu family", "model", "stepping")
                        if (value := first_line("/proc/cpuinfo", key)))
    caches = [first_line(f"{folder}/size") for folder in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*"))]
    governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not known"
    version = ""
    if args.mode in ("speed", "memory"):
        import torch
        version = f"PyTorch {torch.__version__}, "
    print(f"{name} ({numbers}), {len(os.sched_getaffinity(0))} cores, caches {' '.join(filter(None, caches)) or 'not known'}, "
          f"governor {governor}, load {os.getloadavg()[0]:.2f}; {args.threads} threads, {version}"
          f"{args.rounds} rounds of {args.steps} steps; {datetime.date.today()}", flush=True)


def main():
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["speed", "memory", "scaling", "wasm"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="timed per round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cases", type=words, help=f"of {','.join(CASES)}; char,vocab, and memory for its table")
    parser.add_argument("--precisions", type=words, default=["f32", "bf16"])
    parser.add_argument("--trainyard", default=str(HERE.parents[1] / "target" / "release" / "trainyard"))
    args = parser.parse_args()
    args.cases = args.cases or (["memory"] if args.mode == "memory" else ["char", "vocab"])
    machine(args)
    {"speed": speed, "memory": memory, "scaling": scaling, "wasm": wasm}[args.mode](args)


if __name__ == "__main__":
    main()
