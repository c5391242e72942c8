"""Rows of T5's table of relative biases, as transformers has them: the runs in tests/ops/relative_bias.rs.

    pip install torch transformers
    python tests/peers/t5_buckets.py
"""

import itertools

import torch
from transformers.models.t5.modeling_t5 import T5Attention

for length, buckets, bidirectional, max_distance in [
    (300, 32, True, 128),
    (300, 32, False, 128),
    (20, 8, True, 16),
    (20, 8, False, 16),
]:
    distances = torch.arange(1 - length, length)
    rows = T5Attention._relative_position_bucket(distances, bidirectional, buckets, max_distance).tolist()
    print([(row, len(list(run))) for row, run in itertools.groupby(rows)])
