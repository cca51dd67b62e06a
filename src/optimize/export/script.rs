//! A bash script: without `--apply` it shows its commands and calls nothing; it deletes and buys only when it is told to.

use domain::{Provider, Recommendation};

use super::steps::{Act, Command, Kind, Part, Steps};
use super::word::{line, shell};
use super::{Advice, Format, Item};

/// Letters of a command that stay on one line.
const LINE: usize = 90;
/// What every script begins with.
const PREAMBLE: &str = include_str!("preamble.sh");

/// The script for the recommendations of one cloud.
pub(super) fn write(advice: Advice<'_>, provider: Provider) -> String {
    let format = Format::Cli(provider);
    let mut script = format!(
        "#!/usr/bin/env bash\n\
         # What Headroom recommends for {}, with data until {}; savings in USD a month.\n\
         #\n\
         #   bash {file}                    shows the commands; nothing is called\n\
         #   bash {file} --apply            does what can be changed back, and asks before each step\n\
         #   bash {file} --apply --delete   deletes as well\n\
         #   bash {file} --apply --buy      buys as well: that costs money at once and is not undone\n\
         #   bash {file} --undo --apply     goes back, where there is a way\n\
         #   --only KEY                     this step only; may be repeated\n\
         #   --yes                          does not ask\n\
         #\n\
         # Before each step it looks whether everything is still as the advice found it, and leaves alone what is not.\n\
         {PREAMBLE}",
        provider.display_name(),
        advice.as_of.format("%Y-%m-%d"),
        file = format.file_name(),
    );
    script += &body(advice, provider);
    script + "\n[ \"$failed\" -eq 0 ] || {\n  echo \"$failed not done\" >&2\n  exit 1\n}\n"
}

/// The steps, what is done by hand, and how many are another cloud's: the script without what all scripts share.
pub(super) fn body(advice: Advice<'_>, provider: Provider) -> String {
    let mut script = String::new();
    let (mut number, mut others, mut by_hand) = (0, 0, Vec::new());
    for item in Item::all(advice) {
        if item.recommendation.provider != provider {
            others += 1;
            continue;
        }
        match item.steps() {
            Ok(steps) => {
                number += 1;
                script += &step(number, item.recommendation, &steps);
            }
            Err(reason) => by_hand.push((item.recommendation, reason)),
        }
    }
    if number == 0 {
        script += "\n# There is nothing that a command does.\n";
    }
    if !by_hand.is_empty() {
        script += "\n# By hand:\n";
        for (recommendation, reason) in by_hand {
            script += &format!("#   {}\n#     {}\n", heading(recommendation), line(&reason));
        }
    }
    if others > 0 {
        script += &format!("\n# {others} more for other clouds: they have scripts of their own.\n");
    }
    script
}

/// What it is and what it saves, as a comment.
pub(super) fn heading(recommendation: &Recommendation) -> String {
    let saving = recommendation.estimated_monthly_savings;
    let cents = |amount| domain::to_cents(amount);
    format!(
        "{} ({}): {} ({} to {}), risk {}",
        line(&recommendation.summary),
        line(&recommendation.key),
        cents(saving.expected),
        cents(saving.low),
        cents(saving.high),
        recommendation.risk.label
    )
}

fn step(number: usize, recommendation: &Recommendation, steps: &Steps) -> String {
    let mut text = format!("\n# {}\n", heading(recommendation));
    if steps.kind == Kind::Buy {
        text += "# It spends money, and is not undone.\n";
    }
    for note in &steps.notes {
        text += &format!("# {}\n", line(note));
    }
    text += &function(&format!("step_{number}"), &steps.acts);
    if !steps.undo.is_empty() {
        text += &function(&format!("undo_{number}"), &steps.undo);
    }
    text + &format!(
        "step {number} {} {} {}\n",
        steps.kind.word(),
        shell(&recommendation.key),
        shell(&line(&recommendation.summary))
    )
}

/// A function that ends at the first act that fails.
fn function(name: &str, acts: &[Act]) -> String {
    let calls: Vec<String> = acts.iter().map(act).collect();
    format!("{name}() {{\n  {}\n}}\n", calls.join(" &&\n    "))
}

fn act(act: &Act) -> String {
    match act {
        Act::Expect(answer, asked) => format!("expect {} {}", shell(answer), command(asked)),
        Act::Absent(error, asked) => format!("absent {} {}", shell(error), command(asked)),
        Act::Need(variable, what) => format!("need {variable} {}", shell(what)),
        Act::Look(variable, asked) => format!("look {variable} {}", command(asked)),
        Act::Run(done) => format!("run {}", command(done)),
    }
}

/// A command, its options on lines of their own where one line would be long.
fn command(command: &Command) -> String {
    let words: Vec<String> = command.words.iter().map(|parts| word(parts)).collect();
    let line = words.join(" ");
    if line.len() <= LINE {
        return line;
    }
    let own_line = |word: &String| if word.starts_with("--") { "\\\n      " } else { "" };
    words.iter().map(|word| format!("{}{word}", own_line(word))).collect::<Vec<_>>().join(" ")
}

fn word(parts: &[Part]) -> String {
    if let [Part::Text(text)] = parts
        && is_plain(text)
    {
        return text.clone();
    }
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => shell(text),
            Part::Variable(name) => format!("\"${name}\""),
            Part::Times(name, count) => format!("\"$(({name} * {count}))\""),
        })
        .collect()
}

/// Whether a word means itself without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:".contains(letter))
}
