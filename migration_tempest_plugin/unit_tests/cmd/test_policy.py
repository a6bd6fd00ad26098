#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

import argparse
from unittest import mock

import testtools

from migration_tempest_plugin.cmd import policy as command


class TestArguments(testtools.TestCase):
    def refused(self, function, text):
        error = self.assertRaises(argparse.ArgumentTypeError, function, text)
        self.assertIn(repr(text), str(error))

    def test_timeout(self):
        self.assertEqual(0, command._whole('0'))
        for text in ('-1', '1.5', 'soon', ''):
            self.refused(command._whole, text)

    def test_pause(self):
        """Until something is due, if that comes before the next look."""
        with mock.patch.object(command.time, 'monotonic', lambda: 100.0):
            for due, pause in (
                (None, 0.5),
                (200.0, 0.5),
                (100.2, 0.2),
                (100.0, 0.5),
                (90.0, 0.5),
            ):
                self.assertAlmostEqual(pause, command._pause(0.5, due))
