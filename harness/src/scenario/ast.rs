//! The typed tree of a scenario: what a file says, with names still unresolved but every value in its
//! type. Built by the parser or, in a Rust test, by hand.

use std::time::Duration;

use hub_core::Lags;
use hub_core::throttle::Scale;
use serde_json::Value;

use super::span::{Source, Span, Spanned};

/// A whole scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file and what it includes, for messages; empty if built by hand.
    pub sources: Vec<Source>,
    /// `name:`
    pub name: String,
    /// `about:`
    pub about: Option<String>,
    /// `tags:`
    pub tags: Vec<String>,
    /// `seed:`; everything random comes from it. Default 1.
    pub seed: u64,
    /// `clock:`
    pub clock: ClockKind,
    /// `hub:`
    pub hub: HubSpec,
    /// `fleet:`, cohort by cohort in the order of the file.
    pub fleet: Vec<Cohort>,
    /// `steps:`
    pub steps: Vec<Step>,
    /// `checks:`
    pub checks: Vec<Check>,
}

/// `clock: virtual` (the default) or `clock: real`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// Hub, fleet and runner share one clock that jumps to the next thing to do.
    #[default]
    Virtual,
    /// The wall's.
    Real,
}

/// `hub:`: what kind of hub the scenario wants, if it is embedded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HubSpec {
    /// `sas-grace: {connect: 0s, live: 0s}`
    pub sas_connect_grace: Option<Duration>,
    /// See `sas_connect_grace`.
    pub sas_live_grace: Option<Duration>,
    /// `tier: S1` and `units: 2`. Default: no tier, and nothing is throttled.
    pub scale: Option<Scale>,
    /// `query-lag: 5s` and `connection-state-lag: 1m`. Default: nothing lags.
    pub lags: Lags,
}

/// A cohort: devices that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// The key under `fleet:`.
    pub name: Spanned<String>,
    /// `count:` Default 1.
    pub count: u32,
    /// `id:` with `{n}` or `{n:4}` (zero-padded, from 1). Default: `<cohort>-{n}`.
    pub id: String,
    /// `behaviour:` a built-in's name, or a file's path relative to the scenario; `external` for devices
    /// that are registered and left to somebody else to run.
    pub behaviour: Spanned<String>,
    /// `with:` parameters of the behaviour.
    pub with: Vec<(String, Value)>,
    /// `arrive:`
    pub arrive: Arrival,
    /// `network:`
    pub network: Network,
    /// `transport:`
    pub transport: Transport,
    /// `token-life:` how long the devices' SAS tokens live. Default 1 h.
    pub token_life: Duration,
    /// `autostart: false` leaves connecting to a `connect` step. Default true.
    pub autostart: bool,
}

/// How a cohort's devices come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrival {
    /// `burst`: all at once (the default).
    Burst,
    /// `500/s`
    Rate(f64),
    /// `over 10s`: evenly spread.
    Over(Duration),
}

/// `network:` `good` (the default), `3g`, `satellite`, or the figures themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    /// One way, shortest.
    pub delay_least: Duration,
    /// One way, longest.
    pub delay_most: Duration,
    /// Chance that a connection is cut, per minute.
    pub cuts_per_minute: f64,
}

/// `transport:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// `memory` on an embedded hub under virtual time, else `mqtts` (the default).
    #[default]
    Auto,
    /// MQTT without sockets; embedded hubs only.
    Memory,
    /// Plain TCP.
    Mqtt,
    /// TLS.
    Mqtts,
    /// WebSocket over TLS.
    Wss,
}

/// Whom a step or check is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `on: pumps`: every device of a cohort.
    Cohort(Spanned<String>),
    /// `on: {device: pump-3}`
    Device(Spanned<String>),
    /// `on: {share: 10%, of: pumps}`: drawn with the scenario's seed.
    Share {
        /// 0 to 1.
        share: f64,
        /// The cohort.
        of: Spanned<String>,
    },
    /// `on: all`
    All,
}

