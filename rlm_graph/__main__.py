"""`python -m rlm_graph`: the command line."""

from __future__ import annotations

import sys

from rlm_graph.cli import main

sys.exit(main())
