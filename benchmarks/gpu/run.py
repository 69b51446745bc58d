# SPDX-License-Identifier: Apache-2.0
"""Everything that needs a GPU, on one: is what it computes right, and how fast is it beside Python PyTorch?

Needs Python's torch 2.11 alone; the programs come from the pack that benchmarks/gpu/pack.sh made elsewhere, or from build/.
  python3 benchmarks/gpu/run.py --part correctness --out DIR
  python3 benchmarks/gpu/run.py --part speed --out DIR
writes DIR/correctness.csv or DIR/speed.csv, ends with a table, and with status 1 when a check fails. --device cpu goes the
same ways without a GPU, as far as there are any.
"""

import argparse
import csv
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
ARCHS = {"vanilla": "resnet50", "assembled": "resnet50+bl+sk+aa3"}
CLASSES = 1000
# Of a step's change of the weights beside the CPU's in f32, and of the losses of eight. A wrong step is off by 1.
STEP_LIMITS = {"f32": 0.02, "bf16": 0.5, "f16": 0.25}
LOSS_LIMITS = {"f32": 0.02, "bf16": 0.1, "f16": 0.1}
RECORDED_LIMITS = {"f32": 0.05, "bf16": 0.3, "f16": 0.3}
LOGIT_LIMITS = {"f32": 0.02, "bf16": 0.1, "f16": 0.05}


class Failed(Exception):
    """A program did not do what it should; the text says why."""


class Programs:
    """The programs, and the environment in which they find their libraries."""

    def __init__(self, args, folder):
        pack = pathlib.Path(args.pack)
        if pack.is_file():
            with tarfile.open(pack) as archive:
                archive.extractall(folder, filter="data")
            self.folder = self.benchmarks = folder
        else:
            self.folder, self.benchmarks = ROOT / "build", ROOT / "build/benchmarks"
        needed = [self.folder / "assemble", self.folder / "assemble-torch", self.benchmarks / "assemble_gpu_step",
                  self.benchmarks / "assemble_loader"]
        missing = [str(path) for path in needed if not path.is_file()]
        if missing:
            sys.exit(f"run.py: not found: {', '.join(missing)}; there is no {pack} either. Where the packages of "
                     "scripts/bootstrap.sh are, `scripts/build.sh release` builds them; benchmarks/gpu/pack.sh packs them")
        self.environment = dict(os.environ, ASSEMBLE_EXEC_PATH=str(self.folder))
        libraries = [str(folder / "lib")]
        if args.torch:
            site = pathlib.Path(args.torch).resolve().parent
            libraries = [f"{args.torch}/lib", *map(str, sorted(site.glob("nvidia/*/lib"))), *libraries]
        libraries.append(os.environ.get("LD_LIBRARY_PATH", ""))
        self.environment["LD_LIBRARY_PATH"] = ":".join(filter(None, libraries))

    def run(self, command, seconds):
        try:
            done = subprocess.run(list(map(str, command)), env=self.environment, capture_output=True, text=True,
                                  timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"took more than {seconds} s") from None
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise Failed(f"status {done.returncode}: {' | '.join(lines[-3:])}")
        return done.stdout

    def step(self, mode, *arguments, seconds=240):
        return json.loads(self.run([self.benchmarks / "assemble_gpu_step", mode, *arguments], seconds))

    def assemble(self, *arguments, seconds=240):
        return self.run([self.folder / "assemble", *arguments], seconds)


class Checks:
    """What was found beside what is allowed."""

    def __init__(self):
        self.rows = []

    def add(self, name, found, limit):
        self.rows.append([name, f"{found:.3g}", f"{limit:.3g}", "ok" if found <= limit else "WRONG"])  # NaN is wrong
        print(*self.rows[-1], flush=True)

    def attempt(self, name, check):
        try:
            check()
        except (Failed, KeyError, ValueError, OSError) as error:
            self.rows.append([name, str(error), "", "FAILED"])
            print(*self.rows[-1], flush=True)

    def all_right(self):
        return bool(self.rows) and all(row[3] == "ok" for row in self.rows)


