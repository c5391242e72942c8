"""What scikit-learn's logistic regression makes of the documents of a run of the task `labels` over features: the same
tokens, weights as TfidfVectorizer makes them, and lbfgs.

Usage: python features_logistic.py RUN [C…]      (scikit-learn 1.9.1)

Prints the accuracy on validation and test for each C. Of a run with `optimizer.kind = "sgd"`, which adds weight decay
to the gradient, the C with the same minimum is 1 / (documents · weight_decay), or 2 / (…) with two classes: the run has
a weight for each, scikit-learn one for both. Then it also prints how far the run's weights are from scikit-learn's.
"""
import json
import struct
import sys
import tomllib
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

HASH = 116049371


def shard(path):
    """Documents as ids, and the number of each one's labels."""
    data = path.read_bytes()
    form, width, n_tokens, n_documents, vocabulary, end = struct.unpack_from("<IIQQII", data, 8)
    tokens = np.frombuffer(data, {2: "<u2", 4: "<u4"}[width], n_tokens, 128)
    at = 128 + -(-n_tokens * width // 8) * 8
    ends = np.frombuffer(data, "<u8", n_documents, at).astype(int)
    n_planes, = struct.unpack_from("<I", data, 104)
    at, place = at + 8 * n_documents, at + 8 * n_documents + 64 * n_planes
    separator = 0 if end == 2**32 - 1 else 1
    for plane in range(n_planes):
        name, kind, _, n = struct.unpack_from("<32sIIQ", data, at + 64 * plane)
        if name.rstrip(b"\0") == b"label":
            labels = np.frombuffer(data, {1: "u1", 2: "<u2", 3: "<u4", 4: "<f4"}[kind], n, place)
        place += -(-n * {1: 1, 2: 2, 3: 4, 4: 4}[kind] // 8) * 8
    starts = [separator, *ends[:-1]]
    documents = [tokens[start:stop - separator].tolist() for start, stop in zip(starts, ends)]
    return documents, labels, vocabulary


def tensor(path, name):
    """A matrix of float32 of a safetensors file."""
    data = path.read_bytes()
    n, = struct.unpack_from("<Q", data)
    entry = json.loads(data[8:8 + n])[name]
    first, end = entry["data_offsets"]
    return np.frombuffer(data[8 + n + first:8 + n + end], "<f4").reshape(entry["shape"])


def main():
    run = Path(sys.argv[1])
    config = tomllib.loads((run / "config.toml").read_text())
    task, data = config["task"], run / "data"
    splits = {name: shard(data / f"{name}.shard") for name in ("train", "validation", "test")}
    n_tokens, ngrams, buckets = splits["train"][2], task.get("ngrams", 1), task.get("buckets", 0)

    def features(ids):
        found = [str(token) for token in ids]
        for first in range(len(ids)):
            h = ids[first]
            for following in ids[first + 1:first + ngrams]:
                h = (h * HASH + following) % 2**64
                found.append(str(n_tokens + h % buckets))
        return found

    common = dict(analyzer=features, vocabulary={str(feature): feature for feature in range(n_tokens + buckets)})
    if task["weights"] == "tf-idf":
        vectorizer = TfidfVectorizer(sublinear_tf=task.get("sublinear", False), **common)
    else:
        vectorizer = CountVectorizer(binary=task["weights"] == "binary", **common)
    vectorizer.fit(splits["train"][0])
    x = {name: vectorizer.transform(documents) for name, (documents, _, _) in splits.items()}
    report = json.loads((data / "manifest.json").read_text())["report"]
    names = [named["names"][0] for named in report["names"]]
    y = {name: [names[label - 1] for label in labels] for name, (_, labels, _) in splits.items()}
    n, classes = len(y["train"]), len(set(y["train"]))
    decay = config["optimizer"].get("weight_decay", 0)
    same = (2 if classes == 2 else 1) / (n * decay) if decay else 1.0
    for c in [float(c) for c in sys.argv[2:]] or [same]:
        model = LogisticRegression(C=c, max_iter=5000, tol=1e-8).fit(x["train"], y["train"])
        scores = {name: round(model.score(x[name], y[name]), 4) for name in x}
        print(f"C = {c:g}, {n} documents, {classes} classes: {scores}")
        weights = sorted(run.glob("checkpoints/*/model.safetensors"))
        if config["optimizer"]["kind"] == "sgd" and weights:
            ours = tensor(weights[-1], "classifier.weight")
            ours = ours[1] - ours[0] if classes == 2 else ours
            ours = ours.reshape(model.coef_.shape)
            print("  largest weight", abs(model.coef_).max(), "largest difference", abs(ours - model.coef_).max())


if __name__ == "__main__":
    main()
