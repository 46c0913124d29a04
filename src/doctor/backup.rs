//! A restore from a backup, practised: whether it opens with the identities given and nothing else, and whether it is
//! what the vault has.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Diagnosis;
use crate::crypto::{hex, sha256};
use crate::error::{Code, Error, Problem};
use crate::export::{BACKUP_FILE, Backup};
use crate::fs::FsError;
use crate::name::{SecretName, SecretPath};
use crate::text::{clean_line, count, list};
use crate::vault::{Listed, Opener, Reader, Vault, verify_given};

/// The largest list that is read: 100,000 secrets of 120 bytes are 12 MB.
const MOST: u64 = 64 << 20;

/// So many secrets are named.
const NAMED: usize = 5;

/// What the vault has of a secret: its number and SHA-256 of it.
type Has = (u64, [u8; 32]);

/// Opens each file of a backup, and compares it with the vault as far as these identities open that.
///
/// # Errors
/// What keeps the list or the vault from being read; what is wrong with the backup is a diagnosis.
pub fn backup(
    vault: &Vault,
    reader: &Reader<'_>,
    openers: &[&dyn Opener],
    folder: &Path,
) -> Result<Vec<Diagnosis>, Error> {
    let list = read(folder)?;
    if list.vault != hex(vault.id()) {
        let why = "it is a backup of another vault";
        let next = "name that vault's folder: `--vault DIR`";
        return Ok(vec![Diagnosis::wrong("backup", why, next)]);
    }
    let mut all = Vec::new();
    let mut in_vault = of_vault(vault, reader)?;
    let (mut older, mut opened) = (Vec::new(), 0_usize);
    for kept in &list.secrets {
        // Its name leads to a file, and is somebody else's text.
        let Ok(path) = kept.path.parse::<SecretPath>() else {
            let about = format!("backup {}", clean_line(&kept.path));
            let next = "make a new backup: clws export --format age --recovery --out DIR";
            all.push(Diagnosis::wrong(about, "it is no path of a secret", next));
            continue;
        };
        let has = in_vault.remove(path.as_str());
        let sum = open(&folder.join(format!("{path}.age")))
            .and_then(|mut file| verify_given(openers, &mut file, path.as_str()));
        match (sum, has) {
            (Err(error), _) => all.push(Diagnosis::of(format!("backup {path}"), &error)),
            (Ok(sum), Some(Some((rev, sha256)))) if rev == kept.rev && sum.sha256 != sha256 => {
                let why = format!("it is not what the vault has as rev {rev}");
                let next = "make a new backup, and ask who wrote to this one";
                all.push(Diagnosis::wrong(format!("backup {path}"), why, next));
            }
            (Ok(_), has) => {
                opened += 1;
                if has.flatten().is_some_and(|(rev, _)| rev != kept.rev) {
                    older.push(path.to_string());
                }
            }
        }
    }
    let lacking: Vec<String> = in_vault.into_keys().collect();
    let next = "clws export --format age --recovery --out DIR";
    if !older.is_empty() {
        let why = format!("the vault has other values by now of {}", named(&older));
        all.push(Diagnosis::note("backup", why, next));
    }
    if !lacking.is_empty() {
        let why = format!("it lacks {}", named(&lacking));
        all.push(Diagnosis::note("backup", why, next));
    }
    let of = format!("{} of {}", count(opened, "secret"), clean_line(&list.at));
    if opened == list.secrets.len() {
        all.push(Diagnosis::fine("backup", format!("opened all of it: {of}")));
    }
    Ok(all)
}

fn named(paths: &[String]) -> String {
    let more = paths.len().saturating_sub(NAMED);
    let named: Vec<&String> = paths.iter().take(NAMED).collect();
    match more {
        0 => list(&named),
        more => format!("{} and {more} more", list(&named)),
    }
}

/// What the vault has, by path; without its sum where these identities do not open it, which the practised
/// restore of the vault itself tells.
fn of_vault(vault: &Vault, reader: &Reader<'_>) -> Result<BTreeMap<String, Option<Has>>, Error> {
    let mut all = BTreeMap::new();
    for listed in vault.list(None)? {
        match &listed {
            Listed::Document(path) => match reader.document(path) {
                Ok(values) => {
                    for opened in values {
                        let sum = opened.value.with(|bytes| sha256(bytes));
                        all.insert(format!("{path}/{}", opened.name), Some((opened.rev, sum)));
                    }
                }
                Err(error) if error.code() == Code::Audit => return Err(error),
                Err(_) => {}
            },
            Listed::File(path) => {
                let secret = SecretName::File(path.clone());
                if vault.is_live(&secret).is_ok_and(|is_live| !is_live) {
                    continue;
                }
                let has = reader.file_sum(path).ok();
                let has = has.map(|(rev, _, passed)| (rev, passed.sha256));
                all.insert(path.to_string(), has);
            }
        }
    }
    Ok(all)
}

fn read(folder: &Path) -> Result<Backup, Error> {
    let path = folder.join(BACKUP_FILE);
    let no_list = |why: &str| {
        let message = format!(
            "{} is no list of a backup: {why}",
            clean_line(&path.to_string_lossy())
        );
        Problem::new(Code::DataErr, message)
            .hint("a backup is what `clws export --format age --recovery --out DIR` wrote")
    };
    let mut bytes = Vec::new();
    open(&path)?
        .take(MOST)
        .read_to_end(&mut bytes)
        .map_err(FsError::io("read", &path))?;
    let list: Backup =
        serde_json::from_slice(&bytes).map_err(|error| no_list(&error.to_string()))?;
    match list.format {
        1 => Ok(list),
        other => Err(no_list(&format!("its format is {other}")).into()),
    }
}

/// An ordinary file: what stands in a backup's place is not waited for.
fn open(path: &Path) -> Result<File, Error> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags).unwrap_or(0))
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(path),
            _ => FsError::io("read", path)(error).into(),
        })?;
    let about = file.metadata().map_err(FsError::io("read", path))?;
    match about.is_file() {
        true => Ok(file),
        false => Err(FsError::NotAFile {
            path: path.to_owned(),
        }
        .into()),
    }
}

fn missing(path: &Path) -> Error {
    let message = format!("there is no {}", clean_line(&path.to_string_lossy()));
    Problem::new(Code::NotFound, message)
        .hint("a backup is what `clws export --format age --recovery --out DIR` wrote")
        .into()
}
