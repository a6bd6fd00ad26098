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
"""Two hosts, as they should be."""

import dataclasses

from migration_tempest_plugin.hosts import facts

NOVA = facts.NovaOptions.parse('', 'a')
#: Two hosts that are alike.
A = facts.Facts(
    name='a',
    architecture='x86_64',
    system='Debian GNU/Linux 12 (bookworm)',
    kvm=True,
    accounts={'user nova': '64060', 'group kvm': '106'},
    clock=(-0.01, 0.04),
    storage=('ext4', '/dev/sda1'),
    arguments=('/usr/bin/nova-compute',),
    default_files=('/etc/nova/nova.conf',),
    libvirt=(9, 0, 0),
    qemu=(7, 2, 22),
    machines=frozenset({'pc-i440fx-7.2', 'pc-q35-7.2'}),
    used_machines=frozenset({'pc-i440fx-7.2'}),
    cpu='<cpu/>',
    nova=NOVA,
)
B = dataclasses.replace(A, name='b', clock=(0.0, 0.05))
#: What is found between them.
PATH = facts.Path('192.0.2.12', 'eth1', 9000, True)
FINE = facts.Way(PATH, '', True)
