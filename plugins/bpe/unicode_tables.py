"""Writes src/tables.rs: the ranges of letters and numbers that the split rule needs.

The version of Unicode must be that of the reference, the `tokenizers` crate (regex-syntax: 16.0.0), so take
`pip install unicodedata2==16.0.0` instead of the module that comes with Python.

    python unicode_tables.py > src/tables.rs
"""

import unicodedata2 as unicodedata

assert unicodedata.unidata_version == "16.0.0", unicodedata.unidata_version


def ranges(category):
    found = []
    for code in range(0x80, 0x110000):
        if unicodedata.category(chr(code))[0] != category:
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def table(name, doc, category):
    print(f"\n/// {doc}\n#[rustfmt::skip]\npub const {name}: &[(u32, u32)] = &[")
    items = [f"(0x{first:x}, 0x{last:x})" for first, last in ranges(category)]
    for i in range(0, len(items), 5):
        print("    " + ", ".join(items[i : i + 5]) + ",")
    print("];")


print("//! Letters and numbers beyond ASCII in Unicode 16.0, written by `unicode_tables.py`.")
table("LETTERS", "General_Category L*: first and last character of each range.", "L")
table("NUMBERS", "General_Category N*: first and last character of each range.", "N")
