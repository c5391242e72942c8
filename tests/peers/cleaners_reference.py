"""The results of other programs on the cleaners' test texts: they are in ../golden/cleaners.jsonl.

Each line has the cleaner, its settings as TOML, a text and what the reference makes of it:
unicode (unicodedata), html-entities (html.unescape), mojibake (ftfy.fix_encoding), pii (datatrove's PIIFormatter, made
anew for each text), citations (C4's expression in datatrove), stop-words (tokens of scikit-learn without its list),
unwrap-lines (textwrap.fill of paragraphs, to be undone). ../cleaners.rs compares, and lists where the two differ.
Usage: pip install datatrove==0.10.1 ftfy==6.3.1 scikit-learn==1.9.1
       python cleaners_reference.py > ../golden/cleaners.jsonl
"""
import html
import json
import random
import re
import textwrap
import unicodedata

import ftfy
from datatrove.pipeline.filters.c4_filters import CITATION_REGEX
from datatrove.pipeline.formatters.pii import PIIFormatter
from sklearn.feature_extraction.text import CountVectorizer

RANDOM = random.Random(1)
SENTENCES = [
    "It’s “so” — naïve café… €5, ½ or 3°", "¿Qué pasó, señor Nuñez? ¡Sí!", "Où êtes-vous allé, à Nîmes ? Ça va : « oui »",
    "Größe, Äpfel, Öl und Übermut – „schön“", "São João não é só lição", "Zażółć gęślą jaźń", "Příliš žluťoučký kůň úpěl",
    "Árvíztűrő tükörfúrógép", "Şişli'de ağaç, İstanbul", "Привет, мир! Как дела?", "Καλημέρα κόσμε", "שלום עולם",
    "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "你好，世界。", "こんにちは、世界", "안녕하세요 세계", "😀 👍🏽 ❤️", "Tiếng Việt đẹp",
    "Ærø, Ålesund, smørrebrød", "Þetta er íslenska", "Latvijā ēd āboļus", "x² ± 3 × 10µm ÷ 2 → ∞ ≤ √",
]
# Text that is right, though some of it looks otherwise.
RIGHT = [
    "É»", "«É»", "RÉSUMÉ®", "„Ö“", "Ç’est", "à »", "ÀÉÎ", "10 €", "¢50", "§ 5 ¶", "naïve “é”", "CAFÉ”", "Ö–Ä", "Ã", "Â",
    "Ãngström", "â la carte", "SÃO PAULO", "×²", "ÅÄÖ", "Š“", "Ž”", "ß®", "é™", "ï¿½", "plain text", "", "Â©", "voilÃ le travail",
    "â€�", "“Ã©", "Ã©»", "L’été à Noël: 5 £", "a\u0093b\u0094", "It\u0092s \u0080", "\u0085", "Mañana", "Ü°", "œuf", "ŒUVRE",
]
WORDS = {
    "unicode": [
        "a", "é", "e\u0301", "A\u030a", "\u212b", "\u1100\u1161\u11a8", "한", "ﬁ", "²", "Ａ", "…", "\u0958", "क\u093c", "\u0344",
        "a\u0323\u0302", "a\u0302\u0323", "\u0340", "中", "\uf900", "\u3099か", "か\u3099", "Ω", "\u2126", "ß", "ẞ", " ", "\n",
        "ﷺ", "①", "½", "㎏", "ｱ", "\u00a0", "𝐀", "\u0f73", "\u1e9b\u0323", "😀", "ŉ", "\u037e", "b",
    ],
    "html-entities": [
        "&amp;", "&lt", "&eacute;", "&eacute", "&notin;", "&notit;", "&not", "&copy2026", "&#8217;", "&#x2019;", "&#X41",
        "&#128;", "&#146;", "&#xD800;", "&#0;", "&#x110000;", "&#99999999999999;", "&", "&&", ";", "&;", "&#;", "&#x;", "&xyz;",
        "&nGg;", "&NotEqualTilde;", "&CounterClockwiseContourIntegral;", "a", " ", "=", "&hellip;", "&AMP", "&Amp;", "&nbsp;x", "é",
        "&ThickSpace;", "&amp;lt;", "&#38;#60;", "&yen", "&para1", "&frac12;", "&frac1", "&sup", "&sup2",
    ],
    "pii": [
        "a@b.c", "jane.doe+x@mail.example.co.uk", "@", ".", "..", "a", "-", "é", " ", "@b", ".c", "x@y", "[", "]", "1.2.3.4", "8.8",
        ".8.8", "10.0.0.1", "192.168.1.1", "999", "256", "25", "01.2.3.4", "100.64.0.1", "172.16.0.9", "255.255.255.255", "1",
        "a@[1.2.3.4]", "@[1.2.3.", "x:]", "!", "_", "中", "<", ">", "a-b@c-d.e-f", "-@-.-", "203.0.113.7", "198.18.0.1", "0.1.2.3",
        "224.0.0.1", "192.0.0.9", ",", "\n", "'", "`{|}~", "²", "\u0301",
    ],
    "citations": [
        "[12]", "[", "]", "1", "[]", "[edit]", "[citation needed]", "[a]", "text", " ", "[1, 2]", "[[", "]]", "[edit", "é", "[0]",
    ],
    "stop-words": [
        "the", "The", "of", "AND", "cat", "house", "whereafter", "however", "river", "sincere", "a", "i", "x", "dog", "becomes",
        "Thus", "system", "cant", "con", "de", "fire", "rivers", "above", "about", "computer", "call", "mill", "thin", "thick", "un",
    ],
}
BREAKS = {"\r\n": "\n", "\r": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}
BREAK = re.compile("|".join(BREAKS))
UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def mixed(cleaner, n, joiner=""):
    return [joiner.join(RANDOM.choices(WORDS[cleaner], k=RANDOM.randint(1, 8))) for _ in range(n)]


