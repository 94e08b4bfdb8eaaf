//! Scheduled jobs, told by what they do: no hub, no sleep, no clock. Each test names the promise of
//! `docs/SEMANTICS.md` that it holds.

#[cfg(test)]
mod history;
#[cfg(test)]
mod model;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod support;
