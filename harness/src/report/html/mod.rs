//! The report for a browser: one page, complete in itself.
//!
//! It asks nothing of the network (its own content policy forbids it), is whole without its script,
//! and is well-formed XML as well as HTML, which is how the tests read it back. Charts are drawn here:
//! shapes in SVG, which stretches, and their words in HTML, which does not, so that they can be read on
//! a phone. Every chart has its figures in a table beside it.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `page` | the document, the head of a run, the order of things |
//! | `parts` | steps, checks, counterexamples, cohorts, notes |
//! | `wave` | devices by state over time |
//! | `latency` | the phases |
//! | `axis` | round numbers along an edge |

mod axis;
mod latency;
mod page;
mod parts;
mod wave;

pub(super) use page::render;
