"""Tags of three schemes, right and wrong, and the entities that seqeval finds in them: tests/golden/tag_schemes.json.

    pip install seqeval==1.2.2 && python tests/peers/tag_schemes_seqeval.py > tests/golden/tag_schemes.json

seqeval's lenient reading, which is that of conlleval, knows E- and S-; L- and U- of BILOU are written so for it.
"""

import json
import random

from seqeval.metrics.sequence_labeling import get_entities

LETTERS = {"BIO": "BI", "IOBES": "BIES", "BILOU": "BILU"}
AS_IOBES = {"L": "E", "U": "S"}


def entities(tags):
    named = [AS_IOBES.get(tag[0], tag[0]) + tag[1:] for tag in tags]
    return [[kind, start, end + 1] for kind, start, end in get_entities(named)]


def main():
    rng = random.Random(16)
    cases = []
    for letters in LETTERS.values():
        for _ in range(100):
            kinds = ["PER", "LOC"][: rng.randint(1, 2)]
            words = range(rng.randint(1, 9))
            tags = [rng.choice(["O"] + [f"{letter}-{kind}" for letter in letters for kind in kinds]) for _ in words]
            cases.append([" ".join(tags), entities(tags)])
    print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")


main()
