"""Verdicts of datatrove's GopherQualityFilter, with words split at white space, on prose and on damaged prose.

The documents are the 269 chapters of the corpus, then 300 made from them: damage d // 12 of severity d % 12, applied to
the first 40 lines of chapter 37 d mod 269. Severities are chosen so that some documents of a damage stay and some go,
many of them exactly at a threshold. The Rust test makes the same documents, so that only the verdicts are committed.
Usage: pip install datatrove==0.10.1 regex numpy
       zstd -dc ../../corpus/austen.txt.zst | python gopher_datatrove.py > ../golden/gopher.jsonl
"""
import json
import re
import sys
from types import SimpleNamespace

from datatrove.pipeline.filters import gopher_quality_filter

CHAPTER = re.compile(
    "(?:(?:CHAPTER|Chapter) (?:[2-9]|[1-9][0-9]|I[IVX]+|[VX][IVXL]*)|VOLUME II+|SENSE AND SENSIBILITY|"
    "PRIDE AND PREJUDICE|MANSFIELD PARK|EMMA|NORTHANGER ABBEY|Persuasion)$"
)
STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]
CHINESE = "这是一个测试，看看没有空格的文字会怎么样。"
BREAKS = ["\r\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\n\n", "\n \n"]
SPACES = [" ", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f", "\u205f", "\u3000", "\x1f", "\u200b", "\t", "\ufeff"]
# Letters and what looks like one.
LETTERS = ["“Yes”", "。。", "…", "١٢٣", "Ⅳ", "ⓐ", "²", "ª", "e\u0301", "कि", "👩\u200d👩\u200d👧", "•"]
# Punctuation and what looks like it.
MARKS = ["•", "″", "～", "。", "؟", "-", "=", "°", "€", "×", "\u0301", "\x7f"]
ENDINGS = ["..", "...", "....", "…", ". . .", "...\u3000"]
DOTS = ["..", "...", "....", ".....", "......", "…", "….", "...…", ". ..", "……", "…..", "。。。"]
BLANKS = ["", " ", "\n", "\r\n\r\n", "\u3000", "...", "#", "-", "\0", "\ufeff", "中文", "a"]


def chapters(text):
    documents = []
    for line in text.splitlines(keepends=True):
        if not documents or CHAPTER.match(line.rstrip("\r\n")):
            documents.append("")
        documents[-1] += line
    return documents


def each(items, change, which=lambda i: True):
    """Every item, changed where `which` says so of its number."""
    return [change(item) if which(i) else item for i, item in enumerate(items)]


def damaged(chapter, damage, s):
    """A chapter with damage 0 to 24 of severity s, 0 to 11."""
    lines = chapter.split("\n")[:40]
    words = "\n".join(lines).split()
    some, rare = lambda i: i % 12 <= s, lambda i: i % (s + 5) == 0
    match damage:
        case 0: return "\n".join(lines[:1] * (9 * s + 1) + lines[:2])
        case 1: return "\n".join(each(lines, lambda x: "•" + x, some))
        case 2: return "\n".join(each(lines, lambda x: " \t- " + x, lambda i: i % 10 <= s))
        case 3: return "\n".join(each(lines, lambda x: x + "...", some))
        case 4: return "\n".join(each(lines, lambda x: x + "… ", some))
        case 5: return " ".join(each(words, lambda x: x + "#", rare))
        case 6: return " ".join(each(words, lambda x: x + "...", rare))
        case 7: return " ".join(each(words, lambda x: "1812", some))
        case 8: return " ".join(x for x in words if x not in STOP_WORDS[:s])
        case 9: return " ".join(words[: 10 * s])
        case 10: return " ".join((words * 1000)[: 99_995 + s])
        case 11: return " ".join("".join(words[i : i + s + 1]) for i in range(0, len(words), s + 1))
        case 12: return " ".join(each(words, lambda x: x[: s % 6 + 1]))
        case 13: return " ".join((CHINESE[: 2 * s + 1] + " ") * 30 for _ in range(2))
        case 14: return "\n".join(each(lines, lambda x: x + CHINESE, some))
        case 15: return " ".join(each(words, lambda x: x + " --", some))
        case 16: return BREAKS[s].join(each(lines, lambda x: "-" + x, lambda i: i > 0))
        case 17: return SPACES[s].join(words)
        case 18: return " ".join(each(words, lambda x: LETTERS[s], lambda i: i % 4 == 0))
        case 19: return " ".join(["with"] * 25 + ["that"] * 24 + [MARKS[s]])
        case 20: return " ".join(each(words, str.upper, some))
        case 21: return " ".join(each(words, lambda x: x + ",", some))
        case 22: return "\n".join(each(lines, lambda x: x + ENDINGS[s % 6], lambda i: i % 10 < 3 + s // 6))
        case 23: return BLANKS[s]
        case 24: return "\n".join(x.replace(".", DOTS[s]).replace(",", DOTS[s]) for x in lines)


def main():
    gopher_quality_filter.split_into_words = lambda text, language: text.split()
    prose = chapters(sys.stdin.buffer.read().decode())
    assert len(prose) == 269
    documents = prose + [damaged(prose[37 * d % 269], d // 12, d % 12) for d in range(300)]
    judge = gopher_quality_filter.GopherQualityFilter().filter
    for i, text in enumerate(documents):
        verdict = judge(SimpleNamespace(text=text))
        keep, reason = (True, "") if verdict is True else verdict
        print(json.dumps({"document": i, "keep": keep, "reason": reason}))


main()
