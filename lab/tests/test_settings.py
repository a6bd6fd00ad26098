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
"""What a user can choose, and how a wrong choice is refused."""

import pathlib
import tempfile
import unittest

from embedded_cloud import guests
from embedded_cloud import settings


def choose(**variables):
    return settings.Settings.from_environment(variables)


class SettingsTest(unittest.TestCase):
    def refused(self, text, **variables):
        with self.assertRaises(settings.LabError) as caught:
            choose(**variables)
        self.assertIn(text, str(caught.exception))

    def test_defaults(self):
        chosen = choose()
        self.assertEqual('2026.2', chosen.release)
        self.assertEqual('block', chosen.storage)
        self.assertEqual('qemu', chosen.virt_type)
        self.assertEqual(settings.CHECKOUT / '.lab', chosen.home)
        self.assertIsNone(chosen.image)
        self.assertEqual('cirros', chosen.image_user)
        self.assertEqual(
            chosen.home / 'images/guest.qcow2', chosen.guest_image
        )
        self.assertEqual(guests.KINDS['lab'], chosen.kind)

    def test_a_debian_guest(self):
        chosen = choose(LAB_GUEST='debian')
        self.assertEqual('debian', chosen.image_user)
        self.assertEqual('debian.qcow2', chosen.guest_image.name)
        self.assertEqual(guests.KINDS['debian'], chosen.kind)

    def test_an_unknown_guest(self):
        self.refused(
            'LAB_GUEST=plan9: use one of lab, debian.', LAB_GUEST='plan9'
        )

    def test_whose_driver_computes_have(self):
        self.assertEqual('stock', choose().driver)
        self.assertEqual(
            'starlingx', choose(LAB_COMPUTE_DRIVER='starlingx').driver
        )
        self.refused(
            'LAB_COMPUTE_DRIVER=libvirt: use one of stock, starlingx.',
            LAB_COMPUTE_DRIVER='libvirt',
        )

    def test_whose_user_logs_in(self):
        with tempfile.NamedTemporaryFile() as image:
            chosen = choose(LAB_IMAGE=image.name, LAB_IMAGE_USER='ubuntu')
            self.assertEqual('ubuntu', chosen.image_user)
            self.assertEqual(pathlib.Path(image.name), chosen.guest_image)
            self.assertEqual(guests.OTHER, chosen.kind)
        for name in ('a b', '-x', 'a\nb', 'a=b'):
            self.refused('that is no name of a user', LAB_IMAGE_USER=name)

    def test_an_empty_variable_is_an_unset_one(self):
        self.assertEqual(choose(), choose(LAB_RELEASE='', LAB_IMAGE=''))

    def test_every_release_file_can_be_chosen(self):
        self.assertIn('2026.2', settings.releases())
        for release in settings.releases():
            chosen = choose(LAB_RELEASE=release)
            self.assertTrue(chosen.requirements.is_file())
            self.assertIn('nova==', chosen.requirements.read_text())

    def test_releases_do_not_share_a_root_file_system(self):
        for folder in ('rootfs', 'horizon_folder'):
            self.assertNotEqual(
                getattr(choose(LAB_RELEASE='2025.2'), folder),
                getattr(choose(LAB_RELEASE='2026.2'), folder),
            )

    def test_unknown_release(self):
        self.refused(
            'LAB_RELEASE=1999.1: use one of 2025.2, 2026.2.',
            LAB_RELEASE='1999.1',
        )

    def test_unknown_storage(self):
        self.refused(
            'LAB_STORAGE=shared: use one of block, rbd.', LAB_STORAGE='shared'
        )

    def test_horizon(self):
        self.assertFalse(choose().horizon)
        self.assertFalse(choose(LAB_HORIZON='no').horizon)
        self.assertTrue(choose(LAB_HORIZON='yes').horizon)
        self.refused('LAB_HORIZON=1: use one of yes, no.', LAB_HORIZON='1')

    def test_long(self):
        self.assertFalse(choose().long)
        self.assertTrue(choose(LAB_LONG='yes').long)
        self.refused('LAB_LONG=true: use one of yes, no.', LAB_LONG='true')

    def test_missing_image(self):
        self.refused(
            'LAB_IMAGE=/nowhere/image: there is no such file.',
            LAB_IMAGE='/nowhere/image',
        )

    def test_existing_image(self):
        with tempfile.NamedTemporaryFile() as image:
            self.assertEqual(
                pathlib.Path(image.name), choose(LAB_IMAGE=image.name).image
            )

    def test_folders_that_an_overlay_can_not_name(self):
        for folder in ('/tmp/a,b', '/tmp/a:b', '/tmp/a b', '/'):
            self.refused('LAB_DIR=', LAB_DIR=folder)
