//! The bell: wakes those who wait for a stream, in this process and in others.
//!
//! Each process binds a Unix datagram socket in the folder `bells`; a publisher sends the stream's name
//! to all of them. A bell may get lost (a full buffer, a race with a new process), so a thread also
//! looks at SQLite's `data_version` every [`FALLBACK`].

use super::store::Store;
use crate::BusError;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often the databases are looked at, should a bell get lost.
const FALLBACK: Duration = Duration::from_millis(100);
/// File times are no finer than the kernel's tick.
const CLOCK_GRAIN: Duration = Duration::from_millis(50);

/// Wakes waiters.
pub(super) struct Bell {
    ears: Arc<Ears>,
    outgoing: UnixDatagram,
    own: PathBuf,
    folder: PathBuf,
    /// Socket paths are limited to 108 bytes; through the open folder they are short.
    handle: File,
    others: Mutex<Others>,
}

#[derive(Default)]
struct Ears {
    streams: Mutex<BTreeMap<String, watch::Sender<u64>>>,
}

impl Ears {
    fn hear(&self, stream: &str) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.entry(stream.to_owned()).or_default().send_modify(|n| *n += 1);
    }

    fn hear_all(&self) {
        for sender in self.streams.lock().unwrap_or_else(PoisonError::into_inner).values() {
            sender.send_modify(|n| *n += 1);
        }
    }
}

impl Bell {
    pub(super) fn open(folder: &Path, stores: &[&Arc<Store>]) -> Result<Self, BusError> {
        let failed = |e: std::io::Error| BusError::Store(format!("bells: {e}"));
        let folder = folder.join("bells");
        fs::create_dir_all(&folder).map_err(failed)?;
        let handle = File::open(&folder).map_err(failed)?;
        let name = format!("{}-{:x}.sock", std::process::id(), super::now_ms());
        let incoming = bind(&handle, &name).map_err(failed)?;
        let outgoing = UnixDatagram::unbound().map_err(failed)?;
        outgoing.set_nonblocking(true).map_err(failed)?;
        let ears = Arc::new(Ears::default());
        listen(&ears, incoming).map_err(failed)?;
        watch_stores(&ears, stores.iter().map(|s| Arc::downgrade(s)).collect()).map_err(failed)?;
        Ok(Self { ears, outgoing, own: PathBuf::from(name), folder, handle, others: Mutex::default() })
    }

    /// Wakes all who wait for a stream.
    pub(super) fn ring(&self, stream: &str) {
        self.ears.hear(stream);
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.refresh(&self.handle, &self.folder, &self.own);
        for name in &others.names {
            let path = through(&self.handle, name);
            if let Err(error) = self.outgoing.send_to(stream.as_bytes(), &path)
                && error.kind() == std::io::ErrorKind::ConnectionRefused
            {
                // Its process is dead.
                let _gone = fs::remove_file(self.folder.join(name));
            }
        }
    }

    /// Changes whenever the stream may have something new.
    pub(super) fn listen(&self, stream: &str) -> watch::Receiver<u64> {
        let mut streams = self.ears.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let mut receiver = streams.entry(stream.to_owned()).or_default().subscribe();
        receiver.mark_unchanged();
        receiver
    }
}

/// The bells of other processes; their folder is read again when it has changed.
#[derive(Default)]
struct Others {
    names: Vec<String>,
    as_of: Option<SystemTime>,
}

impl Others {
    fn refresh(&mut self, handle: &File, folder: &Path, own: &Path) {
        let changed = handle.metadata().and_then(|m| m.modified()).ok();
        if changed.is_some() && changed == self.as_of {
            return;
        }
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name());
        self.names = entries.filter(|n| n != own.as_os_str()).map(|n| n.to_string_lossy().into_owned()).collect();
        // A second change within the clock's grain would not be seen: what is that young is not kept.
        self.as_of = changed.filter(|at| at.elapsed().is_ok_and(|age| age > CLOCK_GRAIN));
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let _gone = fs::remove_file(self.folder.join(&self.own));
    }
}

fn through(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

fn bind(folder: &File, name: &str) -> std::io::Result<UnixDatagram> {
    let path = through(folder, name);
    // Two buses opened in one millisecond by one process get the same name: the later one takes over.
    let _stale = fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

/// Both threads end by themselves when the bell is dropped.
fn listen(ears: &Arc<Ears>, socket: UnixDatagram) -> std::io::Result<()> {
    let ears: Weak<Ears> = Arc::downgrade(ears);
    let run = move || {
        let mut buffer = [0_u8; 128];
        while let Some(ears) = ears.upgrade() {
            let heard = socket.recv(&mut buffer);
            if let Ok(length) = heard {
                ears.hear(&String::from_utf8_lossy(&buffer[..length]));
            }
        }
    };
    std::thread::Builder::new().name("bus-bell".to_owned()).spawn(run).map(|_| ())
}

fn watch_stores(ears: &Arc<Ears>, stores: Vec<Weak<Store>>) -> std::io::Result<()> {
    let ears: Weak<Ears> = Arc::downgrade(ears);
    let run = move || {
        let mut seen = Vec::new();
        while let Some(ears) = ears.upgrade() {
            let now: Vec<Option<i64>> = stores.iter().map(|s| s.upgrade()?.data_version()).collect();
            if now != seen {
                ears.hear_all();
                seen = now;
            }
            drop(ears);
            std::thread::sleep(FALLBACK);
        }
    };
    std::thread::Builder::new().name("bus-watch".to_owned()).spawn(run).map(|_| ())
}
