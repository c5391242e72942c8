"""The same texts in many encodings, by Python's codecs: tests/golden/encodings.json.

    python3 tests/peers/encodings.py > tests/golden/encodings.json
"""

import json

CASES = [
    # label, Python's codec, text
    ("windows-1252", "cp1252", "Le garçon a payé 3 € pour « un café » — l’été, déjà."),
    ("iso-8859-1", "latin-1", "Die Männer größerer Städte hörten früh über die schöne Überfahrt."),
    ("windows-1251", "cp1251", "Съешь же ещё этих мягких французских булок."),
    ("koi8-r", "koi8-r", "Съешь же ещё этих мягких французских булок."),
    ("iso-8859-2", "iso-8859-2", "Příliš žluťoučký kůň úpěl ďábelské ódy."),
    ("gbk", "gbk", "昨夜雨疏风骤，浓睡不消残酒。"),
    ("gb18030", "gb18030", "昨夜雨疏风骤，𠀀 和 é。"),
    ("big5", "big5", "昨夜雨疏風驟，濃睡不消殘酒。"),
    ("shift_jis", "shift_jis", "いろはにほへと ちりぬるを 表示。"),
    ("euc-jp", "euc-jp", "いろはにほへと ちりぬるを 表示。"),
    ("euc-kr", "cp949", "다람쥐 헌 쳇바퀴에 타고파."),
    ("utf-16le", "utf-16-le", "déjà 中 😀"),
    ("utf-16be", "utf-16-be", "déjà 中 😀"),
]

cases = [[label, text.encode(codec).hex(), text] for label, codec, text in CASES]
print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]")
