"""MinHash signatures per second of one thread: trainyard, rensa and datasketch, in turns on the same documents.

pip install rensa==0.5.0 datasketch==2.0.0 numpy
usage: python tests/peers/dedup_speed.py DOCUMENTS.jsonl

112 hashes of 5-word shingles. trainyard's time includes splitting into words, lower case, shingles and the hash for
exact duplicates; the peers' time is given with and without splitting and joining words in Python. CPU time.
"""

import json
import subprocess
import sys
import time

import datasketch
import rensa

HASHES = 112
ROUNDS = 3


def shingles(text):
    words = text.lower().split()
    n = min(5, len(words))
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def trainyard(path):
    command = ["cargo", "bench", "-q", "-p", "trainyard-tests", "--bench", "dedup", "--", path]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("fineweb "))


def with_rensa(sets):
    for tokens in sets:
        minhash = rensa.RMinHash(num_perm=HASHES, seed=1)
        minhash.update(tokens)
        minhash.digest()


def with_datasketch(sets):
    encoded = [[token.encode() for token in tokens] for tokens in sets]
    start = time.process_time()
    datasketch.MinHash.bulk(encoded, num_perm=HASHES, seed=1)
    return time.process_time() - start


def main():
    path = sys.argv[1]
    texts = [json.loads(line)["text"] for line in open(path)]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    for _ in range(ROUNDS):
        start = time.process_time()
        sets = [shingles(text) for text in texts]
        split = time.process_time() - start
        start = time.process_time()
        with_rensa(sets)
        by_rensa = time.process_time() - start
        by_datasketch = with_datasketch(sets)
        ours = trainyard(path)
        print(f"trainyard {ours:.1f} MB/s")
        for name, seconds in [("rensa", by_rensa), ("datasketch", by_datasketch)]:
            alone, whole = megabytes / seconds, megabytes / (seconds + split)
            print(f"{name} {alone:.1f} MB/s, {whole:.1f} with splitting; ours {ours / alone:.1f}x, {ours / whole:.1f}x")


main()
