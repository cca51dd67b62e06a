//! Tenants.

use domain::{Currency, OrganizationId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Organization {
    /// Key.
    pub id: OrganizationId,
    /// Its name, unique.
    pub name: String,
    /// Currency that its pages show.
    pub currency: Currency,
}

/// The organization called `name`, made with `currency` if it is not there yet.
///
/// # Errors
/// Only those of the database.
pub async fn ensure(
    conn: &mut PgConnection,
    name: &str,
    currency: Currency,
) -> Result<Organization, StoreError> {
    todo!()
}

/// One organization.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, id: OrganizationId) -> Result<Organization, StoreError> {
    todo!()
}

/// All organizations, by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection) -> Result<Vec<Organization>, StoreError> {
    todo!()
}
