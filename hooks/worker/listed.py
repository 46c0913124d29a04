"""Whether the server lists this worker, asked with the worker's own login."""

import base64
import json
import os
import sys
import urllib.parse
import urllib.request

server, worker = sys.argv[1:]


def ask(path, authorization, form=None):
    headers = {"Authorization": authorization, "X-Requested-With": "XMLHttpRequest"}
    body = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(server + path, body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


try:
    with open(os.path.join(os.path.dirname(__file__), "login")) as login:
        username, password = login.read().splitlines()
    client = "Basic " + base64.b64encode(b"codalab_cli_client:").decode()
    form = {"grant_type": "password", "username": username, "password": password}
    token = ask("/rest/oauth2/token", client, form)["access_token"]
    workers = ask("/rest/workers/info", "Bearer " + token)["data"]
except (OSError, ValueError, KeyError) as error:
    sys.exit(f"{server}: {error}")
if worker not in [each.get("worker_id") for each in workers]:
    sys.exit(f"{server} does not list {worker}")
