//! Time to live as a caller changes it.
use super::{Expiry, IndexPhase, Table};
use crate::errors::{self, Result};
use headwater_wire::dynamodb::TimeToLiveSpecification;

impl Table {
    /// The table once time to live is switched as `asked`. Switching is possible once the rows of the last time are all
    /// there or all gone, and not before `every_ms` are over.
    ///
    /// # Errors
    /// The service's words if it is so already, of another attribute, or too soon.
    pub(crate) fn switch_expiry(&self, asked: &TimeToLiveSpecification, now_ms: u64, every_ms: u64) -> Result<Self> {
        let held = self.expiry.as_ref();
        let enabled = held.filter(|held| held.is_enabled());
        match enabled {
            Some(held) if held.attribute != asked.attribute_name => {
                return Err(errors::expiry_differs(&held.attribute));
            }
            Some(_) if asked.enabled => return Err(errors::expiry_enabled()),
            None if !asked.enabled => return Err(errors::expiry_disabled()),
            _ => {}
        }
        let is_emptying = held.is_some_and(|held| held.rows == Some(IndexPhase::Emptying));
        if is_emptying || held.is_some_and(|held| now_ms.saturating_sub(held.changed_ms) < every_ms) {
            return Err(errors::expiry_too_often());
        }
        let rows = if asked.enabled { IndexPhase::Filling { after: Vec::new() } } else { IndexPhase::Emptying };
        let attribute = asked.attribute_name.clone();
        Ok(Self { expiry: Some(Expiry { attribute, changed_ms: now_ms, rows: Some(rows) }), ..self.clone() })
    }
}
