"""Settings: what is read, what is refused, and in which words."""

import threading
from pathlib import Path

import pytest

from sketchmaker import settings
from sketchmaker.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def load_with(monkeypatch: pytest.MonkeyPatch, **written: str) -> Settings:
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    return settings.load()


def test_without_any_setting_the_database_is_a_file_in_the_data_folder(data_folder: Path) -> None:
    found = settings.load()
    assert found.database_url == f"sqlite:///{data_folder}/sketchmaker.db"
    assert (found.host, found.port, found.trusted_proxies) == ("127.0.0.1", 5000, 0)


def test_the_data_folder_is_made_for_its_owner_only(data_folder: Path) -> None:
    assert settings.load().data_folder == data_folder
    assert data_folder.stat().st_mode & 0o777 == 0o700


def test_without_a_setting_the_data_folder_is_beside_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKETCHMAKER_DATA")
    assert settings.load().data_folder == tmp_path / "data"


def test_a_folder_with_signs_that_urls_escape_is_opened_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sketchmaker.database import Database

    folder = tmp_path / "100% mine?#"
    found = load_with(monkeypatch, SKETCHMAKER_DATA=str(folder))
    database = Database(found.database_url)
    database.ping()
    database.close()
    assert (folder / "sketchmaker.db").exists()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_may_be_named_as_hosts_name_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load_with(monkeypatch, DATABASE_URL=f"{scheme}://ada:p%40ss@db:5433/sketch")
    assert found.database_url == "postgresql+psycopg://ada:p%40ss@db:5433/sketch"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://ada:hunter2@db/sketch", "is for mysql"),
        ("hunter2", "can't be understood"),
        ("postgresql://ada:hunter2@db:port/sketch", "can't be understood"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:////no/such/folder/hunter2.db", "/no/such/folder"),
    ],
)
def test_a_wrong_database_url_is_named_without_showing_its_password(
    url: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_with(monkeypatch, DATABASE_URL=url)
    said = str(refused.value)
    assert said.startswith("DATABASE_URL") and complaint in said
    assert "hunter2" not in said and "\n" not in said


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("SKETCHMAKER_PORT", "http", "a number from 1 to 65535"),
        ("SKETCHMAKER_PORT", "0", "a number from 1 to 65535"),
        ("SKETCHMAKER_PORT", "65536", "a number from 1 to 65535"),
        ("SKETCHMAKER_TRUSTED_PROXIES", "6", "a number from 0 to 5"),
        ("SKETCHMAKER_WEB_THREADS", "0", "a number from 1 to 64"),
        ("SKETCHMAKER_LOG_LEVEL", "loud", "debug, info, warning or error"),
    ],
)
def test_a_wrong_value_is_shown_with_the_rule_it_breaks(
    name: str, value: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_with(monkeypatch, **{name: value})
    assert str(refused.value) == f"{name} is {value!r}: it must be {rule}."


def test_everything_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"SKETCHMAKER_PORT .*SKETCHMAKER_LOG_LEVEL"):
        load_with(monkeypatch, SKETCHMAKER_PORT="x", SKETCHMAKER_LOG_LEVEL="y")


def test_a_short_secret_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SKETCHMAKER_SECRET_KEY") as refused:
        load_with(monkeypatch, SKETCHMAKER_SECRET_KEY="hunter2")
    assert "hunter2" not in str(refused.value)


def test_an_empty_setting_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_with(monkeypatch, SKETCHMAKER_PORT="", DATABASE_URL="").port == 5000


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("SKETCHMAKER_PORT=6001\nSKETCHMAKER_HOST=0.0.0.0\n")
    found = load_with(monkeypatch, SKETCHMAKER_PORT="6002")
    assert (found.host, found.port) == ("0.0.0.0", 6002)


def test_a_file_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SKETCHMAKER_PORT=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env can't be read"):
        settings.load()


def test_a_misspelt_setting_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    warning = load_with(monkeypatch, SKETCHMAKER_PROT="6001").unknown_names_warning
    assert warning is not None and "SKETCHMAKER_PROT" in warning and "SKETCHMAKER_PORT" in warning


def test_the_master_key_of_a_later_release_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_with(monkeypatch, SKETCHMAKER_MASTER_KEY="x").unknown_names_warning is None


def test_what_is_printed_of_settings_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_with(
        monkeypatch,
        DATABASE_URL="postgresql://ada:hunter2@db/sketch",
        SKETCHMAKER_ADMIN_PASSWORD="hunter2",
        SKETCHMAKER_SECRET_KEY="hunter2" * 8,
    )
    assert "hunter2" not in repr(found)


def test_a_data_folder_that_is_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SettingsError, match="SKETCHMAKER_DATA"):
        load_with(monkeypatch, SKETCHMAKER_DATA=str(tmp_path / "taken"))


