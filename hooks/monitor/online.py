"""Whether the server lists each of the public workers, asked with the root user's login."""

import base64
import json
import os
import sys
import urllib.parse
import urllib.request

server, wanted = sys.argv[1:]


def ask(path, authorization, form=None):
    headers = {"Authorization": authorization, "X-Requested-With": "XMLHttpRequest"}
    body = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(server + path, body, headers)
    with urllib.request.urlopen(request, timeout=4) as answer:
        return json.load(answer)


try:
    client = "Basic " + base64.b64encode(b"codalab_cli_client:").decode()
    form = {
        "grant_type": "password",
        "username": os.environ["CODALAB_USERNAME"],
        "password": os.environ["CODALAB_PASSWORD"],
    }
    token = ask("/rest/oauth2/token", client, form)["access_token"]
    workers = ask("/rest/workers/info", "Bearer " + token)["data"]
except (OSError, ValueError, KeyError) as error:
    sys.exit(f"{server}: {error}")
listed = {each.get("worker_id") for each in workers}
missing = [name for name in wanted.split(",") if name and name not in listed]
if missing:
    sys.exit("not online: " + ", ".join(missing))
