"""Write all vectors into a folder and remove those of its areas that no case makes any more."""

import sys
from pathlib import Path

from communicator_impl.vectors import files


def main(folder: Path) -> None:
    """Make the folder hold exactly the vectors of today."""
    made = files()
    for area in {name.split("/")[0] for name in made}:
        (folder / area).mkdir(parents=True, exist_ok=True)
        for stale in {f"{area}/{path.name}" for path in (folder / area).glob("*.json")} - made.keys():
            (folder / stale).unlink()
    for name, data in made.items():
        (folder / name).write_bytes(data)
    negatives = sum(b'"twin"' in data for data in made.values())
    print(f"{len(made)} vectors, {negatives} of them negative")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m communicator_impl.vectors FOLDER")
    main(Path(sys.argv[1]))
