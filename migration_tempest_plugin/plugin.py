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
"""What Tempest loads."""

import pathlib

from tempest.test_discover import plugins

from migration_tempest_plugin import config


class MigrationTempestPlugin(plugins.TempestPlugin):
    """Tests that measure what live migrations cost."""

    def load_tests(self):
        """Tests for Tempest alone: the plugin's own tests are elsewhere."""
        package = pathlib.Path(__file__).resolve().parent
        return str(package / 'tests'), str(package.parent)

    def register_opts(self, conf):
        config.register_opts(conf)

    def get_opt_lists(self):
        return config.get_opt_lists()
