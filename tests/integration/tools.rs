//! Programs beside Cargo's that tests need, as `scripts/test-tools` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Python with the packages of `tests/requirements.txt`, about to run this script.
pub(crate) fn python(script: &str) -> Command {
    let program = repository("target/tools/venv/bin/python");
    assert!(program.is_file(), "{} is missing: run scripts/test-tools (make test does)", program.display());
    let mut command = Command::new(program);
    command.arg(repository(script));
    command
}

/// A program of the packages of `tests/requirements.txt`.
pub(crate) fn tool(name: &str) -> Command {
    let program = repository("target/tools/venv/bin").join(name);
    assert!(program.is_file(), "{} is missing: run scripts/test-tools (make test does)", program.display());
    Command::new(program)
}

/// Node.js with the packages of `tests/browser`, about to run this script.
pub(crate) fn node(script: &str) -> Command {
    let packages = repository("tests/browser/node_modules");
    assert!(packages.is_dir(), "{} is missing: run scripts/test-tools (make test does)", packages.display());
    let mut command = Command::new("node");
    command.arg(repository(script));
    command
}