def say(cleaner, settings, text, expected):
    print(json.dumps({"cleaner": cleaner, "settings": settings, "text": text, "expected": expected}, ensure_ascii=False))


def seen(text):
    """Line ends as \\n, no control characters, nothing without width; joiners are tested by the Rust unit tests."""
    text = BREAK.sub(lambda match: BREAKS[match[0]], text)
    text = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
    return UNSEEN.sub("", text)


def unicode():
    controls = [chr(code) for code in (*range(0x0B), *range(0x0E, 0xA0))] + ["\r\n", "\r"]
    unseen = "\u00ad\u034f\u061c\u180e\u200b\u200e\u202e\u2060\u2063\u2066\u206f\ufeff\ufff9\u2028\u2029"
    for i, text in enumerate(mixed("unicode", 240)):
        form = ["nfc", "nfkc", "none"][i % 3]
        for _ in range(i % 4):
            at = RANDOM.randint(0, len(text))
            text = text[:at] + RANDOM.choice([*controls, *unseen]) + text[at:]
        clean = seen(text)
        expected = clean if form == "none" else unicodedata.normalize(form.upper(), clean)
        say("unicode", f'form = "{form}"', text, expected)


def mojibake():
    def misread(text, encoding):
        return text.encode().decode(encoding)

    texts = [*SENTENCES, *RIGHT]
    for encoding in ("sloppy-windows-1252", "latin-1"):
        once = [misread(text, encoding) for text in SENTENCES]
        twice = [misread(text, encoding) for text in once]
        mixed_ = [f"{a} … {b} “right” {c}" for a, b, c in zip(SENTENCES, once, SENTENCES[3:])]
        texts += once + twice + mixed_
    for text in texts:
        say("mojibake", "", text, ftfy.fix_encoding(text))


def words():
    analyze = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b\w+\b").build_analyzer()
    for text in mixed("stop-words", 60, " "):
        say("stop-words", 'mode = "remove"', text, " ".join(analyze(text)))


def wrapped():
    prose = " ".join("It is a truth universally acknowledged that a single man in possession of a good fortune".split() * 30)
    for width in range(50, 110, 12):
        paragraphs = [prose[RANDOM.randint(0, 40):][: RANDOM.randint(300, 900)].strip() for _ in range(5)]
        text = "\n\n".join(textwrap.fill(paragraph, width) for paragraph in paragraphs)
        say("unwrap-lines", "", text, "\n\n".join(paragraphs))


def main():
    unicode()
    for text in mixed("html-entities", 240):
        say("html-entities", "", text, html.unescape(text))
    mojibake()
    for text in mixed("pii", 500):
        say("pii", "", text, PIIFormatter().format(text))
    for text in mixed("citations", 100):
        say("citations", "", text, CITATION_REGEX.sub("", text))
    words()
    wrapped()


main()
