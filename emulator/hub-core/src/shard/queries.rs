//! Queries over the twins of one shard, some rows at a time.
//!
//! Everything here looks at a bounded number of rows and says where to go on, so that whoever locks a
//! shard never holds it for a whole search.

use std::ops::Bound;

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};

use super::lag::Indexed;
use super::state::Shard;
use crate::query::{Collection, Condition, Groups, IdRange, IdRanges, Query, Row, Spots};

/// How far one step of a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchBounds {
    /// The most clients found.
    pub found_max: usize,
    /// The most clients looked at.
    pub looked_at_max: usize,
}

/// What one step of a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Clients that match, in their order.
    pub found: Vec<ClientIdentity>,
    /// The last client looked at, if there may be more behind it.
    pub looked_until: Option<ClientIdentity>,
    /// Whether it looked at many for the few it found, so that it is worth an index; see
    /// [`Shard::extend_index`].
    pub is_sparse: bool,
}

impl Shard {
    /// Clients behind `after` that match, in the order of their ids; only those in `ids`, which is the
    /// query's own set or a part of it. Nothing is printed yet: of what many shards find, one page shows
    /// a part. Of `devices.jobs` a shard has no rows.
    pub fn search(
        &self,
        query: &Query,
        ids: &IdRanges,
        after: Option<&ClientIdentity>,
        bounds: SearchBounds,
    ) -> Search {
        let matches = |row: Row<'_>| query.matches(row);
        if let Some(candidates) = self.candidates(query, ids, after) {
            return self.search_rows(self.rows_of(candidates), bounds, matches);
        }
        let rows = self.rows(query.collection(), ids, after);
        self.search_rows(rows, bounds, matches)
    }

    /// Devices behind `after` that a condition of devices names, in the order of their ids.
    pub fn find_targets(
        &self,
        condition: &Condition,
        after: Option<&DeviceId>,
        bounds: SearchBounds,
    ) -> Search {
        let start = after.map(|id| ClientIdentity::Device(id.clone()));
        let rows = self.indexed(start.map_or(Bound::Unbounded, Bound::Excluded));
        let rows = rows.take_while(|client| client.id().module_id().is_none());
        self.search_rows(rows, bounds, |row| condition.matches(row))
    }

    fn search_rows<'a>(
        &'a self,
        rows: impl Iterator<Item = Indexed<'a>>,
        bounds: SearchBounds,
        matches: impl Fn(Row<'_>) -> bool,
    ) -> Search {
        let (mut found, mut looked_at, mut looked_until) = (Vec::new(), 0, None);
        self.walk(rows, |client, row| {
            looked_at += 1;
            if matches(row) {
                found.push(client.id().clone());
            }
            let goes_on = found.len() < bounds.found_max && looked_at < bounds.looked_at_max;
            if !goes_on {
                looked_until = Some(client.id().clone());
            }
            goes_on
        });
        Search {
            is_sparse: looked_until.is_some() && found.len() < looked_at / SPARSE,
            found,
            looked_until,
        }
    }

    /// The item of the answer for a client that was found, as JSON, if it is there and still matches.
    pub fn item(&self, query: &Query, id: &ClientIdentity) -> Option<String> {
        let client = self.indexed_one(id)?;
        self.with_row(&client, &Spots::default(), |row| {
            query.matches(row).then(|| query.item(row))
        })
    }

    /// Adds clients behind `after` to the groups of a query, `looked_at_max` at most; gives the last one
    /// looked at, if there may be more behind it. See [`Shard::search`] for `ids`.
    pub fn add_to_groups(
        &self,
        query: &Query,
        ids: &IdRanges,
        after: Option<&ClientIdentity>,
        looked_at_max: usize,
        groups: &mut Groups,
    ) -> Option<ClientIdentity> {
        if let Some(candidates) = self.candidates(query, ids, after) {
            let rows = self.rows_of(candidates);
            return self.add_rows_to_groups(rows, query, looked_at_max, groups);
        }
        let rows = self.rows(query.collection(), ids, after);
        self.add_rows_to_groups(rows, query, looked_at_max, groups)
    }

