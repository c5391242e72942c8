"""Speed of the rule filters compared with datatrove's, in processor time of one thread, on the documents that each keeps.

The documents are the 269 chapters of the corpus with their lines unwrapped (15 KB), and the same cut into about 1 KB.
datatrove splits words at white space here, as ours do: with spaCy it is slower by far. Ours and theirs take turns.
Usage: pip install datatrove==0.10.1 regex numpy xxhash
       cargo build --release -p trainyard-gopher-repetition --example filters_speed
       zstd -dc ../../corpus/austen.txt.zst | python filters_speed.py
"""
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

from filters_datatrove import chapters, make_filters

EXAMPLE = "../../target/release/examples/filters_speed"
NAMES = ["gopher-quality", "gopher-repetition", "c4-lines", "c4-paragraphs", "fineweb-quality"]


def theirs(judge, documents):
    """Documents kept, and nanoseconds per byte of those."""
    kept = [text for text in documents if judge.filter(SimpleNamespace(text=text)) is True]
    start = time.thread_time()
    for text in kept:
        judge.filter(SimpleNamespace(text=text))
    return len(kept), (time.thread_time() - start) * 1e9 / max(1, sum(len(text.encode()) for text in kept))


def ours(documents):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\0".join(documents))
        file.flush()
        out = subprocess.run([EXAMPLE, file.name], capture_output=True, text=True, check=True).stdout
    return {name: (int(n), float(ns)) for name, n, ns in map(str.split, out.splitlines())}


def main():
    unwrapped = []
    for chapter in chapters(sys.stdin.buffer.read().decode()):
        paragraphs = [" ".join(x.split()) for x in chapter.split("\n\n")]
        unwrapped.append("\n".join(x for x in paragraphs if x))
    small = []
    for text in unwrapped:
        small.append("")
        for line in text.split("\n"):
            small[-1] += line + "\n"
            if len(small[-1]) > 900:
                small.append("")
    for title, documents in [("15 KB", unwrapped), ("1 KB", [text for text in small if text])]:
        rounds = []
        for _ in range(2):
            filters = zip(NAMES, make_filters())
            rounds.append((ours(documents), {name: theirs(judge, documents) for name, judge in filters}))
        best = lambda side, name: min(pair[side][name][1] for pair in rounds)
        print(f"{title}: {len(documents)} documents")
        for name, (n, _) in rounds[0][0].items():
            line = f"  {name:18} kept {n:5}  {1e3 / best(0, name):8.0f} MB/s"
            if name in NAMES:
                line += f"  datatrove {1e3 / best(1, name):7.2f} MB/s  x {best(1, name) / best(0, name):.0f}"
            print(line)
        total = sum(best(0, name) for name in rounds[0][0])
        both = [name for name in NAMES if name in rounds[0][0]]
        ratio = sum(best(1, name) for name in both) / sum(best(0, name) for name in both)
        print(f"  all in sequence    {1e3 / total:.0f} MB/s; those of datatrove x {ratio:.0f}")


main()
