"""python -m extender is `trimtab extender`."""

import sys

from extender.cli import main

if __name__ == "__main__":
    main(["extender", *sys.argv[1:]])
