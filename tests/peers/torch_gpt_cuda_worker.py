"""Training steps of a GPT-2 or a Llama in PyTorch on a GPU, for torch_gpt_cuda.py: a process that waits for orders.

Usage: python torch_gpt_cuda_worker.py CONFIG VOCAB f32|bf16 eager|sdpa|compile [--batch N] [--device cuda:0]
CONFIG is a config of trainyard, of which the model, the optimizer, the batch and the clipping are read. Every line on
stdin is a number of steps to run, or `peak`. The answer is one line of JSON: milliseconds of each step by CUDA events
and the most memory that PyTorch held, or the operations per second of a large bf16 product.
"""
import argparse
import contextlib
import json
import sys
import time
import tomllib
from statistics import median


def hidden(model):
    return model.get("hidden", 4 * model["width"])


def kv_width(model):
    return model["width"] // model["heads"] * model.get("kv_heads", model["heads"])


def flops_per_token(model, vocab):
    """Operations of forward and backward: 6 per weight of a product, and those of attention, half of which is masked."""
    width, matrices = model["width"], 3 if model.get("kind") == "llama" else 2
    weights = 2 * width * width + 2 * width * kv_width(model) + matrices * width * hidden(model)
    attention = model["layers"] * width * model["context"]
    return 6 * (model["layers"] * weights + vocab * width) + 6 * attention


def network(model, vocab, fused_attention):
    """The model as a module from tokens and targets to the loss."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    llama = model.get("kind") == "llama"
    width, heads, epsilon = model["width"], model["heads"], model.get("norm_epsilon", 1e-5)
    head_width = width // heads

    def attend(q, k, v):
        grouped = q.shape[1] != k.shape[1]
        if fused_attention:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        if grouped:
            k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], 1) for part in (k, v))
        scores = q @ k.transpose(2, 3) / head_width**0.5
        mask = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).triu(1)
        return scores.masked_fill(mask, float("-inf")).softmax(-1) @ v

    def rotate(x, cosines, sines):
        a, b = x.chunk(2, -1)
        return torch.cat((a * cosines - b * sines, b * cosines + a * sines), -1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            norm = (lambda: nn.RMSNorm(width, epsilon)) if llama else (lambda: nn.LayerNorm(width, epsilon))
            self.norm_1, self.norm_2 = norm(), norm()
            self.qkv = nn.Linear(width, width + 2 * kv_width(model), bias=not llama)
            self.project = nn.Linear(width, width, bias=not llama)
            self.expand = nn.Linear(width, (1 + llama) * hidden(model), bias=not llama)
            self.contract = nn.Linear(hidden(model), width, bias=not llama)

        def forward(self, x, angles):
            batch, length, _ = x.shape
            parts = self.qkv(self.norm_1(x)).split([width, kv_width(model), kv_width(model)], 2)
            q, k, v = (part.view(batch, length, -1, head_width).transpose(1, 2) for part in parts)
            if llama:
                cosines, sines = (part.to(q.dtype) for part in angles)
                q, k = rotate(q, cosines, sines), rotate(k, cosines, sines)
            x = x + self.project(attend(q, k, v).transpose(1, 2).reshape(x.shape))
            y = self.expand(self.norm_2(x))
            if llama:
                gate, up = y.chunk(2, -1)
                return x + self.contract(F.silu(gate) * up)
            return x + self.contract(F.gelu(y, approximate="tanh"))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(vocab, width)
            self.positions = None if llama else nn.Embedding(model["context"], width)
            self.blocks = nn.ModuleList(Block() for _ in range(model["layers"]))
            self.final_norm = nn.RMSNorm(width, epsilon) if llama else nn.LayerNorm(width, epsilon)
            self.head = nn.Linear(width, vocab, bias=False)
            for module in self.modules():
                if isinstance(module, (nn.Linear, nn.Embedding)):
                    nn.init.normal_(module.weight, std=0.02)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)
            if model.get("tied"):
                self.head.weight = self.tokens.weight
            frequencies = model.get("rope_theta", 1e4) ** (-2 * torch.arange(head_width // 2) / head_width)
            angles = torch.arange(model["context"])[:, None] * frequencies
            self.register_buffer("cosines", angles.cos())
            self.register_buffer("sines", angles.sin())

        def forward(self, ids, targets):
            x = self.tokens(ids)
            if not llama:
                x = x + self.positions.weight[: ids.shape[1]]
            for block in self.blocks:
                x = block(x, (self.cosines, self.sines))
            return F.cross_entropy(self.head(self.final_norm(x)).flatten(0, 1), targets.flatten())

    return Network()


def optimizer(torch, settings, parameters):
    """AdamW as in the config, with decay of the matrices only."""
    decayed = [parameter for parameter in parameters if parameter.dim() >= 2]
    others = [parameter for parameter in parameters if parameter.dim() < 2]
    groups = [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, settings["lr"], (settings["beta1"], settings["beta2"]), fused=True)


class Clock:
    """Times of steps in milliseconds, by CUDA events where there are any."""

    def __init__(self, torch, device):
        self.torch, self.cuda = torch, device.type == "cuda"

    def mark(self):
        if not self.cuda:
            return time.perf_counter()
        event = self.torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, marks):
        if not self.cuda:
            return [1e3 * (after - before) for before, after in zip(marks, marks[1:])]
        self.torch.cuda.synchronize()
        return [before.elapsed_time(after) for before, after in zip(marks, marks[1:])]


def peak(torch, device, clock, size=8192):
    """Operations per second of a bf16 product of random matrices: the median of 20."""
    size = size if clock.cuda else 256
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    marks = []
    for index in range(25):
        if index >= 4:
            marks.append(clock.mark())
        a @ b
    return 2 * size**3 / (1e-3 * median(clock.between(marks)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("vocab", type=int)
    parser.add_argument("precision", choices=["f32", "bf16"])
    parser.add_argument("mode", choices=["eager", "sdpa", "compile"])
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--device", default="cuda:0")
    args = parser.parse_args()
    import torch
    with open(args.config, "rb") as file:
        config = tomllib.load(file)
    device, batch = torch.device(args.device), args.batch or config["train"]["batch"]
    torch.manual_seed(0)
    model = network(config["model"], args.vocab, args.mode != "eager").to(device)
    parameters = list(model.parameters())
    forward = torch.compile(model) if args.mode == "compile" else model
    update = optimizer(torch, config["optimizer"], parameters)
    ids, targets = torch.randint(0, args.vocab, (2, batch, config["model"]["context"]), device=device)
    narrow = torch.autocast(device.type, torch.bfloat16) if args.precision == "bf16" else contextlib.nullcontext()
    clip, clock = config["train"].get("clip", 0.0), Clock(torch, device)

    def step():
        with narrow:
            loss = forward(ids, targets)
        update.zero_grad(set_to_none=True)
        loss.backward()
        if clip > 0:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        update.step()
        return loss

    for line in sys.stdin:
        if line.strip() == "peak":
            answer = {"flops": peak(torch, device, clock)}
        else:
            marks, loss = [clock.mark()], None
            for _ in range(int(line)):
                loss = step()
                marks.append(clock.mark())
            answer = {"milliseconds": clock.between(marks), "loss": None if loss is None else loss.item(),
                      "parameters": sum(parameter.numel() for parameter in parameters)}
            if clock.cuda:
                answer["allocated"] = torch.cuda.max_memory_allocated(device)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
