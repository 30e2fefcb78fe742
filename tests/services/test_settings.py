"""Settings: where they come from, and that what makes no sense stops the start with a line that helps."""

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S, eventually
from tests.services.ports import free_port
from tests.services.running import COMMAND, Service
from typer.testing import CliRunner

from communicator_impl.services.settings import Settings, SettingsError
from communicator_reports.cli import app
from communicator_simulations.chaos.certificate import certificate_for

FILE = """
[service]
uri = "https://post.example"
operator = "Post"
[sending]
delay_mean_s = [0, 30]
"""


def test_environment_goes_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(FILE)
    environment = {"COMMUNICATOR_SERVICE_OPERATOR": "Other Post", "COMMUNICATOR_SERVICE_LISTEN_PORT": "9000"}
    found = Settings.read(path, {**environment, "COMMUNICATOR_DATA": "/data"}, {"service": {"listen_port": 9001}})
    assert (found.service.uri, found.service.operator, found.service.listen_port) == (
        "https://post.example",
        "Other Post",
        9001,
    )
    assert found.sending.delay_mean_s == (0, 30)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[service]\nname = 1", "name"),
        ("[service]\nuri = 'https://post.example/'", "service.uri"),
        ("[service]\nlisten_host = '0.0.0.0'", "tls_certificate"),
        ("[service]\nrun = 'nothing'", "none of receiving, sending, directory, authorization, both, all"),
        ("[service]\nrun = ''", "name one of receiving"),
        ("[service]\nlisten_port = 'x'", "service.listen_port: expected"),
        ("[service]\nlisten_port = 70000", "service.listen_port: a port"),
        ("[service]\naddress_per_s = 0", "service.address_per_s"),
        ("[servces]\nrun = 'all'", "known are service, database"),
        ("[directory]\nnamespace = ''", "directory.namespace"),
        ("[authorization.allowances]\nbread = 1", "'bread' is none of"),
        ("[receiving.tokens]\nregister = ['http://127.0.0.1:8420']", "run authorization here too"),
        ("[sending]\ndelay_mean_s = [60]", "delay_mean_s"),
        ("[sending]\ndelay_mean_s = [0, 99999]", "at most 3600"),
        ("[receiving]\nprofiles = [2]", "two-layer/1"),
        ("[receiving]\nrotate_s = 60", "rotate_s"),
        ("[receiving.tokens]\nsubmit = []", "submit"),
        ("[receiving.tokens]\nregister = ['x']", "not an origin"),
        ("[service", "not TOML"),
        ("service = 1", "[service]"),
    ],
)
def test_what_makes_no_sense_is_one_line_that_helps(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        Settings.read(path, {"COMMUNICATOR_SERVICE_OPERATOR": "x"})
    assert says in str(error.value)
    assert "\n" not in str(error.value).strip() or text == "[service"


@pytest.mark.parametrize(
    ("given", "uri", "port"),
    [
        ({}, "http://127.0.0.1:8420", 8420),
        ({"listen_port": 9000}, "http://127.0.0.1:9000", 9000),
        ({"uri": "http://127.0.0.1:9001"}, "http://127.0.0.1:9001", 9001),
        ({"uri": "https://post.example"}, "https://post.example", 8420),
        ({"listen_host": "::1"}, "http://[::1]:8420", 8420),
    ],
)
def test_origin_and_port_follow_from_each_other(given: dict[str, object], uri: str, port: int) -> None:
    found = Settings.read(None, {}, {"service": given})
    assert (found.service.uri, found.service.listen_port) == (uri, port)


def test_help_names_every_option() -> None:
    answer = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert answer.exit_code == 0
    for word in (
        "receiving",
        "all",
        "communicator serve all",
        "--settings",
        "--database",
        "--port",
        "--operations-port",
    ):
        assert word in answer.output


def test_a_file_is_served_by_one_process(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/shared.sqlite3"
    with Service(tmp_path, "receiving", database=database) as first:
        second = Service(tmp_path, "receiving", database=database)
        with pytest.raises(AssertionError, match="another process serves"):
            second.start()
        first.kill()
        with Service(tmp_path, "receiving", database=database) as third:
            assert third.stop() == 0


def test_outside_tls_1_3_there_is_no_answer(tmp_path: Path) -> None:  # SVC-2
    made, port = certificate_for("127.0.0.1", tmp_path), free_port()
    settings = tmp_path / "settings.toml"
    keys = f"tls_certificate = '{made.certificate}'\ntls_key = '{made.key}'\n"
    settings.write_text(f"[service]\nuri = 'https://127.0.0.1:{port}'\nlisten_port = {port}\n{keys}")
    process = subprocess.Popen((*COMMAND, "all", "--settings", str(settings)), cwd=tmp_path, stderr=sys.stderr)
    try:
        context = made.trusted()
        assert _version(port, context, within_s=2 * PATIENCE_S) == "TLSv1.3"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert _version(port, context, within_s=0) is None
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP")
    finally:
        process.terminate()
        process.wait()


def _version(port: int, context: ssl.SSLContext, within_s: float) -> str | None:
    def ask() -> str | None:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
            ):
                return wrapped.version()
        except OSError:
            return None

    return eventually(ask, within_s=within_s)


def test_the_guide_lists_every_setting() -> None:
    guide = (Path(__file__).parents[2] / "docs/services.md").read_text()
    table = guide[guide.index("## All settings") : guide.index("Without `tokens`")]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `") or line.startswith("| |")]
    section, listed = "", set[tuple[str, str]]()
    for first, names in rows:
        section = first.strip(" `") or section
        listed |= {(section, name.strip(" `")) for name in names.split(",")}
    chosen = Settings()
    known = {(name, key) for name in chosen.__struct_fields__ for key in getattr(chosen, name).__struct_fields__}
    assert listed == known
