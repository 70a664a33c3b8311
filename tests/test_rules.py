"""`gotask rules`: each assistant's file in its place and format, and nothing of the user's overwritten."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gotask import cli, rules

NAMES = ("claude", "copilot", "cursor", "trae", "windsurf", "codebuddy", "qoder", "kiro", "augment", "agents")
each_assistant = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's project, and the place where the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOTASK_LANG", "en")
    return tmp_path


def typed(*arguments: str) -> int:
    """Type `gotask rules …`."""
    return cli.main(["rules", *arguments])


def test_all_assistants_are_there() -> None:
    """Those of the reference and the common AGENTS.md; each has a place of its own, inside of the project."""
    assert tuple(rules.ASSISTANTS) == NAMES
    paths = [one.path for one in rules.ASSISTANTS.values()]
    assert len(set(paths)) == len(NAMES)
    assert not any(Path(path).is_absolute() or ".." in path for path in paths)


def test_list(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--list names each assistant and its file, and writes nothing."""
    assert typed("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [[name, one.path] for name, one in rules.ASSISTANTS.items()]
    assert list(project.iterdir()) == []


@each_assistant
def test_written_whole_and_up_to_date(project: Path, name: str) -> None:
    """The file is where the assistant looks, in its format, and holds all of the rules; then --check is content."""
    assert typed("--for", name) == 0
    path = project / rules.ASSISTANTS[name].path
    content = path.read_bytes().decode()
    assert rules.text() in content
    assert content.startswith(rules.ASSISTANTS[name].head)
    assert "\r" not in content
    assert len(content) < 8_000  # what CodeBuddy takes at most; Windsurf takes 12,000
    assert list(path.parent.glob("*.new")) == []
    assert typed("--for", name, "--check") == 0


@each_assistant
def test_front_matter(name: str) -> None:
    """A head is lines of `name: value` between two lines of dashes; a pattern that begins with a star is quoted where
    YAML is read strictly."""
    head = rules.ASSISTANTS[name].head
    assert re.fullmatch(r"(---\n(\w+: [^\n]+\n)+---\n\n)?", head)


@each_assistant
def test_a_change_by_hand_is_kept(project: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What somebody wrote into our part is not overwritten without --force, and --check says so."""
    typed("--for", name)
    path = project / rules.ASSISTANTS[name].path
    path.write_text(path.read_text("utf-8").replace("## Principles", "## Our principles"), "utf-8")
    for arguments in (("--for", name), ("--check",)):
        assert typed(*arguments) == 1
        assert "--force" in capsys.readouterr().err
        assert "## Our principles" in path.read_text("utf-8")
    assert typed("--for", name, "--force") == 0
    assert "## Our principles" not in path.read_text("utf-8")


@each_assistant
def test_an_older_file_is_brought_up_to_date(project: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that an older gotask wrote, and nobody changed, is old for --check, and written anew without --force."""
    with monkeypatch.context() as before:
        before.setattr(rules, "text", lambda: "# Older rules\n")
        typed("--for", name)
    assert typed("--check") == 1
    assert typed("--for", name) == 0
    content = (project / rules.ASSISTANTS[name].path).read_text("utf-8")
    assert "# Older rules" not in content
    assert typed("--check") == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "agents"])
def test_a_file_of_somebody_else(project: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A file of that name which gotask has not written stays as it is."""
    path = project / rules.ASSISTANTS[name].path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# Mine\n", "utf-8")
    assert typed("--for", name) == 1
    assert "not written by gotask" in capsys.readouterr().err
    assert path.read_text("utf-8") == "# Mine\n"


def test_the_lines_of_agents_md_end_as_they_did(project: Path) -> None:
    """Where an editor of Windows wrote it, version control would else show every line of it as changed."""
    path = project / "AGENTS.md"
    path.write_bytes(b"# Our project\r\n\r\nBe kind.\r\n")
    assert typed("--for", "agents") == 0
    content = path.read_bytes()
    assert content.startswith(b"# Our project\r\n\r\nBe kind.\r\n\r\n<!-- gotask rules")
    assert content.count(b"\n") == content.count(b"\r\n")
    assert typed("--check", "--for", "agents") == 0


def test_the_rest_of_agents_md_is_the_projects(project: Path) -> None:
    """AGENTS.md belongs to the project: what stands around our part stays, byte for byte, also with --force."""
    path = project / "AGENTS.md"
    path.write_text("# Our project\n\nBe kind.", "utf-8")
    assert typed("--check", "--for", "agents") == 1
    assert typed("--for", "agents") == 0
    assert path.read_text("utf-8").startswith("# Our project\n\nBe kind.\n\n<!-- gotask rules ")
    path.write_text(path.read_text("utf-8") + "\n## More of ours\n", "utf-8")
    assert typed("--check", "--for", "agents") == 0
    before = path.read_text("utf-8")
    assert typed("--for", "agents", "--force") == 0
    assert path.read_text("utf-8") == before


def test_several_at_once_into_another_folder(project: Path) -> None:
    """--for may be said more than once, and --into names the project."""
    assert typed("--for", "claude", "--for", "kiro", "--into", "there") == 0
    assert (project / "there" / ".claude/rules/gotask.md").exists()
    assert (project / "there" / ".kiro/steering/gotask.md").exists()


@pytest.mark.parametrize(("lang", "words"), [("en", "Say for whom"), ("zh", "请指明助手")])
def test_nothing_said(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lang: str, words: str
) -> None:
    """Without a name it says which there are, in the reader's language; --check where nothing is does, too."""
    monkeypatch.setenv("GOTASK_LANG", lang)
    for arguments in ((), ("--check",)):
        assert typed(*arguments) == 2
        said = capsys.readouterr().err
        assert words in said
        assert "claude, copilot" in said


def test_a_place_that_cannot_be_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the system says is passed on in a sentence; the other files are written all the same."""
    (project / ".claude").write_text("a file, and no folder", "utf-8")
    assert typed("--for", "claude", "--for", "agents") == 1
    assert "Traceback" not in capsys.readouterr().err
    assert (project / "AGENTS.md").exists()


def test_a_check_of_all_tells_of_a_file_that_cannot_be_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As one in the encoding of an old editor: said in a sentence, and the others are checked all the same."""
    typed("--for", "claude")
    (project / "AGENTS.md").write_bytes("规则".encode("gbk"))
    assert typed("--check") == 1
    said = capsys.readouterr()
    assert "AGENTS.md" in said.err
    assert "gotask.md" in said.out


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_one(project: Path) -> None:
    """Where AGENTS.md is a link to the file of one assistant, that file is written, and the link stays."""
    (project / "CLAUDE.md").write_text("# Mine\n", "utf-8")
    (project / "AGENTS.md").symlink_to("CLAUDE.md")
    assert typed("--for", "agents") == 0
    assert (project / "AGENTS.md").is_symlink()
    assert (project / "CLAUDE.md").read_text("utf-8").startswith("# Mine\n\n<!-- gotask rules")
