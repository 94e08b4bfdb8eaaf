//! Reads that lag: against a log of everything that ever was, looked up by time.

use std::collections::BTreeMap;
use std::time::Duration;

use hub_core::link::{LinkClose, LinkId, LinkUp};
use hub_core::query::{Condition, ConditionKind, Query};
use hub_core::registry::{Authentication, IfMatch, ModuleSpec, Status, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_core::{Lags, Limits, ReportedPatch, SearchBounds, Shard};
use hub_proto::ids::{ClientIdentity, ModuleId};
use hub_proto::time::Instant;
use proptest::prelude::*;

use crate::support::*;

const BOUNDLESS: SearchBounds = SearchBounds {
    found_max: usize::MAX,
    looked_at_max: usize::MAX,
};
const NAMES: [&str; 3] = ["a", "b", "c"];

type Name = &'static str;

/// What can happen to a shard, as far as a read can tell.
#[derive(Clone, Debug)]
enum Op {
    Create(Name, bool),
    Update(Name, Status, bool),
    Delete(Name),
    CreateModule(Name),
    DeleteModule(Name),
    Tags(Name, u8),
    Desired(ClientIdentity, u8),
    Report(Name, u8),
    Connect(ClientIdentity, Option<u8>),
    Disconnect(ClientIdentity),
    Send(Name),
    Clear,
    Advance(u32),
    Lag(Lags),
}

fn module(device: Name) -> ClientIdentity {
    ClientIdentity::module(id(device), ModuleId::parse("m").unwrap())
}

fn op() -> impl Strategy<Value = Op> {
    let name = || prop::sample::select(&NAMES[..]);
    let who = || {
        (name(), any::<bool>()).prop_map(|(name, is_module)| {
            if is_module {
                module(name)
            } else {
                client(name)
            }
        })
    };
    let status = prop::sample::select(vec![Status::Enabled, Status::Disabled]);
    let lag = || prop::sample::select(vec![0, 0, 1, 3, 7]).prop_map(Duration::from_secs);
    prop_oneof![
        2 => (name(), any::<bool>()).prop_map(|(name, edge)| Op::Create(name, edge)),
        1 => (name(), status, any::<bool>()).prop_map(|(name, to, edge)| Op::Update(name, to, edge)),
        1 => name().prop_map(Op::Delete),
        1 => name().prop_map(Op::CreateModule),
        1 => name().prop_map(Op::DeleteModule),
        3 => (name(), any::<u8>()).prop_map(|(name, value)| Op::Tags(name, value)),
        2 => (who(), any::<u8>()).prop_map(|(who, value)| Op::Desired(who, value)),
        2 => (name(), any::<u8>()).prop_map(|(name, value)| Op::Report(name, value)),
        3 => (who(), prop::option::of(0_u8..2)).prop_map(|(who, model)| Op::Connect(who, model)),
        2 => who().prop_map(Op::Disconnect),
        1 => name().prop_map(Op::Send),
        1 => Just(Op::Clear),
        6 => (0_u32..5).prop_map(Op::Advance),
        1 => (lag(), lag()).prop_map(|(query, connection_state)| {
            Op::Lag(Lags { query, connection_state })
        }),
    ]
}

/// A client as everybody saw it at some time.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    json: String,
    generation: String,
    connected: bool,
}

/// An instant, and how often the lags were set before.
type Moment = (Instant, u32);
type World = BTreeMap<ClientIdentity, Shown>;

/// The shard that lags, one that does not, and everything that the latter ever was.
struct Pair {
    lagging: Shard,
    exact: Shard,
    log: Vec<(Moment, World)>,
    now: u32,
    lags: Lags,
    query_floor: Moment,
    connection_floor: Moment,
    turn: u32,
    links: u64,
    at_links: BTreeMap<ClientIdentity, LinkId>,
}

impl Pair {
    fn new() -> Self {
        Self {
            lagging: Shard::new(Limits::default()),
            exact: Shard::new(Limits::default()),
            log: vec![((Instant::ZERO, 0), World::new())],
            now: 0,
            lags: Lags::default(),
            query_floor: (Instant::ZERO, 0),
            connection_floor: (Instant::ZERO, 0),
            turn: 0,
            links: 0,
            at_links: BTreeMap::new(),
        }
    }

    fn mono(&self) -> Instant {
        at(self.now).mono
    }

    fn query_position(&self) -> Moment {
        back(self.mono(), self.lags.query, self.query_floor)
    }

