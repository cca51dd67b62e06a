//! A running dashboard and API: started on a free port, asked by HTTP, stopped as Ctrl-C does.

use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Headroom, signal};

/// Half an answer's patience: the demo on a busy machine takes minutes, everything else seconds.
const READY_POLLS: u32 = 6000;
/// A stop that takes longer is a failure: connections get eight seconds, the database a moment.
const STOP_POLLS: u32 = 300;
const POLL: Duration = Duration::from_millis(50);

/// A running `serve` or `demo`.
pub struct Server {
    child: Child,
    address: String,
    log: PathBuf,
    agent: ureq::Agent,
    token: String,
}

/// What came back on HTTP.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `Location`, `Content-Type`, …: header fields in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Server {
    pub(crate) fn start(app: &Headroom, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut arguments = arguments.to_vec();
        arguments.extend(["--addr", &address]);
        let log = app.folder().join(format!("{}.log", address.replace(':', "-")));
        let file = File::create(&log).expect("a file for the log");
        let child = app.command(&arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        let child = child.expect("the binary runs");
        app.watch(child.id());
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        let mut server = Self { child, address, log, agent: config.into(), token: String::new() };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        for _ in 0..READY_POLLS {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}: {}", self.log());
            }
            let answer = self.agent.get(self.url("/readyz")).call();
            if answer.is_ok_and(|answer| answer.status().as_u16() == 200) {
                return;
            }
            std::thread::sleep(POLL);
        }
        panic!("the server does not get ready: {}", self.log());
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let mut text = String::new();
        let read = File::open(&self.log).and_then(|mut file| file.read_to_string(&mut text));
        read.map_or_else(|error| error.to_string(), |_| text)
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Gets a path as a stranger.
    pub fn get(&self, path: &str) -> Answer {
        let answer = self.agent.get(self.url(path)).header("accept", "text/html").call();
        Answer::of(answer.unwrap_or_else(|error| panic!("{path}: {error}; log: {}", self.log())))
    }

    /// Makes a token on the data folder of the server (`folder`), for [`Server::api`].
    pub fn sign_in(&mut self, app: &Headroom, folder: &str) {
        let folder = app.path(folder);
        // One name for each server: a folder may see several.
        let name = format!("tests on {}", self.address);
        let create = ["token", "create", "--name", &name, "--scope", "read", "--data-dir", &folder];
        self.token = app.run(&create).expect(0).text().trim().to_owned();
    }

    /// Calls the API with a token, and a JSON body if there is one.
    pub fn call(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .expect("a request");
        Answer::of(
            self.agent.run(request).unwrap_or_else(|error| panic!("{path}: {error}; log: {}", self.log())),
        )
    }

    /// Gets a document of the API.
    pub fn api(&self, path: &str) -> Value {
        let text = self.api_text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Gets a file of the API.
    pub fn api_text(&self, path: &str) -> String {
        let answer = self.call("GET", &format!("/api/v1{path}"), &self.token, None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Every item of a list of the API.
    pub fn api_list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.api(&format!("{path}?limit=100{cursor}"));
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return items };
            cursor = format!("&cursor={}", escape(next));
        }
    }

    /// Sends a signal and waits for the end.
    pub fn end(&mut self, name: &str) -> ExitStatus {
        signal(self.child.id(), name);
        for _ in 0..STOP_POLLS {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            std::thread::sleep(POLL);
        }
        panic!("it does not end: {}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ =
                std::process::Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status();
            // The guard of the installation ends it by force if this is not enough.
            for _ in 0..STOP_POLLS {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(POLL);
            }
        }
    }
}

impl Answer {
    fn of(mut answer: ureq::http::Response<ureq::Body>) -> Self {
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: answer.body_mut().read_to_string().unwrap_or_default(),
        }
    }

    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A port that nobody has at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
