"""Which planted near duplicates datasketch finds: the numbers that tests/dedup.rs expects.

pip install datasketch==2.0.0 numpy
usage: zstd -dc corpus/austen.txt.zst | python tests/peers/dedup_datasketch.py > tests/golden/dedup_datasketch.json

Paragraphs of Austen and copies of them in which every n-th word is another. For each n: how many pairs there are, their
Jaccard indices of 5-word shingles (computed with sets of strings), and how many pairs datasketch finds with 14 bands of
8 rows.
"""

import json
import sys

import datasketch

EVERY = [15, 25, 40, 60, 90, 150]
WORDS = (60, 250)


def shingles(words):
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


def main():
    paragraphs = sys.stdin.buffer.read().decode().split("\n\n")
    texts = [p.lower().split() for p in paragraphs]
    # pieces of punctuation alone are no words to trainyard
    texts = [[w for w in words if any(c.isalnum() for c in w)] for words in texts]
    texts = [words for words in texts if WORDS[0] <= len(words) <= WORDS[1]]
    cases = []
    for every in EVERY:
        found, jaccards = 0, []
        for words in texts:
            edited = [f"x{i}" if i % every == every // 2 else word for i, word in enumerate(words)]
            a, b = shingles(words), shingles(edited)
            jaccards.append(len(a & b) / len(a | b))
            lsh = datasketch.MinHashLSH(num_perm=112, params=(14, 8))
            hashes = [datasketch.MinHash(num_perm=112, seed=1) for _ in range(2)]
            for minhash, tokens in zip(hashes, (a, b)):
                minhash.update_batch([token.encode() for token in tokens])
            lsh.insert("a", hashes[0])
            found += bool(lsh.query(hashes[1]))
        mean = sum(jaccards) / len(jaccards)
        expected = sum(1 - (1 - s**8) ** 14 for s in jaccards)
        cases.append({"every": every, "pairs": len(texts), "jaccard": mean, "expected": expected, "found": found})
    json.dump({"cases": cases}, sys.stdout, indent=1)
    print()


main()
