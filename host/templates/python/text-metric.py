"""Text metric {{name}}: words per generated text."""

import struct

from trainyard_plugin import PluginError, TextMetric


class Plugin(TextMetric):
    unit = "words"
    higher_is_better = True

    def __init__(self, settings):
        self.texts = self.words = 0

    def update(self, pairs):
        for hypothesis, _references in pairs:
            self.texts += 1
            self.words += len(hypothesis.split())

    def state(self):
        """Texts and words, 8 bytes each, little endian."""
        return struct.pack("<QQ", self.texts, self.words)

    def merge(self, state):
        if len(state) != 16:
            raise PluginError(f"state has {len(state)} bytes, expected 16", "input")
        texts, words = struct.unpack("<QQ", state)
        self.texts += texts
        self.words += words

    def value(self):
        return self.words / self.texts if self.texts else float("nan")
