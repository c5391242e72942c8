"""Files of tokens as other programs write them, for tests/data/tokens.rs. Nothing here is ours.

Usage: pip install numpy==2.4.6
       python megatron_files.py ../golden/tokens

Megatron-LM: the layout of megatron/core/datasets/indexed_dataset.py (class _IndexWriter, _IndexReader), a sequence per
`add_item`, a bound per `end_document`. nanoGPT: data/openwebtext/prepare.py, ids as uint16, end of text after each
document. llm.c: dev/data/data_common.py (write_datafile), end of text before each document.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np

END = 256
CODES = {np.uint8: 1, np.int8: 2, np.int16: 3, np.int32: 4, np.int64: 5, np.uint16: 8}


def megatron(folder, name, dtype, documents, sequences_of):
    """`sequences_of(document)` cuts a document into its sequences, each of which ends up in the index."""
    sizes, bounds, body = [], [0], []
    for document in documents:
        for sequence in sequences_of(document):
            sizes.append(len(sequence))
            body.append(np.array(sequence, dtype=dtype))
        bounds.append(len(sizes))
    pointers = np.cumsum([0, *[size * np.dtype(dtype).itemsize for size in sizes]][:-1], dtype=np.int64)
    with open(folder / f"{name}.idx", "wb") as index:
        index.write(b"MMIDIDX\x00\x00")
        index.write(struct.pack("<Q", 1))
        index.write(struct.pack("<B", CODES[dtype]))
        index.write(struct.pack("<Q", len(sizes)))
        index.write(struct.pack("<Q", len(bounds)))
        index.write(np.array(sizes, dtype=np.int32).tobytes(order="C"))
        index.write(pointers.tobytes(order="C"))
        index.write(np.array(bounds, dtype=np.int64).tobytes(order="C"))
    np.concatenate(body).tofile(folder / f"{name}.bin")


def nanogpt(folder, documents):
    tokens = [token for document in documents for token in [*document, END]]
    np.array(tokens, dtype=np.uint16).tofile(folder / "nanogpt.bin")


def llmc(folder, name, dtype, magic, version, documents):
    tokens = [token for document in documents for token in [END, *document]]
    header = np.zeros(256, dtype=np.int32)
    header[:3] = magic, version, len(tokens)
    with open(folder / f"{name}.bin", "wb") as file:
        file.write(header.tobytes())
        file.write(np.array(tokens, dtype=dtype).tobytes())


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    texts = ["one", "two, a longer one", "", "d\u00e9j\u00e0 vu", "x" * 70]
    documents = [list(text.encode()) for text in texts]
    megatron(folder, "megatron-u16", np.uint16, documents, lambda document: [[*document, END]])
    # Sentences: three sequences to a document, some of them empty, and no end of text.
    thirds = lambda document: [document[: len(document) // 3], document[len(document) // 3 :], []]
    megatron(folder, "megatron-i32", np.int32, documents, thirds)
    megatron(folder, "megatron-u8", np.uint8, documents, lambda document: [document])
    nanogpt(folder, documents)
    llmc(folder, "llmc-gpt2", np.uint16, 20240520, 1, documents)
    llmc(folder, "llmc-llama3", np.uint32, 20240801, 7, documents)
    (folder / "documents.json").write_text(json.dumps([text for text in texts if text]) + "\n")


main()
