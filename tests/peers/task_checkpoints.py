"""Trains a few steps of every task, loads the checkpoints with Hugging Face transformers, and compares classes, names
of labels, special tokens and logits with trainyard's; then gives a classifier of transformers to trainyard, whose
data have the same labels in another order.

Usage: python task_checkpoints.py PATH/TO/trainyard FOLDER
       (needs torch and transformers 5; a folder for the runs, which are made anew)
"""
import json
import os
import shutil
import subprocess
import sys
import torch
import transformers
from transformers import AutoConfig, AutoTokenizer, BertConfig, BertForSequenceClassification, pipeline

program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
BOUND = 1e-5  # of logits in f32
COLOURS = ["red", "green", "blue", "black", "white"]
ANIMALS = ["cat", "dog", "horse", "bird"]
NAMES = ["Anna", "Peter", "Mary", "John"]
CITIES = ["Oslo", "Paris", "Rome"]

os.makedirs(folder, exist_ok=True)
os.chdir(folder)
shutil.rmtree("runs", ignore_errors=True)


def write(name, documents):
    with open(name, "w") as file:
        for document in documents:
            file.write(json.dumps(document) + "\n")


n = range(240)
text = lambda i: f"a {COLOURS[i % 5]} {ANIMALS[i % 4]} number {i * 7919 % 241}"
write("one.jsonl", [{"text": text(i), "label": ANIMALS[i % 4]} for i in n])
write("several.jsonl", [{"text": text(i), "label": sorted({COLOURS[i % 5], ANIMALS[i % 4]})} for i in n])
write("number.jsonl", [{"text": text(i), "label": (i % 5) / 2 - 1} for i in n])
write("pair.jsonl", [{"text": text(i), "target": text(i * 3), "label": "yes" if i % 4 == i * 3 % 4 else "no"} for i in n])
write("tags.jsonl", [{"text": f"{NAMES[i % 4]} went to {CITIES[i % 3]} in {i}",
                      "tags": ["B-PER", "O", "O", "B-LOC", "O", "O"]} for i in n])
write("pairs.jsonl", [{"text": text(i), "target": text(i)[::-1]} for i in n])

CONFIG = """
[run]
seed = 1
[data]
packing = "pad"
[[data.source]]
path = "{file}.jsonl"
metadata = {metadata}
[task]
{task}
[tokenizer]
plugin = "byte"
[model]
plugin = "{model}"
context = 64
[model.config]
layers = 2
width = 32
heads = 2
{settings}
[optimizer]
lr = 1e-2
[train]
steps = 5
batch = 8
validate_every = 0
"""


def trainyard(*arguments, **options):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr}")
    return done.stdout, done.stderr


def train(name, model, task, file, settings="", more=""):
    fields = {"labels": ["label"], "tags": ["tags"], "seq2seq": ["target"]}
    metadata = fields.get(task.split('"')[1], []) + (["target"] if "pair = true" in task else [])
    with open(name + ".toml", "w") as config:
        config.write(CONFIG.format(file=file, metadata=json.dumps(metadata), task=task, model=model, settings=settings)
                     + more)
    _, said = trainyard("train", name + ".toml")
    return f"runs/{name}/checkpoints/step-5", said


failures = 0


def report(name, what, is_right):
    global failures
    failures += not is_right
    print(f"{name}: {what}{'' if is_right else '  WRONG'}")


def own_logits(checkpoint, ids, *arguments):
    ids = ",".join(map(str, ids))
    out, _ = trainyard("logits", checkpoint, "--ids", ids, "--all", "--json", *arguments)
    return torch.tensor(json.loads(out)["logits"])


def load(name, checkpoint, expected):
    """The model of the class that config.json names, with nothing missing or left over, and its tokenizer."""
    config = AutoConfig.from_pretrained(checkpoint)
    of_class = getattr(transformers, config.architectures[0])
    model, info = of_class.from_pretrained(checkpoint, output_loading_info=True)
    whole = not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    report(name, f"{type(model).__name__}, {config.problem_type}", type(model).__name__ == expected and whole)
    return model.eval(), AutoTokenizer.from_pretrained(checkpoint)


def compare(name, checkpoint, model, batch, *arguments):
    with torch.no_grad():
        logits = model(**batch).logits[0]
    own = own_logits(checkpoint, batch["input_ids"][0].tolist(), *arguments)
    difference = (own.reshape(logits.shape) - logits).abs().max().item()
    report(name, f"logits differ by {difference:.1e}", difference <= BOUND)


KINDS = {"one": ("single_label_classification", sorted(ANIMALS)),
         "several": ("multi_label_classification", sorted(ANIMALS + COLOURS)),
         "number": ("regression", ["LABEL_0"])}
