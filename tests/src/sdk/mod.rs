//! Microsoft's SDKs: installed once under the target folder, at the versions that `tests/sdk` pins.

mod install;
mod java;
mod node;
mod python;

pub use java::Java;
pub use node::Node;
pub use python::Python;
