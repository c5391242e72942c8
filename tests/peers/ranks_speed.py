"""Training with several ranks of one thread beside one process with as many threads, on one machine, by an MPI library.

    python3 tests/peers/ranks_speed.py [--ranks 2] [--rounds 5] [--mpirun mpirun] [--strategy replicated] [--batch 8]

The model is that of vocab.toml (GPT-2, 4 layers of 256, vocabulary 8192) on the novels; a step has one micro-batch for
each rank. Both take turns, round by round; the ratio is that of tokens per second within a round, medians of the steps
after the first two.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def speed(arguments, store, ranks, threads):
    """Tokens per second, and the digest of the model."""
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.program, "train", str(ROOT / "configs/austen-builtin.toml")]
        settings = {
            "run.dir": folder, "run.name": "run", "data.store": store, "tokenizer.config.vocab_size": 8192,
            "model.config.layers": 4, "model.config.heads": 4, "model.config.width": 256, "model.context": 256,
            "model.config.dropout": 0.0,
            "train.batch": arguments.batch, "train.accumulate": arguments.ranks, "train.steps": arguments.steps,
            "train.threads": threads, "train.validate_every": 0, "train.validate_batches": 1, "sample.tokens": 0,
            "data.test": 0.01, "data.validation": 0.01, "report.page": "false", "ranks.strategy": arguments.strategy,
        }
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        launcher = [arguments.mpirun, "-n", str(ranks)] if ranks > 1 else []
        subprocess.run(launcher + command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(f"{folder}/run/metrics.jsonl") as log:
            steps = [line for line in map(json.loads, log) if line["kind"] == "step"]
        model = next(Path(folder).glob("run/checkpoints/step-*/model.safetensors")).read_bytes()
        return statistics.median(step["tokens_per_second"] for step in steps[2:]), hash(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8, help="sequences of a micro-batch")
    parser.add_argument("--mpirun", default="mpirun")
    parser.add_argument("--strategy", default="replicated")
    parser.add_argument("--program", default=str(ROOT / "target/release/trainyard"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as store:
        ratios = []
        for index in range(arguments.rounds + 1):
            (many, model), (one, same) = (speed(arguments, store, arguments.ranks, 1),
                                          speed(arguments, store, 1, arguments.ranks))
            if model != same:
                sys.exit("the models differ")
            print(f"{many:.0f} and {one:.0f} tokens/s: {many / one:.3f}", file=sys.stderr)
            # the first round prepares the data
            ratios += [many / one] if index > 0 else []
    print(f"{arguments.ranks} ranks x 1 thread / 1 rank x {arguments.ranks} threads: {statistics.median(ratios):.3f} "
          f"({min(ratios):.3f} to {max(ratios):.3f}), {arguments.rounds} rounds, {arguments.strategy}; equal models")


main()
