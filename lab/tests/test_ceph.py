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
"""The key of the lab's Ceph."""

import base64
import struct
import time
import unittest

from embedded_cloud import ceph


class KeyTest(unittest.TestCase):
    def test_a_key(self):
        """As "ceph-authtool --gen-print-key" prints one: 28 bytes."""
        before = int(time.time())
        found = base64.b64decode(ceph.new_key(), validate=True)
        kind, seconds, nanoseconds, length = struct.unpack('<HIIH', found[:12])
        self.assertEqual((1, 0, 16), (kind, nanoseconds, length))
        self.assertEqual(28, len(found))
        self.assertGreaterEqual(seconds, before)

    def test_no_two_are_alike(self):
        self.assertNotEqual(ceph.new_key(), ceph.new_key())

    def test_its_keyring(self):
        text = ceph.keyring('the-key')
        self.assertTrue(
            text.startswith('[client.cinder]\n    key = the-key\n')
        )
        self.assertEqual(3, text.count('"profile rbd"'))
