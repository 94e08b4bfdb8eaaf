//! Whether the embedded hub answers services: while it is away, none.

use std::sync::Arc;

use emulator::Links;
use hub_proto::error_code::ErrorCode;
use tokio::sync::watch;

use super::service::Refused;

/// What the hub is away with, if it is. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Absence(Arc<watch::Sender<Option<Links>>>);

/// The hub is away as long as this is held.
#[derive(Debug)]
pub(super) struct Away(Absence);

impl Default for Absence {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Absence {
    /// The hub goes; `None` if it is away already.
    pub(super) fn begin(&self, links: Links) -> Option<Away> {
        let begun = self.0.send_if_modified(|away| {
            let is_there = away.is_none();
            if is_there {
                *away = Some(links);
            }
            is_there
        });
        begun.then(|| Away(self.clone()))
    }

    /// `call`, or 503: at once while the hub is away, and when it goes and cuts its connections.
    pub(super) async fn guard<T>(
        &self,
        call: impl Future<Output = Result<T, Refused>>,
    ) -> Result<T, Refused> {
        if self.0.borrow().is_some() {
            return Err(unavailable());
        }
        let mut changes = self.0.subscribe();
        tokio::select! {
            // By chance is not by seed.
            biased;
            _ = changes.wait_for(|away| *away == Some(Links::Cut)) => Err(unavailable()),
            answer = call => answer,
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.0.0.send_replace(None);
    }
}

fn unavailable() -> Refused {
    let code = ErrorCode::ServiceUnavailable;
    Refused {
        status: code.http_status(),
        code: code.name().into(),
        message: "the hub is away".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn no_call_is_answered_while_the_hub_is_away_and_a_cut_ends_those_under_way() {
        let absence = Absence::default();
        assert_eq!(absence.guard(ready(Ok(1))).await, Ok(1));

        let away = absence.begin(Links::Keep).unwrap();
        assert!(absence.begin(Links::Cut).is_none());
        let refused = absence.guard(ready(Ok(1))).await.unwrap_err();
        assert_eq!(
            (refused.status, &*refused.code),
            (503, "ServiceUnavailable")
        );
        drop(away);

        let under_way = tokio::spawn({
            let absence = absence.clone();
            async move { absence.guard(pending::<Result<(), _>>()).await }
        });
        tokio::task::yield_now().await;
        let _away = absence.begin(Links::Cut).unwrap();
        assert_eq!(under_way.await.unwrap(), Err(unavailable()));
    }
}
