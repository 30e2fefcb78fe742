"""A runner of one's own, on nothing but the archive and Python: `python own_runner.py vectors.zip PROGRAM …`."""

import hashlib
import json
import subprocess
import sys
import zipfile
from typing import Any

Json = Any


class Program:
    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0
        hello = self.ask(op="hello", protocol=1)["ok"]
        self.offers = {*hello["roles"], *hello["profiles"], *hello["features"]}

    def ask(self, **request: object) -> dict[str, Json]:
        self.number += 1
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"id": self.number, **request}).encode() + b"\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


def filled(value: Json, given: dict[str, Json]) -> Json:
    if isinstance(value, list):
        return [filled(item, given) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, given) for name, item in value.items()}
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, field, *index = value[1:].split(".")
    return given[name][field][int(index[0])] if index else given[name][field]


def play(program: Program, vector: dict[str, Json]) -> bool:
    given: dict[str, Json] = {}

    def ask(name: str, step: dict[str, Json]) -> dict[str, Json]:
        entropy = hashlib.sha256(bytes.fromhex(vector["entropy"]) + name.encode()).hexdigest()
        args, now = filled(step["args"], given), step.get("now", vector["now"])
        return program.ask(op=step["op"], now=now, entropy=entropy, args=args)

    for step in (*vector["steps"], *vector.get("probe", [])):
        answer, expect = ask(step["name"], step), vector["expect"]
        refused = "error" in answer and answer["error"]["class"] == expect.get("class")
        if step["name"] == expect["phase"] and refused and expect["verdict"] != "accept":
            continue
        if step["name"] == expect["phase"] and expect["verdict"] == "reject":
            return False
        given[step["name"]] = answer.get("ok", {})
        wanted = step.get("result", {}) | (step.get("drawn", {}) if "derandomized" in program.offers else {})
        if "ok" not in answer or any(answer["ok"].get(k) != filled(v, given) for k, v in wanted.items()):
            return False
    if "post" in vector and "projection" in program.offers:
        state = json.dumps(ask("post", vector["post"]).get("ok"), sort_keys=True, separators=(",", ":"))
        return bool(hashlib.sha256(state.encode()).hexdigest() == vector["post"]["commitment"])
    return True


def main(archive: str, command: list[str]) -> int:
    whole, program, passed, failed = zipfile.ZipFile(archive), Program(command), set[str](), 0
    needs = {name: set(o["needs"]) for name, o in json.loads(whole.read("operations.json")).items()}
    vectors = [json.loads(whole.read(n)) for n in whole.namelist() if n.startswith("vectors/")]
    for vector in sorted(vectors, key=lambda v: "twin" in v):
        if set().union(*(needs[s["op"]] for s in (*vector["steps"], *vector.get("probe", [])))) <= program.offers:
            good = play(program, vector) and vector.get("twin", vector["id"]) in {*passed, vector["id"]}
            passed |= {vector["id"]} if good else set()
            failed += 0 if good else print("failed", vector["id"]) or 1
    print(f"{len(passed)} passed, {failed} failed, {len(vectors) - len(passed) - failed} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
