"""Signatures by botocore, for what signs as AWS does: `python aws_signatures.py > host/rules/src/signing/aws.json`.

Each URL is in the spelling in which it is sent. What is not among the fields that the host signs is left out here as well.
Made with botocore 1.44.8.
"""

import datetime
import json

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ID, KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd=="
NOON, LATE = "2015-08-30T12:36:00Z", "2026-12-31T23:59:59Z"

# Name, service, method, URL, fields, body, and what else there is to it.
CASES = [
    ("plain", "execute-api", "GET", "https://example.amazonaws.com/", [], "", {}),
    ("path", "execute-api", "GET", "https://example.amazonaws.com/prod/prices", [], "", {}),
    ("slash-at-the-end", "execute-api", "GET", "https://example.amazonaws.com/prod/prices/", [], "", {}),
    ("unreserved", "execute-api", "GET", "https://example.amazonaws.com/-._~0123456789abcXYZ", [], "", {}),
    ("space", "execute-api", "GET", "https://example.amazonaws.com/a%20b/c", [], "", {}),
    ("letters", "execute-api", "GET", "https://example.amazonaws.com/%E1%88%B4/Z%C3%BCrich", [], "", {}),
    ("escaped-slash", "lambda", "GET", "https://example.amazonaws.com/arn%3Aaws%3Alambda/a%2Fb", [], "", {}),
    ("two-slashes", "execute-api", "GET", "https://example.amazonaws.com//a///b//", [], "", {}),
    ("only-slashes", "execute-api", "GET", "https://example.amazonaws.com///", [], "", {}),
    ("query", "execute-api", "GET", "https://example.amazonaws.com/?Param1=value1", [], "", {}),
    ("query-order", "execute-api", "GET", "https://example.amazonaws.com/?b=2&a=3&C=1&a-b=4&a=1&aa=5", [], "", {}),
    ("query-same", "execute-api", "GET", "https://example.amazonaws.com/?a=z&a=&a=y&a=y", [], "", {}),
    ("query-letters", "execute-api", "GET", "https://example.amazonaws.com/?%E1%88%B4=%C3%BC%20x%2By&z=%3D%26", [], "", {}),
    ("query-no-value", "execute-api", "GET", "https://example.amazonaws.com/?acl&b=", [], "", {}),
    ("post", "execute-api", "POST", "https://example.amazonaws.com/", [("content-type", "application/x-www-form-urlencoded")], "Param1=value1", {}),
    ("post-json", "dynamodb", "POST", "https://dynamodb.eu-west-1.amazonaws.com/", [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "DynamoDB_20120810.ListTables")], '{"Limit": 3, "x": "Zürich"}', {"at": LATE}),
    ("fields", "execute-api", "GET", "https://example.amazonaws.com/", [("x-amz-b", "  two   words\t here "), ("x-amz-a", "1"), ("accept", "text/csv"), ("user-agent", "x")], "", {}),
    ("fields-twice", "execute-api", "GET", "https://example.amazonaws.com/", [("x-amz-a", "z"), ("x-amz-a", " a  b "), ("x-amz-a", "m")], "", {}),
    ("md5", "execute-api", "PUT", "https://example.amazonaws.com/x", [("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("content-type", "text/plain; charset=utf-8")], "x" * 3000, {}),
    ("session", "execute-api", "GET", "https://example.amazonaws.com/", [], "", {"token": True}),
    ("port", "execute-api", "GET", "https://example.amazonaws.com:8443/x", [], "", {}),
    ("own-port", "execute-api", "GET", "http://127.0.0.1:80/x?y=1", [], "", {}),
    ("sixth-version", "execute-api", "GET", "http://[::1]:9000/x", [], "", {}),
    ("delete", "es", "DELETE", "https://search.eu-central-1.es.amazonaws.com/index/_doc/1", [], "", {"region": "eu-central-1", "at": LATE}),
    ("s3", "s3", "GET", "https://bucket.s3.eu-west-1.amazonaws.com/", [], "", {"region": "eu-west-1"}),
    ("s3-key", "s3", "GET", "https://bucket.s3.amazonaws.com/a%20b/%C3%BC/%2Bplus%3D", [], "", {}),
    ("s3-slashes", "s3", "GET", "https://bucket.s3.amazonaws.com//a//b/", [], "", {}),
    ("s3-list", "s3", "GET", "https://bucket.s3.amazonaws.com/?list-type=2&prefix=a%2Fb%20c&delimiter=%2F", [], "", {}),
    ("s3-acl", "s3", "GET", "https://bucket.s3.amazonaws.com/key?acl", [], "", {"token": True}),
    ("s3-put", "s3", "PUT", "https://bucket.s3.amazonaws.com/key", [("content-type", "text/csv"), ("x-amz-meta-of", "the  day")], "a,b\n1,2\n", {"token": True, "at": LATE}),
    ("s3-head", "s3", "HEAD", "https://bucket.s3.amazonaws.com/key?versionId=3%2Fx", [], "", {}),
]


def signed_by_the_host(name):
    name = name.lower()
    return name in ("host", "content-type", "content-md5") or name.startswith("x-amz-")


def only_those(make):
    class Only(make):
        def headers_to_sign(self, request):
            headers = super().headers_to_sign(request)
            for name in set(headers.keys()):
                if not signed_by_the_host(name):
                    del headers[name]
            return headers

        def _should_sha256_sign_payload(self, request):
            return True

    return Only


def case(name, service, method, url, fields, body, more):
    at = more.get("at", NOON)
    region = more.get("region", "us-east-1")
    token = TOKEN if more.get("token") else None
    request = AWSRequest(method=method, url=url, data=body.encode())
    for field, value in fields:
        request.headers.add_header(field, value)
    moment = datetime.datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ")
    botocore.auth.get_current_datetime = lambda *_, **__: moment
    make = only_those(botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth)
    auth = make(Credentials(ID, KEY, token), service, region)
    if service != "s3":
        request.headers["X-Amz-Content-SHA256"] = auth.payload(request)
    auth.add_auth(request)
    return {
        "name": name, "service": service, "region": region, "token": token, "at": at,
        "method": method, "url": url, "fields": fields, "body": body,
        "content": request.headers["X-Amz-Content-SHA256"], "date": request.headers["X-Amz-Date"],
        "authorization": request.headers["Authorization"],
    }


table = {"id": ID, "key": KEY, "cases": [case(*row) for row in CASES]}
print(json.dumps(table, indent=1, ensure_ascii=False))
