"""Training steps of a GPT-2 or an LSTM in PyTorch on the CPU, to compare speed and memory: it waits for orders.

Usage: python step_torch.py SHAPE MODE THREADS      (PyTorch 2.15)
SHAPE is JSON: V vocabulary, T context, L layers, H heads, C width, B batch, and "tied"; without heads it is an LSTM.
MODE is words joined by "+": "compile" (torch.compile), "autocast" (bfloat16), "weights" (all of the model in bfloat16)
and "products" (products of float32 tensors computed in bfloat16); others mean nothing here.
Every line on stdin is a number of steps to run. The answer is one line of JSON: milliseconds of each step, seconds of
processor time, cores that were busy, and the most memory that the process has held in bytes. A step is forward,
cross-entropy, backward and fused AdamW on one fixed batch of random tokens.
"""
import contextlib
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        heads = [part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
                 for part in self.qkv(self.ln_1(x)).split(width, 2)]
        attention = F.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).reshape(x.shape)
        x = x + self.project(attention)
        return x + self.contract(F.gelu(self.expand(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, case):
        super().__init__()
        width = case["C"]
        self.tokens, self.positions = nn.Embedding(case["V"], width), nn.Embedding(case["T"], width)
        self.blocks = nn.ModuleList(Block(width, case["H"]) for _ in range(case["L"]))
        self.final_norm, self.head = nn.LayerNorm(width), nn.Linear(width, case["V"], bias=False)
        if case.get("tied"):
            self.head.weight = self.tokens.weight
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.final_norm(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


class Lstm(nn.Module):
    def __init__(self, case):
        super().__init__()
        width = case["C"]
        self.embedding = nn.Embedding(case["V"], width)
        self.rnn = nn.LSTM(width, width, case["L"], batch_first=True)
        self.head = nn.Linear(width, case["V"])

    def forward(self, ids, targets):
        logits = self.head(self.rnn(self.embedding(ids))[0])
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main():
    case, mode, threads = json.loads(sys.argv[1]), sys.argv[2].split("+"), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    before = peak_memory()
    model = Gpt(case) if "H" in case else Lstm(case)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    if "weights" in mode:
        model = model.bfloat16()
    if "products" in mode:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    ids, targets = torch.randint(0, case["V"], (2, case["B"], case["T"]))
    forward = torch.compile(model) if "compile" in mode else model
    autocast = torch.autocast("cpu", dtype=torch.bfloat16) if "autocast" in mode else contextlib.nullcontext()

    def step():
        with autocast:
            loss = forward(ids, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    for line in sys.stdin:
        times, began, processor = [], time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            begun = time.perf_counter()
            loss = step()
            times.append(1e3 * (time.perf_counter() - begun))
        processor = time.process_time() - processor
        busy = processor / (time.perf_counter() - began)
        print(json.dumps({"milliseconds": times, "loss": loss, "parameters": parameters, "cores_busy": busy,
                          "processor": processor, "memory_before_model": before, "peak_memory": peak_memory()}),
              flush=True)


if __name__ == "__main__":
    main()
