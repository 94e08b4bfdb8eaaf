//! A folder of the machine as a blob endpoint, for what a hub imports and exports: block blobs in
//! containers, as Microsoft's storage clients speak it.
//!
//! Source: Microsoft's REST API of Azure Blob Storage. What is not built is refused by name. Whoever
//! reaches the endpoint may use it: a signature or an `Authorization` must be there, and neither is
//! checked. Knows no hub.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `serve` | one connection; finds the operation |
//! | `operations` | what each operation does |
//! | `target` | what a request is about, its range and its conditions |
//! | `folder` | containers and blobs as files |
//! | `list` | the page of a listing |
//! | `name` | names that stay in the folder |
//! | `answer` | answers and refusals |

mod answer;
mod folder;
mod list;
mod name;
mod operations;
mod serve;
mod target;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use folder::BlobFolder;
pub(crate) use serve::serve_connection;