/// One step. A step ends when what it starts has ended; `parallel` runs several at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// `name:`, to anchor a check at; default: the kind and its place, `invoke@12`.
    pub name: Option<Spanned<String>>,
    /// Where it stands.
    pub span: Span,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Starts devices that have not started, and waits until they are online.
    Connect(Target),
    /// Stops devices in order (DISCONNECT).
    Disconnect(Target),
    /// Calls a direct method.
    Invoke(Invoke),
    /// Changes desired properties or tags over REST.
    Patch {
        /// Whose.
        on: Target,
        /// `desired:`
        desired: Option<Value>,
        /// `tags:`
        tags: Option<Value>,
        /// `if-match:` an etag, or `current` (read first); default: none.
        if_match: Option<String>,
        /// `expect-status:`; default 200.
        expect_status: u16,
    },
    /// Sends a cloud-to-device message.
    Send {
        /// To whom.
        to: Target,
        /// The body as text.
        body: String,
        /// Application properties.
        properties: Vec<(String, String)>,
        /// `expires: 60s`
        expires: Option<Duration>,
        /// `expect-status:`; default 204.
        expect_status: u16,
    },
    /// Schedules a job and waits for its end.
    Job(Job),
    /// Runs a twin query and says how many must match.
    Query {
        /// The text.
        text: Spanned<String>,
        /// `expect-count:`
        expect_count: Option<u64>,
    },
    /// Disables, enables or deletes identities.
    Identity {
        /// Whose.
        on: Target,
        /// What.
        change: IdentityChange,
    },
    /// Troubles the devices' network for a while; the step ends at once, the trouble later.
    Fault {
        /// Whose.
        on: Target,
        /// What.
        kind: FaultKind,
        /// `for:`
        lasts: Duration,
    },
    /// Every link is cut at the hub.
    CutAllLinks,
    /// `outage:` the embedded hub lets nobody in and answers no service, for a while.
    Outage {
        /// `for:`
        lasts: Duration,
        /// `links: keep`: connections that are up stay up. Default false: they are cut.
        keeps_links: bool,
    },
    /// `throttle:` the embedded hub refuses for so long whatever a tier would count. The step ends at
    /// once.
    Throttle(Duration),
    /// Waits.
    Wait(Duration),
    /// Waits for a condition, at most so long; a failure if it does not come.
    WaitUntil {
        /// On whom.
        on: Target,
        /// What.
        condition: Condition,
        /// `at-most:`
        at_most: Duration,
    },
    /// All at once; ends with the last.
    Parallel(Vec<Step>),
    /// One round after the other.
    Repeat {
        /// How often.
        times: u32,
        /// What.
        steps: Vec<Step>,
    },
    /// A command of the user's, with the hub's variables in its environment. Real time only.
    Shell(Shell),
    /// `job:` and whatever else the plan refuses by name.
    NotBuilt(Spanned<String>),
}

/// `shell:`
#[derive(Clone, Debug, PartialEq)]
pub struct Shell {
    /// Run by `sh -c` (`cmd /C` on Windows).
    pub command: Spanned<String>,
    /// `as:` once for each of these devices, with its connection string; default: once, with none.
    pub devices: Option<Target>,
    /// `env:` further variables.
    pub env: Vec<(String, String)>,
    /// `background: true`: the step does not wait for its end. Default false.
    pub background: bool,
    /// `timeout:` for its end, in the background for its `stdout`; default 60 s.
    pub timeout: Duration,
    /// `expect: {exit: …}`; default 0.
    pub exit: i32,
    /// `expect: {stdout: …}`; in the background the step waits for it. Default: anything.
    pub stdout: Vec<Predicate>,
}

/// `invoke:`
#[derive(Clone, Debug, PartialEq)]
pub struct Invoke {
    /// On whom.
    pub on: Target,
    /// `method:`
    pub method: Spanned<String>,
    /// `payload:`; default none.
    pub payload: Option<Value>,
    /// `rate: 200/s`: calls started, whatever comes back; default: all at once, `in-flight` at most.
    pub rate: Option<f64>,
    /// `in-flight:`; default 256.
    pub in_flight: u32,
    /// `timeout:` for the answer; default 30 s.
    pub response_timeout: Duration,
    /// `connect-timeout:`; default 0.
    pub connect_timeout: Duration,
    /// `expect:` what each call must end in; default: any answer of status 200 to 299.
    pub expect: InvokeExpectation,
}

/// A scheduled job: a method or a change of twins for every device of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// `condition:` what follows WHERE in a twin query, or `*`.
    pub condition: Spanned<String>,
    /// `method:`, or `desired:` and `tags:`.
    pub work: JobWork,
    /// `at-most:` how long the job may run; default an hour.
    pub at_most: Duration,
    /// `expect-succeeded:` devices that did their part; default any number.
    pub expect_succeeded: Option<u64>,
    /// `expect-failed:` devices that did not; default 0.
    pub expect_failed: u64,
}

/// What a job does to each of its devices.
#[derive(Clone, Debug, PartialEq)]
pub enum JobWork {
    /// Calls a method.
    Method {
        /// Which.
        name: Spanned<String>,
        /// `payload:`; default none.
        payload: Option<Value>,
    },
    /// Changes twins.
    Patch {
        /// `desired:`
        desired: Option<Value>,
        /// `tags:`
        tags: Option<Value>,
    },
}

