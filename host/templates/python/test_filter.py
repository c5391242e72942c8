"""python3 test_plugin.py"""

import unittest

from plugin import Plugin
from trainyard_plugin import PluginError, Verdict


class Test(unittest.TestCase):
    def test_few_words_are_dropped(self):
        verdicts = Plugin({"min_words": 3}).judge(["one two three", " one\ntwo ", ""])
        few = lambda words: Verdict(False, "too_few_words", words)
        self.assertEqual(verdicts, [Verdict(True), few(2), few(0)])

    def test_settings_are_checked(self):
        with self.assertRaisesRegex(PluginError, "expected 1 or more, got 0"):
            Plugin({"min_words": 0})


unittest.main()
