"""Megabytes per second of the cleaners and of other programs that do the same, by processor time of one thread.

Both get the same documents of 4000 bytes; ours run before and after the others, and both figures are printed.
Usage: pip install datatrove==0.10.1 ftfy==6.3.1 scikit-learn==1.9.1
       python cleaners_speed.py FILE
"""
import html
import pathlib
import re
import subprocess
import sys
import time
import unicodedata

import ftfy
from datatrove.pipeline.filters.c4_filters import CITATION_REGEX
from datatrove.pipeline.formatters.pii import PIIFormatter
from sklearn.feature_extraction.text import CountVectorizer

ROOT = pathlib.Path(__file__).parents[2]
UNSEEN = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]|\r\n?|[\u2028\u2029]")
BAD = re.compile(r"(?:\W|^)(darn|heck|holy cow)(?:\W|$)")
TOKENS = CountVectorizer(stop_words="english").build_analyzer()
THEIRS = {
    "unicode": lambda text: unicodedata.normalize("NFC", UNSEEN.sub("", text)),
    "mojibake": ftfy.fix_encoding,
    "newlines": lambda text: re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.M)),
    "html-entities": html.unescape,
    "citations": lambda text: CITATION_REGEX.sub("", text),
    "pii": PIIFormatter().format,
    "stop-words": TOKENS,
    "badwords": lambda text: BAD.search(text.lower()),
}


def ours(file):
    command = ["cargo", "bench", "-q", "-p", "trainyard-tests", "--bench", "cleaners", "--", str(file)]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line.split("\t") for line in output.splitlines()]


def theirs(clean, documents):
    n_bytes = n_rounds = 0
    begun = time.process_time()
    while not n_rounds or time.process_time() - begun < 1:
        for document in documents:
            clean(document)
        n_rounds += 1
    n_bytes = sum(len(document.encode()) for document in documents) * n_rounds
    return n_bytes / 1e6 / (time.process_time() - begun)


def main():
    file = pathlib.Path(sys.argv[1]).resolve()
    text = file.read_bytes().decode()
    documents = [text[at : at + 4000] for at in range(0, len(text), 4000)]
    first = ours(file)
    speeds = {name: theirs(clean, documents) for name, clean in THEIRS.items()}
    print(f"{'':16} {'MB/s':>7} {'again':>7} {'theirs':>7} {'ratio':>7}")
    for (name, speed, what, settings), again in zip(first, ours(file)):
        peer = speeds.get(name)
        ratio = f"{peer:7.1f} {(float(speed) + float(again[1])) / 2 / peer:7.0f}" if peer else " " * 15
        print(f"{name:16} {speed:>7} {again[1]:>7} {ratio}  {what}  {settings}")


main()
