//! What a service's write says, read from the many forms that SDKs send.

use super::patch::{DollarKeys, Patch};
use crate::error::HubError;
use crate::json::{Reader, Token, check, unquote};
use crate::limits::Limits;

/// What a service's PATCH or PUT says about tags and desired properties.
#[derive(Clone, Debug, PartialEq)]
pub struct TwinUpdate {
    pub(crate) tags: SectionUpdate,
    pub(crate) desired: SectionUpdate,
}

/// What an update says about one section.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SectionUpdate {
    /// Nothing.
    Absent,
    /// `null`: all of it goes, as with any key of a merge patch.
    Clear,
    /// These members.
    Patch(Patch),
}

/// Whether an update merges or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// PATCH: by JSON merge patch.
    Merge,
    /// PUT: tags and desired become what the update says; what it leaves out is emptied.
    Replace,
}

impl TwinUpdate {
    /// Reads the body of a PATCH or PUT; everything but tags and desired is ignored.
    ///
    /// The C# SDK sends the whole twin, read-only parts and metadata included. Names of the
    /// document's own members are matched without case, as the service does.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, HubError> {
        let text = check_body(body)?;
        let mut reader = Reader::new(text);
        if reader.next() != Some(Token::BeginObject) {
            return Err(HubError::WrongType(
                "the twin must be a JSON object".to_owned(),
            ));
        }
        let mut update = Self {
            tags: SectionUpdate::Absent,
            desired: SectionUpdate::Absent,
        };
        while let Some(Token::String(name)) = reader.next() {
            if is_named(name, "tags") {
                update.tags = SectionUpdate::read(&mut reader, "tags", limits)?;
            } else if is_named(name, "properties") {
                update.read_properties(&mut reader, limits)?;
            } else {
                reader.skip_value();
            }
        }
        Ok(update)
    }

    /// Reads the reported properties of a twin as a service prints it; `None` if it has none.
    pub(crate) fn reported_of(body: &[u8], limits: &Limits) -> Result<Option<Patch>, HubError> {
        let mut reader = Reader::new(check_body(body)?);
        for name in ["properties", "reported"] {
            if !enter(&mut reader, name) {
                return Ok(None);
            }
        }
        let mut ahead = reader;
        if ahead.next() == Some(Token::Null) {
            return Ok(None);
        }
        let section = "properties.reported";
        Patch::read(&mut reader, section, DollarKeys::Ignore, limits).map(Some)
    }

    /// An update of desired properties alone, already checked.
    pub(crate) fn of_desired(patch: Patch) -> Self {
        Self {
            tags: SectionUpdate::Absent,
            desired: SectionUpdate::Patch(patch),
        }
    }

    /// Reads `properties`; null says nothing.
    fn read_properties(
        &mut self,
        reader: &mut Reader<'_>,
        limits: &Limits,
    ) -> Result<(), HubError> {
        match reader.next() {
            Some(Token::Null) => return Ok(()),
            Some(Token::BeginObject) => {}
            Some(_) | None => {
                return Err(HubError::WrongType(
                    "properties: must be a JSON object".to_owned(),
                ));
            }
        }
        while let Some(Token::String(name)) = reader.next() {
            if is_named(name, "desired") {
                self.desired = SectionUpdate::read(reader, "properties.desired", limits)?;
            } else {
                reader.skip_value();
            }
        }
        Ok(())
    }
}

impl SectionUpdate {
    fn read(reader: &mut Reader<'_>, section: &str, limits: &Limits) -> Result<Self, HubError> {
        let mut ahead = *reader;
        if ahead.next() == Some(Token::Null) {
            *reader = ahead;
            return Ok(Self::Clear);
        }
        Patch::read(reader, section, DollarKeys::Ignore, limits).map(Self::Patch)
    }
}

/// Goes to the value of a member of the object that comes next; says whether there is one.
fn enter(reader: &mut Reader<'_>, name: &str) -> bool {
    if reader.next() != Some(Token::BeginObject) {
        return false;
    }
    while let Some(Token::String(key)) = reader.next() {
        if is_named(key, name) {
            return true;
        }
        reader.skip_value();
    }
    false
}

/// The text of a body that must be JSON.
pub(crate) fn check_body(body: &[u8]) -> Result<&str, HubError> {
    check(body).map_err(|error| HubError::Format(format!("the body is not JSON: {error}")))
}

fn is_named(token: &str, name: &str) -> bool {
    unquote(token).is_some_and(|text| text.eq_ignore_ascii_case(name))
}
