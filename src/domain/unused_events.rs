//! Events that no series uses: most often a mistake in what was told of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Event, Stamp};

/// Events that a sentence names; the others are counted.
const NAMED: usize = 3;
/// Letters of a name that a sentence shows.
const LETTERS_SHOWN: usize = 100;

/// Kinds of stamps; none where no such series came by.
type Kinds = BTreeSet<&'static str>;

/// Finds the events that no series of an input uses, while the series come by in any order. What it keeps grows with
/// the events alone.
#[derive(Debug)]
pub struct UnusedEvents<'e> {
    events: &'e [Event],
    /// Kinds of stamps of each series that an event names.
    named: BTreeMap<&'e str, Kinds>,
    /// Kinds of stamps of all series.
    all: Kinds,
}

/// One of them.
struct Unused<'e> {
    index: usize,
    event: &'e Event,
    /// The stamps that its series have instead of its kind; `None`: there is no such series.
    series_have: Option<&'static str>,
}

impl<'e> UnusedEvents<'e> {
    /// Before any series has come by.
    pub fn new(events: &'e [Event]) -> Self {
        let ids = events.iter().filter_map(|event| event.unique_id.as_deref());
        Self { events, named: ids.map(|id| (id, Kinds::new())).collect(), all: Kinds::new() }
    }

    /// A series comes by; any of its stamps says of which kind they are.
    pub fn see(&mut self, unique_id: &str, stamp: Stamp) {
        self.all.insert(stamp.kind());
        if let Some(kinds) = self.named.get_mut(unique_id) {
            kinds.insert(stamp.kind());
        }
    }

    /// A series was left out as a whole. That is told already: its events are not at fault.
    pub fn leave_out(&mut self, unique_id: &str) {
        self.named.remove(unique_id);
    }

    /// What a reader should know once all series have come by: a sentence on the events whose series is not there, and
    /// one on those with stamps of another kind. `place` says where the event of an index stands.
    pub fn warnings(&self, place: impl Fn(usize) -> String) -> Vec<String> {
        let (otherwise, nowhere): (Vec<_>, Vec<_>) =
            self.unused().partition(|unused| unused.series_have.is_some());
        let show = |unused: &Unused<'_>| {
            let (name, place) = (quote(&unused.event.name), place(unused.index));
            let id = unused.event.unique_id.as_deref().map(quote);
            match unused.series_have {
                Some(kind) => {
                    let starts_at = unused.event.starts_at;
                    let series = id.map_or("the series have".to_owned(), |id| format!("{id} has"));
                    format!("{name} starts at {starts_at} where {series} {kind} ({place})")
                }
                None => format!("{name} for {} ({place})", id.unwrap_or_default()),
            }
        };
        let sentences = [
            (
                nowhere,
                "no series has the unique_id",
                "correct the unique_id, or leave it empty for all series",
            ),
            (
                otherwise,
                "the stamps are of another kind",
                "give starts_at and ends_at as the stamps of the series",
            ),
        ];
        let filled = sentences.into_iter().filter(|(unused, ..)| !unused.is_empty());
        filled
            .map(|(unused, reason, next_step)| {
                let count = unused.len();
                let events = if count == 1 { "1 event is".to_owned() } else { format!("{count} events are") };
                let shown: Vec<String> = unused.iter().take(NAMED).map(show).collect();
                let more =
                    if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
                format!("{events} not used, as {reason}: {}{more}; {next_step}", shown.join(", "))
            })
            .collect()
    }

    fn unused(&self) -> impl Iterator<Item = Unused<'e>> {
        self.events.iter().enumerate().filter_map(|(index, event)| {
            let kinds = match &event.unique_id {
                Some(id) => self.named.get(id.as_str())?,
                // without any series there is more to tell than this
                None if self.all.is_empty() => return None,
                None => &self.all,
            };
            let used = kinds.contains(event.starts_at.kind());
            (!used).then(|| Unused { index, event, series_have: kinds.first().copied() })
        })
    }
}

/// A name in quotes; of a very long one, its beginning.
fn quote(name: &str) -> String {
    format!("{:?}", name.chars().take(LETTERS_SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, starts_at: Stamp, unique_id: Option<&str>) -> Event {
        let ends_at = match starts_at {
            Stamp::Step(step) => Stamp::Step(step + 1),
            Stamp::Time(time) => Stamp::Time(time + chrono::Duration::days(1)),
        };
        Event {
            name: name.to_owned(),
            starts_at,
            ends_at,
            multiplier: 2.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: unique_id.map(str::to_owned),
        }
    }

    fn friday() -> Stamp {
        Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap())
    }

    fn warnings(events: &[Event], series: &[(&str, Stamp)]) -> Vec<String> {
        let mut unused = UnusedEvents::new(events);
        series.iter().for_each(|(id, stamp)| unused.see(id, *stamp));
        unused.warnings(|index| format!("events[{index}]"))
    }

    #[test]
    fn an_event_for_a_series_that_is_not_there_is_named() {
        let events = [event("sale", friday(), Some("shop")), event("launch", friday(), Some("shpo"))];
        let sentence = "1 event is not used, as no series has the unique_id: \"launch\" for \"shpo\" (events[1]); \
                        correct the unique_id, or leave it empty for all series";
        assert_eq!(warnings(&events, &[("api", friday()), ("shop", friday())]), [sentence]);
        assert!(warnings(&events, &[("shpo", friday()), ("shop", friday())]).is_empty());
    }

    #[test]
    fn an_event_with_stamps_of_another_kind_is_named() {
        let all = [event("sale", friday(), None), event("launch", Stamp::Step(7), None)];
        let sentence = "1 event is not used, as the stamps are of another kind: \"launch\" starts at 7 where the \
                        series have times (events[1]); give starts_at and ends_at as the stamps of the series";
        assert_eq!(warnings(&all, &[("shop", friday())]), [sentence]);
        // Each finds a series of its own kind.
        assert!(warnings(&all, &[("shop", friday()), ("steps", Stamp::Step(0))]).is_empty());
        let one = [event("sale", friday(), Some("steps"))];
        let told = warnings(&one, &[("shop", friday()), ("steps", Stamp::Step(0))]);
        assert!(told[0].contains("starts at 2026-11-27T00:00:00Z where \"steps\" has steps"), "{told:?}");
    }

    #[test]
    fn of_many_the_first_are_named_and_the_others_counted() {
        let events: Vec<Event> =
            (0..12).map(|number| event(&format!("sale {number}"), friday(), Some("shpo"))).collect();
        let told = warnings(&events, &[("shop", friday())]);
        assert!(
            told[0].starts_with("12 events are not used") && told[0].contains(", and 9 more;"),
            "{told:?}"
        );
        assert!(told[0].contains("\"sale 2\"") && !told[0].contains("\"sale 3\""), "{told:?}");
        let long = [event(&"sale".repeat(10_000), friday(), Some("shpo"))];
        assert!(warnings(&long, &[("shop", friday())])[0].len() < 500);
    }

    #[test]
    fn a_series_that_was_left_out_is_not_missed_again() {
        let events = [event("sale", friday(), Some("late")), event("launch", friday(), Some("shpo"))];
        let mut unused = UnusedEvents::new(&events);
        unused.see("shop", friday());
        unused.leave_out("late");
        let told = unused.warnings(|index| format!("events[{index}]"));
        assert!(told.len() == 1 && told[0].contains("launch") && !told[0].contains("sale"), "{told:?}");
    }
}
