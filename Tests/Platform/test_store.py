"""`freshet store` on directories and S3 servers, with boto3, DuckDB and pyarrow as the others who use the same buckets."""

import hashlib
import json
import os
import pathlib
import subprocess
import uuid

import boto3
import botocore.config
import duckdb
import pyarrow.fs
import pyarrow.parquet
import pytest

from tls_proxy import TLSProxy


class Store:
    """One store, and a way to run the program on it."""

    def __init__(self, program: str, address: str, query: str, environment: dict[str, str], folder: pathlib.Path):
        self.program, self.address, self.query, self.folder = program, address, query, folder
        self.environment = environment

    @property
    def full(self) -> str:
        return self.address + self.query

    def run(
        self, verb: str, *words: str, at: str | None = None, status: int = 0, stdin: bytes = b"", extra: dict[str, str] | None = None
    ):
        base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FRESHET_"))}
        done = subprocess.run(
            [self.program, "store", verb, at or self.full, *words],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=base | self.environment | (extra or {}),
            timeout=120,
        )
        assert done.returncode == status, (verb, words, done.stdout, done.stderr)
        for secret in (self.environment.get("AWS_SECRET_ACCESS_KEY"), "hunter2"):
            assert not secret or secret.encode() not in done.stdout + done.stderr
        return done

    def names(self, *words: str) -> list[str]:
        report = json.loads(self.run("list", *words, "--json").stdout)
        assert report["count"] == len(report["objects"])
        return sorted(entry["name"] for entry in report["objects"])


@pytest.fixture(params=["directory", "moto", "seaweedfs"])
def store(request, freshet, servers, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    if request.param == "directory":
        made = Store(freshet, str(tmp_path / "store"), "", {}, folder)
    else:
        server = servers[request.param]
        environment = {"AWS_ACCESS_KEY_ID": server["access_key"], "AWS_SECRET_ACCESS_KEY": server["secret_key"]}
        address = f"s3://b-{uuid.uuid4()}/some%20place"
        made = Store(freshet, address, f"?endpoint={server['endpoint']}", environment, folder)
    assert b"created" in made.run("create").stdout
    return made


def test_a_file_goes_in_and_comes_out(store):
    content = os.urandom(3_000_001)
    (store.folder / "a file.bin").write_bytes(content)
    put = store.run("put", "a file.bin", "deep/é/", "--json")
    assert json.loads(put.stdout) == {"object": "deep/é/a file.bin", "bytes": len(content)}
    assert store.names() == ["deep/é/a file.bin"]
    store.run("get", "deep/é/a file.bin", "copy.bin")
    assert (store.folder / "copy.bin").read_bytes() == content
    assert store.run("get", "deep/é/a file.bin", "-").stdout == content
    assert sorted(path.name for path in store.folder.iterdir()) == ["a file.bin", "copy.bin"]
    store.run("put", "a file.bin")
    assert store.names() == ["a file.bin", "deep/é/a file.bin"]


def test_a_file_that_is_there_is_kept(store):
    (store.folder / "a").write_bytes(b"mine")
    store.run("put", "-", "x/a", stdin=b"theirs")
    assert b"--force" in store.run("get", "x/a", status=1).stderr
    assert (store.folder / "a").read_bytes() == b"mine"
    store.run("get", "x/a", "--force")
    assert (store.folder / "a").read_bytes() == b"theirs"


def test_an_object_that_is_there_is_kept_if_asked(store):
    store.run("put", "-", "x/a", "--if-absent", stdin=b"1")
    assert b"exists already" in store.run("put", "-", "x/a", "--if-absent", status=1, stdin=b"2").stderr
    assert store.run("get", "x/a", "-").stdout == b"1"


def test_objects_are_removed_one_by_one_or_below_a_name(store):
    for name in ["a", "day=1/a", "day=1/b/c", "day=10/a", "day=2/a"]:
        store.run("put", "-", name, stdin=b"content")
    store.run("remove", "a")
    assert b"there is no object" in store.run("remove", "a", status=1).stderr
    store.run("remove", "a", "--force")
    assert b"--force" in store.run("remove", "day=1", "--recursive", status=64).stderr
    assert json.loads(store.run("remove", "day=1", "-r", "--force", "--json").stdout) == {"removed": 2}
    assert store.names() == ["day=10/a", "day=2/a"]
    assert store.names("day=1/") == [] and store.names("day=1") == ["day=10/a"]
    assert b"--recursive removes all" in store.run("remove", status=64).stderr
    store.run("remove", "--recursive", "--force")
    assert store.names() == []


def test_what_is_missing_is_named(store):
    assert b"there is no" in store.run("get", "nothing", status=1).stderr
    assert list(store.folder.iterdir()) == []
    assert b"nothing-here" in store.run("put", "nothing-here", status=1).stderr
    elsewhere = f"s3://b-{uuid.uuid4()}{store.query}" if store.query else store.address + "-elsewhere"
    assert b"freshet store create" in store.run("list", at=elsewhere, status=1).stderr
    assert b"exists" in store.run("create").stdout
    assert json.loads(store.run("clean", "--json").stdout)["removed"] == 0
    assert b"7d" in store.run("clean", "--older-than", "soon", status=64).stderr
    assert b"cannot name an object" in store.run("get", "a//b", status=64).stderr
    assert b"needs a NAME" in store.run("put", "-", status=64).stderr


def test_a_large_object_from_standard_input(store):
    content = os.urandom(1 << 20) * 40
    store.run("put", "-", "large", stdin=content)
    assert hashlib.sha256(store.run("get", "large", "-").stdout).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("name", ["moto", "seaweedfs"])
def test_others_read_the_same_bucket(name, freshet, servers, samples, tmp_path):
    server = servers[name]
    bucket = f"b-{uuid.uuid4()}"
    environment = {
        "AWS_ACCESS_KEY_ID": server["access_key"],
        "AWS_SECRET_ACCESS_KEY": server["secret_key"],
        "AWS_ENDPOINT_URL_S3": server["endpoint"],
        "AWS_REGION": "eu-west-1",
    }
    store = Store(freshet, f"s3://{bucket}", "", environment, tmp_path)
    store.run("create")
    for number, sample in enumerate(["types-dictionary-zstd-1000", "types-plain-none-1000"]):
        store.run("put", str(samples / f"{sample}.parquet"), f"table/date=2026-11-2{number}/part.parquet")

    client = boto3.client(
        "s3",
        endpoint_url=server["endpoint"],
        region_name="eu-west-1",
        aws_access_key_id=server["access_key"],
        aws_secret_access_key=server["secret_key"],
        config=botocore.config.Config(s3={"addressing_style": "path"}),
    )
    head = client.head_object(Bucket=bucket, Key="table/date=2026-11-20/part.parquet")
    assert head["ContentType"] == "application/vnd.apache.parquet"
    client.put_object(Bucket=bucket, Key="from boto3/é+.txt", Body=b"theirs")
    assert "from boto3/é+.txt" in store.names()
    assert store.run("get", "from boto3/é+.txt", "-").stdout == b"theirs"

    host = server["endpoint"].removeprefix("http://")
    files = pyarrow.fs.S3FileSystem(
        access_key=server["access_key"], secret_key=server["secret_key"], endpoint_override=host, scheme="http", region="eu-west-1"
    )
    table = pyarrow.parquet.read_table(f"{bucket}/table", filesystem=files)
    assert table.num_rows == 2000 and "date" in table.column_names
    with files.open_input_file(f"{bucket}/table/date=2026-11-20/part.parquet") as stream:
        assert duckdb.sql("SELECT count(*) FROM read_parquet('%s')" % _saved(stream, tmp_path)).fetchall() == [(1000,)]


def _saved(stream, folder: pathlib.Path) -> str:
    path = folder / "read.parquet"
    path.write_bytes(stream.read())
    return str(path)


def test_credentials_come_from_a_file_that_only_the_owner_reads(freshet, servers, tmp_path):
    server = servers["moto"]
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\naws_access_key_id = nobody\naws_secret_access_key = hunter2\n\n"
        f"[work]\naws_access_key_id = {server['access_key']}\naws_secret_access_key = {server['secret_key']}\n"
    )
    file.chmod(0o600)
    settings = {"FRESHET_STORE_CREDENTIALS_FILE": str(file), "FRESHET_STORE_ENDPOINT": server["endpoint"], "AWS_PROFILE": "work"}
    store = Store(freshet, f"s3://b-{uuid.uuid4()}", "", settings, tmp_path)
    store.run("create")
    store.run("put", "-", "a", stdin=b"1")
    assert b"does not know this access key" in store.run("list", status=1, extra={"AWS_PROFILE": "default"}).stderr
    assert b"no profile [other]" in store.run("list", status=1, extra={"AWS_PROFILE": "other"}).stderr
    file.chmod(0o644)
    assert b"chmod 600" in store.run("list", status=1).stderr