def check_recorded(checks, args, found, name, what, precision):
    """What a CUDA graph replays, beside the same called; nothing on the CPU."""
    if args.device == "cpu":
        return
    if not found["is_recorded"]:
        raise Failed(f"{what} was not recorded as a CUDA graph")
    checks.add(name, found["recorded_difference"], RECORDED_LIMITS[precision])


def is_slow(args, precision):
    """The CPU computes f16 a value at a time."""
    return args.device == "cpu" and precision == "f16"


def check_steps(programs, checks, args, network, precision):
    name = f"{network} {precision}"
    steps = 2 if is_slow(args, precision) else 8
    found = programs.step("check", "--device", args.device, "--arch", ARCHS[network] + args.width, "--precision",
                          precision, "--batch-size", 16, "--image-size", 64, "--steps", steps, "--classes", 10)
    checks.add(f"{name}: one step beside the CPU", found["step_difference"], STEP_LIMITS[precision])
    checks.add(f"{name}: losses of {steps} steps", found["loss_difference"], LOSS_LIMITS[precision])
    check_recorded(checks, args, found, f"{name}: recorded beside called", "the step", precision)


def check_exchange(programs, checks, args, precision):
    """Gradients go through NCCL, or Gloo on the CPU, of a single process: recorded, too."""
    name = f"vanilla {precision}"
    side = 32 if is_slow(args, precision) else 64
    found = programs.step("exchange", "--device", args.device, "--arch", ARCHS["vanilla"] + args.width, "--precision",
                          precision, "--batch-size", 16, "--image-size", side, "--classes", 10)
    link = "Gloo" if args.device == "cpu" else "NCCL"
    checks.add(f"{name}: exchanged by {link}", found["exchanged_difference"], RECORDED_LIMITS[precision])
    check_recorded(checks, args, found, f"{name}: exchanged in a CUDA graph", "the step with an exchange", precision)


def check_crops(programs, checks, args):
    found = programs.step("crop", "--device", args.device, "--batch-size", 64)
    checks.add("crops of the device, to the bit", found["crop_difference"], 0)


def check_inference(programs, checks, args, network, precision):
    found = programs.step("infer", "--device", args.device, "--arch", ARCHS[network] + args.width, "--precision",
                          precision, "--batch-size", 8, "--image-size", 128, "--steps", 1)
    checks.add(f"{network} {precision}: logits of --engine torch", found["logit_difference"], LOGIT_LIMITS[precision])


def losses_of(run):
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line["cross_entropy"] for line in lines if "cross_entropy" in line]


def train(programs, args, folder, name, *arguments, steps=10):
    """The losses of the steps of `assemble train`."""
    run = folder / name.replace(" ", "-")
    programs.assemble("train", "--data", folder / "shapes", "--out", run, "--arch", "resnet50+w16", "--epochs", 100,
                      "--max-steps", steps, "--log-every", 1, "--train-size", 64, "--eval-size", 64, "--seed", 3, "--lr",
                      0.0005, "--zero-gamma", "--loader-threads", 2, *arguments)
    losses = losses_of(run)
    if len(losses) < steps:
        raise Failed(f"{run} has {len(losses)} losses")
    return losses


def farthest(found, wanted):
    return max(abs(f - w) / w for f, w in zip(found, wanted, strict=True))


