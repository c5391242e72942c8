"""Twenty training steps of every family with every kind of task, by transformers, torch.nn and pytorch-crf.

Writes ../data/tasks/NAME/{config.json, model.safetensors, steps.json}: a network of two blocks with random weights in
float64, batches, and what training does with them, all in float64. config.json is that of transformers; recurrent
networks have none there, so theirs is the one that this project writes. A CRF's weights are `crf.…` in the same file.

steps.json: `batches`, of which step n takes the one of number n modulo their count; `losses`, each that of a step
before its update; `loss_after`, that of batch 0 after the last; `weights_after`, by parameter [norm, probe] with
probe = sum of w_i sin(i + 1) over the flattened tensor. A batch is lists of sequences without padding:
    ids      tokens; of pairs those of the source, with the marks that a tokenizer of this family puts around a text
    lengths  how many they are
    labels   kind "labels": a class per sequence; "several": 0 or 1 for each class; "number": a number
    tags     kind "tags" and "crf": a class per token, -100 where none counts ("crf": all count)
    targets  kind "masked": the hidden tokens, -100 elsewhere; kind "seq2seq": tokens of the target, with their end
The decoder reads `start` and the targets but the last. A token's type is 0. Losses are means over what counts in the
batch: sequences, tokens with a tag, hidden tokens, tokens of targets; of several labels, sequences times classes
(binary cross-entropy of each); of numbers, sequences (squared error). Of the CRF there are two runs: `losses` are means
over sequences, `losses_by_token` sums over tokens divided by their number.

AdamW has a constant rate; its decay acts on what has two dimensions or more; gradients are not clipped. The CRF has no
constraints: any tag may follow any other.

transformers casts T5's norms and softmax to float32 even in a model of doubles. `Doubles` undoes that, and `Watch`
refuses what is left of it: without the first the losses of T5 differ by 2e-8, those of the others not at all.

Usage: python task_steps.py [NAME…]      (made with transformers 4.57.6, torch 2.6.0, pytorch-crf 0.7.2, CPU)
       python task_steps.py --check      compares the folders with what this script makes of them
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from torchcrf import CRF

from networks_golden import Doubles, in_doubles, probe, random

HERE = Path(__file__).resolve().parent.parent / "data" / "tasks"
VOCAB, WIDTH, HIDDEN, STEPS, BATCHES = 50, 16, 20, 20, 5
IGNORED = -100
ADAMW = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}
FLOAT32 = torch.float32

BERT = dict(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0,
            bos_token_id=None, eos_token_id=None)
ROBERTA = BERT | dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1)
T5 = dict(vocab_size=VOCAB, d_model=WIDTH, d_kv=4, d_ff=HIDDEN, num_layers=2, num_decoder_layers=2, num_heads=4,
          relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0,
          decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, feed_forward_proj="relu")
BART = dict(vocab_size=VOCAB, d_model=WIDTH, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=16, dropout=0.0,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None)
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]

# name: class of transformers, settings, kind of task
CASES = {
    "bert-labels": ("BertForSequenceClassification", BERT | dict(num_labels=3), "labels"),
    "bert-tags": ("BertForTokenClassification", BERT | dict(num_labels=len(TAGS)), "tags"),
    "bert-crf": ("BertForTokenClassification", BERT | dict(num_labels=len(TAGS)), "crf"),
    "bert-several": ("BertForSequenceClassification", BERT | dict(
        num_labels=3, problem_type="multi_label_classification"), "several"),
    "bert-number": ("BertForSequenceClassification", BERT | dict(num_labels=1, problem_type="regression"), "number"),
    "bert-masked": ("BertForMaskedLM", BERT, "masked"),
    "roberta-labels": ("RobertaForSequenceClassification", ROBERTA | dict(num_labels=3), "labels"),
    "t5-seq2seq": ("T5ForConditionalGeneration", T5, "seq2seq"),
    "bart-seq2seq": ("BartForConditionalGeneration", BART, "seq2seq"),
    "lstm-crf": (None, dict(layers=2, embedding=WIDTH, state=12), "crf"),
}


class Recurrent(torch.nn.Module):
    """An LSTM that reads both ways, and an output layer."""

    def __init__(self, layers, embedding, state):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCAB, embedding)
        self.rnn = torch.nn.LSTM(embedding, state, layers, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(2 * state, len(TAGS))

    def forward(self, input_ids, attention_mask):
        packed = torch.nn.utils.rnn.pack_padded_sequence(self.embedding(input_ids), attention_mask.sum(-1),
                                                         batch_first=True, enforce_sorted=False)
        states, _ = torch.nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return transformers.modeling_outputs.TokenClassifierOutput(logits=self.head(states))


class Tagger(torch.nn.Module):
    """A network that gives logits of tags, and a CRF over them."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.crf = CRF(len(TAGS), batch_first=True)

    def forward(self, input_ids, attention_mask, labels, reduction):
        logits = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        return -self.crf(logits, labels.clamp(min=0), mask=attention_mask.bool(), reduction=reduction)


