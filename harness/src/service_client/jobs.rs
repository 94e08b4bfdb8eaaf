//! Scheduled jobs.

use std::fmt::Write as _;

use hyper::Method;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::api::{CONTINUATION, Call, SEGMENT, ServiceClient, array, call, parse};
use super::error::ServiceError;

/// Which jobs a list is about; an empty part lets all pass.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// `scheduleUpdateTwin` or `scheduleDeviceMethod`.
    pub job_type: Option<String>,
    /// A status of jobs.
    pub status: Option<String>,
}

impl ServiceClient {
    /// Makes a job; `request` is a `JobRequest` of the service API.
    pub async fn create_job(&mut self, id: &str, request: &Value) -> Result<Value, ServiceError> {
        let create = Call {
            body: Some(request),
            ..call(Method::PUT, path(id))
        };
        self.json(create).await
    }

    /// A job. Of one that is not there the hub says that its status is `unknown`.
    pub async fn job(&mut self, id: &str) -> Result<Value, ServiceError> {
        self.json(call(Method::GET, path(id))).await
    }

    /// Takes back a job that has not started.
    pub async fn cancel_job(&mut self, id: &str) -> Result<Value, ServiceError> {
        self.json(call(Method::POST, format!("{}/cancel", path(id))))
            .await
    }

    /// Up to `limit` jobs, page by page.
    pub async fn jobs(
        &mut self,
        filter: &JobFilter,
        limit: usize,
    ) -> Result<Vec<Value>, ServiceError> {
        let mut query = String::new();
        for (name, value) in [("jobType", &filter.job_type), ("jobStatus", &filter.status)] {
            if let Some(value) = value {
                let separator = if query.is_empty() { '?' } else { '&' };
                let value = utf8_percent_encode(value, SEGMENT);
                let _ = write!(query, "{separator}{name}={value}");
            }
        }
        let (mut jobs, mut continuation) = (Vec::new(), None);
        loop {
            let mut list = call(Method::GET, format!("/jobs/v2/query{query}"));
            list.headers
                .push(("x-ms-max-item-count", limit.clamp(1, 1000).to_string()));
            if let Some(continuation) = continuation.take() {
                list.headers.push((CONTINUATION, continuation));
            }
            let answer = self.send(list).await?;
            let next = answer.headers().get(CONTINUATION);
            continuation = next
                .and_then(|value| value.to_str().ok())
                .filter(|value| !value.is_empty())
                .map(str::to_owned);
            jobs.extend(array(parse(answer.body())?)?);
            if continuation.is_none() || jobs.len() >= limit {
                jobs.truncate(limit);
                return Ok(jobs);
            }
        }
    }
}

fn path(id: &str) -> String {
    format!("/jobs/v2/{}", utf8_percent_encode(id, SEGMENT))
}
