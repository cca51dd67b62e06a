//! The notebooks run from top to bottom on what the demo serves, and were committed as they came out.

use serde_json::Value;

use crate::demo::shared;
use crate::tools::{python, repository};

/// Each notebook, and what its last cell prints when everything held.
const COST: (&str, &str) = ("notebooks/cost-forecast.ipynb", "agree with the API");
const ONE: (&str, &str) = ("notebooks/one-forecast.ipynb", "every promise holds");

fn run((notebook, last): (&str, &str)) {
    let demo = shared();
    let create = ["token", "create", "--name", notebook, "--data-dir", &demo.app.path("demo")];
    let token = demo.app.run(&create).expect(0).text();
    let ended = python("notebooks/run.py")
        .arg(repository(notebook))
        .env("HEADROOM_URL", demo.server.url(""))
        .env("HEADROOM_TOKEN", token.trim())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{printed}\n{}", String::from_utf8_lossy(&ended.stderr));
    assert!(printed.contains(last), "the last cell did not get to its end: {printed}");
}

#[test]
fn the_notebook_redraws_the_forecast_and_agrees_with_the_api() {
    run(COST);
}

#[test]
fn the_notebook_shows_one_forecast_in_depth_and_its_promises_hold() {
    run(ONE);
}

#[test]
fn the_notebooks_are_kept_with_their_outputs() {
    for (notebook, last) in [COST, ONE] {
        let text = std::fs::read_to_string(repository(notebook)).unwrap();
        let kept: Value = serde_json::from_str(&text).unwrap();
        let cells = kept["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "code");
        for cell in cells {
            let outputs = cell["outputs"].as_array().unwrap();
            assert!(!outputs.is_empty(), "{notebook}: not executed: {}", cell["source"]);
            assert!(outputs.iter().all(|output| output["output_type"] != "error"), "{outputs:?}");
        }
        assert!(text.contains("image/svg+xml") && text.contains(last), "{notebook}: an output is missing");
        assert!(text.len() < 100_000, "{notebook}: {} bytes", text.len());
    }
}
