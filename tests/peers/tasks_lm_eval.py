"""Questions and documents asked of a tiny Llama by lm-evaluation-harness, for `trainyard eval --tasks` and `--rolling`.

Writes ../golden/tasks/: model/, which is ../golden/gguf/llama with smaller logits; choice.jsonl, cloze.jsonl and
generation.jsonl (questions as trainyard reads them); documents.jsonl; and expected.json: by form of the tokenizer (as
it is, and `bos`: one that puts a token before every text) the results of each task, and of each question the
log-likelihoods or the text. The model has a context of 48 tokens and runs in float32. Targets and answers of some
questions are what the model writes, so that some are right.

Usage: python tasks_lm_eval.py      (made with lm_eval 0.4.13, transformers 5.24.0, torch 2.15.0, CPU; offline)
"""
import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import lm_eval
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.models.huggingface import HFLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
OUT = GOLDEN / "tasks"
CONTEXT, STRIDE, MAX_TOKENS, SCALE = 48, 20, 10, 0.02
LONG = "It was the best of times, it was the worst of times, it was the age of wisdom. " * 3
PROMPTS = [
    "The capital of France is", "Two plus two is", "The cat sat on the", "She said: ", "Water boils at 100 degrees\n",
    "Der Fluss heißt", "一二三", "", LONG + "It was the age of", "Q: What is red?\nA:", "He wrote\tthat  ", "Emma Woodhouse,", "Translate:",
]
CHOICES = [
    (["Paris", "London", "Rome", "Berlin"], 0), (["four", "5", "forty-four thousand"], "four"),
    (["mat", "hat, which was old", "x"], 1), (["yes", "no"], "no"), (["Celsius", "°F", "ß"], 1),
    (["Donau", "Rhein", "Weser, nicht wahr?"], 2), (["四", "five", "六七八"], 0), (["Once upon a time", "A", "the end"], 1),
    (["foolishness", "night", "gold"], 0), (["a", "b", "c", "d"], 3), (["he", "naïve café"], 1), (["handsome", "clever"], 0),
    (["中文字", "Qx"], 1),  # right by characters, wrong by bytes
]
DOCUMENTS = [
    "A short document.", "  It begins and ends with white space,\n\nand has  two\tparagraphs. \n", LONG, LONG * 2 + "End.",
    "Été — 中文 и русский текст. " * 4, "word",
]
TASK = {"dataset_path": "json", "test_split": "test", "doc_to_text": "{{prompt}}", "num_fewshot": 0}


