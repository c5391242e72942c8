#!/usr/bin/env python3
"""Self-training: a classifier of few labels labels the rest itself, and another one learns from both.

    python3 scripts/task_data.py reviews
    trainyard train configs/tasks/reviews-masked.toml
    python3 scripts/self_training.py                    200 labels, 3 draws, measured on the test split
    python3 scripts/self_training.py --labels 50 --confidence 0.95 --split validation

For each draw, the teacher is a run of configs/tasks/reviews-tuned.toml: that of task_curves.py if it is there.
`trainyard predict` labels the reviews that have no label; of those that it is sure of, as many of each label are kept,
the surest first. The student begins where the teacher began and learns from both: the given labels and the predicted
ones are two sources, and their weights say how often it meets each. The student takes more steps; its other settings
are the teacher's.

Needs Python 3.9 and nothing else. Runs and predicted labels are in runs/curves/.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import mean

from task_curves import DATA, FIELDS, MEASURES, ROOT, RUNS, T, interval, run_name, train, values


def main():
    args = arguments()
    rows = []
    for seed in range(1, args.seeds + 1):
        teacher = values(train(args, "tuned", args.labels, seed)["predictions"][args.split])
        predicted, right = label(args, seed)
        student = values(learn(args, seed, predicted)["predictions"][args.split])
        rows.append({"seed": seed, "teacher": teacher, "student": student, "predicted": len(predicted), "right": right})
    print(f"{args.field}, {args.labels} labels, {args.split} split; "
          f"labels predicted with a probability of {args.confidence} or more\n")
    print("| draw | predicted labels | right | teacher | student |\n|---|---|---|---|---|")
    for row in rows:
        scores = [f"{row[who]['accuracy']:.4f}" for who in ("teacher", "student")]
        print(f"| {row['seed']} | {row['predicted']} | {row['right']:.1%} | {' | '.join(scores)} |")
    print()
    for measure in MEASURES:
        middle, half = interval([row["student"][measure] - row["teacher"][measure] for row in rows])
        print(f"{measure}: teacher {mean(row['teacher'][measure] for row in rows):.4f}, student "
              f"{middle:+.4f} (95 %: {middle - half:+.4f} to {middle + half:+.4f})")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--field", choices=FIELDS, default="domain", help="what is learned; see task_curves.py")
    parser.add_argument("--labels", type=int, default=200, metavar="N", help="number of labels (default: 200)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="draws of labels, from 1 (default: 3)")
    parser.add_argument("--confidence", type=float, default=0.9, metavar="P",
                        help="a label counts that has at least this probability (default: 0.9)")
    parser.add_argument("--most", type=int, default=4000, metavar="N", help="predicted labels at most (default: 4000)")
    parser.add_argument("--share", type=float, default=0.7, metavar="S",
                        help="share of what the student meets that has a predicted label (default: 0.7)")
    parser.add_argument("--steps", type=int, default=400, metavar="N", help="steps of the student (default: 400)")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="what is measured")
    parser.add_argument("--program", default=shutil.which("trainyard") or str(ROOT / "target/release/trainyard"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every run")
    args = parser.parse_args()
    if not 2 <= args.seeds <= len(T):
        parser.error(f"--seeds: expected 2 to {len(T)}, got {args.seeds}")
    return args


def label(args, seed):
    """Labels that the teacher gives to reviews without one, and how many of them are right."""
    given = {json.loads(line)["id"] for line in lines(DATA / f"labels-{args.labels}-{seed}.jsonl")}
    raw = {document["id"]: document for document in map(json.loads, lines(DATA / "raw.jsonl"))
           if document["id"] not in given}
    teacher = RUNS / run_name(args, "tuned", args.labels, seed)
    out = RUNS / f"{teacher.name}.predicted.jsonl"
    command = [args.program, "predict", str(teacher), "--data", str(DATA / "raw.jsonl")]
    with open(out, "w") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    if ended.returncode != 0:
        sys.exit(f"self_training: `{' '.join(command)}` failed:\n{ended.stderr}")
    by_label = {}
    for answer in map(json.loads, lines(out)):
        if answer["id"] in raw and answer["probabilities"][answer["label"]] >= args.confidence:
            by_label.setdefault(answer["label"], []).append(answer)
    truth = {document["id"]: document[args.field] for document in map(json.loads, lines(DATA / "train.jsonl"))}
    if len(by_label) < len(set(truth.values())):
        sys.exit(f"self_training: the teacher of draw {seed} is sure of {len(by_label)} labels; lower --confidence")
    # As many of each label: a teacher that prefers one would otherwise teach that.
    most = min(args.most // len(by_label), *map(len, by_label.values()))
    kept = [{**raw[answer["id"]], args.field: name}
            for name, answers in sorted(by_label.items())
            for answer in sorted(answers, key=lambda answer: -answer["probabilities"][name])[:most]]
    return kept, mean(truth[document["id"]] == document[args.field] for document in kept)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def learn(args, seed, predicted):
    """Trains the student and returns what it says of itself at the end."""
    name = run_name(args, "student", args.labels, seed)
    file = RUNS / f"{name}.jsonl"
    file.write_text("".join(json.dumps(document, ensure_ascii=False) + "\n" for document in predicted), "utf-8")
    given = DATA / f"labels-{args.labels}-{seed}.jsonl"
    sources = [(given, "given", 1 - args.share), (file, "predicted", args.share)]
    tables = ", ".join(f'{{path = "{path}", name = "{name}", weight = {weight:.4f}}}' for path, name, weight in sources)
    sets = [f"run.name={name}", f"run.dir={RUNS}", f"run.seed={seed}", f"data.fields.label={args.field}",
            f"data.source=[{tables}]", f"train.steps={args.steps}", *args.set]
    command = [args.program, "train", str(ROOT / "configs/tasks/reviews-tuned.toml"), "--overwrite"]
    command += [part for setting in sets for part in ("--set", setting)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"self_training: {name}: `{' '.join(command)}` failed:\n{ended.stderr}")
    final = [line for line in lines(RUNS / name / "metrics.jsonl") if line.startswith('{"kind":"final"')][-1]
    return json.loads(final)["final"]


if __name__ == "__main__":
    main()
