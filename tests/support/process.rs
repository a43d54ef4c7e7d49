//! The real program, run as its users run it: a folder, an environment, and signals.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything a test waits for, even on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// An installation of Broadsheet: its working folder and its settings. A clone is the same
/// one, perhaps with other settings.
#[derive(Clone)]
pub struct Installation {
    folder: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

impl Installation {
    /// An empty folder and no settings.
    pub fn new() -> Self {
        Self {
            folder: Arc::new(TempDir::new().expect("a temporary folder")),
            environment: Vec::new(),
        }
    }

    /// Sets `smtp.url` and the like, through the environment.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        let name = format!("BROADSHEET_{}", key.replace('.', "__").to_uppercase());
        self.environment.push((name, value.into()));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broadsheet"));
        command.args(arguments);
        self.start_command(command)
    }

    /// Starts it with a further variable in its environment.
    pub fn start_with(&self, variable: (&str, &str), arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broadsheet"));
        command.args(arguments).env(variable.0, variable.1);
        self.start_command(command)
    }

    /// Runs the program to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).wait().await
    }

    pub(super) fn start_command(&self, mut command: Command) -> Running {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BROADSHEET_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running::from(command.spawn().expect("a program that starts"))
    }
}

/// A port nobody listens on just now, for `server.listen`.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port")
}

/// A program that runs; it is killed when this is dropped.
pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl From<Child> for Running {
    fn from(mut child: Child) -> Self {
        let stdout = Output::of(child.stdout.take().expect("a piped stdout"));
        let stderr = Output::of(child.stderr.take().expect("a piped stderr"));
        Self {
            child,
            stdout,
            stderr,
        }
    }
}

impl Running {
    /// Waits until `GET /readyz` says 200, or fails the test with what the program said.
    pub async fn ready(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(address).await {
            let ended = self.child.try_wait().expect("a child to ask");
            if ended.is_some() || Instant::now() > deadline {
                panic!(
                    "not ready at {address} ({ended:?}):\n{}",
                    self.stderr.text()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What it has printed and logged until now.
    pub fn said(&self) -> (String, String) {
        (self.stdout.text(), self.stderr.text())
    }

    /// `kill -9`: no time to tidy up.
    pub async fn kill(mut self) -> Finished {
        self.child.kill().expect("a child to kill");
        self.wait().await
    }

    /// SIGTERM, as a service manager sends it, and then its end.
    pub async fn terminate(self) -> Finished {
        // The shell's own kill: a bare Debian has no /bin/kill.
        let sent = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()])
            .status()
            .expect("a shell");
        assert!(sent.success(), "nobody to send SIGTERM to");
        self.wait().await
    }

    /// Waits for its end, or fails the test after two minutes.
    pub async fn wait(mut self) -> Finished {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child to ask") {
                return Finished {
                    status,
                    stdout: self.stdout.finish(),
                    stderr: self.stderr.finish(),
                };
            }
            assert!(
                Instant::now() < deadline,
                "still running:\n{}",
                self.stderr.text()
            );
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The objects that `--json` printed, one a line.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// A pipe read as it fills, so that the program never blocks on it.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// All of it, once the program is gone.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.text()
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let mut reply = Vec::new();
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut reply).await
    };
    let answered = tokio::time::timeout(Duration::from_secs(5), asked).await;
    matches!(answered, Ok(Ok(_))) && reply.starts_with(b"HTTP/1.1 200 ")
}
