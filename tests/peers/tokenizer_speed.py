"""Speed of the tokenizer `bpe` compared with tiktoken, Hugging Face tokenizers and rustbpe, in processor time.

Each program runs in turn, `--rounds` times; the best time counts. Processor time of the whole process, threads and all,
so that a busy machine changes little. Needed beside Python: the crate tiktoken-rs in cargo's cache, for rank files.

    pip install tiktoken==0.14.0 tokenizers==0.23.3 rustbpe==0.1.0
    zstd -d corpus/austen.txt.zst -o austen.txt
    cargo build --release -p trainyard-bpe --example speed
    python tests/peers/tokenizer_speed.py austen.txt ~/.cargo/registry/src/*/tiktoken-rs-0.12.1/assets
"""

import argparse
import base64
import json
import os
import subprocess
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import rustbpe
import tiktoken
import tokenizers
from tiktoken_ext import openai_public
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

GPT4 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""


def cpu(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def ours(model, text):
    run = ["target/release/examples/speed", model, text]
    return json.loads(subprocess.run(run, check=True, capture_output=True).stdout)


def train_hf(documents, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1, min_frequency=2, show_progress=False, initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def train_rustbpe(documents, size):
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(documents), size - 1, pattern=GPT4)
    return tokenizer


def encoding(folder, name):
    lines = (folder / f"{name}.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    openai_public.load_tiktoken_bpe = lambda *args, **kwargs: ranks
    return tiktoken.Encoding(**{**openai_public.ENCODING_CONSTRUCTORS[name](), "mergeable_ranks": ranks})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("assets", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    text = Path(args.text).read_bytes().decode()
    documents = text.split("\n\n")
    documents = [document + "\n\n" for document in documents[:-1]] + documents[-1:]
    size = len(text.encode())
    names = ["r50k_base", "cl100k_base", "o200k_base"]
    encodings = {name: encoding(args.assets, name) for name in names}

    best, n_tokens = {}, {}

    def note(row, who, seconds, tokens=None):
        best[row, who] = min(best.get((row, who), 1e9), seconds)
        n_tokens[row, who] = tokens

    for _ in range(args.rounds):
        for split in ("gpt2", "gpt4"):
            row = f"train 4096 {split}"
            result = ours(f"train:{split}:4096", args.text)
            note(row, "ours", result["train"], result["tokens_paragraphs"])
            if split == "gpt2":
                seconds, hf = cpu(lambda: train_hf(documents, 4096))
                encoded = hf.encode_batch_fast(documents)
                note(row, "tokenizers", seconds, sum(len(ids.ids) for ids in encoded))
                note("encode 4096", "ours", result["encode_paragraphs"], result["tokens_paragraphs"])
                seconds, _ = cpu(lambda: [hf.encode(document) for document in documents])
                note("encode 4096", "tokenizers", seconds, n_tokens[row, "tokenizers"])
            else:
                seconds, _ = cpu(lambda: train_rustbpe(documents, 4096))
                note(row, "rustbpe", seconds)
        for name in names:
            result = ours(str(args.assets / f"{name}.tiktoken"), args.text)
            note(f"encode {name}", "ours", result["encode_whole"], result["tokens_whole"])
            seconds, ids = cpu(lambda: encodings[name].encode_ordinary(text))
            note(f"encode {name}", "tiktoken", seconds, len(ids))

    print(f"{size} bytes; tiktoken {tiktoken.__version__}, tokenizers {tokenizers.__version__}; best of {args.rounds}")
    for (row, who), seconds in best.items():
        if who != "ours":
            ratio = seconds / best[row, "ours"]
            mine = best[row, "ours"]
            print(
                f"{row:20} ours {mine:.3f} s {size / mine / 1e6:6.1f} MB/s {n_tokens[row, 'ours']} tokens"
                f"   {who} {seconds:.3f} s {size / seconds / 1e6:5.1f} MB/s {n_tokens[row, who]} tokens   {ratio:.1f} x"
            )


main()
