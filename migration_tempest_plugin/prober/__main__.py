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
"""Starts the prober: python -m migration_tempest_plugin.prober [BUFFER]."""

import contextlib
import gc
import os
import signal
import sys

from migration_tempest_plugin.prober import echo
from migration_tempest_plugin.prober import loop

# Ctrl-C is for the parent, which ends this process in its own time.
signal.signal(signal.SIGINT, signal.SIG_IGN)
# It does little, but that in time, on a machine that may be busy: it goes
# before all that is not of real time. To be nicer than others would not do:
# with autogroups (sched(7)) that counts within a session alone.
with contextlib.suppress(OSError):
    os.sched_setscheduler(
        0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
    )
# Nothing here makes cycles, and a collection takes milliseconds.
gc.disable()
try:
    loop.Loop(0, 1, int((sys.argv + [str(echo.BUFFER)])[1])).run()
except BrokenPipeError:
    pass  # the parent is gone
