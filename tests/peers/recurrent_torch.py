"""Recurrent layers of torch.nn in both directions: writes tests/golden/recurrent.json.

    python tests/peers/recurrent_torch.py     (torch 2.6.0)

The gradient is that of the sum of out * dout.
"""

import json
from pathlib import Path

import torch

INPUTS, HIDDEN, SEQUENCES, LENGTH = 3, 2, 2, 4
NAMES = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}


def layer(kind):
    sizes = dict(batch_first=True, bidirectional=True)
    if kind.startswith("RNN"):
        return torch.nn.RNN(INPUTS, HIDDEN, nonlinearity=kind[4:].lower(), **sizes)
    return getattr(torch.nn, kind)(INPUTS, HIDDEN, **sizes)


def short(*shape):
    return (torch.randn(*shape) * 100).round() / 100


def case(kind):
    module = layer(kind)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(short(*parameter.shape))
    x = short(SEQUENCES, LENGTH, INPUTS).requires_grad_()
    dout = short(SEQUENCES, LENGTH, 2 * HIDDEN)
    out, _ = module(x)
    (out * dout).sum().backward()
    rows = lambda tensor: tensor.detach().reshape(SEQUENCES * LENGTH, -1).tolist()
    both = lambda of: {
        direction: {name: of(getattr(module, torch_name + suffix)).tolist() for name, torch_name in NAMES.items()}
        for direction, suffix in [("forward", ""), ("reverse", "_reverse")]
    }
    return {
        "kind": kind,
        "length": LENGTH,
        "x": rows(x),
        "dout": rows(dout),
        "weights": both(lambda parameter: parameter.detach()),
        "out": rows(out),
        "dx": rows(x.grad),
        "gradients": both(lambda parameter: parameter.grad),
    }


torch.set_default_dtype(torch.float64)
torch.manual_seed(20)
cases = [case(kind) for kind in ["RNN_TANH", "RNN_RELU", "GRU", "LSTM"]]
path = Path(__file__).parent.parent / "golden/recurrent.json"
path.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "cases": cases}) + "\n")
