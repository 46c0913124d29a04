//! The key-value store of a server, version 2: secrets with versions, written only over the version that is
//! known.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value};
use vaultrs::api::kv2::requests::{
    DeleteSecretVersionsRequest, ReadSecretMetadataRequest, ReadSecretRequest,
    SetSecretMetadataRequest, SetSecretRequest, SetSecretRequestOptions,
};
use vaultrs::api::kv2::responses::{
    ReadSecretMetadataResponse, SecretMetadata, SecretVersionMetadata,
};

use super::fields::texts;
use super::{Client, ServerError};
use crate::secret::Plain;
use crate::text::clean_line;

/// The largest secret, in bytes of JSON: a server's storage refuses an entry above 1 MiB, and needs some
/// of that itself.
const LARGEST: usize = 1024 * 1024 - 8 * 1024;

/// So often a write whose answer was lost is looked at again.
const TRIES: usize = 4;

/// A server that is asked for each of its folders is asked this often, and no more.
const MOST_FOLDERS: usize = 10_000;

/// The deepest folder that is looked into. Ours have two levels below their place.
const DEEPEST: usize = 8;

/// A store: a mount, and what stands before the paths of documents there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kv {
    mount: String,
    prefix: String,
}

/// A secret, seen from outside: no value is read for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct There {
    /// The number of its newest version.
    pub version: u64,
    /// Whether that version has a value: it was neither deleted nor destroyed.
    pub is_live: bool,
    /// What its writers noted about it.
    pub noted: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Mount {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    options: Option<HashMap<String, String>>,
}

impl Kv {
    /// Asks which mount a place (`secret/clws`) lies in, and of which kind it is.
    ///
    /// # Errors
    /// [`ServerError::NoStore`] if none lies there, or one of another kind.
    pub async fn find(client: &Client, place: &str) -> Result<Self, ServerError> {
        let place = place.trim_matches('/');
        let no_store = |why: &str, hint: Option<String>| ServerError::NoStore {
            place: clean_line(place),
            why: why.to_owned(),
            hint,
        };
        let asking = format!("sys/internal/ui/mounts/{place}");
        let mount = match client.get::<Mount>(&asking).await {
            Ok(answer) => answer.into_data()?,
            // A server does not tell a mount that is not there from one that may not be seen.
            Err(error) if matches!(error.status(), Some(400 | 403 | 404)) => {
                return Err(no_store(
                    "is no mount, or not one that your token may see",
                    Some("`--kv MOUNT/PREFIX`, or `kv` in [server] of your config.toml".to_owned()),
                ));
            }
            Err(error) => return Err(error),
        };
        let path = mount.path.trim_matches('/');
        let version = mount.options.and_then(|mut all| all.remove("version"));
        match (mount.kind.as_str(), version.as_deref()) {
            ("kv" | "generic", Some("2")) => {}
            ("kv" | "generic", _) => {
                return Err(no_store(
                    "keeps no versions (KV version 1), so a change there could be lost",
                    Some(format!("bao kv enable-versioning {}", clean_line(path))),
                ));
            }
            (kind, _) => {
                let why = format!("is no key-value store but `{}`", clean_line(kind));
                return Err(no_store(&why, None));
            }
        }
        let below = place.strip_prefix(path);
        let below = below.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let below = below.ok_or(ServerError::NotAnAnswer {
            why: "it names another mount than it was asked for",
        })?;
        Ok(Self {
            mount: path.to_owned(),
            prefix: below.trim_matches('/').to_owned(),
        })
    }

    /// Where a document lies, as people say it: `secret/clws/prod/web`.
    #[must_use]
    pub fn place(&self, path: &str) -> String {
        format!("{}/{}", self.mount, self.path(path))
    }

    fn path(&self, path: &str) -> String {
        match self.prefix.as_str() {
            "" => path.to_owned(),
            prefix if path.is_empty() => prefix.to_owned(),
            prefix => format!("{prefix}/{path}"),
        }
    }

    /// What the server knows about a secret; nothing where there is none.
    async fn metadata(
        &self,
        client: &Client,
        path: &str,
    ) -> Result<Option<ReadSecretMetadataResponse>, ServerError> {
        let request = ReadSecretMetadataRequest {
            mount: self.mount.clone(),
            path: self.path(path),
        };
        client.find(&request).await
    }

