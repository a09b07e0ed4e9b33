"""Builds the vector index of a store anew from its rows; with --encoder, encodes all keys again.

python scripts/rebuild_index.py --store index/default
python scripts/rebuild_index.py --store index/default --encoder minilm --json
"""

import argparse
import json
import sys
import time

from kedit_memory.errors import KeditError
from kedit_memory.memory.memory import EditMemory


def main() -> int:
    """Rebuilds, checks, and says what was done; 0 when all is well, 1 when a check failed, 2 on bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="index/default", help="the folder of the store")
    parser.add_argument("--encoder", help="a name; leave it out to keep the vectors")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    start = time.perf_counter()
    try:
        with EditMemory.open(options.store, create=False) as memory:
            keys = memory.rebuild(options.encoder)
            found = memory.verify()
            encoder = memory.stats().encoder
    except KeditError as error:
        print(error, file=sys.stderr)
        return 2
    report = {
        "store": options.store, "keys": keys, "encoder": encoder, "problems": list(found.problems),
        "seconds": round(time.perf_counter() - start, 3),
    }  # fmt: skip
    if options.json:
        print(json.dumps(report))
    else:
        print(f"{keys} keys of {options.store} indexed, encoder {encoder}, in {report['seconds']} s")
        for problem in found.problems:
            print(problem)
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
