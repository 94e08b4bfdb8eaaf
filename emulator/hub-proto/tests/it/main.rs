//! What the wire formats promise, judged from outside: byte vectors of the specifications, captured
//! traffic of the official SDKs, independent codecs, and random input.

// `cfg(test)` lets clippy see that helpers are test code too.
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod mqtt_oracles;
#[cfg(test)]
mod mqtt_packets;
#[cfg(test)]
mod mqtt_properties;
#[cfg(test)]
mod mqtt_vectors;
#[cfg(test)]
mod sas;
#[cfg(test)]
mod topic;
