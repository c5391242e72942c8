"""Compares ids of `bpe` for Whisper's rank files with tiktoken's.

Usage: python whisper_ids.py PATH/TO/trainyard FOLDER    (needs tiktoken 0.14; the folder whisper/assets of the sdist of
                                                          openai-whisper 20250625)
"""
import base64
import subprocess
import sys
import tiktoken

program, folder = sys.argv[1:]
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
TEXTS = ["", "It is a truth universally acknowledged", " two  spaces and\r\n\ttab ", "naïve café 日本語 👩‍👩‍👧\ufeffe\u0301",
         "don't we'll I'm 0123456789", "床前明月光，疑是地上霜。", "<|endoftext|> <|en|>", "x" * 300, "ไทย ខ្មែរ ЁЖ"]
for name in ["gpt2", "multilingual"]:
    path = f"{folder}/{name}.tiktoken"
    lines = [line.split() for line in open(path) if line]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    encoding = tiktoken.Encoding(name, pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": len(ranks)})
    wrong = []
    for text in TEXTS:
        command = [program, "tokenizer", "encode", "--plugin", "bpe", "--model", path]
        out = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
        if [int(id) for id in out.split()] != encoding.encode(text, disallowed_special=()):
            wrong.append(text)
    inspect = [program, "tokenizer", "inspect", "--plugin", "bpe", "--model", path]
    special = subprocess.run(inspect, capture_output=True, check=True, text=True).stdout.split("\n")[1]
    print(f"{name}: {len(wrong)} of {len(TEXTS)} texts differ {wrong}; {special}, expected {len(ranks)}")
