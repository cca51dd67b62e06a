//! Operating systems under one spelling.

/// `Linux`, `Windows`, `RHEL` and `SUSE` under that spelling, other names as they are.
pub fn canonical_os(name: &str) -> String {
    let plain = match name.to_ascii_lowercase().as_str() {
        "linux" | "linux/unix" | "unix" => "Linux",
        "windows" => "Windows",
        "rhel" | "red hat" | "red hat enterprise linux" => "RHEL",
        "suse" | "sles" | "suse linux" => "SUSE",
        _ => name,
    };
    plain.to_owned()
}
