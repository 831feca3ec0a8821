"""A value in `.env` is used unchanged, or an error names its setting. An existing SECRET_KEY is never replaced."""

import os
import shutil
import stat
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from portal.env_file import Assignment, EnvFileError, add_secret_key, assignments, read
from portal.environment import keys
from tests.support.environment import read_settings
from tests.support.project import PROJECT

KEY = "k3y" * 17
SECRET = "hunter2-Passw0rd"

AS_WRITTEN = [
    "$ecret",
    "$$a$b",
    "${HOME}",
    r"\$x",
    "a#b",
    "a#",
    "a'b\"c",
    "ends with'",
    r"back\slash\n",
    "two words",
    "a=b==",
    "100%25%",
    "a@b/c:d?e&f",
    "é–ü🔑",
    "x\u2028y",
]


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize("value", AS_WRITTEN)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_value_is_used_as_it_is_written(env_file: Path, value: str, quote: str) -> None:
    written = value
    if quote == '"':
        written = value.replace("\\", "\\\\").replace('"', '\\"')
    elif quote and quote in value:
        pytest.skip("written between the other quotes")
    env_file.write_text(f"BEFORE=1\nSECRET_KEY={quote}{written}{quote}\nAFTER=2\n", encoding="utf-8")
    assert read(env_file) == {"BEFORE": "1", "SECRET_KEY": value, "AFTER": "2"}


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfSECRET_KEY=" + KEY.encode(),
        b"\xef\xbb\xbf\xef\xbb\xbfSECRET_KEY=" + KEY.encode(),
        b"SECRET_KEY=" + KEY.encode() + b"\r\n",
        b"A=1\r\n\r\n# note\r\nSECRET_KEY=" + KEY.encode() + b"\r\nB=2\r\n",
        b"export SECRET_KEY=" + KEY.encode(),
        b"  \texport\t SECRET_KEY='" + KEY.encode() + b"'",
        b"# caf\xe9 in Latin-1 in a comment\nSECRET_KEY=" + KEY.encode(),
        b"A=1\n\xef\xbb\xbfSECRET_KEY=" + KEY.encode(),
        b"SECRET_KEY=\nSECRET_KEY=" + KEY.encode(),
        b"SECRET_KEY=" + KEY.encode() + b"\nSECRET_KEY=''\n",
        b"SECRET_KEY=" + KEY.encode() + b"\nSECRET_KEY=" + KEY.encode(),
    ],
)
def test_the_same_key_is_read_in_every_encoding_of_the_file(env_file: Path, content: bytes) -> None:
    env_file.write_bytes(content)
    assert read(env_file)["SECRET_KEY"] == KEY
    assert add_secret_key(env_file) == ""
    assert env_file.read_bytes() == content