    fn connection_position(&self, at: Moment) -> Moment {
        let position = back(at.0, self.lags.connection_state, self.connection_floor);
        position.min(at)
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Advance(seconds) => {
                self.now += seconds;
                self.both(Shard::handle_deadline);
            }
            Op::Lag(lags) => {
                let now = (self.mono(), u32::MAX);
                let before = |(at, turn): Moment| (at, turn.min(self.turn));
                let floors = [self.query_position(), self.connection_position(now)];
                let [query, connection] = floors.map(before);
                (self.query_floor, self.connection_floor) = (query, connection);
                self.lags = *lags;
                self.turn += 1;
                self.lagging.set_lags(at(self.now), *lags);
            }
            Op::Connect(who, model) => {
                self.links += 1;
                let link = LinkId(self.links);
                let model = model.map(|model| format!("dtmi:m;{model}"));
                self.both(|shard, now| {
                    let up = LinkUp {
                        client: who.clone(),
                        model_id: model.clone(),
                        ..link_up(link)
                    };
                    let _ = shard.link_up(now, up);
                });
                self.at_links.insert(who.clone(), link);
            }
            _ => self.both_do(op),
        }
        self.note();
        self.compare();
    }

    fn both_do(&mut self, op: &Op) {
        let at_link =
            |links: &BTreeMap<_, _>, who: &ClientIdentity| links.get(who).copied().unwrap_or(LINK);
        let links = self.at_links.clone();
        self.both(|shard, now| match op {
            Op::Create(name, edge) => {
                let mut spec = spec(name);
                spec.edge = *edge;
                let _ = shard.create_device(now, spec);
            }
            Op::Update(name, status, edge) => {
                let mut spec = spec(name);
                (spec.status, spec.edge) = (*status, *edge);
                let _ = shard.update_device(now, spec, &IfMatch::Any);
            }
            Op::Delete(name) => {
                let _ = shard.delete_device(now, &id(name), &IfMatch::Any);
            }
            Op::CreateModule(name) => {
                let _ = shard.create_module(now, module_spec(name));
            }
            Op::DeleteModule(name) => {
                let m = ModuleId::parse("m").unwrap();
                let _ = shard.delete_module(now, &id(name), &m, &IfMatch::Any);
            }
            Op::Tags(name, value) => {
                update(
                    shard,
                    now,
                    &client(name),
                    &format!(r#"{{"tags":{{"t":{value}}}}}"#),
                );
            }
            Op::Desired(who, value) => {
                let body = format!(r#"{{"properties":{{"desired":{{"d":{value}}}}}}}"#);
                update(shard, now, who, &body);
            }
            Op::Report(name, value) => {
                let (who, body) = (client(name), format!(r#"{{"r":{value}}}"#));
                let patch = ReportedPatch {
                    rid: None,
                    if_version: None,
                    body: body.as_bytes(),
                };
                shard.patch_reported(now, &who, at_link(&links, &who), patch);
            }
            Op::Disconnect(who) => {
                shard.link_down(now, who, at_link(&links, who), LinkClose::Lost);
            }
            Op::Send(name) => {
                let _ = shard.send_to_device(now, &id(name), message("m"));
            }
            Op::Clear => {
                shard.clear(now);
            }
            Op::Advance(_) | Op::Lag(_) | Op::Connect(..) => {}
        });
    }

    fn both(&mut self, mut command: impl FnMut(&mut Shard, hub_proto::time::Now)) {
        let now = at(self.now);
        for shard in [&mut self.lagging, &mut self.exact] {
            command(shard, now);
            shard.settle(now);
            while shard.poll_output().is_some() {}
        }
    }

    fn note(&mut self) {
        let mut world = World::new();
        for who in all() {
            let Ok(twin) = self.exact.twin(&who) else {
                continue;
            };
            let (generation, connected) = match who.module_id() {
                None => {
                    let device = self.exact.device(who.device_id()).unwrap();
                    (device.generation_id, device.connected)
                }
                Some(module) => {
                    let module = self.exact.module(who.device_id(), module).unwrap();
                    (module.generation_id, module.connected)
                }
            };
            let json = twin.json;
            world.insert(
                who,
                Shown {
                    json,
                    generation,
                    connected,
                },
            );
        }
        let now = (self.mono(), self.turn);
        self.log.retain(|(at, _)| *at != now);
        self.log.push((now, world));
    }

    /// What was at an instant.
    fn world(&self, at: Moment) -> &World {
        let place = self.log.partition_point(|(noted, _)| *noted <= at);
        &self.log[place - 1].1
    }

    /// What is shown of `shown` where the connection state is that of `at`.
    fn with_connection(&self, who: &ClientIdentity, shown: &Shown, at: Moment) -> String {
        let then = self.world(at).get(who);
        let then = then.filter(|then| then.generation == shown.generation);
        let state = |is: bool| format!(r#""connectionState":"{}""#, words(is));
        shown.json.replace(
            &state(shown.connected),
            &state(then.is_some_and(|then| then.connected)),
        )
    }

    fn compare(&mut self) {
        self.lagging.settle(at(self.now));
        let position = self.query_position();
        let connection = self.connection_position(position);
        let mut expected = [Vec::new(), Vec::new()];
        for (who, shown) in self.world(position) {
            let text = self.with_connection(who, shown, connection);
            expected[usize::from(who.module_id().is_some())].push(text);
        }
        let mut targets: Vec<String> = Vec::new();
        for (collection, expected) in ["devices", "devices.modules"].into_iter().zip(&expected) {
            let query = Query::parse(&format!("SELECT * FROM {collection}")).unwrap();
            let found = self.lagging.search(&query, query.ids(), None, BOUNDLESS);
            let found: Vec<String> = found
                .found
                .iter()
                .map(|who| self.lagging.item(&query, who).unwrap())
                .collect();
            assert_eq!(&found, expected, "{collection} at {position:?}");
            let mut groups = Query::parse(&format!("SELECT COUNT() AS n FROM {collection}"))
                .map(|query| (query.groups(None, 1), query))
                .unwrap();
            let step = self.lagging.add_to_groups(
                &groups.1,
                groups.1.ids(),
                None,
                usize::MAX,
                &mut groups.0,
            );
            assert_eq!(step, None);
            let items: Vec<String> = groups
                .0
                .items(&groups.1)
                .into_iter()
                .map(|one| one.1)
                .collect();
            assert_eq!(items, [format!(r#"{{"n":{}}}"#, expected.len())]);
            if collection == "devices" {
                targets = found;
            }
        }
        let every = Condition::parse("*", ConditionKind::Job).unwrap();
        let named = self.lagging.find_targets(&every, None, BOUNDLESS);
        assert_eq!(named.found.len(), targets.len());
        self.compare_reads_by_id();
        assert_eq!(self.exact.lag_state(), hub_core::LagState::default());
    }

    /// A read of one client is exact, apart from the connection state.
    fn compare_reads_by_id(&self) {
        let now = (self.mono(), u32::MAX);
        let connection = self.connection_position(now);
        for who in all() {
            let twin = self.lagging.twin(&who).ok().map(|twin| twin.json);
            let shown = self.world(now).get(&who);
            let expected = shown.map(|shown| self.with_connection(&who, shown, connection));
            assert_eq!(twin, expected, "{who} at {connection:?}");
        }
    }
}

fn all() -> impl Iterator<Item = ClientIdentity> {
    let system = |name: Name, module: &str| {
        ClientIdentity::module(id(name), ModuleId::parse(module).unwrap())
    };
    NAMES.into_iter().flat_map(move |name| {
        let modules = ["$edgeAgent", "$edgeHub"].map(|module| system(name, module));
        [client(name), module(name)].into_iter().chain(modules)
    })
}

fn module_spec(name: Name) -> ModuleSpec {
    let authentication = Authentication::Sas(SymmetricKeys {
        primary: key(3),
        secondary: key(4),
    });
    ModuleSpec {
        device: id(name),
        id: ModuleId::parse("m").unwrap(),
        authentication,
        managed_by: None,
    }
}

fn update(shard: &mut Shard, now: hub_proto::time::Now, who: &ClientIdentity, body: &str) {
    let update = TwinUpdate::parse(body.as_bytes(), &Limits::default()).unwrap();
    let _ = shard.update_twin(now, who, update, UpdateMode::Merge, &IfMatch::Absent);
}

/// With all that happened at that instant, and not before `floor`.
fn back(at: Instant, by: Duration, floor: Moment) -> Moment {
    let at = at.since_start().checked_sub(by).map(Instant::from_start);
    at.map_or(floor, |at| (at, u32::MAX)).max(floor)
}

fn words(connected: bool) -> &'static str {
    if connected {
        "Connected"
    } else {
        "Disconnected"
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// LAG-1, LAG-2, LAG-3
    #[test]
    fn a_read_that_lags_finds_what_was_true_then(ops in prop::collection::vec(op(), 1..80)) {
        let mut pair = Pair::new();
        for op in &ops {
            pair.apply(op);
        }
        // And nothing is left of it once the lags are over.
        pair.apply(&Op::Advance(20));
        prop_assert_eq!(pair.lagging.lag_state().states, 0);
        prop_assert_eq!(pair.lagging.lag_state().bytes, 0);
        pair.apply(&Op::Lag(Lags::default()));
        prop_assert!(!pair.lagging.is_lagging());
    }
}

#[test]
fn what_there_is_no_room_for_goes_and_reads_lag_less() {
    // LAG-4
    let mut hub = hub_with(Limits {
        history_bytes: 10_000,
        ..Limits::default()
    });
    let lags = Lags {
        query: Duration::from_secs(100),
        ..Lags::default()
    };
    hub.shard.set_lags(at(1), lags);
    let query = Query::parse("SELECT tags.t FROM devices").unwrap();
    let who = client("d1");
    let (mut told, mut last) = (0, None);
    for second in 2..60 {
        let body = format!(r#"{{"tags":{{"t":{second}}}}}"#);
        hub.update_twin(at(second), &body, &IfMatch::Absent)
            .unwrap();
        told += u32::from(hub.shard.settle(at(second)));
        let state = hub.shard.lag_state();
        assert!(state.bytes <= 10_000, "{state:?}");
        assert_eq!(state.is_cut_short, told == 1);
        let seen = hub.shard.item(&query, &who).unwrap();
        let seen: Option<u32> = seen
            .strip_prefix(r#"{"t":"#)
            .map(|rest| rest.strip_suffix('}').unwrap().parse().unwrap());
        assert!(seen >= last, "{seen:?} after {last:?}");
        last = seen;
    }
    // Told once; what is found is as old as there is room for.
    assert_eq!(told, 1);
    assert!(last > Some(30) && last < Some(59), "{last:?}");
}
