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
"""What is made of what Nova, Cinder, libvirt and Ceph know of volumes."""

import dataclasses

import testtools

from migration_tempest_plugin import checks
from migration_tempest_plugin.checks import volumes
from migration_tempest_plugin.cloud.volumes import Attachment
from migration_tempest_plugin.cloud.volumes import Held
from migration_tempest_plugin import exceptions


def attached(volume='v', nova='a', **cinder):
    """One that Cinder holds on these hosts, by the attachments' ids."""
    return Attachment(
        volume,
        nova,
        tuple(
            Held(number, 's', 'attached' if host else 'attaching', host)
            for number, host in cinder.items()
        ),
    )


WELL = attached(a='one')


def seen(*attachments, host='one', **what):
    return volumes.Seen(host, attachments, **what)


class TestComplaints(testtools.TestCase):
    def assert_complaints(self, expected, found, volumes_expected=('v',)):
        self.assertEqual(
            expected,
            list(volumes.complaints(found, frozenset(volumes_expected))),
        )

    def test_all_is_well(self):
        self.assert_complaints([], seen(WELL))
        self.assert_complaints(
            [],
            seen(
                WELL,
                domains={'one': frozenset({'v'})},
                watchers={'v': ('one',)},
            ),
        )

    def test_no_volumes(self):
        self.assert_complaints([], seen(), ())

    def test_another_volume(self):
        other = attached('w', a='one')
        self.assert_complaints(
            [
                'Nova no longer has volume v attached',
                'Nova has volume w attached, which was not before',
            ],
            seen(other),
        )

    def test_left_at_the_source(self):
        left = attached(nova='b', a='one', b='two')
        self.assert_complaints(
            [
                (
                    'Cinder holds 2 attachments of volume v to the server, '
                    'not one: a (attached on one), b (attached on two)'
                ),
            ],
            seen(left, host='two'),
        )

    def test_left_at_the_destination(self):
        self.assert_complaints(
            [
                (
                    'Cinder holds 2 attachments of volume v to the server, '
                    'not one: a (attached on one), b (attaching)'
                ),
            ],
            seen(attached(a='one', b=None)),
        )

    def test_it_stays_on_its_way(self):
        self.assert_complaints(
            ['Cinder has volume v attaching, not attached'],
            seen(attached(a=None)),
        )

    def test_at_the_other_host_alone(self):
        self.assert_complaints(
            ['Cinder has volume v connected on one, and the server is on two'],
            seen(WELL, host='two'),
        )

    def test_none_of_cinder(self):
        self.assert_complaints(
            [
                (
                    'Cinder holds 0 attachments of volume v to the server, '
                    'not one: none'
                )
            ],
            seen(attached()),
        )

    def test_nova_holds_an_older_one(self):
        """As after a rollback that did not put it back (LP 1899835)."""
        self.assert_complaints(
            ['Nova holds attachment old of volume v, which Cinder does not'],
            seen(attached(nova='old', a='one')),
        )

    def test_what_nova_is_too_old_to_name(self):
        self.assert_complaints([], seen(attached(nova=None, a='one')))
        self.assert_complaints(
            ['Cinder has volume v connected on one, and the server is on two'],
            seen(attached(nova=None, a='one'), host='two'),
        )

    def test_libvirt(self):
        self.assert_complaints(
            [
                'libvirt on one has no domain of the server',
                'libvirt on two has a domain of the server, too',
            ],
            seen(WELL, domains={'two': frozenset({'v'})}),
        )
        self.assert_complaints(
            ['libvirt on one has no disk of volume v'],
            seen(WELL, domains={'one': frozenset()}),
        )

    def test_ceph(self):
        for watchers, shown in (
            ((), 'no host'),
            (('two',), 'two'),
            (('one', '192.0.2.7'), 'one, 192.0.2.7'),
            (('one', 'one'), 'one, one'),
        ):
            self.assert_complaints(
                [f'Ceph has volume v open on {shown}, not on one'],
                seen(WELL, watchers={'v': watchers}),
            )

    def test_shared_with_another_server(self):
        shared = dataclasses.replace(
            WELL, others=(Held('b', 'other', 'attached', 'two'),)
        )
        self.assert_complaints(
            [], seen(shared, watchers={'v': ('two', 'one')})
        )
        self.assert_complaints(
            ['Ceph has volume v open on one, not on one, two'],
            seen(shared, watchers={'v': ('one',)}),
        )


class TestCheck(testtools.TestCase):
    def check(self, *looks, patience=0.0):
        looks = list(looks)
        check = checks.VolumeCheck(lambda: looks.pop(0), patience)
        return self.useFixture(check)

    def test_what_was_asked(self):
        check = self.check(seen(WELL), seen(WELL), seen(WELL))
        self.assertEqual(
            '1 attached on one alone (Nova, Cinder)', check.verify()
        )
        found = seen(
            WELL, domains={'one': frozenset({'v'})}, watchers={'v': ('one',)}
        )
        self.assertEqual(
            '1 attached on one alone (Nova, Cinder, libvirt, Ceph)',
            self.check(found, found, found).verify(),
        )

    def test_it_becomes_well(self):
        wrong = attached(a='one', b='two')
        check = self.check(
            seen(WELL), seen(WELL), seen(wrong), seen(WELL), patience=60
        )
        self.assertIn('1 attached', check.verify())

    def test_it_does_not(self):
        check = self.check(seen(WELL), seen(WELL), seen())
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertIn('no longer has volume', str(error))