@pytest.mark.parametrize(
    "line",
    [
        f"SECRET_KEY={SECRET} # comment",
        f"SECRET_KEY={SECRET}\t#comment",
        f"SECRET_KEY=#{SECRET}",
        f"SECRET_KEY={SECRET} ",
        f"SECRET_KEY= {SECRET}",
        f"SECRET_KEY={SECRET}\u00a0",
        f"SECRET_KEY='{SECRET}",
        f"SECRET_KEY='{SECRET}' # comment",
        f'SECRET_KEY="{SECRET}" ',
        f"SECRET_KEY='{SECRET}'x'",
        f'SECRET_KEY="{SECRET}"x"',
        f'SECRET_KEY="{SECRET}\\x"',
        f'SECRET_KEY="{SECRET}\\"',
        f"SECRET_KEY={SECRET}\0",
        f"SECRET_KEY=\0{SECRET}",
        f"SECRET_KEY={SECRET}\rX=1",
        f"SECRET_KEY={SECRET}\x1b[31m",
        f"SECRET_KEY={SECRET}\nSECRET_KEY={SECRET}2",
    ],
)
def test_an_ambiguous_line_is_rejected_with_its_name(env_file: Path, line: str) -> None:
    env_file.write_text(f"A=1\n{line}\n", encoding="utf-8", newline="")
    before = env_file.read_bytes()
    for act in (read, add_secret_key):
        with pytest.raises(EnvFileError, match="SECRET_KEY") as caught:
            act(env_file)
        assert SECRET not in str(caught.value)
    assert env_file.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"A=1\nSECRET_KEY = {SECRET}\n".encode(), "Line 2"),
        (f"A=1\nSECRET_KEY: {SECRET}\n".encode(), "Line 2"),
        (f"A=1\n{SECRET}\n".encode(), "Line 2"),
        (f"POS-KEY={SECRET}\n".encode(), "Line 1"),
        (f"SECRET_KEY={SECRET}\n".encode("utf-16"), "UTF-8"),
        (f"SECRET_KEY={SECRET}\n".encode("utf-16-le"), "Line 1"),
        (b"CREDENTIAL_KEY=\xff\xfe" + SECRET.encode(), "CREDENTIAL_KEY"),
        (f"hunter2=={SECRET} x \n".encode(), "line 1"),
    ],
)
def test_an_unreadable_file_is_rejected_without_its_contents(env_file: Path, content: bytes, words: str) -> None:
    env_file.write_bytes(content)
    with pytest.raises(EnvFileError, match=words) as caught:
        read(env_file)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(EnvFileError):
        add_secret_key(env_file)
    assert env_file.read_bytes() == content


def test_a_folder_and_a_broken_link_of_that_name_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "link"):
        with pytest.raises(EnvFileError, match=name):
            read(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_another_user_is_rejected(env_file: Path) -> None:
    env_file.write_text("A=1\n")
    env_file.chmod(0)
    with pytest.raises(EnvFileError, match="cannot be read"):
        read(env_file)


def test_a_missing_file_sets_nothing(env_file: Path) -> None:
    assert read(env_file) == {}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=40))
def test_no_text_is_changed_and_none_is_printed(text: str) -> None:
    file = _scratch()
    file.write_text(f"NAME={text}", encoding="utf-8", newline="")
    value, error = _read_or_error(file)
    assert len(text) < 4 or text not in error
    if error:
        return
    quote = text[:1]
    if quote and quote in "'\"":
        assert f"{quote}{value}{quote}" == text or "\\" in text
    else:
        assert value == text.removesuffix("\r") or text.strip() in ("", "''", '""')


