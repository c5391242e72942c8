"""python3 test_plugin.py"""

import unittest

from plugin import Plugin
from trainyard_plugin import PluginError


class Test(unittest.TestCase):
    def test_graph_has_the_threshold(self):
        graph = Plugin({"threshold": 0.25}).describe()
        self.assertIn(("constant", [0.25]), [(op, attributes) for op, _, attributes in graph.nodes])

    def test_settings_are_checked(self):
        with self.assertRaisesRegex(PluginError, "expected 0 to 1, got 1.5"):
            Plugin({"threshold": 1.5})


unittest.main()
