"""Writing text on the CPU, trainyard compared with transformers: time to the first token after a prompt, and per token.

    python tests/peers/generate_speed.py MODEL [--rounds 5] [--threads 2]     (MODEL: data/tasks/smollm2/model)

A prompt of about 430 tokens by the model's chat template, greedy, float32. transformers keeps its model from round to
round; trainyard's program is started anew, so the time that a short prompt and one token take is taken off. Both take
turns, round by round, and the ratio is that of one round: above 1 trainyard is faster.
"""
import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parents[2]
SENTENCE = "The old harbour town had been quiet for many years, and nobody remembered who had built its lighthouse. "
TASK = "Write a long story about what happens next, with many details."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--program", default=str(ROOT / "target/release/trainyard"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    text = SENTENCE * 18 + TASK
    messages = [{"role": "user", "content": text}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)

    def theirs(tokens):
        begun = time.perf_counter()
        with torch.inference_mode():
            model.generate(**ids, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
        return time.perf_counter() - begun

    def ours(prompt, tokens):
        command = [arguments.program, "generate", arguments.model, "--chat", "--prompt", prompt]
        command += ["--tokens", str(tokens), "--temperature", "0"]
        begun = time.perf_counter()
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        seconds = time.perf_counter() - begun
        written = len(tokenizer(out)["input_ids"])
        if written < tokens * 0.9:
            sys.exit(f"{written} tokens were written, expected {tokens}: {out}")
        return seconds

    theirs(2)
    rows = []
    for _ in range(arguments.rounds):
        their_first, their_all = theirs(1), theirs(arguments.tokens + 1)
        start, our_first, our_all = ours("Hi.", 1), ours(text, 1), ours(text, arguments.tokens + 1)
        per_token = (their_all - their_first) / arguments.tokens, (our_all - our_first) / arguments.tokens
        rows.append((their_first, our_first - start, *per_token, start))
        print(*(f"{value:.3f}" for value in rows[-1]), file=sys.stderr)
    medians = [statistics.median(column) for column in zip(*rows)]
    first = [row[0] / row[1] for row in rows]
    each = [row[2] / row[3] for row in rows]
    print(f"prompt of {ids['input_ids'].shape[1]} tokens, {arguments.threads} threads, {arguments.rounds} rounds")
    print(f"first token: transformers {medians[0]:.2f} s, trainyard {medians[1]:.2f} s, {statistics.median(first):.2f} x "
          f"({min(first):.2f} to {max(first):.2f}); starting and loading {medians[4]:.2f} s")
    print(f"a token: transformers {1e3 * medians[2]:.1f} ms, trainyard {1e3 * medians[3]:.1f} ms, "
          f"{statistics.median(each):.2f} x ({min(each):.2f} to {max(each):.2f})")


main()
