//! The step `job`.

use std::time::Duration;

use super::condition::transposed;
use super::steps::method_name;
use crate::scenario::ast::{Job, JobWork};
use crate::scenario::fields::{Fields, Mistakes};
use crate::scenario::keys;
use crate::scenario::node::Node;

/// A scheduled job.
pub(super) fn job(node: &Node, mistakes: &mut Mistakes) -> Option<Job> {
    let fields = Fields::of(node, &keys::JOB, mistakes)?;
    let condition = fields
        .require("condition", mistakes)
        .and_then(|node| mistakes.text(node, "`condition`"));
    let work = work(node, &fields, mistakes);
    let at_most = fields
        .get("at-most")
        .map_or(Some(AT_MOST), |node| mistakes.some_time(node, "`at-most`"));
    let devices = 0..=u64::from(super::top::DEVICES_MAX);
    let expect_succeeded = fields
        .get("expect-succeeded")
        .map(|node| mistakes.whole(node, "`expect-succeeded`", devices.clone()));
    let expect_failed = fields.get("expect-failed").map_or(Some(0), |node| {
        mistakes.whole(node, "`expect-failed`", devices.clone())
    });
    Some(Job {
        condition: condition?,
        work: work?,
        at_most: at_most?,
        expect_succeeded: transposed(expect_succeeded)?,
        expect_failed: expect_failed?,
    })
}

/// A method, or a change of twins.
fn work(node: &Node, fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<JobWork> {
    let mut json = |key: &str| fields.get(key).map(|node| mistakes.json(node));
    let (payload, desired, tags) = (json("payload"), json("desired"), json("tags"));
    let patches = desired.is_some() || tags.is_some();
    let Some(method) = fields.get("method") else {
        if !patches || payload.is_some() {
            let message = "a job calls a `method`, with or without `payload`, or changes `desired`, `tags` or both";
            mistakes.add(node.place, message);
            return None;
        }
        let (desired, tags) = (transposed(desired)?, transposed(tags)?);
        return Some(JobWork::Patch { desired, tags });
    };
    if patches {
        let message = "a job calls a `method` or changes twins, not both";
        mistakes.add(node.place, message);
        return None;
    }
    Some(JobWork::Method {
        name: method_name(method, mistakes)?,
        payload: transposed(payload)?,
    })
}

const AT_MOST: Duration = Duration::from_hours(1);
