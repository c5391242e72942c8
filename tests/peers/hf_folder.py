"""Loads checkpoint folders with Hugging Face's AutoTokenizer and compares ids with trainyard's, for every first-party
tokenizer; where torch is installed, also compares what both write after a prompt, the likeliest token each time.

Usage: python hf_folder.py PATH/TO/trainyard FOLDER
       (needs transformers 5, tokenizers; a folder for runs of one step, which are made anew)
"""
import json
import os
import shutil
import subprocess
import sys
from transformers import AutoTokenizer

program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
TEXTS = [
    "the cat sat on the mat; that's the cat's hat, the end.",
    "",
    " ",
    "naïve café 中文 👩\u200d👧 \ufeff\r\n  two  spaces",
    "aaaaaaaaa abababab 0123456789 don't",
    "e\u0301 \u1100\u1161 ½ﬁ",
    "\u3000床前明月光，疑是地上霜。\t",
    "x  \n\n  y\u00a0z",
]
CONFIG = """[run]
name = "r"
seed = 1
dir = "runs"
[data]
validation = 0.0
test = 0.0
[[data.source]]
path = "text.txt"
[model]
kind = "{kind}"
layers = 1
heads = 2
width = 16
context = 32
[loss]
plugin = "cross-entropy"
[optimizer]
kind = "adamw"
lr = 1e-3
[schedule]
kind = "constant"
[train]
steps = 1
batch = 1
[tokenizer]
{tokenizer}
"""
TOKENIZERS = {
    "byte": 'plugin = "byte"',
    "bpe": 'plugin = "bpe"\nconfig.vocab_size = 300',
    "bpe-gpt4": 'plugin = "bpe"\nconfig.vocab_size = 300\nconfig.split = "gpt4"\nconfig.special_tokens = ["<|user|>"]',
    "wordpiece": 'plugin = "wordpiece"\nconfig.vocab_size = 200',
    "unigram": 'plugin = "unigram"\nconfig.vocab_size = 150',
    "hf-tokenizer": 'plugin = "hf-tokenizer"\nmodel = "gap.json"\nend_of_text = "<fin>"',
    "bpe-gap": 'plugin = "bpe"\nmodel = "gap.json"\nend_of_text = "<fin>"',
}
os.makedirs(folder, exist_ok=True)
os.chdir(folder)
with open("text.txt", "w") as file:
    file.write("\n".join(TEXTS) * 20)


def encode(plugin, arguments, text):
    command = [program, "tokenizer", "encode", "--plugin", plugin, *arguments]
    out = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    return [int(id) for id in out.split()]


failures = 0
for kind in ["gpt", "llama"]:
    for name, tokenizer in TOKENIZERS.items():
        shutil.rmtree("runs", ignore_errors=True)
        with open("c.toml", "w") as file:
            file.write(CONFIG.format(kind=kind, tokenizer=tokenizer))
        subprocess.run([program, "train", "c.toml"], check=True, capture_output=True)
        checkpoint = "runs/r/checkpoints/step-1"
        if name == "bpe":  # the file with a gap that the last ones read
            gap = json.load(open(checkpoint + "/tokenizer.json"))
            token = dict(single_word=False, lstrip=False, rstrip=False, normalized=False)
            gap["added_tokens"] = [dict(id=310, content="<fin>", special=True, **token),
                                   dict(id=320, content="<tool>", special=False, **token)]
            gap["model"]["dropout"] = 0.5
            json.dump(gap, open("gap.json", "w"))
        loaded = AutoTokenizer.from_pretrained(checkpoint)
        plugin = tokenizer.split('"')[1]
        arguments = ["--model", "runs/r/data/tokenizer.model"] if plugin != "byte" else []
        same = lambda text: loaded.encode(text, add_special_tokens=False) == encode(plugin, arguments, text)
        wrong = [text for text in TEXTS if not same(text)]
        config = json.load(open(checkpoint + "/config.json"))
        same_end = loaded.eos_token_id == config["eos_token_id"]
        written = "no torch"
        try:
            import torch
            from transformers import AutoModelForCausalLM
            model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
            # trainyard begins a text after the token that ends the one before, as in training
            prompt = loaded(loaded.bos_token + "the cat", return_tensors="pt", add_special_tokens=False)
            ids = model.generate(**prompt, max_new_tokens=5, do_sample=False)
            command = [program, "generate", "runs/r", "--prompt", "the cat", "--tokens", "5", "--temperature", "0"]
            own = subprocess.run(command, capture_output=True, check=True).stdout.decode().removesuffix("\n")
            written = loaded.decode(ids[0], skip_special_tokens=True)
            failures += written != own
            written = f"both wrote {own!r}" if written == own else f"wrote {written!r}, trainyard {own!r}"
        except ImportError:
            pass
        failures += bool(wrong) + (not same_end)
        print(f"{kind} {name}: {type(loaded).__name__}, {len(loaded)} tokens, {len(wrong)} of {len(TEXTS)} texts differ "
              f"{wrong}, end of text {loaded.eos_token!r} {'agrees' if same_end else 'DIFFERS'}, {written}")
sys.exit(failures > 0)
