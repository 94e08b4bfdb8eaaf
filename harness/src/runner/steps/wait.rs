//! Waits for a condition, by the same judge that judges checks.

use std::time::Duration;

use tokio::sync::watch;

use super::super::message::{Ending, Message};
use super::Stage;
use crate::scenario::ast::{Check, Condition, Rule, Target};
use crate::scenario::span::{Span, Spanned};

impl Stage<'_> {
    pub(super) async fn wait_until(
        &self,
        place: usize,
        on: &Target,
        condition: &Condition,
        at_most: Duration,
        anchor: &str,
    ) -> Ending {
        let drawn = self.choose(on).devices;
        let of = drawn.len();
        let (missing, read) = watch::channel(of);
        let check = Check {
            name: None,
            span: Span::default(),
            on: on.clone(),
            share: 1.0,
            after: Some(Spanned {
                value: anchor.to_owned(),
                span: Span::default(),
            }),
            rule: Rule::Eventually {
                condition: condition.clone(),
                within: None,
            },
        };
        self.tell(Message::AwaitCondition {
            check: Box::new(check),
            anchor: anchor.to_owned(),
            drawn,
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
