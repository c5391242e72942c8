"""python3 test_plugin.py"""

import unittest

from plugin import Plugin


class Test(unittest.TestCase):
    def test_merging_equals_updating(self):
        both, some, rest = Plugin({}), Plugin({}), Plugin({})
        both.update([("one two", []), ("three", [])])
        some.update([("one two", [])])
        rest.update([("three", [])])
        rest.merge(some.state())
        self.assertEqual((rest.value(), rest.state()), (1.5, both.state()))


unittest.main()
