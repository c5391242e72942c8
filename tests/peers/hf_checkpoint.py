"""Loads a checkpoint folder with Hugging Face transformers and compares its loss with trainyard's own.

Usage: python hf_checkpoint.py RUN        (a run of any model, vocabulary below 65536, that was trained with
                                           `train.batch=16 train.validate_batches=2`; needs torch and transformers)
Prints the mean loss over the first 32 windows of the run's validation text, what trainyard's last validation measured
there, and the difference.
"""
import glob
import json
import struct
import sys
import torch
from transformers import AutoModelForCausalLM

run = sys.argv[1]
checkpoint = max(glob.glob(run + "/checkpoints/step-*"), key=lambda path: int(path.rsplit("-", 1)[1]))
model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
context = model.config.max_position_embeddings
data = open(run + "/data/validation.shard", "rb").read()
manifest = json.load(open(run + "/data/manifest.json"))
split = next(s for s in manifest["report"]["splits"] if s["split"] == "validation")
# a shard's tokens are u16 and begin at byte 128 (see host/src/feed/shard.rs)
n = split["tokens"]
tokens = torch.tensor(struct.unpack(f"<{n}H", data[128:128 + 2 * n]), dtype=torch.long)
windows = 32
ids = torch.stack([tokens[i * context:i * context + context + 1] for i in range(windows)])
with torch.no_grad():
    logits = model(ids[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
records = [json.loads(line) for line in open(run + "/metrics.jsonl")]
own = [record["validation"]["loss"] for record in records if "validation" in record][-1]
print(f"{checkpoint}: {type(model).__name__} {loss.item():.7f}, trainyard {own:.7f}, difference {loss.item() - own:.1e}")
