"""Entity F1 of a conditional random field over features of words: trainyard's compared with sklearn-crfsuite's.

Usage, from the root of the repository (needs sklearn-crfsuite, and `make build`):
    python3 scripts/task_data.py entities
    python tests/peers/features_crfsuite.py                     5 draws of 5,000 sentences, F1 on the test half
    python tests/peers/features_crfsuite.py --split validation --seeds 1 --c2 0.1 1 --set optimizer.lr=2e-2

Both sides train on the same sentences with the same features (host/src/feed/tasks/word_features.rs): trainyard hashes
them into columns and takes steps of AdamW, crfsuite keeps each and minimises by L-BFGS with c2 times the squares of its
weights. F1 is that of exact entities, counted by one function for both. The interval is Student's t of the paired
differences over draws.
"""
import argparse
import json
import random
import subprocess
import sys
import time
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import sklearn_crfsuite

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "data" / "tasks" / "entities"
RUNS = ROOT / "runs" / "crfsuite"
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def sentences(path):
    """Lists of (word, tag)."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    lines = ([line.split() for line in block.splitlines() if line.strip()] for block in blocks)
    return [[(line[0], line[-1]) for line in block] for block in lines if block]


def shape(word):
    kinds = ["X" if c.isupper() else "x" if c.isalpha() else "0" if c.isnumeric() else c for c in word]
    return "".join(kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind)


def written(word, where):
    upper = any(c.isupper() for c in word) and not any(c.islower() for c in word)
    title = word[:1].isupper() and not any(c.isupper() for c in word[1:])
    return [f"{where}lower={word.lower()}", f"{where}title={title}", f"{where}upper={upper}",
            f"{where}digit={bool(word) and all(c.isnumeric() for c in word)}"]


def features(words):
    """The features of each word."""
    every = []
    for place, word in enumerate(words):
        of = ["any", *written(word, ""), "shape=" + shape(word)]
        for n in range(1, min(3, len(word)) + 1):
            of += [f"prefix={word[:n]}", f"suffix={word[-n:]}"]
        for neighbour in (-2, -1, 1, 2):
            at = place + neighbour
            if not 0 <= at < len(words):
                of.append(f"{neighbour}:border")
                continue
            of += written(words[at], f"{neighbour}:")
            if abs(neighbour) == 1:
                of.append(f"{neighbour}:pair={word.lower()} {words[at].lower()}")
        every.append(of)
    return every


def entities(tags):
    """Spans as seqeval counts them: an I that continues nothing begins one."""
    found, start, name = set(), None, None
    for at, tag in enumerate([*tags, "O"]):
        form, _, kind = tag.partition("-")
        if start is not None and not (form == "I" and kind == name):
            found.add((start, at, name))
            start = None
        if start is None and form in "BI" and kind:
            start, name = at, kind
    return found


def f1(gold, predicted):
    right = n_gold = n_predicted = 0
    for tags, guess in zip(gold, predicted):
        tags, guess = entities(tags), entities(guess)
        right, n_gold, n_predicted = right + len(tags & guess), n_gold + len(tags), n_predicted + len(guess)
    return 2 * right / max(1, n_gold + n_predicted)


def crfsuite(train, held, c2):
    def tags(some):
        return [[tag for _, tag in sentence] for sentence in some]

    def read(some):
        return [features([word for word, _ in sentence]) for sentence in some]
    started = time.time()
    for linesearch in ("MoreThuente", "Backtracking"):
        model = sklearn_crfsuite.CRF(algorithm="lbfgs", linesearch=linesearch, c1=0.0, c2=c2, max_iterations=200,
                                     all_possible_transitions=True)
        model.fit(read(train), tags(train))
        # its default line search sometimes ends after a few iterations, far from the minimum
        if len(model.training_log_.iterations) > 30:
            break
    return f1(tags(held), model.predict(read(held))), time.time() - started


def trainyard(args, seed, train, held):
    folder = RUNS / f"draw-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in (("train", train), ("held", held)):
        text = "\n".join("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in some)
        (folder / f"{name}.conll").write_text(text, encoding="utf-8")
    sets = [f"run.name=run-{seed}", f"run.dir={RUNS}", f"run.seed={seed}", "data.held_out.validation=0.0",
            f"data.source.0.path={folder}/train.conll", f"data.held_out.path={folder}/held.conll", *args.set]
    command = [args.program, "train", str(ROOT / "configs/tasks/entities-crf.toml"), "--overwrite"]
    started = time.time()
    ended = subprocess.run(command + [part for one in sets for part in ("--set", one)], capture_output=True, text=True)
    if ended.returncode:
        sys.exit(f"features_crfsuite: {ended.stderr}")
    seconds = time.time() - started
    given = "".join(json.dumps({"text": " ".join(word for word, _ in sentence),
                                "tags": ["O"] * len(sentence)}) + "\n" for sentence in held)
    ended = subprocess.run([args.program, "predict", str(RUNS / f"run-{seed}")], input=given, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(f"features_crfsuite: {ended.stderr}")
    predicted = [json.loads(line)["tags"] for line in ended.stdout.splitlines()]
    return f1([[tag for _, tag in sentence] for sentence in held], predicted), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="draws of sentences, from 1")
    parser.add_argument("--sentences", type=int, default=5000, metavar="N")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="half of the held-out text")
    parser.add_argument("--c2", type=float, nargs="+", default=[0.1], help="penalties of crfsuite, each in turn")
    parser.add_argument("--program", default=str(ROOT / "target/release/trainyard"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of trainyard's runs")
    args = parser.parse_args()
    # words that no white space can separate are left out on both sides
    every = [sentence for sentence in sentences(DATA / "train.conll") if len(sentence) <= 128]
    held = [sentence for sentence in sentences(DATA / "held_out.conll") if len(sentence) <= 128]
    held = held[args.split == "test"::2]
    differences = {c2: [] for c2 in args.c2}
    for seed in range(1, args.seeds + 1):
        train = random.Random(seed).sample(every, args.sentences)
        ours, seconds = trainyard(args, seed, train, held)
        print(f"draw {seed}: trainyard {ours:.4f} ({seconds:.0f} s)", end="", flush=True)
        for c2 in args.c2:
            theirs, seconds = crfsuite(train, held, c2)
            differences[c2].append(ours - theirs)
            print(f", crfsuite c2 = {c2:g} {theirs:.4f} ({seconds:.0f} s)", end="", flush=True)
        print()
    for c2, found in differences.items():
        if len(found) > 1:
            half = T[len(found) - 2] * stdev(found) / sqrt(len(found))
            print(f"c2 = {c2:g}: difference {mean(found):+.4f}, 95 %: {mean(found) - half:+.4f} to {mean(found) + half:+.4f}")


if __name__ == "__main__":
    main()
