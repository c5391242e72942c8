"""Writes tests/golden/gguf: tiny models as folders of Hugging Face and, with gguf-py, as llama.cpp has them; a file with
a tensor of every type that is read, beside gguf-py's dequantised values; ids of texts by the libraries themselves.

Usage: python gguf_files.py tests/golden/gguf    (needs gguf 0.19, safetensors, tokenizers, sentencepiece, numpy)
The layouts are those of llama.cpp's convert_hf_to_gguf.py: rows of q and k permuted for `llama`, norms of Gemma plus 1,
GPT-2's products transposed.
"""
import json
import math
import os
import sys
import tempfile
import numpy as np
import sentencepiece
from gguf import GGMLQuantizationType as T, GGUFWriter, quants
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

out = sys.argv[1]
rng = np.random.default_rng(20261129)
TEXTS = ["", "a", "It is a truth, 1990s!", " two  spaces\n\n\tx", "naïve café 日本語 🦀 don't", "<s>x</s> <|im_end|>[SEP]"]
CORPUS = ["It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want",
          "of a wife. However little known the feelings or views of such a man may be on his first entering a café,",
          "in 1813 or 1990 it's so well fixed; don't you think? They're the rightful property of some one or other."] * 4


def tensor(*shape):
    return (rng.integers(-512, 512, shape) / 256).astype(np.float32)


def permute(weights, heads):
    """convert_hf_to_gguf.py, LlamaModel.permute"""
    return (weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
            .swapaxes(1, 2).reshape(weights.shape))


