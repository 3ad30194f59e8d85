"""`python -m bench NAME [--json] [--quick]`, inside the prepared environment."""

import argparse

from bench.runner import ROOT, measure
from cli.bench import add_arguments, available

# Processes that a benchmark spawns import this module again.
if __name__ == '__main__':
    parser = argparse.ArgumentParser(prog='python -m bench', description='Run one benchmark.')
    add_arguments(parser)
    options = parser.parse_args()
    names = available(ROOT / 'bench')
    if options.name not in names:
        parser.error(f'choose one of: {", ".join(names) or "none yet"}')
    measure(options.name, options.quick, options.json)
