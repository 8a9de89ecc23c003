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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often the databases are looked at, should a bell get lost.
const FALLBACK: Duration = Duration::from_millis(100);
/// File times are no finer than the kernel's tick.
const CLOCK_GRAIN: Duration = Duration::from_millis(50);

/// Wakes waiters.
pub(super) struct Bell {
    listeners: Arc<Listeners>,
    outgoing: UnixDatagram,
    own: PathBuf,
    folder: PathBuf,
    /// Socket paths are limited to 108 bytes; through the open folder they are short.
    handle: File,
    others: Mutex<Others>,
}

#[derive(Default)]
struct Listeners {
    streams: Mutex<BTreeMap<String, watch::Sender<u64>>>,
}

impl Listeners {
    fn wake(&self, stream: &str) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.entry(stream.to_owned()).or_default().send_modify(|n| *n += 1);
    }

    fn wake_all(&self) {
        for sender in self.streams.lock().unwrap_or_else(PoisonError::into_inner).values() {
            sender.send_modify(|n| *n += 1);
        }
    }
}

impl Bell {
    pub(super) fn open(folder: &Path, stores: &[&Arc<Store>], has_fallback: bool) -> Result<Self, BusError> {
        let failed = |e: std::io::Error| BusError::Store(format!("bells: {e}"));
        let folder = folder.join("bells");
        fs::create_dir_all(&folder).map_err(failed)?;
        let handle = File::open(&folder).map_err(failed)?;
        let name = socket_name();
        let incoming = bind(&handle, &name).map_err(failed)?;
        let outgoing = UnixDatagram::unbound().map_err(failed)?;
        outgoing.set_nonblocking(true).map_err(failed)?;
        let listeners = Arc::new(Listeners::default());
        listen(&listeners, incoming).map_err(failed)?;
        if has_fallback {
            watch_stores(&listeners, stores.iter().map(|s| Arc::downgrade(s)).collect()).map_err(failed)?;
        }
        Ok(Self { listeners, outgoing, own: PathBuf::from(name), folder, handle, others: Mutex::default() })
    }

    /// Wakes all who wait for a stream.
    pub(super) fn ring(&self, stream: &str) {
        self.listeners.wake(stream);
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
        let mut streams = self.listeners.streams.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Buses that one process opens at once must not take each other's bell.
fn socket_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{:x}-{}.sock", std::process::id(), super::now_ms(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn bind(folder: &File, name: &str) -> std::io::Result<UnixDatagram> {
    let path = through(folder, name);
    // A process that had our id in the same millisecond is dead.
    let _stale = fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

/// Both threads end by themselves when the bell is dropped.
fn listen(listeners: &Arc<Listeners>, socket: UnixDatagram) -> std::io::Result<()> {
    let listeners: Weak<Listeners> = Arc::downgrade(listeners);
    let run = move || {
        let mut buffer = [0_u8; 128];
        while let Some(listeners) = listeners.upgrade() {
            let received = socket.recv(&mut buffer);
            if let Ok(length) = received {
                listeners.wake(&String::from_utf8_lossy(&buffer[..length]));
            }
        }
    };
    std::thread::Builder::new().name("bus-bell".to_owned()).spawn(run).map(|_| ())
}

fn watch_stores(listeners: &Arc<Listeners>, stores: Vec<Weak<Store>>) -> std::io::Result<()> {
    let listeners: Weak<Listeners> = Arc::downgrade(listeners);
    let run = move || {
        let mut seen = Vec::new();
        while let Some(listeners) = listeners.upgrade() {
            // A store that is lost has no version any longer, which wakes everybody who waits for it.
            let version = |store: &Weak<Store>| {
                let store = store.upgrade()?;
                store.check_presence().ok()?;
                store.data_version()
            };
            let now: Vec<Option<i64>> = stores.iter().map(version).collect();
            if now != seen {
                listeners.wake_all();
                seen = now;
            }
            drop(listeners);
            std::thread::sleep(FALLBACK);
        }
    };
    std::thread::Builder::new().name("bus-watch".to_owned()).spawn(run).map(|_| ())
}
