"""What configs/tasks/smollm2-lora.toml does, by transformers and PEFT: LoRA of rank 8 on the dialogues, and the loss of
held-out answers before and after.

    python lora_dialogues.py MODEL DIALOGUES      (folders of data/tasks: smollm2/model, dialogues)

A step reads whole conversations, in a random order, of about as many tokens as the config's; AdamW, the same rates. The
losses are means over all tokens of answers of held_out.jsonl; `trainyard eval runs/smollm2-lora --data held_out.jsonl`
is what to compare them with.

Usage: pip install peft==0.18.1 transformers==4.57.6 torch==2.6.0
"""
import json
import math
import random
import sys
from pathlib import Path

import peft
import torch
import transformers

STEPS, TOKENS, CONTEXT, LR, FLOOR, WARMUP = 60, 1024, 256, 3e-4, 0.1, 3
IGNORED = -100


def conversation(tokenizer, messages):
    """Ids, and labels of what the assistant says: what the template adds to the text of the messages before it."""
    text = lambda turns, prompt: tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt)
    whole = tokenizer(text(messages, False), add_special_tokens=False, return_offsets_mapping=True)
    labels = [IGNORED] * len(whole["input_ids"])
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            first, end = len(text(messages[:place], True)), len(text(messages[:place + 1], False))
            for token, (start, stop) in enumerate(whole["offset_mapping"]):
                if stop > first and start < end:
                    labels[token] = whole["input_ids"][token]
    return whole["input_ids"][:CONTEXT], labels[:CONTEXT]


def loss_of(model, batch):
    longest = max(len(ids) for ids, _ in batch)
    pad = lambda row, value: row + [value] * (longest - len(row))
    ids = torch.tensor([pad(ids, 0) for ids, _ in batch])
    mask = torch.tensor([pad([1] * len(ids), 0) for ids, _ in batch])
    labels = torch.tensor([pad(labels, IGNORED) for _, labels in batch])
    return model(input_ids=ids, attention_mask=mask, labels=labels).loss, int((labels[:, 1:] != IGNORED).sum())


def measured(model, held_out):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for at in range(0, len(held_out), 8):
            loss, n = loss_of(model, held_out[at:at + 8])
            total, count = total + loss.item() * n, count + n
    model.train()
    return total / count


def main(model, dialogues):
    torch.set_num_threads(2)
    torch.manual_seed(1)
    random.seed(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    read = lambda name: [conversation(tokenizer, json.loads(line)["messages"])
                         for line in (Path(dialogues) / name).read_text().splitlines()]
    train, held_out = read("train.jsonl"), read("held_out.jsonl")
    model = transformers.AutoModelForCausalLM.from_pretrained(model, torch_dtype=torch.float32)
    model = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16,
                                                       target_modules="all-linear"))
    print(f"before: {measured(model, held_out):.4f}", flush=True)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LR, weight_decay=0.0)
    queue = []
    for step in range(STEPS):
        batch, tokens = [], 0
        while tokens < TOKENS:
            queue = queue or random.sample(train, len(train))
            batch.append(queue.pop())
            tokens += len(batch[-1][0])
        share = (step + 1) / WARMUP if step < WARMUP else FLOOR + (1 - FLOOR) * (
            1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2
        for group in optimizer.param_groups:
            group["lr"] = LR * share
        optimizer.zero_grad()
        loss, _ = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if (step + 1) % 20 == 0:
            print(f"step {step + 1}: {measured(model, held_out):.4f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
