"""Verdicts of datatrove's filters, with words split at white space, on prose, on damaged prose and on synthetic pages.

The documents are the 269 chapters of the corpus; 300 made from them: damage d // 12 of severity d % 12, applied to
the first 40 lines of chapter 37 d mod 269; and 300 pages in the same way: page d // 12 of severity d % 12 from the
paragraphs of chapter 41 d mod 269. Severities are chosen so that some documents of a kind stay and some go, many of
them exactly at a threshold. The Rust test makes the same documents, so that only the verdicts are
committed: the reasons of GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter, C4ParagraphFilter and
FineWebQualityFilter, empty for what stays, and of what C4QualityFilter rewrites the XXH3-64 of the new text.
spaCy, which datatrove asks for sentences, is replaced by the rule of `trainyard_text::count_sentences`.
Usage: pip install datatrove==0.10.1 regex numpy xxhash
       zstd -dc ../../corpus/austen.txt.zst | python filters_datatrove.py > ../golden/filters.jsonl
"""
import json
import re
import sys
from types import SimpleNamespace

import xxhash
from datatrove.pipeline.filters import (
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)
from datatrove.utils.text import TERMINAL_PUNCTUATION

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
CITED = ["[1]", " [23]", "[edit]", "[citation needed]", "[]", "[a]", "[1][2]", "[1]...", ".[1]", "?[٣]", " [1] .", "[ 1]"]
PAGE_ENDS = [".", "?", "!", '"', "'", "...", "”", "。", " .", ".'", ". . .", "…"]
SPELLINGS = [
    "{0} ends.", "this {0} ends.", "{0}", "the {0} here", "in{0}s.", "of {0}, two.", "so{{ {0}.", "{0} {{", "\u3000{0} x y.",
    "é {0} é.", "İ {0} it.", "a. {0} b.",
]
PHRASES = [
    "lorem ipsum", "Lorem Ipsum", "javascript", "JavaScript", "JAVASCRİPT", "{", "terms of use", "Privacy Policy",
    "cookie policy", "uses cooKies", "Use of Cookies", "use cookies",
]
SENTENCES = [
    "One. Two. Three. Four.", "One. Two. Three. Four. Five.", "Mr. A. B. Dash it.", "a.b.c.d.e.f is one.", "Is. it?! So...",
    "这。是。四。句。.", "这。是。五。句。话。.", "He said “no.” (Yes.) Or. Not. 'So.'", "1.5 and 2.5. One. e.g. three.", "… … … … it.",
    "One.\u00a0Two.\u2003Three. Four. Five.", "(One.) [Two.] Three.) Four.] 'Five.'",
]
SHORT = ["", "\n\n", " \n\n a", "a\n\na", "a\na", "\na\n", "a b", "a b c", "a b c d", "a b a b a b", "\u2028\n\x0b", "\0 \0 \0 \0"]
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


def with_each(words, phrase, n):
    """The words with a phrase after every n-th."""
    return " ".join(x + " " + phrase if i % n == n - 1 else x for i, x in enumerate(words))


