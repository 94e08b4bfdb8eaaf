//! An `OpenAPI` document as a test reads it, whichever endpoint's it is.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::Value;

/// An operation that a document tells of.
pub(crate) struct Told<'a> {
    pub(crate) verb: Method,
    /// As the document has it.
    pub(crate) path: &'a str,
    /// A path that it stands for: each segment in braces is an `x`.
    pub(crate) asked: String,
    pub(crate) operation: &'a Value,
}

/// Every operation of the document, for `check` to hold against what is answered; it gives the name of
/// what is. Those must be the names of the document, and `answered` no others.
pub(crate) fn check_operations<'a>(
    document: &'a Value,
    answered: impl Iterator<Item = &'a str>,
    check: impl Fn(&Told<'a>) -> &'a str,
) {
    let mut names = BTreeSet::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            let asked = path
                .split('/')
                .map(|segment| match segment.strip_prefix('{') {
                    Some(_) => "x",
                    None => segment,
                });
            let told = Told {
                verb: Method::from_bytes(verb.to_ascii_uppercase().as_bytes()).unwrap(),
                path,
                asked: asked.collect::<Vec<_>>().join("/"),
                operation,
            };
            let name = check(&told);
            assert_eq!(operation["operationId"], name, "{verb} {path}");
            names.insert(name);
        }
    }
    assert_eq!(names, answered.collect());
}
