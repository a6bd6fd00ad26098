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
"""What the policy does about running migrations."""

import dataclasses
from unittest import mock

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.unit_tests.starlingx import fakes

ON = {settings.AUTO_CONVERGE: 'true'}
OFF = {settings.AUTO_CONVERGE: 'False'}

TROUBLE = exceptions.HostError('one', ['virsh'], 'no')


def refuse(*_):
    raise TROUBLE


class Cloud:
    """Has one migration, and remembers what was aborted."""

    def __init__(self, **sources):
        self.running = [policy.Migration(7, 'the-server', 'one')]
        self.settings = settings.Sources(**sources)
        self.aborted = []

    def migrations(self):
        return self.running

    def sources(self, server):
        assert server == 'the-server'
        return self.settings

    def look_ahead(self):
        pass

    def abort(self, migration):
        self.aborted.append(migration.id)


@dataclasses.dataclass
class AutoConverge:
    """What QEMU has."""

    on: bool = True
    is_held: bool = False

    def __str__(self):
        return '23 % at first'


class Unthrottled:
    """Holds a fake libvirt's QEMU."""

    def __init__(self, qemu, trouble=None):
        self.qemu = qemu
        self.trouble = trouble
        self.over = False
        qemu.is_held = True

    def close(self):
        self.qemu.is_held = False
        if self.trouble:
            raise self.trouble


class Libvirt:
    """Has a maximum downtime, in ms, and a QEMU that may converge.

    :ivar held: each Unthrottled that it gave
    """

    def __init__(self, downtime=50, elapsed=None, qemu=None):
        self.downtime = downtime
        self.elapsed = elapsed
        self.qemu = qemu or AutoConverge()
        self.copies_memory = True
        self.trouble = None
        self.gone = False
        self.asked = 0
        self.held = []

    def job(self, server):
        return self

    def has(self, server):
        return not self.gone

    def auto_converge(self, server):
        self.asked += 1
        if self.gone:
            raise TROUBLE
        return self.qemu

    def unthrottled(self, server):
        self.held.append(Unthrottled(self.qemu, self.trouble))
        return self.held[-1]

    def maximum_downtime(self, server):
        return self.downtime / 1000

    def set_maximum_downtime(self, server, seconds):
        self.downtime = round(seconds * 1000)


class ControllerTest(testtools.TestCase):
    now = 0.0

    def at(self, now, controller):
        """A step at that time."""
        self.now = now
        controller.step()

    def take_a_second(self, server):
        """A Libvirt's maximum downtime, from a slow one."""
        self.now += 1
        return 0.05

    def controller(self, cloud, libvirt=None, **arguments):
        self.said = []
        self.cloud = cloud
        return policy.Controller(
            cloud,
            {'one': libvirt or Libvirt()},
            settings.Defaults(),
            self.said.append,
            **{'clock': lambda: self.now, **arguments},
        )


