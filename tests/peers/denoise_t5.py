"""Statistics of the noise masks of T5, as transformers copied them from T5's code.

    python3 tests/peers/denoise_t5.py run_t5_mlm_flax.py

The argument is that file of transformers (examples/flax/language-modeling). Its function random_spans_noise_mask is run
as it is, with numpy in place of jax. Writes host/src/feed/tasks/noise.json, which a unit test compares with ours.
"""

import ast
import json
import sys
import types
from pathlib import Path

import numpy as np

MASKS = 20_000
PLACES = 11
LONGEST = 8
CASES = [(254, 0.15, 3.0), (510, 0.15, 3.0), (100, 0.5, 3.0), (61, 0.3, 1.0), (30, 0.15, 10.0), (11, 0.15, 3.0),
         (2, 0.15, 3.0), (73, 0.25, 2.5)]


def segment_sum(values, segments):
    return np.bincount(segments, weights=values).astype(int)


def published(path):
    """The method of the collator, as a function of (self, length)."""
    tree = ast.parse(Path(path).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    function = next(node for node in functions if node.name == "random_spans_noise_mask")
    jax = types.SimpleNamespace(ops=types.SimpleNamespace(segment_sum=segment_sum))
    names = {"np": np, "jax": jax}
    exec(compile(ast.Module([function], []), path, "exec"), names)
    return names["random_spans_noise_mask"]


def spans(mask):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return edges[1::2] - edges[::2]


def main():
    mask_of = published(sys.argv[1])
    np.random.seed(1)
    out = []
    for length, rate, mean in CASES:
        collator = types.SimpleNamespace(noise_density=rate, mean_noise_span_length=mean)
        masks = np.array([mask_of(collator, length) for _ in range(MASKS)])
        lengths = [spans(mask) for mask in masks]
        counts = np.bincount(np.minimum(np.concatenate(lengths), LONGEST), minlength=LONGEST + 1)[1:]
        places = [int(masks[:, tenth * (length - 1) // (PLACES - 1)].sum()) / MASKS for tenth in range(PLACES)]
        noise, n = {int(mask.sum()) for mask in masks}, {len(of_mask) for of_mask in lengths}
        assert len(noise) == 1 and len(n) == 1, (length, rate, mean)
        out.append({"length": length, "rate": rate, "mean": mean, "masks": MASKS, "noise": noise.pop(),
                    "spans": n.pop(), "lengths": [int(count) / int(counts.sum()) for count in counts],
                    "places": places})
    lines = ",\n".join(json.dumps(case) for case in out)
    Path(__file__).parents[2].joinpath("host/src/feed/tasks/noise.json").write_text(f"[\n{lines}\n]\n")


main()
