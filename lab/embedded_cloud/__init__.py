"""A real OpenStack of one controller and two computes on one machine.

Nothing here needs more than the standard library of Python: it has to run
before anything else is installed.
"""
