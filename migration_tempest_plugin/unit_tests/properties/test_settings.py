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

from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies


class TestResolver(base.Case):
    def test_any_values(self):
        """They hold, or are ignored with a sentence; nothing else happens."""
        value = strategies.one_of(
            strategies.integers(-10, 10**6).map(str),
            strategies.sampled_from(('true', 'Off', ' yes ', '')),
            strategies.text(max_size=5),
        )
        names = strategies.sampled_from(
            (
                settings.AUTO_CONVERGE,
                settings.TUNNEL,
                settings.MAX_DOWNTIME,
                settings.TIMEOUT,
                settings.IMAGE_MAX_DOWNTIME,
                settings.IMAGE_TIMEOUT,
                'other',
            )
        )
        said = strategies.dictionaries(names, value)

        def check(flavor, metadata, image):
            defaults = settings.Defaults()
            found = settings.resolve(
                settings.Sources(flavor, metadata, image), defaults
            )
            self.assertIsInstance(found.auto_converge, bool)
            self.assertIsInstance(found.tunnel, bool)
            self.assertGreaterEqual(
                found.max_downtime, settings.LOWEST_MAX_DOWNTIME
            )
            said = {
                str(value).strip()
                for each in (flavor, metadata, image)
                for value in each.values()
            }
            if found.timeout != defaults.timeout:
                self.assertIn(
                    found.timeout,
                    {int(value) for value in said if _is_whole(value)},
                )
            for sentence in found.ignored:
                self.assertRegex(
                    sentence, '(?s)of the (flavor|metadata|image) is '
                )

        self.for_all(check, said, said, said)


def _is_whole(text):
    try:
        int(text)
    except ValueError:
        return False
    return True
