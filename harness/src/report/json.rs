//! The JSON report: every verdict, whole, in a versioned form that can be read back.

use serde::{Deserialize, Serialize};

use crate::judge::verdict::{FORMAT, Verdict};

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    verdicts: &'a [Verdict],
}

/// What is looked at before the rest is trusted.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

#[derive(Deserialize)]
struct OwnedDocument {
    verdicts: Vec<Verdict>,
}

/// Pretty, with a line feed at the end.
pub(super) fn render(verdicts: &[Verdict]) -> String {
    let document = Document {
        format: FORMAT,
        verdicts,
    };
    let mut text = serde_json::to_string_pretty(&document)
        .expect("a verdict has string keys and no type that can refuse");
    text.push('\n');
    text
}

/// In one line, safe inside a `<script>` and in XML: no `<`, `>` or `&`.
pub(super) fn embedded(verdicts: &[Verdict]) -> String {
    let document = Document {
        format: FORMAT,
        verdicts,
    };
    serde_json::to_string(&document)
        .expect("a verdict has string keys and no type that can refuse")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        // DEL and the two that XML forbids are legal in JSON text.
        .replace('\u{7f}', "\\u007f")
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}

/// Reads a report back; says in words why it cannot.
pub(super) fn read(text: &str) -> Result<Vec<Verdict>, String> {
    let head: Head = serde_json::from_str(text)
        .map_err(|error| format!("it is no report of `--report json=FILE`: {error}"))?;
    if head.format != FORMAT {
        return Err(format!(
            "its format is {}, and this version reads {FORMAT}",
            head.format
        ));
    }
    serde_json::from_str::<OwnedDocument>(text)
        .map(|document| document.verdicts)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut verdicts: Vec<Verdict> = samples::all().into_iter().map(|(_, v)| v).collect();
        verdicts.extend([samples::hostile(), samples::empty()]);
        assert_eq!(read(&render(&verdicts)).unwrap(), verdicts);
        assert_eq!(read(&embedded(&verdicts)).unwrap(), verdicts);
    }

    #[test]
    fn the_embedded_form_has_nothing_that_ends_its_element() {
        let text = embedded(&[samples::hostile()]);
        assert!(!text.contains(['<', '>', '&', '\u{ffff}', '\n']), "{text}");
    }

    #[test]
    fn a_file_that_is_no_report_is_refused_in_words() {
        let table = [
            (
                "",
                "it is no report of `--report json=FILE`: EOF while parsing",
            ),
            (
                "[]",
                "it is no report of `--report json=FILE`: invalid length 0",
            ),
            (
                "{}",
                "it is no report of `--report json=FILE`: missing field `format`",
            ),
            (
                r#"{"format":7}"#,
                "its format is 7, and this version reads 1",
            ),
            (r#"{"format":1}"#, "missing field `verdicts`"),
        ];
        for (text, expected) in table {
            let reason = read(text).unwrap_err();
            assert!(reason.starts_with(expected), "{text}: {reason}");
        }
        let wrong_clock = render(&[samples::passed()]).replace("\"virtual\"", "\"sun\"");
        let reason = read(&wrong_clock).unwrap_err();
        assert!(
            reason.starts_with("a clock is `virtual` or `real`, not `sun`"),
            "{reason}"
        );
    }

    #[test]
    fn the_form_is_stable() {
        let mut verdict = samples::failed();
        verdict.wave.truncate(1);
        insta::assert_snapshot!("json_failed", render(&[verdict]));
    }
}