for family, prefix in [("bert", "Bert"), ("roberta", "Roberta")]:
    for kind, (problem, names) in KINDS.items():
        name = f"{family}-{kind}"
        checkpoint, _ = train(name, family, f'kind = "labels"\nvalues = "{kind}"', kind)
        model, tokenizer = load(name, checkpoint, prefix + "ForSequenceClassification")
        labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
        same = labels == names and model.config.label2id == {name: i for i, name in enumerate(names)}
        report(name, f"{labels}", same and model.config.problem_type == problem)
        compare(name, checkpoint, model, tokenizer(text(3), return_tensors="pt"))
        write("asked.jsonl", [{"text": text(i)} for i in range(4)])
        told, _ = trainyard("predict", f"runs/{name}", "--data", "asked.jsonl")
        for i, line in enumerate(told.splitlines()):
            scores = pipeline("text-classification", model=checkpoint, device="cpu", top_k=None)([text(i)])[0]
            own = json.loads(line)
            own = own.get("probabilities") or {"LABEL_0": own["value"]}
            worst = max(abs(own[score["label"]] - score["score"]) for score in scores)
            if i == 0 or worst > BOUND:
                report(name, f"pipeline differs from predict by {worst:.1e}", worst <= BOUND)
    name = f"{family}-tags"
    checkpoint, _ = train(name, family, 'kind = "tags"', "tags")
    model, tokenizer = load(name, checkpoint, prefix + "ForTokenClassification")
    report(name, f"{model.config.id2label}", list(model.config.id2label.values()) == ["B-LOC", "B-PER", "O"])
    compare(name, checkpoint, model, tokenizer("Anna went to Oslo in 7", return_tensors="pt"))
    name = f"{family}-masked"
    checkpoint, _ = train(name, family, 'kind = "masked"', "one")
    model, tokenizer = load(name, checkpoint, prefix + "ForMaskedLM")
    report(name, f"mask {tokenizer.mask_token!r} {tokenizer.mask_token_id}", tokenizer.mask_token_id == 257)
    compare(name, checkpoint, model, tokenizer("a red " + tokenizer.mask_token + "at", return_tensors="pt"))
name = "bert-pair"
checkpoint, _ = train(name, "bert", 'kind = "labels"\npair = true', "pair")
model, tokenizer = load(name, checkpoint, "BertForSequenceClassification")
batch = tokenizer(text(1), text(3), return_tensors="pt")
types = ",".join(map(str, batch["token_type_ids"][0].tolist()))
compare(name, checkpoint, model, batch, "--token-types", types)
write("asked.jsonl", [{"text": text(1), "target": text(3)}])
own = json.loads(trainyard("predict", f"runs/{name}", "--data", "asked.jsonl")[0])["probabilities"]
with torch.no_grad():
    probabilities = model(**batch).logits[0].softmax(0)
worst = max(abs(own[label] - probabilities[i].item()) for i, label in model.config.id2label.items())
report(name, f"probabilities differ from predict by {worst:.1e}", worst <= BOUND)

for family, expected in [("t5", "T5ForConditionalGeneration"), ("bart", "BartForConditionalGeneration")]:
    checkpoint, _ = train(family, family, 'kind = "seq2seq"', "pairs")
    model, tokenizer = load(family, checkpoint, expected)
    ids = (model.config.decoder_start_token_id, model.config.eos_token_id, model.config.pad_token_id)
    report(family, f"start, end, padding {ids}", ids == (256, 256, 256))
    batch = tokenizer(text(2), return_tensors="pt")
    report(family, "a source ends with the end", batch["input_ids"][0].tolist() == [*text(2).encode(), 256])
    decoder_ids = [256, *b"reb"]
    compare(family, checkpoint, model, {**batch, "decoder_input_ids": torch.tensor([decoder_ids])},
            "--decoder-ids", ",".join(map(str, decoder_ids)))
    written = model.generate(**batch, max_new_tokens=4, do_sample=False)[0].tolist()
    ids = [256]
    while len(ids) < 5 and (len(ids) == 1 or ids[-1] != 256):
        own = own_logits(checkpoint, batch["input_ids"][0].tolist(), "--decoder-ids", ",".join(map(str, ids)))
        ids.append(own[-1].argmax().item())
    report(family, f"generates {written}", written == ids)

# a classifier of transformers, whose labels are in another order than by name
torch.manual_seed(1)
names = ["dog", "bird", "cat", "horse"]
config = BertConfig(vocab_size=257, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128,
                    max_position_embeddings=64, id2label=dict(enumerate(names)),
                    label2id={name: i for i, name in enumerate(names)}, hidden_dropout_prob=0.0)
model = BertForSequenceClassification(config).eval()
model.save_pretrained("theirs")
AutoTokenizer.from_pretrained("runs/bert-one/checkpoints/step-5").save_pretrained("theirs")
with open("theirs.toml", "w") as file:
    file.write("""
[data]
packing = "pad"
[[data.source]]
path = "one.jsonl"
metadata = ["label"]
[start]
from = "theirs"
[task]
kind = "labels"
[optimizer]
lr = 1e-12
[train]
steps = 5
batch = 8
validate_every = 0
""")
trainyard("train", "theirs.toml")
told, _ = trainyard("predict", "runs/theirs", "--data", "one.jsonl")
tokenizer = AutoTokenizer.from_pretrained("theirs")
worst = 0
for i, line in list(enumerate(told.splitlines()))[:8]:
    with torch.no_grad():
        probabilities = model(**tokenizer(text(i), return_tensors="pt")).logits[0].softmax(0)
    own = json.loads(line)["probabilities"]
    worst = max(worst, *(abs(own[name] - probabilities[i].item()) for i, name in enumerate(names)))
report("theirs", f"probabilities of the same names differ by {worst:.1e}", worst <= BOUND)
sys.exit(failures > 0)
