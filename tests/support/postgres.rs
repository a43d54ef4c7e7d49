//! A PostgreSQL server that a test can crash and suspend.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::free_address;

/// A running server. Stopped and deleted on drop.
pub struct TestPostgres {
    folder: TempDir,
    address: SocketAddr,
}

impl TestPostgres {
    pub fn start() -> Self {
        let postgres = Self {
            folder: TempDir::new().expect("a temporary folder"),
            address: free_address(),
        };
        if is_root() {
            let chown = Command::new("chown")
                .arg("postgres")
                .arg(postgres.folder.path())
                .status();
            assert!(
                chown.is_ok_and(|status| status.success()),
                "a user postgres"
            );
        }
        let init = [
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
        ];
        postgres.run("initdb", &init);
        postgres.pg_ctl("start", &[]);
        postgres
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Kills all server processes and starts the server, which recovers from its log.
    pub fn crash_and_restart(&self) {
        self.pg_ctl("restart", &["-m", "immediate"]);
    }

    /// Suspends the server: it accepts data and does not respond.
    pub fn hang(&self) {
        self.signal("STOP");
    }

    /// Ends the effect of [`hang`](Self::hang).
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        // Each connection has its own process, a child of the postmaster.
        let script =
            "read -r first <\"$1\"; kill -s \"$0\" \"$first\" $(cat /proc/$first/task/*/children)";
        let pid = self.folder.path().join("data/postmaster.pid");
        let sent = Command::new("sh")
            .args(["-c", script, signal])
            .arg(pid)
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "a running server"
        );
    }

    fn pg_ctl(&self, action: &str, more: &[&str]) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -h 127.0.0.1 -k {folder} -c log_min_messages=fatal",
            self.address.port()
        );
        let log = format!("{folder}/log");
        self.run(
            "pg_ctl",
            &[&[action, "-w", "-l", &log, "-o", &options], more].concat(),
        );
    }

    /// Runs a program of PostgreSQL on the data folder, as the user postgres if this is root.
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
            status.is_ok_and(|status| status.success()),
            "{} {arguments:?}",
            program.display()
        );
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.resume();
        self.pg_ctl("stop", &["-m", "immediate"]);
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.trim_ascii() == b"0"
}

/// Returns the folder of the PostgreSQL programs, which Debian does not put into `PATH`.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").is_file())
        .unwrap_or_else(|| Path::new("/usr/bin").to_owned())
}
