"""Set editing methods side by side, as `kedit compare` does: the same options, the same files.

python scripts/compare_editors.py --methods rome,memit,memory:context --edits 1,10 --output build/compare
"""

import sys

from kedit_memory.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["compare"]
    main()
