"""Writes a shard of format 2 after the tables in host/src/feed/shard.rs and host/src/feed/shard/planes.rs.

Usage: pip install xxhash; python shard_planes.py tests/golden/shard_format_2.shard
tests/data/planes.rs reads it and writes it again, byte by byte.
"""
import struct
import sys
import xxhash

END = 256
DOCUMENTS = [[1, 2, 255], [], [3]]
# name, type, 0 per token or 1 per document, numbers; per token the first one is that of the end of text in front
PLANES = [
    ("answer", "B", 0, [0, 0, 1, 1, 1, 1, 0, 0]),
    ("tag", "H", 0, [0, 65535, 256, 1, 0, 0, 7, 2]),
    ("label", "I", 1, [4294967295, 0, 1]),
    ("reward", "f", 1, [-0.5, 0.0, 1.5]),
]


def padded(data):
    return data + b"\0" * (-len(data) % 8)


def digest(data):
    return xxhash.xxh3_128_intdigest(data).to_bytes(16, "little")


stream, ends = [END], []
for document in DOCUMENTS:
    stream += document + [END]
    ends.append(len(stream))
numbers = [struct.pack(f"<{len(values)}{form}", *values) for _, form, _, values in PLANES]
entries = b""
for (name, form, per, values), data in zip(PLANES, numbers):
    described = struct.pack("<IIQ", "BHIf".index(form) + 1, per, len(values))
    entries += name.encode().ljust(32, b"\0") + described + digest(data)
header = b"TYSHARD1" + struct.pack("<IIQQII", 2, 2, len(stream), len(ends), 300, END) + b"\7" * 32 + b"\x09" * 32
header = (header + struct.pack("<I", len(PLANES))).ljust(128, b"\0")
body = padded(struct.pack(f"<{len(stream)}H", *stream)) + struct.pack(f"<{len(ends)}Q", *ends) + entries
body += b"".join(padded(data) for data in numbers)
with open(sys.argv[1], "wb") as file:
    file.write(header + body + digest(body + header))
