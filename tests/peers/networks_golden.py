"""Golden values of small networks of every family, from transformers (decoders and encoders) and torch.nn (recurrence,
bags of words).

Writes ../golden/networks/NAME/{config.json, config_v5.json, model.safetensors, reference.json}: random weights from a
seed per name, logits, loss, the gradient of every parameter as [norm, probe] with probe = sum of g_i sin(i + 1) over
the flattened tensor, and the losses of ten steps of gradient descent on the same rows. All in float64; the weights are
float32. Models of transformers run in float64 throughout: it casts norms, softmax and rotary angles to float32 even in
a model of doubles, so `.float()` and `torch.float32` mean double here while such a model is made and run.

Usage: python networks_golden.py [NAME…]      (made with transformers 4.57.6, torch 2.6.0, CPU)
       python networks_golden.py --check FOLDER…   compares reference.json of folders of the same form
       python networks_golden.py --v5 [NAME…]  under transformers 5: only config_v5.json, and checks the logits
       python networks_golden.py --exported ROOT  checks the logits of ROOT/NAME, written by this project
"""
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from networks_bags import Features

HERE = Path(__file__).resolve().parent.parent / "golden" / "networks"
VOCAB, WIDTH, HIDDEN, LENGTH = 40, 16, 24, 10
IGNORED = -100
SGD = {"lr": 0.02, "momentum": 0.9, "steps": 10}
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

COMMON = dict(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=2,
              num_attention_heads=4, max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2)
BERT = COMMON | dict(bos_token_id=None, eos_token_id=None, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
ROBERTA = BERT | dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1)
GPT2 = dict(vocab_size=VOCAB, n_embd=WIDTH, n_layer=2, n_head=4, n_positions=24, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, bos_token_id=1, eos_token_id=1)
GEMMA = COMMON | dict(head_dim=8, num_key_value_heads=2, query_pre_attn_scalar=16, sliding_window=4,
                      layer_types=["sliding_attention", "full_attention"])
T5 = dict(vocab_size=VOCAB, d_model=WIDTH, d_kv=6, d_ff=HIDDEN, num_layers=2, num_decoder_layers=1, num_heads=2,
          relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0,
          decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=8)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=8, beta_fast=4.0, beta_slow=1.0)

