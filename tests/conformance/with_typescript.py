"""What needs the testee in TypeScript: `python -m tests.conformance.with_typescript [--mutants [NAME …]]`.

`make typescript` calls it without an option:

1. every vector passes;
2. it and the reference play every script together, in both directions, as
   `communicator conform matrix reference 'typescript=node conformance/testees/typescript/dist/testee.js'` does.

With `--mutants` each place of `typescript_mutants.toml` is changed in a copy of its source, and the unchanged suite has
to fail each copy; the sound program passes the same tests first.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from communicator_conformance import run
from communicator_conformance.scripts import between, published_scripts, scripts_of
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import published
from communicator_conformance.verdicts import Status

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "conformance" / "testees" / "typescript"
MUTANTS = HERE / "typescript_mutants.toml"


def command(folder: Path = FOLDER) -> list[str]:
    """Return how a built testee is started. `SystemExit` without Node, or if it is not built."""
    node, program = shutil.which("node"), folder / "dist" / "testee.js"
    if node is None or not program.is_file():
        sys.exit("Node or the built testee is missing: `make typescript` builds it")
    return [node, str(program)]


def passes_every_vector() -> bool:
    """Print how many vectors pass; tell whether that is all."""
    vectors = set(published())
    areas = "[" + "".join(sorted({name[0] for name in vectors})) + "]*/*"
    verdict = run(command(), select=areas)
    passed = {result.id for result in verdict.results if result.status is Status.PASSED}
    print(f"vectors: {len(vectors & passed)} of {len(vectors)} pass")
    for name in sorted(vectors - passed):
        print(f"  {name}")
    return vectors <= passed


def plays_with_the_reference() -> bool:
    """Print how many scripts the two play together, in both directions; tell whether that is all."""
    scripts = published_scripts()
    every = frozenset(test for name, script in scripts.items() for test, _ in scripts_of(script, name))
    programs = {"reference": ["reference"], "typescript": command()}
    whole = True
    for first, second in (("reference", "typescript"), ("typescript", "reference")):
        with Testee(programs[first]) as one, Testee(programs[second]) as other:
            results = list(between(one, other, scripts, every, both=True))
        failed = [result for result in results if result.status is not Status.PASSED]
        print(f"scripts, {first} and {second}: {len(results) - len(failed)} of {len(every)} pass")
        for result in failed:
            print(f"  {result.id}: {result.detail}")
        whole = whole and len(results) == len(every) and not failed
    return whole


def mutant_is_killed(mutant: dict[str, str]) -> bool:
    """Build a copy with one place changed, play its tests, print who noticed; tell whether anybody did."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(FOLDER / "src", folder / "src")
        for name in ("package.json", "tsconfig.json"):
            shutil.copy(FOLDER / name, folder)
        os.symlink(FOLDER / "node_modules", folder / "node_modules")
        place = folder / "src" / mutant["file"]
        text = place.read_text(encoding="utf-8")
        if text.count(mutant["was"]) != 1:
            sys.exit(f"{mutant['name']}: {mutant['file']} does not have once: {mutant['was']}")
        place.write_text(text.replace(mutant["was"], mutant["now"]), encoding="utf-8")
        subprocess.run(["node", "node_modules/typescript/bin/tsc", "--noCheck", "-p", "."], cwd=folder, check=True)
        verdict = run(command(folder), select=mutant["select"])
    killers = [result for result in verdict.results if result.status is Status.FAILED]
    shown = f"{killers[0].id} ({killers[0].fault})" if killers else "SURVIVES"
    print(f"{mutant['name']}  {mutant['clause']}  {shown}, {len(killers)} of {len(verdict.results)} tests notice")
    return bool(killers)


def mutants_are_killed(names: list[str]) -> bool:
    """Play the mutants of these names, or all, after the sound program; tell whether it passes and each is noticed."""
    listed = tomllib.loads(MUTANTS.read_text(encoding="utf-8"))["mutant"]
    mutants = [mutant for mutant in listed if not names or mutant["name"] in names]
    sound = all(run(command(), select=select).ok for select in sorted({mutant["select"] for mutant in mutants}))
    print(f"the sound program {'passes' if sound else 'FAILS'} the same tests")
    killed = [mutant_is_killed(mutant) for mutant in mutants]
    print(f"{sum(killed)} of {len(killed)} mutants killed")
    return sound and all(killed)


def main() -> None:
    """Exit 1 if something is not as it must be."""
    if sys.argv[1:2] == ["--mutants"]:
        sys.exit(not mutants_are_killed(sys.argv[2:]))
    vectors, scripts = passes_every_vector(), plays_with_the_reference()
    sys.exit(not (vectors and scripts))


if __name__ == "__main__":
    main()