    /// Looks at a secret without reading it.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn look(&self, client: &Client, path: &str) -> Result<Option<There>, ServerError> {
        let Some(read) = self.metadata(client, path).await? else {
            return Ok(None);
        };
        Ok(Some(There {
            version: read.current_version,
            is_live: live(&read).is_some(),
            noted: read.custom_metadata.into_iter().flatten().collect(),
        }))
    }

    /// The newest version of a secret, with the time at which it was made. No value is read.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn newest(
        &self,
        client: &Client,
        path: &str,
    ) -> Result<Option<(u64, String)>, ServerError> {
        let Some(read) = self.metadata(client, path).await? else {
            return Ok(None);
        };
        Ok(live(&read).map(|version| (read.current_version, clean_line(&version.created_time))))
    }

    /// Reads a version of a secret, the newest without; gives its number, the time at which it was made, and its
    /// fields as texts. Nothing where it has no value.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn texts(
        &self,
        client: &Client,
        path: &str,
        version: Option<u64>,
    ) -> Result<Option<(u64, String, BTreeMap<String, Plain>)>, ServerError> {
        let read = self.version_of(client, path, version).await?;
        Ok(read.map(|(about, fields)| {
            let made = clean_line(&about.created_time);
            (about.version, made, texts(fields))
        }))
    }

    /// Reads a secret: the number of its newest version and its fields. Nothing where it has no value.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn read(
        &self,
        client: &Client,
        path: &str,
    ) -> Result<Option<(u64, Map<String, Value>)>, ServerError> {
        let read = self.version_of(client, path, None).await?;
        Ok(read.map(|(about, fields)| (about.version, fields)))
    }

    /// A version of a secret, the newest without, as the server has it.
    async fn version_of(
        &self,
        client: &Client,
        path: &str,
        version: Option<u64>,
    ) -> Result<Option<(SecretVersionMetadata, Map<String, Value>)>, ServerError> {
        let request = ReadSecretRequest {
            mount: self.mount.clone(),
            path: self.path(path),
            version,
        };
        let Some(read) = client.find(&request).await? else {
            return Ok(None);
        };
        match read.data {
            Value::Object(fields) => Ok(Some((read.metadata, fields))),
            _ => Err(ServerError::NotAnAnswer {
                why: "a secret has fields",
            }),
        }
    }

    /// Writes a secret over version `over` of it (0 for a new one), and gives the number of the new version.
    ///
    /// If the answer was lost, the server is looked at: what is there already is not written twice.
    ///
    /// # Errors
    /// [`ServerError::Changed`] if another version came between; [`ServerError::TooLargeThere`];
    /// [`ServerError`].
    pub async fn write(
        &self,
        client: &Client,
        path: &str,
        fields: &Map<String, Value>,
        over: u64,
    ) -> Result<u64, ServerError> {
        let size = serde_json::to_vec(fields)
            .map_or(usize::MAX, |text| zeroize::Zeroizing::new(text).len());
        if size > LARGEST {
            return Err(ServerError::TooLargeThere {
                path: path.to_owned(),
                size,
                most: LARGEST,
            });
        }
        let changed = || ServerError::Changed {
            path: self.place(path),
        };
        let request = SetSecretRequest {
            mount: self.mount.clone(),
            path: self.path(path),
            data: Value::Object(fields.clone()),
            options: Some(SetSecretRequestOptions {
                cas: u32::try_from(over).map_err(|_| changed())?,
            }),
        };
        let mut last = None;
        for _ in 0..TRIES {
            let error = match client.call(&request).await {
                Ok(answer) => return Ok(answer.into_data()?.version),
                Err(error) => error,
            };
            let is_taken = error.status() == Some(400) && error.says("check-and-set");
            if !is_taken && !matches!(error, ServerError::Uncertain { .. }) {
                return Err(error);
            }
            // Our own write may be the one that was there before: its answer was lost.
            match self.read(client, path).await? {
                Some((version, now)) if version == over + 1 && now == *fields => {
                    return Ok(version);
                }
                Some((version, _)) if version != over => return Err(changed()),
                _ if is_taken => return Err(changed()),
                _ => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(changed))
    }

    /// Notes something about a secret beside what others noted.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn note(
        &self,
        client: &Client,
        path: &str,
        noted: BTreeMap<String, String>,
    ) -> Result<(), ServerError> {
        let request = SetSecretMetadataRequest {
            mount: self.mount.clone(),
            path: self.path(path),
            custom_metadata: Some(noted.into_iter().collect()),
            ..SetSecretMetadataRequest::default()
        };
        // Written twice it is the same.
        match client.call(&request).await {
            Err(ServerError::Uncertain { .. }) => client.call(&request).await.map(drop),
            done => done.map(drop),
        }
    }

    /// Deletes one version of a secret; it can be undeleted there. A newer one stays.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn delete(
        &self,
        client: &Client,
        path: &str,
        version: u64,
    ) -> Result<(), ServerError> {
        let request = DeleteSecretVersionsRequest {
            mount: self.mount.clone(),
            path: self.path(path),
            versions: vec![version],
        };
        match client.call(&request).await {
            Err(ServerError::Uncertain { .. }) => client.call(&request).await.map(drop),
            done => done.map(drop),
        }
    }

    /// The paths of all secrets below one; none where the token may not list.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn list(&self, client: &Client, below: &str) -> Result<Vec<String>, ServerError> {
        let mut found = Vec::new();
        let mut folders = vec![below.trim_matches('/').to_owned()];
        let mut looked = 0;
        while let Some(folder) = folders.pop() {
            looked += 1;
            if looked > MOST_FOLDERS {
                return Err(ServerError::NotAnAnswer {
                    why: "it has more folders than can be looked through",
                });
            }
            let path = format!("{}/metadata/{}", self.mount, self.path(&folder));
            let names = match client.list(&path).await {
                Err(error) if error.status() == Some(403) => continue,
                names => names?,
            };
            for name in names {
                let bare = name.strip_suffix('/').unwrap_or(&name);
                // No name is any of these; a path would lead elsewhere by them.
                if matches!(bare, "" | "." | "..") || bare.contains('/') {
                    continue;
                }
                let path = format!("{folder}/{bare}");
                match name.ends_with('/') {
                    true if path.split('/').count() < DEEPEST => folders.push(path),
                    true => {}
                    false => found.push(path),
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// The newest version of a secret, if it has a value: it was neither deleted nor destroyed.
fn live(read: &ReadSecretMetadataResponse) -> Option<&SecretMetadata> {
    let newest = read.versions.get(&read.current_version.to_string());
    newest.filter(|version| version.deletion_time.is_empty() && !version.destroyed)
}
