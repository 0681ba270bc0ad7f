//! Where settings come from while the gateway runs: the files that are looked at, and read again.

use crate::base::bounded;
use crate::settings::load::Loaded;
use crate::settings::load::load;
use crate::settings::mistakes::escaped;
use crate::settings::sources::Sources;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::path::PathBuf;

/// Where settings are read: the same as at the start.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Files and flags.
    pub sources: Sources,
    /// The environment of the start.
    pub environment: Vec<(OsString, OsString)>,
}

impl Origin {
    /// The settings, if what they stand in can be read as often as one likes. A pipe would seem to be
    /// empty the second time, or would be waited for.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub(crate) fn read(&self) -> Result<Loaded, String> {
        let Self { sources, environment } = self;
        if let Some(file) = sources.files.iter().find(|file| is_pipe(file)) {
            let file = escaped(&file.display().to_string());
            return Err(format!("{file}: is a pipe, which cannot be read a second time"));
        }
        load(sources, environment.clone()).map_err(|mistakes| mistakes.to_string())
    }

    /// The files that settings name. Those of the certificate for clients have a watch of their own,
    /// which knows that two of them belong together.
    pub(crate) fn named(&self, loaded: &Loaded) -> Vec<PathBuf> {
        let tls = loaded.settings.listen.tls.as_ref();
        let own = tls.map(|tls| [tls.cert_file.clone(), tls.key_file.clone()]);
        let mut files = loaded.files();
        files.retain(|file| own.as_ref().is_none_or(|own| !own.contains(file)));
        files.retain(|file| !self.sources.files.contains(file));
        files
    }
}

/// Longer than any list of certificates that a system comes with. What is longer still is not followed:
/// it would be read every two seconds.
const LONGEST_FILE: u64 = 4 * 1024 * 1024;

fn is_pipe(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.file_type().is_fifo())
}

/// Files that are looked at, and what stood in them when they were last read. It is taken before they
/// are read: what changes after that is seen at the next look.
pub(crate) struct Watched {
    /// Which.
    pub(crate) files: Vec<PathBuf>,
    /// By what they are known again.
    pub(crate) content: blake3::Hash,
}

impl Watched {
    /// As they are now. This reads them.
    pub(crate) fn now(files: Vec<PathBuf>) -> Self {
        Self { content: content(&files), files }
    }
}

/// By what files are known again: their content, since a time of theirs may stay as it was. What is no
/// plain file may be without an end, or wait for somebody who writes.
pub(crate) fn content(files: &[PathBuf]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let is_plain = fs::metadata(file).is_ok_and(|file| file.is_file());
        match is_plain.then(|| bounded::read_file(file, LONGEST_FILE)) {
            Some(Ok(octets)) => {
                hasher.update(&u64::try_from(octets.len()).unwrap_or(u64::MAX).to_be_bytes());
                hasher.update(&octets);
            }
            // No file is so long.
            Some(Err(_)) | None => drop(hasher.update(&[u8::MAX; 8])),
        }
    }
    hasher.finalize()
}
