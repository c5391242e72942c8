"""python3 test_plugin.py"""

import unittest

from plugin import Plugin
from trainyard_plugin import PluginError


class Test(unittest.TestCase):
    def test_decoding_gives_the_text_back(self):
        tokenizer = Plugin({})
        tokenizer.load(b"")
        sequences = tokenizer.encode(["naïve", ""])
        self.assertEqual(tokenizer.decode(sequences), ["naïve".encode(), b""])

    def test_nothing_works_before_load(self):
        with self.assertRaisesRegex(PluginError, "call load first"):
            Plugin({}).encode(["a"])


unittest.main()
