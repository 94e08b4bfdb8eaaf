//! Which hub a host name means: the default one, one of its own, or none.
//!
//! Hubs share a process, a clock and bounds, and nothing else: each has its registry, its policies
//! and its event log. Knows no protocol; front ends ask it once they have read a host name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hub_core::image::HubImage;
use hub_core::{HubError, Lags, Limits};

use crate::clock::Clock;
use crate::config::{EventLogLimits, Policies, Throttling};
use crate::event_log::{BudgetFigures, EventLogBudget};
use crate::host_names::{HostNames, HubHost, HubNames, Whose};
use crate::hub::{self, HubHandle, HubParts};

/// The hubs of a process. Cheap to clone; all clones are the same directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: DirectoryParts,
    /// Shared by all hubs.
    event_logs: EventLogBudget,
    default: HubHandle,
    own: RwLock<BTreeMap<HubHost, HubHandle>>,
}

/// What a directory is made of; each new hub is made of it too.
#[derive(Debug)]
pub(crate) struct DirectoryParts {
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) throttling: Option<Throttling>,
    /// How far reads lag in a new hub.
    pub(crate) lags: Lags,
    /// Those every hub begins with.
    pub(crate) policies: Arc<Policies>,
    /// Of all hubs together.
    pub(crate) event_log: EventLogLimits,
    /// The default hub's.
    pub(crate) names: HostNames,
    /// Addresses bound for hubs of their own.
    pub(crate) own_addresses: Vec<IpAddr>,
    pub(crate) rules: HubRules,
}

/// How further hubs may come about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubRules {
    /// Whether a name never seen makes a hub.
    pub(crate) auto_create: bool,
    /// How many there may be beside the default hub.
    pub(crate) hubs_max: usize,
}

impl HubRules {
    /// Nobody can make a second one.
    pub(crate) const ONE_HUB: Self = Self {
        auto_create: false,
        hubs_max: 0,
    };
}

/// Why a host name leads to no hub. The text is for clients, and names the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoHub {
    /// It would be a hub of its own.
    #[error(
        "there is no hub {0}: start Hubnerite with --hub-name {short} or --auto-create, or PUT \
         /admin/hubs/{short}", short = .0.short()
    )]
    Unknown(HubHost),
    /// It would be one more hub than there may be.
    #[error(transparent)]
    Full(#[from] HubsFull),
    /// It is no name of this process.
    #[error("this hub does not answer to the host name '{0}': start it with --host {0}")]
    Foreign(String),
    /// The client came under the name of another hub.
    #[error("the connection was opened to the hub {door}, and names {host:?}")]
    Contradiction {
        /// The hub it came to.
        door: HubHost,
        /// What it said then.
        host: String,
    },
}

/// There are as many hubs as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are {0} hubs beside the default one, and no more may be: remove one with DELETE \
     /admin/hubs/NAME"
)]
pub struct HubsFull(usize);

/// Why a hub is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateHubError {
    /// The name is taken.
    #[error("there is a hub {0} already")]
    Exists(HubHost),
    /// The name is one of the default hub's.
    #[error("{0} is a name of the default hub")]
    Default(HubHost),
    /// No client could come to it.
    #[error("{0} was not bound at the start: start Hubnerite with --hub-name {0}")]
    NotBound(HubHost),
    /// No certificate is issued for it.
    #[error(
        "{0} is neither under .localhost nor a loopback address: start Hubnerite with --hub-name {0}"
    )]
    NotLocal(HubHost),
    /// There are too many.
    #[error(transparent)]
    Full(#[from] HubsFull),
}

