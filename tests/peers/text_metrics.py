"""BLEU, chrF and ROUGE of sacrebleu and rouge-score: the numbers that the tests of plugins/bleu, chrf and rouge expect.

pip install sacrebleu==2.6.0 rouge-score==0.1.2
usage: python tests/peers/text_metrics.py > tests/golden/text_metrics.json
"""

import itertools
import json
import random
import sys

from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

random = random.Random(11)

REFERENCES = [
    "The committee approved the budget for 2023, which rises by 4.5% to $3,000.75.",
    "\"Don't worry,\" she said -- \"it's only a well-known half-truth.\"",
    "A first line about rivers.\nThe second line is about mountains and rivers.\n\nThe last one is about the sea.",
    "Running runners ran happily; relational databases were adjusted successfully.",
    "Straßenbahnen fahren über die Brücke, naïve façade œuvre.",
    "他们昨天在图书馆看书，今天准备考试。",
    "二〇二三年，ＧＤＰ增长了５％（比去年高）。",
    "京都は古い都で、寺が多い。",
    "Это предложение написано по-русски, а не по-английски.",
    "R&D &amp; <b>markup</b> &quot;quoted&quot; <skipped> 1-2 3-\n4 a/b (c) [d] {e} ~f",
    "word",
    "",
    "  several   spaces\tand\ttabs  ",
    "€5 + £7 = ½ × 100° ① “quoted” ‘single’ — dash… 👍🏽 👩‍👩‍👧",
    "same same same same same same same",
    "one two three four five six seven eight nine ten eleven twelve",
]
WORDS = "the of a river mountains said year 2023 , . budget 看 书 で наш über".split()

TOKENIZERS = ("13a", "intl", "zh", "char", "none")
FLAG = (False, True)
# what the tokenizers treat in their own way, and what they do not
ALPHABET = list("aBz09 .,-&;<>/'\"()[]{}~`^_|\\*+:?!@#$%=\t\n\u3000\u2001\x1c") + [
    *"中文。，ａ１“”…€½①٣İßéд\u0301\u200d😀",
    "&quot;",
    "&amp;",
    "&lt;",
    "<skipped>",
    "-\n",
    "1,000.5",
    "3-4",
    "e.g.",
]


def changed(text):
    """The text with words left out, added, swapped and of another case."""
    words = text.split(" ")
    for _ in range(random.randint(0, 4)):
        place = random.randrange(len(words))
        kind = random.randrange(4)
        if kind == 0 and len(words) > 1:
            del words[place]
        elif kind == 1:
            words.insert(place, random.choice(WORDS))
        elif kind == 2:
            words[place] = words[place].upper()
        else:
            other = random.randrange(len(words))
            words[place], words[other] = words[other], words[place]
    text = " ".join(words)
    if random.random() < 0.3 and len(text) > 3:
        place = random.randrange(len(text) - 1)
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text


def texts():
    pairs = []
    for reference in REFERENCES * 2:
        references = [reference, changed(reference)][: random.randint(1, 2)]
        pairs.append({"hypothesis": changed(reference), "references": references})
    pairs.append({"hypothesis": "", "references": ["not empty"]})
    pairs.append({"hypothesis": "not empty", "references": [""]})
    return pairs


def settings(*options):
    """All combinations of some values of each option."""
    names = [name for name, _ in options]
    for values in itertools.product(*(values for _, values in options)):
        yield dict(zip(names, values))


def corpus_score(metric, pairs):
    longest = max(len(pair["references"]) for pair in pairs)
    streams = [[(pair["references"] + [None] * longest)[i] for pair in pairs] for i in range(longest)]
    return metric.corpus_score([pair["hypothesis"] for pair in pairs], streams).score


# all pairs, and some that have few matches
PARTS = {"all": list(range(2 * len(REFERENCES) + 2)), "first": [0], "short": [10, 26, 11, 32], "zh": [5, 6, 7]}


def scores(metric, pairs):
    return {name: corpus_score(metric, [pairs[i] for i in part]) for name, part in PARTS.items()}


