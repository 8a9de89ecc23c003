//! opencode installs its plugin package from the registry when it starts in a home for the first time, which takes up
//! to a minute. It does so once for each version, in a home below `target/`, of which tests get copies.

use super::shop::{LIMIT, program};
use crate::support::wait_until;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An install from a slow registry.
const INSTALL_LIMIT: Duration = Duration::from_secs(240);
/// Where opencode keeps the package, below the home.
const PACKAGE: &str = ".config/opencode";
/// What npm writes last.
const WRITTEN_LAST: [&str; 3] = ["package.json", "package-lock.json", "node_modules/.package-lock.json"];

/// Gives a home what opencode would install there.
pub(super) fn fill(home: &Path) {
    if is_filled(home) {
        return;
    }
    // The folder itself may be there: asking opencode for its version makes it.
    let target = home.join(PACKAGE);
    std::fs::create_dir_all(&target).unwrap();
    let made = made_once().join(PACKAGE).join(".");
    let copied = Command::new("cp").arg("-a").arg(made).arg(&target).status().unwrap();
    assert!(copied.success());
}

fn is_filled(home: &Path) -> bool {
    WRITTEN_LAST.iter().all(|file| home.join(PACKAGE).join(file).exists())
}

/// The home that opencode itself has filled. Tests are processes: the first one makes it, the others wait at its lock.
fn made_once() -> PathBuf {
    let npm = program("opencode-ai", "package.json");
    let package: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(npm).unwrap()).unwrap();
    let name = format!("opencode-home-{}", package["version"].as_str().unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let home = folder.join("home");
    if !is_filled(&home) {
        let _half_made = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).unwrap();
        let mut server = Server::start(&home, &folder);
        wait_until("opencode has installed its plugin package", INSTALL_LIMIT, || {
            server.assert_runs();
            is_filled(&home)
        });
    }
    home
}

/// `opencode serve` in an otherwise empty home, with one session: that begins the install. Ended when dropped.
struct Server(Child);

impl Server {
    fn start(home: &Path, folder: &Path) -> Self {
        let log = folder.join("serve.log");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program("opencode-ai", "bin/opencode.exe"));
        command.args(["serve", "--hostname", "127.0.0.1", "--port", &port.to_string()]);
        command.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("HOME", home);
        command.env("OPENCODE_DISABLE_MODELS_FETCH", "1").env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
        let output = std::fs::File::create(&log).unwrap();
        command.current_dir(home).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let server = Self(command.spawn().unwrap());
        wait_until("opencode listens", LIMIT, || std::fs::read_to_string(&log).unwrap().contains("listening on"));
        begin_session(port);
        server
    }

    fn assert_runs(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "opencode ended before its package was installed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn begin_session(port: u16) {
    use std::io::{Read, Write};
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = "POST /session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(connection, "{head}\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
