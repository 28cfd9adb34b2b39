//! What files said when they were last read, so that a file nobody has touched since is not parsed
//! again. A memo is only ever a shortcut: without it, or with one that is damaged or another
//! Venti's, every file is read.
//!
//! A memo is a folder of shards, and a file's shard depends on its name alone, so that one changed
//! file makes little to write. A shard has a line a file: size, time, path, and what the file said,
//! as JSON; and a last line that names this Venti and the hash of those above.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::fs::{self, Opened, Stamp};
use crate::problem::{self, Problem};
use crate::project::SCRATCH;

/// Files in a shard, about.
const FILES_IN_A_SHARD: usize = 256;

/// A file written so shortly before its memo may have been written again without another stamp,
/// since file systems count time in ticks (FAT's is the longest). In nanoseconds.
const TICK: u64 = 2_000_000_000;

/// What `read` says of each of `paths` (relative to the project's `root`), in their order; from the
/// memo called `name` where the file has the stamp it had then. `read` is given the path and its
/// file, and must depend on nothing else. Problems are not remembered.
pub fn read_all<T>(
    name: &str,
    root: &Path,
    paths: &[PathBuf],
    read: impl Fn(&Path, Opened) -> Result<T, Problem> + Sync,
) -> Vec<Result<T, Problem>>
where
    T: Serialize + DeserializeOwned + Send,
{
    let folder = root.join(SCRATCH).join(name);
    let count = paths.len().div_ceil(FILES_IN_A_SHARD).next_power_of_two();
    let mut shards: Vec<Vec<(usize, &Path)>> = vec![Vec::new(); count];
    for (at, path) in paths.iter().enumerate() {
        let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
        let [first, second, ..] = *hash.as_bytes();
        shards[usize::from(u16::from_le_bytes([first, second])) % count].push((at, path));
    }
    let file = |shard: usize| folder.join(format!("{shard}-of-{count}"));
    let said: Vec<Vec<Result<T, Problem>>> = shards
        .par_iter()
        .enumerate()
        .map_init(Vec::new, |buffer, (shard, members)| {
            read_shard(&file(shard), buffer, root, members, &read)
        })
        .collect();
    let mut in_order: Vec<Option<Result<T, Problem>>> = Vec::new();
    in_order.resize_with(paths.len(), || None);
    for (members, said) in shards.iter().zip(said) {
        members.iter().zip(said).for_each(|((at, _), said)| in_order[*at] = Some(said));
    }
    sweep(&folder, &(0..count).map(file).collect());
    in_order.into_iter().flatten().collect()
}

/// `buffer` is for the shard's bytes; one that is used again needs no new memory.
fn read_shard<T: Serialize + DeserializeOwned>(
    file: &Path,
    buffer: &mut Vec<u8>,
    root: &Path,
    members: &[(usize, &Path)],
    read: impl Fn(&Path, Opened) -> Result<T, Problem>,
) -> Vec<Result<T, Problem>> {
    let text = recall(file, buffer).unwrap_or_default();
    let written = fs::metadata(file).ok().and_then(|file| Stamp::new(&file));
    let trusted = written.map_or(0, |stamp| stamp.modified.saturating_sub(TICK));
    let entries: HashMap<&str, Entry<'_>> = text.lines().filter_map(Entry::parse).collect();

    // What is to be remembered of each file: the line it has, or a new one of this stamp.
    let mut lines: Vec<Result<&str, Option<Stamp>>> = Vec::with_capacity(members.len());
    let said = members.iter().map(|&(_, path)| {
        let known = path.to_str().and_then(|path| entries.get(path)).filter(|entry| {
            let stamp = fs::metadata(&root.join(path)).ok().and_then(|file| Stamp::new(&file));
            Some(entry.stamp) == stamp && entry.stamp.modified < trusted
        });
        if let Some(entry) = known
            && let Ok(value) = serde_json::from_str(entry.json)
        {
            lines.push(Ok(entry.line));
            return Ok(value);
        }
        let opened = problem::open(root, path);
        lines.push(Err(opened.as_ref().ok().and_then(|file| Stamp::new(&file.metadata))));
        opened.and_then(|file| read(path, file))
    });
    let said: Vec<Result<T, Problem>> = said.collect();
    if entries.len() != members.len() || lines.iter().any(Result::is_err) {
        let mut shard = Vec::with_capacity(text.len());
        for ((&(_, path), line), value) in members.iter().zip(lines).zip(&said) {
            match (line, value) {
                (Ok(line), _) => {
                    shard.extend_from_slice(line.as_bytes());
                    shard.push(b'\n');
                }
                (Err(Some(stamp)), Ok(value)) => push_line(path, stamp, value, &mut shard),
                _ => {}
            }
        }
        keep(file, shard);
    }
    said
}

/// One line of a shard.
struct Entry<'t> {
    line: &'t str,
    stamp: Stamp,
    json: &'t str,
}

impl<'t> Entry<'t> {
    fn parse(line: &'t str) -> Option<(&'t str, Self)> {
        let mut parts = line.splitn(4, '\t');
        let size = parts.next()?.parse().ok()?;
        let modified = parts.next()?.parse().ok()?;
        let path = parts.next()?;
        Some((path, Self { line, stamp: Stamp { size, modified }, json: parts.next()? }))
    }
}

