//! Help, usage errors and configuration.

use headroom_tests::{Headroom, binary};

/// Every command.
const COMMANDS: [&[&str]; 36] = [
    &["demo"],
    &["serve"],
    &["ingest"],
    &["ingest", "billing"],
    &["ingest", "metrics"],
    &["ingest", "demand"],
    &["ingest", "inventory"],
    &["ingest", "usage"],
    &["ingest", "commitments"],
    &["ingest", "prices"],
    &["run"],
    &["forecast"],
    &["backtest"],
    &["plan", "commitments"],
    &["plan", "rightsize"],
    &["plan", "containers"],
    &["plan", "capacity"],
    &["replay", "commitments"],
    &["replay", "autoscaling"],
    &["report", "list"],
    &["report", "preview"],
    &["report", "send"],
    &["report", "schedule"],
    &["user", "list"],
    &["user", "add"],
    &["user", "password"],
    &["user", "role"],
    &["user", "disable"],
    &["token", "list"],
    &["token", "create"],
    &["token", "revoke"],
    &["config", "check"],
    &["doctor"],
    &["db", "migrate"],
    &["db", "backup"],
    &["db", "restore"],
];

#[test]
fn every_command_shows_help_with_an_example() {
    let app = Headroom::new();
    for command in COMMANDS {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = app.run(&arguments).expect(0).text();
        let example = format!("headroom {}", command.join(" "));
        assert!(help.contains("Example"), "{command:?} shows no example");
        let examples = help.split("Example").last().unwrap();
        assert!(examples.contains(&example), "the example of {command:?} is another command: {examples}");
    }
    // Nothing was started or written for that.
    assert_eq!(std::fs::read_dir(app.folder()).unwrap().count(), 0);
}

#[test]
fn the_examples_that_help_shows_are_understood() {
    // An example with a flag that does not exist would end with a usage error.
    let app = Headroom::new();
    for command in
        COMMANDS.iter().filter(|command| ["forecast", "backtest", "plan", "replay"].contains(&command[0]))
    {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = app.run(&arguments).expect(0).text();
        // As a shell reads it: a line that ends in a backslash goes on.
        let help = help.replace("\\\n", " ");
        let example = help.lines().find(|line| line.trim_start().starts_with("headroom ")).unwrap();
        let words: Vec<&str> = example.split_whitespace().skip(1).collect();
        // Its files are not there: it fails, and says which one is missing.
        app.run(&words).fails_with(1, &["No such file"]);
    }
}

#[test]
fn usage_errors_end_with_2_and_failures_with_1() {
    let app = Headroom::new();
    let wrong: [&[&str]; 6] = [
        &["fly"],
        &[],
        &["forecast", "--horizon", "12"],
        &["forecast", "--input", "a", "--output", "b", "--horizon", "soon"],
        &["serve", "--no-web", "--no-worker"],
        &["ingest", "billing", "--on-overlap", "guess", "x.csv"],
    ];
    for arguments in wrong {
        let output = app.run(arguments).expect(2);
        assert!(output.stderr.contains("Usage") || output.stderr.contains("--help"), "{}", output.stderr);
    }
    // found out before the file is looked for
    let series = |command: &'static str, flags: &[&'static str]| {
        [&[command, "--input", "none.csv", "--horizon", "3", "--output", "-"], flags].concat()
    };
    let flags: [(&'static str, &[&'static str]); 6] = [
        ("forecast", &["--quantiles", "0.5,2"]),
        ("forecast", &["--freq", "abc"]),
        ("forecast", &["--season-length", "0"]),
        ("forecast", &["--time-zone", "X"]),
        ("backtest", &["--windows", "0"]),
        ("backtest", &["--step", "0"]),
    ];
    for (command, flags) in flags {
        app.run(&series(command, flags)).fails_with(2, &[flags[0]]);
    }
    for horizon in ["0", "87661"] {
        for command in ["forecast", "backtest"] {
            app.run(&[command, "--input", "none.csv", "--output", "-", "--horizon", horizon])
                .fails_with(2, &["--horizon", "87660"]);
        }
    }
    let missing = ["forecast", "--input", "none.csv", "--horizon", "3", "--output", "-"];
    app.run(&missing).fails_with(1, &["none.csv"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let app = Headroom::new();
    let config = app
        .file("headroom.toml", "[server]\naddress = \"127.0.0.1:1\"\n\n[organization]\ncurency = \"EUR\"\n");
    app.run(&["config", "check"]).fails_with(1, &["headroom.toml", "line 5", "curency"]);
    // Every command that reads the configuration refuses it, before it starts anything.
    app.run(&["run", "--config", &config]).fails_with(1, &["line 5", "curency"]);
    app.run(&["config", "check", "--config", "absent.toml"]).fails_with(1, &["absent.toml"]);

    app.file("headroom.toml", "[organization]\ncurrency = \"EUR\"\n");
    let shown = app.run(&["config", "check", "--json"]).expect(0).json();
    assert_eq!(shown["organization"]["currency"], "EUR");
}

#[test]
fn the_binary_says_its_version() {
    let app = Headroom::new();
    let version = app.run(&["--version"]).expect(0).text();
    assert!(version.starts_with("headroom "), "{version} of {}", binary().display());
}
