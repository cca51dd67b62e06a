//! The product as its users meet it: one binary, a data folder of its own, answers on HTTP.
//!
//! A test makes a [`Headroom`], runs commands on it and looks at what they print. Whatever it starts ends with it,
//! also when the test fails and when the test process is killed.

mod database;
mod guard;
mod server;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use database::OwnDatabase;
use guard::Guard;
pub use server::{Answer, Server};

/// An installation of the product: the binary, a fresh data folder, and a database of its own.
pub struct Headroom {
    guard: Guard,
    database: Option<OwnDatabase>,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Output {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Headroom {
    /// An installation on the server of `DATABASE_URL`, in a database of its own, or on the embedded server.
    pub fn new() -> Self {
        Self::on(OwnDatabase::create())
    }

    /// An installation on the embedded server, whatever the environment says.
    pub fn embedded() -> Self {
        Self::on(None)
    }

    fn on(database: Option<OwnDatabase>) -> Self {
        let folder =
            tempfile::Builder::new().prefix("headroom-").tempdir().expect("a temporary folder").keep();
        // The database server runs as another user when the tests run as root: it has to get to its own folder.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).expect("its mode");
        }
        let guard = Guard::new(&folder, database.as_ref().map(OwnDatabase::removal));
        Self { guard, database, folder, environment: Vec::new() }
    }

    /// Sets a variable of the environment for every command from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The data folder; tests put their files there, too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file and answers its path.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path.display().to_string()
    }

    /// A path in the folder of something that is not there yet.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    /// Runs a command to its end, with this on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        // A command that does not read its input closes it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the command ends");
        writer.join().expect("the input is written");
        Output {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a command; it is ended with this installation at the latest.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", binary().display()));
        self.guard.watch(child.id());
        child
    }

    /// `headroom serve`, ready to answer. Without its worker, so that nothing happens that the test did not ask for.
    pub fn serve(&self) -> Server {
        Server::start(self, &["serve", "--no-worker"])
    }

    /// The same on a folder other than the one of this installation, which holds it.
    pub fn serve_on(&self, folder: &str) -> Server {
        Server::start(self, &["serve", "--no-worker", "--data-dir", folder])
    }

    /// `headroom demo`, with everything loaded and ready to answer.
    pub fn demo(&self) -> Server {
        Server::start(self, &["demo"])
    }

    /// The command with the environment that every test has: no setting of whoever runs the tests gets in.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(&self.folder);
        if !arguments.contains(&"--data-dir") {
            command.arg("--data-dir").arg(&self.folder);
        }
        for name in [
            "DATABASE_URL",
            "HEADROOM_CONFIG",
            "HEADROOM_DATA_DIR",
            "HEADROOM_ADDR",
            "HEADROOM_SMTP_URL",
            "RUST_LOG",
        ] {
            command.env_remove(name);
        }
        for (name, _) in std::env::vars_os() {
            let clouds = ["AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST"];
            if name.to_str().is_some_and(|name| clouds.iter().any(|start| name.starts_with(start))) {
                command.env_remove(name);
            }
        }
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn watch(&self, pid: u32) {
        self.guard.watch(pid);
    }
}

impl Default for Headroom {
    fn default() -> Self {
        Self::new()
    }
}

impl Output {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| {
            panic!("no JSON on standard output ({error}): {}\n{}", self.text(), self.stderr)
        })
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Itself, when the command ended with this status.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stderr: {}\nstdout: {}", self.stderr, self.text());
        self
    }

    /// Itself, when the command failed with a message that has all of these.
    pub fn fails_with(self, code: i32, parts: &[&str]) -> Self {
        let ended = self.expect(code);
        for part in parts {
            assert!(ended.stderr.contains(part), "{part:?} is missing in: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}

/// The product under test: `HEADROOM_BIN`, or the binary beside the test executable.
pub fn binary() -> PathBuf {
    let path = match std::env::var_os("HEADROOM_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = std::env::current_exe().expect("the path of the test executable");
            // target/<profile>/deps/integration-…
            let profile = test.ancestors().nth(2).expect("a folder above").to_owned();
            profile.join("headroom")
        }
    };
    assert!(
        path.is_file(),
        "{} is missing: run `make build` first, or name the binary with HEADROOM_BIN",
        path.display()
    );
    path
}

/// Real data beside the checkout, or `None` and a word about it where there is none.
pub fn shared_data(file: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(file);
    if !path.exists() {
        println!("skipped: {file} of the shared data folder is not beside this checkout");
        return None;
    }
    Some(path)
}

/// Sends a signal (`KILL`, `TERM`) to a process.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "cannot send {name} to {pid}");
}
