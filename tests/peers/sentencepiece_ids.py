"""Trains small models of SentencePiece and writes them, with the ids of nasty texts, to tests/golden/sentencepiece.

Usage: zstd -dc corpus/austen.txt.zst | head -c 300000 > /tmp/austen.txt
       python sentencepiece_ids.py /tmp/austen.txt tests/golden/sentencepiece    (needs sentencepiece 0.2)
The model `full` has SentencePiece's own table of replacements (240 kB) and goes to the last folder given, if any.
"""
import json
import os
import sys
import tempfile
import sentencepiece

corpus, out = sys.argv[1], sys.argv[2]
CHINESE = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少？\n" * 30
TEXTS = [
    "",
    " ",
    "  \t\n ",
    "It is a truth universally acknowledged, that a single man in possession of a good fortune",
    " two  spaces and\r\n\ttab ",
    "naïve café — “quotes” 日本語 👩‍👩‍👧\0\ufeffe\u0301",
    "ﬁne ½ Ⅷ ＡＢＣ ① ㌔ … …… ﷺ",
    "床前明月光，疑是地上霜。",
    "<s>out</s> <unk> <pad> <0x41><0x0A> ▁x▁▁ y",
    "call <tool> now<tool><tool>x  <tool>  ﬁ<tool>",
    "aaaaaaaaaaaaaaaaaaaaaaaa the the the thethethe",
    "x" * 50 + " " * 20 + "\u3000\u00a0y\u2003",
    "q\u0302\u0323 \u1100\u1161\u11a8 \u212b\u0344",
    "don't we'll I'm 0123456789 3.14e-10 https://example.com/?q=1&r=2",
    "ЁЖ ёж ΑΒΓ αβγ ไทย ខ្មែរ",
    "\U0010ffff\U0010ffff a\U0010ffff b",
]
PAIRS = [("ﬁ", "fi"), ("½", "1⁄2"), ("Ａ", "A"), ("Ｂ", "B"), ("e\u0301", "é"), ("\t", " "), ("\u3000", " "), ("…", "...")]
with tempfile.TemporaryDirectory() as folder:
    text = os.path.join(folder, "corpus.txt")
    with open(text, "w") as file:
        file.write(open(corpus).read() + CHINESE)
    rules = os.path.join(folder, "rules.tsv")
    hexes = lambda text: " ".join(f"{ord(char):04X}" for char in text)
    with open(rules, "w") as file:
        file.writelines(f"{hexes(a)}\t{hexes(b)}\n" for a, b in PAIRS)
    common = dict(input=text, vocab_size=400, minloglevel=2, character_coverage=1.0, num_threads=1)
    models = {
        "unigram": dict(model_type="unigram", normalization_rule_tsv=rules, user_defined_symbols=["<tool>", "▁▁x"]),
        "unigram-bytes": dict(model_type="unigram", normalization_rule_name="identity", byte_fallback=True,
                              remove_extra_whitespaces=False, eos_piece="<fin>", unk_id=3, bos_id=1, eos_id=0, pad_id=2),
        "bpe": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True,
                    remove_extra_whitespaces=False, split_digits=True),
        "bpe-user": dict(model_type="bpe", normalization_rule_tsv=rules, user_defined_symbols=["<tool>", "the"],
                         add_dummy_prefix=False),
        "suffix": dict(model_type="unigram", normalization_rule_name="identity", treat_whitespace_as_suffix=True),
        "full": dict(model_type="unigram"),
        "full-bpe": dict(model_type="bpe"),
    }
    for name, settings in models.items():
        target = sys.argv[3] if name.startswith("full") and len(sys.argv) > 3 else out
        if name.startswith("full") and target == out:
            continue
        path = os.path.join(target, name)
        options = {**common, **settings}
        if options.get("byte_fallback"):
            options["vocab_size"] += 256
        sentencepiece.SentencePieceTrainer.train(model_prefix=os.path.join(folder, "model"), **options)
        model = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "model.model"))
        os.replace(os.path.join(folder, "model.model"), path + ".model")
        texts = TEXTS + [line for line in open(corpus).read().split("\n\n")[20:30]]
        cases = [{"text": text, "ids": model.encode(text)} for text in texts]
        with open(path + ".json", "w") as file:
            json.dump(cases, file, ensure_ascii=True, indent=0)
        print(name, model.vocab_size(), os.path.getsize(path + ".model"))
