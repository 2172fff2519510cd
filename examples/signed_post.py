"""Registers a person by a signed post: `python signed_post.py http://127.0.0.1:8000 KEY whsec_... < person.json`."""

import base64
import hmac
import sys
import time
import urllib.error
import urllib.request
import uuid

if len(sys.argv) != 4:
    sys.stderr.write("Usage: python signed_post.py ADDRESS KEY SECRET < person.json\n")
    sys.exit(2)
_, address, key, secret = sys.argv
body, name, now = sys.stdin.buffer.read(), f"msg_{uuid.uuid4()}", str(int(time.time()))
mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), f"{name}.{now}.".encode() + body, "sha256")
signed = {"webhook-id": name, "webhook-timestamp": now, "webhook-signature": f"v1,{base64.b64encode(mac).decode()}"}
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **signed}
try:
    with urllib.request.urlopen(urllib.request.Request(f"{address}/delegates", body, headers)) as answer:
        sys.stdout.buffer.write(answer.read())
except urllib.error.HTTPError as refused:
    sys.exit(refused.read().decode())
