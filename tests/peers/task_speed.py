"""Training steps of tasks, trainyard's compared with those of other people's programs, as a Markdown table.

Usage, from the root of the repository, with nothing else running (needs PyTorch, transformers, pytorch-crf, and
`make build`):
    python tests/peers/task_speed.py                 both cases
    python tests/peers/task_speed.py tagger          an LSTM that reads both ways with a CRF over 9 tags: width 256, 32
                                                     sequences of 128 tokens; PyTorch with pytorch-crf
    python tests/peers/task_speed.py masked          BERT with masked tokens: 4 layers of 256, vocabulary 8192, 16 × 128
                                                     tokens; transformers
    python tests/peers/task_speed.py --torch-only --rounds 1 --steps 2      whether the other side runs

All modes of the other side (float32, bfloat16 by autocast, each as it is and by torch.compile) and both precisions of
trainyard take turns, round by round, on the same number of threads. The ratio is that of the other side's best mode to
trainyard's best precision, per round, so that what slows the machine down for a while slows both. A mode that fails is
named and left out. Both sides take one step of AdamW from one batch of random tokens without padding; 15 % of the
masked case's tokens are predicted. trainyard also computes the norm of the gradient, and draws a batch every step.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from step_compare import machine, spread, trainyard

VOCAB, TAGS = 8192, 9
# sequences, tokens each
CASES = {"tagger": (32, 128), "masked": (16, 128)}
MODES = ["f32", "bf16", "f32-compiled", "bf16-compiled"]


def tagger(torch, shape):
    """A model that gives its loss, and its inputs."""
    from torchcrf import CRF

    class Tagger(torch.nn.Module):
        def __init__(self, width=256):
            super().__init__()
            self.embedding = torch.nn.Embedding(VOCAB, width)
            self.rnn = torch.nn.LSTM(width, width, 1, batch_first=True, bidirectional=True)
            self.head = torch.nn.Linear(2 * width, TAGS)
            self.crf = CRF(TAGS, batch_first=True)
            self.mask = torch.ones(shape, dtype=torch.bool)
            # torch.compile would unroll its loop over the tokens, and does not end within five minutes.
            self.likelihood = torch.compiler.disable(self.crf)

        def forward(self, ids, tags):
            emissions = self.head(self.rnn(self.embedding(ids))[0])
            return -self.likelihood(emissions.float(), tags, mask=self.mask, reduction="mean")

    return Tagger(), (torch.randint(0, VOCAB, shape), torch.randint(0, TAGS, shape))


def masked(torch, shape):
    """As `tagger`."""
    from transformers import BertConfig, BertForMaskedLM

    class Masked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            config = BertConfig(vocab_size=VOCAB, hidden_size=256, num_hidden_layers=4, num_attention_heads=4,
                                intermediate_size=1024, max_position_embeddings=shape[1], hidden_dropout_prob=0.0,
                                attention_probs_dropout_prob=0.0)
            self.bert = BertForMaskedLM(config)

        def forward(self, ids, labels):
            return self.bert(input_ids=ids, labels=labels).loss

    ids = torch.randint(5, VOCAB, shape)
    labels = torch.where(torch.rand(shape) < 0.15, torch.randint(5, VOCAB, shape), -100)
    return Masked(), (ids, labels)


def work(case, mode, threads):
    """Waits for orders: a line with a number of steps, answered by a line of JSON."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model, inputs = {"tagger": tagger, "masked": masked}[case](torch, CASES[case])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    loss_of = torch.compile(model) if mode.endswith("-compiled") else model
    bf16 = mode.startswith("bf16")

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else contextlib.nullcontext():
            loss = loss_of(*inputs)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    for line in sys.stdin:
        times, began, processor = [], time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            begun = time.perf_counter()
            loss = step()
            times.append(1e3 * (time.perf_counter() - begun))
        busy = (time.process_time() - processor) / (time.perf_counter() - began)
        print(json.dumps({"milliseconds": times, "loss": loss, "cores_busy": busy,
                          "parameters": sum(parameter.numel() for parameter in model.parameters())}), flush=True)


class Worker:
    """A mode of the other side, in a process that keeps its model from round to round."""

    def __init__(self, case, mode, threads):
        command = [sys.executable, __file__, "--work", case, mode, str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, steps):
        """The answer, or none of a mode that failed."""
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else None

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def compare(args, case):
    workers = {}
    for mode in args.modes:
        worker = Worker(case, mode, args.threads)
        if worker.run(2) is None:
            print(f"{case} {mode}: failed, see above; left out", file=sys.stderr)
            worker.close()
        else:
            workers[mode] = worker
    theirs, ours = {mode: [] for mode in workers}, {} if args.torch_only else {"f32": [], "bf16": []}
    for index in range(args.rounds):
        for mode, worker in workers.items():
            theirs[mode].append(worker.run(args.steps))
        for precision, answers in ours.items():
            answers.append(trainyard(args, case, precision, VOCAB))
        print(f"{case}: round {index + 1} of {args.rounds}", file=sys.stderr)
    for worker in workers.values():
        worker.close()
    times = {mode: [median(answer["milliseconds"]) for answer in answers] for mode, answers in theirs.items()}
    own = {name: [answer["milliseconds"]["median"] for answer in answers] for name, answers in ours.items()}
    for side, values, answers in [*((mode, times[mode], theirs[mode]) for mode in times),
                                  *((f"trainyard {name}", own[name], ours[name]) for name in own)]:
        busy = median(answer["cores_busy"] for answer in answers)
        print(f"| {case} | {side} | {spread(values, 1)} | {busy:.2f} |", flush=True)
    best = min(times, key=lambda mode: median(times[mode]))
    if ours:
        if theirs[best][0]["parameters"] != ours["f32"][0]["parameters"]:
            sys.exit(f"{case}: {theirs[best][0]['parameters']} parameters there, {ours['f32'][0]['parameters']} here")
        own_best = min(own, key=lambda name: median(own[name]))
        ratios = [a / b for a, b in zip(times[best], own[own_best])]
        print(f"| {case} | {best} / trainyard {own_best} | {spread(ratios)} | |", flush=True)


def main():
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="timed per round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--modes", type=words, default=MODES)
    parser.add_argument("--torch-only", action="store_true")
    parser.add_argument("--trainyard", default=str(Path(__file__).parents[2] / "target" / "release" / "trainyard"))
    args = parser.parse_args()
    args.mode = "speed"
    machine(args)
    print("\n| case | side | ms, median | range | cores busy |\n|---|---|---|---|---|")
    for case in args.cases or CASES:
        compare(args, case)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
