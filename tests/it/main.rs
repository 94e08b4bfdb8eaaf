//! Hubnerite judged from outside, in one binary.
