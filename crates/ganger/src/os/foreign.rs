//! Files that an agent, a gate or a repository may have made: anything may be there, a FIFO, a device, a link to a
//! secret, a terabyte of nothing. They are opened without waiting, and read as far as a limit.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a regular file, not through a link, at most `limit` bytes.
pub(crate) fn read_regular(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    read(path, open(path, OFlags::NOFOLLOW)?, limit)
}

/// As [`read_regular`], as text.
pub(crate) fn read_text(path: &Path, limit: u64) -> std::io::Result<String> {
    text(read_regular(path, limit)?)
}

/// As [`read_regular`], for files that people may replace by links to where they keep them.
pub(crate) fn read_linked(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    read(path, open(path, OFlags::empty())?, limit)
}

/// As [`read_linked`], as text.
pub(crate) fn read_linked_text(path: &Path, limit: u64) -> std::io::Result<String> {
    text(read_linked(path, limit)?)
}

fn text(bytes: Vec<u8>) -> std::io::Result<String> {
    let not_text = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not valid UTF-8");
    String::from_utf8(bytes).map_err(not_text)
}

/// The last bytes of a regular file.
pub(crate) fn tail(path: &Path, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut file = open(path, OFlags::NOFOLLOW)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut content = Vec::new();
    file.take(bytes).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether a regular file, however large, has these bytes in it.
pub(crate) fn holds(path: &Path, wanted: &[u8]) -> std::io::Result<bool> {
    let mut file = open(path, OFlags::NOFOLLOW)?;
    let mut bytes = vec![0; 1 << 20];
    // What stands across the edge of two reads is kept for the second.
    let mut kept = 0;
    loop {
        let read = file.read(&mut bytes[kept..])?;
        if memchr::memmem::find(&bytes[..kept + read], wanted).is_some() {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        let edge = wanted.len().saturating_sub(1).min(kept + read);
        bytes.copy_within(kept + read - edge..kept + read, 0);
        kept = edge;
    }
}

/// Makes a new file where an agent may write: what is there is removed, and never written through.
pub(crate) fn create_new(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        // A folder.
        Err(_) => std::fs::remove_dir_all(path)?,
        Ok(()) => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn read(path: &Path, file: File, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // A file may grow while it is read.
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(std::io::Error::other(format!("{} is larger than {limit} bytes", path.display())));
    }
    Ok(content)
}

fn open(path: &Path, more: OFlags) -> std::io::Result<File> {
    // A FIFO would otherwise wait for a writer that never comes.
    let flags = (OFlags::NONBLOCK | more).bits();
    #[expect(clippy::cast_possible_wrap, reason = "flags, taken bit by bit")]
    let file = OpenOptions::new().read(true).custom_flags(flags as i32).open(path).map_err(|e| {
        let is_link = e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        let words = || std::io::Error::other(format!("{} is a link, which is not followed", path.display()));
        if is_link { words() } else { e }
    })?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other(format!("{} is not a regular file", path.display())));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::symlink;

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "0123456789").unwrap();
        assert_eq!(read_regular(&at("file"), 10).unwrap(), b"0123456789");
        assert!(read_regular(&at("file"), 9).unwrap_err().to_string().contains("larger than 9 bytes"));
        assert_eq!(tail(&at("file"), 3).unwrap(), b"789");
        let made = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(made.success());
        symlink(&at("file"), &at("link")).unwrap();
        assert!(holds(&at("file"), b"345").unwrap() && !holds(&at("file"), b"354").unwrap());
        std::fs::write(at("long"), [&vec![b'x'; (1 << 20) - 2][..], b"across", &vec![b'y'; 1 << 20]].concat()).unwrap();
        assert!(holds(&at("long"), b"across").unwrap() && !holds(&at("long"), b"acrosx").unwrap());
        for name in ["fifo", "link", "."] {
            assert!(read_regular(&at(name), 10).is_err(), "{name}");
            assert!(tail(&at(name), 10).is_err(), "{name}");
        }
        assert_eq!(read_linked_text(&at("link"), 10).unwrap(), "0123456789");
        symlink(Path::new("/dev/zero"), &at("device")).unwrap();
        assert!(read_linked_text(&at("device"), 10).unwrap_err().to_string().contains("not a regular file"));
        std::fs::File::create(at("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert!(read_regular(&at("sparse"), 1_000).unwrap_err().to_string().contains("larger than 1000 bytes"));
        assert_eq!(tail(&at("sparse"), 2).unwrap(), [0, 0]);
    }

    #[test]
    fn a_new_file_takes_the_place_of_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("secret"), "mine").unwrap();
        symlink(&at("secret"), &at("link")).unwrap();
        std::fs::create_dir_all(at("folder/in")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        for name in ["link", "folder", "fifo", "new"] {
            std::io::Write::write_all(&mut create_new(&at(name)).unwrap(), b"ours").unwrap();
            assert_eq!(read_regular(&at(name), 10).unwrap(), b"ours", "{name}");
        }
        assert_eq!(std::fs::read_to_string(at("secret")).unwrap(), "mine");
    }
}
