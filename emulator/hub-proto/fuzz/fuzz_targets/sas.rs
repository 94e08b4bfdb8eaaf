//! Runs [`hub_proto::fuzz::sas`] over what the fuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hub_proto::fuzz::sas(data));
