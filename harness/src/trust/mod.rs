//! What clients must be told so that they trust the hub.
