//! What the documents quote is what the files say. `HUBNERITE_UPDATE_EXPECTED=1` writes it.

use std::fmt::Write;
use std::path::Path;

#[test]
fn the_files_that_the_testing_guide_quotes_are_those_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("docs/TESTING.md");
    let text = std::fs::read_to_string(&path).expect("the guide is text");
    let mut pieces = text.split(MARK);
    let mut wanted = pieces.next().unwrap_or_default().to_owned();
    let mut count = 0;
    for piece in pieces {
        let (file, rest) = piece.split_once(" -->\n").expect("a mark ends its line");
        let (fence, rest) = rest.split_once('\n').expect("a fence follows");
        let (_, after) = rest.split_once("\n```\n").expect("the fence is closed");
        let quoted = std::fs::read_to_string(root.join(file)).expect("the quoted file is there");
        write!(wanted, "{MARK}{file} -->\n{fence}\n{quoted}```\n{after}").expect("a text grows");
        count += 1;
    }
    assert!(count >= 8, "only {count} files are quoted");
    if std::env::var_os("HUBNERITE_UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &wanted).expect("the guide can be written");
    } else {
        assert!(
            text == wanted,
            "docs/TESTING.md quotes files as they are no more"
        );
    }
}

const MARK: &str = "<!-- file: ";