/// Why a hub is not made from another.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum ForkError {
    /// No hub may be made under the name.
    #[error(transparent)]
    Create(#[from] CreateHubError),
    /// The image cannot be taken up.
    #[error("what the hub holds cannot be taken up: {0}")]
    Restore(#[from] HubError),
}

impl Directory {
    /// Makes the default hub on the current runtime.
    pub(crate) fn start(parts: DirectoryParts) -> Self {
        let event_logs = EventLogBudget::new(parts.event_log);
        let names = HubNames::Default(parts.names.clone());
        let default = new_hub(&parts, Arc::clone(&parts.policies), &event_logs, names);
        Self(Arc::new(Inner {
            parts,
            event_logs,
            default,
            own: RwLock::default(),
        }))
    }

    /// What the event logs of all hubs may keep together, and keep.
    pub(crate) fn event_log_figures(&self) -> BudgetFigures {
        self.0.event_logs.figures()
    }

    /// The hub that is always there.
    pub(crate) fn default_hub(&self) -> &HubHandle {
        &self.0.default
    }

    /// The hub that `host` (without port) means. Makes it, where that is allowed.
    pub(crate) fn find(&self, host: &str) -> Result<HubHandle, NoHub> {
        match self.existing(host) {
            Err(NoHub::Unknown(own)) if self.0.parts.rules.auto_create => {
                let mut hubs = self.own_mut();
                match hubs.get(&own) {
                    Some(hub) => Ok(hub.clone()),
                    None => Ok(self.insert(&mut hubs, own)?),
                }
            }
            found => found,
        }
    }

    /// The hub that `host` (without port) means, if there is one.
    pub(crate) fn existing(&self, host: &str) -> Result<HubHandle, NoHub> {
        let foreign = || NoHub::Foreign(cut(host));
        match self.0.parts.names.whose(host) {
            Some(Whose::Default) => Ok(self.0.default.clone()),
            Some(Whose::Own(own)) => self.get(&own).ok_or(NoHub::Unknown(own)),
            None => {
                let full = HubHost::spelled(host).ok_or_else(foreign)?;
                self.get(&full).ok_or_else(foreign)
            }
        }
    }

    /// Whether `host` can only mean this process, whether there is such a hub or not.
    pub(crate) fn accepts(&self, host: &str) -> bool {
        let is_own = || HubHost::spelled(host).is_some_and(|host| self.get(&host).is_some());
        self.0.parts.names.accepts(host) || is_own()
    }

    /// The hub of its own that has that name.
    pub(crate) fn get(&self, host: &HubHost) -> Option<HubHandle> {
        self.own().get(host).cloned()
    }

    /// Every hub of its own, in the order of their names.
    pub(crate) fn list(&self) -> Vec<(HubHost, HubHandle)> {
        let own = self.own();
        own.iter()
            .map(|(host, hub)| (host.clone(), hub.clone()))
            .collect()
    }

    /// Makes a hub, at the start under any name, later under one that leads here.
    pub(crate) fn create(&self, host: HubHost, when: When) -> Result<HubHandle, CreateHubError> {
        let host = self.check_name(host, when)?;
        let mut own = self.own_mut();
        if own.contains_key(&host) {
            return Err(CreateHubError::Exists(host));
        }
        Ok(self.insert(&mut own, host)?)
    }

    /// Makes a hub that begins with what the image holds and with the policies of `source`. Nobody
    /// comes to it before it is whole; one of that name stays, unless it is to be replaced.
    pub(crate) fn fork(
        &self,
        source: &HubHandle,
        image: &HubImage,
        host: HubHost,
        if_taken: NameTaken,
    ) -> Result<HubHandle, ForkError> {
        let host = self.check_name(host, When::Later)?;
        let check_exists = |is_there: bool| match if_taken {
            NameTaken::Refuse if is_there => Err(CreateHubError::Exists(host.clone())),
            NameTaken::Refuse | NameTaken::Replace => Ok(()),
        };
        // Before the work, and again after it.
        check_exists(self.get(&host).is_some())?;
        let Inner {
            parts, event_logs, ..
        } = &*self.0;
        let names = HubNames::Own(host.clone());
        let hub = new_hub(parts, source.policies(), event_logs, names);
        hub.restore(image)?;
        let replaced = {
            let mut own = self.own_mut();
            let is_there = own.contains_key(&host);
            check_exists(is_there)?;
            if !is_there {
                self.check_room(&own).map_err(CreateHubError::from)?;
            }
            own.insert(host.clone(), hub.clone())
        };
        if let Some(replaced) = replaced {
            replaced.retire();
        }
        Ok(hub)
    }

    /// Whether a hub may have that name.
    fn check_name(&self, host: HubHost, when: When) -> Result<HubHost, CreateHubError> {
        let parts = &self.0.parts;
        if parts.names.whose(host.as_str()) == Some(Whose::Default) {
            return Err(CreateHubError::Default(host));
        }
        if when == When::Later {
            match host.address() {
                Some(address) if !self.is_bound(address) => {
                    return Err(CreateHubError::NotBound(host));
                }
                None if !host.is_local() => return Err(CreateHubError::NotLocal(host)),
                _ => {}
            }
        }
        Ok(host)
    }

    /// Ends a hub and all its links; says whether there was one.
    pub(crate) fn delete(&self, host: &HubHost) -> bool {
        let removed = self.own_mut().remove(host);
        // Not with the directory locked: others go on meanwhile.
        removed.map(|hub| hub.retire()).is_some()
    }

    /// Ends every link of every hub.
    pub(crate) fn close_links(&self) {
        self.0.default.close_links();
        for (_, hub) in self.list() {
            hub.close_links();
        }
    }

    fn insert(
        &self,
        own: &mut BTreeMap<HubHost, HubHandle>,
        host: HubHost,
    ) -> Result<HubHandle, HubsFull> {
        self.check_room(own)?;
        let Inner {
            parts, event_logs, ..
        } = &*self.0;
        let policies = Arc::clone(&parts.policies);
        let hub = new_hub(parts, policies, event_logs, HubNames::Own(host.clone()));
        own.insert(host, hub.clone());
        Ok(hub)
    }

    fn check_room(&self, own: &BTreeMap<HubHost, HubHandle>) -> Result<(), HubsFull> {
        let max = self.0.parts.rules.hubs_max;
        if own.len() >= max {
            return Err(HubsFull(max));
        }
        Ok(())
    }

    fn is_bound(&self, address: IpAddr) -> bool {
        let parts = &self.0.parts;
        parts.own_addresses.contains(&address) || parts.names.is_bound_on_any()
    }

    /// The map is whole at every instant, so a panic elsewhere does not spoil it.
    fn own(&self) -> RwLockReadGuard<'_, BTreeMap<HubHost, HubHandle>> {
        self.0.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<HubHost, HubHandle>> {
        self.0.own.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a hub is made: names are bound and certified at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Start,
    Later,
}

/// What becomes of a hub whose name another is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameTaken {
    Refuse,
    Replace,
}

fn new_hub(
    parts: &DirectoryParts,
    policies: Arc<Policies>,
    event_logs: &EventLogBudget,
    names: HubNames,
) -> HubHandle {
    hub::start(HubParts {
        clock: parts.clock.clone(),
        limits: parts.limits.clone(),
        throttling: parts.throttling,
        lags: parts.lags,
        policies: policies.into(),
        names,
        event_log: event_logs.log(),
    })
}

/// A text of a client's choosing, short enough for a log line.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(TOLD_CHARS_MAX).collect()
}