class TestANewKey:
    @pytest.mark.parametrize("empty", ["SECRET_KEY=", "SECRET_KEY=''", 'export SECRET_KEY=""  ', "#SECRET_KEY=old", ""])
    def test_leaves_every_other_line_as_it_is(self, env_file: Path, empty: str) -> None:
        env_file.write_text(f"\ufeff# ours\r\nA='b # c'\r\n{empty}\r\nB=$x", encoding="utf-8", newline="")
        env_file.chmod(0o644)
        assert add_secret_key(env_file) == "Added a new SECRET_KEY to .env"
        values = read(env_file)
        assert (values["A"], values["B"], len(values["SECRET_KEY"])) == ("b # c", "$x", 86)
        assert env_file.read_bytes().startswith("\ufeff# ours\r\nA='b # c'\r\n".encode())
        assert len([each for each in assignments(env_file) if each.name == "SECRET_KEY"]) == 1
        assert stat.S_IMODE(env_file.stat().st_mode) == 0o600

    def test_is_not_created_beside_one_in_another_letter_case(self, env_file: Path) -> None:
        env_file.write_text("secret_key=an-old-key\n")
        with pytest.raises(EnvFileError, match="must be written in capitals") as caught:
            add_secret_key(env_file)
        assert "an-old-key" not in str(caught.value)
        assert env_file.read_text() == "secret_key=an-old-key\n"

    def test_is_written_to_the_target_of_a_link(self, env_file: Path, tmp_path: Path) -> None:
        (tmp_path / "real").write_text("A=1\n")
        env_file.symlink_to(tmp_path / "real")
        add_secret_key(env_file)
        assert env_file.is_symlink()
        assert read(tmp_path / "real").keys() == {"A", "SECRET_KEY"}

    def test_is_not_created_beside_a_database_whose_secrets_need_the_old_one(
        self, env_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("DATA_DIR")
        (env_file.parent / "data").mkdir()
        (env_file.parent / "data" / "portal.sqlite3").touch()
        with pytest.raises(EnvFileError, match="SECRET_KEY is not set, but"):
            add_secret_key(env_file)
        assert not env_file.exists()


@pytest.mark.parametrize("piece", ["JBSWY3DPEHPK3PXP", "JBSWYDPEHPKPXPAA", "0F3A9C", "aGVsbG8", "_"])
def test_a_name_that_may_be_a_part_of_a_wrapped_secret_is_reported_by_its_line_number(piece: str) -> None:
    assert Assignment(7, piece, "=").shown_name == "line 7"


@pytest.mark.parametrize("name", ["DEBUG", "WORKERS", "SECRET_KEY", "POS_REFUSALS_AS_200", "MY_OWN"])
def test_the_name_of_a_setting_is_reported(name: str) -> None:
    assert Assignment(7, name, "x").shown_name == name


class TestTheSettings:
    """All settings, read from a `.env` beside a copy of `portal/settings.py`."""

    @pytest.mark.parametrize("name", ["CREDENTIAL_KEY", "METRICS_TOKEN", "OIDC_CLIENT_SECRET", "SECRET_KEY"])
    @pytest.mark.parametrize("place", ["file", "environment"])
    def test_a_value_that_begins_with_a_dollar_is_used_unchanged(self, tmp_path: Path, name: str, place: str) -> None:
        values = {name: "$" + KEY}
        read = settings_of(tmp_path, **{place: values})  # type: ignore[arg-type]
        assert read[name] == "$" + KEY

    def test_keys_of_lists_may_begin_with_a_dollar(self, tmp_path: Path) -> None:
        written = {"SECRET_KEY_FALLBACKS": "$a, $b"}
        assert settings_of(tmp_path, file=written)["SECRET_KEY_FALLBACKS"] == ["$a", "$b", "$a, $b"]

    @pytest.mark.parametrize("name", ["SECRET_KEY_FALLBACKS", "CREDENTIAL_KEY_FALLBACKS"])
    def test_any_earlier_key_can_be_a_fallback(self, tmp_path: Path, name: str) -> None:
        key = f" a,b{KEY}\n"
        assert all(written in keys(written) for written in (key, KEY, f"{KEY}, ", "a,b", KEY + "\r\n"))
        assert key in settings_of(tmp_path, file={}, environment={name: key})[name]

    def test_secrets_under_the_key_that_was_used_instead_stay_valid(self, tmp_path: Path) -> None:
        assert settings_of(tmp_path, file={"CREDENTIAL_KEY": "$" + KEY})["CREDENTIAL_KEY_FALLBACKS"] == ["s" * 50]

    def test_a_public_url_in_the_file_has_priority_over_that_of_the_start_script(self, tmp_path: Path) -> None:
        served_at = {"ORDER_N_PAY_SERVED_AT": "http://192.0.2.1:8001"}
        read = settings_of(tmp_path / "a", file={}, environment=served_at)
        assert read["PUBLIC_URL"] == "http://192.0.2.1:8001"
        assert read["ALLOWED_HOSTS"][:2] == ["127.0.0.1", "192.0.2.1"]
        added = {"PUBLIC_URL": "https://pos.example.com"}
        read = settings_of(tmp_path / "b", file=added, environment=served_at)
        assert read["PUBLIC_URL"] == "https://pos.example.com"
        assert read["ALLOWED_HOSTS"][:2] == ["127.0.0.1", "[::1]"]

    def test_reading_it_for_a_test_leaves_the_environment_of_the_tests_alone(self, tmp_path: Path) -> None:
        before = dict(os.environ)
        settings_of(tmp_path, file={"PUBLIC_URL": "https://pos.example.com"})
        assert dict(os.environ) == before

    def test_an_empty_environment_variable_does_not_hide_the_file(self, tmp_path: Path) -> None:
        read = settings_of(tmp_path, file={"PROVIDER_NAME": "Us"}, environment={"PROVIDER_NAME": ""})
        assert read["PROVIDER_NAME"] == "Us"

    def test_the_environment_has_priority(self, tmp_path: Path) -> None:
        read = settings_of(tmp_path, file={"PROVIDER_NAME": "Us"}, environment={"PROVIDER_NAME": "You"})
        assert read["PROVIDER_NAME"] == "You"

    @pytest.mark.parametrize("content", [f"\ufeffSECRET_KEY={SECRET} # x\n", f"SECRET_KEY={SECRET}\0\n", SECRET])
    def test_an_invalid_file_stops_the_start_and_none_of_it_is_printed(self, tmp_path: Path, content: str) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY|Line 1 of \.env") as caught:
            settings_of(tmp_path, file={}, content=content)
        assert SECRET not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.processes
    def test_a_process_with_an_invalid_file_ends_and_prints_none_of_it(self, tmp_path: Path) -> None:
        copy_settings(tmp_path)
        (tmp_path / ".env").write_text(f"\ufeffSECRET_KEY={SECRET} # x\n", encoding="utf-8")
        command = [sys.executable, "-c", "from portal import settings"]
        env = {"PATH": os.environ["PATH"]}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert "SECRET_KEY" in done.stderr
        assert SECRET not in done.stderr + done.stdout


@pytest.mark.processes
def test_a_child_process_reads_the_file_again(tmp_path: Path) -> None:
    """A child may inherit the environment of its parent, as the child of runserver's reloader does."""
    code = (
        "import pathlib, subprocess, sys; from portal import settings; file = pathlib.Path('.env');"
        "file.write_text('PROVIDER_NAME=Second\\nOIDC_NAME=New\\n');"
        "show = 'from portal import settings as s; print(s.PROVIDER_NAME, s.OIDC_NAME, s.PROVIDER_ID)';"
        "subprocess.run([sys.executable, '-c', show], check=True)"
    )
    copy_settings(tmp_path)
    (tmp_path / ".env").write_text("PROVIDER_NAME=First\nPROVIDER_ID=7\n")
    env = {"PATH": os.environ["PATH"], "SECRET_KEY": "s" * 50}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "Second New 0\n"


def settings_of(
    folder: Path,
    *,
    file: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    content: str = "",
) -> dict[str, Any]:
    """Return the settings that a process reads if its `.env` has the lines of `file`, or the text `content` instead.

    The environment has a SECRET_KEY, unless `file` has one or `content` is given.
    """
    (folder / "portal").mkdir(parents=True)
    shutil.copy(PROJECT / "portal" / "settings.py", folder / "portal")
    lines = [f"{name}={value}\n" for name, value in (file or {}).items()]
    (folder / ".env").write_text(content or "".join(lines), encoding="utf-8")
    key = {"SECRET_KEY": "" if content or "SECRET_KEY" in (file or {}) else "s" * 50}
    return read_settings(key | (environment or {}), project=folder)


def _read_or_error(file: Path) -> tuple[str, str]:
    try:
        return read(file).get("NAME", ""), ""
    except EnvFileError as error:
        return "", str(error)


def _scratch() -> Path:
    return Path(os.environ["DATA_DIR"]) / "scratch.env"


def copy_settings(folder: Path) -> None:
    """Copy portal/ into this folder, and link integrations/, which portal/ imports.

    The copied settings read the .env of this folder.
    """
    shutil.copytree(PROJECT / "portal", folder / "portal")
    (folder / "integrations").symlink_to(PROJECT / "integrations")
