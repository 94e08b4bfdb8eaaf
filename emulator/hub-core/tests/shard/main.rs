//! The shard, told by what it does: no socket, no sleep, no clock. Each test names the promise of
//! `docs/SEMANTICS.md` that it holds.

#[cfg(test)]
mod image;
#[cfg(test)]
mod indexes;
#[cfg(test)]
mod lag;
mod links;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod model;
mod modules;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod support;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod twins;
