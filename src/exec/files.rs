//! Files for a child: in a private folder in memory, gone when the child is.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::given::{Content, GivenFile};
use super::supervise::Watch;
use super::variable::VariableName;
use crate::error::Error;
use crate::fs::{FsError, RamDir};
use crate::world::World;

/// 64 KiB, a chunk of the age payload.
const CHUNK: usize = 64 * 1024;

/// Files that lie in memory until this is dropped.
pub(super) struct Placed {
    _folder: Option<RamDir>,
    /// Where each lies, by the variable that gets the path.
    pub(super) paths: Vec<(VariableName, PathBuf)>,
}

/// Puts the files into a fresh folder. No folder is made for none.
///
/// Each lies in a folder of its variable's name under the last part of its own: two keys of one name
/// do not meet, and programs that tell a format by its ending still can.
///
/// # Errors
/// [`FsError::NoMemoryFolder`]; [`super::ExecError::Stopped`] if a signal came meanwhile.
pub(super) fn place(
    world: &World,
    files: Vec<(VariableName, GivenFile)>,
    watch: &Watch,
) -> Result<Placed, Error> {
    let mut paths = Vec::new();
    if files.is_empty() {
        return Ok(Placed {
            _folder: None,
            paths,
        });
    }
    let folder = RamDir::new(world)?;
    for (variable, file) in files {
        let own = folder.path().join(variable.as_str());
        DirBuilder::new()
            .mode(0o700)
            .create(&own)
            .map_err(FsError::io("make", &own))?;
        let path = own.join(&file.name);
        write(&path, file, watch)?;
        paths.push((variable, path));
    }
    Ok(Placed {
        _folder: Some(folder),
        paths,
    })
}

fn write(path: &Path, file: GivenFile, watch: &Watch) -> Result<(), Error> {
    let fail = || FsError::io("write", path);
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(fail())?;
    match file.content {
        Content::Small(plain) => plain
            .with(|bytes| target.write_all(bytes))
            .map_err(fail())?,
        Content::Large(mut reader) => {
            let mut buffer = Zeroizing::new(vec![0; CHUNK]);
            loop {
                watch.demand_unstopped()?;
                match reader.read(&mut buffer).map_err(fail())? {
                    0 => break,
                    length => target
                        .write_all(buffer.get(..length).unwrap_or_default())
                        .map_err(fail())?,
                }
            }
        }
    }
    // Last, so that a mode without the write bit does not stand in the way.
    rustix::fs::fchmod(&target, rustix::fs::Mode::from_raw_mode(file.mode))
        .map_err(FsError::errno("write", path))?;
    Ok(())
}
