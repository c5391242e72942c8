"""Writes src/categories.rs: the characters that the tokenizer `intl` tells apart, as the module `regex` knows them, which
sacrebleu uses.

    pip install regex==2026.11.19
    python unicode_tables.py > src/categories.rs
"""

import regex

TABLES = {"NUMBERS": ("N", "numbers"), "PUNCTUATION": ("P", "punctuation"), "SYMBOLS": ("S", "symbols")}


def runs(category):
    """[first, last] of each run."""
    pattern = regex.compile(rf"\p{{{category}}}")
    found = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not pattern.match(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


print("//! Numbers, punctuation and symbols of Unicode, written by `unicode_tables.py`.")
for name, (category, meaning) in TABLES.items():
    table = runs(category)
    print(f"\n/// First and last character of each run of {meaning} (category {category}), rising.")
    print(f"#[rustfmt::skip]\npub const {name}: [(u32, u32); {len(table)}] = [")
    line = "   "
    for first, last in table:
        item = f" (0x{first:x}, 0x{last:x}),"
        if len(line + item) > 120:
            print(line)
            line = "   "
        line += item
    print(line)
    print("];")