# name: class of transformers, settings, kind of rows
CASES = {
    "gpt2": ("GPT2LMHeadModel", GPT2, "causal"),
    "gpt2-untied": ("GPT2LMHeadModel", GPT2 | dict(n_inner=20, activation_function="gelu", layer_norm_epsilon=1e-6,
                                                   tie_word_embeddings=False), "causal"),
    "llama": ("LlamaForCausalLM", COMMON | dict(num_key_value_heads=2, tie_word_embeddings=True), "causal"),
    "llama3": ("LlamaForCausalLM", COMMON | dict(num_key_value_heads=1, rope_theta=500000.0, rope_scaling=LLAMA3,
                                                 rms_norm_eps=1e-5, head_dim=6), "causal"),
    "llama-linear": ("LlamaForCausalLM", COMMON | dict(attention_bias=True, mlp_bias=True, rope_scaling=dict(
        rope_type="linear", factor=2.0)), "causal"),
    "llama-yarn": ("LlamaForCausalLM", COMMON | dict(num_attention_heads=2, rope_scaling=YARN), "causal"),
    "mistral": ("MistralForCausalLM", COMMON | dict(num_key_value_heads=2, head_dim=6, sliding_window=4), "causal"),
    "qwen2": ("Qwen2ForCausalLM", COMMON | dict(num_key_value_heads=2, rope_theta=1e6, tie_word_embeddings=True),
              "causal"),
    "qwen2-window": ("Qwen2ForCausalLM", COMMON | dict(num_key_value_heads=4, use_sliding_window=True,
                                                       sliding_window=3, max_window_layers=1), "causal"),
    "qwen3": ("Qwen3ForCausalLM", COMMON | dict(num_key_value_heads=2, head_dim=8, rope_theta=1e6), "causal"),
    "gemma2": ("Gemma2ForCausalLM", GEMMA | dict(attn_logit_softcapping=5.0, final_logit_softcapping=3.0), "causal"),
    "gemma3": ("Gemma3ForCausalLM", GEMMA | dict(num_key_value_heads=1, rope_scaling=dict(
        rope_type="linear", factor=8.0)), "causal"),
    "phi": ("PhiForCausalLM", COMMON | dict(num_key_value_heads=2, hidden_size=32, partial_rotary_factor=0.5,
                                            resid_pdrop=0.0, embd_pdrop=0.0, hidden_act="gelu_new"), "causal"),
    "phi3": ("Phi3ForCausalLM", COMMON | dict(num_key_value_heads=2, sliding_window=5, resid_pdrop=0.0,
                                              embd_pdrop=0.0), "causal"),
    "bert-mlm": ("BertForMaskedLM", BERT, "masked"),
    "bert-pretraining": ("BertForPreTraining", BERT | dict(type_vocab_size=3), "masked"),
    "bert-sequence": ("BertForSequenceClassification", BERT | dict(num_labels=3), "sequence"),
    "bert-tokens": ("BertForTokenClassification", BERT | dict(num_labels=5), "tokens"),
    "roberta-mlm": ("RobertaForMaskedLM", ROBERTA, "masked"),
    "roberta-sequence": ("RobertaForSequenceClassification", ROBERTA | dict(num_labels=3), "sequence"),
    "roberta-tokens": ("RobertaForTokenClassification", ROBERTA | dict(num_labels=5), "tokens"),
    "t5": ("T5ForConditionalGeneration", T5 | dict(feed_forward_proj="relu"), "seq2seq"),
    "t5-gated": ("T5ForConditionalGeneration", T5 | dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False),
                 "seq2seq"),
    "bart": ("BartForConditionalGeneration", dict(
        vocab_size=VOCAB, d_model=WIDTH, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=2, encoder_ffn_dim=HIDDEN, decoder_ffn_dim=20, max_position_embeddings=24,
        dropout=0.0, scale_embedding=True, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, forced_eos_token_id=None), "seq2seq"),
}
# Recurrent networks of torch.nn have no config of transformers: config.json is the one that this project writes.
RECURRENT = {
    "lstm": dict(layers=2, embedding=12, hidden=WIDTH),
    "lstm-tied": dict(kind="lstm", layers=1, embedding=WIDTH, hidden=WIDTH, tied=True),
    "gru": dict(layers=2, embedding=12, hidden=WIDTH),
    "rnn": dict(layers=1, embedding=12, hidden=WIDTH),
    "rnn-relu": dict(kind="rnn", layers=2, embedding=12, hidden=WIDTH, activation="relu"),
    "lstm-bidirectional": dict(kind="lstm", layers=2, embedding=12, hidden=10, bidirectional=True),
    "autoencoder": dict(embedding=12, hidden=WIDTH, latent=8),
}


# Networks of bags of words, of torch.nn.functional.embedding_bag; inputs have a weight for each token.
FEATURES = {
    "features-bag": dict(reads="bag", width=WIDTH, layers=0),
    "features-mean": dict(reads="mean", width=WIDTH, layers=1),
}


KEYS = {"layers": "num_hidden_layers", "embedding": "embedding_size", "hidden": "hidden_size", "latent": "latent_size",
        "tied": "tie_word_embeddings", "bidirectional": "bidirectional", "activation": "hidden_act"}


class Doubles:
    """While it is entered, every float type of torch is double; integers still become real float32 by `.float()`."""

    def __enter__(self):
        self.kept = torch.float32, torch.float, torch.Tensor.float
        real = torch.Tensor.float
        torch.Tensor.float = lambda x, **k: x.double() if x.is_floating_point() else real(x, **k)
        torch.float32 = torch.float = torch.float64
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *_):
        torch.float32, torch.float, torch.Tensor.float = self.kept
        torch.set_default_dtype(torch.float32)


