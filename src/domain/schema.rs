//! Schemas of the values whose JSON is not what their fields say.

use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::{BillingMonth, Currency, Place};

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        text("ISO 4217 code", "^[A-Z]{3}$")
    }
}

impl ToSchema for Currency {}

impl PartialSchema for BillingMonth {
    fn schema() -> RefOr<Schema> {
        text("Calendar month of UTC", "^[0-9]{4}-[0-9]{2}$")
    }
}

impl ToSchema for BillingMonth {}

impl PartialSchema for Place {
    fn schema() -> RefOr<Schema> {
        text("Provider and region", "^[a-z]+/.+$")
    }
}

impl ToSchema for Place {}

/// An exact amount, as a decimal string; what callers send may be a number, too.
pub fn amount() -> Schema {
    let number = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Number))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)));
    let decimal = text_object("Decimal number", r"^-?[0-9]{1,15}(\.[0-9]{1,12})?$");
    OneOfBuilder::new().item(decimal).item(number).build().into()
}

/// The same, or nothing.
pub fn optional_amount() -> Schema {
    let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
    OneOfBuilder::new().item(null).item(amount()).build().into()
}

fn text(description: &str, pattern: &str) -> RefOr<Schema> {
    text_object(description, pattern).build().into()
}

fn text_object(description: &str, pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .pattern(Some(pattern))
}
