"""Golden weights of features, from scikit-learn's CountVectorizer and TfidfVectorizer over ids of tokens.

Writes ../golden/tfidf.json: documents as ids of tokens, and for some settings the weight of each feature of each
document. Runs of tokens are numbered behind the tokens by fastText's hash.

Usage: python tfidf_sklearn.py      (made with scikit-learn 1.9.1)
"""
import json
import random
from pathlib import Path

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "tfidf.json"
N_TOKENS, BUCKETS = 60, 37
CASES = [
    ("count", False, 1), ("binary", False, 1), ("tf-idf", False, 1), ("tf-idf", True, 1),
    ("count", False, 2), ("tf-idf", False, 2), ("tf-idf", True, 3),
]


def analyzer(ngrams):
    """The features of a document: its tokens, and runs of up to `ngrams` of them."""
    def features(ids):
        found = [str(token) for token in ids]
        for first in range(len(ids)):
            h = ids[first]
            for following in ids[first + 1:first + ngrams]:
                h = (h * 116049371 + following) % 2**64
                found.append(str(N_TOKENS + h % BUCKETS))
        return found
    return features


def documents(n, rng):
    """Few frequent tokens and many rare ones; some of the last ten only in the second split."""
    def one(highest):
        return [min(int(rng.expovariate(0.08)), highest) for _ in range(rng.randint(1, 40))]
    return [one(49) for _ in range(n)], [one(59) for _ in range(n // 2)]


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
    head = f'"n_tokens":{N_TOKENS},\n"train":{json.dumps(train)},\n"test":{json.dumps(test)}'
    GOLDEN.write_text("{" + head + ',\n"cases":[\n' + ",\n".join(cases) + "\n]}\n")


if __name__ == "__main__":
    main()
