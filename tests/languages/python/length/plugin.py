"""The first-party filter length in Python: the same verdicts, byte for byte."""

from trainyard_plugin import Filter, PluginError, Verdict


class Plugin(Filter):
    def __init__(self, settings):
        for name, value in settings.items():
            if not 0 <= value < 2**32:
                raise PluginError(f"{name}: expected a whole number from 0 to 4294967295, got {value}")
        self.min_chars, self.max_chars = self.limits(settings, "chars")
        self.min_words, self.max_words = self.limits(settings, "words")

    @staticmethod
    def limits(settings, what):
        low, high = settings[f"min_{what}"], settings[f"max_{what}"]
        if high != 0 and low > high:
            raise PluginError(f"min_{what}: expected at most max_{what} = {high}, got {low}; no document would stay")
        return low, high

    def judge(self, documents):
        return [self.verdict(document) for document in documents]

    def verdict(self, document):
        chars = len(document)
        if chars < self.min_chars:
            return Verdict(False, "length_too_few_chars", chars)
        if self.max_chars != 0 and chars > self.max_chars:
            return Verdict(False, "length_too_many_chars", chars)
        words = len(document.split())
        if words < self.min_words:
            return Verdict(False, "length_too_few_words", words)
        if self.max_words != 0 and words > self.max_words:
            return Verdict(False, "length_too_many_words", words)
        return Verdict(True)
