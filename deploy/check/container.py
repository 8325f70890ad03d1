#!/usr/bin/env python3
"""Checks the image and compose.yaml as far as that is possible without Docker: what is copied is there and not ignored, what is run
parses, what is referred to exists, and the program accepts its settings and command lines."""
import fnmatch
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import yaml

import freshet_program

ROOT = freshet_program.ROOT
FOLDER = ROOT / "deploy/container"
KNOWN = {"FROM", "RUN", "COPY", "ARG", "ENV", "WORKDIR", "VOLUME", "EXPOSE", "USER", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def instructions():
    text = "\n".join(line for line in (FOLDER / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


def options(rest):
    """(values of --name=value, what remains)."""
    flags = {}
    while match := re.match(r"--(\w+)=(\S+)\s+", rest):
        flags[match[1]], rest = match[2], rest[match.end():]
    return flags, rest


def is_ignored(path):
    ignored = False
    for pattern in (FOLDER / "Dockerfile.dockerignore").read_text().split():
        name = pattern.removeprefix("!")
        if fnmatch.fnmatch(path, name) or path.startswith(name + "/"):
            ignored = not pattern.startswith("!")
    return ignored


def dockerfile_problems():
    stages, user, seen = set(), "root", set()
    for name, rest in instructions():
        seen.add(name)
        if name not in KNOWN:
            yield f"unknown instruction {name}"
        if name == "FROM":
            words, user = rest.split(), "root"
            if len(words) == 3:
                stages.add(words[2])
        elif name == "COPY":
            flags, paths = options(rest)
            for source in paths.split()[:-1]:
                if "from" not in flags and not (ROOT / source).exists():
                    yield f"COPY {source}: there is no such file"
                if "from" not in flags and is_ignored(source):
                    yield f"COPY {source}: Dockerfile.dockerignore leaves it out"
        elif name == "RUN":
            flags, command = options(rest)
            mount = dict(part.split("=", 1) for part in flags.get("mount", "").split(",") if "=" in part)
            if mount and mount["from"] not in stages:
                yield f"RUN: there is no stage {mount['from']}"
            if (done := subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True)).returncode:
                yield f"RUN {command}: {done.stderr.strip()}"
        elif name == "USER":
            user = rest
        elif name in ("ENTRYPOINT", "CMD"):
            if not isinstance(json.loads(rest), list):
                yield f"{name} is not a list"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", user):
        yield f"the image runs as {user}: runAsNonRoot needs a number"
    yield from (f"{name} is missing" for name in ("HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD") if name not in seen)
    libraries = re.search(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    installed = " ".join(rest for name, rest in instructions() if name == "RUN")
    yield from (f"{package} of the Makefile is not installed" for package in libraries if package not in installed.split())


def image_environment():
    pairs = [word.split("=", 1) for name, rest in instructions() if name == "ENV" for word in shlex.split(rest)]
    return {key: value for key, value in pairs if key.startswith("FRESHET_")}


def reference_problems(compose):
    services = compose["services"]
    for name, service in services.items():
        for other in service.get("depends_on", []):
            if other not in services:
                yield f"{name} depends on {other}, which is not there"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and not (FOLDER / source).is_file():
                yield f"{name}: there is no file {source}"
            if not source.startswith(".") and source not in compose["volumes"]:
                yield f"{name}: there is no volume {source}"
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                yield f"{name}: port {port} is open to other machines"
        if "build" in service and not (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file():
            yield f"{name}: there is no {service['build']['dockerfile']}"
    reached = [f"{name}:{port}" for name, service in services.items() for port in re.findall(r":(\d+)", json.dumps(service))]
    for job in yaml.safe_load((FOLDER / "monitoring/prometheus.yml").read_text())["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            host = target.split(":")[0]
            if host not in services:
                yield f"prometheus.yml: there is no service {host}"
    for name in ("FRESHET_KAFKA_BOOTSTRAP_SERVERS", "FRESHET_GATEWAY_ENGINE"):
        for service in services.values():
            address = (service.get("environment") or {}).get(name)
            if address and address not in reached:
                yield f"{name}={address}: no service listens there"


def substituted(value, environment={}):
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: environment.get(match[1], match[2]), str(value))


def program_problems(compose):
    """Makes the tokens with the script of their service, then asks the program about every service of its image."""
    path = freshet_program.program()
    if not path:
        return
    with tempfile.TemporaryDirectory() as folder:
        tokens = pathlib.Path(folder, "tokens")
        tokens.mkdir()
        pathlib.Path(folder, "freshet").symlink_to(path)
        script = compose["services"]["tokens"]["command"][0].replace("/run/freshet", str(tokens))
        script = re.sub(r"chown .*", "", script)
        search = f"{folder}:{os.environ['PATH']}"
        for _ in range(2):  # The second time nothing may change.
            done = subprocess.run(["/bin/sh", "-ec", script], env={"PATH": search}, cwd=folder, capture_output=True, text=True)
            state = {file.name: file.read_text() for file in tokens.iterdir()}
            if done.returncode or sorted(state) != ["admin.token", "gateway.token", "gateway.tokens"]:
                yield f"tokens: {done.stderr.strip() or sorted(state)}"
            if "before" in locals() and before != state:
                yield "tokens: a second start changed them"
            before = state
        for name, service in compose["services"].items():
            if "dockerfile" not in service.get("build", {}) or name == "tokens":
                continue
            environment = {**image_environment(), **service.get("environment", {})}
            environment = {key: substituted(value).replace("/run/freshet", str(tokens)) for key, value in environment.items()}
            for problem in freshet_program.command_problems(path, service.get("command", []), environment, folder):
                yield f"{name}: {problem}"


def main():
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    problems = [f"Dockerfile: {problem}" for problem in dockerfile_problems()]
    problems += [f"compose.yaml: {problem}" for problem in [*reference_problems(compose), *program_problems(compose)]]
    if problems:
        print(*problems, sep="\n", file=sys.stderr)
        return 1
    print(f"container: {sum(1 for _ in instructions())} instructions, {len(compose['services'])} services")
    return 0


if __name__ == "__main__":
    sys.exit(main())
