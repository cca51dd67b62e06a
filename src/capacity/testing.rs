//! Inputs that several tests share.

use domain::{Components, Forecast, Grid};

/// A forecast that is nothing but its quantiles; the mean is the middle path.
pub(crate) fn forecast(grid: Grid, levels: &[f64], paths: &[Vec<f64>]) -> Forecast {
    Forecast {
        unique_id: "shop".to_owned(),
        grid,
        mean: paths[paths.len() / 2].clone(),
        levels: levels.to_vec(),
        quantiles: paths.to_vec(),
        members: Vec::new(),
        reason: "given by the test".to_owned(),
        accuracy: None,
        baseline: None,
        mase_by_step: Vec::new(),
        components: Components::default(),
        warnings: Vec::new(),
    }
}

/// Every document of a YAML text, as JSON.
pub(crate) fn yaml_documents(text: &str) -> Vec<serde_json::Value> {
    text.split("---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// Checks with the shell itself that a script can be read.
pub(crate) fn assert_shell(script: &str) {
    match std::process::Command::new("bash").args(["-n", "-c", script]).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => println!("skipped: no `bash` on this machine"),
    }
}