/// What a call must end in.
#[derive(Clone, Debug, PartialEq)]
pub enum InvokeExpectation {
    /// `expect: success`
    Success,
    /// `expect: {status: 404}`
    Status(i32),
    /// `expect: {error: DeviceNotOnline}`: the hub's code by name.
    Error(Spanned<String>),
    /// `expect: anything`
    Anything,
}

/// What becomes of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityChange {
    /// `disable`
    Disable,
    /// `enable`
    Enable,
    /// `delete`
    Delete,
}

/// Trouble on the way between device and hub, made at the device's end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// `drop`: connections are cut now; devices come back by themselves.
    Drop,
    /// `refuse`: connections are cut and new ones fail.
    Refuse,
    /// `half-open`: nothing arrives any more, nobody is told.
    HalfOpen,
    /// `slow`: everything takes so much longer, one way.
    Slow(Duration),
    /// `partition`: nothing passes either way; what was sent is lost with the connection.
    Partition,
    /// `lost-ack`: what the hub sends is lost, what the device sends arrives.
    LostAck,
}

/// A check: judged from the hub's event log.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// `name:`; default: the check in words.
    pub name: Option<String>,
    /// Where it stands.
    pub span: Span,
    /// Whom it is about.
    pub on: Target,
    /// How many of them must pass: 1.0 for each (the default), `at-least: 99%`.
    pub share: f64,
    /// `after:` the step from whose start it counts; default: the scenario's start.
    pub after: Option<Spanned<String>>,
    /// What must hold.
    pub rule: Rule,
}

/// What must hold over time for one device, or for the devices together.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// `eventually:` at some time until the end, or `within:` so long.
    Eventually {
        /// What.
        condition: Condition,
        /// Counted from `after`.
        within: Option<Duration>,
    },
    /// `never:`
    Never(Condition),
    /// `in-order:` one after the other, each at the same event or later.
    InOrder {
        /// What.
        conditions: Vec<Condition>,
        /// For the last; counted from `after`.
        within: Option<Duration>,
    },
    /// `stays:` once true, true for so long.
    Stays {
        /// What.
        condition: Condition,
        /// How long.
        lasts: Duration,
    },
    /// `times: {…, at-most: 1, at-least: 1}`: how often a device's condition *becomes* true.
    Times {
        /// What.
        condition: Condition,
        /// At least.
        at_least: u32,
        /// At most.
        at_most: Option<u32>,
    },
    /// `at-once: {…, at-most: 200}`: how many devices are so at the same time.
    AtOnce {
        /// What.
        condition: Condition,
        /// How many.
        at_most: u32,
    },
}

/// Something that is true or false of a device at an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `reported.a.b: value` and the like, compared by the predicate.
    Path {
        /// Which document.
        document: Document,
        /// Keys, outermost first.
        path: Vec<String>,
        /// How it is compared.
        predicate: Predicate,
    },
    /// `connected: true`
    Connected(bool),
    /// `method: {name: reboot, status: 200}`: true at the event of such an answer.
    MethodAnswered {
        /// Which method; any if not said.
        name: Option<String>,
        /// Which status; any if not said.
        status: Option<i32>,
    },
    /// `method-failed: DeviceNotOnline` (or `any`): true at the event of such a failure.
    MethodFailed(Option<String>),
    /// `message: {body: …}`: true at the event of such telemetry.
    Message {
        /// The body as text; any if not said.
        body: Option<Predicate>,
    },
    /// `c2d: completed`: true when such a message ends so.
    C2dSettled(String),
    /// `disconnected-by: takenOver`: true at the event of such a disconnect; reasons as in docs/ADMIN.md.
    DisconnectedBy(String),
    /// All of them; a mapping with several entries.
    All(Vec<Condition>),
    /// `any: […]`
    Any(Vec<Condition>),
    /// `not: …`
    Not(Box<Condition>),
}

/// A part of a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `reported.…`; `reported.$version` is the version.
    Reported,
    /// `desired.…`
    Desired,
    /// `tags.…`
    Tags,
}

/// How a value is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// A plain value.
    Equals(Value),
    /// `{not: value}`
    Differs(Value),
    /// `{exists: true}`
    Exists(bool),
    /// `{at-least: 3}`
    AtLeast(f64),
    /// `{at-most: 3}`
    AtMost(f64),
    /// `{contains: text}`
    Contains(String),
    /// `{matches: glob}` with `*` and `?`
    Matches(String),
}