const TOLD_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use hub_proto::time::Timestamp;

    use super::*;
    use crate::listener::ConnectionContext;
    use crate::test_hub::{TestHub, spec};

    fn directory(auto_create: bool, hubs_max: usize) -> Directory {
        Directory::start(DirectoryParts {
            clock: Clock::start_at(Timestamp::from_unix_seconds(0)),
            limits: Limits::default(),
            throttling: None,
            lags: Lags::default(),
            policies: Policies::well_known().into(),
            event_log: EventLogLimits::default(),
            names: HostNames::new(&["hub.example".to_owned()], &[]),
            own_addresses: vec!["127.0.0.7".parse().unwrap()],
            rules: HubRules {
                auto_create,
                hubs_max,
            },
        })
    }

    fn name(text: &str) -> HubHost {
        HubHost::parse(text).unwrap()
    }

    #[tokio::test]
    async fn every_name_of_the_default_hub_leads_there_and_others_to_hubs_of_their_own() {
        // HUB-1
        let hubs = directory(false, 10);
        hubs.create(name("orders"), When::Start).unwrap();
        hubs.create(name("shop.example"), When::Start).unwrap();
        for host in ["localhost", "127.0.0.1", "[::1]", "HUB.example"] {
            assert_eq!(hubs.find(host).unwrap().own_name(), None, "{host}");
        }
        for (host, own) in [
            ("Orders.localhost", "orders"),
            ("SHOP.example.", "shop.example"),
        ] {
            let found = hubs.find(host).unwrap();
            assert_eq!(found.own_name(), Some(&name(own)), "{host}");
            assert!(found.is_host(host) && !found.is_host("localhost"));
        }
        let device = spec("d");
        let orders = hubs.get(&name("orders")).unwrap();
        orders.create_device(device).unwrap();
        assert_eq!(hubs.default_hub().device_count(), 0);
        assert_eq!(
            (
                orders.event_log().newest(),
                hubs.default_hub().event_log().newest()
            ),
            (1, 0)
        );
    }

    #[tokio::test]
    async fn a_name_never_seen_is_refused_with_its_remedy_unless_it_makes_a_hub() {
        // HUB-2, HUB-3
        let refused = directory(false, 10).find("orders.localhost").unwrap_err();
        insta::assert_snapshot!(refused, @"there is no hub orders.localhost: start Hubnerite with --hub-name orders or --auto-create, or PUT /admin/hubs/orders");
        let refused = directory(true, 10).find("a.example").unwrap_err();
        insta::assert_snapshot!(refused, @"this hub does not answer to the host name 'a.example': start it with --host a.example");
        let hubs = directory(true, 2);
        for host in ["a.localhost", "127.0.0.9", "A.localhost."] {
            let made = hubs.find(host).unwrap();
            let owner = made.connection_string("iothubowner").unwrap();
            let start = format!(
                "HostName={};SharedAccessKeyName=iothubowner;",
                made.host_name()
            );
            assert!(owner.starts_with(&start), "{owner}");
        }
        let full = hubs.find("c.localhost").unwrap_err();
        insta::assert_snapshot!(full, @"there are 2 hubs beside the default one, and no more may be: remove one with DELETE /admin/hubs/NAME");
        assert!(hubs.find("localhost").is_ok() && hubs.find("a.localhost").is_ok());
    }

    #[tokio::test]
    async fn a_hub_is_made_only_under_a_name_that_leads_to_it_and_is_free() {
        // HUB-4
        let hubs = directory(false, 10);
        let later = |text: &str| hubs.create(name(text), When::Later).map(|_| ());
        assert_eq!(later("orders"), Ok(()));
        assert_eq!(later("127.0.0.7"), Ok(()));
        assert_eq!(later("orders"), Err(CreateHubError::Exists(name("orders"))));
        let foreign = later("shop.example");
        assert!(
            matches!(foreign, Err(CreateHubError::NotLocal(_))),
            "{foreign:?}"
        );
        let unbound = later("127.0.0.8");
        assert!(
            matches!(unbound, Err(CreateHubError::NotBound(_))),
            "{unbound:?}"
        );
        let taken = later("hub.example");
        assert!(
            matches!(taken, Err(CreateHubError::Default(_))),
            "{taken:?}"
        );
    }

    #[tokio::test]
    async fn a_removed_hub_is_gone_and_its_name_is_free() {
        // HUB-4
        let hubs = directory(false, 10);
        let first = hubs.create(name("orders"), When::Later).unwrap();
        first.create_device(spec("d")).unwrap();
        assert!(hubs.delete(&name("orders")) && !hubs.delete(&name("orders")));
        assert!(first.is_retired());
        assert!(hubs.find("orders.localhost").is_err());
        let second = hubs.create(name("orders"), When::Later).unwrap();
        assert_eq!((second.device_count(), second.is_retired()), (0, false));
    }

    #[tokio::test]
    async fn who_came_by_the_name_of_a_hub_may_name_no_other() {
        // HUB-5
        let hub = TestHub::start();
        let TestHub { context, .. } = &hub;
        for own in ["orders", "billing"] {
            context.directory.create(name(own), When::Start).unwrap();
        }
        let arrived = ConnectionContext {
            door: Some(name("orders")),
            ..context.clone()
        };
        assert!(arrived.to("orders.localhost").is_ok());
        for other in ["billing.localhost", "localhost"] {
            let refused = arrived.to(other).unwrap_err();
            assert!(matches!(refused, NoHub::Contradiction { .. }), "{refused}");
        }
        // The default hub's names are the way in for those who cannot resolve others.
        let named = context.to("orders.localhost").unwrap();
        assert_eq!(named.hub.own_name(), Some(&name("orders")));
        assert!(named.to("billing.localhost").is_err());
    }
}
