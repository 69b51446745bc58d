# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of pages, each page in a folder of its own, in the order in which they stand.

Usage: run_pages.py FOLDER [PAGE ...]   (PAGE: README.md, docs/tasks/train.md, assemble-train.md of the commands' pages)
"""
import concurrent.futures
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from page_stand_ins import MAKERS, TOP, Absent, StandIns

# What takes long is cut: (what a command holds, what stands there when it runs). Nothing else of a command changes.
CUTS = (
    (r"(?<=--minutes )[\d.]+", "0.03"),
    (r"(?<=--epochs )\d+(?= --fine-eval-ratio)", "8"),  # of which the last two are kept
    (r"(?<=--eval-every )\d+", "8"),
    (r"(?<=--epochs )\d+(?! --fine)\b", "1"),
    (r"(?<=^epochs = )\d+", r"1\nwarmup-epochs = 0\nbatch-size = 8\nthreads = 1"),
    (r"--warmup-epochs \d+", "--warmup-epochs 0"),
    (r"(?<=--batch-size )\d+", "8"),
    (r"(?<=--accumulate )\d+", "1"),
    (r"(?<=--seconds )\d+", "0.2"),
    (r"(?<=--corrupted-images )\d+", "4"),
    (r"(?<=--sequences )\d+", "1"),
    (r"--resize 292 --crop 256", "--resize 36 --crop 32"),
    (r"(?<=threads )8", "1"),
    (r"(?<=--processes )\d+|(?<=--nproc-per-node )\d+|(?<=mpirun -np )\d+", "2"),
    # Networks are thin.
    (r"(?<=[ '\"])(assemble_resnet50)(?=[@: ]|$)", r"resnet50+bl+sk+aa3"),
    (r"(?<=[ '\"])(resnet(?:50|152)[\w+(),]*?)(?:\+w\d+)?(?=[@: '\"]|$)", r"\1+w4"),
    (r"\bemb512\b", "emb16"),
    # Machines that are not here.
    (r"--device cuda", "--device cpu"),
    (r"MASTER_ADDR=node1", "MASTER_ADDR=127.0.0.1"),
    (r"MASTER_PORT=29500", "MASTER_PORT=$free_port"),
)

# Options for commands that do not have them. Those of `train` suit few steps of few images.
ADDED = {
    "train(?=.* --find-lr)": "--batch-size 64",  # a smaller one's losses say nothing
    "train": "--threads 1 --batch-size 8 --warmup-epochs 0 --bn-momentum 0.8",
    "train(?=.* --recipe [A-Z])": "--arch resnet50+sk+w4 --accumulate 1 --epochs 1 --train-size 32 --eval-size 32",
    "train(?=.* --(arch|recipe) )(?!.* --preprocessing)": "--train-size 64 --eval-size 64",
    "train(?=.* --arch)(?!.* --epochs)(?!.* --resume)": "--epochs 1",
    "train(?!.* --(epochs|minutes|config|recipe|arch|help))": "--minutes 0.03",
    "export(?=.* --int8)": "--calibration-images 16",
    "ablate": "--seeds 0 --corruptions official --corrupted-images 4 --sequences 1",
    "demo": "--epochs 1 --train-per-class 4 --corrupted-images 4 --sequences 1 --width 8",
    "dataset draw": "--train-per-class 8 --validation-per-class 3 --side 64",
    "corrupt": "--resize 36 --crop 32",
    "perturb": "--resize 36 --crop 32",
    "robustness p": "--images 1",
    "benchmark(?! data| corrupt)": "--seconds 0.2 --warm-up 1 --no-peak",
    "benchmark data": "--seconds 0.1 --repeats 1 --images 8",
    "benchmark corrupt": "--images 2 --repeats 1 --crop 32 --resize 36",
}

# Commands that do not run here, and why.
NOT_RUN = (
    (r"^(scripts/bootstrap.sh cuda && |ASSEMBLE_TORCH_DIR=\S+ )?make (build|demo|test)\b",
     "the build that is tested, and what else tests it"),
    (r"^tensorboard ", "a server; tests/tensorboard_test.sh reads what it shows"),
    (r"^docker run ", "a server's image; tests hold the folder against the servers' schemas"),
    (r"^python -c .*torchvision", "a download of weights"),
    (r"^python3 benchmarks/gpu/run.py", "needs a GPU; tests/gpu_benchmark_test.sh runs it without"),
    (r"^source <\(assemble completion zsh\)", "a line for zsh"),
)

# Blocks that are files of the reader's: (page, language of the block) and their names.
SHOWN_FILES = {
    ("docs/tutorial.md", "c"): "sign.c",
    ("docs/tasks/ablate.md", "toml"): "ladder.toml",
    ("docs/tasks/foreign-models.md", "toml"): "network.toml",
}

# What holds besides, when a page has run.
AFTER = {
    "docs/tutorial.md": '''
        photo=$(find signs-clean/val -type f | sort | head -n 1)
        expected=$(assemble predict --quiet --model signs.onnx --top 1 --format csv "$photo" |
          tail -n 1 | cut -d , -f 4)
        [[ $(./sign signs.onnx "$photo") == "$photo: $expected, "* ]]''',
}

# Functions of every page's shell. Launchers of clusters are ones that start two processes here, with what those leave
# in the environment; PyTorch's own starts them where it is installed.
PRELUDE = r"""
set -o pipefail
step() { printf '%s\n' "$1" >>"$HOME/.steps"; printf '\n$ %s\n' "$2"; }
check() { [ "$1" -eq 0 ] || { echo "exit status $1"; exit 1; }; }
wrote() { compgen -G "$1*" >/dev/null || { echo "it did not write $1"; exit 1; }; }
place() { [ -e "$2" ] || { mkdir -p "$(dirname "$2")" && cp -r "$1" "$2"; }; }
all_ended() { local job; for job in $(jobs -p); do wait "$job" || { echo "one behind & failed"; exit 1; }; done; }

make() { cmake --install "$top/build" --prefix "${2#prefix=}" >/dev/null; }
command -v man >/dev/null || man() { cat >/dev/null; }

# both RANK WORLD LOCAL_RANK LOCAL_WORLD COMMAND: the names of the variables
both() {
  local rank job status=0
  local jobs=()
  for rank in 0 1; do
    env "$1=$rank" "$2=2" "$3=$rank" "$4=2" "${@:5}" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || status=$?; done
  return "$status"
}
command -v torchrun >/dev/null || torchrun() {
  while [ "$1" != assemble ]; do shift; done
  MASTER_ADDR=127.0.0.1 MASTER_PORT=$free_port both RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE "$@"
}
mpirun() (
  while [ "$1" != assemble ]; do [ "$1" != -x ] || export "$2"; shift; done
  both OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE OMPI_COMM_WORLD_LOCAL_RANK OMPI_COMM_WORLD_LOCAL_SIZE "$@"
)
srun() { both SLURM_PROCID SLURM_STEP_NUM_TASKS SLURM_LOCALID SLURM_STEP_TASKS_PER_NODE "$@"; }
scontrol() { echo 127.0.0.1; }
"""

WRITING = ("--out", "--report", "--list", "--output", "--explain")


def blocks(text):
    """(language, text) of each block of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def commands_of(block):
    """The commands of a shell's block, without comments; a command may go over several lines."""
    commands, whole = [], ""
    for line in block.splitlines():
        line = re.sub(r"(^|\s+)#.*$", "", line)
        if not line:
            continue
        whole += line
        if re.search(r"(\\|\|\||&&|\|)$", line):
            whole += "\n"
        else:
            commands.append(whole)
            whole = ""
    return commands


def cut(text):
    for pattern, shorter in CUTS:
        text = re.sub(pattern, shorter, text, flags=re.M)
    for command, options in ADDED.items():
        found = re.search(rf"\bassemble {command}(?=\s|$)", text, re.S)
        more = [option for option in re.findall(r"--\S+(?: [^-]\S*)?", options) if option.split()[0] not in text]
        if found and more:
            text = f"{text[:found.end()]} {' '.join(more)}{text[found.end():]}"
    return text


def words_of(command):
    try:
        return shlex.split(command, comments=True)
    except ValueError:  # quotes within $()
        return command.split()


def outputs_of(command):
    """What a command says that it writes."""
    words = words_of(command)
    if "--dry-run" in words:
        return []
    written = [words[i + 1] for i, word in enumerate(words) if word in WRITING]
    written += [word[1:] for word in words if word.startswith(">") and len(word) > 1]
    if words[:2] == ["assemble", "convert"]:
        written.append(words[3])
    return written


def reason_against(command):
    return next(((pattern, why) for pattern, why in NOT_RUN if re.search(pattern, command)), None)


class Page:
    def __init__(self, name, text):
        self.name = name
        self.blocks = [commands_of(body) for language, body in blocks(text) if language == "sh"]
        self.files = {SHOWN_FILES[name, language]: body for language, body in blocks(text)
                      if (name, language) in SHOWN_FILES}

    def commands(self):
        return [command for block in self.blocks for command in block]

    def keep(self, wanted):
        self.blocks = [[command for command in block if wanted(command)] for block in self.blocks]

    def place(self, stand_ins, command):
        """Lines that place what a command reads and does not write."""
        read = re.sub(r"prefix=\S+", "", command)
        for written in outputs_of(command):
            read = re.sub(rf"(?<=[ >]){re.escape(written)}(?=\s|$)", "", read)
        lines = []
        for name in stand_ins.named_by(read):
            for file in stand_ins.files(name):
                lines.append(f'place {shlex.quote(str(file))} "{Path(name).parent / file.name}"')
        return lines

    def script(self, stand_ins):
        """The shell's text, and what did not get into it, with the reasons."""
        lines, left_out, number = [], {}, 0
        for block in self.blocks:
            written_at_end = []
            for command in block:
                number += 1
                try:
                    placed = self.place(stand_ins, command)
                except Absent as absent:
                    left_out[command] = str(absent)
                    continue
                shown = cut(command)
                lines += [f"step {number} {shlex.quote(shown)}", *placed, shown, "check $?"]
                written = [f'wrote "{path}"' for path in outputs_of(shown)]
                if shown.rstrip().endswith("&"):
                    written_at_end += written
                else:
                    lines += written
            lines += ["all_ended", *written_at_end]
        if self.name in AFTER:
            lines += ["step after 'what the page says besides'", AFTER[self.name], "check $?"]
        return "\n".join([PRELUDE, *lines, ""]), left_out

    def run(self, folder, script, cache):
        """(seconds, what went wrong)"""
        for name, text in self.files.items():
            (folder / name).write_text(cut(text))
        environment = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(cache), "top": str(TOP),
                       "SLURM_JOB_NODELIST": "here"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            environment["free_port"] = str(free.getsockname()[1])
        (folder / ".config/fish/completions").mkdir(parents=True)
        began = time.monotonic()
        with open(folder / ".log", "w") as log:
            status = subprocess.run(["timeout", "1800", "bash", "-c", script], cwd=folder, env=environment,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT).returncode
        seconds = time.monotonic() - began
        if status == 0:
            return seconds, ""
        log = (folder / ".log").read_text(errors="replace")
        return seconds, "\n".join([*log[log.rfind("\n$ ") + 1:].splitlines()[-30:], ""])


def read_pages(work):
    names = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md")), *sorted((TOP / "docs/tasks").glob("*.md")),
             *sorted((TOP / "docs/techniques").glob("*.md")), TOP / "python/README.md"]
    pages = [Page(str(path.relative_to(TOP)), path.read_text(encoding="utf-8")) for path in names]
    made = work / "commands"
    subprocess.run(["assemble", "man", "--quiet", "--format", "markdown", "--out", made], check=True,
                   stdout=subprocess.DEVNULL)
    shown = {command for page in pages for command in page.commands()}
    for path in sorted(made.glob("*.md")):
        page = Page(path.name, path.read_text(encoding="utf-8"))
        page.keep(lambda command: command not in shown)  # a command that stood before has run
        shown.update(page.commands())
        pages.append(page)
    return pages


