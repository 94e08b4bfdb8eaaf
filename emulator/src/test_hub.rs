//! A hub without sockets, for the tests of every front end.

use std::time::Duration;

use hub_core::Limits;
use hub_core::registry::{Authentication, DeviceSpec, SymmetricKeys};
use hub_proto::ids::DeviceId;
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;

use crate::clock::Clock;
use crate::config::{EventLogLimits, Policies, Throttling};
use crate::directory::{Directory, DirectoryParts, HubRules};
use crate::host_names::HostNames;
use crate::listener::ConnectionContext;
use crate::stop::StopSwitch;

/// 2026-11-22T10:00:00Z.
pub(crate) const NOW_UNIX_S: i64 = 1_795_341_600;

/// The key, first and second, of every device made by [`TestHub::create`].
pub(crate) const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A hub with the well-known policies.
pub(crate) struct TestHub {
    pub(crate) context: ConnectionContext,
    pub(crate) switch: StopSwitch,
}

impl TestHub {
    /// `hub.example`, with the usual limits, at a fixed time.
    pub(crate) fn start() -> Self {
        Self::start_as("hub.example", NOW_UNIX_S, Limits::default())
    }

    /// The same, of a tier.
    pub(crate) fn start_throttled(throttling: Throttling) -> Self {
        Self::start_with(
            "hub.example",
            NOW_UNIX_S,
            Limits::default(),
            Some(throttling),
            false,
        )
    }

    pub(crate) fn start_as(host: &str, now_unix_s: i64, limits: Limits) -> Self {
        Self::start_with(host, now_unix_s, limits, None, false)
    }

    /// As [`TestHub::start`], and a name never seen makes a hub.
    pub(crate) fn start_with_auto_create() -> Self {
        Self::start_with("hub.example", NOW_UNIX_S, Limits::default(), None, true)
    }

    pub(crate) fn start_with(
        host: &str,
        now_unix_s: i64,
        limits: Limits,
        throttling: Option<Throttling>,
        auto_create: bool,
    ) -> Self {
        let clock = Clock::start_at(Timestamp::from_unix_seconds(now_unix_s));
        Self::start_by(clock, host, limits, throttling, auto_create)
    }

    pub(crate) fn start_by(
        clock: Clock,
        host: &str,
        limits: Limits,
        throttling: Option<Throttling>,
        auto_create: bool,
    ) -> Self {
        let switch = StopSwitch::new();
        let directory = Directory::start(DirectoryParts {
            clock,
            limits,
            throttling,
            lags: hub_core::Lags::default(),
            policies: Policies::well_known().into(),
            event_log: EventLogLimits::default(),
            names: HostNames::new(&[host.to_owned()], &[]),
            own_addresses: Vec::new(),
            rules: HubRules {
                auto_create,
                hubs_max: 3,
            },
        });
        let peer = "127.0.0.1:50000".parse().unwrap();
        let context = ConnectionContext::new(&directory, peer, switch.token());
        Self { context, switch }
    }

    /// Makes an enabled device.
    pub(crate) fn create(&self, id: &str) {
        self.context.hub.create_device(spec(id)).unwrap();
    }

    /// Tells every connection to end; says whether all did in time.
    pub(crate) async fn stop(self) -> bool {
        let Self { context, switch } = self;
        drop(context);
        switch.signal();
        switch.drained(Duration::from_secs(10)).await
    }
}

/// What [`TestHub::create`] makes.
pub(crate) fn spec(id: &str) -> DeviceSpec {
    let key = SasKey::from_base64(KEY).unwrap();
    DeviceSpec::enabled(
        DeviceId::parse(id).unwrap(),
        Authentication::Sas(SymmetricKeys {
            primary: key.clone(),
            secondary: key,
        }),
    )
}
