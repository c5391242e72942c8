"""Odd JSON lines, and what Python's json module reads in them: tests/golden/odd_lines.json.

    python3 tests/peers/json_lines.py > tests/golden/odd_lines.json
"""

import json
import random
import re
import sys

sys.set_int_max_str_digits(0)

BY_HAND = [
    r'{"id": "a", "text": "plain"}',
    r'{"text": "a number beyond doubles", "n": 1e999, "m": -1E+400}',
    r'{"text": "not a number", "score": NaN, "low": -Infinity, "high": Infinity}',
    r'{"text": "deep", "meta": ' + "[" * 200 + "]" * 200 + "}",
    r'{"text": "first", "text": "second", "id": 1, "id": 2}',
    r'{"text": "raw	tab' + "\x01" + r'and \u0000 nul"}',
    r'{"text": "half \ud83d of a pair, \ude00 the other, \ud83d\ude00 both, \ude00\ud83d turned", "id": 5}',
    r'{"text": "fields", "other": "half \ud83d", "\ud83d": 1}',
    r'{"id": 100000000000000000000001, "text": "big"}',
    r'{"id": 18446744073709551616, "text": "2^64"}',
    r'{"id": -9223372036854775809, "text": "below i64"}',
    r'{"id": 0, "text": "zero"}',
    r'{"id": 1.5, "text": "a fraction"}',
    r'{"id": null, "text": "no id"}',
    r'{"id": "\u0041\n\/\"", "text": "\b\f\r\t\\\/ \u00e9\u4e2d"}',
    r'{"\u0074ext": "an escaped name"}',
    '{"text": "a line’s separator \u2028 and \ufeff a mark"}',
    '\t{ "text" :\t"space" , "x" : [ { "text" : "inner" , "id" : 7 } ] } \r',
    r'{"text": null}',
    r'{"text": "brackets }{][ in \"quotes\" \\", "x": {"y": "}]\\"}}',
    r'{"meta": {"text": "not this"}, "text": "this"}',
    r'{"text": ""}',
]

CUT = [r'{"text": "cut by a full di', r'{"text": "x"', r'{"text": "x",', r'{"text":', r'{"text": "x", "n": 12', "{", r'{"text": "x\"}']
NONE = ['"just a string"', "[1]", "12", "null", "true", r'{"text": "x"} {"text": "y"}', r'{"text": "x"}]', "{text: 1}", r'{"text" "x"}',
        r'{"text": "x",}', r'{"text": "\q"}', r'{"text": "\u12g4"}', r'{"a": [}], "text": "x"}', r'{,"text": "x"}', "\x00\x00\x00"]


def whole(text):
    """Half surrogate pairs as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def read(line):
    """Text and id of a line, or None where Python does not read it."""
    try:
        value = json.loads(line, strict=False)
    except ValueError:
        return None
    if not isinstance(value, dict) or "text" not in value:
        return None
    identity = value.get("id")
    return [None if value["text"] is None else whole(value["text"]),
            whole(identity) if isinstance(identity, str) else None if identity is None else json.dumps(identity)]


def value(depth):
    kind = random.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return random.choice(["true", "false", "null", "NaN", "Infinity", "-Infinity"])
    if kind in (1, 2):
        return random.choice(["0", "-1", "1e400", "3.25", "1E-7", str(random.getrandbits(90)), str(random.random())])
    if kind < 6:
        return text()
    if kind < 8:
        return "[" + ", ".join(value(depth + 1) for _ in range(random.randrange(4))) + "]"
    return "{" + ", ".join(text() + ":" + value(depth + 1) for _ in range(random.randrange(4))) + "}"


def text():
    parts = ["a", "é", "中", "{", "}", "[", "]", ",", ":", " ", "\\\\", '\\"', "\\n", "\\u00e9"]
    parts += ["\\ud83d\\ude00", "\\ud800", "\\udc00", "\t"]
    return '"' + "".join(random.choice(parts) for _ in range(random.randrange(8))) + '"'


def line():
    fields = [('"text"', text())]
    fields += [(random.choice(['"id"', text(), text()]), value(0)) for _ in range(random.randrange(5))]
    random.shuffle(fields)
    fields = [(name, value) for name, value in fields if name != '"id"' or re.fullmatch(r'-?[0-9]+|null|".*"', value)]
    return "{" + ",".join(name + ": " + value for name, value in fields) + "}"


random.seed(13)
lines = BY_HAND + [line() for _ in range(300)]
cases = [[line, *read(line)] for line in lines]
for line in CUT + NONE:
    assert read(line) is None, line
print("{")
print('"read": [\n' + ",\n".join(map(json.dumps, cases)) + "],")
print('"cut": ' + json.dumps(CUT) + ",")
print('"none": ' + json.dumps(NONE))
print("}")