/// Adds the line of a file; none where its name cannot stand in one, or its value not in JSON.
fn push_line(path: &Path, stamp: Stamp, value: &impl Serialize, shard: &mut Vec<u8>) {
    let path = path.to_str().filter(|path| !path.contains(['\t', '\n', '\r']));
    let Some(path) = path else { return };
    let start = shard.len();
    shard.extend_from_slice(format!("{}\t{}\t{path}\t", stamp.size, stamp.modified).as_bytes());
    match serde_json::to_writer(&mut *shard, value) {
        Ok(()) => shard.push(b'\n'),
        Err(_) => shard.truncate(start),
    }
}

/// The last line of a shard: it comes after what it proves, so that neither is moved for the other.
fn last_line(lines: &[u8]) -> String {
    format!("venti {} {}", env!("VENTI_IDENTITY"), blake3::hash(lines).to_hex())
}

/// Keeps `lines`, each with its end, for [`recall`].
pub fn keep(file: &Path, mut lines: Vec<u8>) {
    let last = last_line(&lines);
    lines.extend_from_slice(last.as_bytes());
    // A full or read-only disk costs the shortcut, not the build.
    let _ = fs::write_cache(file, &lines);
}

/// What was kept in a file, if it is whole and this Venti's, read into `buffer`.
pub fn recall<'b>(file: &Path, buffer: &'b mut Vec<u8>) -> Option<&'b str> {
    buffer.clear();
    fs::open(file).ok()?.read_into(file, buffer).ok()?;
    let text = std::str::from_utf8(buffer).ok()?;
    let (lines, last) = text.split_at(text.rfind('\n').map_or(0, |end| end + 1));
    (last == last_line(lines.as_bytes())).then_some(lines)
}

/// Removes what is in a folder but these files.
pub fn sweep(folder: &Path, used: &BTreeSet<PathBuf>) {
    for other in fs::list(folder).unwrap_or_default() {
        if !used.contains(&other) {
            let _ = fs::remove_file(&other);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A folder of files, all of them written long ago.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, text: &str, seconds_ago: u64) {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            let time = SystemTime::now() - Duration::from_secs(seconds_ago);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }

        /// What the files say, and how many of them were read.
        fn read(&self, names: &[&str]) -> (Vec<Option<String>>, usize) {
            let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            let count = AtomicUsize::new(0);
            let said = read_all("memo", self.0.path(), &paths, |path, file| {
                count.fetch_add(1, Ordering::Relaxed);
                let text = problem::text_of(file, path)?;
                if text == "bad" { Err(Problem::in_file(path, "bad")) } else { Ok(text) }
            });
            (said.into_iter().map(Result::ok).collect(), count.into_inner())
        }

        fn memo(&self) -> PathBuf {
            self.0.path().join(SCRATCH).join("memo")
        }
    }

    fn texts(said: &[&str]) -> Vec<Option<String>> {
        said.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn a_file_is_read_once_and_again_when_it_changed() {
        let folder = Folder::new();
        folder.write("a", "one\nline\ttwo", 100);
        folder.write("b", "two", 100);
        assert_eq!(folder.read(&["a", "b"]), (texts(&["one\nline\ttwo", "two"]), 2));
        assert_eq!(folder.read(&["b", "a"]), (texts(&["two", "one\nline\ttwo"]), 0));
        // Of the same size.
        folder.write("b", "owt", 50);
        assert_eq!(folder.read(&["a", "b"]), (texts(&["one\nline\ttwo", "owt"]), 1));
        // At the same time, but for the size.
        folder.write("c", "three", 100);
        assert_eq!(folder.read(&["a", "b", "c"]).1, 1);
        assert_eq!(folder.read(&["a", "b", "c"]).1, 0);
        assert_eq!(folder.read(&["c"]), (texts(&["three"]), 0));
    }

    #[test]
    fn a_file_that_was_just_written_is_read_again() {
        let folder = Folder::new();
        folder.write("a", "one", 0);
        assert_eq!(folder.read(&["a"]).1, 1);
        assert_eq!(folder.read(&["a"]).1, 1);
    }

    #[test]
    fn a_problem_is_met_each_time() {
        let folder = Folder::new();
        folder.write("a", "bad", 100);
        assert_eq!(folder.read(&["a", "gone"]), (vec![None, None], 1));
        assert_eq!(folder.read(&["a", "gone"]), (vec![None, None], 1));
    }

    #[test]
    fn a_damaged_memo_is_none() {
        let folder = Folder::new();
        folder.write("a", "one", 100);
        folder.write("b", "two", 100);
        folder.read(&["a", "b"]);
        let shard = folder.memo().join("0-of-1");
        let whole = std::fs::read(&shard).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&shard, &whole[..end]).unwrap();
            assert_eq!(folder.read(&["a", "b"]), (texts(&["one", "two"]), 2), "cut at {end}");
        }
        let mut other = whole.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(&shard, &other).unwrap();
        assert_eq!(folder.read(&["a", "b"]).1, 2);
    }

    #[test]
    fn many_files_have_many_shards_and_old_ones_go() {
        let folder = Folder::new();
        let names: Vec<String> = (0..1100).map(|n| format!("f{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.iter().for_each(|name| folder.write(name, name, 100));
        assert_eq!(folder.read(&names[..9]), (texts(&names[..9]), 9));
        assert_eq!(folder.read(&names), (texts(&names), 1100));
        assert_eq!(fs::list(&folder.memo()).unwrap().len(), 8);
        assert_eq!(folder.read(&names), (texts(&names), 0));
    }
}
