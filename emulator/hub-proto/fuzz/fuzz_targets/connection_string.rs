//! Runs [`hub_proto::fuzz::connection_string`] over what the fuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hub_proto::fuzz::connection_string(data));
