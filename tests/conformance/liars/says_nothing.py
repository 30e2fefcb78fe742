"""Ends before it has said hello."""

import sys

print("no such option", file=sys.stderr)
sys.exit(2)
