"""How the command line behaves towards people: help with an example, completion, and errors that say what to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from foedus.faces.cli.app import app
from tests.process import ENVIRONMENT, FOEDUS, NodeFolder, bundle, foedus, here, indicator


def commands() -> Iterator[tuple[str, ...]]:
    """The names of all commands."""

    def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield path
        else:
            for name, child in children.items():
                yield from walk(child, (*path, name))

    yield from walk(typer.main.get_command(app), ())


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> NodeFolder:
    node = NodeFolder.make(tmp_path_factory.mktemp("manners") / "fin")
    node.add("anna", "ALLIANCE SECRET for FIN")
    return node


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        text = " ".join(here(*path, option).done().out.split())
        assert f"Example: foedus {' '.join(path)}" in text


def test_help_names_every_command_of_the_contract() -> None:
    text = foedus("--help").done().out
    names = "init up demo import export search show publish recall user token label verify reindex backup restore"
    for name in names.split():
        assert f" {name} " in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell: str) -> None:
    assert "foedus" in here("--show-completion", shell).done().out


def test_completion_knows_the_commands() -> None:
    asked = {"_FOEDUS_COMPLETE": "complete_bash", "COMP_WORDS": "foedus ver", "COMP_CWORD": "1"}
    assert "verify" in foedus(env=asked).out


BAD = {
    # words of the command -> (exit code, what the error must name)
    "import {node} /nowhere/x.json": (2, "/nowhere/x.json"),
    "import {node} /tmp": (2, "/tmp"),
    "import {node} {good} --label nothing.xml": (2, "nothing.xml"),
    "import {node} {good} --label garbage": (2, "ALLIANCE, TLP"),
    "import {node} {good} --as nobody": (2, "foedus user list"),
    "import {node} {good} --format rtf": (2, "misp"),
    "export {node} --as nobody": (2, "foedus user list"),
    "export {node} --as anna --format rtf": (2, "stanag4778"),
    "export {node} --as anna --output /nowhere/x": (2, "/nowhere/x"),
    "export {node}": (2, "--as"),
    "show {node} --as anna foo": (3, "not found"),
    "show {node} indicator--00000000-0000-4000-8000-000000000001": (2, "--as"),
    "recall {node} --as anna foo": (3, "not found"),
    "publish {node} --as anna {good} --label ALLIANCE": (2, "ALLIANCE"),
    "publish {node} --as anna /nowhere/x": (2, "/nowhere/x"),
    "search {node} --as nobody x": (2, "nobody"),
    "search {node} --as anna x --limit 0": (2, "limit"),
    "up --data /nowhere": (2, "foedus init"),
    "up {node} --port 99999": (2, "65535"),
    "up {node} --host 300.1.1.1": (2, "300.1.1.1"),
    "verify --data /nowhere": (2, "foedus init"),
    "reindex --data /nowhere": (2, "foedus init"),
    "backup {node} /proc/x": (2, "/proc/x"),
    "backup {node} /tmp": (2, "new folder"),
    "restore /nowhere --data {new}": (2, "/nowhere"),
    "restore {data} {node}": (2, "not empty"),
    "init {node} --owner FIN --owner-name Finland": (2, "foedus up"),
    "init --data {new} --owner fi --owner-name Finland": (2, "A-Z"),
    "init --data {new} --owner FIN --owner-name Finland --policy /nowhere.xml": (2, "/nowhere.xml"),
    "init --data {new} --owner FIN --owner-name Finland --policy {good}": (2, "good.json"),
    "init --data /proc/x --owner FIN --owner-name Finland": (2, "/proc/x"),
    "user add anna {node} --role analyst": (2, "anna"),
    "user add x {node} --role king": (2, "administrator"),
    "user add x {node}": (2, "--role"),
    "user add x {node} --role reader --clearance garbage": (2, "ALLIANCE, TLP"),
    "user add x {node} --role reader --clearance none.xml": (2, "none.xml"),
    "user add x {node} --role reader --clearance {good}": (2, ""),
    "user disable nobody {node}": (3, "not found"),
    "token add nobody {node}": (3, "not found"),
    "token add anna {node} --scope king": (2, "publish"),
    "token add anna {node} --days 0": (2, "days"),
    "token revoke 99 {node}": (3, "not found"),
    "token revoke x {node}": (2, ""),
    "label check --label x --policy /nowhere": (2, "/nowhere"),
    "label check": (2, "--label"),
    "nothing": (2, "nothing"),
}


@pytest.mark.parametrize("words", BAD)
def test_an_error_says_what_is_wrong_and_what_to_do(node: NodeFolder, tmp_path: Path, words: str) -> None:
    code, names = BAD[words]
    good = tmp_path / "good.json"
    good.write_bytes(bundle(indicator(1)))
    places = {"node": f"--data {node.data}", "data": node.data, "good": good, "new": tmp_path / "new"}
    ran = here(*words.format(**places).split())
    assert ran.code == code, ran.err
    assert names in " ".join(ran.err.replace("│", " ").split())
    assert "Traceback" not in ran.err
    assert len(ran.err) < 3000


@pytest.mark.parametrize("words", ["export {node} --as nobody", "verify --data /nowhere", "show {node} --as anna foo"])
def test_errors_are_json_where_that_is_asked_for(node: NodeFolder, words: str) -> None:
    ran = here(*words.format(node=f"--data {node.data}").split(), "--json")
    assert ran.code != 0
    assert {"error", "message"} <= set(ran.json)


def test_a_reader_that_leaves_early_is_no_error(node: NodeFolder, tmp_path: Path) -> None:
    """`foedus export … | head -c 1`."""
    source = tmp_path / "many.json"
    source.write_bytes(bundle(*(indicator(n, description="x" * 2000) for n in range(200))))
    node.here("import", source, "--label", "ALLIANCE SECRET").done()
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [str(FOEDUS), "export", "--data", str(node.data), "--as", "anna"],
        stdout=write,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        timeout=60,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