    fn add_rows_to_groups<'a>(
        &'a self,
        rows: impl Iterator<Item = Indexed<'a>>,
        query: &Query,
        looked_at_max: usize,
        groups: &mut Groups,
    ) -> Option<ClientIdentity> {
        let (mut looked_at, mut looked_until) = (0, None);
        self.walk(rows, |client, row| {
            looked_at += 1;
            groups.add(query, row);
            if looked_at >= looked_at_max {
                looked_until = Some(client.id().clone());
            }
            looked_until.is_none()
        });
        looked_until
    }

    /// Those of some devices that are there.
    fn rows_of(&self, devices: Vec<DeviceId>) -> impl Iterator<Item = Indexed<'_>> {
        let devices = devices.into_iter().map(ClientIdentity::Device);
        devices.filter_map(|id| {
            let (id, client) = self.clients.get_key_value(&id)?;
            Some(Indexed::Live(id, client))
        })
    }

    /// The clients of a collection behind `after` whose device is in `ids`, in their order.
    fn rows<'a>(
        &'a self,
        collection: Collection,
        ids: &'a IdRanges,
        after: Option<&ClientIdentity>,
    ) -> impl Iterator<Item = Indexed<'a>> {
        let ranges = match collection {
            Collection::Devices | Collection::Modules => ids.as_slice(),
            Collection::Jobs => &[],
        };
        let after = after.cloned();
        let first = ranges.partition_point(|range: &IdRange| {
            let device = after.as_ref().map(|after| after.device_id().as_str());
            device.is_some_and(|device| range.is_passed_by(device))
        });
        ranges[first..].iter().flat_map(move |range| {
            let start = first_client(collection, range.start());
            let start = match &after {
                Some(after) if *after >= start => Bound::Excluded(after.clone()),
                _ => Bound::Included(start),
            };
            self.indexed(start).take_while(move |client| {
                let id = client.id();
                id.module_id().is_none() == (collection == Collection::Devices)
                    && !range.is_passed_by(id.device_id().as_str())
            })
        })
    }
}

/// A client that comes before all of a collection whose device has an id of `start` or behind it, or
/// is the first of them. `start` is any text, an id is not; what is left of it that could be one comes
/// before it.
fn first_client(collection: Collection, start: &str) -> ClientIdentity {
    let could_be = |length: &usize| DeviceId::parse(&start[..*length]).ok();
    let device = start
        .char_indices()
        .map(|(place, character)| place + character.len_utf8())
        .map_while(|length| could_be(&length))
        .last()
        .or_else(|| DeviceId::parse(FIRST_ID).ok());
    match (device, ModuleId::parse(FIRST_ID)) {
        (Some(device), Ok(module)) if collection == Collection::Modules => {
            ClientIdentity::module(device, module)
        }
        (Some(device), _) => ClientIdentity::Device(device),
        (None, _) => unreachable!("the first id is an id"),
    }
}

/// A search that finds less than one in so many is worth an index.
const SPARSE: usize = 256;

