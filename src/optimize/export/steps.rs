//! What is done for one recommendation: what must be true before, the commands, and the way back.

/// How much a step can harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something changes that can be changed back.
    Change,
    /// Something is gone afterwards.
    Delete,
    /// Money is spent.
    Buy,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Buy => "buy",
        }
    }
}

/// A part of a word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Exactly this.
    Text(String),
    /// The value of a variable of the script.
    Variable(&'static str),
    /// A whole number in a variable, times this.
    Times(&'static str, u64),
}

/// One command, word by word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) words: Vec<Vec<Part>>,
}

impl Command {
    /// Words that are ours, apart by spaces.
    pub(super) fn new(fixed: &str) -> Self {
        let words = fixed.split_whitespace().map(|word| vec![Part::Text(word.to_owned())]);
        Self { words: words.collect() }
    }

    /// One more word.
    pub(super) fn word(mut self, value: impl Into<String>) -> Self {
        self.words.push(vec![Part::Text(value.into())]);
        self
    }

    /// An option with its value.
    pub(super) fn with(self, option: &str, value: impl Into<String>) -> Self {
        self.word(option).word(value)
    }

    /// An option whose value is made of parts.
    pub(super) fn parts(mut self, option: &str, parts: Vec<Part>) -> Self {
        self.words.push(vec![Part::Text(option.to_owned())]);
        self.words.push(parts);
        self
    }
}

/// One thing that the script does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// The command, which only reads, must answer this.
    Expect(String, Command),
    /// The command, which only reads, must fail with an error of this name: there is none yet.
    Absent(&'static str, Command),
    /// The variable must be set, to this.
    Need(&'static str, &'static str),
    /// The command's answer goes into the variable.
    Look(&'static str, Command),
    /// Does it.
    Run(Command),
}

/// What is done for one recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) kind: Kind,
    pub(super) acts: Vec<Act>,
    /// Empty where there is no way back.
    pub(super) undo: Vec<Act>,
    /// What somebody should know before.
    pub(super) notes: Vec<String>,
}

impl Steps {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, acts: Vec::new(), undo: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn expect(mut self, answer: impl Into<String>, command: Command) -> Self {
        self.acts.push(Act::Expect(answer.into(), command));
        self
    }

    pub(super) fn absent(mut self, error: &'static str, command: Command) -> Self {
        self.acts.push(Act::Absent(error, command));
        self
    }

    pub(super) fn need(mut self, variable: &'static str, what: &'static str) -> Self {
        self.acts.push(Act::Need(variable, what));
        self
    }

    pub(super) fn look(mut self, variable: &'static str, command: Command) -> Self {
        self.acts.push(Act::Look(variable, command));
        self
    }

    pub(super) fn run(mut self, command: Command) -> Self {
        self.acts.push(Act::Run(command));
        self
    }

    pub(super) fn back(mut self, command: Command) -> Self {
        self.undo.push(Act::Run(command));
        self
    }

    pub(super) fn look_back(mut self, variable: &'static str, command: Command) -> Self {
        self.undo.push(Act::Look(variable, command));
        self
    }

    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

/// A size in the words of the plan, `512 MiB`.
pub(super) fn mebibytes(text: &str) -> Option<u32> {
    text.strip_suffix(" MiB")?.parse().ok()
}
