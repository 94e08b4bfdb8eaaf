//! Reads texts and JSON with holes.

use super::error::{Fault, Place, shown};
use super::read::Reader;
use super::template::{Hole, Part, Path, Template, Text, push_json_text};
use super::yaml::{Kind, Node, describe, json};

impl Reader<'_> {
    /// JSON, whole or in part with holes.
    pub(super) fn template(&mut self, node: &Node) -> Result<Template, Fault> {
        let template = match &node.kind {
            Kind::Scalar { text, .. } if text.contains("${") => {
                let mut text = self.text(node)?;
                match &mut *text.0 {
                    [Part::Literal(literal)] => {
                        let mut json = String::new();
                        push_json_text(literal, &mut json);
                        Template::Constant(json.into())
                    }
                    [Part::Hole(hole)] => Template::Hole(hole.clone()),
                    _ => Template::Text(text),
                }
            }
            Kind::Scalar { .. } => Template::Constant(json(node)?.to_string().into()),
            Kind::List(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.template(item)).collect();
                Template::List(items?.into())
            }
            Kind::Map(entries) => {
                let mut parts = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    if key.text.contains("${") {
                        return Err(Fault::new(key.place, "a key cannot hold ${…}"));
                    }
                    let mut json = String::new();
                    push_json_text(&key.text, &mut json);
                    json.push(':');
                    parts.push((json.into(), self.template(value)?));
                }
                Template::Map(parts.into())
            }
        };
        Ok(fold(template))
    }

    /// A text, in part with holes.
    pub(super) fn text(&mut self, node: &Node) -> Result<Text, Fault> {
        let Kind::Scalar { text, .. } = &node.kind else {
            let message = format!("a text is wanted here, not {}", describe(node));
            return Err(Fault::new(node.place, message));
        };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("${") {
            // `$${` stands for `${` itself.
            if let Some(before) = rest[..at].strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inner = &rest[at + 2..];
            let end = inner.find('}').ok_or_else(|| {
                Fault::new(node.place, format!("${{ has no }} in {:?}", shown(text)))
                    .help("write $${ where ${ itself is meant")
            })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into()));
            }
            parts.push(Part::Hole(self.hole(inner[..end].trim(), node.place)?));
            rest = &inner[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Text(parts.into()))
    }

    fn hole(&mut self, inner: &str, place: Place) -> Result<Hole, Fault> {
        if let Some((form, argument)) = inner.split_once(':') {
            return match form.trim() {
                "elapsed-ms" => {
                    let name = argument.trim();
                    self.mark(name, place, false).map(Hole::Elapsed)
                }
                "random" => random(argument.trim(), place),
                other => Err(Fault::unknown(
                    place,
                    "value",
                    other,
                    &["elapsed-ms", "random"],
                )),
            };
        }
        let mut keys = inner.split('.');
        let first = keys.next().unwrap_or_default();
        let path: Path = keys.map(Into::into).collect();
        if path.iter().any(|key| key.is_empty()) {
            return Err(Fault::new(
                place,
                format!("${{{}}} has an empty key", shown(inner)),
            ));
        }
        let variable = self
            .variables
            .iter()
            .position(|(name, _)| **name == *first)
            .and_then(|index| u16::try_from(index).ok());
        match (first, variable) {
            ("payload", _) => {
                self.needs_payload = true;
                Ok(Hole::Payload(path))
            }
            ("desired", _) => {
                self.uses.twin = true;
                self.uses.desired = true;
                Ok(Hole::Desired(path))
            }
            _ if !path.is_empty() => Err(Fault::new(
                place,
                format!(
                    "only payload and desired have parts, not {:?}",
                    shown(first)
                ),
            )),
            ("now", _) => Ok(Hole::Now),
            ("now-seconds", _) => Ok(Hole::NowSeconds),
            ("id", _) => Ok(Hole::Id),
            ("n", _) => Ok(Hole::Number),
            (_, Some(variable)) => Ok(Hole::Variable(variable)),
            (other, None) => {
                let mut known = HOLES.to_vec();
                known.extend(self.variables.iter().map(|(name, _)| &**name));
                known.extend(self.parameters.iter().map(|known| &*known.name));
                Err(Fault::unknown(place, "value", other, &known))
            }
        }
    }
}

/// Names that stand for something by themselves.
pub(super) const HOLES: &[&str] = &["now", "now-seconds", "id", "n", "payload", "desired"];

/// What holds no hole is printed once and for all.
fn fold(template: Template) -> Template {
    let folded = match &template {
        Template::List(items) => join('[', ']', items.iter().map(|item| ("", item))),
        Template::Map(entries) => {
            join('{', '}', entries.iter().map(|(key, value)| (&**key, value)))
        }
        Template::Constant(_) | Template::Text(_) | Template::Hole(_) => None,
    };
    folded.map_or(template, |json| Template::Constant(json.into()))
}

fn join<'t>(
    open: char,
    close: char,
    parts: impl Iterator<Item = (&'t str, &'t Template)>,
) -> Option<String> {
    let mut out = String::from(open);
    for (index, (key, part)) in parts.enumerate() {
        let Template::Constant(json) = part else {
            return None;
        };
        if index > 0 {
            out.push(',');
        }
        out.push_str(key);
        out.push_str(json);
    }
    out.push(close);
    Some(out)
}

/// `1..6`, `18.0..26.5`: with as many digits as the finer of both.
fn random(range: &str, place: Place) -> Result<Hole, Fault> {
    let wrong = || {
        Fault::new(place, format!("{:?} is no range", shown(range)))
            .help("a range is 1..6 or 18.0..26.5; the digits written are the digits drawn")
    };
    // `1.5..2.5`: the two dots that have no dot before them and a number after.
    let (least, most) = range.split_once("..").ok_or_else(wrong)?;
    let digits = digits_of(least).max(digits_of(most));
    let least = scaled(least, digits).ok_or_else(wrong)?;
    let most = scaled(most, digits).ok_or_else(wrong)?;
    let span = most
        .checked_sub(least)
        .and_then(|span| u64::try_from(span).ok())
        .ok_or_else(wrong)?;
    Ok(Hole::Random {
        least,
        span,
        digits: u8::try_from(digits).map_err(|_| wrong())?,
    })
}

fn digits_of(number: &str) -> usize {
    number.split_once('.').map_or(0, |(_, digits)| digits.len())
}

/// The number in units of ten to the power of minus `digits`.
fn scaled(number: &str, digits: usize) -> Option<i64> {
    const DIGITS_MAX: usize = 6;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if unsigned.is_empty()
        || !all_digits(unsigned)
        || !all_digits(fraction)
        || digits > DIGITS_MAX
        || unsigned.len() > 12
    {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}
