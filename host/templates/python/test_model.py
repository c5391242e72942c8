"""python3 test_plugin.py"""

import unittest

from plugin import Plugin
from trainyard_plugin import PluginError

SETTINGS = {"layers": 2, "width": 8, "taps": 4}


class Test(unittest.TestCase):
    def test_network_has_the_blocks(self):
        net = Plugin(SETTINGS).describe({"vocab": 100, "context": 16, "labels": 0})
        self.assertEqual(net.blocks, ["blocks.0", "blocks.1"])
        self.assertIn(("blocks.1.conv.weight", [8, 4]), [(p["name"], p["shape"]) for p in net.parameters])
        self.assertEqual(net.heads, [("logits", len(net.layers) - 1)])

    def test_settings_are_checked(self):
        with self.assertRaisesRegex(PluginError, "layers: expected 1 to 10000, got 0"):
            Plugin(dict(SETTINGS, layers=0))


unittest.main()
