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
"""What is looked at beside a test."""

import time

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import watch


class TestWatch(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.looks = ['a', None, exceptions.HostError('one', ['x'], 'no'), 'b']
        self.closed_after = None
        self.number = 0

    def look(self):
        self.number += 1
        what = (
            self.looks[self.number - 1]
            if self.number <= len(self.looks)
            else None
        )
        if isinstance(what, Exception):
            raise what
        return what

    def close(self):
        self.closed_after = self.number

    def test_what_was_seen(self):
        began = time.monotonic()
        with watch.Watch(self.look, self.close, interval=0.001) as watching:
            while len(watching.seen) < 2 and time.monotonic() < began + 10:
                time.sleep(0.001)
        self.assertEqual(['a', 'b'], [each.what for each in watching.seen])
        self.assertEqual('one: x: no', str(watching.error))
        times = [each.at for each in watching.seen]
        self.assertEqual(sorted(times), times)
        self.assertGreaterEqual(times[0], began)

    def test_an_answer_that_is_not_understood(self):
        """It ends that look, and not the watching."""
        self.looks[2] = ValueError('500 ms')
        with watch.Watch(self.look, self.close, interval=0.001) as watching:
            give_up = time.monotonic() + 10
            while len(watching.seen) < 2 and time.monotonic() < give_up:
                time.sleep(0.001)
        self.assertEqual(['a', 'b'], [each.what for each in watching.seen])
        self.assertEqual('500 ms', str(watching.error))

    def test_closed_when_nobody_looks_any_more(self):
        with watch.Watch(self.look, self.close, interval=0):
            self.assertIsNone(self.closed_after)
        self.assertEqual(self.number, self.closed_after)
