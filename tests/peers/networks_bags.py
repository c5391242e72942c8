"""The bag of words of networks_golden.py, in PyTorch: `features`, in its two forms."""

import torch
import transformers


class Features(torch.nn.Module):
    """A linear classifier of weighted counts, or a network over the mean of word vectors."""

    def __init__(self, vocab, reads, width, layers):
        super().__init__()
        self.reads, self.vocab = reads, vocab
        if reads == "mean":
            self.embedding = torch.nn.Embedding(self.vocab, width)
        sizes = [width if reads == "mean" else self.vocab] + [width] * layers
        self.hidden = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.classifier = torch.nn.Linear(sizes[-1], self.vocab)

    def forward(self, input_ids, attention_mask, token_weights, labels):
        bag = torch.nn.functional.embedding_bag
        mask = attention_mask.to(torch.float64)
        if self.reads == "mean":
            x = bag(input_ids, self.embedding.weight, per_sample_weights=mask / mask.sum(1, keepdim=True), mode="sum")
        else:
            x = bag(input_ids, torch.eye(self.vocab), per_sample_weights=mask * token_weights, mode="sum")
        for layer in self.hidden:
            x = torch.relu(layer(x))
        logits = self.classifier(x)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=logits)
