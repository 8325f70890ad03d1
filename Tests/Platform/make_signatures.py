"""Writes Tests/ObjectStorageTests/Fixtures/signatures.json: requests with the Authorization header that botocore makes for them.

Run by hand when the table should grow: python Tests/Platform/make_signatures.py. It needs botocore, and no network.
"""

import datetime
import hashlib
import json
import pathlib
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials

TIME = datetime.datetime(2026, 11, 28, 13, 14, 15, tzinfo=datetime.timezone.utc)
EMPTY = hashlib.sha256(b"").hexdigest()
BODY = hashlib.sha256(b"body").hexdigest()
ACCESS, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token+with=signs=="

# Method, URL as it is sent, headers, hash of the body, region, whether there is a session token.
REQUESTS = [
    ("GET", "https://bucket.s3.us-east-1.amazonaws.com/key", {}, EMPTY, "us-east-1", False),
    ("GET", "http://127.0.0.1:9000/bucket/a/b.parquet", {"Range": "bytes=0-99"}, EMPTY, "us-east-1", False),
    ("GET", "http://127.0.0.1:9000/bucket/a/b.parquet", {"Range": "bytes=5-", "If-Match": '"0a1b"'}, EMPTY, "eu-west-1", True),
    ("HEAD", "http://127.0.0.1:9000/bucket/date%3D2026-11-28/0-100.parquet", {}, EMPTY, "us-east-1", False),
    ("DELETE", "http://localhost:9000/bucket/caf%C3%A9/%E6%97%A5%20%25%2B%3F%26.txt", {}, EMPTY, "eu-central-1", False),
    ("PUT", "http://localhost:9000/bucket/tilde~under_score-dash.dot", {"Content-Type": "text/plain"}, BODY, "us-east-1", False),
    (
        "PUT",
        "https://bucket.example.com/key",
        {"Content-Type": "application/json", "x-amz-meta-freshet-write": "abc123", "If-None-Match": "*"},
        BODY,
        "us-east-1",
        True,
    ),
    ("PUT", "http://localhost:9000/bucket", {"Content-Type": "application/xml"}, BODY, "us-west-2", False),
    (
        "GET",
        "http://localhost:9000/bucket?encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2F%2B%25",
        {},
        EMPTY,
        "us-east-1",
        False,
    ),
    (
        "GET",
        "http://localhost:9000/bucket?continuation-token=1%2F%2B%3D%3D&encoding-type=url&list-type=2&max-keys=2",
        {},
        EMPTY,
        "us-east-1",
        True,
    ),
    ("POST", "http://localhost:9000/bucket/key?uploads=", {"Content-Type": "application/zip"}, EMPTY, "us-east-1", False),
    (
        "PUT",
        "http://localhost:9000/bucket/key?partNumber=10&uploadId=A%2FB.C~D",
        {"Content-Type": "application/octet-stream"},
        BODY,
        "us-east-1",
        False,
    ),
    ("POST", "http://localhost:9000/bucket/key?uploadId=x", {"Content-Type": "application/xml"}, BODY, "us-east-1", False),
]


def authorization(method: str, url: str, headers: dict[str, str], digest: str, region: str, has_token: bool) -> str:
    credentials = botocore.credentials.Credentials(ACCESS, SECRET, TOKEN if has_token else None)
    request = botocore.awsrequest.AWSRequest(method=method, url=url, headers=headers | {"X-Amz-Content-SHA256": digest})
    signer = botocore.auth.S3SigV4Auth(credentials, "s3", region)
    with (
        mock.patch.object(botocore.auth, "get_current_datetime", return_value=TIME.replace(tzinfo=None)),
        # The hash is given, because the body is not.
        mock.patch.object(signer, "payload", return_value=digest),
        mock.patch.object(signer, "_should_sha256_sign_payload", return_value=True),
    ):
        signer.add_auth(request)
    return request.headers["Authorization"]


def main() -> None:
    rows = [
        {
            "method": method,
            "url": url,
            "headers": headers,
            "digest": digest,
            "region": region,
            "token": TOKEN if has_token else "",
            "authorization": authorization(method, url, headers, digest, region, has_token),
        }
        for method, url, headers, digest, region, has_token in REQUESTS
    ]
    table = {"access_key": ACCESS, "secret_key": SECRET, "date": TIME.strftime("%Y%m%dT%H%M%SZ"), "requests": rows}
    path = pathlib.Path(__file__).parent.parent / "ObjectStorageTests" / "Fixtures" / "signatures.json"
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