def page(chapter, kind, s):
    """A page of kind 0 to 24 and severity s, 0 to 11."""
    paragraphs = [" ".join(x.split()) for x in chapter.split("\n\n") if x.split()][:12]
    lines = [x for x in chapter.split("\n") if x.split()][:30]
    words = chapter.split()[:300]
    match kind:
        case 0: return "\n".join(paragraphs[: s + 1])
        case 1: return "\n\n".join(lines[:5] + lines[:1] * (s // 2) + lines[6 : 7 + s % 3])
        case 2: return "\n".join(lines[: 12 - s] + [lines[0][:9]] * s)
        case 3: return "\n\n".join([" ".join(lines[:4])] * 2 + lines[5 : 10 + 2 * s])
        case 4: return with_each(words, "buy now", s // 2 + 2)
        case 5: return with_each(words, "click here now", s + 6)
        case 6: return with_each(words, "read all of it", s + 8)
        case 7: return " ".join(words[:150] + words[20 : 20 + 4 * s] + words[150:160])
        case 8: return " ".join(words[:200] + 2 * words[50 : 60 + s] + words[: s + 1])
        case 9: return "\n".join(paragraphs + [SPELLINGS[s].format(PHRASES[3])] + paragraphs[:2])
        case 10: return "\n".join(paragraphs[:3] + ["A known thing" + CITED[s], "So it is" + CITED[s] + "."] + paragraphs[3:])
        case 11: return "\n".join(x + PAGE_ENDS[s] for x in paragraphs)
        case 12: return "\n".join(paragraphs + [SPELLINGS[s].format(PHRASES[0])] + paragraphs[:2])
        case 13: return "\n".join(paragraphs + [SPELLINGS[s].format(PHRASES[5])] + paragraphs[:2])
        case 14: return "\n".join(paragraphs + [SPELLINGS[5].format(PHRASES[s])] + paragraphs[:2])
        case 15: return "\n".join(paragraphs + ["x" * (994 + s) + " is a long word.", "é" * (994 + s) + " is too."])
        case 16: return "\n".join(["One.", "One two.", "One two three.", SENTENCES[s]])
        case 17: return "\n".join(paragraphs[:4] + [x[:24] + "." for x in lines[10 : 10 + s]])
        case 18: return "\n".join(paragraphs + [x[: 4 * s] for x in lines[:4]] * 2)
        case 19: return ("\n" * (4 * s + 1)).join(paragraphs)
        case 20: return BREAKS[s].join(paragraphs)
        case 21: return "\n".join(SPACES[s] + x + SPACES[s] for x in paragraphs)
        case 22: return SHORT[s]
        case 23: return "\n".join([CHINESE] * (s // 3) + [x + CHINESE[: 2 * s] for x in paragraphs[:s]])
        case 24: return "\n".join(x[: 190 + s] for x in sorted(paragraphs, key=len)[-4:])


def split_into_sentences(text, language):
    """As many sentences as `trainyard_text::count_sentences` counts."""
    marks = "".join(map(re.escape, sorted(TERMINAL_PUNCTUATION | {"…"})))
    hard = TERMINAL_PUNCTUATION - set(".!?")
    ends, last = 0, 0
    for run in re.finditer(f"[{marks}][{marks}\"')\\]’”»」』）]*", text):
        if hard & set(run[0]) or run.end() == len(text) or text[run.end()].isspace():
            ends, last = ends + 1, run.end()
    return [text] * (ends + (text[last:].strip() != ""))


def make_filters():
    """datatrove's filters, with words split at white space, and sentences as here."""
    for module in (fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter):
        module.split_into_words = lambda text, language: text.split()
    c4_filters.split_into_sentences = split_into_sentences
    return [
        gopher_quality_filter.GopherQualityFilter(),
        gopher_repetition_filter.GopherRepetitionFilter(),
        c4_filters.C4QualityFilter(),
        c4_filters.C4ParagraphFilter(),
        fineweb_quality_filter.FineWebQualityFilter(),
    ]


def main():
    prose = chapters(sys.stdin.buffer.read().decode())
    assert len(prose) == 269
    documents = prose + [damaged(prose[37 * d % 269], d // 12, d % 12) for d in range(300)]
    documents += [page(prose[41 * d % 269], d // 12, d % 12) for d in range(300)]
    filters = make_filters()
    for text in documents:
        verdicts = []
        for judge in filters:
            document = SimpleNamespace(text=text)
            verdict = judge.filter(document)
            if verdict is not True:
                verdicts.append(verdict[1])
            else:
                verdicts.append(xxhash.xxh3_64_hexdigest(document.text.encode()) if document.text != text else "")
        print(json.dumps(verdicts))


if __name__ == "__main__":
    main()
