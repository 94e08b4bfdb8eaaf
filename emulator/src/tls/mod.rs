//! The certificate authority, leaves on demand, trust exports.
