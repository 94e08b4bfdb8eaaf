//! A behaviour, ready to run: states, triggers and steps, all texts parsed. Shared by every device
//! that runs it, so that a device holds no text of its own.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::built_in;
use super::error::{Fault, Place, ProgramError};
use super::parameter::Parameter;
use super::read;
use super::span::Span;
use super::template::{Path, Template, Text};
use super::yaml::{self, Node};

/// A parsed behaviour, shared by all devices that run it.
#[derive(Clone, PartialEq)]
pub struct Program {
    pub(super) name: String,
    pub(super) about: Option<String>,
    /// The text as a tree: read again with other parameters.
    pub(super) root: Node,
    pub(super) parameters: Vec<Parameter>,
    pub(crate) start: u16,
    pub(crate) states: Box<[State]>,
    /// Heard in every state that has no trigger of its own for it.
    pub(crate) always: Box<[Trigger]>,
    pub(crate) steps: Box<[Step]>,
    /// With their first values.
    pub(crate) variables: Box<[(Box<str>, Value)]>,
    pub(crate) marks: Box<[Box<str>]>,
    pub(crate) default_answer: (Template, Template),
    pub(crate) uses: Uses,
    /// Whether a payload is read at all.
    pub(crate) needs_payload: bool,
}

/// What of the hub a behaviour uses: a device subscribes to nothing else, as with the SDKs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent subscriptions, not a state"
)]
pub struct Uses {
    /// It hears method calls.
    pub methods: bool,
    /// It reports, or reads its twin.
    pub twin: bool,
    /// It hears changes of desired properties.
    pub desired: bool,
    /// It hears cloud-to-device messages.
    pub messages: bool,
}

/// One state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) name: Box<str>,
    pub(crate) triggers: Box<[Trigger]>,
}

/// When what is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) when: When,
    /// The first step.
    pub(crate) first: u32,
}

/// What sets a trigger off.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum When {
    Enter,
    Connect,
    Disconnect,
    /// A method of this name, or any.
    Method(Option<Box<str>>),
    /// A change at or below this path.
    Desired(Path),
    Message,
    After(Span),
    Every(Span),
}

/// One step of a list of actions. Lists lie one after the other; every jump leads forward, so that
/// each list ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Answer {
        status: Template,
        payload: Template,
        after: Option<Span>,
    },
    Patch(Template),
    Send {
        body: Body,
        properties: Box<[(Box<str>, Text)]>,
    },
    Disconnect,
    Vanish,
    Connect,
    Wait(Span),
    WaitForStored,
    Goto(u16),
    Set(u16, Template),
    Add(u16, Template),
    Mark(u16),
    /// Upper ends of ranges of weight, each with its list; the last end is the sum.
    Chance(Box<[(f64, u32)]>),
    /// Falls through if the test holds.
    Unless {
        test: Test,
        otherwise: u32,
    },
    Jump(u32),
    End,
}

/// The body of telemetry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// Sent as it is.
    Text(Text),
    /// A mapping or list: JSON.
    Json(Template),
}

/// What `if` asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// `equals`: as JSON.
    Equals(Template, Template),
    /// `matches`: a glob over the text.
    Matches(Text, Text),
    /// `exists`: the value is not null, or is.
    Exists(Template, bool),
}

impl Program {
    /// Reads a behaviour; `name` is for messages.
    pub fn parse(yaml: &str, name: &str) -> Result<Program, ProgramError> {
        yaml::parse(yaml)
            .and_then(|root| read::program(root, name, None))
            .map_err(|fault| fault.in_file(name))
    }

    /// A behaviour that comes with the program.
    pub fn built_in(name: &str) -> Option<Arc<Program>> {
        built_in::program(name)
    }

    /// The names [`Program::built_in`] knows.
    pub fn built_in_names() -> &'static [&'static str] {
        built_in::NAMES
    }

    /// The same behaviour with other parameters; those not named stay as they are.
    pub fn with(&self, parameters: &[(String, Value)]) -> Result<Arc<Program>, ProgramError> {
        let mut values = self.parameters.clone();
        for (name, value) in parameters {
            let known: Vec<&str> = values.iter().map(|known| &*known.name).collect();
            let unknown = Fault::unknown(Place::default(), "parameter", name, &known);
            let Some(parameter) = values.iter_mut().find(|known| *known.name == **name) else {
                return Err(unknown.in_file(&self.name));
            };
            parameter
                .replace(value)
                .map_err(|fault| fault.in_file(&self.name))?;
        }
        read::program(self.root.clone(), &self.name, Some(values))
            .map(Arc::new)
            .map_err(|fault| fault.in_file(&self.name))
    }

    /// Its file's or built-in's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `about:`, a sentence for people.
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// Its parameters and their values, in the order of the file.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Value)> {
        self.parameters
            .iter()
            .map(|parameter| (&*parameter.name, parameter.json()))
    }

    /// What of the hub it uses.
    pub fn uses(&self) -> Uses {
        self.uses
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
