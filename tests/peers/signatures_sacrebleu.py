"""Signatures of sacrebleu's metrics: the strings that `trainyard score` prints, but for the version at their end.

pip install sacrebleu==2.6.0
usage: python tests/peers/signatures_sacrebleu.py > tests/golden/signatures.json
"""

import itertools
import json

from sacrebleu.metrics import BLEU, CHRF, TER

HYPOTHESES = ["the cat sat on the mat", "there is a dog"]
REFERENCES = [["the cat is on the mat", "there is the dog"], ["a cat sat on a mat", "a dog is there"]]

FLAG = (False, True)


def product(**values):
    """Every combination of settings with at most two that are not the first."""
    for chosen in itertools.product(*values.values()):
        settings = dict(zip(values, chosen))
        if sum(settings[key] != values[key][0] for key in values) <= 2:
            yield settings


# metric, settings by our names, and how sacrebleu names them
METRICS = [
    (
        "bleu",
        BLEU,
        product(
            tokenizer=("13a", "intl", "zh", "char", "none"),
            smoothing=("exp", "floor", "add-k", "none"),
            smooth_value=(-1.0, 0.25, 2.0),
            lowercase=FLAG,
            effective_order=FLAG,
        ),
        {"tokenizer": "tokenize", "smoothing": "smooth_method"},
    ),
    (
        "chrf",
        CHRF,
        product(char_order=(6, 4), word_order=(0, 2), lowercase=FLAG, whitespace=FLAG, eps_smoothing=FLAG),
        {},
    ),
    ("ter", TER, product(normalized=FLAG, no_punct=FLAG, asian_support=FLAG, case_sensitive=FLAG), {}),
]


def signature(make, settings, names, references):
    """What sacrebleu says after a corpus was scored."""
    arguments = {names.get(key, key): value for key, value in settings.items() if (key, value) != ("smooth_value", -1.0)}
    metric = make(**arguments)
    metric.corpus_score(HYPOTHESES, references)
    return str(metric.get_signature())


def main():
    """Writes the settings of each metric with the signatures for one and for two references."""
    cases = [
        {
            "metric": metric,
            "settings": settings,
            "signatures": [signature(make, settings, names, REFERENCES[:n]) for n in (1, 2)],
        }
        for metric, make, all_settings, names in METRICS
        for settings in all_settings
    ]
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


main()
