"""The program, to check settings and command lines with: $FRESHET, or one that was built here."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program():
    """None, said loudly, if nothing was built."""
    candidates = [os.environ.get("FRESHET"), ROOT / ".build/release/freshet", ROOT / ".build/package/release/freshet"]
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return str(pathlib.Path(path).absolute())
    print("SKIPPED: no freshet is built, so settings and command lines were not checked (make build)", file=sys.stderr)
    return None


def run(path, arguments, environment, folder):
    """Exit status and what was printed, with nothing else in the environment."""
    done = subprocess.run([path, *arguments], env={**environment, "PATH": os.environ["PATH"]}, cwd=folder, capture_output=True, text=True)
    return done.returncode, (done.stderr or done.stdout).strip()


def command_problems(path, arguments, environment, folder):
    """Whether the program understands a command line, and accepts its settings."""
    code, text = run(path, [*arguments, "--help"], environment, folder)
    if code != 0:
        yield f"freshet {' '.join(arguments)}: {text}"
    options, words = [], iter(arguments)
    for word in words:
        if word in ("--config", "--set"):
            options += [word, next(words, "")]
    yield from (f"{name}={file}: there is no such file" for name, file in environment.items()
                if name.endswith("_FILE") and not pathlib.Path(file).is_file())
    code, text = run(path, ["config", "check", *options], environment, folder)
    if code != 0:
        yield text
