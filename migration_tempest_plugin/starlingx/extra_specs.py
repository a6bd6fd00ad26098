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
"""Lets Nova's API check StarlingX's extra specs of a flavor.

An optional part for the hosts of Nova's API, which load it by the entry point
``nova.api.extra_spec_validators`` when it is installed there. Without it,
Nova refuses these names, valid or not, at microversion 2.86 and above, and
takes anything below (nova/api/validation/extra_specs/validators.py).
"""

from nova.api.validation.extra_specs import base
from nova import exception

from migration_tempest_plugin.starlingx import settings

_DESCRIPTIONS = {
    settings.TIMEOUT: (
        'Seconds within which a live migration must complete: 0 for no '
        'time-out, or 120 to 800.'
    ),
    settings.MAX_DOWNTIME: (
        'Milliseconds for which a server may be stopped at the end of a live '
        'migration: 100 at least.'
    ),
    settings.AUTO_CONVERGE: (
        'Whether a server is slowed down when a live migration does not '
        'converge.'
    ),
    settings.TUNNEL: (
        "Whether a live migration goes through libvirt's connection."
    ),
}


class StarlingXValidator(base.ExtraSpecValidator):
    """One extra spec, refused with the words of StarlingX."""

    def validate(self, name: str, value: str) -> None:
        """Check a value.

        :raises ValidationError: with StarlingX's text: HTTP 400
        """
        complaint = settings.complaint(name, value)
        if complaint:
            raise exception.ValidationError(complaint)


def register() -> list[StarlingXValidator]:
    """What Nova asks for: the validators of this module."""
    return [
        StarlingXValidator(
            name=name, description=description, value={'type': str}
        )
        for name, description in _DESCRIPTIONS.items()
    ]
