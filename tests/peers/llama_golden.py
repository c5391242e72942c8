"""Golden training curve of a small Llama in PyTorch, float64: 20 steps of AdamW with clipping and a cosine schedule.

Two heads of keys and values serve four heads of queries. The network is written out here after the papers and compared
with transformers' LlamaForCausalLM before anything is printed. Weights, tokens and schedule are formulas, so that the
Rust test can make the same ones and nothing binary is committed.
Usage: python llama_golden.py > ../golden/llama.json      (made with PyTorch 2.15, transformers 5.23.0, CPU)
"""
import json
import math
import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_default_dtype(torch.float64)
LAYERS, HEADS, KV_HEADS, WIDTH, HIDDEN, CONTEXT, VOCAB, BATCH, STEPS = 2, 4, 2, 24, 40, 12, 29, 3, 20
LR, BETAS, EPS, DECAY, CLIP, WARMUP, FLOOR = 3e-3, (0.9, 0.95), 1e-8, 0.1, 0.5, 4, 0.1
THETA, EPSILON = 100.0, 1e-5
HEAD = WIDTH // HEADS


def shapes(tied):
    """Parameter names as in Hugging Face's LlamaForCausalLM; linear weights are [out, in]."""
    s = {"model.embed_tokens.weight": (VOCAB, WIDTH), "model.norm.weight": (WIDTH,)}
    for i in range(LAYERS):
        h = f"model.layers.{i}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            s[h + norm + ".weight"] = (WIDTH,)
        for name, n_out, n_in in (("self_attn.q_proj", WIDTH, WIDTH), ("self_attn.k_proj", KV_HEADS * HEAD, WIDTH),
                                  ("self_attn.v_proj", KV_HEADS * HEAD, WIDTH), ("self_attn.o_proj", WIDTH, WIDTH),
                                  ("mlp.gate_proj", HIDDEN, WIDTH), ("mlp.up_proj", HIDDEN, WIDTH),
                                  ("mlp.down_proj", WIDTH, HIDDEN)):
            s[h + name + ".weight"] = (n_out, n_in)
    if not tied:
        s["lm_head.weight"] = (VOCAB, WIDTH)
    return s


def weights(tied):
    """Parameter p (in order of names), element i: sin(0.7 (i + 1) + p) / 10, plus 1 for the weights of norms."""
    result = {}
    for p, (name, shape) in enumerate(sorted(shapes(tied).items())):
        n = math.prod(shape)
        values = torch.sin(0.7 * torch.arange(1, n + 1) + p) / 10
        if "norm" in name:
            values = values + 1
        result[name] = values.reshape(shape).clone().requires_grad_()
    return result


def tokens(step):
    """Row r, column c of step s: (7 s + 5 r + 3 c + c² + s c r) mod VOCAB, CONTEXT + 1 columns."""
    c = torch.arange(CONTEXT + 1)
    rows = [(7 * step + 5 * r + 3 * c + c * c + step * c * r) % VOCAB for r in range(BATCH)]
    return torch.stack(rows)


def rotate(x):
    """Pair (i, i + HEAD/2) of position t is turned by t θ^(-2i/HEAD); x is [batch, heads, length, HEAD]."""
    angles = torch.arange(x.shape[2])[:, None] * THETA ** (-2 * torch.arange(HEAD // 2) / HEAD)
    cos, sin = angles.cos(), angles.sin()
    a, b = x[..., :HEAD // 2], x[..., HEAD // 2:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def forward(w, ids):
    x = w["model.embed_tokens.weight"][ids]
    batch, length, _ = x.shape
    norm = lambda x, name: x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt() * w[name + ".weight"]
    linear = lambda x, name: x @ w[name + ".weight"].T
    mask = torch.full((length, length), -math.inf).triu(1)
    for i in range(LAYERS):
        h = f"model.layers.{i}."
        y = norm(x, h + "input_layernorm")
        q, k, v = (linear(y, h + f"self_attn.{n}_proj").view(batch, length, -1, HEAD).transpose(1, 2) for n in "qkv")
        q, k = rotate(q), rotate(k)
        k, v = (t.repeat_interleave(HEADS // KV_HEADS, dim=1) for t in (k, v))
        y = ((q @ k.transpose(2, 3)) / math.sqrt(HEAD) + mask).softmax(-1) @ v
        x = x + linear(y.transpose(1, 2).reshape(batch, length, WIDTH), h + "self_attn.o_proj")
        y = norm(x, h + "post_attention_layernorm")
        x = x + linear(F.silu(linear(y, h + "mlp.gate_proj")) * linear(y, h + "mlp.up_proj"), h + "mlp.down_proj")
    return norm(x, "model.norm") @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


def compare_with_transformers():
    config = LlamaConfig(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=LAYERS,
                         num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, max_position_embeddings=CONTEXT,
                         rms_norm_eps=EPSILON, rope_theta=THETA, tie_word_embeddings=False)
    model = LlamaForCausalLM(config).double()
    w = weights(tied=False)
    model.load_state_dict({name: t.detach() for name, t in w.items()}, strict=True)
    ids = tokens(3)[:, :-1]
    difference = (model(ids).logits - forward(w, ids)).abs().max().item()
    # transformers keeps the rotary angles in 32 bits
    assert difference < 1e-6, f"transformers differs by {difference}"


def share(step):
    if step < WARMUP:
        return (step + 1) / (WARMUP + 1)
    progress = (step - WARMUP) / (STEPS - 1 - WARMUP)
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * progress))


def run(tied):
    w = weights(tied)
    matrices = [t for t in w.values() if t.dim() >= 2]
    vectors = [t for t in w.values() if t.dim() < 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS)
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


compare_with_transformers()
print(json.dumps({"tied-adamw": run(True), "untied-adamw": run(False)}, indent=1))
