# SPDX-License-Identifier: Apache-2.0
"""A hook of mkdocs: pages of the commands, folders in the navigation, links from docs/ to other files of the tree."""
import os
import re
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

TOP = Path(__file__).resolve().parent.parent
COMMANDS = TOP / "build" / "site-commands"  # scripts/site.sh has `assemble man` write them
LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+)(#[^)\s]*)?(\))")


def command_pages():
    """Names of the pages that the program wrote, that of all commands first."""
    names = [path.name for path in sorted(COMMANDS.glob("*.md"), key=lambda path: path.stem)]
    if "assemble.md" not in names:
        raise PluginError(f"{COMMANDS} has no pages: build the site by `make site`")
    return ["assemble.md"] + [name for name in names if name != "assemble.md"]


def title_of(path):
    """The text of a page's first heading, short."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line[2:].replace("`", "").split(" (--")[0].strip()
    raise PluginError(f"{path} has no heading")


def pages_below(folder):
    """Entries of the navigation for a folder's pages, README.md first."""
    if folder == "commands/":
        return [{title_of(COMMANDS / name).removeprefix("assemble "): folder + name} for name in command_pages()]
    paths = sorted((TOP / "docs" / folder).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
    return [folder + path.name if path.name == "README.md" else {title_of(path): folder + path.name} for path in paths]


def on_config(config):
    for entry in config.nav:
        for title, value in entry.items() if isinstance(entry, dict) else ():
            if isinstance(value, str) and value.endswith("/"):
                entry[title] = pages_below(value)
    return config


def outside(page_path, target):
    """The file of the tree, seen from its top, that a link of a page leads to; nothing when it stays in docs/."""
    path = (TOP / "docs" / page_path).parent / target
    path = Path(os.path.normpath(path))
    return None if path.is_relative_to(TOP / "docs") or not path.is_file() else path.relative_to(TOP)


def on_files(files, config):
    for name in command_pages():
        files.append(File.generated(config, f"commands/{name}", abs_src_path=str(COMMANDS / name)))
    added = set()
    for page in list(files.documentation_pages()):
        for match in LINK.finditer(page.content_string):
            path = outside(page.src_uri, match.group(2))
            if path is not None and path not in added:
                added.add(path)
                files.append(File.generated(config, f"files/{path.as_posix()}", abs_src_path=str(TOP / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    def to_copy(match):
        path = outside(page.file.src_uri, match.group(2))
        if path is None:
            return match.group(0)
        up = "../" * page.file.src_uri.count("/")
        return f"{match.group(1)}{up}files/{path.as_posix()}{match.group(4)}"

    return LINK.sub(to_copy, markdown)
