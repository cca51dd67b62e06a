//! Ends what a test has started and takes its folder away, whatever became of the test.
//!
//! A shell waits at the other end of a pipe. The pipe closes when the [`Guard`] is dropped, and also when the test
//! process is gone without having had the time to drop anything.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// Reads process numbers until the pipe closes; then ends those that still run on the folder (a number may belong to
/// somebody else by then), the database server in it, and removes it.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
folder=$1
shift
pids=
while read -r pid; do pids="$pids $pid"; done
ours() {
    { cat "/proc/$1/cmdline" || ps -p "$1" -o command=; } 2>/dev/null | tr '\0' ' ' | grep -qF -- "$folder"
}
end() {
    ours "$1" || return 0
    kill -s INT "$1"
    round=0
    while ours "$1"; do
        round=$((round + 1))
        [ "$round" -eq 200 ] && kill -s KILL "$1"
        sleep 0.1
    done
}
for pid in $pids; do end "$pid"; done
for file in "$folder"/postgres/postmaster.pid "$folder"/demo/postgres/postmaster.pid; do
    [ -f "$file" ] && read -r pid <"$file" && end "$pid"
done
rm -rf -- "$folder"
[ "$#" -gt 0 ] && "$@"
"#;

/// One installation's guard.
pub(crate) struct Guard {
    pipe: Mutex<Option<ChildStdin>>,
    shell: Child,
}

impl Guard {
    /// Guards everything that runs on `folder`; at last, runs `finally`.
    pub(crate) fn new(folder: &Path, finally: Option<Vec<String>>) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(folder)
            .args(finally.unwrap_or_default())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        Self { pipe: Mutex::new(shell.stdin.take()), shell }
    }

    /// Ends this process, too.
    pub(crate) fn watch(&self, pid: u32) {
        let mut pipe = self.pipe.lock().expect("no panic while it was held");
        if let Some(pipe) = pipe.as_mut() {
            writeln!(pipe, "{pid}").expect("the guard listens");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the pipe is the sign to clean up.
        if let Ok(pipe) = self.pipe.get_mut() {
            pipe.take();
        }
        let _ = self.shell.wait();
    }
}