def test_a_server_with_tls_needs_a_certificate_that_is_trusted(freshet, servers, tmp_path):
    server = servers["moto"]
    proxy = TLSProxy(server["endpoint"], tmp_path)
    try:
        environment = {
            "AWS_ACCESS_KEY_ID": server["access_key"],
            "AWS_SECRET_ACCESS_KEY": server["secret_key"],
            "FRESHET_STORE_ENDPOINT": proxy.endpoint,
        }
        store = Store(freshet, f"s3://b-{uuid.uuid4()}", "", environment, tmp_path)
        assert b"certificate" in store.run("create", status=1).stderr
        store.environment["FRESHET_STORE_CA_FILE"] = str(proxy.certificate)
        store.run("create")
        content = os.urandom(2 << 20)
        store.run("put", "-", "a", stdin=content)
        assert store.run("get", "a", "-").stdout == content
    finally:
        proxy.close()


def test_the_bucket_may_stand_in_front_of_the_host(freshet, servers, tmp_path):
    server = servers["moto"]
    environment = {"AWS_ACCESS_KEY_ID": server["access_key"], "AWS_SECRET_ACCESS_KEY": server["secret_key"]}
    endpoint = server["endpoint"].replace("127.0.0.1", "localhost")
    bucket = f"b-{uuid.uuid4()}"
    virtual = Store(freshet, f"s3://{bucket}/p", f"?endpoint={endpoint}&style=virtual", environment, tmp_path)
    path = Store(freshet, f"s3://{bucket}/p", f"?endpoint={endpoint}&style=path", environment, tmp_path)
    virtual.run("create")
    virtual.run("put", "-", "a b/c", stdin=b"1")
    assert virtual.names() == path.names() == ["a b/c"]
    assert virtual.run("get", "a b/c", "-").stdout == b"1"


def test_mistakes_of_the_command_line(freshet, tmp_path):
    store = Store(freshet, "s3://some-bucket", "", {}, tmp_path)
    assert b"there are no credentials" in store.run("list", status=1).stderr
    assert b"a store is" in store.run("list", at="some-bucket", status=64).stderr
    assert b"end up in logs" in store.run("list", at="s3://key:hunter2@some-bucket", status=64).stderr
    assert b"end up in logs" in store.run("list", at="s3://some-bucket?endpoint=http://key:hunter2@host", status=64).stderr
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    nobody = "s3://some-bucket?endpoint=http://127.0.0.1:1"
    assert b"does not answer" in store.run("list", at=nobody, status=1, extra=environment).stderr
