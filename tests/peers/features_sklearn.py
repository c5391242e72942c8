"""The results of scikit-learn on a few documents: the numbers that tests/features.rs expects.

pip install scikit-learn==1.9.1
usage: zstd -dc corpus/austen.txt.zst | python tests/peers/features_sklearn.py > tests/golden/features.json
"""

import json
import sys

from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

ODD = [
    "I'm a_b x 42, e\u0301t\u00e9 NA\u00cfVE na\u00efve \u4e2d\u6587\u5b57 \u2460\u2461 z9 \u24d0\u24d1 _ __",
    "\u0130stanbul \u039f\u0394\u039f\u03a3 stra\u00dfe STRASSE \ufb01ne \u0928\u092e\u0938\u094d\u0924\u0947",
    "\u2026 \u0000 ! x",
    "the the the the and",
]

CASES = {
    "counts": (CountVectorizer, {}),
    "counts, n-grams": (CountVectorizer, {"ngram_range": (1, 3), "min_df": 2, "max_df": 0.5}),
    "counts, most frequent": (CountVectorizer, {"max_features": 42, "lowercase": False}),
    "tfidf": (TfidfVectorizer, {}),
    "tfidf, sublinear": (TfidfVectorizer, {"sublinear_tf": True, "ngram_range": (2, 2), "min_df": 0.05}),
    "hashing": (HashingVectorizer, {"n_features": 2**20}),
    "hashing, few columns": (HashingVectorizer, {"n_features": 97, "ngram_range": (1, 2)}),
}


def main():
    paragraphs = sys.stdin.buffer.read().decode().split("\n\n")
    documents = [p.strip() for p in paragraphs if 100 < len(p) < 400][:40] + ODD
    cases = []
    for name, (kind, options) in CASES.items():
        vectorizer = kind(**options)
        matrix = vectorizer.fit_transform(documents).tocsr()
        matrix.eliminate_zeros()
        matrix.sort_indices()
        case = {
            "name": name,
            "shape": matrix.shape,
            "indptr": matrix.indptr.tolist(),
            "indices": matrix.indices.tolist(),
            "data": [float(value) for value in matrix.data],
        }
        if kind is not HashingVectorizer:
            terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
            case["terms"] = " ".join(term.replace(" ", "+") for term in terms)
        if kind is TfidfVectorizer:
            case["idf"] = [float(value) for value in vectorizer.idf_]
        if "max_features" in options:
            # where terms are equally frequent at the limit, scikit-learn takes any
            counts = CountVectorizer(lowercase=False).fit_transform(documents).sum(axis=0).A1
            counts = sorted(counts.tolist(), reverse=True)
            assert counts[options["max_features"] - 1] > counts[options["max_features"]], counts[30:60]
        cases.append(case)
    json.dump({"documents": documents, "cases": cases}, sys.stdout, ensure_ascii=False)
    print()


main()