def bleu(pairs):
    names = {"tokenizer": "tokenize", "smoothing": "smooth_method", "max_order": "max_ngram_order"}
    names.update({name: name for name in ("smooth_value", "lowercase", "effective_order")})
    cases = list(settings(("tokenizer", TOKENIZERS), ("lowercase", FLAG)))
    smoothings = [("exp", None), ("none", None), ("floor", None), ("floor", 0.25), ("add-k", None), ("add-k", 0.5)]
    for smoothing, value in smoothings:
        for case in settings(("max_order", (2, 4, 6)), ("effective_order", FLAG)):
            cases.append({"smoothing": smoothing, **case, **({} if value is None else {"smooth_value": value})})
    for case in cases:
        metric = BLEU(**{names[name]: value for name, value in case.items()})
        yield {"settings": case, "scores": scores(metric, pairs)}


def chrf(pairs):
    options = [("word_order", (0, 1, 2)), ("lowercase", FLAG), ("whitespace", FLAG), ("eps_smoothing", FLAG)]
    cases = list(settings(*options)) + [{"beta": 1}, {"beta": 3, "char_order": 4}]
    for case in cases:
        metric = CHRF(**case)
        yield {"settings": case, "scores": scores(metric, pairs)}


class Characters:
    """Every character that is no white space."""

    def tokenize(self, text):
        return [char for char in text.lower() if not char.isspace()]


def rouge(pairs):
    variants = ["rouge1", "rouge2", "rouge5", "rougeL", "rougeLsum"]
    for words, stemmer in (("rouge", False), ("rouge", True), ("characters", False)):
        tokenizer = Characters() if words == "characters" else None
        scorer = RougeScorer(variants, use_stemmer=stemmer, tokenizer=tokenizer)
        scored = [scorer.score_multi(pair["references"], pair["hypothesis"]) for pair in pairs]
        for variant in variants:
            each = [score[variant].fmeasure for score in scored]
            yield {"settings": {"variant": variant, "words": words, "stemmer": stemmer}, "scores": each}


def lines():
    """Texts of few different words in several lines, where there are many longest subsequences."""
    scorer = RougeScorer(["rougeLsum"])
    for longest in [9] * 60 + [150] * 4:
        sides = []
        for _ in range(2):
            lengths = [random.randint(longest // 9 - 1, longest) for _ in range(random.randint(1, 4))]
            sides.append("\n".join(" ".join(random.choices("abcd", k=length)) for length in lengths))
        yield [*sides, scorer.score(sides[1], sides[0])["rougeLsum"].fmeasure]


def tokenized():
    odd = ["".join(random.choices(ALPHABET, k=random.randint(0, 24))) for _ in range(150)]
    for name in TOKENIZERS:
        metric = BLEU(tokenize=name)
        yield name, [[text, metric._preprocess_segment(text).split()] for text in odd]


def stems():
    endings = """s es ies sses ss ed ied eed ing y ying ational tional enci anci izer bli abli alli entli eli ousli
        ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical
        ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll
        lle""".split()
    begins = """geo archaeo relat hop hopp fall fil siz conflat troubl sk enjo happ contr prob ceas y ay by tr abc
        rev""".split()
    words = {begin + ending for begin in begins for ending in endings + [""]}
    words |= {"".join(random.choices("aeiouybltsziednglc0", k=random.randint(1, 9))) for _ in range(300)}
    words |= set("sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed "
                 "succeed dies flies spied died feed agreed plastered bled motoring sing".split())
    stemmer = PorterStemmer()
    return " ".join(f"{word}={stemmer.stem(word)}" for word in sorted(words))


def main():
    pairs = texts()
    golden = {
        "pairs": pairs,
        "parts": PARTS,
        "bleu": list(bleu(pairs)),
        "chrf": list(chrf(pairs)),
        "rouge": list(rouge(pairs)),
        "lines": list(lines()),
        "tokenized": dict(tokenized()),
        "stems": stems(),
    }
    json.dump(golden, sys.stdout, ensure_ascii=False)
    print()


main()
