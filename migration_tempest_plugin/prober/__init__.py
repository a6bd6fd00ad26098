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
"""The process that sends ICMP echoes, and writes down what came back.

It is a process of its own, so that a busy test does not disturb it, and needs
nothing but Python's standard library, so that it starts quickly. It reads
lines of JSON from its standard input::

    {"add": ID, "address": ADDRESS, "interval": NS, "deadline": NS}
    {"remove": ID}

where ADDRESS is what getaddrinfo(3) gives, and writes lines of text to its
standard output. All times are nanoseconds of CLOCK_MONOTONIC::

    added ID METHOD...           it is being probed, by this kind of socket
    refused ID KIND TEXT...      it is not; KIND is "permission" or "route"
    ok ID START END              a probe sent at START was answered at END
    failed ID START SLACK        it was not, within the deadline; it may have
                                 been sent later, by up to SLACK
    late ID START END            a failed one was answered after all
    unknown ID START             whether it was answered in time can't be said
    unsent ID TIME TEXT...       a probe could not be sent from here
    mark TIME CPU                all that was sent before TIME is written;
                                 CPU nanoseconds were used up to now

It ends when its standard input does, and when its parent is gone.
"""
