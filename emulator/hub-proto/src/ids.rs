//! Names a client may use, checked at birth: whoever holds one of these need not check it again.
//!
//! Grammar: reference "id grammar" of the service API; `^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$` for
//! devices and modules. Ids are case-sensitive and never contain `/`, white space or non-ASCII.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// Longest device or module id, in characters.
pub const ID_CHARS_MAX: usize = 128;
/// Longest direct-method name, in characters.
pub const METHOD_NAME_CHARS_MAX: usize = 100;

/// Why a text is not an id or a method name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// Nothing at all.
    #[error("{what} is empty")]
    Empty {
        /// Which kind of name: `device id`, `module id`, `method name`.
        what: &'static str,
    },
    /// Longer than the grammar allows.
    #[error("{what} has {chars} characters, at most {max} are allowed")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// How long it is.
        chars: usize,
        /// How long it may be.
        max: usize,
    },
    /// A character outside the grammar.
    #[error("{what} contains {character:?}, which is not allowed")]
    Character {
        /// Which kind of name.
        what: &'static str,
        /// The first offending character.
        character: char,
    },
}

/// The name of a device in the identity registry: 1 to 128 characters, case-sensitive.
///
/// Cheap to clone; the text is shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(Arc<str>);

/// The name of a module under its device: 1 to 128 characters, case-sensitive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(Arc<str>);

/// The name of a direct method: 1 to 100 characters, printable ASCII without the separators of
/// RFC 2616's `token` (`$ ( ) < > @ , ; : \ " / [ ] ? = { }`, space and tab), nor `+` and `#`,
/// which would break the topic that carries it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodName(Arc<str>);

impl DeviceId {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check("device id", text, ID_CHARS_MAX, &OF_IDS)?;
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ModuleId {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check("module id", text, ID_CHARS_MAX, &OF_IDS)?;
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MethodName {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check("method name", text, METHOD_NAME_CHARS_MAX, &OF_METHODS)?;
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A module of a device, by both names.
///
/// One pointer, so that who may be a device or a module is no larger than a device: hundreds of
/// thousands of connections and every fact of the log say who they are about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceModule(Arc<(DeviceId, ModuleId)>);

impl DeviceModule {
    /// Whose module.
    pub fn device(&self) -> &DeviceId {
        &self.0.0
    }

    /// Which of the device's.
    pub fn id(&self) -> &ModuleId {
        &self.0.1
    }
}

/// Who is at the other end of a device connection: a device, or a module of one.
///
/// Each is a client of its own, with a twin, a link, methods and keys. In order, all devices come
/// before all modules, and the modules of one device stand together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientIdentity {
    /// A device.
    Device(DeviceId),
    /// A module of a device.
    Module(DeviceModule),
}

impl ClientIdentity {
    /// The module `module` of `device`.
    pub fn module(device: DeviceId, module: ModuleId) -> Self {
        Self::Module(DeviceModule(Arc::new((device, module))))
    }

    /// The device, or the module's parent device.
    pub fn device_id(&self) -> &DeviceId {
        match self {
            Self::Device(device) => device,
            Self::Module(module) => module.device(),
        }
    }

    /// The module, if it is one.
    pub fn module_id(&self) -> Option<&ModuleId> {
        match self {
            Self::Device(_) => None,
            Self::Module(module) => Some(module.id()),
        }
    }
}

impl From<DeviceId> for ClientIdentity {
    fn from(device: DeviceId) -> Self {
        Self::Device(device)
    }
}

impl fmt::Display for ClientIdentity {
    /// As in an MQTT client id: `{deviceId}` or `{deviceId}/{moduleId}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => device.fmt(f),
            Self::Module(module) => module.fmt(f),
        }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for DeviceModule {
    /// `{deviceId}/{moduleId}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.device(), self.id())
    }
}

impl fmt::Debug for DeviceModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

fn check(what: &'static str, text: &str, max: usize, allowed: &Characters) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if let Some(at) = text.bytes().position(|byte| !allowed.has(byte)) {
        // Only ASCII stands before it, so a character starts there.
        let character = text[at..].chars().next().unwrap_or_default();
        return Err(IdError::Character { what, character });
    }
    // Only ASCII is left, so bytes are characters.
    if text.len() > max {
        return Err(IdError::TooLong {
            what,
            chars: text.len(),
            max,
        });
    }
    Ok(())
}