def check_runs(programs, checks, args, folder):
    programs.assemble("dataset", "draw", "--out", folder / "shapes", "--train-per-class", 20)
    on = ["--device", args.device]
    wanted = train(programs, args, folder, "cpu", "--device", "cpu", "--batch-size", 32)
    def beside(name, limit, *arguments, steps=10):
        checks.attempt(name, lambda: checks.add(
            name, farthest(train(programs, args, folder, name, *on, *arguments, steps=steps), wanted[:steps]), limit))
    beside("train f32", 0.02, "--batch-size", 32)
    plain = ["--batch-size", 32, "--preprocessing", "imagenet_64", "--auto-augment", "none"]
    def cropped():
        by_loader = train(programs, args, folder, "loader", *on, *plain)
        checks.add("train, crops of the device",
                   farthest(train(programs, args, folder, "device", *on, *plain, "--crop-on-device"), by_loader), 0.02)
    checks.attempt("train, crops of the device", cropped)
    beside("train bf16", 0.1, "--batch-size", 32, "--precision", "bf16")
    beside("train f16", 0.1, "--batch-size", 32, "--precision", "f16", steps=2 if is_slow(args, "f16") else 10)
    beside("train 2 processes", 0.02, "--batch-size", 16, "--processes", 2, "--sync-bn")
    def own_norms():
        # On devices of their own the last steps are recorded, with NCCL's exchanges in them.
        in_turns = train(programs, args, folder, "in turns", "--device", "cpu", "--batch-size", 16, "--accumulate", 2,
                         steps=14)
        several = train(programs, args, folder, "own norms", *on, "--batch-size", 16, "--processes", 2, steps=14)
        checks.add("train 2 processes, norms of their own", farthest(several, in_turns), 0.02)
    checks.attempt("train 2 processes, norms of their own", own_norms)
    techniques = ["--batch-size", 32, "--mixup", 2, "--cutmix-alpha", 1, "--drop-block", 0.9, 0.8, "--stochastic-depth",
                  0.1, "--ema", 0.9, "--clip-gradients", 5, "--label-smoothing", 0.1]
    def twice():
        first = train(programs, args, folder, "techniques", *on, *techniques)
        checks.add("all techniques, twice", farthest(train(programs, args, folder, "again", *on, *techniques), first), 0.05)
    checks.attempt("all techniques, twice", twice)


def correctness(programs, args, folder):
    checks = Checks()
    for network in ARCHS:
        for precision in STEP_LIMITS:
            checks.attempt(f"{network} {precision}", functools.partial(check_steps, programs, checks, args, network, precision))
        for precision in ("f32", "bf16"):
            checks.attempt(f"{network} {precision} inference",
                           functools.partial(check_inference, programs, checks, args, network, precision))
    checks.attempt("crops", functools.partial(check_crops, programs, checks, args))
    for precision in STEP_LIMITS:
        checks.attempt(f"exchange {precision}", functools.partial(check_exchange, programs, checks, args, precision))
    checks.attempt("runs", functools.partial(check_runs, programs, checks, args, folder))
    return checks


def python_rates(mode, network, compiled, args):
    """Of the same networks in PyTorch, in this process."""
    import torch
    import torch.nn.functional as F
    import train_step

    torch.backends.cudnn.benchmark = True
    device = args.device
    model = (train_step.Vanilla() if network == "vanilla" else train_step.Assembled()).to(
        device, memory_format=torch.channels_last)
    images = torch.randn(args.batch_size, 3, args.image_size, args.image_size).contiguous(
        memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (args.batch_size,), device=device)
    type_of_device = torch.device(device).type

    def forward(batch):
        with torch.autocast(type_of_device, torch.bfloat16):
            return model(batch)

    if mode == "train":
        model.train()
        images = images.to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True)
        forward = torch.compile(forward) if compiled else forward

        def step():
            F.cross_entropy(forward(images).float(), labels, label_smoothing=0.1).backward()
            optimizer.step()
            optimizer.zero_grad()
    else:
        model.eval()
        images = images.pin_memory() if type_of_device == "cuda" else images
        forward = torch.compile(forward, mode="max-autotune") if compiled else forward

        def step():
            with torch.inference_mode():
                forward(images.to(device, non_blocking=True)).float().cpu()

    def wait():
        if type_of_device == "cuda":
            torch.cuda.synchronize()

    for _ in range(10):
        step()
    wait()
    rates = []
    for _ in range(10):
        begin = time.perf_counter()
        for _ in range(args.steps):
            step()
        wait()
        rates.append(args.batch_size * args.steps / (time.perf_counter() - begin))
    return rates


