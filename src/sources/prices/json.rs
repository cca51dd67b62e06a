//! Walking a JSON document field by field, keeping nothing of what is passed over.

use std::cell::RefCell;
use std::fmt;
use std::fmt::Write as _;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Where in the document the reader is, for messages.
#[derive(Debug, Default)]
pub(super) struct Trail(RefCell<String>);

impl Trail {
    /// Now at `key` of `section`.
    pub(super) fn at(&self, section: &str, key: impl fmt::Display) {
        let mut path = self.0.borrow_mut();
        path.clear();
        let _ = write!(path, "$.{section}.{key}");
    }

    /// Now at element `index` of `section`.
    pub(super) fn at_index(&self, section: &str, index: usize) {
        let mut path = self.0.borrow_mut();
        path.clear();
        let _ = write!(path, "$.{section}[{index}]");
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.borrow();
        f.write_str(if path.is_empty() { "$" } else { &path })
    }
}

/// A text; `null` is an empty one.
pub(super) fn text<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(value)?.unwrap_or_default())
}

/// What to do with the fields of an object.
pub(super) trait Fields {
    /// Takes the value of `key` from `map`, exactly once.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// What to do with the elements of an array.
pub(super) trait Elements {
    /// Takes element `index` from `list`; false at the end.
    fn element<'de, A: SeqAccess<'de>>(&mut self, index: usize, list: &mut A) -> Result<bool, A::Error>;
}

/// Reads an object through its [`Fields`].
pub(super) struct Object<'a, T>(pub(super) &'a mut T);

impl<'de, T: Fields> DeserializeSeed<'de> for Object<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for Object<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.field(&key, &mut map)?;
        }
        Ok(())
    }
}

/// Reads an array through its [`Elements`].
pub(super) struct Array<T>(pub(super) T);

impl<'de, T: Elements> DeserializeSeed<'de> for Array<T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Elements> Visitor<'de> for Array<T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while self.0.element(index, &mut list)? {
            index += 1;
        }
        Ok(())
    }
}

/// Elements of one type that are handed over one by one.
pub(super) struct Each<'a, T, F> {
    trail: &'a Trail,
    section: &'static str,
    take: F,
    element: PhantomData<T>,
}

impl<'a, T, F: FnMut(T)> Each<'a, T, F> {
    pub(super) fn new(trail: &'a Trail, section: &'static str, take: F) -> Self {
        Self { trail, section, take, element: PhantomData }
    }
}

impl<T: DeserializeOwned, F: FnMut(T)> Elements for Each<'_, T, F> {
    fn element<'de, A: SeqAccess<'de>>(&mut self, index: usize, list: &mut A) -> Result<bool, A::Error> {
        self.trail.at_index(self.section, index);
        let Some(element) = list.next_element()? else { return Ok(false) };
        (self.take)(element);
        Ok(true)
    }
}
