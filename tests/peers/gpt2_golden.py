"""Golden training curve of a small GPT-2 in PyTorch, float64: 20 steps of AdamW with clipping and a cosine schedule.

Weights, tokens and schedule are formulas, so that the Rust test can make the same ones and nothing binary is committed.
Usage: python gpt2_golden.py > ../golden/gpt2.json      (made with PyTorch 2.15, CPU)
"""
import json
import math
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
LAYERS, HEADS, WIDTH, CONTEXT, VOCAB, BATCH, STEPS = 2, 2, 16, 12, 29, 3, 20
LR, BETAS, EPS, DECAY, CLIP, WARMUP, FLOOR = 3e-3, (0.9, 0.95), 1e-8, 0.1, 0.5, 4, 0.1


def shapes(tied):
    """Parameter names as in Hugging Face's GPT2LMHeadModel; linear weights are [in, out] (Conv1D)."""
    s = {"transformer.wte.weight": (VOCAB, WIDTH), "transformer.wpe.weight": (CONTEXT, WIDTH)}
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        for norm in ("ln_1", "ln_2"):
            s[h + norm + ".weight"] = s[h + norm + ".bias"] = (WIDTH,)
        for name, n_in, n_out in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                                  ("mlp.c_fc", WIDTH, 4 * WIDTH), ("mlp.c_proj", 4 * WIDTH, WIDTH)):
            s[h + name + ".weight"], s[h + name + ".bias"] = (n_in, n_out), (n_out,)
    s["transformer.ln_f.weight"] = s["transformer.ln_f.bias"] = (WIDTH,)
    if not tied:
        s["lm_head.weight"] = (VOCAB, WIDTH)
    return s


def weights(tied):
    """Parameter p (in order of names), element i: sin(0.7 (i + 1) + p) / 10, plus 1 for the weights of norms."""
    result = {}
    for p, (name, shape) in enumerate(sorted(shapes(tied).items())):
        n = math.prod(shape)
        values = torch.sin(0.7 * torch.arange(1, n + 1) + p) / 10
        if ".ln_" in name and name.endswith("weight"):
            values = values + 1
        result[name] = values.reshape(shape).clone().requires_grad_()
    return result


def tokens(step):
    """Row r, column c of step s: (7 s + 5 r + 3 c + c² + s c r) mod VOCAB, CONTEXT + 1 columns."""
    c = torch.arange(CONTEXT + 1)
    rows = [(7 * step + 5 * r + 3 * c + c * c + step * c * r) % VOCAB for r in range(BATCH)]
    return torch.stack(rows)


def forward(w, ids):
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"]
    batch, length, _ = x.shape
    norm = lambda x, name: F.layer_norm(x, (WIDTH,), w[name + ".weight"], w[name + ".bias"], 1e-5)
    linear = lambda x, name: x @ w[name + ".weight"] + w[name + ".bias"]
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        q, k, v = linear(norm(x, h + "ln_1"), h + "attn.c_attn").split(WIDTH, dim=2)
        q, k, v = (t.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, length, WIDTH)
        x = x + linear(y, h + "attn.c_proj")
        x = x + linear(F.gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc"), approximate="tanh"), h + "mlp.c_proj")
    return norm(x, "transformer.ln_f") @ w.get("lm_head.weight", w["transformer.wte.weight"]).T


def share(step):
    if step < WARMUP:
        return (step + 1) / (WARMUP + 1)
    progress = (step - WARMUP) / (STEPS - 1 - WARMUP)
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * progress))


def run(tied, kind):
    w = weights(tied)
    matrices = [t for t in w.values() if t.dim() >= 2]
    vectors = [t for t in w.values() if t.dim() < 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    if kind == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS)
    else:
        optimizer = torch.optim.SGD(groups, lr=LR, momentum=0.9)
    losses, norms = [], []
    for step in range(STEPS):
        ids = tokens(step)
        logits = forward(w, ids[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, VOCAB), ids[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(w.values(), CLIP).item())
        for group in optimizer.param_groups:
            group["lr"] = LR * share(step)
        optimizer.step()
        losses.append(loss.item())
    final = {name: [t.sum().item(), t.square().sum().item()] for name, t in sorted(w.items())}
    return {"losses": losses, "grad_norms": norms, "final": final}


print(json.dumps({
    "tied-adamw": run(True, "adamw"),
    "untied-adamw": run(False, "adamw"),
    "untied-sgd": run(False, "sgd"),
}, indent=1))