def parameters(model):
    """By name; those of a network below a CRF have the names that they have alone."""
    return {key.removeprefix("network."): parameter for key, parameter in model.named_parameters()}


class Watch(torch.overrides.TorchFunctionMode):
    """Refuses float32 in what has a gradient."""

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.requires_grad and tensor.dtype == FLOAT32:
                raise TypeError(f"{function} computes in float32")
        return result


def fill(model, name):
    """Matrices normal with deviation 0.3 (a visible output at these widths), vectors their start plus 0.2 · normal."""
    rng = random(name)
    with torch.no_grad():
        for _, parameter in sorted(parameters(model).items()):
            noise = torch.tensor(rng.standard_normal(tuple(parameter.shape)))
            if parameter.dim() < 2:
                parameter.add_(0.2 * noise)
            else:
                parameter.copy_(0.3 * noise)


def batches(name, kind, classes, settings):
    """Four sequences each, of 3 to 9 tokens. Numbers are multiples of 1/256, which float32 holds."""
    start, end = ([settings[key]] if settings.get(key) is not None else [] for key in ("bos_token_id", "eos_token_id"))
    rng = random(name + "/batches")
    tokens = lambda n: rng.integers(3, VOCAB, n).tolist()
    found = []
    for _ in range(BATCHES):
        lengths = rng.integers(3, 10, 4).tolist()
        batch = {"ids": [tokens(n) for n in lengths], "lengths": lengths}
        if kind == "labels":
            batch["labels"] = rng.integers(0, classes, 4).tolist()
        elif kind == "several":
            batch["labels"] = rng.integers(0, 2, (4, classes)).tolist()
        elif kind == "number":
            batch["labels"] = ((rng.standard_normal(4) * 256).round() / 256).tolist()
        elif kind in ("tags", "crf"):
            batch["tags"] = [rng.integers(0, classes, n).tolist() for n in lengths]
            if kind == "tags":
                for row in batch["tags"]:
                    row[0] = IGNORED
        elif kind == "masked":
            hidden = [set(rng.permutation(n)[:1 + n // 4].tolist()) for n in lengths]
            batch["targets"] = [[token if place in places else IGNORED for place, token in enumerate(row)]
                                for row, places in zip(batch["ids"], hidden)]
            batch["ids"] = [[3 if place in places else token for place, token in enumerate(row)]
                            for row, places in zip(batch["ids"], hidden)]
        else:
            batch["ids"] = [start + row + end for row in batch["ids"]]
            batch["lengths"] = [len(row) for row in batch["ids"]]
            batch["targets"] = [tokens(n) + end for n in rng.integers(2, 9, 4)]
        found.append(batch)
    return found


def padded(rows, pad):
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])


def inputs(batch, kind, pad):
    """A batch as transformers takes it."""
    ids = padded(batch["ids"], pad)
    mask = padded([[1] * n for n in batch["lengths"]], 0)
    if "labels" in batch:
        labels = torch.tensor(batch["labels"], dtype=torch.int64 if kind == "labels" else torch.float64)
    else:
        labels = padded(batch.get("tags") or batch["targets"], IGNORED)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def train(model, kind, rows, pad, reduction=None):
    """(Losses of the steps, loss after them, probes of the weights)."""
    decayed = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    free = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": decayed, "weight_decay": ADAMW["weight_decay"]}, {"params": free, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"],
                                  foreach=False)
    prepared = [inputs(batch, kind, pad) for batch in rows]
    loss_of = lambda batch: model(**batch, reduction=reduction) if kind == "crf" else model(**batch).loss
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        with Watch():
            loss = loss_of(prepared[step % len(prepared)])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    after = loss_of(prepared[0]).item()
    return losses, after, {key: probe(parameter) for key, parameter in parameters(model).items()}


