"""Scores of texts by other libraries: the numbers that the tests of the text metrics in plugins/ expect.

BLEU, chrF and TER of sacrebleu, ROUGE of rouge-score, exact match and F1 of SQuAD in transformers, accuracy and F1 of
scikit-learn, entities of seqeval, and the share of repeated n-grams by its formula.

pip install sacrebleu==2.6.0 rouge-score==0.1.2 scikit-learn==1.9.1 seqeval==1.2.2 transformers==4.57.6
usage: python tests/peers/text_metrics.py > tests/golden/text_metrics.json
"""

import itertools
import json
import random
import string
import sys
import warnings

from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER
from seqeval import scheme as schemes
from seqeval.metrics import f1_score as entity_f1
from seqeval.metrics import precision_score, recall_score
from sklearn.metrics import accuracy_score, f1_score
from transformers.data.metrics.squad_metrics import compute_exact, compute_f1

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


ANSWERS = """The U.S. Army|us army|the US army of 1900|A.|a|an|The|the the|||Denver Broncos|Denver Broncos.|broncos
    |Santa Clara, California|in Santa Clara, California|1066|1,066|in 1066 or 1067|东京|东京。|東京 塔|2023年，北京|2023年 北京
    |Café|cafe|CAFÉ!|théa á Théa|an_a a-b a'b|There another anthem|👍 yes|yes 👍🏽|  two   words |two words|two\twords
    |ἈΝΉΡ Σ|ἀνήρ σ|½ a ٣ the ⅷ|a١ the""".replace("\n    ", "").split("|")


def answers():
    """Pairs of answers, many of them equal but for what SQuAD does not compare."""
    for answer in ANSWERS:
        for count in (1, 2, 3):
            near = [answer, answer.upper(), answer + ".", "the " + answer, "a " + answer.lower()]
            yield {"hypothesis": answer, "references": random.sample(near + ANSWERS, count)}


def exact_match(pairs):
    def share(is_same):
        return sum(any(is_same(a, pair["hypothesis"]) for a in pair["references"]) for pair in pairs) / len(pairs)

    yield {"settings": {}, "score": share(compute_exact)}
    flags = {"ignore_articles": False, "ignore_spaces": False}
    for case in settings(("ignore_case", FLAG), ("ignore_punctuation", FLAG), ("ignore_numbers", FLAG)):

        def left(text):
            # as exact_match of Hugging Face's evaluate
            text = text.lower() if case["ignore_case"] else text
            without = string.punctuation * case["ignore_punctuation"] + string.digits * case["ignore_numbers"]
            return text.translate(str.maketrans("", "", without))

        yield {"settings": {**case, **flags}, "score": share(lambda a, b: left(a) == left(b))}


def token_f1(pairs):
    for pair in pairs:
        yield max(compute_f1(reference, pair["hypothesis"]) for reference in pair["references"])


def labels():
    """Predicted and true labels, and the scores of them."""
    names = ["sports", "news", "体育", "天气", "", "a b", "News", "👍", "never true"]
    for known, count, share in ((2, 1, 1), (2, 9, 0.8), (3, 30, 0.6), (6, 60, 0.7), (8, 100, 0.3), (5, 12, 0)):
        gold = random.choices(names[:known], k=count)
        said = [label if random.random() < share else random.choice(names) for label in gold]
        scores = {"accuracy": accuracy_score(gold, said)}
        for average in ("macro", "micro", "weighted"):
            scores[f"f1-{average}"] = f1_score(gold, said, average=average, zero_division=0)
        yield {"gold": gold, "said": said, "scores": scores}


def entities():
    """Tags with and without errors, and the scores of seqeval: by default and in strict mode."""
    prefixes = {"conll": "BIOES", "iob1": "IOB", "iob2": "IOB", "ioe1": "IOE", "ioe2": "IOE"}
    prefixes.update({"iobes": "IOBES", "bilou": "BILOU"})
    kinds = ["-PER", "-LOC", "-PER", "", "-B-x", "-人"]
    for name, letters in prefixes.items():
        for share, count, longest in ((1, 1, 0), (1, 3, 6), (0.8, 12, 14), (0.5, 6, 9), (0.95, 12, 20)):
            tags = [letter + kind for letter in letters.replace("O", "") for kind in kinds[: random.randint(1, 6)]]
            tags += ["O"] * len(tags)
            gold = [random.choices(tags, k=random.randint(0, longest)) for _ in range(count)]
            said = [[tag if random.random() < share else random.choice(tags) for tag in line] for line in gold]
            mode = {} if name == "conll" else {"mode": "strict", "scheme": getattr(schemes, name.upper())}
            scorers = {"f1": entity_f1, "precision": precision_score, "recall": recall_score}
            scores = {score: float(scorer(gold, said, **mode)) for score, scorer in scorers.items()}
            sides = [[" ".join(line) for line in side] for side in (gold, said)]
            yield {"scheme": name, "gold": sides[0], "said": sides[1], "scores": scores}


