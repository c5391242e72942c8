"""Beam searches of transformers with small random models, for the unit test of host/src/eval/beams.

Writes ../golden/beams/NAME/{config.json, model.safetensors, beams.json}. Weights are random from a seed and float16;
models run in float64, but transformers adds up scores in float32. beams.json has the sources (token ids; none for
gpt2), the prompts, and for each search its settings and, text by text, the hypotheses: ids without prompt and end, and
score (none of a greedy search). The seed of each model is the one of the first thirty whose hypotheses have the most
different lengths. Sources are searched for in one batch with padding, prompts of gpt2 one by one.

Usage: python beams_hf.py      (made with transformers 4.57.6, torch 2.6.0, CPU)
"""
import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent.parent / "golden" / "beams"
VOCAB, WIDTH, HIDDEN, LONGEST = 40, 16, 24, 12
transformers.logging.set_verbosity_error()

T5 = transformers.T5Config(
    vocab_size=VOCAB, d_model=WIDTH, d_kv=6, d_ff=HIDDEN, num_layers=1, num_decoder_layers=1, num_heads=2,
    relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0, decoder_start_token_id=0,
    pad_token_id=0, eos_token_id=1, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
BART = transformers.BartConfig(
    vocab_size=VOCAB, d_model=WIDTH, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
    decoder_attention_heads=4, encoder_ffn_dim=HIDDEN, decoder_ffn_dim=HIDDEN, max_position_embeddings=16, dropout=0.0,
    bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=None,
    forced_eos_token_id=None)
GPT2 = transformers.GPT2Config(
    vocab_size=VOCAB, n_embd=WIDTH, n_layer=2, n_head=2, n_positions=24, resid_pdrop=0.0, embd_pdrop=0.0,
    attn_pdrop=0.0, bos_token_id=1, eos_token_id=1, pad_token_id=1)

# name: class, config, deviation of the weights, what is added to the logit of the end, end, start of the decoder
MODELS = {
    "t5": (transformers.T5ForConditionalGeneration, T5, 0.4, 0.0, 1, 0),
    "bart": (transformers.BartForConditionalGeneration, BART, 0.4, 3.0, 2, 2),
    "gpt2": (transformers.GPT2LMHeadModel, GPT2, 0.4, 0.0, 1, None),
}
PLAIN = dict(beams=4, length_penalty=1.0, min_tokens=0, no_repeat_ngram=0, first=None, last=None)
SEARCHES = [PLAIN | changes for changes in [
    dict(beams=1), dict(beams=2), dict(),
    dict(beams=2, length_penalty=0.6), dict(length_penalty=0.6), dict(beams=2, length_penalty=2.0),
    dict(length_penalty=2.0), dict(length_penalty=-1.0), dict(beams=1, no_repeat_ngram=2), dict(no_repeat_ngram=2),
    dict(beams=3, no_repeat_ngram=3, min_tokens=4), dict(first=7), dict(beams=1, first=7, last="end"),
    dict(first=7, last="end", no_repeat_ngram=3, length_penalty=2.0),
]]


def made(seed, kind, config, deviation, bias, end):
    torch.manual_seed(seed)
    model = kind(config).eval()
    for name, value in model.named_parameters():
        if "norm" in name or ".ln_" in name:
            value.data = (1.0 if name.endswith("weight") else 0.0) + 0.1 * torch.randn(value.shape)
        else:
            value.data = deviation * torch.randn(value.shape)
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias[0, end] = bias
    return model.half().double()


def search(model, settings, inputs, start, end):
    """The hypotheses of each text of one batch."""
    n = settings["beams"]
    last = end if settings["last"] == "end" else None
    with torch.no_grad():
        found = model.generate(
            **inputs, do_sample=False, num_beams=n, num_return_sequences=n, max_new_tokens=LONGEST,
            min_new_tokens=settings["min_tokens"], length_penalty=settings["length_penalty"],
            no_repeat_ngram_size=settings["no_repeat_ngram"], forced_bos_token_id=settings["first"],
            forced_eos_token_id=last, early_stopping=False, return_dict_in_generate=True, output_scores=True)
    texts = []
    for ids in found.sequences.tolist():
        ids = ids[start:]
        texts.append(ids[:ids.index(end)] if end in ids else ids)
    scores = [round(x, 6) for x in found.sequences_scores.tolist()] if n > 1 else [None] * len(texts)
    hypotheses = [dict(ids=ids, score=score) for ids, score in zip(texts, scores)]
    return [hypotheses[i:i + n] for i in range(0, len(hypotheses), n)]


def searched(model, texts, config, settings, start, end):
    """The hypotheses of each text."""
    if start is None:
        ones = [torch.ones(1, len(text), dtype=torch.long) for text in texts]
        inputs = [dict(input_ids=torch.tensor([text]), attention_mask=mask) for text, mask in zip(texts, ones)]
        return [search(model, settings, one, len(text), end)[0] for text, one in zip(texts, inputs)]
    longest = max(map(len, texts))
    padding = [[config.pad_token_id] * (longest - len(text)) for text in texts]
    ids = torch.tensor([text + pad for text, pad in zip(texts, padding)])
    mask = torch.tensor([[1] * len(text) + [0] * len(pad) for text, pad in zip(texts, padding)])
    return search(model, settings, dict(input_ids=ids, attention_mask=mask), 1, end)


def lengths(found):
    return [len(hypothesis["ids"]) for text in found for hypothesis in text]


def main():
    torch.manual_seed(9)
    texts = [torch.randint(3, VOCAB, (n,)).tolist() for n in (5, 1, 9, 3)]
    for name, (kind, config, deviation, bias, end, start) in MODELS.items():
        def variety(seed):
            model = made(seed, kind, config, deviation, bias, end)
            return len({n for settings in SEARCHES[:5] for n in lengths(
                searched(model, texts, config, settings, start, end)) if 0 < n < LONGEST})
        model = made(max(range(30), key=variety), kind, config, deviation, bias, end)
        results = []
        for settings in SEARCHES:
            if start is None and settings["first"] is not None:
                continue  # transformers forces the first token after prompts of one token only
            found = searched(model, texts, config, settings, start, end)
            last = end if settings["last"] == "end" else None
            results.append(settings | dict(last=last, max_tokens=LONGEST, end=end, found=found))
        all_lengths = [n for result in results for n in lengths(result["found"])]
        print(name, len(results), "searches; by length:", [all_lengths.count(n) for n in range(LONGEST + 1)])
        folder = HERE / name
        folder.mkdir(parents=True, exist_ok=True)
        tied = name != "t5"
        tensors = {key: value.half().contiguous() for key, value in model.state_dict().items()
                   if "embed_tokens" not in key and not (tied and key == "lm_head.weight")}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        values = config.to_diff_dict() | dict(architectures=[kind.__name__])
        (folder / "config.json").write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
        sources = [[] for _ in texts] if start is None else texts
        prompts = texts if start is None else [[start] for _ in texts]
        lines = ",\n".join("  " + json.dumps(result, separators=(",", ":")) for result in results)
        head = f'{{"sources": {json.dumps(sources)},\n"prompts": {json.dumps(prompts)},\n"searches": [\n'
        (folder / "beams.json").write_text(head + lines + "\n]}\n")


main()
