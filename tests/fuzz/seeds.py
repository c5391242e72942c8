#!/usr/bin/env python3
"""Writes tests/fuzz/seeds/ (needs pyarrow, 24 or newer, for the Parquet files)."""

import json
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SEEDS = Path(__file__).parent / "seeds"


def write(target, name, data):
    path = SEEDS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def config():
    write("config", "whole.toml", """[run]
name = "x"
seed = 3
[data]
validation = 0.1
test = 0.1
source = [{ path = "a.txt", name = "a", weight = 2.0 }, { path = "b/*.jsonl.gz", name = "b", text_field = "body", id_field = "id" }]
filter = [{ plugin = "length", config.min_words = 3 }]
dedup.exact = "document"
packing = "best-fit"
[tokenizer]
plugin = "bpe"
config.vocab_size = 300
[model]
kind = "llama"
layers = 2
heads = 4
kv_heads = 2
width = 32
context = 16
rope_theta = 1e4
[loss]
plugin = "focal"
config.gamma = 2.0
limits.call_ms = 1000
[[metric]]
plugin = "bits-per-byte"
[optimizer]
kind = "sgd"
lr = 0.1
momentum = 0.9
[schedule]
kind = "linear"
warmup = 2
[train]
steps = 10
batch = 2
precision = "bf16"
device = "cpu"
[sample]
prompt = "It"
""")
    write("config", "wrong.toml", "[run]\nnam = 1\n[data]\nvalidation = -1e400\nsource = {}\n[[filter]]\n[model]\n"
          "layers = 99999999999999999999\nwidth = \"a\"\nheads = 0x10\n")


def tokenizer():
    def save(plugin, name, **parts):
        whole = dict(version="1.0", truncation=None, padding=None, added_tokens=[], normalizer=None, pre_tokenizer=None,
                     post_processor=None, decoder=None)
        whole.update(parts)
        write("tokenizer", name, bytes([plugin]) + json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode())

    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    bpe = dict(
        added_tokens=[dict(id=5, content="<|endoftext|>", single_word=False, lstrip=False, rstrip=False, normalized=False,
                           special=True)],
        pre_tokenizer=byte_level, decoder=byte_level,
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                   fuse_unk=False, byte_fallback=False, ignore_merges=False,
                   vocab={"H": 0, "e": 1, "l": 2, "o": 3, "ll": 4}, merges=[["l", "l"]]))
    save(0, "bpe.json", **bpe)
    save(1, "hf-bpe.json", **bpe)
    normalizers = [dict(type="NFKC"), dict(type="Replace", pattern=dict(Regex="\\s+"), content=" "),
                   dict(type="Precompiled", precompiled_charsmap="AAAA")]
    save(1, "precompiled.json", **dict(bpe, normalizer=dict(type="Sequence", normalizers=normalizers)))
    save(2, "wordpiece.json",
         normalizer=dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None,
                         lowercase=True),
         pre_tokenizer=dict(type="BertPreTokenizer"), decoder=dict(type="WordPiece", prefix="##", cleanup=True),
         model=dict(type="WordPiece", unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=100,
                    vocab={"[UNK]": 0, "h": 1, "##e": 2, "hello": 3, ",": 4}))
    space = dict(type="Metaspace", replacement="\u2581", prepend_scheme="always", split=True)
    save(3, "unigram.json", pre_tokenizer=space, decoder=space,
         model=dict(type="Unigram", unk_id=0, byte_fallback=False,
                    vocab=[["<unk>", 0.0], ["\u2581", -2.0], ["h", -3.0], ["e", -3.1], ["llo", -4.0]]))


def shard():
    """A shard as described in host/src/feed/shard.rs, without the checksum at the end."""
    end, tokens, ends = 256, [256], []
    for document in range(5):
        tokens += [(document * 31 + i * 7) % 256 for i in range(20)] + [end]
        ends.append(len(tokens))
    header = b"TYSHARD1" + struct.pack("<IIQQII", 1, 2, len(tokens), len(ends), 300, end) + b"\1" * 32 + b"\2" * 32
    body = struct.pack(f"<{len(tokens)}H", *tokens)
    body += b"\0" * (-len(body) % 8)
    write("shard", "right", header.ljust(128, b"\0") + body + struct.pack(f"<{len(ends)}Q", *ends))
    write("shard", "planes", (SEEDS / "../../golden/shard_format_2.shard").read_bytes()[:-16])


