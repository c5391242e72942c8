"""The measures of scikit-learn, SciPy and seqeval: the numbers that the tests of host/src/eval/measures expect.

pip install scikit-learn==1.9.1 seqeval==1.2.2
usage: python tests/peers/measures_sklearn.py > tests/golden/measures.json
"""

import json
import sys
import warnings

import numpy as np
from scipy import stats
from seqeval.metrics import accuracy_score, sequence_labeling, v1
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities
from sklearn import metrics

warnings.filterwarnings("ignore")
random = np.random.RandomState(7)
BINS = 15
AVERAGES = ("micro", "macro", "weighted")


def averaged(function, average, *arguments, **options):
    precision, recall, f1, _ = function(*arguments, average=average, **options)
    return [float(precision), float(recall), float(f1)]


def classes(name, n, gold, predicted, probabilities=None):
    gold, predicted = np.array(gold), np.array(predicted)
    function = metrics.precision_recall_fscore_support
    each = function(gold, predicted, labels=range(n))
    case = {
        "name": name,
        "n_classes": n,
        "gold": gold.tolist(),
        "predicted": predicted.tolist(),
        "confusion": metrics.confusion_matrix(gold, predicted, labels=range(n)).tolist(),
        "classes": [[float(value) for value in row] for row in zip(*each)],
        "averages": {average: averaged(function, average, gold, predicted) for average in AVERAGES},
        "accuracy": float(metrics.accuracy_score(gold, predicted)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(gold, predicted)),
        "matthews": float(metrics.matthews_corrcoef(gold, predicted)),
    }
    if probabilities is not None:
        rows = np.array(probabilities)
        case["probabilities"] = rows.ravel().tolist()
        case["nll"] = float(metrics.log_loss(gold, rows, labels=range(n)))
        case["brier"] = float(metrics.brier_score_loss(gold, rows, labels=range(n), scale_by_half=False))
        case["reliability"], case["ece"] = reliability(gold, rows)
    return case


def reliability(gold, rows):
    """[documents, mean confidence, accuracy] by bin, and the calibration error, as Guo et al. 2017 define them."""
    confidence, right = rows.max(1), rows.argmax(1) == gold
    bins, error = [], 0.0
    for m in range(BINS):
        inside = (confidence > m / BINS) & (confidence <= (m + 1) / BINS)
        count = int(inside.sum())
        mean, accuracy = (confidence[inside].mean(), right[inside].mean()) if count else (0.0, 0.0)
        bins.append([count, float(mean), float(accuracy)])
        error += count / len(gold) * abs(accuracy - mean)
    return bins, float(error)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def class_cases():
    for n, rows, sharpness in [(2, 40, 1.0), (3, 60, 3.0), (5, 100, 8.0), (20, 60, 2.0)]:
        gold = random.randint(0, n, rows)
        logits = sharpness * random.randn(rows, n)
        logits[np.arange(rows), gold] += sharpness
        probabilities = softmax(logits)
        yield classes(f"random, {n} classes", n, gold, probabilities.argmax(1), probabilities)
    # bounds of bins, ties, certainty and a gold class with probability 0
    ties = [[0.2, 0.8], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.6, 0.4], [1 / 3, 2 / 3], [0.4, 0.6], [0.5, 0.5]]
    yield classes("ties", 2, [1, 0, 0, 0, 1, 1, 1, 1], np.argmax(ties, 1), ties)
    yield classes("absent classes", 6, [1, 1, 3, 3, 3, 5], [1, 3, 3, 2, 3, 3])
    yield classes("one class only", 3, [1, 1, 1, 1], [1, 1, 1, 1])
    yield classes("one class predicted", 3, [0, 1, 2, 2], [1, 1, 1, 1])
    yield classes("nothing right", 3, [0, 1, 2], [1, 2, 0])
    yield classes("one document", 2, [1], [0], [[0.75, 0.25]])


