//! The compiled binary, with its own folder and environment, and the signals sent to it.

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

/// Maximum wait for a process; longer than any test needs on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A working folder and settings for the binary.
///
/// Clones share the folder and can have different settings.
#[derive(Clone)]
pub struct TestInstall {
    folder: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

impl TestInstall {
    /// Creates an empty folder, without settings.
    pub fn new() -> Self {
        Self {
            folder: Arc::new(TempDir::new().expect("a temporary folder")),
            environment: Vec::new(),
        }
    }

    /// Sets a key such as `smtp.url` through the environment.
    #[must_use]
    pub fn with_setting(mut self, key: &str, value: impl Into<String>) -> Self {
        let name = format!("BROADSHEET_{}", key.replace('.', "__").to_uppercase());
        self.environment.push((name, value.into()));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the binary.
    pub fn start(&self, arguments: &[&str]) -> RunningProcess {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broadsheet"));
        command.args(arguments);
        self.start_command(command)
    }

    /// Starts the binary with a further environment variable.
    pub fn start_with_env(&self, variable: (&str, &str), arguments: &[&str]) -> RunningProcess {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broadsheet"));
        command.args(arguments).env(variable.0, variable.1);
        self.start_command(command)
    }

    /// Runs the binary and waits for its end.
    pub async fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.start(arguments).wait().await
    }

    fn start_command(&self, mut command: Command) -> RunningProcess {
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
        RunningProcess::from(command.spawn().expect("a started process"))
    }
}

/// Returns an address with a free port, for `server.listen`.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port")
}

/// A running process. Killed on drop.
pub struct RunningProcess {
    child: Child,
    stdout: PipeReader,
    stderr: PipeReader,
}

impl From<Child> for RunningProcess {
    fn from(mut child: Child) -> Self {
        let stdout = PipeReader::start(child.stdout.take().expect("a piped stdout"));
        let stderr = PipeReader::start(child.stderr.take().expect("a piped stderr"));
        Self {
            child,
            stdout,
            stderr,
        }
    }
}

impl RunningProcess {
    /// Waits until `GET /readyz` returns 200. Panics with the log if the process ends.
    pub async fn wait_until_ready(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + TIMEOUT;
        while !is_ready(address).await {
            let ended = self.child.try_wait().expect("a child process");
            if ended.is_some() || Instant::now() > deadline {
                panic!(
                    "not ready at {address} ({ended:?}):\n{}",
                    self.stderr.text()
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns the standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns the standard error so far, which contains the log.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends SIGKILL and waits for the end.
    pub async fn kill(mut self) -> ProcessOutput {
        self.child.kill().expect("a child process");
        self.wait().await
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(self) -> ProcessOutput {
        // The built-in command of the shell: a minimal Debian has no /bin/kill.
        let sent = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()])
            .status()
            .expect("a shell");
        assert!(sent.success(), "the process has already ended");
        self.wait().await
    }

    /// Waits for the end. Panics after [`TIMEOUT`].
    pub async fn wait(mut self) -> ProcessOutput {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child process") {
                return ProcessOutput {
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
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Exit status and output of an ended process.
#[derive(Debug)]
pub struct ProcessOutput {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl ProcessOutput {
    /// Returns the exit code; `None` if a signal ended the process.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Parses each line of the standard output as a JSON value.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// Reads a pipe in a thread, so that the process never blocks on a full pipe.
struct PipeReader {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl PipeReader {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                let mut text = shared.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            text,
            thread: Some(thread),
        }
    }

    fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Returns the whole text of an ended process.
    fn finish(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.text()
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let mut reply = Vec::new();
    let request = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut reply).await
    };
    let result = tokio::time::timeout(Duration::from_secs(5), request).await;
    matches!(result, Ok(Ok(_))) && reply.starts_with(b"HTTP/1.1 200 ")
}
