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
"""Several calls at the same time."""

import threading

import testtools

from migration_tempest_plugin import threads


class TestCallAll(testtools.TestCase):
    def test_at_the_same_time(self):
        together = threading.Barrier(3)
        threads.call_all([lambda: together.wait(20)] * 3)
        self.assertFalse(together.broken)

    def test_not_more_than_so_many(self):
        alone = threading.Lock()

        def call():
            self.assertTrue(alone.acquire(blocking=False))
            alone.release()

        threads.call_all([call] * 50, at_a_time=1)

    def test_the_first_error_when_all_have_ended(self):
        ended = []

        def fail(what):
            ended.append(what)
            raise ValueError(what)

        error = self.assertRaises(
            ValueError,
            threads.call_all,
            [lambda: fail('a'), lambda: fail('b'), lambda: ended.append('c')],
        )
        self.assertEqual('a', str(error))
        self.assertEqual(['a', 'b', 'c'], sorted(ended))

    def test_nothing(self):
        self.assertIsNone(threads.call_all([]))