def main():
    work, chosen = Path(sys.argv[1]), sys.argv[2:]
    os.environ["PATH"] = f"{TOP / 'build'}:{os.environ['PATH']}"
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    all_pages = read_pages(work)
    pages = [page for page in all_pages if page.commands() and (not chosen or page.name in chosen)]
    problems = [f"there is no page {name}" for name in chosen if name not in [page.name for page in pages]]

    stand_ins = StandIns(work / "stand-ins")
    not_run, used, running, failed = [], set(), [], 0

    def run(page, script):
        folder = work / "pages" / page.name
        folder.mkdir(parents=True)
        seconds, problem = page.run(folder, script, work / "cache")
        shutil.rmtree(folder)
        return page, seconds, problem

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for page in sorted(pages, key=lambda page: -len(page.commands())):
            for command in page.commands():
                reason = reason_against(command)
                if reason:
                    used.add(reason[0])
                    not_run.append((page.name, command, reason[1]))
            page.keep(lambda command: not reason_against(command))
            script, left_out = page.script(stand_ins)
            page.keep(lambda command: command not in left_out)
            not_run += [(page.name, command, why) for command, why in left_out.items()]
            running.append(pool.submit(run, page, script))
        print(f"what the commands name is made: {time.monotonic() - BEGAN:.0f} s", flush=True)
        for done in running:
            page, seconds, problem = done.result()
            print(f"{page.name}: {len(page.commands())} commands, {seconds:.1f} s{problem and ', failed'}\n{problem}",
                  end="", flush=True)
            failed += bool(problem)
    if not chosen:
        problems += [f"no command matches {pattern}, which is not to run" for pattern, _ in NOT_RUN
                     if pattern not in used]
        problems += [f"no command names {name}, which there is a stand-in for" for name in MAKERS
                     if name not in stand_ins.asked]
    for name, command, why in not_run:
        print(f"not run ({why}): {name}: {command.splitlines()[0]}")
    for problem in problems:
        print(f"failed: {problem}")
    count = sum(len(page.commands()) for page in pages)
    seconds = time.monotonic() - BEGAN
    print(f"pages: {count} commands of {len(pages)} pages, {seconds:.0f} s; {len(not_run)} not run; "
          f"{failed} pages failed")
    return 1 if failed or problems else 0


BEGAN = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
