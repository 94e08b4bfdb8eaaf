//! Waits for a condition, by the same judge that judges checks.

use std::time::Duration;

use tokio::sync::watch;

use super::super::message::{Ending, Message};
use super::Stage;
use crate::scenario::ast::{Check, Condition, Rule, Target};
use crate::scenario::span::Span;

impl Stage<'_> {
    pub(super) async fn wait_until(
        &self,
        place: usize,
        on: &Target,
        condition: &Condition,
        at_most: Duration,
    ) -> Ending {
        let devices = self.choose(on).devices;
        let of = devices.len();
        let (missing, read) = watch::channel(of);
        let check = Check {
            name: None,
            span: Span::default(),
            on: on.clone(),
            share: 1.0,
            after: None,
            rule: Rule::Eventually {
                condition: condition.clone(),
                within: None,
            },
        };
        self.tell(Message::AwaitCondition {
            check: Box::new(check),
            devices,
            missing,
        })
        .await;
        match self.none_missing(place, read, of, at_most).await {
            Ok(()) => Ending::Passed,
            Err(missing) => Ending::Failed(format!(
                "{missing} of {of} devices did not get there within {at_most:?}"
            )),
        }
    }
}
