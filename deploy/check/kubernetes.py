#!/usr/bin/env python3
"""Checks deploy/kubernetes without a cluster: the schema of each version, references between objects, and settings by the program."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import kubernetes_validate
import yaml

import freshet_program

FOLDER = freshet_program.ROOT / "deploy/kubernetes"
VERSIONS = ["1.29", "1.31", "1.33", "1.35"]
# Not part of Kubernetes: the Prometheus operator defines them.
FOREIGN = {"ServiceMonitor"}


def objects(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def schema_problems(path, document):
    if document["kind"] in FOREIGN:
        return
    for version in VERSIONS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                kubernetes_validate.validate(document, version, strict=True)
        except Exception as problem:  # Of several kinds, and a warning means that the version is not known.
            where = "/".join(str(part) for part in getattr(problem, "path", []))
            yield f"{path.name}, {document['kind']} {document['metadata']['name']}, {version}: {where} {getattr(problem, 'message', problem)}"
            return


class Cluster:
    def __init__(self, kustomization, documents):
        self.kustomization = kustomization
        self.documents = documents
        self.workloads = [document for document in documents if document["kind"] in ("StatefulSet", "Deployment")]

    def of(self, kind):
        return [document for document in self.documents if document["kind"] == kind]

    def pods(self, labels):
        """The workloads whose pods have these labels."""
        return [one for one in self.workloads if labels.items() <= one["spec"]["template"]["metadata"]["labels"].items()]

    def ports(self, workload):
        return {port["name"]: port["containerPort"] for container in containers(workload) for port in container["ports"]}


def containers(workload):
    return workload["spec"]["template"]["spec"]["containers"]


def reference_problems(cluster):
    for workload in cluster.workloads:
        name, template = workload["metadata"]["name"], workload["spec"]["template"]
        if workload not in cluster.pods(workload["spec"]["selector"]["matchLabels"]):
            yield f"{name}: its selector does not match its own pods"
        yield from (f"{name}: {problem}" for problem in pod_problems(cluster, workload, template["spec"]))
    for service in cluster.of("Service"):
        name, selected = service["metadata"]["name"], cluster.pods(service["spec"]["selector"])
        if len(selected) != 1:
            yield f"service {name} selects the pods of {len(selected)} workloads"
            continue
        for port in service["spec"]["ports"]:
            if cluster.ports(selected[0]).get(port["targetPort"]) != port["port"]:
                yield f"service {name}: port {port['name']} is not one of the container"
    for budget in cluster.of("PodDisruptionBudget"):
        if len(cluster.pods(budget["spec"]["selector"]["matchLabels"])) != 1:
            yield f"the disruption budget {budget['metadata']['name']} does not select one workload"
        if budget["spec"].get("maxUnavailable") == 0:
            yield f"the disruption budget {budget['metadata']['name']} blocks every drain"
    for scaler in cluster.of("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found = [one for one in cluster.workloads if (one["kind"], one["metadata"]["name"]) == (target["kind"], target["name"])]
        if not found:
            yield f"the autoscaler's target {target['name']} is not there"
        elif "replicas" in found[0]["spec"]:
            yield f"{target['name']} has replicas and an autoscaler: each apply would undo its work"
    for policy in cluster.of("NetworkPolicy"):
        yield from policy_problems(cluster, policy)
    names = {service["metadata"]["name"] for service in cluster.of("Service")}
    yield from (f"{one['metadata']['name']}: there is no service {one['spec']['serviceName']}" for one in cluster.of("StatefulSet")
                if one["spec"]["serviceName"] not in names)


def pod_problems(cluster, workload, spec):
    # Kubernetes makes variables such as FRESHET_GATEWAY_PORT for services; the program refuses unknown ones.
    if spec.get("enableServiceLinks") is not False:
        yield "enableServiceLinks must be false"
    generated = {generator["name"] for generator in cluster.kustomization["configMapGenerator"]}
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    for volume in spec["volumes"]:
        if "configMap" in volume and volume["configMap"]["name"] not in generated:
            yield f"there is no config map {volume['configMap']['name']}"
        if "secret" in volume and volume["secret"].get("defaultMode") != 0o440:
            yield f"secret {volume['secret']['secretName']}: only mode 0440 is readable, and accepted"
    for container in spec["containers"]:
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        yield from (f"there is no volume {name}" for name in sorted(mounted - volumes))
        yield from (f"the volume {name} is not mounted" for name in sorted(volumes - mounted))
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                yield f"{probe} is missing"
            elif container[probe]["httpGet"]["port"] not in cluster.ports(workload):
                yield f"{probe}: there is no port {container[probe]['httpGet']['port']}"
        if container["image"] not in {image["name"] for image in cluster.kustomization["images"]}:
            yield f"the image {container['image']} is not named in kustomization.yaml"


def policy_problems(cluster, policy):
    name = policy["metadata"]["name"]
    selected = cluster.pods(policy["spec"]["podSelector"]["matchLabels"])
    if len(selected) != 1:
        yield f"the policy {name} selects {len(selected)} workloads"
        return
    for rule in policy["spec"]["ingress"]:
        yield from (f"the policy {name}: there is no port {port['port']}" for port in rule["ports"] if port["port"] not in cluster.ports(selected[0]))
    for peer in [peer for rule in policy["spec"]["ingress"] for peer in rule.get("from", [])] + \
            [peer for rule in policy["spec"]["egress"] for peer in rule.get("to", [])]:
        if "podSelector" in peer and not cluster.pods(peer["podSelector"]["matchLabels"]):
            yield f"the policy {name} names pods that are not there"


def program_problems(cluster):
    """Asks the program about each container, with the files that it would have: the config map, and tokens made by make-tokens."""
    path = freshet_program.program()
    if not path:
        return
    with tempfile.TemporaryDirectory() as folder:
        secrets = pathlib.Path(folder, "secrets")
        secrets.mkdir(mode=0o700)
        (secrets / "redis.password").write_text("secret\n")
        (secrets / "redis.password").chmod(0o600)
        done = subprocess.run([FOLDER / "make-tokens", secrets], env={**os.environ, "FRESHET": path}, capture_output=True, text=True)
        if done.returncode:
            yield f"make-tokens: {done.stderr.strip()}"
            return
        made = {file.name for file in secrets.iterdir()}
        used = set()
        for workload in cluster.workloads:
            volumes = workload["spec"]["template"]["spec"]["volumes"]
            keys = {item["key"] for volume in volumes if "secret" in volume for item in volume["secret"]["items"]}
            used |= keys
            yield from (f"make-tokens does not make {key}" for key in sorted(keys - made))
            view = pathlib.Path(folder, workload["metadata"]["name"])
            view.mkdir()
            for key in keys & made:  # Each pod sees only its own.
                (view / key).write_bytes((secrets / key).read_bytes())
                (view / key).chmod(0o600)
            for container in containers(workload):
                place = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets")
                config = view / "freshet.json"
                settings = (FOLDER / "freshet.json").read_text().replace(place, str(view))
                config.write_text(settings)
                yield from (f"freshet.json: {file} is not in the secret" for file in re.findall(rf'"({view}/[^"]*)"', settings)
                            if not pathlib.Path(file).is_file())
                environment = {one["name"]: one.get("value", "name").replace(place, str(view)) for one in container.get("env", [])}
                arguments = [word.replace("/etc/freshet/freshet.json", str(config)) for word in container["args"]]
                for problem in freshet_program.command_problems(path, arguments, environment, folder):
                    yield f"{workload['metadata']['name']}: {problem}"
        yield from (f"make-tokens makes {name}, which no pod and no person uses" for name in sorted(made - used - {"gateway.token"}))


def main():
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    problems = []
    for name in kustomization["resources"] + [file for one in kustomization["configMapGenerator"] for file in one["files"]]:
        if not (FOLDER / name).is_file():
            problems.append(f"kustomization.yaml: there is no {name}")
    json.loads((FOLDER / "freshet.json").read_text())
    paths = [path for path in sorted(FOLDER.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    text = (FOLDER / "kustomization.yaml").read_text()
    problems += [f"kustomization.yaml does not name {path.relative_to(FOLDER)}" for path in paths if str(path.relative_to(FOLDER)) not in text]
    documents = []
    for path in paths:
        for document in objects(path):
            documents.append(document)
            problems += schema_problems(path, document)
    if not problems:
        cluster = Cluster(kustomization, documents)
        problems += [*reference_problems(cluster), *program_problems(cluster)]
    if problems:
        print(*problems, sep="\n", file=sys.stderr)
        return 1
    print(f"kubernetes: {len(documents)} objects are valid in {', '.join(VERSIONS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