def random(name):
    return np.random.default_rng(zlib.crc32(("trainyard/" + name).encode()))


def fill(model, name):
    """Matrices normal with deviation 0.3 (a visible output at these widths), vectors their start plus 0.2 · normal."""
    rng = random(name)
    with torch.no_grad():
        for key, p in sorted(model.named_parameters()):
            noise = torch.tensor(rng.standard_normal(tuple(p.shape)), dtype=torch.float32)
            if p.dim() < 2:
                p.add_(0.2 * noise)
            else:
                p.copy_(0.3 * noise)
        for key, b in model.named_buffers():
            if key == "final_logits_bias":
                b.copy_(torch.tensor(0.1 * rng.standard_normal(tuple(b.shape)), dtype=torch.float32))


def rows(name, kind, config):
    """Two sequences; of encoders the second is shorter and padded."""
    rng = random(name + "/rows")
    pad = getattr(config, "pad_token_id", 0) or 0
    ids = rng.integers(3, VOCAB, (2, LENGTH))
    if kind in ("causal", "recurrent"):
        labels = ids.copy()
        labels[0, 3] = IGNORED
        return {"input_ids": ids, "labels": labels}
    mask = np.ones_like(ids)
    mask[1, LENGTH - 3:] = 0
    ids[mask == 0] = pad
    inputs = {"input_ids": ids, "attention_mask": mask}
    if getattr(config, "type_vocab_size", 1) > 1:
        types = np.zeros_like(ids)
        types[:, 5:] = 1
        inputs["token_type_ids"] = types * mask
    if kind == "masked":
        labels = np.full_like(ids, IGNORED)
        for r, c in ((0, 2), (0, 6), (1, 4)):
            labels[r, c] = rng.integers(3, VOCAB)
    elif kind == "sequence":
        labels = np.array([2, 0])
    elif kind == "tokens":
        labels = rng.integers(0, config.num_labels, ids.shape)
        labels[mask == 0] = IGNORED
        labels[0, 0] = IGNORED
    else:
        labels = rng.integers(3, VOCAB, (2, 7))
        labels[1, 5:] = IGNORED
    return inputs | {"labels": labels}


def probe(g):
    g = g.detach().flatten().double()
    wave = torch.sin(torch.arange(1, len(g) + 1, dtype=torch.float64))
    return [digits(g.norm().item(), 13), digits((g * wave).sum().item(), 13)]


def digits(x, n):
    return float(f"{x:.{n}g}")


def nested(tensor, n):
    values = tensor.detach().double().numpy()
    flat = [digits(v, n) for v in values.flatten()]
    return np.array(flat).reshape(values.shape).tolist()


def logits_of(out):
    return out.prediction_logits if hasattr(out, "prediction_logits") else out.logits


def loss_of(out, inputs):
    """The model's own loss; for BertForPreTraining the half of it that has labels here."""
    if out.loss is not None:
        return out.loss
    return torch.nn.functional.cross_entropy(logits_of(out).flatten(0, 1), inputs["labels"].flatten(),
                                             ignore_index=IGNORED)


def measure(model, inputs):
    """`model(**inputs)` gives an object with `loss` and `logits`."""
    inputs = {key: torch.tensor(value) for key, value in inputs.items()}
    model.zero_grad()
    out = model(**inputs)
    loss_of(out, inputs).backward()
    result = {"loss_f64": loss_of(out, inputs).item(),
              "gradients_f64": {key: probe(p.grad) for key, p in model.named_parameters() if p.grad is not None}}
    if getattr(out, "seq_relationship_logits", None) is not None:
        result["seq_relationship_logits"] = nested(out.seq_relationship_logits, 10)
    result["logits_f64"] = nested(logits_of(out), 10)
    used = [p for p in model.parameters() if p.grad is not None]
    optimizer = torch.optim.SGD(used, lr=SGD["lr"], momentum=SGD["momentum"])
    losses = []
    for _ in range(SGD["steps"]):
        optimizer.zero_grad()
        loss = loss_of(model(**inputs), inputs)
        loss.backward()
        optimizer.step()
        losses.append(digits(loss.item(), 14))
    return result | {"losses_f64": losses}


