//! Where in a JSON document a value stands: `payload.sensors[0].t`, `$.patch['a.b']`. No wildcards: a
//! path names one place.

use serde_json::Value;

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl JsonPath {
    /// Reads a path; an error says what was expected where.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a path has at most {BYTES_MAX} bytes"));
        }
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() || steps.is_empty() {
            let (step, behind) = read_step(rest, steps.is_empty()).ok_or_else(|| {
                let place = text.len() - rest.len() + 1;
                format!("path {text:?}: a name, .name, [0] or ['name'] was expected at {place}")
            })?;
            steps.push(step);
            rest = behind;
        }
        let text = text.to_owned();
        Ok(Self { text, steps })
    }

    /// As it was given.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The value there.
    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.steps
            .iter()
            .try_fold(document, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.get(index),
            })
    }
}

fn read_step(rest: &str, is_first: bool) -> Option<(Step, &str)> {
    if let Some(inside) = rest.strip_prefix("['") {
        let (key, behind) = inside.split_once("']")?;
        return Some((Step::Key(key.to_owned()), behind));
    }
    if let Some(inside) = rest.strip_prefix('[') {
        let (index, behind) = inside.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), behind));
    }
    let name = match rest.strip_prefix('.') {
        Some(name) => name,
        None if is_first => rest,
        None => return None,
    };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (key, behind) = name.split_at(end);
    (!key.is_empty()).then(|| (Step::Key(key.to_owned()), behind))
}

const BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_names_one_place() {
        let document = json!({ "payload": { "a.b": [1, { "t": 2 }] }, "x": null });
        for (path, expected) in [
            ("payload['a.b'][1].t", Some(json!(2))),
            ("$.payload['a.b'][0]", Some(json!(1))),
            ("$['x']", Some(json!(null))),
            ("payload.t", None),
            ("payload[0]", None),
            ("x.y", None),
        ] {
            let found = JsonPath::parse(path).unwrap();
            assert_eq!(found.find(&document).cloned(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_place() {
        for path in ["", "$", "a..b", "a[", "a[x]", "a[0]b", ".", "a['b"] {
            let error = JsonPath::parse(path).unwrap_err();
            assert!(error.contains("was expected at"), "{error}");
        }
        assert!(JsonPath::parse(&"a".repeat(2000)).is_err());
    }
}