def manifest():
    zeros, ones = "0" * 64, "1" * 64
    right = {"model.safetensors": zeros, "trainyard/state.json": ones}
    write("manifest", "right.json", json.dumps({"format": 1, "sha256": right}, indent=2))
    elsewhere = {"../../../etc/passwd": zeros, "/dev/zero": ones}
    write("manifest", "elsewhere.json", json.dumps({"format": 1, "sha256": elsewhere}))


def others():
    write("identity", "empty.wasm", b"\0asm\x0d\0\x01\0")
    write("identity", "elf", b"\x7fELF\x02\x01\x01" + b"\0" * 57)
    write("graph", "short", bytes(range(64)))
    write("graph", "sum", bytes([0, 0, 20, 1, 1, 30, 1, 1, 31, 1, 1, 5, 4, 3, 6, 2, 1, 2]))
    nested = pa.array([{"text": "x", "n": 1}, None, {"text": None, "n": 2}])
    pq.write_table(pa.table({"text": ["a b c", None, "d e"], "id": [1, 2, 3], "meta": nested}),
                   SEEDS / "parquet/nested.parquet", compression="none")
    pq.write_table(pa.table({"text": pa.array(["x" * 5] * 40).dictionary_encode()}), SEEDS / "parquet/dictionary.parquet",
                   compression="snappy", row_group_size=10, data_page_version="2.0")
    # the same, but its first page says that its 11 bytes unpack to 1.4 GB
    small = (SEEDS / "parquet/dictionary.parquet").read_bytes()
    write("parquet", "unpacks-to-a-gigabyte.parquet", small.replace(b"\x15\x12", b"\x15\xee\xea\xe9\xb3\x0a", 1))


def gguf():
    """Values of all types and two tensors; whole models are in tests/golden/gguf."""
    text = lambda value: struct.pack("<Q", len(value)) + value.encode()
    number = lambda key, value: text("llama." + key) + struct.pack("<II", 4, value)
    entries = [text("general.architecture") + struct.pack("<I", 8) + text("llama"), number("block_count", 1),
               number("embedding_length", 2), number("feed_forward_length", 2), number("context_length", 4),
               text("llama.attention.head_count") + struct.pack("<IIQi", 9, 5, 1, 1),
               text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<Id", 12, 1e-5),
               text("b") + struct.pack("<IB", 7, 1), text("c") + struct.pack("<IIQ", 9, 8, 2) + text("x") + text("")]
    tensors = [text("token_embd.weight") + struct.pack("<IQQIQ", 2, 2, 2, 0, 0),
               text("blk.0.attn_q.weight") + struct.pack("<IQQIQ", 2, 2, 2, 1, 32)]
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries + tensors)
    data = struct.pack("<4f", 1, 2, 3, 4).ljust(32, b"\0") + struct.pack("<4e", 1, 2, 3, 4)
    write("gguf", "small", header + b"\0" * (-len(header) % 32) + data)


def safetensors():
    """Two tensors and an unread one, and the texts of a folder."""
    info = lambda dtype, shape, begin, end: {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": info("F32", [2, 1], 0, 8), "b": info("BF16", [3], 8, 14),
                         "c": info("I64", [], 14, 22)}).encode()
    write("safetensors", "small", struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1, -2) + bytes(14))
    write("hugging-face", "config", json.dumps({
        "model_type": "llama", "vocab_size": 3, "architectures": ["LlamaForCausalLM"], "hidden_size": 4,
        "rope_scaling": {"factor": 8.0, "rope_type": "llama3"}, "id2label": {"0": "x"}, "layers": [[1, "a"]]}).encode())
    write("hugging-face", "index", json.dumps({
        "metadata": {"total_size": 8}, "weight_map": {"a": "x.safetensors", "b": "../x"}}).encode())


if __name__ == "__main__":
    (SEEDS / "parquet").mkdir(parents=True, exist_ok=True)
    for make in (config, tokenizer, shard, manifest, others, gguf, safetensors):
        make()