class TestController(ControllerTest):
    def test_what_is_not_known_is_said_once(self):
        controller = self.controller(Cloud(unknown=('it is a secret',)))
        self.at(1000.0, controller)
        self.at(1000.5, controller)
        self.assertEqual(
            ['server the-server, migration 7: it is a secret'], self.said
        )

    def test_default_timeout(self):
        controller = self.controller(Cloud())
        self.at(1000.0, controller)
        self.at(1179.9, controller)
        self.assertEqual([], self.cloud.aborted)
        self.at(1180.4, controller)
        self.assertEqual([7], self.cloud.aborted)
        self.assertEqual(
            [
                (
                    'server the-server, migration 7: not completed '
                    'after 180 s: aborting it, 180.4 s after it began'
                )
            ],
            self.said,
        )

    def test_aborted_once(self):
        controller = self.controller(Cloud())
        for now in (0, 180, 181):
            self.at(now, controller)
        self.assertEqual([7], self.cloud.aborted)

    def test_timeout_of_the_server(self):
        controller = self.controller(Cloud(metadata={settings.TIMEOUT: '120'}))
        self.at(0, controller)
        self.at(120, controller)
        self.assertEqual([7], self.cloud.aborted)

    def test_no_timeout(self):
        controller = self.controller(Cloud(metadata={settings.TIMEOUT: '0'}))
        self.at(0, controller)
        self.at(10**6, controller)
        self.assertEqual([], self.cloud.aborted)

    def test_changed_on_the_way(self):
        controller = self.controller(Cloud())
        self.at(0, controller)
        self.cloud.settings = settings.Sources(
            metadata={settings.TIMEOUT: '120'}
        )
        self.at(130, controller)
        self.assertEqual([7], self.cloud.aborted)

    def test_each_migration_has_its_time(self):
        controller = self.controller(Cloud())
        self.at(0, controller)
        self.cloud.running = []
        self.at(100, controller)
        self.cloud.running = [policy.Migration(8, 'the-server', 'one')]
        self.at(181, controller)
        self.assertEqual([], self.cloud.aborted)

    def test_one_that_was_seen_late(self):
        """libvirt says for how long it goes on by then."""
        controller = self.controller(Cloud(), Libvirt(elapsed=2.5))
        self.at(1000.4, controller)
        self.assertAlmostEqual(1177.9, controller.next_due)
        self.at(1100.0, controller)
        self.assertAlmostEqual(1177.9, controller.next_due)

    def test_what_is_due_next(self):
        controller = self.controller(Cloud())
        self.assertIsNone(controller.next_due)
        self.at(1000.0, controller)
        self.assertEqual(1180.0, controller.next_due)
        self.cloud.settings = settings.Sources(
            metadata={settings.TIMEOUT: '120'}
        )
        self.at(1010.0, controller)
        self.assertEqual(1120.0, controller.next_due)
        self.at(1120.0, controller)
        self.assertEqual([7], self.cloud.aborted)
        self.assertIsNone(controller.next_due)

    def test_what_is_due_goes_first(self):
        controller = self.controller(Cloud())
        late = self.cloud.running[0]
        self.at(0, controller)
        self.cloud.running = [policy.Migration(8, 'the-server', 'one'), late]
        self.at(100, controller)
        asked = []
        self.cloud.sources = lambda server: (
            asked.append(list(self.cloud.aborted)) or self.cloud.settings
        )
        self.at(180, controller)
        self.assertEqual([[], [7]], asked)

    def test_one_that_gets_late_while_another_is_looked_at(self):
        """What is due does not wait for what takes its time."""
        slow = Libvirt()
        cloud = Cloud()
        late = cloud.running[0]
        aborted_at = []
        cloud.abort = lambda migration: aborted_at.append(
            (migration.id, self.now)
        )
        controller = self.controller(cloud, slow)
        self.at(0, controller)
        for count in (8, 9, 10):
            cloud.running.append(policy.Migration(count, 'the-server', 'one'))
        cloud.running = [*cloud.running[1:], late]
        self.at(50, controller)

        slow.maximum_downtime = self.take_a_second
        self.at(178.5, controller)
        self.assertEqual([(7, 180.5)], aborted_at)

    def test_one_that_gets_late_at_the_end_of_a_step(self):
        controller = self.controller(Cloud(metadata=OFF), libvirt := Libvirt())
        self.at(0, controller)

        libvirt.maximum_downtime = self.take_a_second
        self.at(179.5, controller)
        self.assertEqual([7], self.cloud.aborted)

    def test_an_abort_that_fails_is_tried_once_a_step(self):
        cloud = Cloud()
        tried = []

        def refuse(migration):
            tried.append(migration.id)
            raise exceptions.HostError('api', ['abort'], 'no')

        cloud.abort = refuse
        controller = self.controller(cloud)
        for now in (0, 180, 181):
            cloud.running.append(policy.Migration(now, 'the-server', 'one'))
            self.at(now, controller)
        self.assertEqual([7, 7], [number for number in tried if number])

    def test_dry_run(self):
        libvirt = Libvirt(500)
        controller = self.controller(
            Cloud(flavor={settings.MAX_DOWNTIME: '100'}), libvirt, dry_run=True
        )
        self.at(0, controller)
        self.at(180, controller)
        self.assertEqual([], self.cloud.aborted)
        self.assertEqual(500, libvirt.downtime)
        self.assertEqual(2, len(self.said))

    def test_maximum_downtime(self):
        libvirt = Libvirt(50)
        controller = self.controller(
            Cloud(flavor={settings.MAX_DOWNTIME: '100'}), libvirt
        )
        for nova, held in ((50, 50), (95, 95), (140, 100), (500, 100)):
            libvirt.downtime = nova
            self.at(0, controller)
            self.assertEqual(held, libvirt.downtime)

    def test_host_that_is_not_known(self):
        cloud = Cloud()
        cloud.running = [policy.Migration(7, 'the-server', 'two')]
        controller = self.controller(cloud)
        self.at(0, controller)
        self.at(1, controller)
        [said] = self.said
        self.assertIn('two is not among [migration-hosts] computes', said)

    def test_nonsense_is_told(self):
        controller = self.controller(
            Cloud(metadata={settings.TIMEOUT: 'soon'})
        )
        self.at(0, controller)
        [said] = self.said
        self.assertIn(
            "'soon', which is not a whole number: it is ignored", said
        )

    def test_trouble_is_told_and_tried_again(self):
        controller = self.controller(Cloud())

        def refuse(migration):
            del self.cloud.abort
            raise exceptions.HostError('api', ['abort'], 'no')

        self.cloud.abort = refuse
        self.at(0, controller)
        self.at(180, controller)
        self.assertIn('api: abort: no', self.said[-1])
        self.at(181, controller)
        self.assertEqual([7], self.cloud.aborted)

    def test_what_comes_is_looked_at_last(self):
        cloud, libvirt = (
            Cloud(metadata={settings.MAX_DOWNTIME: '100'}),
            Libvirt(500),
        )
        cloud.look_ahead = mock.Mock(
            side_effect=lambda: self.assertEqual(100, libvirt.downtime)
        )
        self.at(0, self.controller(cloud, libvirt))
        cloud.look_ahead.assert_called_once_with()

    def test_trouble_with_what_comes_is_nobodys_yet(self):
        cloud = Cloud()
        cloud.look_ahead = mock.Mock(side_effect=TROUBLE)
        self.at(0, self.controller(cloud))
        cloud.look_ahead.assert_called_once_with()
        self.assertEqual([], self.said)

    def test_one_trouble_keeps_nothing_else(self):
        """What can't be done for one setting is no matter of the next."""
        libvirt = Libvirt()
        controller = self.controller(Cloud(metadata=OFF), libvirt)
        libvirt.maximum_downtime = refuse
        self.at(0, controller)
        self.assertIn('one: virsh: no', self.said[0])
        self.assertTrue(libvirt.qemu.is_held)


