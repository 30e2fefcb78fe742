"""A start that a directory attests: a link of a name is taken if it carries the identity of the name's entry."""

import json
from pathlib import Path

import pytest
from tests.client.directory_town import Town, town
from tests.client.test_commands import conversation, refusal, rm, run
from tests.patience import eventually

from communicator_impl.document import base64url

NAME = "ann@school"


def named(play: Town, store: Path) -> None:
    """Give a person a store, and a name at the directory."""
    rm(store, "init", "--service", play.post.uri)
    key = base64url(play.name(store.name))
    rm(store, "register", store.name, "--directory", play.directory.uri, "--key", key)


def asking(play: Town, store: Path) -> None:
    """Give a person a store, and tokens for queries."""
    rm(store, "init", "--service", play.post.uri)
    rm(store, "account", play.issuer.uri, "--key", base64url(play.account()))


@pytest.mark.slow
def test_a_link_is_taken_if_the_directory_attests_whose_it_is(tmp_path: Path) -> None:  # DIR-6, DIR-14, DIR-3
    ann, mallory, ben = tmp_path / NAME, tmp_path / "mallory", tmp_path / "ben"
    with town(tmp_path, mode="attesting") as play:
        named(play, ann)
        named(play, mallory)
        asking(play, ben)
        at = ("--directory", play.directory.uri)
        assert "a link of that name" in refusal(ben, "find", NAME, *at)
        assert "registered nowhere" in refusal(ann, "invite", "Ben", "--as", "mallory")
        for forged in (rm(mallory, "invite", "--as", "mallory"), rm(mallory, "invite"), rm(ann, "invite", "Cat")):
            found = run(ben, "accept", forged.strip(), "--of", NAME, *at)
            assert found.exit_code == 1
            assert "not one of ann@school" in found.output
        assert json.loads(rm(ben, "people", "--json")) == []
        link = rm(ann, "invite", "Ben", "--as", NAME).strip()
        assert rm(ben, "accept", link, "--of", NAME, *at).startswith(f"{NAME} is relationship 0")
        assert "no reply yet" in rm(ben, "people")
        rm(ben, "say", NAME, "we met on Monday")
        assert eventually(lambda: conversation(ann, "Ben")) == ["we met on Monday"]
        assert eventually(lambda: rm(ben, "sync") and "together" in rm(ben, "people"))
        assert f"{NAME} at {play.directory.uri}" in rm(ben, "people")
        link = rm(ann, "invite", "Ben", "--as", NAME).strip()
        rm(ann, "register", NAME, *at, "--replace")  # what was given out before is no link of the name any more
        found = run(ben, "accept", link, "--of", NAME, *at)
        assert (found.exit_code, "not one of ann@school" in found.output) == (1, True)