def test_the_secret_key_is_made_once_and_kept_for_its_owner(data_folder: Path) -> None:
    first, second = settings.load(), settings.load()
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= settings.SHORTEST_SECRET_KEY
    assert (data_folder / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_secret_key_of_the_environment_leaves_no_file(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_with(monkeypatch, SKETCHMAKER_SECRET_KEY="k" * 32).secret_key == "k" * 32
    assert not (data_folder / "secret.key").exists()


def test_a_damaged_key_file_is_refused(data_folder: Path) -> None:
    data_folder.mkdir()
    (data_folder / "secret.key").write_text("short\n")
    with pytest.raises(SettingsError, match="is damaged"):
        settings.load()


@pytest.mark.race
def test_processes_that_start_at_once_get_one_key(data_folder: Path) -> None:
    together = threading.Barrier(8)
    keys: list[str] = []

    def start() -> None:
        together.wait()
        keys.append(settings.load().secret_key)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8 and len(set(keys)) == 1
    assert [file.name for file in data_folder.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("written", ["INFO", "Warning", "error"])
def test_a_log_level_is_taken_in_any_capitals(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    assert load_with(monkeypatch, SKETCHMAKER_LOG_LEVEL=written).log_level == written.lower()


def test_a_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    found = load_with(monkeypatch, SKETCHMAKER_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert found.secret_key == "k" * 40
    assert found.unknown_names_warning is None


def test_a_secret_in_a_file_is_checked_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("short")
    with pytest.raises(SettingsError, match="SKETCHMAKER_SECRET_KEY has a value") as refused:
        load_with(monkeypatch, SKETCHMAKER_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert "short" not in str(refused.value)


def test_a_secret_both_in_a_file_and_not_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="are both set"):
        load_with(
            monkeypatch,
            SKETCHMAKER_SECRET_KEY="k" * 40,
            SKETCHMAKER_SECRET_KEY_FILE=str(tmp_path / "key"),
        )


def test_a_secret_file_that_is_not_there_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL_FILE names /nowhere, which can't be"):
        load_with(monkeypatch, DATABASE_URL_FILE="/nowhere")


@pytest.mark.parametrize(
    ("written", "obeyed"),
    [
        ({}, True),
        ({"SKETCHMAKER_HOST": "0.0.0.0"}, False),
        ({"SKETCHMAKER_TRUSTED_PROXIES": "1"}, False),
        ({"SKETCHMAKER_SANDBOX_WORDS": "off"}, False),
        ({"SKETCHMAKER_HOST": "0.0.0.0", "SKETCHMAKER_SANDBOX_WORDS": "on"}, True),
    ],
)
def test_sandbox_words_work_by_themselves_only_where_strangers_can_not_come(
    monkeypatch: pytest.MonkeyPatch, *, written: dict[str, str], obeyed: bool
) -> None:
    assert load_with(monkeypatch, **written).obeys_sandbox_words is obeyed


@pytest.mark.parametrize(
    "written", ["studio.example.org", "https://", "https://a/b", "ftp://a", "https://a b"]
)
def test_a_public_address_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    with pytest.raises(SettingsError, match="SKETCHMAKER_PUBLIC_URL is"):
        load_with(monkeypatch, SKETCHMAKER_PUBLIC_URL=written)


def test_a_public_address_needs_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_with(monkeypatch, SKETCHMAKER_PUBLIC_URL="https://studio.example.org/")
    assert found.public_url == "https://studio.example.org"


MAIL = {
    "SKETCHMAKER_SMTP_URL": "smtp://studio:p%40ss@mail.example.org",
    "SKETCHMAKER_MAIL_FROM": "Sketchmaker <studio@example.org>",
    "SKETCHMAKER_PUBLIC_URL": "https://studio.example.org/",
}


def test_without_a_mail_server_there_is_no_mail() -> None:
    assert settings.load().mail is None


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls"),
    [
        ("smtp://studio:p%40ss@mail.example.org", "mail.example.org", 587, False),
        ("smtp://localhost:25", "localhost", 25, False),
        ("smtps://mail.example.org", "mail.example.org", 465, True),
        ("smtps://[::1]:2465/", "::1", 2465, True),
    ],
)
def test_a_mail_server_is_named_by_its_url(
    url: str, host: str, port: int, *, is_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = load_with(monkeypatch, **{**MAIL, "SKETCHMAKER_SMTP_URL": url}).mail
    assert mail is not None
    assert (mail.host, mail.port, mail.is_tls) == (host, port, is_tls)
    assert mail.site == "https://studio.example.org"
    assert "p@ss" not in repr(mail)


def test_the_password_of_a_mail_server_is_taken_out_of_its_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mail = load_with(monkeypatch, **MAIL).mail
    assert mail is not None
    assert (mail.user, mail.password) == ("studio", "p@ss")


@pytest.mark.parametrize(
    "url",
    ["mail.example.org", "http://mail.example.org", "smtp://:25", "smtp://a:99999", "smtp://a/b"],
)
def test_a_mail_server_that_can_not_be_understood_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="SKETCHMAKER_SMTP_URL can't be understood"):
        load_with(monkeypatch, **{**MAIL, "SKETCHMAKER_SMTP_URL": url})


@pytest.mark.parametrize("sender", ["", "nobody", "a@b\nBcc: c@d"])
def test_mail_needs_a_sender(sender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SKETCHMAKER_MAIL_FROM must be an e-mail address"):
        load_with(monkeypatch, **{**MAIL, "SKETCHMAKER_MAIL_FROM": sender})


def test_mail_needs_an_address_for_its_links(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SKETCHMAKER_PUBLIC_URL must be set"):
        load_with(monkeypatch, **{**MAIL, "SKETCHMAKER_PUBLIC_URL": ""})
