"""Starts two S3 servers on free ports of this machine, for as long as standard input is open.

Prints one line of JSON: for each server its name, endpoint, access key and secret key. Both check signatures: moto because a user with a
key is created before it begins to, SeaweedFS from a file of identities.
"""

import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# The requests that create the user are not checked; moto reads this when it is imported.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"
USER_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; held until all are found, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_moto() -> dict:
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    (port,) = free_ports(1)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    iam = boto3.client(
        "iam", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    iam.create_user(UserName="freshet")
    iam.put_user_policy(UserName="freshet", PolicyName="s3", PolicyDocument=json.dumps(USER_POLICY))
    key = iam.create_access_key(UserName="freshet")["AccessKey"]
    return {
        "name": "moto",
        "endpoint": endpoint,
        "access_key": key["AccessKeyId"],
        "secret_key": key["SecretAccessKey"],
    }


def start_seaweed(folder: str) -> tuple[dict, subprocess.Popen]:
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"]
    ports = dict(zip(names, free_ports(len(names))))
    access, secret = "freshet", secrets.token_hex(16)
    identities = {
        "identities": [
            {
                "name": "freshet",
                "credentials": [{"accessKey": access, "secretKey": secret}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }
    config = pathlib.Path(folder, "identities.json")
    config.write_text(json.dumps(identities))
    weed = pathlib.Path(sys.executable).with_name("weed")
    # A bucket takes several volumes.
    command = [str(weed), "server", f"-dir={folder}", "-ip=127.0.0.1", "-filer", "-s3", f"-s3.config={config}", "-volume.max=300"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    log = open(pathlib.Path(folder, "log"), "wb")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(endpoint, timeout=2)
            break
        except urllib.error.HTTPError:
            # It refuses what is not signed, so it is up.
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("SeaweedFS does not start: " + pathlib.Path(folder, "log").read_text()[-2000:])
            time.sleep(0.1)
    return {"name": "seaweedfs", "endpoint": endpoint, "access_key": access, "secret_key": secret}, process


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="freshet-s3-") as folder:
        seaweed, process = start_seaweed(folder)
        try:
            print(json.dumps([start_moto(), seaweed]), flush=True)
            sys.stdin.read()
        finally:
            # It takes half a minute to end by itself.
            process.send_signal(signal.SIGKILL)
            process.wait()
    # Without waiting for threads of requests.
    os._exit(0)


if __name__ == "__main__":
    main()
