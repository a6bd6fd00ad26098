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
"""The machine that measured, for the record."""

import importlib.metadata
import os
import platform


def facts() -> dict[str, object]:
    """What is installed on it, and what it is."""
    return {
        'plugin': _version('migration-tempest-plugin'),
        'tempest': _version('tempest'),
        'python': platform.python_version(),
        'kernel': platform.release(),
        'cpus': os.cpu_count(),
    }


def _version(package: str) -> str | None:
    """None where it runs without being installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
