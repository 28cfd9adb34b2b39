//! Tests the guarantees about `output/` that need whole processes: builds killed at any moment,
//! concurrent builds, read-only and full disks.
//!
//! A test that needs a second process starts this test program again. The new process runs the
//! ignored test `as_a_child`, and the variable `VENTI_TEST_CHILD` selects its task. The disks are
//! small tmpfs mounts in the child's own mount namespace, which requires root or user namespaces.
//! If a machine allows neither, the tests that need a disk print a note to stderr or, with
//! `VENTI_TEST_MOUNTS=required` as in `.ci/run`, fail.
#![expect(clippy::disallowed_methods, reason = "tests set their scenes with plain files")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use site::Tree;
use site::output::commit;

/// Returns a site of many small files. Files with even numbers are in every edition, with different
/// text in each. Files with odd numbers have a different path in each edition. One file never
/// changes.
fn edition(edition: usize) -> Tree {
    let mut tree = Tree::from([("static/style.css".to_owned(), b"body {}".to_vec())]);
    for number in 0..120 {
        let page = if number % 2 == 0 {
            format!("{number}/index.html")
        } else {
            format!("edition-{edition}/{number}/index.html")
        };
        let words = format!("edition {edition}, page {number}. ").repeat(100 + number);
        tree.insert(page, words.into_bytes());
    }
    // `swap` is a file in one edition and a folder in the next.
    let swapped = if edition.is_multiple_of(2) { "swap" } else { "swap/index.html" };
    tree.insert(swapped.to_owned(), edition.to_string().into_bytes());
    tree
}

/// Returns every file below a folder, except Venti's own.
fn files(folder: &Path) -> Tree {
    let mut found = everything(folder);
    found.retain(|path, _| !path.starts_with(".venti/"));
    found
}

/// Returns every file below a folder.
fn everything(folder: &Path) -> Tree {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(folder).expect("it is below the folder");
            let path = path.to_str().expect("test paths are Unicode").replace('\\', "/");
            found.insert(path, fs::read(entry.path()).expect("a file just seen can be read"));
        }
    }
    found
}

/// Returns a command that starts this test program again to run `part` in `dir`.
fn child(part: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    command.args(["--exact", "as_a_child", "--ignored", "--nocapture"]);
    command.env("VENTI_TEST_CHILD", part).env("VENTI_TEST_DIR", dir).stdout(Stdio::null());
    command
}

/// Performs the task of a child process; see [`child`]. Does nothing in any other process.
#[test]
#[ignore = "started by the other tests"]
fn as_a_child() {
    let Some(dir) = std::env::var_os("VENTI_TEST_DIR").map(PathBuf::from) else { return };
    match std::env::var("VENTI_TEST_CHILD").as_deref() {
        Ok("build for ever") => build_for_ever(&dir),
        Ok("build often") => build_often(&dir),
        #[cfg(target_os = "linux")]
        Ok("fill the disk") => disks::fill_the_disk(&dir),
        #[cfg(target_os = "linux")]
        Ok("build read-only") => disks::build_read_only(&dir),
        _ => {}
    }
}

/// Creates a folder to build in, in memory if possible. A build that never waits for a disk is more
/// often killed midway, and a kill loses no written data on any kind of disk.
fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn build(number: usize, dir: &Path) -> miette::Result<site::output::Changes> {
    commit(&edition(number), &dir.join("output"), &dir.join("scratch"))
}

fn build_for_ever(dir: &Path) {
    for number in (0..2).cycle() {
        build(number, dir).unwrap();
    }
}

fn build_often(dir: &Path) {
    let editions = if std::process::id().is_multiple_of(2) { [0, 1] } else { [1, 0] };
    for number in editions.into_iter().cycle().take(20) {
        build(number, dir).unwrap();
    }
}

fn finished(mut child: Child) {
    assert!(child.wait().unwrap().success(), "the child's own assertions failed, see above");
}

/// Kills the build at 50 different points, spread over the duration of a few builds. After each kill,
/// every file is complete, and the next build produces the same output as a build into an empty folder.
#[test]
fn a_killed_build_leaves_complete_files_and_the_next_build_repairs_the_site() {
    let dir = fast_folder();
    let output = dir.path().join("output");
    let editions = [edition(0), edition(1)];
    fs::create_dir(&output).unwrap();
    fs::write(output.join("CNAME"), "example.com").unwrap();

    let fresh = fast_folder();
    let exact = [0, 1].map(|number| {
        build(number, fresh.path()).unwrap();
        let mut site = everything(&fresh.path().join("output"));
        site.insert("CNAME".into(), b"example.com".to_vec());
        site
    });

    let mut halfway = 0;
    for moment in 0..50 {
        let mut builder = child("build for ever", dir.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60) + Duration::from_micros(1_700 * moment));
        builder.kill().unwrap();
        builder.wait().unwrap();

        let mut left = files(&output);
        assert_eq!(left.remove("CNAME").as_deref(), Some(&b"example.com"[..]), "kill {moment}");
        for (path, bytes) in &left {
            let whole = editions.iter().any(|edition| edition.get(path) == Some(bytes));
            assert!(whole, "kill {moment}: {path} is neither old nor new");
        }
        halfway += usize::from(!editions.contains(&left));

        let number = moment as usize % 2;
        build(number, dir.path()).unwrap();
        let after = everything(&output);
        let (found, wanted) = (after.keys(), exact[number].keys());
        assert!(
            found.eq(wanted),
            "kill {moment}: files are missing or left over: {:?}",
            after.keys()
        );
        assert!(after == exact[number], "kill {moment}: not the exact site");
    }
    assert!(halfway > 0, "no kill hit a build midway, so this tested nothing");
}