def speed(programs, args, folder):
    rows, problems = [], []

    def measure(what, network, who, rates):
        try:
            found = rates()
        except (Failed, KeyError, ValueError) as error:
            problems.append(f"{what} {network} {who}: {error}")
            return print(problems[-1], flush=True)
        rows.append([what, network, "bf16", args.batch_size, args.image_size, who, f"{statistics.median(found):.1f}",
                     f"{min(found):.1f}", f"{max(found):.1f}"])
        print(*rows[-1], flush=True)

    shape = ["--batch-size", args.batch_size, "--image-size", args.image_size, "--steps", args.steps]

    def ours(mode, network, *more):
        return programs.step(mode, "--device", args.device, "--arch", ARCHS[network] + args.width, "--precision", "bf16",
                             *shape, *more)["images_per_second"]

    whole = ", whole width" if args.width else ""

    def theirs(mode, network, compiled):
        command = [sys.executable, __file__, "--device", args.device, *shape, "--python", mode, network, compiled]
        return json.loads(programs.run(command, 300).splitlines()[-1])

    for network in ARCHS:
        measure("train", network, "assemble", lambda: ours("train", network))
        measure("train", network, "assemble, called", lambda: ours("train", network, "--called"))
        measure("infer", network, "assemble", lambda: ours("infer", network))
        for compiled in ("eager", "compile") if args.device != "cpu" else ("eager",):
            if args.torch:
                for mode in ("train", "infer"):
                    measure(mode, network, f"python {compiled}{whole}", lambda: theirs(mode, network, compiled))
    programs.assemble("dataset", "draw", "--out", folder / "shapes", "--train-per-class", 20)
    try:
        print(programs.run([programs.benchmarks / "assemble_loader", "--data", folder / "shapes"], 120))
    except Failed as error:
        problems.append(f"loader: {error}")
    return rows, problems


def machine(args):
    try:
        import torch
        name = torch.cuda.get_device_name() if args.device != "cpu" else "CPU"
        return f"{name}, {len(os.sched_getaffinity(0))} cores, torch {torch.__version__}"
    except ImportError:
        return f"CPU, {len(os.sched_getaffinity(0))} cores"


def write(path, args, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(f"# {time.strftime('%Y-%m-%d')}, {machine(args)}\n# command: python3 {' '.join(sys.argv)}\n")
        csv.writer(file).writerows([header, *rows])


def print_table(header, rows):
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def find_torch():
    try:
        import torch
        return torch.__path__[0]
    except ImportError:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["correctness", "speed"], default="correctness")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", default=".", type=pathlib.Path)
    parser.add_argument("--pack", default=ROOT / ".gpu/pack.tar.xz")
    parser.add_argument("--torch", default=find_torch(), help="Folder of Python's torch (default: the one that is imported)")
    parser.add_argument("--width", default="", help="Of our networks, +w16; for trying the script out")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=5, help="In each of ten measurements")
    parser.add_argument("--python", nargs=3, metavar=("MODE", "NETWORK", "HOW"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.python:
        mode, network, how = args.python
        print(json.dumps(python_rates(mode, network, how == "compile", args)))
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        programs = Programs(args, folder)
        if args.part == "correctness":
            checks = correctness(programs, args, folder)
            header = ["check", "found", "limit", "verdict"]
            write(args.out / "correctness.csv", args, header, checks.rows)
            print_table(header, checks.rows)
            return 0 if checks.all_right() else 1
        rows, problems = speed(programs, args, folder)
        header = ["what", "network", "precision", "batch", "size", "who", "median_images_per_second", "least", "most"]
        write(args.out / "speed.csv", args, header, rows)
        print_table(header, rows)
        for problem in problems:
            print("not measured:", problem)
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