class TestAutoConverge(ControllerTest):
    def start(self, metadata, libvirt=None, **arguments):
        """A Controller that has looked once."""
        self.libvirt = libvirt or Libvirt()
        controller = self.controller(
            Cloud(metadata=metadata), self.libvirt, **arguments
        )
        self.at(0, controller)
        return controller

    def say(self, **metadata):
        self.cloud.settings = settings.Sources(metadata=metadata)

    def test_which_is_held(self):
        """By what the server says, what QEMU does, and what is copied."""
        for metadata, on, copies, held in (
            (OFF, True, True, True),
            (OFF, True, False, False),
            (OFF, False, True, False),
            (ON, True, True, False),
            (ON, False, True, False),
            ({}, True, True, False),
            ({settings.AUTO_CONVERGE: 'perhaps'}, True, True, False),
        ):
            libvirt = Libvirt(qemu=AutoConverge(on))
            libvirt.copies_memory = copies
            self.start(metadata, libvirt)
            self.assertIs(held, libvirt.qemu.is_held, (metadata, on, copies))

    def test_said_once(self):
        controller = self.start(OFF)
        self.at(1, controller)
        self.assertEqual(
            [
                (
                    'server the-server, migration 7: auto-converge off: '
                    'throttle held at 1 % (was 23 % at first)'
                ),
            ],
            self.said,
        )
        self.assertEqual(1, len(self.libvirt.held))

    def test_qemu_is_asked_no_more_than_need_be(self):
        """libvirt calls a server tainted whose QEMU was asked."""
        for metadata, on, asked in (
            ({}, True, 0),
            (ON, True, 1),
            (ON, False, 1),
            (OFF, False, 1),
            (OFF, True, 1),
        ):
            controller = self.start(metadata, Libvirt(qemu=AutoConverge(on)))
            self.at(1, controller)
            self.assertEqual(asked, self.libvirt.asked, (metadata, on))

    def test_memory_that_comes_later(self):
        """Disks are copied before it."""
        libvirt = Libvirt()
        libvirt.copies_memory = False
        controller = self.start(OFF, libvirt)
        self.assertEqual(0, libvirt.asked)
        libvirt.copies_memory = True
        self.at(20, controller)
        self.assertTrue(libvirt.qemu.is_held)

    def test_put_back(self):
        """However it comes that nothing is held any more."""
        for end in (
            lambda controller: controller.close(),
            lambda controller: self.migrations([], controller),
            lambda controller: self.migrations(
                [policy.Migration(8, 'the-server', 'two')], controller
            ),
            lambda controller: self.change(ON, controller),
            lambda controller: self.change({}, controller),
        ):
            controller = self.start(OFF)
            self.assertTrue(self.libvirt.qemu.is_held)
            end(controller)
            self.assertFalse(self.libvirt.qemu.is_held)

    def migrations(self, running, controller):
        self.cloud.running = running
        self.at(1, controller)

    def change(self, metadata, controller):
        self.say(**metadata)
        self.at(1, controller)

    def test_all_are_put_back(self):
        """One that can't be does not keep the others from it."""
        libvirts = {'one': Libvirt(), 'two': Libvirt()}
        libvirts['two'].trouble = TROUBLE
        cloud = Cloud(metadata=OFF)
        cloud.running = [
            policy.Migration(number, 'the-server', host)
            for number, host in ((7, 'one'), (9, 'two'))
        ]
        said = []
        controller = policy.Controller(
            cloud, libvirts, settings.Defaults(), said.append
        )
        self.at(0, controller)
        controller.close()
        self.assertEqual(
            [False, False], [each.qemu.is_held for each in libvirts.values()]
        )
        self.assertEqual(
            'server the-server, migration 9: one: virsh: no', said[-1]
        )

    def test_changed_to_and_fro(self):
        controller = self.start(ON)
        for metadata, held in ((OFF, True), ({}, False), (OFF, True)):
            self.change(metadata, controller)
            self.assertIs(held, self.libvirt.qemu.is_held, metadata)

    def test_connection_that_is_lost(self):
        """The host has put the values back by itself."""
        controller = self.start(OFF)
        self.libvirt.held[0].over = True
        self.libvirt.qemu.is_held = False
        self.at(1, controller)
        self.assertEqual(2, len(self.libvirt.held))
        self.assertTrue(self.libvirt.qemu.is_held)

    def test_migration_that_is_over_before_nova_says_so(self):
        controller = self.start(OFF)
        self.libvirt.held[0].over = True
        self.libvirt.copies_memory = False
        self.at(1, controller)
        self.assertEqual(1, len(self.libvirt.held))

    def test_held_by_somebody_else(self):
        """Its values are not ours to be put back."""
        qemu = AutoConverge(is_held=True)
        controller = self.start(OFF, Libvirt(qemu=qemu))
        self.assertEqual([], self.libvirt.held)
        self.assertIn('throttle held already', self.said[0])
        qemu.is_held = False
        self.at(1, controller)
        self.assertEqual(1, len(self.libvirt.held))

    def test_on_that_cant_be_had(self):
        controller = self.start(ON, Libvirt(qemu=AutoConverge(on=False)))
        self.at(1, controller)
        self.assertEqual(
            [
                (
                    'server the-server, migration 7: auto-converge on '
                    "can't be had from outside: QEMU takes no capability "
                    'while it copies'
                ),
            ],
            self.said,
        )

    def test_aborted(self):
        """Its server is still there: it is put back when it has ended."""
        controller = self.start(OFF)
        self.at(180, controller)
        self.assertEqual([7], self.cloud.aborted)
        self.migrations([], controller)
        self.assertFalse(self.libvirt.qemu.is_held)

    def test_dry_run_holds_nothing(self):
        controller = self.start(OFF, dry_run=True)
        self.at(1, controller)
        self.assertEqual([], self.libvirt.held)
        [said] = self.said
        self.assertIn('throttle held at 1 %', said)

    def test_server_that_has_gone(self):
        """At the end of a migration that is no error; before, it is one."""
        for gone, said in ((True, 0), (False, 1)):
            libvirt = Libvirt()
            libvirt.auto_converge = refuse
            libvirt.gone = gone
            self.start(OFF, libvirt)
            self.assertEqual(said, len(self.said), self.said)

    def test_host_that_is_not_known(self):
        cloud = Cloud(metadata=OFF)
        cloud.running = [policy.Migration(7, 'the-server', 'three')]
        controller = self.controller(cloud)
        self.at(0, controller)
        self.at(1, controller)
        self.assertEqual(
            [
                f"server the-server, migration 7: its {what} can't be set: "
                'three is not among [migration-hosts] computes'
                for what in ('maximum downtime', 'auto-converge')
            ],
            self.said,
        )


