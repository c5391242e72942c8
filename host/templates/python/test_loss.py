"""python3 test_plugin.py"""

import unittest

from plugin import Plugin
from trainyard_plugin import PluginError


class Test(unittest.TestCase):
    def test_graph_has_the_exponent(self):
        graph = Plugin({"gamma": 1.5}).describe()
        self.assertIn(("powf", [1.5]), [(op, attributes) for op, _, attributes in graph.nodes])
        self.assertEqual(graph.outputs[0][0], "loss")

    def test_settings_are_checked(self):
        with self.assertRaisesRegex(PluginError, "expected 0 or more, got -1"):
            Plugin({"gamma": -1.0})


unittest.main()
