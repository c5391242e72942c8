"""Ten training steps of adapters beside small networks, by PEFT, all in float64.

Writes ../golden/adapters/NAME/: `initial/` and `trained/`, adapters as PEFT saves them (float32; B begins with zeros in
PEFT, here with small numbers, so that A has a gradient at the first step), and reference.json: the `base`, a folder of
../golden/networks whose weights they are beside; `batches`, lists of sequences of equal length; `losses` of the steps
before their updates, means over all tokens after the first; `logits` of the first batch after the last step, as [norm,
probe] with probe = sum of x_i sin(i + 1); and `merged`, by parameter the same of weights into which PEFT has merged the
adapter, where they differ from the base's. AdamW has a constant rate, its decay acts on what has two dimensions or
more, gradients are not clipped.

Usage: python lora_peft.py [NAME…]      (made with peft 0.18.1, transformers 4.57.6, torch 2.6.0, CPU)
"""
import json
import shutil
import sys
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

from networks_golden import Doubles, in_doubles, probe, random

NETWORKS = Path(__file__).resolve().parent.parent / "golden" / "networks"
HERE = NETWORKS.parent / "adapters"
STEPS, BATCHES, SEQUENCES, LENGTH = 10, 3, 3, 9
FLOAT32 = torch.float32  # `Doubles` makes that name double
ADAMW = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}

# name: network, its class, settings of the adapter
CASES = {
    "query-value": ("llama", "LlamaForCausalLM", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
    "all-rslora": ("llama", "LlamaForCausalLM", dict(r=2, lora_alpha=4, target_modules="all-linear", use_rslora=True)),
    "patterns": ("llama", "LlamaForCausalLM", dict(
        r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], layers_to_transform=[1], rank_pattern={"up_proj": 2},
        alpha_pattern={"up_proj": 16}, modules_to_save=["norm"])),
    "gpt2": ("gpt2", "GPT2LMHeadModel", dict(r=3, lora_alpha=6, target_modules=["c_attn", "c_proj"],
                                            fan_in_fan_out=True)),
    "dora": ("llama", "LlamaForCausalLM", dict(r=4, lora_alpha=4, target_modules=["q_proj", "down_proj"],
                                               use_dora=True)),
}


def adapted(name, tensors):
    """The network of a case in doubles, with its adapter."""
    network, cls, settings = CASES[name]
    base = in_doubles(cls, transformers.AutoConfig.from_pretrained(NETWORKS / network), tensors)
    config = peft.LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **settings)
    model = peft.get_peft_model(base, config, autocast_adapter_dtype=False).double()
    rng = random("adapters/" + name)
    with torch.no_grad():
        for key, parameter in sorted(model.named_parameters()):
            if "lora_A" in key or "lora_B" in key:
                # float32 holds them
                values = torch.tensor(0.2 * rng.standard_normal(tuple(parameter.shape))).to(FLOAT32)
                parameter.copy_(values)
            elif "magnitude" in key:
                parameter.copy_(parameter.to(FLOAT32))
    return model


FILES = []


def save(model, folder, base):
    """As PEFT saves it, in float32, with the path of its base from there."""
    shutil.rmtree(folder, ignore_errors=True)
    tensors = {key: tensor.to(FLOAT32).contiguous() for key, tensor in peft.get_peft_model_state_dict(model).items()}
    model.peft_config["default"].save_pretrained(folder)
    FILES.append((folder / "adapter_model.safetensors", tensors))
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text()) | {"base_model_name_or_path": f"../../../networks/{base}"}
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def make(name):
    network, cls, _ = CASES[name]
    rng = random("adapters/" + name + "/batches")
    rows = [rng.integers(3, 40, (SEQUENCES, LENGTH)).tolist() for _ in range(BATCHES)]
    tensors = load_file(NETWORKS / network / "model.safetensors")
    with Doubles():
        model = adapted(name, tensors).train()
        save(model, HERE / name / "initial", network)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        groups = [{"params": [p for p in trained if p.dim() >= 2], "weight_decay": ADAMW["weight_decay"]},
                  {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"],
                                      foreach=False)
        losses = []
        for step in range(STEPS):
            ids = torch.tensor(rows[step % BATCHES])
            optimizer.zero_grad()
            loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        save(model, HERE / name / "trained", network)
        # what is saved is rounded to float32, and so are logits and merged weights that are made of it
        with torch.no_grad():
            for parameter in trained:
                parameter.copy_(parameter.to(FLOAT32))
            logits = model(input_ids=torch.tensor(rows[0])).logits
            merged = model.merge_and_unload()
        merged = {key: probe(tensor) for key, tensor in merged.state_dict().items()
                  if key in tensors and not torch.equal(tensor, tensors[key].double())}
    while FILES:
        path, own = FILES.pop()
        save_file(own, path, metadata={"format": "pt"})
    versions = {"peft": peft.__version__, "transformers": transformers.__version__,
                "torch": torch.__version__.split("+")[0]}
    result = {"base": network, "versions": versions, "adamw": ADAMW, "batches": rows, "losses": losses,
              "logits": probe(logits), "merged": merged}
    lines = [f' "{key}": {json.dumps(value)}' for key, value in result.items()]
    (HERE / name / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{name}: {losses[0]:.6f} to {losses[-1]:.6f}")


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        make(case)
