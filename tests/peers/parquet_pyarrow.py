"""Small Parquet files of every nested shape, and what pyarrow reads in them: tests/golden/parquet/.

    pip install pyarrow==26.0.1 && python tests/peers/parquet_pyarrow.py tests/golden/parquet
"""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

N_ROWS = 41


def lookup(row, path):
    """The value at a dotted path, None where it or anything around it is null."""
    for name in path.split("."):
        if row is None:
            return None
        row = row[name]
    return row


def text(i):
    return f"text {i} über 中" + " long" * (i % 5)


# A null at every level, in a rhythm of its own.
def flat(i):
    return None if i % 4 == 1 else text(i)


def struct(i):
    return None if i % 3 == 0 else {"text": flat(i), "id": 1000 + i, "tag": None if i % 5 == 2 else f"tag {i}"}


def deep(i):
    return None if i % 7 == 3 else {"inner": struct(i), "n": i}


STRUCT = [("text", pa.string()), ("id", pa.int64()), ("tag", pa.string())]
OPTIONAL = pa.struct([pa.field(*field) for field in STRUCT])
REQUIRED_TEXT = pa.struct([pa.field("text", pa.string(), nullable=False), *[pa.field(*f) for f in STRUCT[1:]]])
DEEP = pa.struct([pa.field("inner", OPTIONAL), pa.field("n", pa.int32())])


def required(i):
    value = struct(i)
    return value and {**value, "text": text(i)}


def whole(i):
    return {"text": flat(i), "id": i, "tag": f"{i}"}


SHAPES = {
    # name: (field, value of row i, text_field, id_field, metadata)
    "optional": (pa.field("text", pa.string()), flat, "text", "none", []),
    "required": (pa.field("text", pa.string(), nullable=False), text, "text", "none", []),
    "optional_in_optional": (pa.field("doc", OPTIONAL), struct, "doc.text", "doc.id", ["doc.tag"]),
    "required_in_optional": (pa.field("doc", REQUIRED_TEXT), required, "doc.text", "doc.id", ["doc"]),
    "optional_in_required": (pa.field("doc", OPTIONAL, nullable=False), whole, "doc.text", "doc.id", ["doc.tag"]),
    "struct_in_struct": (pa.field("doc", DEEP), deep, "doc.inner.text", "doc.inner.id", ["doc.n", "doc.inner.tag"]),
    "dictionary": (pa.field("text", pa.string()), lambda i: None if i % 4 == 1 else text(i % 3), "text", "none", []),
    "large": (pa.field("text", pa.large_string()), flat, "text", "none", []),
    "binary": (pa.field("text", pa.binary()), lambda i: flat(i) and flat(i).encode(), "text", "none", []),
    "lists": (
        pa.field("row", pa.struct([
            pa.field("text", pa.string()),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("scores", pa.map_(pa.string(), pa.float64())),
        ])),
        lambda i: None if i % 3 == 0 else {
            "text": flat(i),
            "tags": None if i % 5 == 0 else [None if j == 1 else f"t{j}" for j in range(i % 4)],
            "scores": None if i % 4 == 0 else [(f"k{j}", j / 4) for j in range(i % 3)],
        },
        "row.text", "none", ["row.tags", "row.scores"],
    ),
}

# How pages are written; every shape is written in each way.
WAYS = {
    "v1": dict(data_page_version="1.0", use_dictionary=False, compression="none", row_group_size=13),
    "v2": dict(data_page_version="2.0", use_dictionary=True, compression="zstd", row_group_size=17,
               data_page_size=64, write_batch_size=5),
}


def plain(value):
    """The value as JSON: maps become objects."""
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {key: plain(item) for key, item in value}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.decode() if isinstance(value, bytes) else value


def maps(field):
    """Paths of maps: an empty one looks like an empty list."""
    found = []
    if pa.types.is_struct(field.type):
        for child in field.type:
            if pa.types.is_map(child.type):
                found.append(f"{field.name}.{child.name}")
    return found


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for shape, (field, value, text_field, id_field, metadata) in SHAPES.items():
        table = pa.table([pa.array([value(i) for i in range(N_ROWS)], field.type)], pa.schema([field]))
        for way, options in WAYS.items():
            path = folder / f"{shape}_{way}.parquet"
            pq.write_table(table, path, **options)
            rows = []
            for row in pq.read_table(path).to_pylist():
                identity = lookup(row, id_field) if id_field != "none" else None
                kept = {name: plain(lookup(row, name)) for name in metadata}
                kept = {name: {} if value == [] and name in maps(field) else value for name, value in kept.items()}
                kept = {name: value for name, value in kept.items() if value is not None}
                rows.append([plain(lookup(row, text_field)), identity, kept])
            expected[path.name] = {"text_field": text_field, "id_field": id_field, "metadata": metadata, "rows": rows}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in expected.items())
    (folder / "expected.json").write_text("{\n" + lines + "\n}\n")
    lists = pa.table([pa.array([["a", "b"], [], None], pa.list_(pa.string()))], ["texts"])
    pq.write_table(lists, folder / "texts_in_lists.parquet")
    message = pa.struct([("content", pa.string()), ("role", pa.string())])
    turns = [[{"role": "user", "content": "Rot?"}, {"role": "assistant", "content": "Red."}],
             [{"role": "user", "content": "Blau?"}, {"role": "assistant", "content": "Blue."}]]
    pq.write_table(pa.table([pa.array(turns, pa.list_(message))], ["turns"]), folder / "messages.parquet")


main(Path(sys.argv[1]))
