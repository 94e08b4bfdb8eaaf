//! Microsoft's SDKs, and a judge of `OpenAPI` documents: installed once under the target folder, at the versions that `tests/sdk` pins.

mod install;
mod java;
mod node;
mod python;
mod schemathesis;

pub use java::Java;
pub use node::Node;
pub use python::Python;
pub use schemathesis::{Judged, Schemathesis};
