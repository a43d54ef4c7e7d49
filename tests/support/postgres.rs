//! A PostgreSQL of a test's own, to be crashed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::free_address;

/// Stopped, and its folder gone, when this is dropped.
pub struct Cluster {
    folder: TempDir,
    address: SocketAddr,
}

impl Cluster {
    pub fn start() -> Self {
        let cluster = Self {
            folder: TempDir::new().expect("a temporary folder"),
            address: free_address(),
        };
        if is_root() {
            let owned = Command::new("chown")
                .arg("postgres")
                .arg(cluster.folder.path())
                .status();
            assert!(owned.is_ok_and(|done| done.success()), "a user postgres");
        }
        let init = [
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
        ];
        cluster.run("initdb", &init);
        cluster.pg_ctl("start", &[]);
        cluster
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Every process of it is killed, and it recovers as after a power cut.
    pub fn crash_and_restart(&self) {
        self.pg_ctl("restart", &["-m", "immediate"]);
    }

    /// From now on it takes what it is sent and does not answer.
    pub fn hang(&self) {
        self.signal("STOP");
    }

    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        // Every connection has a process of its own, a child of the first one.
        let script =
            "read -r first <\"$1\"; kill -s \"$0\" \"$first\" $(cat /proc/$first/task/*/children)";
        let pid = self.folder.path().join("data/postmaster.pid");
        let sent = Command::new("sh")
            .args(["-c", script, signal])
            .arg(pid)
            .status();
        assert!(sent.is_ok_and(|done| done.success()), "a server to signal");
    }

    fn pg_ctl(&self, what: &str, more: &[&str]) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -h 127.0.0.1 -k {folder} -c log_min_messages=fatal",
            self.address.port()
        );
        let log = format!("{folder}/log");
        self.run(
            "pg_ctl",
            &[&[what, "-w", "-l", &log, "-o", &options], more].concat(),
        );
    }

    /// Runs one of its programs on its data; they refuse to run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = programs().join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--clear-groups",
            ]);
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let status = command
            .args(arguments)
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            status.is_ok_and(|done| done.success()),
            "{} {arguments:?}",
            program.display()
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.go_on();
        self.pg_ctl("stop", &["-m", "immediate"]);
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}

/// Debian keeps the server's programs out of PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let homes = versions.map(|version| version.path().join("bin"));
    let named = std::env::var_os("PATH").unwrap_or_default();
    homes
        .chain(std::env::split_paths(&named))
        .find(|home| home.join("initdb").is_file())
        .unwrap_or_else(|| Path::new("/usr/bin").to_owned())
}
