//! Downloads files of a commit into the cache: skips files that are already there, resumes partial
//! downloads, and verifies hashes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::cache::{CachedRepo, create_dir};
use super::remote::{Metadata, Remote};
use super::{Error, Progress, Result};

const BUFFER: usize = 1 << 16;

/// Ensures that the cached snapshot of `commit` contains `file`.
pub(super) fn into_cache(
    remote: &Remote,
    cached: &CachedRepo,
    commit: &str,
    file: &str,
    progress: &mut dyn Progress,
) -> Result<()> {
    if cached.snapshot_dir(commit).join(file).is_file() {
        return Ok(());
    }
    let metadata = remote.metadata(commit, file)?;
    let blob = cached.blob(&metadata.etag);
    let _lock = cached.lock(&metadata.etag)?;
    if !blob.is_file() {
        create_dir(blob.parent().unwrap_or(&blob))?;
        let partial = cached.incomplete(&metadata.etag);
        fetch(remote, commit, file, &metadata, &partial, progress)?;
        verify(remote, file, &metadata.etag, &partial)?;
        std::fs::rename(&partial, &blob).map_err(Error::io("move", &partial))?;
    }
    cached.link(commit, file, &metadata.etag)
}

/// Downloads the rest of the file at `partial`, retrying interrupted transfers.
fn fetch(
    remote: &Remote,
    commit: &str,
    file: &str,
    metadata: &Metadata,
    partial: &Path,
    progress: &mut dyn Progress,
) -> Result<()> {
    let retry = remote.retry();
    let mut pause = retry.pause;
    for attempt in 1.. {
        let end = fetch_once(remote, commit, file, metadata, partial, progress)?;
        let got = size_of(partial)?;
        let complete = match metadata.size {
            Some(size) => got == size,
            None => end.is_ok(),
        };
        if complete {
            break;
        }
        // A file that is too long cannot be resumed.
        if metadata.size.is_some_and(|size| got > size) {
            remove(partial)?;
        }
        if attempt >= retry.attempts {
            return Err(Error::Cut {
                repo: remote.id().to_owned(),
                file: file.to_owned(),
                expected: metadata.size.unwrap_or(got),
                got,
            });
        }
        thread::sleep(pause);
        pause *= 2;
    }
    progress.finish();
    Ok(())
}

/// Makes one attempt to download the rest of the file at `partial`. If the transfer is interrupted, the
/// inner result is an error and the bytes received so far are kept.
fn fetch_once(
    remote: &Remote,
    commit: &str,
    file: &str,
    metadata: &Metadata,
    partial: &Path,
    progress: &mut dyn Progress,
) -> Result<io::Result<()>> {
    let mut sink = File::options()
        .create(true)
        .append(true)
        .open(partial)
        .map_err(Error::io("write", partial))?;
    let mut have = size_of(partial)?;
    if metadata.size == Some(have) && have > 0 {
        return Ok(Ok(()));
    }
    let mut source = remote.bytes(commit, file, have)?;
    if source.as_ref().is_none_or(|source| source.offset != have) {
        // The server ignores the range or starts at another offset, or the partial file is too long.
        sink.set_len(0).map_err(Error::io("write", partial))?;
        have = 0;
        if source.as_ref().is_none_or(|source| source.offset != 0) {
            source = remote.bytes(commit, file, 0)?;
        }
    }
    let Some(mut source) = source.filter(|source| source.offset == have) else {
        return Ok(Err(io::ErrorKind::UnexpectedEof.into()));
    };
    progress.init(metadata.size.unwrap_or(0) as usize, file);
    progress.update(have as usize);
    let mut buffer = vec![0; BUFFER];
    loop {
        match source.reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                sink.write_all(&buffer[..read]).map_err(Error::io("write", partial))?;
                progress.update(read);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    sink.sync_all().map_err(Error::io("write", partial))?;
    Ok(Ok(()))
}

/// Verifies a file against the hash in its ETag and removes the file if the hashes differ.
fn verify(remote: &Remote, file: &str, etag: &str, path: &Path) -> Result<()> {
    let hexadecimal = etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (algorithm, got) = match etag.len() {
        64 if hexadecimal => ("SHA-256", hash::<Sha256>(path, "")?),
        // A git blob hash covers a header with the file's length, then the content.
        40 if hexadecimal => {
            ("git blob hash", hash::<Sha1>(path, &format!("blob {}\0", size_of(path)?))?)
        }
        _ => return Ok(()),
    };
    if got.eq_ignore_ascii_case(etag) {
        return Ok(());
    }
    remove(path)?;
    Err(Error::WrongHash {
        repo: remote.id().to_owned(),
        file: file.to_owned(),
        algorithm,
        expected: etag.to_owned(),
        got,
    })
}

fn hash<D: Digest>(path: &Path, header: &str) -> Result<String> {
    let mut hasher = D::new();
    hasher.update(header);
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn size_of(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).map_err(Error::io("read", path))?.len())
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(Error::io("remove", path))
}
