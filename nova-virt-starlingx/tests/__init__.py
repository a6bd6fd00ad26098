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
"""Tests that need Nova: lab/nova-tests runs them in the embedded cloud.

The driver lies here as it does in the repository, not installed beside Nova.
"""

import pathlib

from nova import virt

virt.__path__.append(
    str(pathlib.Path(__file__).resolve().parent.parent / 'nova' / 'virt')
)
