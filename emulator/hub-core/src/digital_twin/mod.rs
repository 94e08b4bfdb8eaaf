//! Digital twins: a device twin as Plug and Play reads and writes it.
//!
//! Nothing is stored here. What is read is computed from the device twin (`print`); what is
//! written becomes an update of desired properties (`patch`), so that the twin's own rules, versions
//! and notifications hold. The hub neither loads nor validates models.
//!
//! Source: "Manage digital twins" and "Understand IoT Plug and Play digital twins" of Microsoft's
//! documentation.

mod patch;
mod print;
#[cfg(test)]
mod tests;

pub use patch::DigitalTwinPatch;
pub(crate) use print::print;

/// What marks an object of a device twin as a component: the member `"__t": "c"`.
const MARK: &str = "__t";
/// Its value, as JSON.
const COMPONENT: &str = "\"c\"";
