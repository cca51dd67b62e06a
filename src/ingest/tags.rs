//! Tags as the clouds write them: JSON objects, objects without braces, lists of key and value.

use std::collections::BTreeMap;

use serde_json::Value;

/// Reads tags; `None` when the text is none of the known forms.
pub(crate) fn parse(text: &str) -> Option<BTreeMap<String, String>> {
    let text = text.trim();
    let value: Value = match text.as_bytes().first()? {
        b'{' | b'[' => serde_json::from_str(text).ok()?,
        // Azure Enterprise exports leave the braces out
        b'"' => serde_json::from_str(&format!("{{{text}}}")).ok()?,
        _ => return None,
    };
    let mut tags = BTreeMap::new();
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                insert(&mut tags, key, value);
            }
        }
        Value::Array(items) => {
            for item in items {
                let Value::Object(mut item) = item else { return None };
                let Some(Value::String(key)) = item.remove("key") else { return None };
                insert(&mut tags, key, item.remove("value").unwrap_or(Value::Null));
            }
        }
        _ => return None,
    }
    Some(tags)
}

/// The database cannot store NUL, and a tag without a value is a tag all the same.
fn insert(tags: &mut BTreeMap<String, String>, key: String, value: Value) {
    let value = match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    if !key.is_empty() {
        tags.insert(key.replace('\0', ""), value.replace('\0', ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_tags() {
        for text in [
            r#"{"team": "web", "n": 1, "flag": true, "bare": null}"#,
            r#""team": "web","n": 1,"flag": true,"bare": null"#,
            r#"[{"key": "team", "value": "web"}, {"key": "n", "value": 1}, {"key": "flag", "value": true}, {"key": "bare"}]"#,
        ] {
            let tags = parse(text).unwrap();
            let tags: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(tags, [("bare", ""), ("flag", "true"), ("n", "1"), ("team", "web")]);
        }
        for bad in ["team=web", "{", "\"team\"", "[1]", "12"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(parse("{}").unwrap().is_empty());
    }
}
