//! Queries over the whole hub, page by page.
//!
//! Each shard is searched a bounded stretch at a time, with other tasks let in between, so that devices
//! do not wait behind a query. What the shards find is merged in the order of ids; a page fetches of
//! each shard about as much as it shows.

use std::collections::VecDeque;

use hub_core::jobs::RowCursor;
use hub_core::query::{Collection, GroupKey, IdRanges, Query, Row};
use hub_core::{HubError, SearchBounds};
use hub_proto::ids::{ClientIdentity, DeviceId};

use super::handle::HubHandle;
use super::placement::{SHARDS, shard_of};
use super::slot::ShardSlot;

/// One page of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPage {
    /// The items, as JSON texts.
    pub items: Vec<String>,
    /// Where the next page begins, if there may be one.
    pub next: Option<QueryCursor>,
}

/// Where a page begins. It is made of names alone, so it stays good whatever changes between pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryCursor {
    /// Items of the pages before, which count against TOP.
    pub served: u64,
    /// Behind what.
    pub place: QueryPlace,
}

/// The last thing of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryPlace {
    /// A row of `devices` or `devices.modules`.
    Client(ClientIdentity),
    /// A group.
    Group(GroupKey),
    /// A row of `devices.jobs`.
    JobRow(RowCursor),
}

/// Items and, if there may be more, the last thing among them.
type Part<T> = (Vec<String>, Option<T>);

/// Queries.
impl HubHandle {
    /// The next page of a query: up to `limit` items behind `after`, rows in the order of ids, groups
    /// in the order of their keys. A page ends early before it has more than
    /// [`hub_core::Limits::query_page_bytes`].
    pub async fn query(
        &self,
        query: &Query,
        after: Option<&QueryCursor>,
        limit: usize,
    ) -> Result<QueryPage, HubError> {
        let served = after.map_or(0, |cursor| cursor.served);
        let left = query.top().map(|top| top.saturating_sub(served));
        let left = left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        let limit = limit.min(left);
        if limit == 0 {
            let items = Vec::new();
            return Ok(QueryPage { items, next: None });
        }
        let place = after.map(|cursor| &cursor.place);
        let (items, place) = match (query.collection(), query.is_grouped(), place) {
            (Collection::Jobs, _, None | Some(QueryPlace::JobRow(_))) => {
                let after = place.and_then(QueryPlace::job_row);
                let (items, last) = self.job_rows_page(query, after, limit).await;
                (items, last.map(QueryPlace::JobRow))
            }
            (_, true, None | Some(QueryPlace::Group(_))) => {
                let after = place.and_then(QueryPlace::group);
                let (items, last) = self.groups_page(query, after, limit).await;
                (items, last.map(QueryPlace::Group))
            }
            (_, false, None | Some(QueryPlace::Client(_))) => {
                let after = place.and_then(QueryPlace::client);
                let (items, last) = self.rows_page(query, after, limit).await;
                (items, last.map(QueryPlace::Client))
            }
            (_, _, Some(_)) => {
                return Err(HubError::Argument("a cursor of another query".to_owned()));
            }
        };
        let served = served + items.len() as u64;
        let place = place.filter(|_| items.len() < left);
        let next = place.map(|place| QueryCursor { served, place });
        Ok(QueryPage { items, next })
    }

    async fn rows_page(
        &self,
        query: &Query,
        after: Option<&ClientIdentity>,
        limit: usize,
    ) -> Part<ClientIdentity> {
        let mut merged = Merged::new(self, query, after, limit);
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        while let Some(client) = merged.next().await {
            if items.len() >= limit {
                return (items, last);
            }
            // One shard and one document at a time: nobody waits behind a whole page.
            let item = self.slot(&client).read(|shard| shard.item(query, &client));
            if let Some(item) = item {
                bytes += item.len();
                if bytes > self.limits().query_page_bytes && !items.is_empty() {
                    return (items, last);
                }
                items.push(item);
            }
            last = Some(client);
        }
        (items, None)
    }

    async fn job_rows_page(
        &self,
        query: &Query,
        mut after: Option<RowCursor>,
        limit: usize,
    ) -> Part<RowCursor> {
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, after);
        loop {
            let rows = self.job_rows(after, JOB_ROWS_MAX);
            for (cursor, row) in &rows {
                if query.matches(Row::json(row)) {
                    bytes += row.len();
                    let is_over = bytes > self.limits().query_page_bytes && !items.is_empty();
                    if items.len() >= limit || is_over {
                        return (items, last);
                    }
                    items.push(query.item(Row::json(row)));
                }
                last = Some(*cursor);
            }
            if rows.len() < JOB_ROWS_MAX {
                return (items, None);
            }
            after = last;
            tokio::task::yield_now().await;
        }
    }

    async fn groups_page(
        &self,
        query: &Query,
        after: Option<GroupKey>,
        limit: usize,
    ) -> Part<GroupKey> {
        // One more than asked for tells whether there is another page.
        let groups_max = limit.saturating_add(1);
        let mut whole = query.groups(after.clone(), groups_max);
        for (shard, ids) in ids_by_shard(query).into_iter().enumerate() {
            let Some(slot) = self.slot_at(shard) else {
                continue;
            };
            let mut part = query.groups(after.clone(), groups_max);
            let mut looked_until = None;
            loop {
                looked_until = slot.read(|shard| {
                    let from = looked_until.as_ref();
                    shard.add_to_groups(query, &ids, from, LOOKED_AT_MAX, &mut part)
                });
                if looked_until.is_none() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            whole.merge(part);
        }
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        for (key, item) in whole.items(query) {
            bytes += item.len();
            let is_over = bytes > self.limits().query_page_bytes && !items.is_empty();
            if items.len() >= limit || is_over {
                return (items, last);
            }
            items.push(item);
            last = Some(key);
        }
        (items, None)
    }
}

