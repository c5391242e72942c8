"""Writes src/split/tables.rs: the classes of characters that the split rules tell apart.

The version of Unicode must be that of the reference, the `tokenizers` crate (regex-syntax: 16.0.0), so take
`pip install unicodedata2==16.0.0` instead of the module that comes with Python.

    python unicode_tables.py > src/split/tables.rs
"""

import unicodedata2 as unicodedata

assert unicodedata.unidata_version == "16.0.0", unicodedata.unidata_version

CLASSES = {"Lu": "U", "Lt": "U", "Ll": "L", "Lm": "O", "Lo": "O"}


def class_of(code):
    category = unicodedata.category(chr(code))
    return CLASSES.get(category) or (category[0] if category[0] in "MN" else None)


def runs():
    """[first, last, class]; A is a run that alternates, upper case first."""
    found = []
    for code in range(0x110000):
        kind = class_of(code)
        if kind is None:
            continue
        if found and found[-1][1] == code - 1:
            last = found[-1]
            if last[2] == kind:
                last[1] = code
                continue
            alternates = last[2] == "A" and kind == ("U", "L")[(code - last[0]) % 2]
            if alternates or last[0] == last[1] and last[2] == "U" and kind == "L":
                last[1:] = [code, "A"]
                continue
        found.append([code, code, kind])
    return found


print("//! Classes of characters in Unicode 16.0, written by `unicode_tables.py`.")
print()
print("use super::classes::Run::{self, A, L, M, N, O, U};")
print("\n/// First and last character of each run, rising. What is in none is no letter, mark or number.")
print("#[rustfmt::skip]\npub const RUNS: &[(u32, u32, Run)] = &[")
line = "   "
for first, last, kind in runs():
    item = f" (0x{first:x}, 0x{last:x}, {kind}),"
    if len(line + item) > 120:
        print(line)
        line = "   "
    line += item
print(line)
print("];")
