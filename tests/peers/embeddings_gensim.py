"""How near the vectors of a run of the task `embeddings` are to those of gensim, on the same tokens.

Usage: python embeddings_gensim.py RUN FILE.vec [SEEDS]      (gensim 4.4.0; FILE.vec is what `trainyard convert RUN
FILE.vec` wrote; SEEDS is 2 if not said)

gensim trains on the tokens of the run's training shard, without those that stand for no text, with the run's settings
and its number of epochs, once for each seed. For the 200 most frequent tokens the ten nearest by cosine are compared:
prints the share of them that two sets of vectors have in common, for each pair of seeds and for the run with each seed.

What is read last, at a low rate, shapes the vectors, so the order of the text counts. A run reads windows of
`model.context` tokens in a random order. gensim trains on such windows in an order that each seed draws, and then on
the documents as they follow one another in the shard.
"""
import itertools
import json
import random
import struct
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors, Word2Vec

# gensim cuts longer sentences off
SENTENCE = 10_000


def documents(data):
    """Documents of the training shard as ids, without tokens that stand for no text."""
    raw = (data / "train.shard").read_bytes()
    _, width, n_tokens, n_documents, _, end = struct.unpack_from("<IIQQII", raw, 8)
    tokens = np.frombuffer(raw, {2: "<u2", 4: "<u4"}[width], n_tokens, 128)
    ends = np.frombuffer(raw, "<u8", n_documents, 128 + -(-n_tokens * width // 8) * 8).astype(int)
    separator = 0 if end == 2**32 - 1 else 1
    has_text = np.array(json.loads((data / "vocabulary.json").read_text())["token_bytes"]) > 0
    for start, stop in zip([separator, *ends[:-1]], ends):
        ids = tokens[start:stop - separator]
        yield ids[has_text[ids]].tolist()


def nearest(vectors, ids, n=10):
    """The n nearest of each of these rows, by cosine."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    near = unit[ids] @ unit.T
    near[np.arange(len(ids)), ids] = -np.inf
    return [set(row) for row in np.argsort(-near, axis=1)[:, :n].tolist()]


def overlap(a, b):
    return sum(len(x & y) for x, y in zip(a, b)) / sum(len(x) for x in a)


def epochs_of(run):
    """How often a run has gone through its text, rounded."""
    steps = [json.loads(line) for line in (run / "metrics.jsonl").open() if line.strip()]
    return max(1, round(max(step["epochs"] for step in steps if step["kind"] == "step")))


def sentences(ids, length):
    return [[str(id) for id in document[at:at + length]] for document in ids for at in range(0, len(document), length)]


def compare(ours, name, texts, seeds, known, settings):
    """Trains gensim with each seed on these texts, in an order of its own, and compares."""
    frequent, sets = range(200), {}
    for seed, text in zip(seeds, texts):
        begun = time.time()
        model = Word2Vec(text, seed=seed, min_count=1, alpha=0.025, min_alpha=0.0001, workers=1, **settings)
        seconds = time.time() - begun
        sets[seed] = nearest(np.stack([model.wv[str(id)] for id in known]), frequent)
        rate = sum(map(len, text)) * settings["epochs"] / seconds
        print(f"{name}, seed {seed}: {seconds:.1f} s in one thread, {rate:.0f} tokens a second; "
              f"with ours {overlap(ours, sets[seed]):.4f}", flush=True)
    of_gensim = [overlap(a, b) for a, b in itertools.combinations(sets.values(), 2)]
    of_run = [overlap(ours, other) for other in sets.values()]
    print(f"{name}: gensim with gensim {np.mean(of_gensim):.4f} ({min(of_gensim):.4f} to {max(of_gensim):.4f}), "
          f"ours with gensim {np.mean(of_run):.4f} ({min(of_run):.4f} to {max(of_run):.4f})")


def main():
    run, file = Path(sys.argv[1]), sys.argv[2]
    seeds = range(1, 1 + int((sys.argv[3:] or ["2"])[0]))
    config = tomllib.loads((run / "config.toml").read_text())
    task, model = config["task"], config["model"]
    width = model["config"].get("width", 100)
    epochs = epochs_of(run)
    ids = list(documents(run / "data"))
    counts = np.bincount(np.concatenate(ids))
    # the order of the file
    known = [id for id in np.argsort(-counts, kind="stable").tolist() if counts[id] > 0]
    print(f"{len(ids)} documents, {counts.sum()} tokens, {len(known)} different ones, {epochs} epochs, {task}")
    vectors = KeyedVectors.load_word2vec_format(file).vectors
    assert vectors.shape == (len(known), width), vectors.shape
    ours = nearest(vectors, range(200))
    settings = dict(vector_size=width, window=task["window"], negative=task["negatives"], sample=task["subsample"],
                    sg=int(task["form"] == "skip-gram"), epochs=epochs)
    windows = sentences(ids, model["context"])
    shuffled = (random.Random(seed).sample(windows, len(windows)) for seed in seeds)
    compare(ours, "windows in a random order", shuffled, seeds, known, settings)
    compare(ours, "documents in order", itertools.repeat(sentences(ids, SENTENCE)), seeds, known, settings)


if __name__ == "__main__":
    main()
