"""Golden weights of features, from scikit-learn's CountVectorizer and TfidfVectorizer over ids of tokens, and what
LogisticRegression learns of them.

Writes ../golden/tfidf.json: documents as ids of tokens, and for some settings the weight of each feature of each
document. Runs of tokens are numbered behind the tokens by fastText's hash. "logistic" has texts, whose tokens are their
bytes, and the probability of each label for texts that were not learnt.

Usage: python tfidf_sklearn.py      (made with scikit-learn 1.9.1)
"""
import json
import random
from pathlib import Path

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "tfidf.json"
N_TOKENS, BUCKETS = 60, 37
CASES = [
    ("count", False, 1), ("binary", False, 1), ("tf-idf", False, 1), ("tf-idf", True, 1),
    ("count", False, 2), ("tf-idf", False, 2), ("tf-idf", True, 3),
]


# Of the bytes of texts: tokens, the end of text among them, and buckets of pairs.
N_BYTES, BYTE_BUCKETS, DECAY = 257, 64, 0.01
WORDS = {
    "good": "fine lovely superb the a film plot was is cast".split(),
    "bad": "dull awful boring the a film plot was is cast".split(),
    "mixed": "mostly rather half the a film plot was is but".split(),
}


def analyzer(ngrams, n_tokens=N_TOKENS, buckets=BUCKETS):
    """The features of a document: its tokens, and runs of up to `ngrams` of them."""
    def features(ids):
        found = [str(token) for token in ids]
        for first in range(len(ids)):
            h = ids[first]
            for following in ids[first + 1:first + ngrams]:
                h = (h * 116049371 + following) % 2**64
                found.append(str(n_tokens + h % buckets))
        return found
    return features


def documents(n, rng):
    """Few frequent tokens and many rare ones; some of the last ten only in the second split."""
    def one(highest):
        return [min(int(rng.expovariate(0.08)), highest) for _ in range(rng.randint(1, 40))]
    return [one(49) for _ in range(n)], [one(59) for _ in range(n // 2)]


def logistic(labels):
    """Texts of these labels, and what logistic regression says of some."""
    rng = random.Random(9)
    def texts(n):
        return [(" ".join(rng.choices(WORDS[label], k=rng.randint(1, 8))), label) for _ in range(n) for label in labels]
    train, test = texts(24), texts(5)
    n = N_BYTES + BYTE_BUCKETS
    common = dict(analyzer=analyzer(2, N_BYTES, BYTE_BUCKETS), vocabulary={str(i): i for i in range(n)})
    vectorizer = TfidfVectorizer(sublinear_tf=True, **common)
    ids = [[list(text.encode()) for text, _ in split] for split in (train, test)]
    # with two labels scikit-learn has one weight for both, and a run has one for each
    c = (2 if len(labels) == 2 else 1) / (len(train) * DECAY)
    model = LogisticRegression(C=c, max_iter=10000, tol=1e-10)
    model.fit(vectorizer.fit_transform(ids[0]), [label for _, label in train])
    expected = model.predict_proba(vectorizer.transform(ids[1])).tolist()
    return {"labels": model.classes_.tolist(), "train": train, "test": [text for text, _ in test],
            "expected": [[float(f"{p:.8g}") for p in row] for row in expected]}


def main():
    train, test = documents(24, random.Random(5))
    cases = []
    for weights, sublinear, ngrams in CASES:
        n = N_TOKENS + (BUCKETS if ngrams > 1 else 0)
        common = dict(analyzer=analyzer(ngrams), vocabulary={str(feature): feature for feature in range(n)})
        if weights == "tf-idf":
            vectorizer = TfidfVectorizer(sublinear_tf=sublinear, smooth_idf=True, norm="l2", **common)
        else:
            vectorizer = CountVectorizer(binary=weights == "binary", **common)
        vectorizer.fit(train)
        expected = []
        for row in vectorizer.transform(train + test):
            pairs = sorted(zip(row.indices.tolist(), row.data.tolist()))
            expected.append([[feature, float(f"{weight:.10g}")] for feature, weight in pairs])
        cases.append(json.dumps({"weights": weights, "sublinear": sublinear, "ngrams": ngrams, "buckets": BUCKETS,
                                 "expected": expected}, separators=(",", ":")))
    runs = ",\n".join(json.dumps(logistic(labels)) for labels in (["good", "bad"], ["good", "bad", "mixed"]))
    head = f'"n_tokens":{N_TOKENS},\n"train":{json.dumps(train)},\n"test":{json.dumps(test)}'
    GOLDEN.write_text("{" + head + ',\n"cases":[\n' + ",\n".join(cases) + '\n],\n"logistic":[\n' + runs + "\n]}\n")


if __name__ == "__main__":
    main()
