//! What an age plugin answers, asked to wrap and asked to open.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Mutex;

use bech32::ToBase32 as _;
use clws::crypto::{DataKey, unwrap, wrap};
use clws::identity::{
    Ask, Config, Import, Nobody, Place, PluginRecipient, PublicFolder, all, import,
    plugin_recipient,
};
use clws::secret::Plain;
use clws::world::{Clock, World};
use tempfile::TempDir;

use crate::drive::fuzz;

/// Somebody who only reads: what a plugin says is safe to print.
#[derive(Default)]
struct Reader(Mutex<String>);

impl Ask for Reader {
    fn passphrase(&self, what: &str) -> std::io::Result<Option<Plain>> {
        self.message(what);
        Ok(Some(Plain::from("1234")))
    }

    fn message(&self, text: &str) {
        assert!(
            !text
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\t')),
            "{text:?}"
        );
        self.0.lock().unwrap().push_str(text);
    }

    fn confirm(&self, text: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        [text, yes, no.unwrap_or_default()]
            .iter()
            .for_each(|text| self.message(text));
        Some(true)
    }

    fn answer(&self, text: &str) -> Option<String> {
        self.message(text);
        None
    }
}

/// A person's folder with a plugin that says what lies in `said`, whatever it is asked.
struct Toy(TempDir);

impl Toy {
    fn new() -> Self {
        let toy = Self(tempfile::tempdir_in("/dev/shm").unwrap());
        let script = "#!/bin/sh\ncat \"${0%/*}/said\"\nexec >&-\ncat >/dev/null\n";
        toy.write("age-plugin-toy", script.as_bytes(), 0o700);
        toy.write("config.toml", b"[age]\nplugins = [\"toy\"]\n", 0o600);
        toy
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &[u8], mode: u32) {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn says(&self, text: &[u8]) {
        fs::write(self.path().join("said"), text).unwrap();
    }

    fn world(&self) -> World {
        let folder = self.path().to_str().unwrap();
        let variables = [
            ("PATH", format!("{folder}:/usr/bin:/bin")),
            ("CLWS_CONFIG_DIR", folder.to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        World::new(Clock::System, variables, "/".into())
    }

    fn recipient<'a>(&self, reader: &'a Reader) -> PluginRecipient<'a> {
        let world = self.world();
        let config = Config::read(&world).unwrap();
        plugin_recipient(&world, &config.plugins, &bech32("age1toy"), reader).unwrap()
    }
}

fn bech32(prefix: &str) -> String {
    bech32::encode(prefix, b"toy".to_base32(), bech32::Variant::Bech32).unwrap()
}

const WRAPPED: &[u8] =
    b"-> msg\nSGVsbG8\n-> recipient-stanza 0 toy abc\nAAAAAAAAAAAAAAAAAAAAAA\n-> done\n\n";
const OPENED: &[u8] = b"-> msg\nSGVsbG8\n-> file-key 0\nAAAAAAAAAAAAAAAAAAAAAA\n-> done\n\n";
const ASKS: &[u8] = b"-> confirm eWVz bm8\nU3VyZT8\n-> request-secret\nUElOPw\n-> request-public\neA\n-> error recipient 0\nbm8\n-> labels a b\n\n-> done\n\n";
const WORDS: [&str; 10] = [
    "-> ",
    "-> msg\n",
    "-> error internal\n",
    "-> error stanza 0 0\n",
    "-> done\n\n",
    "-> labels ",
    "-> grease\n",
    "-> file-key 0\n",
    "recipient-stanza 1 x25519 ",
    "G1szMW0\n",
];

#[test]
fn age_plugins() {
    let toy = Toy::new();
    let reader = Reader::default();
    let recipient = toy.recipient(&reader);
    let data_key = DataKey::new([7; 32]);
    fuzz("age-plugin", &[WRAPPED, ASKS], &WORDS, |text| {
        toy.says(text);
        let result = match wrap(&data_key, &recipient) {
            Ok(_) => "wrapped".into(),
            Err(error) => error.to_string(),
        };
        result + &std::mem::take(&mut *reader.0.lock().unwrap())
    });
}

#[test]
fn identities_of_age_plugins() {
    let toy = Toy::new();
    let reader = Reader::default();
    toy.says(WRAPPED);
    let wrapped = wrap(&DataKey::new([7; 32]), &toy.recipient(&reader)).unwrap();
    let identity = bech32("age-plugin-toy-").to_uppercase();
    let text = format!("#    Recipient: {}\n{identity}\n", bech32("age1toy"));
    toy.write("toy.txt", text.as_bytes(), 0o600);
    let from = Import {
        age: Some(&toy.path().join("toy.txt")),
        signing: None,
    };
    let world = toy.world();
    let name = "ada".parse().unwrap();
    import(&world, &name, from, Place::Auto, None, &Nobody).unwrap();
    let bundles = all(&world, None, PublicFolder::Refuse).unwrap();
    let opening = bundles[0].open_age(&reader).unwrap();
    fuzz("age-identity", &[OPENED, ASKS], &WORDS, |text| {
        toy.says(text);
        // The file's header is bound to its key, so no answer of a stranger is the right one.
        let Err(error) = unwrap(&wrapped, &opening) else {
            return "opened".into();
        };
        format!(
            "{error}; {}",
            std::mem::take(&mut *reader.0.lock().unwrap())
        )
    });
}
