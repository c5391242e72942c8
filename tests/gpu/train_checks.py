"""Short training runs on a GPU: does it learn as on a CPU, and does it resume as if nothing had happened?

Usage: python tests/gpu/train_checks.py BUNDLE FOLDER CHECK      (tests/gpu/run.sh calls it)
BUNDLE holds configs/, corpus/ and target/release/trainyard-cuda; runs go to FOLDER. A check prints what it found and
ends with a line `check: …`; the exit code is 1 when it failed. TRAINYARD_TEST_DEVICE is `cuda:0` when not set.
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

BUNDLE, FOLDER = (Path(argument).resolve() for argument in sys.argv[1:3])
DEVICE = os.environ.get("TRAINYARD_TEST_DEVICE", "cuda:0")
PROGRAM = os.environ.get("TRAINYARD_PROGRAM", str(BUNDLE / "target" / "release" / "trainyard-cuda"))
# Bits per byte of the test text after the 320 steps of configs/austen.toml on a CPU, f32: README.md. With bf16 the CPU
# ends 0.007 above.
CPU = {"f32": 1.9751, "bf16": 1.982}
NEAR = 0.02
SHORT = ["train.steps=60", "train.checkpoint_every=20", "train.validate_every=60", "train.keep_checkpoints=0",
         "train.deterministic=true", "sample.tokens=0"]


def run(*arguments):
    ran = subprocess.run([PROGRAM, *arguments], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(arguments)}\n{ran.stderr[-2000:]}\ncheck: {sys.argv[3]}: trainyard failed "
                 f"({ran.returncode})")
    return ran.stdout


def train(name, settings, device=DEVICE, resume=False, config="austen-builtin"):
    """The program's answer about a run on the text of `config`."""
    arguments = ["train", str(BUNDLE / "configs" / f"{config}.toml"), "--json"]
    arguments.append("--resume" if resume else "--overwrite")
    for setting in (f"run.name={name}", f"train.device={device}", *settings):
        arguments += ["--set", setting]
    summary = json.loads(run(*arguments))
    print(f"{name} on {device}: {summary['steps']} steps in {summary['seconds']:.1f} s, "
          f"{summary['tokens_per_second']:.0f} tokens/s, {bits(summary):.4f} bits per byte")
    return summary


def bits(summary):
    return next(metric["value"] for metric in summary["test"] if metric["name"] == "bits-per-byte")


def checkpoint(name, step):
    return FOLDER / "runs" / name / "checkpoints" / f"step-{step}"


def state(name, step=60):
    """Parameters, optimizer, and where the run is."""
    files = ["model.safetensors", "trainyard/optimizer.safetensors", "trainyard/state.json"]
    return [(checkpoint(name, step) / file).read_bytes() for file in files]


def cut(name, copy):
    """A run that was interrupted after step 20."""
    shutil.rmtree(FOLDER / "runs" / copy, ignore_errors=True)
    shutil.copytree(FOLDER / "runs" / name, FOLDER / "runs" / copy)
    for step in (40, 60):
        shutil.rmtree(checkpoint(copy, step))


def whole():
    """The run that others are compared with."""
    if not checkpoint("whole", 60).exists():
        train("whole", SHORT)


def learns(precision):
    found = bits(train(precision, [f"train.precision={precision}", "sample.tokens=0"]))
    return abs(found - CPU[precision]) <= NEAR, f"{found:.4f} bits per byte, {CPU[precision]:.4f} on a CPU"


def determinism():
    whole()
    train("again", SHORT)
    cut("whole", "resumed")
    train("resumed", SHORT, resume=True)
    expected = state("whole")
    again, resumed = state("again") == expected, state("resumed") == expected
    return again and resumed, f"a second run has the same bytes: {again}; a resumed one: {resumed}"


def exchange():
    """Half of a run here, half there: f32 on both, so only the order of sums differs."""
    whole()
    reference = train("cpu", SHORT, device="cpu")
    cut("whole", "to-cpu")
    cut("cpu", "from-cpu")
    found = [bits(summary) for summary in (reference, train("to-cpu", SHORT, device="cpu", resume=True),
                                           train("from-cpu", SHORT, resume=True))]
    spread = max(found) - min(found)
    return spread <= NEAR, f"CPU {found[0]:.4f}, GPU then CPU {found[1]:.4f}, CPU then GPU {found[2]:.4f}"


def component():
    whole()
    train("component", [*SHORT, f"loss.plugin={BUNDLE / 'target' / 'plugins' / 'cross-entropy.wasm'}"])
    same = state("component")[0] == state("whole")[0]
    return same, f"a loss as a component leaves the same parameters as the built-in one: {same}"


def generate():
    """Greedy text, here and on a CPU."""
    whole()
    shutil.rmtree(FOLDER / "runs" / "on-cpu", ignore_errors=True)
    shutil.copytree(FOLDER / "runs" / "whole", FOLDER / "runs" / "on-cpu")
    config = FOLDER / "runs" / "on-cpu" / "config.toml"
    config.write_text(config.read_text().replace(f'device = "{DEVICE}"', 'device = "cpu"'))
    texts = [run("generate", f"runs/{name}", "--prompt", "It is a truth", "--tokens", "60", "--temperature", "0")
             for name in ("whole", "on-cpu")]
    print(texts[0])
    return texts[0] == texts[1], f"the likeliest 60 tokens are those of the CPU: {texts[0] == texts[1]}"


CHECKS = {"f32": lambda: learns("f32"), "bf16": lambda: learns("bf16"), "determinism": determinism,
          "exchange": exchange, "component": component, "generate": generate}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    good, found = CHECKS[sys.argv[3]]()
    print(f"check: {sys.argv[3]} {'ok' if good else 'FAILED'}: {found}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
