"""Filter {{name}}: drops documents with few words."""

from trainyard_plugin import Filter, PluginError, Verdict


class Plugin(Filter):
    def __init__(self, settings):
        self.min_words = settings["min_words"]
        if self.min_words < 1:
            raise PluginError(f"min_words: expected 1 or more, got {self.min_words}")

    def judge(self, documents):
        return [self.verdict(document) for document in documents]

    def verdict(self, document):
        words = len(document.split())
        if words < self.min_words:
            return Verdict(False, "too_few_words", words)
        return Verdict(True)
