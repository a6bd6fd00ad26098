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
"""One probe of a service: when it was sent, and what became of it."""

import collections.abc
import contextlib
import time

from migration_tempest_plugin import measurement


class Unsent(Exception):
    """This machine could not send it: that says nothing of the service."""


class Attempt:
    """A probe that is under way.

    :param deadline: seconds within which it must be answered
    :param begin: called right before it is sent: the moment, in seconds
    :ivar start: when it was sent, in seconds; None as long as it is not
    :ivar slack: by how many seconds later that may have been
    :ivar later: by how many seconds later it may be sent by the kernel
    :ivar stage: what there is not yet, for people
    """

    def __init__(
        self,
        deadline: float,
        begin: collections.abc.Callable[[], float] = time.monotonic,
    ) -> None:
        self.deadline = deadline
        self._begin = begin
        self.start: float | None = None
        self.slack = 0.0
        self.later = 0.0
        self.stage = 'no answer'

    @contextlib.contextmanager
    def sending(self) -> collections.abc.Iterator[None]:
        """Wraps the call that sends it.

        :raises Unsent: if that fails, other than by a refusal
        """
        self.start = self._begin()
        try:
            yield
        except ConnectionRefusedError:
            raise  # of this machine itself, which is as quick as that
        except OSError as error:
            raise Unsent(error.strerror or str(error)) from error
        finally:
            self.slack = time.monotonic() - self.start

    def remaining(self) -> float:
        """Seconds until its deadline.

        :raises TimeoutError: if there are none
        """
        if self.start is None:
            return self.deadline
        left = self.start + self.slack + self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def sample(self, why: str) -> measurement.Sample:
        """The Sample of it, now that it is known what became of it.

        :param why: why it failed, or ''
        :raises Unsent: if it was not sent
        """
        if self.start is None:
            raise Unsent(why)
        end = time.monotonic()
        late = not why and end - self.start - self.slack > self.deadline
        if why or late:
            slack = self.slack + self.later
        else:
            # Of one that the kernel sent, only its answer is known.
            slack = end - self.start if self.later else 0.0
        return measurement.Sample(
            self.start,
            end,
            not why and not late,
            late=late,
            slack=slack,
            why='answered after the deadline' if late else why,
        )
