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
"""A guest that says what it is told to."""

import shlex

DIRECTORY = '/tmp/metadata_probe.X1'
HEADER = (
    'metadata_probe 2 pid=17 boot=1aef2ac4 tool=curl-each '
    'pause=fraction interface=- ;'
)
START = 'boot 1aef2ac4\nhertz 100\npid 17\nborn 4711\n'
LOG = HEADER + '\n1 1 12.01 0.01 ok ;\n1 2 12.21 0.01 o'


def state(
    now='1 3 ok 12.40 3 12.40 0 3    ;', uptime='12.61', log=LOG, **facts
):
    """What control.sh answers to "state", and to "read" with a log."""
    facts = {
        'alive': 'yes',
        'present': 'yes',
        'boot': '1aef2ac4',
        'uptime': uptime,
        **facts,
    }
    facts.update((f'now.{line[:1]}', line) for line in now.splitlines())
    text = ''.join(f'{name} {value}\n' for name, value in facts.items())
    return text + ('' if log is None else f'log\n{log}\nend of log\n')


class Guest:
    """Answers each command of control.sh, and keeps what was sent.

    :param answers: by command: a text, an error to raise, or a list of them
        of which the last one stays
    """

    def __init__(self, **answers):
        self.sent = []
        self.answers = {
            'place': f'directory {DIRECTORY}\n',
            'start': START + f'header {HEADER}\n',
            'state': state(log=None),
            'read': state(),
            'stop': state(),
        }
        self.answers.update(answers)

    def exec_command(self, command):
        self.sent.append(command)
        words = shlex.split(command)
        if words[0] != 'sh':
            return ''
        answer = self.answers[words[4]]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer + 'complete\n'

    def words(self, command):
        """What followed the name of a command, of each time it was sent."""
        split = [shlex.split(sent) for sent in self.sent]
        return [
            words[5:]
            for words in split
            if words[0] == 'sh' and words[4] == command
        ]
