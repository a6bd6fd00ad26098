"""``python3 -m embedded_cloud COMMAND``: what lab/run and the others call."""

import sys

from embedded_cloud import cli

sys.exit(cli.main(sys.argv[1:]))
