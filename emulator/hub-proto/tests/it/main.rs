//! What the wire formats promise, judged from outside: byte vectors of the specifications, captured
//! traffic of the official SDKs, an independent codec, and random input.

mod topic;