class TestTunnel(testtools.TestCase):
    def test_nobody_heeds_it(self):
        """It is said where it is not so anyway, once."""
        for told, nova_conf, said in (
            ('true', None, 1),
            ('false', None, 0),
            (None, None, 0),
            ('true', fakes.NovaConf(live_migration_tunnelled='yes'), 0),
            ('false', fakes.NovaConf(live_migration_tunnelled='yes'), 1),
            ('true', fakes.NovaConf(), 1),
            ('false', fakes.NovaConf(), 0),
        ):
            found = []
            controller = policy.Controller(
                Cloud(metadata={settings.TUNNEL: told} if told else {}),
                {'one': Libvirt()},
                settings.Defaults(),
                found.append,
                nova_confs={} if nova_conf is None else {'one': nova_conf},
            )
            controller.step()
            controller.step()
            self.assertEqual(said, len(found), (told, nova_conf, found))
            if said:
                self.assertIn(
                    '(metadata): nobody heeds it, it is an', found[0]
                )

    def test_file_that_cant_be_read(self):
        found = []
        policy.Controller(
            Cloud(metadata={settings.TUNNEL: '1'}),
            {'one': Libvirt()},
            settings.Defaults(),
            found.append,
            nova_confs={
                'one': fakes.NovaConf(live_migration_tunnelled='perhaps')
            },
        ).step()
        [said] = found
        self.assertIn('nova.conf, [libvirt] live_migration_tunnelled', said)


class TestTargetDowntime(testtools.TestCase):
    def test_more_than_the_host_gives(self):
        self.assertEqual(95, policy.target_downtime(95, 800, 500))
        self.assertEqual(800, policy.target_downtime(500, 800, 500))
        self.assertEqual(800, policy.target_downtime(800, 800, 500))