def loaded(name, folder):
    """The model of a folder in doubles, as it was when it was made."""
    cls, settings, kind = CASES[name]
    tensors = load_file(folder / "model.safetensors")
    own = {key: tensor for key, tensor in tensors.items() if not key.startswith("crf.")}
    if cls is None:
        model = Recurrent(**settings).double()
        model.load_state_dict(own)
    else:
        model = in_doubles(cls, transformers.AutoConfig.from_pretrained(folder), own)
    if kind == "crf":
        model = Tagger(model).double()
        model.crf.load_state_dict({key.removeprefix("crf."): tensors[key] for key in tensors.keys() - own.keys()})
    return model


def reference(name, folder, rows):
    _, _, kind = CASES[name]
    pad = 0 if CASES[name][0] is None else transformers.AutoConfig.from_pretrained(folder).pad_token_id
    with Doubles():
        model = loaded(name, folder).train()
        losses, after, weights = train(model, kind, rows, pad, "mean")
        result = {"losses": losses, "loss_after": after, "weights_after": weights}
        if kind == "crf":
            losses, after, weights = train(loaded(name, folder).train(), kind, rows, pad, "token_mean")
            result |= {"losses_by_token": losses, "loss_after_by_token": after, "weights_after_by_token": weights}
    return result


def write_network(folder, name):
    """config.json and model.safetensors; gives the token that a decoder begins with, of a network that has one."""
    cls, settings, kind = CASES[name]
    torch.manual_seed(0)
    if cls is None:
        network = Recurrent(**settings)
        config = {"model_type": "lstm", "architectures": ["TrainyardRecurrent"], "vocab_size": VOCAB,
                  "num_hidden_layers": settings["layers"], "embedding_size": settings["embedding"],
                  "hidden_size": settings["state"], "bidirectional": True, "head": "tokens",
                  "id2label": {str(place): tag for place, tag in enumerate(TAGS)}}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    else:
        config = getattr(transformers, cls).config_class(**settings)
        if kind in ("tags", "crf"):
            config.id2label = dict(enumerate(TAGS))
            config.label2id = {tag: place for place, tag in enumerate(TAGS)}
        network = getattr(transformers, cls)(config)
    model = (Tagger(network) if kind == "crf" else network).double()
    fill(model, name)
    if cls is not None:
        network.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
    if kind == "crf":
        save_file({key: p.detach() for key, p in parameters(model).items()}, folder / "model.safetensors",
                  metadata={"format": "pt"})
    return {"start": config.decoder_start_token_id} if kind == "seq2seq" else {}


def make(name):
    cls, settings, kind = CASES[name]
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    head = write_network(folder, name)
    classes = len(TAGS) if kind in ("tags", "crf") else 3
    rows = batches(name, kind, classes, settings)
    versions = {"torch": torch.__version__.split("+")[0]}
    versions |= {"transformers": transformers.__version__} if cls else {}
    versions |= {"pytorch-crf": "0.7.2"} if kind == "crf" else {}
    result = {"name": name, "kind": kind, "versions": versions, "adamw": ADAMW, "steps": STEPS} | head
    result |= {"batches": rows} | reference(name, folder, rows)
    lines = [f' "{key}": {json.dumps(value)}' for key, value in result.items()]
    (folder / "steps.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{name}: {result['losses'][0]:.6f} to {result['losses'][-1]:.6f}")


def check(name):
    folder = HERE / name
    kept = json.loads((folder / "steps.json").read_text())
    result = reference(name, folder, kept["batches"])
    numbers = lambda value: [value] if isinstance(value, float) else [
        number for part in (value.values() if isinstance(value, dict) else value) for number in numbers(part)]
    worst = {key: max(abs(a - b) for a, b in zip(numbers(kept[key]), numbers(value))) for key, value in result.items()}
    print(name, worst)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    for case in [argument for argument in arguments if argument != "--check"] or CASES:
        check(case) if "--check" in arguments else make(case)