/// No id is smaller: of the characters that an id may have, this is the first.
const FIRST_ID: &str = "!";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hub_proto::time::{Instant, Now, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::limits::Limits;
    use crate::registry::{Authentication, DeviceSpec};

    #[test]
    fn a_search_begins_no_later_than_its_range() {
        let longest = "a".repeat(128);
        let too_long = format!("{longest}b");
        let cases = [
            ("", "!"),
            ("dev", "dev"),
            ("de v", "de"),
            (" dev", "!"),
            ("é", "!"),
            (&too_long, &longest),
        ];
        for (start, expected) in cases {
            let first = first_client(Collection::Devices, start);
            assert_eq!(first.to_string(), expected, "{start}");
            let module = first_client(Collection::Modules, start);
            assert_eq!(module.to_string(), format!("{expected}/!"), "{start}");
        }
    }

    fn now() -> Now {
        Now {
            mono: Instant::from_start(Duration::ZERO),
            wall: Timestamp::NEVER,
        }
    }

    /// Devices with these documents for twins: `d0`, `d1` and so on.
    fn shard<'a>(twins: impl IntoIterator<Item = &'a str>) -> Shard {
        let mut shard = Shard::new(Limits::default());
        for (number, twin) in twins.into_iter().enumerate() {
            let id = DeviceId::parse(&format!("d{number}")).unwrap();
            let spec = DeviceSpec::enabled(id.clone(), Authentication::None);
            shard.create_device(now(), spec).unwrap();
            let id = ClientIdentity::Device(id);
            shard.seed_twin(now(), &id, twin.as_bytes()).unwrap();
        }
        shard
    }

    const TWINS: [&str; 7] = [
        "{}",
        r#"{"tags":{"a":1,"b":{"c":"x"}},"properties":{"reported":{"a":1}}}"#,
        r#"{"tags":{"a":2,"b":{"c":"x"}},"properties":{"reported":{"a":2}}}"#,
        r#"{"tags":{"b":{"c":"y"},"a":1},"properties":{"desired":{"a":1}}}"#,
        r#"{"tags":{"a":{"c":1},"b":[1,2]}}"#,
        r#"{"properties":{"reported":{"a":1,"b":{"c":"x"}},"desired":{"b":2}}}"#,
        r#"{"properties":{"reported":{"a":{"c":"x"}}}}"#,
    ];

    proptest! {
        /// What a search learns from one row must not show in the answer for another: each device is
        /// looked for by itself as well.
        #[test]
        fn a_search_finds_what_each_row_says_for_itself(
            twins in prop::collection::vec(prop::sample::select(TWINS.to_vec()), 1..80)
        ) {
            let shard = shard(twins.iter().copied());
            let bounds = SearchBounds { found_max: 100, looked_at_max: 100 };
            let found = |condition: &str| {
                let query = Query::parse(&format!("SELECT * FROM devices WHERE {condition}")).unwrap();
                shard.search(&query, query.ids(), None, bounds).found
            };
            for condition in [
                "tags.a = 1",
                "tags.b.c = 'x' AND NOT properties.reported.a = 2",
                "properties.reported.b.c = tags.b.c OR properties.desired.a = 1",
                "is_defined(properties.reported.a.c) OR tags.b[1] = 2",
                "properties.reported.$version > 1 AND status = 'enabled'",
            ] {
                let alone = (0..twins.len()).flat_map(|number| {
                    found(&format!("deviceId = 'd{number}' AND ({condition})"))
                });
                let mut alone: Vec<_> = alone.collect();
                alone.sort_unstable();
                prop_assert_eq!(found(condition), alone, "{}", condition);
            }
        }
    }

    #[test]
    fn the_twins_of_a_shard_share_their_shapes() {
        let twins = || TWINS.into_iter().cycle().take(70);
        // Whatever section they are of: tags of one device are a shape like the reported of another.
        let shapes = 6;
        let mut first = shard(twins());
        assert_eq!(first.common.shapes.len(), shapes);
        // From a snapshot, from another shard.
        let mut second = Shard::new(Limits::default());
        second.import(now(), &first.export(now())).unwrap();
        assert_eq!(second.common.shapes.len(), shapes);
        first.replace_with(now(), second);
        assert_eq!(first.common.shapes.len(), shapes);
        let shape = |id: &str| {
            let id = ClientIdentity::Device(DeviceId::parse(id).unwrap());
            first.clients[&id].twin.tags.shape().clone()
        };
        assert!(shape("d1").is(&shape("d9")) && !shape("d1").is(&shape("d3")));
    }
}
