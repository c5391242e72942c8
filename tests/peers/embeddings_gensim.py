"""How near the vectors of a run of the task `embeddings` are to those of gensim, on the same tokens.

Usage: python embeddings_gensim.py RUN FILE.vec [SEEDS]      (gensim 4.4.0; FILE.vec is what `trainyard convert RUN
FILE.vec` wrote; SEEDS is 2 if not said)

gensim trains on the tokens of the run's training shard, without those that stand for no text, with the run's settings
and its number of epochs, once for each seed. For the 200 most frequent tokens the ten nearest by cosine are compared:
prints the share of them that two sets of vectors have in common, for each pair of seeds and for the run with each seed.
"""
import itertools
import json
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


def main():
    run, file = Path(sys.argv[1]), sys.argv[2]
    seeds = range(1, 1 + int((sys.argv[3:] or ["2"])[0]))
    config = tomllib.loads((run / "config.toml").read_text())
    task, width = config["task"], config["model"]["config"].get("width", 100)
    steps = [json.loads(line) for line in (run / "metrics.jsonl").open() if line.strip()]
    epochs = max(1, round(max(step.get("epochs", 0) for step in steps if step["kind"] == "step")))
    ids = list(documents(run / "data"))
    counts = np.bincount(np.concatenate(ids))
    # the order of the file
    known = [id for id in np.argsort(-counts, kind="stable").tolist() if counts[id] > 0]
    frequent = range(200)
    sentences = [[str(id) for id in document[at:at + SENTENCE]]
                 for document in ids for at in range(0, len(document), SENTENCE)]
    total = int(counts.sum())
    print(f"{len(ids)} documents, {total} tokens, {len(known)} different ones, {epochs} epochs, {task}")

    ours = KeyedVectors.load_word2vec_format(file)
    assert ours.vectors.shape == (len(known), width), ours.vectors.shape
    sets = {"ours": nearest(ours.vectors, frequent)}
    for seed in seeds:
        begun = time.time()
        model = Word2Vec(sentences, vector_size=width, window=task["window"], negative=task["negatives"],
                         sample=task["subsample"], sg=int(task["form"] == "skip-gram"), epochs=epochs, min_count=1,
                         alpha=0.025, min_alpha=0.0001, workers=1, seed=seed)
        seconds = time.time() - begun
        vectors = np.stack([model.wv[str(id)] for id in known])
        sets[f"gensim {seed}"] = nearest(vectors, frequent)
        print(f"gensim {seed}: {seconds:.1f} s in one thread, {total * epochs / seconds:.0f} tokens a second")
        for name in list(sets)[:-1]:
            print(f"  with {name}: {overlap(sets[name], sets[f'gensim {seed}']):.4f}")
    names = [name for name in sets if name != "ours"]
    of_gensim = [overlap(sets[a], sets[b]) for a, b in itertools.combinations(names, 2)]
    of_run = [overlap(sets["ours"], sets[name]) for name in names]
    print(f"gensim with gensim {np.mean(of_gensim):.4f}, ours with gensim {np.mean(of_run):.4f}, "
          f"less {np.mean(of_gensim) - np.mean(of_run):.4f}")


if __name__ == "__main__":
    main()