#[test]
fn two_builds_at_once_take_turns() {
    let dir = fast_folder();
    let children: Vec<Child> =
        (0..4).map(|_| child("build often", dir.path()).spawn().unwrap()).collect();
    children.into_iter().for_each(finished);
    let left = files(&dir.path().join("output"));
    assert!(left == edition(0) || left == edition(1), "the site is a mixture of two builds");
}

/// Tests with full and read-only disks.
#[cfg(target_os = "linux")]
mod disks {
    use std::io::Write;

    use super::*;

    /// Runs `part` in a child process with its own mounts, which the shell command `setup` creates.
    /// Returns false if this machine does not allow mounts.
    fn with_mounts(part: &str, setup: &str, dir: &Path) -> bool {
        // Root can mount directly; other users need a user namespace in which they are root.
        let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
        let allowed = |way: &&&[&str]| {
            let mut trial = Command::new("unshare");
            trial.args(**way).args(["mount", "-t", "tmpfs", "none"]).arg(dir);
            trial.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let Some(way) = ways.iter().find(allowed) else {
            assert!(
                std::env::var_os("VENTI_TEST_MOUNTS").is_none_or(|value| value != "required"),
                "VENTI_TEST_MOUNTS=required, but this machine allows no mounts"
            );
            // Bypasses the capture of test output, so that skipped tests are visible.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "\nSKIPPED: \"{part}\" did not run: no mounts allowed here").unwrap();
            return false;
        };
        let actor = child(part, dir);
        let mut command = Command::new("unshare");
        command.args(*way).args(["sh", "-ec", &format!("{setup}\nexec \"$@\""), "sh"]);
        command.arg(actor.get_program()).args(actor.get_args()).stdout(Stdio::null());
        for (name, value) in actor.get_envs() {
            command.env(name, value.expect("child only sets variables"));
        }
        finished(command.env("DIR", dir).spawn().unwrap());
        true
    }

    #[test]
    fn a_full_disk_is_reported_and_the_old_site_stays() {
        let dir = tempfile::tempdir().unwrap();
        with_mounts(
            "fill the disk",
            "mount -t tmpfs -o size=2m,nr_inodes=600 none \"$DIR\"",
            dir.path(),
        );
    }

    /// Builds repeatedly with a little more free space each time, from none to enough.
    pub fn fill_the_disk(dir: &Path) {
        let output = dir.join("output");
        build(0, dir).unwrap();
        let old = everything(&output);
        let mut failures = 0;
        for free_pages in (0..500).step_by(7) {
            fill_up(&dir.join("filler"), free_pages * 4096);
            match build(1, dir) {
                Ok(_) => {
                    assert_eq!(files(&output), edition(1));
                    assert!(failures > 3, "the disk was never full");
                    return;
                }
                Err(error) => {
                    failures += 1;
                    let help = error.help().expect("says what to do").to_string();
                    assert!(help.starts_with("the disk is full"), "{error:?}");
                    assert!(error.to_string().contains("site is unchanged"), "{error:?}");
                    let cause = error.chain().nth(1).expect("has a cause").to_string();
                    assert!(cause.contains("output/.venti/staging"), "names the path: {cause}");
                    assert_eq!(everything(&output), old, "{free_pages} free pages");
                }
            }
            fs::remove_file(dir.join("filler")).unwrap();
        }
        panic!("the disk was always full");
    }

    /// Writes a file that fills the disk except for `free` bytes.
    fn fill_up(path: &Path, free: usize) {
        let mut filler = fs::File::create(path).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let size = filler.metadata().unwrap().len();
        filler.set_len(size.saturating_sub(free as u64)).unwrap();
    }

    #[test]
    fn a_read_only_disk_is_reported_unless_nothing_has_to_be_written() {
        let dir = tempfile::tempdir().unwrap();
        build(0, dir.path()).unwrap();
        let setup = "mount --bind \"$DIR/output\" \"$DIR/output\"
                     mount -o remount,bind,ro \"$DIR/output\"";
        with_mounts("build read-only", setup, dir.path());
    }

    pub fn build_read_only(dir: &Path) {
        let old = everything(&dir.join("output"));
        assert_eq!(build(0, dir).unwrap().written, 0);
        let error = build(1, dir).unwrap_err();
        let help = error.help().expect("says what to do").to_string();
        assert!(help.starts_with("the file system is read-only"), "{error:?}");
        assert!(error.to_string().contains("site is unchanged"), "{error:?}");
        let cause = error.chain().nth(1).expect("has a cause").to_string();
        assert!(cause.contains("output/.venti"), "names the path: {cause}");
        assert_eq!(everything(&dir.join("output")), old);
    }
}

/// Tests the message for missing write permission. Root may write to any folder, so for root, the
/// build succeeds instead.
#[cfg(unix)]
#[test]
fn missing_write_permission_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    build(0, dir.path()).unwrap();
    let reserved = dir.path().join("output/.venti");
    fs::set_permissions(&reserved, fs::Permissions::from_mode(0o555)).unwrap();
    let result = build(1, dir.path());
    fs::set_permissions(&reserved, fs::Permissions::from_mode(0o755)).unwrap();
    match result {
        Ok(_) => assert_eq!(files(&dir.path().join("output")), edition(1), "only root may write"),
        Err(error) => {
            assert!(error.help().expect("says what to do").to_string().contains("may not write"));
            assert_eq!(files(&dir.path().join("output")), edition(0));
        }
    }
}
