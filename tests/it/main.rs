//! Hubnerite judged from outside, in one binary.

mod documents;
mod hubs;
mod ledger;
mod openapi;
mod policies;
mod real_devices;
mod rest;
mod sdk_java;
mod sdk_node;
mod sdk_python;
mod tidy;
mod wire_connect;
mod wire_faults;
mod wire_messages;
mod wire_rumqttc;
mod wire_twin;
