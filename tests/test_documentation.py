"""The documents agree with the code: settings, close codes, commands, manifests, links and the index."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from integrations.models.attempt import Outcome
from integrations.models.connection import CloseReason
from integrations.pos.close_codes import CLOSE_CODES, LIBRARY_CLOSE_CODES
from portal.serving.probes import PROBES
from tests.live.callers.documents import texts_of
from tests.support.project import PROJECT

COMPUTED = None  # stands for a default that depends on other settings
BENCHMARK = re.compile(r"benchmarks/(\w+)\.py([^`\n]*)")
OPTION = re.compile(r"--(?!help)[a-z-]+")


def settings_read() -> dict[str, str | None]:
    """Return the variables that portal/settings.py reads, and their defaults as they are written in a `.env`."""
    found = {}
    for node in ast.walk(ast.parse((PROJECT / "portal/settings.py").read_text())):
        match node:
            case ast.Call(ast.Attribute(ast.Name("env")), [ast.Constant(str(name)), *_]):
                found[name] = default_of(node)
    return found


def default_of(call: ast.Call) -> str | None:
    written = next((each.value for each in call.keywords if each.arg == "default"), ast.Constant(""))
    try:
        value = ast.literal_eval(ast.unparse(written))
    except ValueError:
        return COMPUTED
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else "" if value in ([], {}) else str(value)


def rows_of(document: str) -> dict[str, str]:
    """Return the defaults of the settings, as the document's tables show them. The keys are the settings' names."""
    rows = [line for line in (PROJECT / document).read_text().splitlines() if re.match(r"\| `[A-Z_0-9]{4,}` \|", line)]
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return {row[1].strip("`"): row[2] for row in cells}


def test_the_example_environment_names_every_setting_with_its_default_and_no_other() -> None:
    lines = re.findall(r"^#?([A-Z_0-9]+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    examples = {"POS_CLOSE_CODES": ""}  # .env.example shows the syntax of this setting instead of its default
    named = {name: examples.get(name, value) for name, value in lines}
    read = settings_read()
    assert named.keys() == read.keys()
    assert named == {name: named[name] if default is COMPUTED else default for name, default in read.items()}


def test_the_list_of_settings_has_each_with_its_default_and_no_other() -> None:
    listed, read = rows_of("docs/settings.md"), settings_read()
    assert listed.keys() == read.keys()
    written = {name: cell.strip("`") if re.fullmatch("`[^`]+`", cell) else "" for name, cell in listed.items()}
    assert written == {name: written[name] if default is COMPUTED else default for name, default in read.items()}


def test_the_readme_has_the_ten_settings_that_nearly_every_installation_sets() -> None:
    shown, listed = rows_of("README.md"), rows_of("docs/settings.md")
    assert len(shown) == 10
    assert shown == {name: listed[name] for name in shown}


def test_the_documented_close_codes_are_the_ones_that_the_server_sends() -> None:
    table = (PROJECT / "docs/protocol.md").read_text().split("## Close codes")[1]
    documented = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.MULTILINE)}
    both = CLOSE_CODES | LIBRARY_CLOSE_CODES
    assert documented == {reason.value: entry.default for reason, entry in both.items()}


def test_every_reason_for_a_close_by_the_server_has_a_code() -> None:
    ended_without_the_server = {CloseReason.BY_POS, CloseReason.LINK_LOST, CloseReason.SERVER_LOST}
    assert set(CLOSE_CODES | LIBRARY_CLOSE_CODES) == set(CloseReason) - ended_without_the_server


def test_the_documents_tell_the_operator_what_to_do_about_each_outcome_of_an_attempt() -> None:
    text = (PROJECT / "docs/how-to/find-out-why-a-till-does-not-connect.md").read_text().split("## Causes")[1]
    explained = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    # Only older versions recorded FOREIGN_ORIGIN.
    shown = [each for each in Outcome if each not in (Outcome.ACCEPTED, Outcome.FOREIGN_ORIGIN)]
    labels = [str(each.label).partition(" (")[0].partition(":")[0] for each in shown]
    assert [label for label in labels if not any(label in row for row in explained)] == []


def documents() -> list[Path]:
    """Return every Markdown file of the project, without those of installed packages."""
    return [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "clients").glob("*/*.md")]


def test_every_linked_document_exists() -> None:
    for document in documents():
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


def test_every_linked_heading_exists() -> None:
    for document in documents():
        for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text()):
            target = document.parent / link if link else document
            assert anchor in anchors_of(target), f"{document.name} links to {link}#{anchor}"


def test_every_link_to_another_site_is_a_complete_https_address() -> None:
    for document in documents():
        for link in re.findall(r"(?:\]\(|<)(https?:[^)>]*)[)>]", document.read_text()):
            url = urlsplit(link)
            is_local = url.scheme == "http" and url.hostname == "127.0.0.1"
            is_https = url.scheme == "https" and re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", url.hostname or "")
            assert is_local or is_https, f"{document.name} links to {link!r}"
            assert not re.search(r"\s|[.,;]$", link), f"{document.name} links to {link!r}"


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_of_the_documents_links_to_each_of_them() -> None:
    linked = set(re.findall(r"\]\(([^)#]+\.md)", (PROJECT / "docs/README.md").read_text()))
    documents = {str(path.relative_to(PROJECT / "docs")) for path in (PROJECT / "docs").rglob("*.md")} - {"README.md"}
    assert documents - linked == set()


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.processes
def test_the_command_of_the_guide_to_keys_prints_a_key_that_is_long_enough() -> None:
    [command] = texts_of("docs/how-to/rotate-keys.md", "sh")
    printed = subprocess.run(["sh", "-euc", command], check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"[\w-]{50,}\n", printed)


def test_the_manifests_for_kubernetes_name_existing_probes_settings_and_parts_of_the_image() -> None:
    container, image = deployment()["containers"][0], (PROJECT / "Dockerfile").read_text()
    probes = [container[name]["httpGet"]["path"] for name in ("readinessProbe", "livenessProbe")]
    assert probes == ["/readyz", "/healthz"]
    assert set(probes) <= PROBES.keys()
    assert {each["name"] for each in container["env"]} <= settings_read().keys()
    [port] = container["ports"]
    assert f"EXPOSE {port['containerPort']}\n" in image
    assert f"--uid {deployment()['securityContext']['runAsUser']} " in image
    assert {"/data", "/tmp"} == {each["mountPath"] for each in container["volumeMounts"]}  # noqa: S108
    migrating = manifests()["Job"]["spec"]["template"]["spec"]["containers"][0]
    assert migrating["command"][:3] == ["python", "manage.py", "migrate"]
    assert migrating["image"] == container["image"]


def test_kubernetes_waits_until_the_portal_has_drained() -> None:
    env = {each["name"]: each["value"] for each in deployment()["containers"][0]["env"]}
    drain = int(env["DRAIN_NOTICE_SECONDS"]) + int(env["DRAIN_SECONDS"]) + 30  # as docs/operations.md says
    assert deployment()["terminationGracePeriodSeconds"] > drain


def test_each_documented_option_of_a_benchmark_exists() -> None:
    commands = [found for document in documents() for found in BENCHMARK.findall(document.read_text())]
    assert len(commands) > 10
    unknown = [
        f"{name} {option}"
        for name, rest in commands
        for option in OPTION.findall(rest)
        if f'"{option}"' not in (PROJECT / f"benchmarks/{name}.py").read_text()
    ]
    assert unknown == []


def test_the_guides_name_only_existing_settings() -> None:
    for document in (PROJECT / "docs/how-to").glob("*.md"):
        named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[`=]", document.read_text()))
        assert named <= settings_read().keys(), document.name


def deployment() -> Any:
    """Return the specification of the pods."""
    return manifests()["Deployment"]["spec"]["template"]["spec"]


def manifests() -> dict[str, Any]:
    """Return the manifests in docs/how-to/kubernetes.md, by kind."""
    [text] = texts_of("docs/how-to/kubernetes.md", "yaml")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}
