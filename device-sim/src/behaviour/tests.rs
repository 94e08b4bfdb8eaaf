//! The language: what is read, and how mistakes are told.

use super::*;

#[test]
fn every_built_in_is_read_and_says_what_it_is_about() {
    for name in Program::built_in_names() {
        let program = Program::built_in(name).unwrap();
        assert!(program.about().is_some(), "{name}");
        assert_eq!(program.name(), *name);
    }
    assert_eq!(Program::built_in("nonsense"), None);
}
