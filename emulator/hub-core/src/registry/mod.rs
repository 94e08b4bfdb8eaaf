//! Identities of devices and modules: how they show who they are, status, scopes, etags, times.
//!
//! Knows nothing of links, twins or queues, and of the JSON in which an identity travels only what is
//! alike everywhere.
//!
//! | Module | Knows |
//! |---|---|
//! | `authentication` | keys and thumbprints |
//! | `device`, `module` | what a service asks an identity to be, and how the registry shows it |
//! | `edge` | Edge devices and their children |
//! | `registered` | what the registry holds of a client |
//! | `precondition` | `If-Match` |
//! | `printed` | what is shown in one form wherever it is |
//! | `stamp` | etags and generations, without a random number |

mod authentication;
mod device;
mod edge;
mod module;
mod precondition;
mod printed;
mod registered;
mod stamp;

pub use authentication::{Authentication, SymmetricKeys, Thumbprints};
pub use device::{DeviceIdentity, DeviceSpec, EdgeScopes, Status};
pub(crate) use edge::{MANAGED_BY_EDGE, SYSTEM_MODULES, own_scope};
pub use module::{ModuleIdentity, ModuleSpec};
pub use precondition::IfMatch;
pub use printed::{PrintedAuthentication, connection_state};
pub(crate) use registered::{DevicePart, Kind, Registered};
pub(crate) use stamp::{Stamp, Stamps};
