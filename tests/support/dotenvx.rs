//! Files of dotenvx, sealed by the authors of its scheme (eciespy) and read by dotenvx itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::tool::{run_by, said, tool};

const NEW: &str = "
import json
from ecies.keys import PrivateKey
key = PrivateKey('secp256k1')
print(json.dumps([key.to_hex(), key.public_key.to_hex(True)]))
";

const SEAL: &str = "
import base64, json, sys
from ecies import encrypt
public, text = json.load(sys.stdin)
print(json.dumps('encrypted:' + base64.b64encode(encrypt(public, text.encode())).decode()))
";

const READ: &str = "
import json, sys
from dotenvx import dotenv_values
print(json.dumps(dotenv_values(json.load(sys.stdin), interpolate=False)))
";

/// A pair of keys, as `dotenvx encrypt` makes one.
pub(crate) struct KeyPair {
    pub(crate) private: String,
    pub(crate) public: String,
}

fn python<T: serde::de::DeserializeOwned>(script: &str, input: &serde_json::Value) -> T {
    let mut command = Command::new(tool("judge-python"));
    command.env_clear();
    let output = run_by(command, ["-c", script], input.to_string().as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

impl KeyPair {
    pub(crate) fn new() -> Self {
        let (private, public) = python(NEW, &serde_json::Value::Null);
        Self { private, public }
    }

    /// `encrypted:…`.
    pub(crate) fn seal(&self, text: &str) -> String {
        python(SEAL, &serde_json::json!([self.public, text]))
    }
}

/// What dotenvx reads out of a file, with the keys that lie beside it.
pub(crate) fn read(file: &Path) -> BTreeMap<String, String> {
    python(READ, &serde_json::json!(file))
}
