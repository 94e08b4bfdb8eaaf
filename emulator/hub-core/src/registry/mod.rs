//! Identities of devices and modules: how they show who they are, status, scopes, etags, times.
//!
//! Knows nothing of links, twins or queues, nor of the JSON in which an identity travels.
//!
//! | Module | Knows |
//! |---|---|
//! | `authentication` | keys and thumbprints |
//! | `device`, `module` | what a service asks an identity to be, and how the registry shows it |
//! | `edge` | Edge devices and their children |
//! | `registered` | what the registry holds of a client |
//! | `precondition` | `If-Match` |
//! | `stamp` | etags and generations, without a random number |

mod authentication;
mod device;
mod edge;
mod module;
mod precondition;
mod registered;
mod stamp;

pub use authentication::{Authentication, SymmetricKeys, Thumbprints};
pub use device::{DeviceIdentity, DeviceSpec, EdgeScopes, Status};
pub(crate) use edge::{MANAGED_BY_EDGE, SYSTEM_MODULES, own_scope};
pub use module::{ModuleIdentity, ModuleSpec};
pub use precondition::IfMatch;
pub(crate) use registered::{DevicePart, Kind, Registered};
pub(crate) use stamp::{Stamp, Stamps};
