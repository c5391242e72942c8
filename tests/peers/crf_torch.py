"""Conditional random fields of the package pytorch-crf: writes tests/golden/crf.json.

    pip install pytorch-crf==0.7.2
    python tests/peers/crf_torch.py     (torch 2.6.0)

Sequence b is the first `lengths[b]` rows of the b-th `rows`; gradients are those of the sum of scale * loss. All inputs
are multiples of 1/16, which f32 holds.
"""

import json
from pathlib import Path

import torch
from torchcrf import CRF

# name: tags, lengths, standard deviation of emissions and of weights
CASES = {
    "four": (4, [5, 3, 1], 1, 1),
    "nine": (9, [8, 6, 1], 2, 1),
    "many": (17, [6, 9], 1, 0.5),
    "one tag": (1, [3, 1], 1, 1),
    "long": (3, [60], 1, 1),
    "large": (5, [7, 4], 60, 20),
    "far": (3, [6, 5], 900, 300),
}


def exact(deviation, *shape):
    return (torch.randn(*shape) * deviation * 16).round() / 16


def case(name, tags, lengths, of_emissions, of_weights):
    batch, rows = len(lengths), max(lengths)
    crf = CRF(tags, batch_first=True)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(exact(of_weights, *parameter.shape))
    emissions = exact(of_emissions, batch, rows, tags).requires_grad_()
    labels = torch.randint(tags, (batch, rows))
    mask = torch.arange(rows)[None] < torch.tensor(lengths)[:, None]
    scales = exact(1, batch)
    loss = -crf(emissions, labels, mask, reduction="none")
    (loss * scales).sum().backward()
    steps = (emissions.detach().transpose(0, 1), labels.transpose(0, 1), mask.transpose(0, 1))
    with torch.no_grad():
        partition = crf._compute_normalizer(steps[0], steps[2])
        score = crf._compute_score(*steps)
    flat = lambda tensor: tensor.detach().flatten().tolist()
    return {
        "name": name,
        "rows": rows,
        "lengths": lengths,
        "emissions": flat(emissions),
        "tags": flat(labels),
        "scales": flat(scales),
        "start": flat(crf.start_transitions),
        "end": flat(crf.end_transitions),
        "transitions": flat(crf.transitions),
        "partition": flat(partition),
        "score": flat(score),
        "gradients": {
            "emissions": flat(emissions.grad),
            "start": flat(crf.start_transitions.grad),
            "end": flat(crf.end_transitions.grad),
            "transitions": flat(crf.transitions.grad),
        },
        "best": crf.decode(emissions.detach(), mask),
    }


torch.set_default_dtype(torch.float64)
torch.manual_seed(20)
path = Path(__file__).parent.parent / "golden/crf.json"
cases = [case(name, *sizes) for name, sizes in CASES.items()]
path.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "pytorch-crf": "0.7.2", "cases": cases}) + "\n")
