"""Steps of fine-tuning by transformers and PEFT, to be compared with `trainyard bench step lora.toml`.

    python lora_speed.py MODEL [--full] [--dtype bfloat16] [--steps N] [--context N] [--threads N]

MODEL is a folder of Hugging Face. One sequence of random tokens a step, AdamW, loss on all tokens; without --full LoRA
of rank 8 beside all linear layers but the output layer. Prints the median seconds of a step and the peak of resident
memory.

Usage: pip install peft==0.18.1 transformers==4.57.6 torch==2.6.0
"""
import argparse
import resource
import statistics
import time

import peft
import torch
import transformers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, torch_dtype=getattr(torch, args.dtype))
    if not args.full:
        config = peft.LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear")
        model = peft.get_peft_model(model, config)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    seconds = []
    for _ in range(args.steps):
        ids = torch.randint(0, model.config.vocab_size, (1, args.context))
        begun = time.perf_counter()
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20
    print(f"{statistics.median(seconds[2:]):.3f} s a step, {peak:.2f} GiB at most, "
          f"{sum(parameter.numel() for parameter in trained)} parameters trained, loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
