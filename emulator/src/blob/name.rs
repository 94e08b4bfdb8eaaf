//! Names of containers and blobs, and the names of their files: no name leads out of the folder.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The name of a container: 3 to 63 lower-case letters, digits and single hyphens between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContainerName(String);

/// The name of a blob: 1 to 1,024 characters, and a file name of at most 240 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BlobName {
    name: String,
    file: String,
}

impl ContainerName {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_right = (3..=63).contains(&text.len())
            && text.bytes().all(|byte| is_word(byte) || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        is_right.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl BlobName {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let chars = text.chars().count();
        if !(1..=CHARS_MAX).contains(&chars) || text.chars().any(char::is_control) {
            return None;
        }
        let mut file = utf8_percent_encode(text, IN_FILES).to_string();
        // Neither `.` nor `..` nor a file that listings leave out.
        if file.starts_with('.') {
            file.replace_range(..1, "%2E");
        }
        (file.len() <= FILE_BYTES_MAX).then(|| Self {
            name: text.to_owned(),
            file,
        })
    }

    /// The blob that a file is; `None` if it is none, whoever put it there.
    pub(super) fn of_file(file: &str) -> Option<Self> {
        let name = percent_decode_str(file).decode_utf8().ok()?;
        Self::parse(&name).filter(|parsed| parsed.file == file)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// One component of a path.
    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

const CHARS_MAX: usize = 1024;
/// Most file systems have 255; what is kept beside a blob has a suffix.
const FILE_BYTES_MAX: usize = 240;
/// What stands in a file's name as it is.
const IN_FILES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_containers_are_those_of_the_service() {
        // BLOB-2
        for good in ["abc", "a-b-c", "0x9", &"x".repeat(63)] {
            assert!(ContainerName::parse(good).is_some(), "{good}");
        }
        for bad in [
            "ab",
            "Abc",
            "-abc",
            "abc-",
            "a--b",
            "a.b",
            "..",
            "a/b",
            &"x".repeat(64),
        ] {
            assert!(ContainerName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_plain_name_is_its_file_and_a_path_is_one_file() {
        for (name, file) in [
            ("devices.txt", "devices.txt"),
            ("a/b c", "a%2Fb%20c"),
            ("../x", "%2E.%2Fx"),
            ("..", "%2E."),
            ("%2F", "%252F"),
        ] {
            assert_eq!(BlobName::parse(name).unwrap().file(), file);
            assert_eq!(BlobName::of_file(file).unwrap().as_str(), name);
        }
        assert!(BlobName::of_file("a b").is_none());
        assert!(BlobName::parse(&"ü".repeat(41)).is_none());
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_folder(name in "\\PC{1,60}|[./\\\\%a:]{1,20}") {
            // BLOB-2
            if let Some(blob) = BlobName::parse(&name) {
                let components: Vec<_> = Path::new(blob.file()).components().collect();
                prop_assert!(matches!(components[..], [Component::Normal(_)]));
                prop_assert_eq!(BlobName::of_file(blob.file()), Some(blob));
            }
        }
    }
}