def folder(name, config, tensors, tokenizer=None, settings=None):
    path = os.path.join(out, name)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    save_file(tensors, os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
    if tokenizer:
        tokenizer.save(os.path.join(path, "tokenizer.json"), pretty=False)
        with open(os.path.join(path, "tokenizer_config.json"), "w") as file:
            json.dump(settings, file, indent=1)


def begin(name, arch, numbers):
    writer = GGUFWriter(os.path.join(out, name + ".gguf"), arch)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(0)
    writer.add_quantization_version(2)
    for key, value in numbers.items():
        (writer.add_float32 if isinstance(value, float) else
         writer.add_bool if isinstance(value, bool) else writer.add_uint32)(f"{arch}.{key}", value)
    return writer


def finish(writer, tensors):
    for name, values in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def kinds(tokenizer):
    added = tokenizer.get_added_tokens_decoder()
    return [3 if id in added and added[id].special else 1 for id in range(tokenizer.get_vocab_size())]


def texts(tokenizer):
    return [tokenizer.id_to_token(id) for id in range(tokenizer.get_vocab_size())]


def llama():
    hf = Tokenizer(models.BPE())
    hf.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    hf.decoder = decoders.ByteLevel()
    hf.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=300, show_progress=False, special_tokens=["<|im_start|>", "<|im_end|>", "<unk>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    n, d, ff, heads, kv, theta = hf.get_vocab_size(), 16, 32, 2, 1, 10000.0
    names = {"embed_tokens": (n, d), "norm": (d,)}
    for i in range(2):
        block = {"self_attn.q_proj": (d, d), "self_attn.k_proj": (d // 2, d), "self_attn.v_proj": (d // 2, d),
                 "self_attn.o_proj": (d, d), "mlp.gate_proj": (ff, d), "mlp.up_proj": (ff, d), "mlp.down_proj": (d, ff),
                 "input_layernorm": (d,), "post_attention_layernorm": (d,)}
        names |= {f"layers.{i}.{name}": shape for name, shape in block.items()}
    tensors = {f"model.{name}.weight": tensor(*shape) for name, shape in names.items()}
    tensors["lm_head.weight"] = tensor(n, d)
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": n, "hidden_size": d,
              "intermediate_size": ff, "num_hidden_layers": 2, "num_attention_heads": heads, "num_key_value_heads": kv,
              "head_dim": 8, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": theta,
              "rope_scaling": rope, "hidden_act": "silu", "attention_bias": False, "mlp_bias": False,
              "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    template = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    settings = {"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"}, "unk_token": "<unk>",
                "pad_token": "<unk>", "chat_template": template}
    folder("llama", config, tensors, hf, settings)

    writer = begin("llama", "llama", {
        "context_length": 512, "embedding_length": d, "feed_forward_length": ff, "block_count": 2,
        "attention.head_count": heads, "attention.head_count_kv": kv, "attention.key_length": 8,
        "attention.value_length": 8, "attention.layer_norm_rms_epsilon": 1e-5, "rope.dimension_count": 8,
        "rope.freq_base": theta, "vocab_size": n})
    writer.add_chat_template(template)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(texts(hf))
    writer.add_token_types(kinds(hf))
    writer.add_token_merges([" ".join(merge) for merge in json.loads(hf.to_str())["model"]["merges"]])
    for add, id in [(writer.add_bos_token_id, 0), (writer.add_eos_token_id, 1), (writer.add_unk_token_id, 2),
                    (writer.add_pad_token_id, 2)]:
        add(id)
    writer.add_add_bos_token(False)
    factors = []  # convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors
    for i in range(4):
        wave = 2 * math.pi * np.float32(theta) ** np.float32(2 * i / 8)
        if wave < 64 / 4.0:
            factors.append(1)
        elif wave > 64 / 1.0:
            factors.append(8.0)
        else:
            smooth = (64 / wave - 1.0) / (4.0 - 1.0)
            factors.append(1 / ((1 - smooth) / 8.0 + smooth))
    rename = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
              "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    there = {"token_embd.weight": tensors["model.embed_tokens.weight"], "output_norm.weight": tensors["model.norm.weight"],
             "output.weight": tensors["lm_head.weight"], "rope_freqs.weight": np.array(factors, dtype=np.float32)}
    for i in range(2):
        for name, here in rename.items():
            values = tensors[f"model.layers.{i}.{name}.weight"]
            heads_of = {"attn_q": heads, "attn_k": kv}.get(here)
            there[f"blk.{i}.{here}.weight"] = permute(values, heads_of) if heads_of else values
    finish(writer, there)
    return {"ids": [hf.encode(text, add_special_tokens=False).ids for text in TEXTS[:5]]}


def gemma2():
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "text"), "w") as file:
            file.write("\n".join(CORPUS))
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(work, "text"), model_prefix=os.path.join(work, "m"), vocab_size=360, model_type="bpe",
            byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity",
            remove_extra_whitespaces=False, add_dummy_prefix=False, minloglevel=2, num_threads=1, unk_id=0, bos_id=1,
            eos_id=2, pad_id=-1)
        sp = sentencepiece.SentencePieceProcessor(model_file=os.path.join(work, "m.model"))
    n, d, ff = sp.vocab_size(), 16, 16
    names = {"embed_tokens": (n, d), "norm": (d,)}
    norms = ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"]
    for i in range(2):
        block = {"self_attn.q_proj": (32, d), "self_attn.k_proj": (16, d), "self_attn.v_proj": (16, d),
                 "self_attn.o_proj": (d, 32), "mlp.gate_proj": (ff, d), "mlp.up_proj": (ff, d), "mlp.down_proj": (d, ff)}
        block |= {name: (d,) for name in norms}
        names |= {f"layers.{i}.{name}": shape for name, shape in block.items()}
    tensors = {f"model.{name}.weight": tensor(*shape) for name, shape in names.items()}
    config = {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "vocab_size": n, "hidden_size": d,
              "intermediate_size": ff, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
              "head_dim": 16, "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
              "hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0,
              "query_pre_attn_scalar": 16, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"],
              "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2}
    folder("gemma2", config, tensors)
    writer = begin("gemma2", "gemma2", {
        "context_length": 128, "embedding_length": d, "feed_forward_length": ff, "block_count": 2,
        "attention.head_count": 2, "attention.head_count_kv": 1, "attention.key_length": 16,
        "attention.value_length": 16, "attention.layer_norm_rms_epsilon": 1e-6, "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 3.0, "attention.sliding_window": 8})
    pieces = range(n)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([sp.id_to_piece(id) for id in pieces])
    writer.add_token_scores([sp.get_score(id) for id in pieces])
    writer.add_token_types([2 if sp.is_unknown(id) else 3 if sp.is_control(id) else 6 if sp.is_byte(id) else 1
                            for id in pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    rename = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
              "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm":
              "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm"}
    there = {"token_embd.weight": tensors["model.embed_tokens.weight"],
             "output_norm.weight": tensors["model.norm.weight"] + 1}
    for i in range(2):
        for name, here in rename.items():
            there[f"blk.{i}.{here}.weight"] = tensors[f"model.layers.{i}.{name}.weight"] + (1 if "norm" in here else 0)
    finish(writer, there)
    return {"ids": [sp.encode(text) for text in TEXTS[:5]]}


def gpt2():
    n, d = 20, 8
    shapes = {"ln_1.weight": (d,), "ln_1.bias": (d,), "attn.c_attn.weight": (d, 3 * d), "attn.c_attn.bias": (3 * d,),
              "attn.c_proj.weight": (d, d), "attn.c_proj.bias": (d,), "ln_2.weight": (d,), "ln_2.bias": (d,),
              "mlp.c_fc.weight": (d, 4 * d), "mlp.c_fc.bias": (4 * d,), "mlp.c_proj.weight": (4 * d, d),
              "mlp.c_proj.bias": (d,)}
    rename = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
              "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
    tensors = {"transformer.wte.weight": tensor(n, d), "transformer.wpe.weight": tensor(12, d),
               "transformer.ln_f.weight": tensor(d), "transformer.ln_f.bias": tensor(d)}
    there = {"token_embd.weight": tensors["transformer.wte.weight"], "position_embd.weight": tensors["transformer.wpe.weight"],
             "output_norm.weight": tensors["transformer.ln_f.weight"], "output_norm.bias": tensors["transformer.ln_f.bias"]}
    for name, shape in shapes.items():
        values = tensor(*shape)
        tensors["transformer.h.0." + name] = values
        part, end = name.rsplit(".", 1)
        there[f"blk.0.{rename[part]}.{end}"] = values.T if values.ndim == 2 else values
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": n, "n_positions": 12, "n_embd": d,
              "n_layer": 1, "n_head": 2, "n_inner": 4 * d, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
              "tie_word_embeddings": True}
    folder("gpt2", config, tensors)
    writer = begin("gpt2", "gpt2", {"context_length": 12, "embedding_length": d, "feed_forward_length": 4 * d,
                                    "block_count": 1, "attention.head_count": 2, "attention.head_count_kv": 2,
                                    "attention.layer_norm_epsilon": 1e-5})
    # as older converters wrote it
    finish(writer, there | {"output.weight": tensors["transformer.wte.weight"]})
    return {}


def bert():
    hf = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    hf.normalizer = normalizers.BertNormalizer()
    hf.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    hf.decoder = decoders.WordPiece()
    hf.train_from_iterator(CORPUS, trainers.WordPieceTrainer(
        vocab_size=120, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    hf.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1",
                                                      [("[CLS]", 2), ("[SEP]", 3)])
    n, d = hf.get_vocab_size(), 8
    top = {"embeddings.word_embeddings.weight": ("token_embd.weight", (n, d)),
           "embeddings.position_embeddings.weight": ("position_embd.weight", (16, d)),
           "embeddings.token_type_embeddings.weight": ("token_types.weight", (2, d)),
           "embeddings.LayerNorm.weight": ("token_embd_norm.weight", (d,)),
           "embeddings.LayerNorm.bias": ("token_embd_norm.bias", (d,))}
    block = {"attention.self.query": ("attn_q", (d, d)), "attention.self.key": ("attn_k", (d, d)),
             "attention.self.value": ("attn_v", (d, d)), "attention.output.dense": ("attn_output", (d, d)),
             "attention.output.LayerNorm": ("attn_output_norm", (d,)), "intermediate.dense": ("ffn_up", (12, d)),
             "output.dense": ("ffn_down", (d, 12)), "output.LayerNorm": ("layer_output_norm", (d,))}
    for name, (here, shape) in block.items():
        top[f"encoder.layer.0.{name}.weight"] = (f"blk.0.{here}.weight", shape)
        top[f"encoder.layer.0.{name}.bias"] = (f"blk.0.{here}.bias", shape[:1])
    tensors = {name: tensor(*shape) for name, (_, shape) in top.items()}
    config = {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": n, "hidden_size": d,
              "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16,
              "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "pad_token_id": 0}
    settings = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]",
                "mask_token": "[MASK]"}
    folder("bert", config, tensors, hf, settings)
    writer = begin("bert", "bert", {"context_length": 16, "embedding_length": d, "feed_forward_length": 12,
                                    "block_count": 1, "attention.head_count": 2, "attention.layer_norm_epsilon": 1e-12,
                                    "attention.causal": False, "pooling_type": 0})
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(2)
    phantom = lambda token: token[2:] if token.startswith("##") else "\u2581" + token
    writer.add_token_list([token if kind == 3 else phantom(token) for token, kind in zip(texts(hf), kinds(hf))])
    writer.add_token_types(kinds(hf))
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(1)
    writer.add_sep_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_mask_token_id(4)
    finish(writer, {here: tensors[name] for name, (here, _) in top.items()})
    return {"ids": [hf.encode(text, add_special_tokens=False).ids for text in TEXTS[:5]]}


def blocks():
    """Each type as one layer's ffn_up, its dequantised values as the same layer's ffn_down."""
    simple = [T.F32, T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1]
    sizes = {T.Q2_K: (84, (80, 82)), T.Q3_K: (110, (108,)), T.Q4_K: (144, (0, 2)), T.Q5_K: (176, (0, 2)),
             T.Q6_K: (210, (208,))}
    types = simple + list(sizes)
    writer = begin("types", "llama", {
        "context_length": 8, "embedding_length": 256, "feed_forward_length": 2, "block_count": len(types),
        "attention.head_count": 1, "attention.layer_norm_rms_epsilon": 1e-5})
    writer.add_tensor("token_embd.weight", tensor(2, 256).astype(np.float16))
    rows = (rng.standard_normal((2, 256)) * np.array([[1.0], [30.0]])).astype(np.float32)
    rows[0, 32:64] = 0
    rows[1, 64] = 1000
    for index, kind in enumerate(types):
        if kind in sizes:  # gguf-py dequantises them, but does not quantise
            size, scales = sizes[kind]
            data = rng.integers(0, 256, (2, size), dtype=np.uint8)
            for place in scales:
                data[:, place:place + 2] = rng.standard_normal(2).astype(np.float16).view(np.uint8).reshape(2, 2)
        else:
            data = quants.quantize(rows, kind)
        writer.add_tensor(f"blk.{index}.ffn_up.weight", data, raw_dtype=kind)
        writer.add_tensor(f"blk.{index}.ffn_down.weight", quants.dequantize(data, kind).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"types": [kind.name for kind in types]}


os.makedirs(out, exist_ok=True)
cases = {make.__name__: make() for make in (llama, gemma2, gpt2, bert, blocks)}
with open(os.path.join(out, "cases.json"), "w") as file:
    json.dump({"texts": TEXTS[:5], **cases}, file, ensure_ascii=True)
