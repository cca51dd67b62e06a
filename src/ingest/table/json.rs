//! JSON with one object a line, plain or from gzip: nested members by dotted path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::open::{Counters, Input, MAX_RECORD_BYTES, damaged};
use super::{Cells, EachRow, Ending, Row};
use crate::{Place, ReadError, Reject};

/// An open file of JSON lines.
pub(crate) struct Lines {
    reader: BufReader<Box<dyn Read>>,
    counters: Rc<Counters>,
}

/// Which members are wanted: by name, the position among the wanted cells and what is wanted inside.
#[derive(Debug, Default)]
struct Wanted {
    members: HashMap<String, (Option<usize>, Wanted)>,
}

impl Lines {
    pub(crate) fn open(input: Input) -> Result<Self, ReadError> {
        Ok(Self { reader: BufReader::with_capacity(1 << 16, input.text), counters: input.counters })
    }

    /// Hands over every line as a row of the members called `names`.
    pub(crate) fn for_each(
        mut self,
        file: &str,
        names: &[&str],
        each: &mut EachRow<'_>,
    ) -> Result<Ending, ReadError> {
        let wanted = Wanted::new(names);
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            number += 1;
            self.counters.record_start.set(self.counters.text_bytes.get());
            let read = (&mut self.reader).take(MAX_RECORD_BYTES).read_until(b'\n', &mut line);
            let place = || Box::new(Place { file: file.to_owned(), line: Some(number), ..Place::default() });
            match (read, self.counters.over_limit.get()) {
                (Ok(0), _) => break,
                (Ok(read), _) if read as u64 == MAX_RECORD_BYTES => {
                    let (found, limit) = ("a line of more than 4 MiB".to_owned(), "4 MiB a line".to_owned());
                    return Err(ReadError::TooLarge { place: place(), found, limit });
                }
                (Err(_), Some((found, limit))) => {
                    let (found, limit) = (found.to_owned(), limit.to_owned());
                    return Err(ReadError::TooLarge { place: place(), found, limit });
                }
                (Err(error), None) => return Err(damaged(file, Some(number), &error)),
                (Ok(_), _) => (),
            }
            let Ok(text) = std::str::from_utf8(&line) else {
                return Err(ReadError::Encoding {
                    place: place(),
                    found: "a byte that is not UTF-8, as Latin-1 and Windows-1252 have".to_owned(),
                    next_step: "iconv -f WINDOWS-1252 -t UTF-8".to_owned(),
                });
            };
            if text.trim().is_empty() {
                continue;
            }
            let bytes = self.counters.file_bytes.get();
            match parse(text, &wanted, names.len()) {
                Ok(cells) => {
                    let cells: Vec<_> = cells.into_iter().map(|raw| raw.and_then(plain)).collect();
                    let row = Row { file, line: Some(number), row: None, cells: Cells::Json(&cells) };
                    each(Ok(&row), bytes)?;
                }
                Err(error) if error.is_eof() && !text.ends_with('\n') => {
                    return Err(ReadError::Damaged {
                        place: place(),
                        reason: "the file ends in the middle of an object".to_owned(),
                    });
                }
                Err(error) => {
                    let found: String = text.trim_end().chars().take(80).collect();
                    let expected = "one JSON object a line".to_owned();
                    each(Err(Reject { place: place(), found, expected, reason: error.to_string() }), bytes)?;
                }
            }
        }
        Ok(Ending::default())
    }
}

impl Wanted {
    fn new(names: &[&str]) -> Self {
        let mut root = Self::default();
        for (slot, name) in names.iter().enumerate() {
            let mut at = &mut root;
            let mut parts = name.split('.').peekable();
            while let Some(part) = parts.next() {
                let entry = at.members.entry(part.to_owned()).or_default();
                if parts.peek().is_none() {
                    entry.0 = Some(slot);
                }
                at = &mut entry.1;
            }
        }
        root
    }
}

fn parse<'l>(
    text: &'l str,
    wanted: &Wanted,
    slots: usize,
) -> Result<Vec<Option<&'l RawValue>>, serde_json::Error> {
    let mut cells = vec![None; slots];
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Object { wanted, cells: &mut cells }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(cells)
}

/// Walks one object and keeps the wanted members as they are written, so that numbers stay exact.
struct Object<'w, 'c, 'l> {
    wanted: &'w Wanted,
    cells: &'c mut Vec<Option<&'l RawValue>>,
}

impl<'l> DeserializeSeed<'l> for Object<'_, '_, 'l> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'l>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'l> Visitor<'l> for Object<'_, '_, 'l> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'l>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<Cow<'l, str>>()? {
            match self.wanted.members.get(name.as_ref()) {
                Some((Some(slot), _)) => {
                    let raw: &'l RawValue = map.next_value()?;
                    if let Some(cell) = self.cells.get_mut(*slot) {
                        *cell = Some(raw);
                    }
                }
                Some((None, inner)) => {
                    map.next_value_seed(Object { wanted: inner, cells: &mut *self.cells })?
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A member as a cell: text without its quotes, `null` as nothing, everything else as written.
fn plain(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    if text == "null" {
        None
    } else if text.starts_with('"') {
        serde_json::from_str(text).ok()
    } else {
        Some(Cow::Borrowed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_members_are_found_and_numbers_stay_exact() {
        let names = ["cost", "service.description", "credits", "project.id"];
        let line = r#"{"cost": 0.10000000000000000001, "service": {"id": 1, "description": "Compute \"Engine\""}, "credits": [{"amount": -1e-3}], "project": null}"#;
        let cells = parse(line, &Wanted::new(&names), names.len()).unwrap();
        let cells: Vec<_> = cells.into_iter().map(|raw| raw.and_then(plain)).collect();
        assert_eq!(cells[0].as_deref(), Some("0.10000000000000000001"));
        assert_eq!(cells[1].as_deref(), Some("Compute \"Engine\""));
        assert_eq!(cells[2].as_deref(), Some(r#"[{"amount": -1e-3}]"#));
        assert_eq!(cells[3], None);
    }
}