impl QueryPlace {
    fn client(&self) -> Option<&ClientIdentity> {
        match self {
            Self::Client(client) => Some(client),
            Self::Group(_) | Self::JobRow(_) => None,
        }
    }

    fn group(&self) -> Option<GroupKey> {
        match self {
            Self::Group(key) => Some(key.clone()),
            Self::Client(_) | Self::JobRow(_) => None,
        }
    }

    fn job_row(&self) -> Option<RowCursor> {
        match self {
            Self::JobRow(cursor) => Some(*cursor),
            Self::Client(_) | Self::Group(_) => None,
        }
    }
}

/// What all shards find, in the order of ids.
struct Merged<'a> {
    hub: &'a HubHandle,
    query: &'a Query,
    bounds: SearchBounds,
    streams: Vec<Stream>,
}

/// What one shard finds.
struct Stream {
    ids: IdRanges,
    found: VecDeque<ClientIdentity>,
    looked_until: Option<ClientIdentity>,
    is_at_end: bool,
    /// Whether there is no index to make.
    is_index_made: bool,
}

impl<'a> Merged<'a> {
    fn new(
        hub: &'a HubHandle,
        query: &'a Query,
        after: Option<&ClientIdentity>,
        limit: usize,
    ) -> Self {
        let stream = |ids: IdRanges| Stream {
            is_at_end: ids.as_slice().is_empty(),
            ids,
            found: VecDeque::new(),
            looked_until: after.cloned(),
            is_index_made: false,
        };
        Self {
            hub,
            query,
            bounds: SearchBounds {
                found_max: limit / SHARDS + 2,
                looked_at_max: LOOKED_AT_MAX,
            },
            streams: ids_by_shard(query).into_iter().map(stream).collect(),
        }
    }

    /// The next client that matched when it was looked at.
    async fn next(&mut self) -> Option<ClientIdentity> {
        for (shard, stream) in self.streams.iter_mut().enumerate() {
            let Some(slot) = self.hub.slot_at(shard) else {
                // What is made while a page is, the next one may show.
                stream.is_at_end = true;
                continue;
            };
            while stream.found.is_empty() && !stream.is_at_end {
                let step = slot.read(|shard| {
                    let after = stream.looked_until.as_ref();
                    shard.search(self.query, &stream.ids, after, self.bounds)
                });
                stream.found.extend(step.found);
                stream.is_at_end = step.looked_until.is_none();
                stream.looked_until = step.looked_until;
                if step.is_sparse && !stream.is_index_made {
                    stream.is_index_made = true;
                    make_index(slot, self.query).await;
                }
                if stream.found.is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        }
        let first = self
            .streams
            .iter_mut()
            .filter(|stream| !stream.found.is_empty())
            .min_by(|one, other| one.found.front().cmp(&other.found.front()))?;
        first.found.pop_front()
    }
}

/// Makes the index that saves a query the walk through a shard. Making it is that walk; the next query
/// is saved it as well.
async fn make_index(slot: &ShardSlot, query: &Query) {
    // Bounded, since queries of other paths may drive it out again and again.
    for _ in 0..INDEX_STEPS_MAX {
        if slot.command(|cell, _| cell.shard.extend_index(query, LOOKED_AT_MAX)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Where each shard has to look. A device lives in one shard only, so single ids are looked up there.
fn ids_by_shard(query: &Query) -> Vec<IdRanges> {
    let lives_in = |id: &str| DeviceId::parse(id).ok().map(|id| shard_of(&id));
    let of_shard = |shard| query.ids().filtered(|id| lives_in(id) == Some(shard));
    (0..SHARDS).map(of_shard).collect()
}

/// The most rows looked at while a shard is locked: a few hundred microseconds.
const LOOKED_AT_MAX: usize = 1024;

/// A shard of a full hub has 62 such stretches, and a query may have four indexes made.
const INDEX_STEPS_MAX: usize = 512;

/// Rows of jobs that are printed at a time, with the jobs locked.
const JOB_ROWS_MAX: usize = 256;