def make_model():
    """A model whose likelihoods are like those of a trained one, with a tokenizer that is used as its file says."""
    source, model = GOLDEN / "gguf" / "llama", OUT / "model"
    model.mkdir(parents=True, exist_ok=True)
    for name in ["config.json", "tokenizer.json"]:
        shutil.copy(source / name, model)
    config = json.loads((source / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": config["eos_token"]["content"]}
    (model / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    tensors = load_file(source / "model.safetensors")
    tensors["lm_head.weight"] = (tensors["lm_head.weight"] * SCALE).half()
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    return model


def with_bos(model, made):
    """A copy of the model whose tokenizer puts a token before every text."""
    shutil.copytree(model, made)
    path, bos = made / "tokenizer.json", "<|im_start|>"
    file = json.loads(path.read_text())
    single = [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    file["post_processor"] = {"type": "TemplateProcessing", "single": single, "pair": pair,
                              "special_tokens": {bos: {"id": bos, "ids": [0], "tokens": [bos]}}}
    path.write_text(json.dumps(file))
    return made


def opened(path):
    return HFLM(pretrained=str(path), device="cpu", dtype="float32", batch_size=4, max_length=CONTEXT)


def greedy(lm, prompt, n):
    """What the model writes, without white space at its ends."""
    instance = Instance("generate_until", {}, (prompt, {"until": [], "max_gen_toks": n}), 0)
    return lm.generate_until([instance], disable_tqdm=True)[0]


def questions(lm):
    choice = [dict(prompt=prompt, choices=choices, answer=answer)
              for prompt, (choices, answer) in zip(PROMPTS, CHOICES)]
    # what the model writes first, and short texts: of long ones the error of a perplexity is no normal one
    first = [(prompt, greedy(lm, prompt, 1)) for prompt in PROMPTS if prompt]
    some = [(prompt, choices[0][0]) for prompt, (choices, _) in zip(PROMPTS, CHOICES)]
    cloze = [dict(prompt=prompt, target=target, target_delimiter="") for prompt, target in first + some
             if target.isascii() and target and prompt == prompt.rstrip()]
    generation = []
    for i, prompt in enumerate(filter(None, PROMPTS)):
        text = greedy(lm, prompt, MAX_TOKENS)
        letters = [char for char in text if char.isascii() and char.isalnum()]
        until = ["<|im_end|>"] + letters[len(letters) // 2:][:2] if i % 3 else ["\n\n"]
        written = min((text.split(stop)[0] for stop in until), key=len)
        answers = [written.swapcase() + "!", "never"] if i % 2 else ["never", "Paris"]
        generation.append(dict(prompt=prompt, answers=answers, until=until, max_tokens=MAX_TOKENS, ignore_case=True,
                               ignore_punctuation=True, ignore_spaces=False))
    return {"choice": choice, "cloze": cloze, "generation": generation}


def evaluated(lm, tasks):
    """Results and samples of some tasks of the harness."""
    found = lm_eval.simple_evaluate(model=lm, tasks=tasks, bootstrap_iters=20000, log_samples=True)
    return found["results"], found["samples"]


def numbers(results, names):
    return {name: [results[f"{name},none"], results[f"{name}_stderr,none"]] for name in names}


def metrics(*names):
    return [{"metric": name} for name in names]


def asked(lm, lines):
    """What the harness says of the questions."""
    def data(name):
        return {"task": name, "dataset_kwargs": {"data_files": {"test": str(OUT / f"{name}.jsonl")}}}

    # choices of unequal kinds: an index, or a text
    right = "{{answer if answer is number else choices.index(answer)}}"
    tasks = [
        TASK | data("choice") | {"output_type": "multiple_choice", "doc_to_choice": "choices", "doc_to_target": right,
                                 "metric_list": metrics("acc", "acc_norm", "acc_bytes")},
        TASK | data("cloze") | {"output_type": "loglikelihood", "doc_to_target": "{{target}}",
                                "metric_list": metrics("acc", "perplexity")},
    ]
    results, samples = evaluated(lm, tasks)
    expected = {
        "choice": {"metrics": numbers(results["choice"], ["acc", "acc_norm", "acc_bytes"]),
                   "log_likelihoods": [[float(answer[0][0]) for answer in sample["resps"]] for sample in samples["choice"]]},
        "cloze": {"metrics": numbers(results["cloze"], ["acc", "perplexity"]),
                  "log_likelihoods": [float(sample["resps"][0][0][0]) for sample in samples["cloze"]],
                  "is_greedy": [bool(sample["resps"][0][0][1]) for sample in samples["cloze"]]},
    }
    # stop strings are those of a task: one for each question
    texts, right = [], []
    for i, line in enumerate(lines["generation"]):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            task = TASK | {
                "task": f"generation-{i}", "dataset_kwargs": {"data_files": {"test": file.name}},
                "output_type": "generate_until", "doc_to_target": "answers",
                "generation_kwargs": {"until": line["until"], "max_gen_toks": MAX_TOKENS, "do_sample": False},
                "metric_list": [{"metric": "exact_match", "ignore_case": True, "ignore_punctuation": True}]}
            results, samples = evaluated(lm, [task])
        texts.append(samples[task["task"]][0]["resps"][0][0])
        right.append(results[task["task"]]["exact_match,none"])
    value, stderr = mean(right), mean_stderr(right)
    expected["generation"] = {"metrics": {"exact_match": [value, stderr]}, "texts": texts}
    return expected


def rolling(lm):
    """What the harness says of the documents, and how likely they are in windows that overlap."""
    task = {"task": "documents", "dataset_path": "json", "test_split": "test", "output_type": "loglikelihood_rolling",
            "dataset_kwargs": {"data_files": {"test": str(OUT / "documents.jsonl")}},
            "doc_to_text": "", "doc_to_target": "{{text}}",
            "metric_list": metrics("word_perplexity", "byte_perplexity", "bits_per_byte")}
    results, samples = evaluated(lm, [task])
    names = ["word_perplexity", "byte_perplexity", "bits_per_byte"]
    expected = {name: results["documents"][f"{name},none"] for name in names}
    expected["log_likelihood"] = sum(float(sample["resps"][0][0]) for sample in samples["documents"])
    strided = 0.0
    for text in DOCUMENTS:
        windows = get_rolling_token_windows(lm.tok_encode(text), lm.prefix_token_id, CONTEXT, CONTEXT - STRIDE + 1)
        requests = [(None,) + make_disjoint_window(window) for window in windows]
        strided += sum(answer[0] for answer in lm._loglikelihood_tokens(requests, disable_tqdm=True))
    tokens = sum(len(lm.tok_encode(text)) for text in DOCUMENTS)
    return expected | {"tokens": tokens, "strided": {"stride": STRIDE, "log_likelihood": strided}}


def write(name, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (OUT / f"{name}.jsonl").write_text(text)


def main():
    model, expected = make_model(), {}
    with tempfile.TemporaryDirectory() as parent:
        os.environ["HF_DATASETS_CACHE"] = parent
        for form in ["plain", "bos"]:
            lm = opened(with_bos(model, Path(parent) / form) if form == "bos" else model)
            if form == "plain":
                lines = questions(lm)
                for name, of_name in lines.items():
                    write(name, of_name)
                write("documents", [{"text": text} for text in DOCUMENTS])
            expected[form] = asked(lm, lines) | {"documents": rolling(lm)}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
    for form, of_form in expected.items():
        print(form, {name: found.get("metrics", found) for name, found in of_form.items()})


if __name__ == "__main__":
    main()
