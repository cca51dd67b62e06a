//! The notebook runs from top to bottom on what the demo serves, and was committed as it came out.

use serde_json::Value;

use crate::demo::shared;
use crate::tools::{python, repository};

const NOTEBOOK: &str = "notebooks/cost-forecast.ipynb";

#[test]
fn the_notebook_redraws_the_forecast_and_agrees_with_the_api() {
    let demo = shared();
    let create = ["token", "create", "--name", "notebook", "--data-dir", &demo.app.path("demo")];
    let token = demo.app.run(&create).expect(0).text();
    let ended = python("notebooks/run.py")
        .arg(repository(NOTEBOOK))
        .env("HEADROOM_URL", demo.server.url(""))
        .env("HEADROOM_TOKEN", token.trim())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{printed}\n{}", String::from_utf8_lossy(&ended.stderr));
    assert!(printed.contains("agree with the API"), "the last cell did not compare: {printed}");
}

#[test]
fn the_notebook_is_kept_with_its_outputs() {
    let text = std::fs::read_to_string(repository(NOTEBOOK)).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    let cells = notebook["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "code");
    for cell in cells {
        let outputs = cell["outputs"].as_array().unwrap();
        assert!(!outputs.is_empty(), "not executed: {}", cell["source"]);
        assert!(outputs.iter().all(|output| output["output_type"] != "error"), "{outputs:?}");
    }
    assert!(text.contains("image/svg+xml"), "the figure is missing");
    assert!(text.len() < 100_000, "{} bytes", text.len());
}
