"""`python -m rlm_graph.repl.confine`: which layers a zygote finds on this machine, as JSON."""

from __future__ import annotations

import json

from rlm_graph.repl.confine.confinement import all_layers, trial

if __name__ == "__main__":
    print(json.dumps(trial(all_layers())))
