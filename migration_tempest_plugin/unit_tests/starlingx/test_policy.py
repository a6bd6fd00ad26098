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

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings


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

    def abort(self, migration):
        self.aborted.append(migration.id)


class Libvirt:
    """Has a maximum downtime, in ms."""

    def __init__(self, downtime=50, elapsed=None):
        self.downtime = downtime
        self.elapsed = elapsed

    def job(self, server):
        return self

    def maximum_downtime(self, server):
        return self.downtime / 1000

    def set_maximum_downtime(self, server, seconds):
        self.downtime = round(seconds * 1000)


class TestController(testtools.TestCase):
    def controller(self, cloud, libvirt=None, **arguments):
        self.said = []
        self.cloud = cloud
        return policy.Controller(
            cloud,
            {'one': libvirt or Libvirt()},
            settings.Defaults(),
            self.said.append,
            **{'clock': lambda: 10.0**6, **arguments},
        )

    def test_what_is_not_known_is_said_once(self):
        controller = self.controller(Cloud(unknown=('it is a secret',)))
        controller.step(1000.0)
        controller.step(1000.5)
        self.assertEqual(
            ['server the-server, migration 7: it is a secret'], self.said
        )

    def test_default_timeout(self):
        controller = self.controller(Cloud())
        controller.step(1000.0)
        controller.step(1179.9)
        self.assertEqual([], self.cloud.aborted)
        controller.step(1180.0)
        self.assertEqual([7], self.cloud.aborted)
        self.assertEqual(
            [
                (
                    'server the-server, migration 7: not completed '
                    'after 180 s: aborting it'
                )
            ],
            self.said,
        )

    def test_aborted_once(self):
        controller = self.controller(Cloud())
        for now in (0, 180, 181):
            controller.step(now)
        self.assertEqual([7], self.cloud.aborted)

    def test_timeout_of_the_server(self):
        controller = self.controller(Cloud(metadata={settings.TIMEOUT: '120'}))
        controller.step(0)
        controller.step(120)
        self.assertEqual([7], self.cloud.aborted)

    def test_no_timeout(self):
        controller = self.controller(Cloud(metadata={settings.TIMEOUT: '0'}))
        controller.step(0)
        controller.step(10**6)
        self.assertEqual([], self.cloud.aborted)

    def test_changed_on_the_way(self):
        controller = self.controller(Cloud())
        controller.step(0)
        self.cloud.settings = settings.Sources(
            metadata={settings.TIMEOUT: '120'}
        )
        controller.step(130)
        self.assertEqual([7], self.cloud.aborted)

    def test_each_migration_has_its_time(self):
        controller = self.controller(Cloud())
        controller.step(0)
        self.cloud.running = []
        controller.step(100)
        self.cloud.running = [policy.Migration(8, 'the-server', 'one')]
        controller.step(181)
        self.assertEqual([], self.cloud.aborted)

    def test_one_that_was_seen_late(self):
        """libvirt says for how long it goes on by then."""
        controller = self.controller(
            Cloud(), Libvirt(elapsed=2.5), clock=lambda: 1000.4
        )
        controller.step(1000.0)
        self.assertAlmostEqual(1177.9, controller.next_due)
        controller.step(1100.0)
        self.assertAlmostEqual(1177.9, controller.next_due)

    def test_what_is_due_next(self):
        controller = self.controller(Cloud())
        self.assertIsNone(controller.next_due)
        controller.step(1000.0)
        self.assertEqual(1180.0, controller.next_due)
        self.cloud.settings = settings.Sources(
            metadata={settings.TIMEOUT: '120'}
        )
        controller.step(1010.0)
        self.assertEqual(1120.0, controller.next_due)
        controller.step(1120.0)
        self.assertEqual([7], self.cloud.aborted)
        self.assertIsNone(controller.next_due)

    def test_what_is_due_goes_first(self):
        controller = self.controller(Cloud())
        late = self.cloud.running[0]
        controller.step(0)
        self.cloud.running = [policy.Migration(8, 'the-server', 'one'), late]
        controller.step(100)
        asked = []
        self.cloud.sources = lambda server: (
            asked.append(list(self.cloud.aborted)) or self.cloud.settings
        )
        controller.step(180)
        self.assertEqual([[], [7]], asked)

    def test_dry_run(self):
        libvirt = Libvirt(500)
        controller = self.controller(
            Cloud(flavor={settings.MAX_DOWNTIME: '100'}), libvirt, dry_run=True
        )
        controller.step(0)
        controller.step(180)
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
            controller.step(0)
            self.assertEqual(held, libvirt.downtime)

    def test_host_that_is_not_known(self):
        cloud = Cloud()
        cloud.running = [policy.Migration(7, 'the-server', 'two')]
        controller = self.controller(cloud)
        controller.step(0)
        controller.step(1)
        [said] = self.said
        self.assertIn('two is not among [migration-hosts] computes', said)

    def test_nonsense_is_told(self):
        controller = self.controller(
            Cloud(metadata={settings.TIMEOUT: 'soon'})
        )
        controller.step(0)
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
        controller.step(0)
        controller.step(180)
        self.assertIn('api: abort: no', self.said[-1])
        controller.step(181)
        self.assertEqual([7], self.cloud.aborted)


class TestTargetDowntime(testtools.TestCase):
    def test_more_than_the_host_gives(self):
        self.assertEqual(95, policy.target_downtime(95, 800, 500))
        self.assertEqual(800, policy.target_downtime(500, 800, 500))
        self.assertEqual(800, policy.target_downtime(800, 800, 500))
