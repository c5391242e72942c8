"""Tokenizer {{name}}: one token per byte, ids 0 to 255, and <|endoftext|> as id 256."""

from trainyard_plugin import PluginError, Tokenizer

END_OF_TEXT = 256


class Plugin(Tokenizer):
    """The tokenizer needs no training: its model is empty."""

    def __init__(self, settings):
        self.is_loaded = False

    def load(self, model):
        if model:
            raise PluginError(f"model has {len(model)} bytes, expected none", "input")
        self.is_loaded = True

    def check_loaded(self):
        if not self.is_loaded:
            raise PluginError("no model, call load first", "state")

    def vocabulary(self):
        self.check_loaded()
        # a special token has no bytes
        return [bytes([byte]) for byte in range(256)] + [b""], [("<|endoftext|>", END_OF_TEXT)]

    def encode(self, texts):
        self.check_loaded()
        return [list(text.encode()) for text in texts]

    def decode(self, sequences):
        self.check_loaded()
        for id in (id for sequence in sequences for id in sequence):
            if id > END_OF_TEXT:
                raise PluginError(f"id {id} is outside the vocabulary of {END_OF_TEXT + 1}", "input")
        return [bytes(id for id in sequence if id != END_OF_TEXT) for sequence in sequences]
