"""`python -m communicator_reports.site OUT`: write the documentation site of this checkout (`make docs`)."""

import sys
from pathlib import Path

from communicator_reports.site import SiteError, build

ROOT = Path(__file__).parents[3]


def main(arguments: list[str]) -> int:
    """Write the site; return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m communicator_reports.site OUT", file=sys.stderr)
        return 2
    try:
        written = build(ROOT, Path(arguments[0]))
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{Path(arguments[0]) / 'index.html'}: {sum(path.suffix == '.html' for path in written)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
