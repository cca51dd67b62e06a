//! Values as words of a shell, strings of Terraform and parts of comments.

/// Letters of a value that is kept in a comment.
const LONGEST: usize = 400;

/// A value as one word of a POSIX shell, whatever is in it.
pub(super) fn shell(value: &str) -> String {
    // No argument of a program holds a zero byte.
    format!("'{}'", value.replace('\0', "").replace('\'', r"'\''"))
}

/// A value as a string of Terraform, whatever is in it: its templates begin with `${` and `%{`.
pub(super) fn hcl(value: &str) -> String {
    let mut text = String::from("\"");
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' | '%' if letters.peek() == Some(&'{') => {
                text.push(letter);
                text.push(letter);
            }
            control if control.is_control() => text.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => text.push(other),
        }
    }
    text + "\""
}

/// A text that ends no comment: one line, without what steers a terminal.
pub(super) fn line(text: &str) -> String {
    let plain = |letter: char| match letter {
        // These end a line, or turn it around, for some readers.
        '\u{2028}'
        | '\u{2029}'
        | '\u{200e}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().take(LONGEST).map(plain).collect()
}

/// The value, if a command takes it for nothing but a value: it begins neither like an option nor like the name of a file
/// whose content is meant (`file://` for aws, `@` for az, `^` for the lists of gcloud).
pub(super) fn safe(value: &str) -> Result<&str, String> {
    let low = value.to_ascii_lowercase();
    let read_otherwise = ["-", "@", "^", "~", "file:", "fileb:", "http:", "https:"];
    let odd = value.is_empty()
        || value.chars().any(char::is_control)
        || read_otherwise.iter().any(|start| low.starts_with(start));
    if odd {
        return Err(format!("{:?} could be read as something else than a name by the command", line(value)));
    }
    Ok(value)
}

/// A name that every provider accepts for something new: letters, digits and hyphens, at most 60.
pub(super) fn name(text: &str) -> String {
    let mut name = String::from("headroom");
    for letter in text.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() => name.push(letter.to_ascii_lowercase()),
            _ if !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    // The end of an id tells it apart.
    if name.len() > 60 {
        name = format!("headroom-{}", &name[name.len() - 50..].trim_start_matches('-'));
    }
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(name(":arn:aws:s3:::logs"), "headroom-arn-aws-s3-logs");
        let long = name(&format!("/subscriptions/{}/vm-17", "x".repeat(90)));
        assert!(long.len() <= 60 && long.starts_with("headroom-x") && long.ends_with("-vm-17"), "{long}");
    }

    #[test]
    fn what_a_tool_reads_as_something_else_is_refused() {
        for odd in
            ["", "--profile=x", "@/etc/passwd", "file:///etc/passwd", "FILE://x", "a\nb", "^;^a;b", "~root"]
        {
            assert!(safe(odd).is_err(), "{odd:?}");
        }
        assert_eq!(safe("i-0a; rm -rf /"), Ok("i-0a; rm -rf /"));
    }
}
