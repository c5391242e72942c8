#!/usr/bin/env python3
"""Learning curves of configs/tasks/: how right classifiers are that learned from few labels.

    python3 scripts/task_data.py reviews
    trainyard train configs/tasks/reviews-masked.toml
    python3 scripts/task_curves.py                      50, 200 and 1,000 labels, 5 draws of each, on the test split
    python3 scripts/task_curves.py --seeds 3 --labels 50 200 --split validation
    python3 scripts/task_curves.py --field label        positive or negative, in place of what is reviewed

Compares a BERT with random weights (reviews-scratch.toml), the same from the weights of reviews-masked.toml
(reviews-tuned.toml) and, where there is reviews-tfidf.toml, a linear model on TF-IDF. Each draw of labels trains each
of them once, with the draw's number as seed, so differences are taken draw by draw. A run that is there already, in
runs/curves/, is not trained again; one that was interrupted is resumed.

Needs Python 3.9 and nothing else. The last line of each run's metrics says what it found; `--out FILE` (default
runs/curves/curves.json) keeps all numbers.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs" / "tasks"
RUNS = ROOT / "runs" / "curves"
DATA = ROOT / "data" / "tasks" / "reviews"

METHODS = {"scratch": "reviews-scratch.toml", "tuned": "reviews-tuned.toml", "tfidf": "reviews-tfidf.toml"}
MEASURES = ("accuracy", "macro f1")
FIELDS = ("domain", "label")

# Quantiles 0.975 of Student's t for 1, 2, … degrees of freedom.
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)


def main():
    args = arguments()
    methods = [method for method, config in METHODS.items() if (CONFIGS / config).exists()]
    seeds = range(1, args.seeds + 1)
    cells = [(method, labels, seed) for labels in args.labels for seed in seeds for method in methods]
    started = time.time()
    with ThreadPoolExecutor(args.jobs) as pool:
        finals = dict(zip(cells, pool.map(lambda cell: train(args, *cell), cells)))
    found = {cell: values(final["predictions"][args.split]) for cell, final in finals.items()}
    documents = next(iter(finals.values()))["predictions"][args.split]["documents"]
    print(f"{args.field}: {args.split} split, {documents} documents, {args.seeds} draws of labels; "
          f"{len(cells)} runs, {(time.time() - started) / 60:.0f} minutes\n")
    report = summary(args, methods, found)
    print(table(report))
    print(chart(report))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"numbers: {args.out}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 200, 1000], metavar="N", help="numbers of labels")
    parser.add_argument("--field", choices=FIELDS, default="domain",
                        help="what is learned: whether a book, a hotel or a laptop is reviewed (domain, the "
                             "default), or whether the review is positive or negative (label)")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="draws of labels, from 1 (default: 5)")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="what is measured")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at the same time (default: 1)")
    parser.add_argument("--program", default=shutil.which("trainyard") or str(ROOT / "target/release/trainyard"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every run")
    parser.add_argument("--out", type=Path, default=RUNS / "curves.json", metavar="FILE")
    args = parser.parse_args()
    if not 2 <= args.seeds <= len(T):
        parser.error(f"--seeds: expected 2 to {len(T)}, got {args.seeds}")
    for labels in args.labels:
        for seed in range(1, args.seeds + 1):
            if not (DATA / f"labels-{labels}-{seed}.jsonl").exists():
                parser.error(f"{DATA}/labels-{labels}-{seed}.jsonl is missing; `python3 scripts/task_data.py reviews` "
                             "makes files of 50, 200 and 1000 labels with the seeds 1 to 5")
    return args


def run_name(args, method, labels, seed):
    return f"{args.field}-{method}-{labels}-{seed}"


def train(args, method, labels, seed):
    """Trains one classifier, or finds it trained, and returns what it says of itself at the end."""
    name = run_name(args, method, labels, seed)
    sets = [f"run.name={name}", f"run.dir={RUNS}", f"run.seed={seed}", f"data.fields.label={args.field}",
            f"data.source.0.path={DATA}/labels-{labels}-{seed}.jsonl", *args.set]
    command = [args.program, "train", str(CONFIGS / METHODS[method]), "--resume-or-start"]
    command += [part for setting in sets for part in ("--set", setting)]
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"task_curves: {name}: `{' '.join(command)}` failed:\n{ended.stderr}")
    final = [json.loads(line) for line in (RUNS / name / "metrics.jsonl").read_text().splitlines()
             if line.startswith('{"kind":"final"')][-1]["final"]
    print(f"{args.split} accuracy {final['predictions'][args.split]['accuracy']:.4f}", file=sys.stderr, flush=True)
    return final


def values(predictions):
    return {"accuracy": predictions["accuracy"], "macro f1": predictions["macro"]["f1"]}


def interval(numbers):
    """Mean and half the width of its 95 % interval, by Student's t."""
    return mean(numbers), T[len(numbers) - 2] * stdev(numbers) / sqrt(len(numbers))


def summary(args, methods, found):
    """Means, deviations and paired differences by number of labels."""
    seeds = range(1, args.seeds + 1)
    rows = []
    for labels in args.labels:
        row = {"labels": labels, "methods": {}, "differences": {}}
        for method in methods:
            row["methods"][method] = {
                measure: {"mean": mean(numbers), "sd": stdev(numbers), "of": numbers}
                for measure in MEASURES
                for numbers in [[found[method, labels, seed][measure] for seed in seeds]]
            }
        for other in methods:
            if other != "tuned":
                row["differences"][f"tuned - {other}"] = {
                    measure: dict(zip(("mean", "half_width"), interval(
                        [found["tuned", labels, seed][measure] - found[other, labels, seed][measure]
                         for seed in seeds])))
                    for measure in MEASURES
                }
        rows.append(row)
    return {"field": args.field, "split": args.split, "seeds": args.seeds, "set": args.set, "rows": rows}


def table(report):
    lines = ["| labels | classifier | accuracy | macro F1 |", "|---|---|---|---|"]
    for row in report["rows"]:
        for method, measures in row["methods"].items():
            cells = [f"{measures[measure]['mean']:.4f} ± {measures[measure]['sd']:.4f}" for measure in MEASURES]
            lines.append(f"| {row['labels']} | {method} | {' | '.join(cells)} |")
        for pair, measures in row["differences"].items():
            cells = []
            for measure in MEASURES:
                middle, half = measures[measure]["mean"], measures[measure]["half_width"]
                cells.append(f"{middle:+.4f} (95 %: {middle - half:+.4f} to {middle + half:+.4f})")
            lines.append(f"| {row['labels']} | {pair} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\nmean ± standard deviation over draws; differences are paired, with t intervals\n"


def chart(report, width=60):
    """The curves as bars of text: accuracy from 0 to 1."""
    lines = [f"{'accuracy':<24}0{'1':>{width - 1}}"]
    for row in report["rows"]:
        for method, measures in row["methods"].items():
            bar = "█" * round(measures["accuracy"]["mean"] * width)
            lines.append(f"{row['labels']:>6} labels  {method:<9} {bar}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