def repetition():
    """Texts that repeat themselves, and 1 - distinct / all n-grams of each that has any."""
    some = ["", "a", "a b a b a b a b", "重复 重复 重复 重复 重复 不", "👍 👍🏽 👍 👍🏽 👍 👍🏽", "A a A a A a", "x\ty\nx y\u3000x y"]
    some += [" ".join(random.choices("abc", k=random.randint(1, 40))) for _ in range(12)]
    scores = []
    for n in range(1, 9):
        grams = [[tuple(text.split()[i : i + n]) for i in range(len(text.split()) - n + 1)] for text in some]
        shares = [1 - len(set(each)) / len(each) for each in grams if each]
        corpus = 1 - sum(len(set(each)) for each in grams) / sum(map(len, grams))
        scores.append({"n": n, "texts": sum(shares) / len(shares), "n-grams": corpus})
    return {"texts": some, "scores": scores}


TER_FLAGS = [(name, FLAG) for name in ("normalized", "no_punct", "asian_support", "case_sensitive")]


def ter(pairs):
    for case in settings(*TER_FLAGS):
        yield {"settings": case, "scores": scores(TER(**case), pairs)}


def moved():
    """Texts of few or many different words in another order, where there is much to shift, and edits and length."""
    lengths = [12] * 40 + [30] * 25 + [70] * 6 + [160] * 3
    for longest, letters in zip(lengths, itertools.cycle(["ab", "abcdefgh", "abcdefghijklmnopqrstuvwxyz"])):
        reference = random.choices(letters, k=random.randint(1, longest))
        words = [word for word in reference if random.random() < 0.9]
        for _ in range(random.randint(0, 4)):
            start, length = random.randint(0, len(words)), random.randint(1, 12)
            part, words = words[start : start + length], words[:start] + words[start + length :]
            place = random.randint(0, len(words))
            words = words[:place] + part + random.choices(letters, k=random.choice([0, 0, 1, 3])) + words[place:]
        yield " ".join(words), " ".join(reference)
    for words, reference in ((1, 130), (3, 170), (160, 2), (90, 60), (0, 5), (5, 0), (0, 0), (60, 61)):
        yield " ".join(random.choices("abcdefgh", k=words)), " ".join(random.choices("abcdefgh", k=reference))
    # a shift of more words than a shift may have, and one of more than 50 places
    several = [f"w{i}" for i in range(75)]
    yield " ".join(several[14:] + several[:14]), " ".join(several)
    yield " ".join([*several[1:], several[0]]), " ".join(several)


def edits(metric, pairs):
    for hypothesis, reference in pairs:
        score = metric.corpus_score([hypothesis], [[reference]])
        yield [hypothesis, reference, score.num_edits, score.ref_length]


# sacrebleu tokenizes references twice, and these are split further the second time
TWICE = [
    ("the dog's.", "the dog's."),
    ("it's, she's", "it's, she's"),
    ("&lt;b&gt; a", "&amp;lt;b&amp;gt; a"),
    ("a's.", "a's.'s.'s"),
    ("他's。 b", "他's。 b's?"),
]


def tercom():
    asian = [*"漢㐀㇀⺀㌀豈︰㈀㿿ひらカタ｡・、。〈〔．，？！（ß", "'s ", "'s", "\n-", "&gt;", "n't", "ひら", "1.5,"]
    odd = ["".join(random.choices(ALPHABET + 2 * asian, k=random.randint(0, 20))) for _ in range(60)]
    cases = list(settings(*TER_FLAGS))
    return {"texts": odd, "cases": [[case, [TER(**case)._preprocess_segment(text) for text in odd]] for case in cases]}


def main():
    warnings.simplefilter("ignore")
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
    answer_pairs = list(answers())
    golden.update(
        {
            "answers": answer_pairs,
            "exact-match": list(exact_match(answer_pairs)),
            "token-f1": list(token_f1(answer_pairs)),
            "labels": list(labels()),
            "entities": list(entities()),
            "repetition": repetition(),
            "ter": list(ter(pairs)),
            "edits": list(edits(TER(), moved())),
            "tercom": tercom(),
            "twice": list(edits(TER(normalized=True, asian_support=True), TWICE)),
        }
    )
    json.dump(golden, sys.stdout, ensure_ascii=False)
    print()


main()
