"""Profiles as a file: written by `provision`, kept and edited by people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asyncmcp_nb.config import HOME_VARIABLE, Deployment
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.profiles import load_profile, profile_file, read_profiles, save_profile

STAGING = Deployment(
    name="staging",
    region="eu-west-1",
    request_topic_arn="arn:aws:sns:eu-west-1:123456789012:staging-requests",
    response_topic_arn="arn:aws:sns:eu-west-1:123456789012:staging-responses",
    server_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/staging-server",
    dead_letter_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/staging-server-dlq",
    allowed_reply_topics=("arn:aws:sns:eu-west-1:123456789012:audit",),
)
OTHER = replace(STAGING, name="other", allowed_reply_topics=())


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "not-made-yet"))


def test_a_saved_profile_loads_as_the_deployment_it_was() -> None:
    assert save_profile(STAGING)

    assert load_profile("staging") == STAGING


def test_saving_what_is_there_changes_nothing() -> None:
    save_profile(STAGING)
    before = profile_file().stat()

    assert not save_profile(STAGING)
    assert profile_file().stat().st_mtime_ns == before.st_mtime_ns


def test_no_profile_is_called_as_the_embedded_broker_is() -> None:
    with pytest.raises(ConfigError, match="'local' names the embedded broker"):
        save_profile(replace(STAGING, name="local"))

    assert not profile_file().exists()


def test_a_profile_is_added_below_the_others() -> None:
    save_profile(STAGING)
    save_profile(OTHER)

    assert [*read_profiles()] == ["staging", "other"]
    assert (load_profile("staging"), load_profile("other")) == (STAGING, OTHER)


@pytest.mark.parametrize("header", ["[staging]", '["staging"]', "[staging]  # ours"])
def test_a_changed_profile_is_replaced_where_it_stands_and_comments_stay(header: str) -> None:
    profile_file().parent.mkdir()
    profile_file().write_text(
        "# what we use\n\n"
        f'{header}\nregion = "old"\nallowed_reply_topics = [\n  "x",\n]\n\n'
        f"# of the other team\n[other]\n{OTHER.to_toml()}"
    )

    assert save_profile(STAGING)

    text = profile_file().read_text()
    assert text.startswith("# what we use\n\n[staging]\n")
    assert "\n\n# of the other team\n[other]\n" in text
    assert "old" not in text
    assert (load_profile("staging"), load_profile("other")) == (STAGING, OTHER)


def test_a_file_that_is_not_toml_is_left_alone() -> None:
    profile_file().parent.mkdir()
    profile_file().write_text("not [ toml")

    with pytest.raises(ConfigError, match=r"profiles\.toml"):
        save_profile(STAGING)

    assert profile_file().read_text() == "not [ toml"


def test_a_profile_that_cannot_be_written_is_told_with_the_next_step() -> None:
    profile_file().parent.mkdir()
    profile_file().symlink_to("no-such-folder/profiles.toml")

    with pytest.raises(ConfigError, match=r"staging cannot be written to .*No such file.*_HOME"):
        save_profile(STAGING)


def test_profiles_that_cannot_be_read_are_told() -> None:
    profile_file().mkdir(parents=True)

    with pytest.raises(ConfigError, match=r"profiles\.toml cannot be read: Is a directory"):
        load_profile("staging")
