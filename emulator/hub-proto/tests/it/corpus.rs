//! The fuzz targets over their committed corpus, and over random and mutated input.

use std::path::Path;

use hub_proto::fuzz::TARGETS;
use proptest::prelude::*;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn every_target_holds_on_its_corpus() {
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            target(&input);
        }
    }
}

proptest! {
    #[test]
    fn every_target_holds_on_random_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, target) in TARGETS {
            target(&data);
        }
    }

    #[test]
    fn every_target_holds_on_random_text(data in "[-/?&=;%$#+0-9a-zA-Zä. ]{0,80}") {
        for (_, target) in TARGETS {
            target(data.as_bytes());
        }
    }

    #[test]
    fn every_target_holds_on_a_mutated_corpus(
        (place, byte, insert) in (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()),
    ) {
        for (name, target) in TARGETS {
            for mut input in corpus(name) {
                if input.is_empty() {
                    continue;
                }
                let place = place.index(input.len());
                if insert { input.insert(place, byte) } else { input[place] = byte }
                target(&input);
                input.truncate(place);
                target(&input);
            }
        }
    }
}
