#!/usr/bin/env python3
"""Writes a tree with planted secrets, made up from a seed: `scan_planted.py FOLDER [SEED]`.

Each kind is written as its provider writes it, with a valid checksum where there is one, into files in which
such secrets turn up: settings, scripts, notes, source code. Around them stands ordinary text. `PLANTED.json`,
beside the folder, says what lies where. Nothing here is a secret of anybody, and no value stands in this
file: they are put together while it runs.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import random
import string
import subprocess
import sys
import zlib

LOWER, UPPER, DIGIT = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGIT
HEX = DIGIT + "abcdef"
URL64 = ALNUM + "-_"
B62 = DIGIT + UPPER + LOWER


class Make:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def some(self, alphabet, n):
        return "".join(self.r.choice(alphabet) for _ in range(n))

    def bytes(self, n):
        return bytes(self.r.randrange(256) for _ in range(n))

    def b64(self, n):
        return base64.b64encode(self.bytes(n)).decode()

    def crc62(self, prefix):
        body = self.some(ALNUM, 30)
        n, out = zlib.crc32(body.encode()), ""
        for _ in range(6):
            n, d = divmod(n, 62)
            out = B62[d] + out
        return prefix + body + out

    def grafana(self):
        key = "gl" + "sa_" + self.some(ALNUM, 32)
        return key + "_" + zlib.crc32(key.encode()).to_bytes(4, "little").hex()

    def jwt(self):
        part = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=").decode()
        head = part({"alg": "HS256", "typ": "JWT"})
        body = part({"sub": self.some(DIGIT, 10), "name": self.some(LOWER, 8), "iat": 1700000000})
        seal = hmac.new(self.bytes(16), f"{head}.{body}".encode(), hashlib.sha256).digest()
        return f"{head}.{body}." + base64.urlsafe_b64encode(seal).rstrip(b"=").decode()

    def azure(self, before, sign, length):
        body = self.some(ALNUM, before) + sign
        return body + self.some(ALNUM, length - len(body) - 1) + "A"

    def password(self):
        words = self.r.choice(["spring", "Falcon", "river", "Copper", "quartz", "Lumen"])
        return words + self.some("!#%+=_", 1) + self.some(ALNUM, 7) + self.some(DIGIT, 2)

    def key(self, *args):
        return subprocess.run(["openssl", *args], check=True, capture_output=True).stdout.decode()

    def age(self):
        """Bech32 (BIP 173) of 32 bytes."""
        hrp, alphabet = "age-secret-key-", "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # clws:allow the alphabet of Bech32
        bits, acc, data = 0, 0, []
        for byte in self.bytes(32):
            acc, bits = acc << 8 | byte, bits + 8
            while bits >= 5:
                bits -= 5
                data.append(acc >> bits & 31)
        if bits:
            data.append(acc << (5 - bits) & 31)

        def polymod(values):
            check = 1
            for v in values:
                top = check >> 25
                check = (check & 0x1FFFFFF) << 5 ^ v
                for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                    check ^= g if top >> i & 1 else 0
            return check

        values = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp] + data
        seal = polymod(values + [0] * 6) ^ 1
        data += [seal >> 5 * (5 - i) & 31 for i in range(6)]
        return (hrp + "1" + "".join(alphabet[d] for d in data)).upper()


# Kinds: a name, what makes one, and lines in which it is found. `@` is the secret; the first word of a line is
# the file that it lies in.
def kinds(m):
    env = lambda name: [f".env {name}=@", f"deploy.sh export {name}='@'", f"settings.yml {name.lower()}: \"@\""]
    code = lambda name: [f"app.py {name} = \"@\"", f"main.rs const {name}: &str = \"@\";", f"index.js const c = {{ {name.lower()}: '@' }};"]
    both = lambda name: env(name) + code(name)
    h = lambda n: (lambda: m.some(HEX, n))
    uuid = lambda: "-".join(m.some(HEX, n) for n in (8, 4, 4, 4, 12))
    return [
        ("github-classic", lambda: m.crc62("gh" + m.r.choice("pousr") + "_"), both("GITHUB_TOKEN")),
        ("github-fine", lambda: "github" + "_pat_" + m.some(ALNUM, 22) + "_" + m.some(ALNUM, 59), both("GH_TOKEN")),
        ("gitlab", lambda: "gl" + "pat-" + m.some(URL64, 19) + m.some(ALNUM, 1), both("GITLAB_TOKEN")),
        ("npm", lambda: m.crc62("np" + "m_"), [".npmrc //registry.npmjs.org/:_authToken=@"] + both("NPM_TOKEN")),
        ("pypi", lambda: "py" + "pi-AgEIcHlwaS5vcmc" + m.some(URL64, 150), [".pypirc password = @"] + both("TWINE_PASSWORD")),
        ("crates", lambda: "c" + "io" + m.some(ALNUM, 32), ["credentials.toml token = \"@\""] + env("CARGO_REGISTRY_TOKEN")),
        ("rubygems", lambda: "ruby" + "gems_" + m.some(HEX, 48), both("GEM_HOST_API_KEY")),
        ("docker-hub", lambda: "dckr" + "_pat_" + m.some(URL64, 27), env("DOCKER_TOKEN")),
        ("slack-bot", lambda: "xox" + "b-" + m.some(DIGIT, 12) + "-" + m.some(DIGIT, 13) + "-" + m.some(ALNUM, 24), both("SLACK_TOKEN")),
        ("slack-webhook", lambda: "https://hooks.slack.com/services/T" + m.some(UPPER + DIGIT, 9) + "/B" + m.some(UPPER + DIGIT, 9) + "/" + m.some(ALNUM, 24), both("SLACK_URL")),
        ("stripe", lambda: m.r.choice("sr") + "k_" + "live_" + m.some(ALNUM, 24), both("STRIPE_KEY")),
        ("aws-id", lambda: "AK" + "IA" + m.some(UPPER + "234567", 16), both("AWS_ACCESS_KEY_ID")),
        ("aws-secret", lambda: m.b64(30), ["credentials aws_secret_access_key = @", "app.py AWS_SECRET_ACCESS_KEY = \"@\"", "deploy.sh export AWS_SECRET_ACCESS_KEY=@"]),
        ("azure-storage", lambda: m.b64(57) + "+ASt" + m.some(ALNUM, 5) + "A==", ["appsettings.json \"Storage\": \"DefaultEndpointsProtocol=https;AccountName=data7;AccountKey=@;EndpointSuffix=core.windows.net\""] + both("STORAGE_KEY")),
        ("azure-service-bus", lambda: m.azure(33, "+ASb", 43) + "=", ["appsettings.json \"Bus\": \"Endpoint=sb://q.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=@\""] + env("BUS_KEY")),
        ("azure-functions", lambda: m.azure(44, "Az" + "Fu", 54) + "==", both("FUNCTION_KEY")),
        ("azure-client-secret", lambda: m.some(ALNUM, 3) + "8" + "Q~" + m.some(ALNUM + "_-.~", 33) + m.some(ALNUM, 1), both("AZURE_CLIENT_SECRET")),
        ("azure-sas", lambda: base64.b64encode(m.bytes(32)).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"), ["notes.txt https://data7.blob.core.windows.net/c?sv=2022-11-02&ss=b&se=2027-01-01T00:00:00Z&sp=r&sig=@", "deploy.sh azcopy 'https://data7.blob.core.windows.net/c?sv=2022-11-02&se=2027-01-01&sig=@' ."]),
        ("google-api", lambda: "AI" + "za" + m.some(URL64, 34) + m.some(ALNUM, 1), both("GOOGLE_KEY")),
        ("google-oauth", lambda: "GOC" + "SPX-" + m.some(URL64, 27) + m.some(ALNUM, 1), both("OAUTH_SECRET")),
        ("gcp-service-account", lambda: m.key("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").replace("\n", "\\n"), ["sa.json {\"type\": \"service_account\", \"private_key\": \"@\", \"client_email\": \"x@y.iam\"}"]),
        ("age", m.age, ["keys.txt @", "notes.md    @"] + env("SOPS_AGE_KEY")),
        ("pem-rsa", lambda: m.key("genrsa", "-traditional", "2048"), ["server.key @", "notes.md @"]),
        ("pem-ec", lambda: m.key("ecparam", "-name", "prime256v1", "-genkey", "-noout"), ["ec.pem @"]),
        ("pem-ed25519", lambda: m.key("genpkey", "-algorithm", "ed25519"), ["id.pem @"]),
        ("jwt", m.jwt, both("SESSION") + ["run.sh curl -H 'Authorization: Bearer @' https://api.acme.io/v1"]),
        ("vault", lambda: "hv" + "s.CAESI" + m.some(URL64, 90) + m.some(ALNUM, 1), both("VAULT_TOKEN")),
        ("openbao", lambda: "s." + m.some(ALNUM, 24), ["deploy.sh export BAO_TOKEN=@", ".env VAULT_TOKEN=@", "run.sh curl -H 'X-Vault-Token: @' http://127.0.0.1:8200/v1/x"]),
        ("terraform", lambda: m.some(ALNUM, 14) + ".atlas" + "v1." + m.some(ALNUM, 67), [".terraformrc   token = \"@\""] + env("TFE_TOKEN")),
        ("digitalocean", lambda: "do" + "p_v1_" + m.some(HEX, 64), both("DO_TOKEN")),
        ("huggingface", lambda: "h" + "f_" + m.some(LOWER + UPPER, 34), both("HF_TOKEN")),
        ("openai", lambda: "sk-" + "proj-" + m.some(URL64, 73) + "A" + "T3Blbk" + "FJ" + m.some(URL64, 73) + "b", both("OPENAI_API_KEY")),
        ("anthropic", lambda: "sk-" + "ant-api03-" + m.some(URL64, 93) + "AA", both("ANTHROPIC_API_KEY")),
        ("sendgrid", lambda: "S" + "G." + m.some(URL64, 21) + "x." + m.some(URL64, 42) + "y", both("SENDGRID_KEY")),
        ("twilio", lambda: "S" + "K" + m.some(HEX, 32), both("TWILIO_KEY")),
        ("mailgun", lambda: "k" + "ey-" + m.some(HEX, 32), both("MAILGUN_KEY")),
        ("telegram", lambda: m.some("123456789", 1) + m.some(DIGIT, 9) + ":A" + "A" + m.some(URL64, 32) + "k", both("BOT_TOKEN")),
        ("discord-webhook", lambda: "https://discord.com/api/webhooks/" + m.some("123456789", 1) + m.some(DIGIT, 17) + "/" + m.some(URL64, 67) + "q", both("DISCORD_URL")),
        ("shopify", lambda: "sh" + "pat_" + m.some(HEX, 32), both("SHOPIFY_TOKEN")),
        ("linear", lambda: "lin" + "_api_" + m.some(ALNUM, 40), both("LINEAR_KEY")),
        ("databricks", lambda: "da" + "pi" + m.some(HEX, 32), both("DATABRICKS_TOKEN")),
        ("grafana", m.grafana, both("GRAFANA_TOKEN")),
        ("newrelic", lambda: "NR" + "AK-" + m.some(UPPER + DIGIT, 27), both("NEW_RELIC_KEY")),
        ("planetscale", lambda: "pscale" + "_tkn_" + m.some(URL64, 42) + "z", both("PLANETSCALE_TOKEN")),
        ("square", lambda: "sq0" + "atp-" + m.some(URL64, 21) + "w", both("SQUARE_TOKEN")),
        ("postman", lambda: "PM" + "AK-" + m.some(HEX, 24) + "-" + m.some(HEX, 34), both("POSTMAN_KEY")),
        ("sentry", lambda: "sntr" + "yu_" + m.some(HEX, 64), both("SENTRY_TOKEN")),
        ("url-password", lambda: m.some(ALNUM, 14), [".env DATABASE_URL=postgres://shop:@@db.acme.io:5432/shop", "app.py URL = \"amqp://worker:@@mq.acme.io/\"", "notes.md mysql://root:@@10.0.3.4/app"]),
        ("mysql-command", m.password, ["backup.sh mysql -u root -p'@' shop < dump.sql", "notes.md mysqldump -uroot -p'@' shop"]),
        ("password-assignment", m.password, [".env DB_PASSWORD=@", "settings.ini password = @", "settings.yml   password: \"@\"", "app.py DB_PASSWORD = \"@\"", "config.json {\"password\": \"@\"}", "Dockerfile ENV ADMIN_PASSWORD=@"]),
        ("token-assignment", lambda: m.some(ALNUM, 40), [".env SERVICE_SECRET=@", "settings.yml secret_key: \"@\"", "app.py API_KEY = \"@\"", "main.rs let token = \"@\";", "config.json {\"client_secret\": \"@\"}"]),
        ("hex-secret", h(64), [".env SESSION_SECRET=@", "app.py SECRET_KEY = \"@\"", "settings.yml encryption_key: \"@\""]),
        ("htpasswd", lambda: "$apr1$" + m.some(ALNUM, 8) + "$" + m.some(ALNUM, 22), [".htpasswd admin:@"]),
        ("htpasswd-bcrypt", lambda: "$2y$10$" + m.some(ALNUM + "./", 53), [".htpasswd admin:@"]),
        ("netrc", m.password, [".netrc machine git.acme.io login ada password @"]),
        ("pgpass", m.password, [".pgpass db.acme.io:5432:shop:shop:@"]),
        ("basic-header", lambda: base64.b64encode(("ada:" + m.password()).encode()).decode(), ["run.sh curl -H 'Authorization: Basic @' https://api.acme.io", "client.py headers = {\"Authorization\": \"Basic @\"}"]),
        ("docker-config", lambda: base64.b64encode(("ada:" + m.password()).encode()).decode(), ["config.json {\"auths\": {\"registry.acme.io\": {\"auth\": \"@\"}}}"]),
    ]


FILLER = {
    "py": "import os\n\n\ndef main():\n    print('hello')\n\n",
    "rs": "//! A module.\n\nfn main() {\n    println!(\"hello\");\n}\n\n",
    "js": "import x from 'y';\n\nexport function f(a) { return a + 1; }\n\n",
    "md": "# Notes\n\nThings to remember about the service.\n\n",
    "sh": "#!/bin/sh\nset -eu\n\n",
    "yml": "service:\n  replicas: 2\n\n",
    "ini": "[database]\nhost = db.acme.io\n\n",
}


def main():
    folder = pathlib.Path(sys.argv[1])
    m = Make(sys.argv[2] if len(sys.argv) > 2 else "clws")
    planted = []
    for kind, make, lines in kinds(m):
        # Four and more of each kind, each in a file of its own.
        for number in range(max(4, len(lines))):
            where, line = lines[number % len(lines)].split(" ", 1)
            secret = make()
            path = folder / kind / str(number) / where
            path.parent.mkdir(parents=True, exist_ok=True)
            before = FILLER.get(where.rsplit(".", 1)[-1], "") if not where.startswith(".") else ""
            body = line.replace("@", secret, 1)
            if line.count("@") > 1 and "x@y" not in line:
                body = line.replace("@@", secret + "@", 1)
            text = before + body
            path.write_text(text + ("" if text.endswith("\n") else "\n"))
            planted.append({"kind": kind, "path": str(path.relative_to(folder)), "line": before.count("\n") + 1})
    pathlib.Path(str(folder) + ".json").write_text(json.dumps(planted, indent=1))
    print(f"{len(planted)} secrets of {len(kinds(m))} kinds in {folder}")


main()
