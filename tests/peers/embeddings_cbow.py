"""How near the vectors of a run of the task `embeddings` with `form = "cbow"` are to those of CBOW with the gradient of
word2vec, and with that of the loss (embeddings_cbow.c), on the same tokens.

Usage: python embeddings_cbow.py RUN FILE.vec [FACTOR]      (a C compiler `cc`; gensim 4.4.0 reads FILE.vec)

FACTOR is the run's `lr_factor` of the input vectors, 6 if not said. Prints the share of the ten nearest of the 200 most
frequent tokens that two sets of vectors have in common, as embeddings_gensim.py does, windows in a random order.
"""
import random
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
from embeddings_gensim import documents, epochs_of, nearest, overlap
from gensim.models import KeyedVectors


def main():
    run, file = Path(sys.argv[1]), sys.argv[2]
    factor = (sys.argv[3:] or ["6"])[0]
    config = tomllib.loads((run / "config.toml").read_text())
    task, context = config["task"], config["model"]["context"]
    ids = list(documents(run / "data"))
    counts = np.bincount(np.concatenate(ids))
    known = [id for id in np.argsort(-counts, kind="stable").tolist() if counts[id] > 0]
    vectors = KeyedVectors.load_word2vec_format(file).vectors
    sets = {"the run": nearest(vectors, range(200))}
    windows = [ids[at:at + context] for ids in ids for at in range(0, len(ids), context)]
    with tempfile.TemporaryDirectory() as folder:
        program, tokens, out = (f"{folder}/{name}" for name in ("cbow", "tokens", "out"))
        source = Path(__file__).with_suffix(".c")
        subprocess.run(["cc", "-O3", "-ffast-math", "-march=native", source, "-o", program, "-lm"], check=True)
        for seed, (name, times) in enumerate([("word2vec", "0"), ("the loss", factor)] * 2):
            order = random.Random(seed).sample(windows, len(windows))
            np.array([id for window in order for id in [*window, -1]], "<i4").tofile(tokens)
            settings = [len(counts), vectors.shape[1], task["window"], task["negatives"], task["subsample"],
                        epochs_of(run), seed, times]
            subprocess.run([program, tokens, *map(str, settings), out], check=True)
            found = np.fromfile(out, "<f4").reshape(len(counts), -1)[known]
            sets[f"gradient of {name}, seed {seed}"] = nearest(found, range(200))
    for name, one in sets.items():
        print(name.rjust(30), *(f"{overlap(one, other):.4f}" for other in sets.values()))


if __name__ == "__main__":
    main()