/// Which bytes a name may have, looked up: every request names a device, and every call a method.
struct Characters([bool; 256]);

static OF_IDS: Characters = Characters::letters_digits_and(b"-:.+%_#*?!(),=@;$'");
static OF_METHODS: Characters = Characters::visible_but(b"$()<>@,;:\\\"/[]?={}+#");

impl Characters {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    const fn letters_digits_and(signs: &[u8]) -> Self {
        let mut has = Self::none();
        let mut byte = 0_u8;
        while byte < 128 {
            has.0[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        has.with(signs, true)
    }

    const fn visible_but(signs: &[u8]) -> Self {
        let mut has = Self::none();
        let mut byte = 0_u8;
        while byte < 128 {
            has.0[byte as usize] = byte.is_ascii_graphic();
            byte += 1;
        }
        has.with(signs, false)
    }

    const fn none() -> Self {
        Self([false; 256])
    }

    const fn with(mut self, signs: &[u8], is_allowed: bool) -> Self {
        let mut at = 0;
        while at < signs.len() {
            self.0[signs[at] as usize] = is_allowed;
            at += 1;
        }
        self
    }
}

macro_rules! print_as_text {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

print_as_text!(DeviceId, ModuleId, MethodName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_the_grammar_is_allowed_in_an_id() {
        let text = "azAZ09-:.+%_#*?!(),=@;$'";
        assert_eq!(DeviceId::parse(text).unwrap().as_str(), text);
        assert_eq!(
            ModuleId::parse("$edgeAgent").unwrap().as_str(),
            "$edgeAgent"
        );
    }

    #[test]
    fn a_client_is_no_larger_than_a_device_and_modules_come_last_by_device() {
        assert_eq!(size_of::<ClientIdentity>(), size_of::<DeviceId>());
        let device = |id: &str| DeviceId::parse(id).unwrap();
        let module =
            |of: &str, id: &str| ClientIdentity::module(device(of), ModuleId::parse(id).unwrap());
        let in_order = [
            device("a").into(),
            device("z").into(),
            module("a", "m"),
            module("a", "n"),
            module("b", "a"),
        ];
        assert!(in_order.is_sorted(), "{in_order:?}");
        assert_eq!(in_order[3].to_string(), "a/n");
        assert_eq!(in_order[3].device_id().as_str(), "a");
        assert_eq!(in_order[3].module_id().unwrap().as_str(), "n");
    }

    #[test]
    fn the_characters_of_names_are_those_of_the_grammar_and_no_others() {
        for character in (0..=0x17f).filter_map(char::from_u32) {
            let text = character.to_string();
            let is_sign = "-:.+%_#*?!(),=@;$'".contains(character);
            assert_eq!(
                DeviceId::parse(&text).is_ok(),
                character.is_ascii_alphanumeric() || is_sign,
                "{text:?}"
            );
            let is_separator = "$()<>@,;:\\\"/[]?={}+#".contains(character);
            assert_eq!(
                MethodName::parse(&text).is_ok(),
                character.is_ascii_graphic() && !is_separator,
                "{text:?}"
            );
        }
    }

    #[test]
    fn ids_outside_the_grammar_say_what_is_wrong() {
        let long = "x".repeat(129);
        let cases = [
            ("", "device id is empty"),
            ("a/b", "device id contains '/', which is not allowed"),
            ("a b", "device id contains ' ', which is not allowed"),
            ("ä", "device id contains 'ä', which is not allowed"),
            ("a\0", "device id contains '\\0', which is not allowed"),
            (
                &long,
                "device id has 129 characters, at most 128 are allowed",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(DeviceId::parse(text).unwrap_err().to_string(), expected);
        }
        assert!(DeviceId::parse(&long[..128]).is_ok());
    }

    #[test]
    fn method_names_keep_plug_and_play_stars_and_refuse_topic_breakers() {
        assert!(MethodName::parse("thermostat1*getMaxMinReport").is_ok());
        for broken in ["a/b", "a+b", "a#", "a b", "$a", "", &"m".repeat(101)] {
            assert!(
                MethodName::parse(broken).is_err(),
                "{broken:?} must be refused"
            );
        }
        assert!(MethodName::parse(&"m".repeat(100)).is_ok());
    }
}