def in_doubles(cls, config, tensors):
    """The class's model in double with these weights, all constants made in double."""
    config._attn_implementation = "eager"
    model = getattr(transformers, cls)(config).double().eval()
    tensors = {key: value.double() for key, value in tensors.items()}
    missing = model.load_state_dict(tensors, strict=False)
    tied = {key for key in missing.missing_keys if not key.endswith(("lm_head.weight", "embed_tokens.weight",
                                                                     "decoder.weight", "decoder.bias"))}
    assert not tied and not missing.unexpected_keys, missing
    model.tie_weights()
    for module in model.modules():
        # A buffer of transformers, float32 in every model that it makes: the factor is the rounded one.
        if hasattr(module, "embed_scale") and isinstance(module.embed_scale, torch.Tensor):
            module.embed_scale = torch.tensor(np.float64(np.float32(module.embed_scale.item())))
    return model


def reference(cls, folder, inputs):
    config = transformers.AutoConfig.from_pretrained(folder)
    tensors = {}
    for file in sorted(Path(folder).glob("model*.safetensors")):
        tensors |= load_file(file)
    with Doubles():
        return measure(in_doubles(cls, config, tensors), inputs)


def write(folder, name, cls, inputs, result):
    head = {"name": name, "model_class": cls, "versions": {"torch": torch.__version__.split("+")[0],
                                                           "transformers": transformers.__version__}}
    inputs = {key: np.asarray(value).tolist() for key, value in inputs.items()}
    result = head | {"inputs": inputs, "sgd": SGD} | result
    lines = [f' "{key}": {json.dumps(value)}' for key, value in result.items()]
    (folder / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def make(name):
    cls, settings, kind = CASES[name]
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    config_class = getattr(transformers, cls).config_class
    config = config_class(**settings)
    torch.manual_seed(0)
    model = getattr(transformers, cls)(config)
    fill(model, name)
    model.save_pretrained(folder)
    for extra in folder.glob("generation_config.json"):
        extra.unlink()
    inputs = rows(name, kind, config)
    write(folder, name, cls, inputs, reference(cls, folder, inputs))


class Recurrent(torch.nn.Module):
    """Embedding, a recurrent network of torch.nn, an output layer; with `latent` an autoencoder, see forward."""

    def __init__(self, name, layers=1, embedding=12, hidden=16, tied=False, kind=None, bidirectional=False,
                 activation="tanh", latent=0):
        super().__init__()
        cls = {"lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}.get(kind or name, torch.nn.GRU)
        more = {"nonlinearity": activation} if cls is torch.nn.RNN else {}
        self.embedding = torch.nn.Embedding(VOCAB, embedding)
        self.latent = latent
        if latent:
            self.encoder = cls(embedding, hidden, batch_first=True)
            self.to_latent = torch.nn.Linear(hidden, latent)
            self.decoder = cls(embedding + latent, hidden, batch_first=True)
        else:
            self.rnn = cls(embedding, hidden, layers, batch_first=True, bidirectional=bidirectional, **more)
        self.head = torch.nn.Linear(hidden * (2 if bidirectional else 1), VOCAB)
        if tied:
            self.head.weight = self.embedding.weight
        self.tied, self.bidirectional = tied, bidirectional

    def forward(self, input_ids, labels):
        x = self.embedding(input_ids)
        if self.latent:
            # The last state of the encoder, made narrow, stands beside every input of the decoder.
            last = self.encoder(x)[0][:, -1]
            z = torch.tanh(self.to_latent(last))[:, None].expand(-1, x.shape[1], -1)
            y = self.decoder(torch.cat([x, z], -1))[0]
        else:
            y = self.rnn(x)[0]
        logits = self.head(y)
        # A network that reads both ways predicts the token itself.
        shifted = (logits, labels) if self.bidirectional else (logits[:, :-1], labels[:, 1:])
        loss = torch.nn.functional.cross_entropy(shifted[0].flatten(0, 1), shifted[1].flatten(), ignore_index=IGNORED)
        return transformers.modeling_outputs.CausalLMOutput(loss=loss, logits=logits)


def make_recurrent(name):
    settings = RECURRENT[name]
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    model = Recurrent(name, **settings)
    fill(model, name)
    tensors = {key: p.detach().clone() for key, p in model.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"model_type": settings.get("kind", name), "vocab_size": VOCAB}
    config |= {KEYS[key]: value for key, value in settings.items() if key != "kind"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    inputs = rows(name, "recurrent", None)
    with Doubles():
        model = model.double()
        write(folder, name, "torch.nn", inputs, measure(model, inputs))


def make_features(name):
    settings = FEATURES[name]
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    model = Features(VOCAB, **settings)
    fill(model, name)
    tensors = {key: p.detach().clone() for key, p in model.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"model_type": "features", "vocab_size": VOCAB, "reads": settings["reads"],
              "hidden_size": settings["width"], "num_hidden_layers": settings["layers"],
              "id2label": {str(label): f"LABEL_{label}" for label in range(VOCAB)}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    rng = random(name + "/rows")
    # many tokens are there more than once
    ids = rng.integers(3, 3 + LENGTH // 2, (2, LENGTH))
    mask = np.ones_like(ids)
    mask[1, LENGTH - 3:] = 0
    weights = rng.choice([0.25, 0.5, 1.5, 2.0, -1.0], ids.shape)
    inputs = {"input_ids": ids, "attention_mask": mask, "token_weights": weights, "labels": np.array([2, 0])}
    with Doubles():
        write(folder, name, "embedding_bag", inputs, measure(model.double(), inputs))


def check(folder):
    """Compares a folder's reference.json with what this script makes of it."""
    kept = json.loads((Path(folder) / "reference.json").read_text())
    result = reference(kept["model_class"], folder, kept["inputs"])
    worst = 0.0
    for key, (norm, wave) in kept["gradients_f64"].items():
        got = result["gradients_f64"][key]
        worst = max(worst, abs(got[0] - norm), abs(got[1] - wave))
    print(folder, "loss", kept["loss_f64"] - result["loss_f64"], "gradients", worst)


def loaded(name, folder):
    """The model of a folder as transformers loads it, in float32; prints how far its logits are from the golden."""
    kept = json.loads((HERE / name / "reference.json").read_text())
    config = transformers.AutoConfig.from_pretrained(folder)
    model, info = getattr(transformers, config.architectures[0]).from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    out = model.eval()(**{key: torch.tensor(value) for key, value in kept["inputs"].items()})
    difference = (logits_of(out).double() - torch.tensor(kept["logits_f64"], dtype=torch.float64)).abs().max().item()
    wrong = [*info["missing_keys"], *info["unexpected_keys"]]
    print(name, config.architectures[0], "greatest difference", difference, "missing or unexpected:", wrong)
    return model


def version_5(name):
    """Writes config_v5.json with transformers 5 and checks that it computes the same logits."""
    loaded(name, HERE / name).config.to_json_file(HERE / name / "config_v5.json")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--check"]:
        for folder in arguments[1:]:
            check(folder)
    elif arguments[:1] == ["--exported"]:
        for folder in sorted(Path(arguments[1]).iterdir()):
            loaded(folder.name, folder)
    elif arguments[:1] == ["--v5"]:
        for name in arguments[1:] or CASES:
            version_5(name)
    else:
        for name in arguments or [*CASES, *RECURRENT, *FEATURES]:
            print(name, flush=True)
            (make if name in CASES else make_recurrent if name in RECURRENT else make_features)(name)
