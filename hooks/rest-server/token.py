"""Whether the root user of CodaLab can log in, asked in the server's own container."""

import base64
import json
import os
import sys
import urllib.parse
import urllib.request

form = {
    "grant_type": "password",
    "username": os.environ["CODALAB_USERNAME"],
    "password": os.environ["CODALAB_PASSWORD"],
}
headers = {
    "Authorization": "Basic " + base64.b64encode(b"codalab_cli_client:").decode(),
    "X-Requested-With": "XMLHttpRequest",
}
body = urllib.parse.urlencode(form).encode()
request = urllib.request.Request("http://127.0.0.1:2900/rest/oauth2/token", body, headers)
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        json.load(answer)["access_token"]
except (OSError, ValueError, KeyError) as error:
    sys.exit(f"no token: {error}")