def label_cases():
    for n, rows, share in [(1, 12, 0.5), (4, 50, 0.4), (9, 80, 0.1)]:
        gold = random.rand(rows, n) < share
        predicted = np.where(random.rand(rows, n) < 0.2, ~gold, gold)
        if n > 5:
            gold[:, 3], predicted[:, 5], gold[:, 7], predicted[:, 7] = False, False, False, False
        function = metrics.precision_recall_fscore_support
        # scikit-learn takes a single column for classes
        wide = [np.hstack([side, np.zeros((rows, 1), bool)]) for side in (gold, predicted)]
        labels = range(n)
        yield {
            "n_labels": n,
            "gold": gold.ravel().tolist(),
            "predicted": predicted.ravel().tolist(),
            "labels": [[float(value) for value in row] for row in zip(*function(*wide, labels=labels, average=None))],
            "averages": {average: averaged(function, average, *wide, labels=labels) for average in AVERAGES},
            "samples": averaged(function, "samples", *wide, labels=labels),
            "accuracy": float(metrics.accuracy_score(*wide)),
            "hamming": float(metrics.hamming_loss(*wide)) * (n + 1) / n,
        }


def regression_cases():
    gold = random.randn(50)
    whole = random.randint(0, 4, 30).astype(float)
    for gold, predicted in [
        (gold, gold + 0.5 * random.randn(50)),
        # far from 0, in numbers that JSON keeps exactly
        (1e6 + (64 * gold).round() / 64, 1e6 - (16 * gold).round() / 16),
        (whole, np.roll(whole, 1)),
        (whole, whole),
        (np.ones(4), np.ones(4)),
        (np.ones(4), np.arange(4.0)),
        (np.arange(4.0), np.ones(4)),
        (np.ones(1), np.zeros(1)),
    ]:
        several = len(set(gold)) > 1 and len(set(predicted)) > 1
        yield {
            "gold": gold.tolist(),
            "predicted": predicted.tolist(),
            "mse": float(metrics.mean_squared_error(gold, predicted)),
            "mae": float(metrics.mean_absolute_error(gold, predicted)),
            "r2": float(metrics.r2_score(gold, predicted)) if len(gold) > 1 else None,
            "pearson": float(stats.pearsonr(gold, predicted)[0]) if several else None,
            "spearman": float(stats.spearmanr(gold, predicted)[0]) if several else None,
        }


def entity_case(gold, predicted, strict):
    function = (v1 if strict else sequence_labeling).precision_recall_fscore_support
    options = {"scheme": IOB2} if strict else {}
    each = function(gold, predicted, average=None, **options)
    return {
        "types": [[float(value) for value in row] for row in zip(*each)],
        "averages": {name: averaged(function, name, gold, predicted, **options) for name in AVERAGES},
    }


def entity_cases():
    types = ["PER", "LOC", "ORG"]
    plain = ["O"] + [f"{prefix}-{kind}" for prefix in "BI" for kind in types]
    odd = plain + ["B", "I", "B-", "I-", "BPER", "I-A-B", "B-A-B", "O-PER", "I--PER", "B-PER-"]
    mixed = ["O"] + [f"{prefix}-{kind}" for prefix in "BIES" for kind in types[:2]] + ["E", "S"]
    for name, alphabet, both in [("any tags", plain, True), ("odd tags", odd, True), ("IOBES", mixed, False)]:
        lengths = [1, 1, 2] + random.randint(1, 12, 37).tolist()
        gold = [random.choice(alphabet, length).tolist() for length in lengths]
        predicted = [[tag if random.rand() < 0.7 else random.choice(alphabet) for tag in tags] for tags in gold]
        predicted = [[str(tag) for tag in tags] for tags in predicted]
        case = {
            "name": name,
            "gold": gold,
            "predicted": predicted,
            "accuracy": float(accuracy_score(gold, predicted)),
            "entities": [[[kind, start, end + 1] for kind, start, end in get_entities(tags)] for tags in gold],
            "conll": entity_case(gold, predicted, False),
        }
        if both:
            case["strict"] = entity_case(gold, predicted, True)
            found = Entities(gold, IOB2).entities
            case["strict_entities"] = [[[e.tag, e.start, e.end] for e in sentence] for sentence in found]
        yield case


def main():
    values = random.rand(200).round(6)
    percentiles = {"values": values.tolist(), "ends": np.percentile(values, [2.5, 97.5]).tolist()}
    cases = {"classes": class_cases, "labels": label_cases, "regression": regression_cases, "entities": entity_cases}
    golden = {name: list(make()) for name, make in cases.items()}
    golden["percentiles"] = percentiles
    json.dump(golden, sys.stdout)
    print()


main()
