"""Time and memory of `trainyard prepare` on 200 MB of real text: the 40 MB of Webster's dictionary (Debian's dict-gcide,
GPL, fetched here and not kept), five times over under different ids, as JSON lines of about 1 KB, with filters, a
tokenizer of 4,096 and three splits. Prints MB/s, processor seconds and the largest resident memory,
first on a new store, then again.

Usage: apt-get download dict-gcide && dpkg-deb -x dict-gcide*.deb gcide
       python prepare_speed.py ../../target/release/trainyard gcide/usr/share/dictd/gcide.dict.dz [copies]
"""
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

FILTERS = ["unicode", "pii", "gopher-quality", "gopher-repetition", "fineweb-quality", "char-rules"]
# a dictionary is no prose: what is measured is speed, so that the limits let most of it pass
LOOSE = {
    "gopher-quality": "{ min_words = 20, min_stop_words = 0, min_alphabetic_words = 0.5, max_bullet_lines = 1.0 }",
    "fineweb-quality": "{ max_short_lines = 1.0, max_duplicate_line_chars = 0.1 }",
    "char-rules": "{ max_non_alphanumeric = 0.5 }",
}


def write_corpus(path, source, copies):
    text = gzip.open(source, "rb").read().decode("utf-8", "replace")
    paragraphs, n_bytes = text.split("\n\n"), 0
    with open(path, "w", encoding="utf-8") as out:
        for copy in range(copies):
            document, number = [], 0
            for paragraph in paragraphs:
                document.append(paragraph)
                if sum(map(len, document)) > 1000:
                    body = "\n\n".join(document)
                    out.write(json.dumps({"id": f"{copy}-{number}", "text": body}, ensure_ascii=False) + "\n")
                    n_bytes += len(body.encode())
                    document, number = [], number + 1
    return n_bytes


def main():
    program, source = os.path.abspath(sys.argv[1]), sys.argv[2]
    copies = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.TemporaryDirectory() as folder:
        n_bytes = write_corpus(f"{folder}/corpus.jsonl", source, copies)
        with open(f"{folder}/speed.toml", "w") as config:
            config.write('[run]\nname = "speed"\n[data]\nvalidation = 0.01\ntest = 0.01\n')
            config.write(f'[[data.source]]\npath = "{folder}/corpus.jsonl"\n')
            for name in FILTERS:
                config.write(f'[[data.filter]]\nplugin = "{name}"\n')
                config.write(f"config = {LOOSE[name]}\n" if name in LOOSE else "")
            config.write('[tokenizer]\nplugin = "bpe"\nconfig.vocab_size = 4096\n')
        for what in ["new store", "again"]:
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
            subprocess.run([program, "prepare", "speed.toml"], cwd=folder, check=True)
            seconds = time.time() - started
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            speed = n_bytes / 1e6 / seconds
            print(f"{what}: {n_bytes / 1e6:.1f} MB in {seconds:.1f} s = {speed:.1f} MB/s; "
                  f"{cpu:.1f} processor seconds; at most {after.ru_maxrss / 1024:.0f} MiB", flush=True)


main()
