"""A small streaming service that shows its live tree. The program is gotask/demo.py; `gotask demo` runs it too."""

import sys

from gotask.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
