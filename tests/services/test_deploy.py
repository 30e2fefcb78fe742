"""The examples for operators say what the program takes: its own readers read each command, setting and port.

Nothing here runs a container or systemd; the balancer's configuration is run as it is, with TLS on both sides.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jsonschema
import pytest
import typer
import yaml
from tests.patience import PATIENCE_S, eventually
from tests.services import balancer
from tests.services.asking import Person
from tests.services.balancer import DOCUMENT, fronts_for
from tests.services.four import metrics
from tests.services.postgres import postgres
from tests.services.running import Service

from communicator_impl.services.settings import Settings
from communicator_reports.cli import app
from communicator_simulations.chaos.certificate import certificate_for

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "communicator-ROLE@.service"
SCHEMA = Path(__file__).parent / "data" / "compose-spec.json"
ROLES = ("receiving", "sending", "directory", "authorization")
PORT = "8441"
PREFIX = "COMMUNICATOR_"
Pair = tuple[Service, Service]


class Asked(NamedTuple):
    """A command line of `communicator serve`, as its own parser reads it."""

    path: str
    flags: dict[str, dict[str, object]]

    @property
    def run(self) -> object:
        return self.flags["service"]["run"]


def asked(words: Sequence[str]) -> Asked:
    """Read a command line."""
    command = typer.main.get_command(app)
    context = command.make_context("communicator", list(words))
    name, serve, rest = command.resolve_command(context, list(words))  # type: ignore[attr-defined]
    assert name == "serve"
    read = serve.make_context(name, rest, parent=context).params
    named = {"listen_port": read["port"], "operations_port": read["operations_port"], "run": " ".join(read["services"])}
    service = {name: value for name, value in named.items() if value is not None}
    return Asked(str(read["settings"]), {"service": service})


def settings_of(found: Asked, at: Mapping[str, Path], environment: Mapping[str, str]) -> Settings:
    """Read settings as the program does; `at`: where the files are. A variable that no section has is a mistake."""
    known = {name.removeprefix(PREFIX).lower().partition("_")[0] for name in environment if name.startswith(PREFIX)}
    assert known <= set(Settings.__struct_fields__)
    return Settings.read(at[found.path], environment, found.flags)


# -------------------------------------------------------------------- compose


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_compose_file_is_one(compose: dict[str, Any]) -> None:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(compose)] == []
    wrong = {**compose, "services": {**compose["services"], "receiving-1": {"imag": "communicator"}}}
    assert list(validator.iter_errors(wrong)), "the schema tells"


def mounted(service: Mapping[str, Any]) -> dict[str, Path]:
    """Return where the files are that a service sees elsewhere."""
    pairs = [text.split(":")[:2] for text in service.get("volumes", ())]
    return {inside: DEPLOY / outside for outside, inside in pairs if outside.startswith("./")}


@pytest.mark.parametrize("role", ROLES)
def test_the_instances_of_a_service_are_alike_and_serve_it(compose: dict[str, Any], role: str) -> None:
    services = compose["services"]
    first, second = services[f"{role}-1"], services[f"{role}-2"]
    assert first == second
    found = asked(first["command"])
    settings = settings_of(found, mounted(first), first["environment"])
    assert (found.run, settings.service.uri) == (role, f"https://{role}.example.org")
    assert settings.service.listen_host == "0.0.0.0"
    assert settings.database.url.rpartition("/")[2] in (DEPLOY / "databases.sql").read_text()
    assert f"127.0.0.1:{settings.service.operations_port}/health/ready" in first["healthcheck"]["test"][-1]
    for secret in first["secrets"]:
        assert secret in compose["secrets"]
        assert f"/run/secrets/{secret}" in first["environment"].values()


@pytest.mark.parametrize("role", ROLES)
def test_the_balancer_of_a_service_finds_its_instances(compose: dict[str, Any], role: str) -> None:
    services, front = compose["services"], compose["services"][role]
    instance = services[f"{role}-1"]
    settings = settings_of(asked(instance["command"]), mounted(instance), instance["environment"])
    chosen = front["environment"]
    for number in (1, 2):
        assert chosen[f"INSTANCE_{number}"] == f"{role}-{number}:{settings.service.listen_port}"
    assert settings.service.uri == f"https://{chosen['ORIGIN_HOST']}"
    assert [port.partition(":")[2] for port in front["ports"]] == [chosen["BIND"].removeprefix(":")]
    named = set(re.findall(r'"\$\{(\w+)\}"', (DEPLOY / "haproxy.cfg").read_text()))
    assert named == set(chosen)
    published = [port for name in ROLES for port in services[name]["ports"]]
    assert len(set(published)) == len(ROLES)


def test_every_file_that_is_named_is_there_or_is_the_operators(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for path in mounted(service).values():
            assert path.is_file(), path
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    for source in (word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]):
        assert source.startswith(("--from", "/opt")) or (DEPLOY.parent / source).exists(), source
    (entry,) = (line for line in lines if line.startswith("ENTRYPOINT"))
    (command,) = (line for line in lines if line.startswith("CMD"))
    assert Path(json.loads(entry.removeprefix("ENTRYPOINT"))[0]).name == "communicator"
    assert asked(json.loads(command.removeprefix("CMD"))).run == "both"


# -------------------------------------------------------------------- systemd


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        name, is_set, value = line.partition("=")
        if is_set and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def specified(text: str, role: str) -> str:
    """Replace what systemd replaces."""
    return text.replace("%j", role).replace("%i", PORT).replace("%d", "/run/credentials/unit")


@pytest.mark.parametrize("role", ROLES)
def test_the_unit_of_a_service_serves_it(role: str) -> None:
    found = unit()
    (command,), (after,) = found["ExecStart"], found["ExecStartPost"]
    program, *words = shlex.split(specified(command, role))
    credentials = {name: Path(place) for name, _, place in (text.partition(":") for text in found["LoadCredential"])}
    at = {
        "${CREDENTIALS_DIRECTORY}/settings.toml": DEPLOY
        / "settings"
        / specified(credentials["settings.toml"].name, role)
    }
    environment = dict(specified(text, role).split("=", 1) for text in found["Environment"])
    read = asked(words)
    settings = settings_of(read, at, environment)
    assert Path(program).name == "communicator"
    assert (read.run, settings.service.uri) == (role, f"https://{role}.example.org")
    assert (settings.service.listen_port, settings.service.operations_port) == (int(PORT), int("1" + PORT))
    assert f"http://127.0.0.1:{settings.service.operations_port}/health/ready" in specified(after, role)
    for secret in (settings.service.tls_certificate, settings.service.tls_key):
        assert Path(secret).name in credentials
    assert settings.database.url.endswith(f"@/{role}?host=/run/postgresql")


@pytest.mark.parametrize("role", ROLES)
def test_systemd_reads_the_unit(role: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze is not None, "these tests need systemd-analyze: apt-get install systemd"
    text = UNIT.read_text()
    for program in ("/opt/communicator/.venv/bin/communicator", "/usr/bin/curl"):
        assert program in text
        text = text.replace(program, sys.executable)  # what is verified is the unit, not this machine
    path = tmp_path / f"communicator-{role}@.service"
    path.write_text(text)
    verified = tmp_path / f"communicator-{role}@{PORT}.service"
    found = subprocess.run((analyze, "verify", "--man=no", str(verified)), capture_output=True, text=True, check=False)
    complaints = [line for line in found.stderr.splitlines() if path.name.removesuffix(".service") in line]
    assert complaints == []
    path.write_text(text.replace("Restart=always", "Restart=perhaps"))
    found = subprocess.run((analyze, "verify", "--man=no", str(verified)), capture_output=True, text=True, check=False)
    assert "restart specifier" in found.stderr, "systemd tells"


# -------------------------------------------------------------------- the balancer, as it is


@pytest.fixture
def front(tmp_path: Path) -> Iterator[tuple[httpx.Client, Pair]]:
    """Two instances with certificates behind the example configuration, and a client that trusts it."""
    made, (port,) = certificate_for("127.0.0.1", tmp_path), fronts_for(1)
    (tmp_path / "both.pem").write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
    path, uri = tmp_path / "haproxy.cfg", f"https://127.0.0.1:{port}"
    path.write_bytes((DEPLOY / "haproxy.cfg").read_bytes())
    tls = {f"{PREFIX}SERVICE_TLS_CERTIFICATE": str(made.certificate), f"{PREFIX}SERVICE_TLS_KEY": str(made.key)}
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        first, second = (Service(tmp_path, "directory", database=url, uri=uri, settings=tls) for _ in range(2))
        for one in (first, second):
            stack.enter_context(one)
        chosen = {f"INSTANCE_{n}": f"127.0.0.1:{one.port}" for n, one in enumerate((first, second), 1)}
        chosen |= {"BIND": f"127.0.0.1:{port}", "CERTIFICATE": str(tmp_path / "both.pem")}
        chosen |= {
            "TRUSTED": str(made.certificate),
            "ORIGIN_HOST": "localhost",
        }  # a name: it looks for no address in a certificate
        stack.enter_context(balancer.run(path, chosen))
        client = stack.enter_context(httpx.Client(base_url=uri, verify=made.trusted(), timeout=120))
        balancer.answers(client)
        yield client, (first, second)


def test_the_balancer_speaks_tls_to_both_sides(front: tuple[httpx.Client, Pair]) -> None:  # SVC-2
    client, instances = front
    registered, answers = 0, 'communicator_requests_total{endpoint="register",status="200"}'

    def register() -> list[float]:
        nonlocal registered
        registered += 1
        assert Person(instances[0], f"person {registered}").register(client).head.size == registered
        return [metrics(one).get(answers, 0) for one in instances]

    served = eventually(register, lambda counts: min(counts) >= 3)  # an instance may be found a little later
    assert min(served) >= 3
    assert sum(served) == registered
    instances[0].kill()
    assert Person(instances[1], "one more").register(client).head.size == registered + 1
    plain = str(client.base_url).replace("https", "http")
    with pytest.raises(httpx.TransportError):
        httpx.get(plain + DOCUMENT, timeout=PATIENCE_S)
