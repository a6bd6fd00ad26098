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
"""What lies beside the plugin in a checkout, and is no module of it."""

import importlib.util
import pathlib

from migration_tempest_plugin import config

ROOT = pathlib.Path(config.__file__).parent.parent


def load(path):
    """The module in a file, by its path below ROOT."""
    spec = importlib.util.spec_from_file_location(
        pathlib.Path(path).stem, ROOT / path
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
