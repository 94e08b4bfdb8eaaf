//! What becomes of a job: found by its id whichever kind it is, waited for, told in a line.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::cli::{CliError, say, say_json};
use crate::exit_code;
use crate::output::Progress;
use crate::output::style::{BAD, FAINT, GOOD, STRONG, paint};
use crate::service_client::ServiceClient;

/// A scheduled job or, where there is none of that id, an import or export. Of a scheduled job that is
/// not there the hub says "unknown" and no 404.
pub(in crate::cli) async fn find(client: &mut ServiceClient, id: &str) -> Result<Value, CliError> {
    let job = client.job(id).await?;
    if job["status"] != "unknown" {
        return Ok(job);
    }
    client.transfer(id).await?.ok_or_else(|| {
        CliError::failed(format!("the hub knows no job {id:?}"))
            .with_remedy("`hubnerite job list` shows those it knows")
    })
}

/// Whether it is an import or an export.
pub(in crate::cli) fn is_transfer(job: &Value) -> bool {
    job["type"] == "import" || job["type"] == "export"
}

/// The job when it has ended, drawn on the terminal until then.
pub(in crate::cli) async fn ended(client: &mut ServiceClient, id: &str) -> Result<Value, CliError> {
    let mut progress = Progress::new();
    until_its_end(client, id, |job| {
        progress.show(&line(job));
    })
    .await
}

/// The same, and in a pipe a line whenever it has changed, the end among them.
pub(in crate::cli) async fn watch(
    client: &mut ServiceClient,
    id: &str,
    is_json: bool,
) -> Result<Value, CliError> {
    let mut progress = Progress::new();
    let mut told = String::new();
    let mut is_drawn = false;
    let job = until_its_end(client, id, |job| {
        let line = if is_json { job.to_string() } else { line(job) };
        if !is_json && progress.show(&line) {
            is_drawn = true;
        } else if told != line {
            say(&line);
            told = line;
        }
    })
    .await?;
    drop(progress);
    if is_drawn {
        tell(&job, false);
    }
    Ok(job)
}

/// The hub has no way to wait, so it is asked again and again.
async fn until_its_end(
    client: &mut ServiceClient,
    id: &str,
    mut see: impl FnMut(&Value),
) -> Result<Value, CliError> {
    loop {
        let job = find(client, id).await?;
        see(&job);
        if ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap_or("")) {
            return Ok(job);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Completed, and no device failed.
pub(in crate::cli) fn verdict(job: &Value) -> u8 {
    let failed = job["deviceJobStatistics"]["failedCount"].as_u64();
    if job["status"] == "completed" && failed.unwrap_or(0) == 0 {
        exit_code::OK
    } else {
        exit_code::FAILED
    }
}

/// What became of the job, and of how many devices.
pub(in crate::cli) fn tell(job: &Value, is_json: bool) {
    if is_json {
        return say_json(job, true);
    }
    say(line(job));
    for key in ["failureReason", "statusMessage"] {
        if let Some(text) = job[key].as_str() {
            say(text);
        }
    }
}

fn line(job: &Value) -> String {
    let status = job["status"].as_str().unwrap_or("-");
    let mut line = format!(
        "{}  {}",
        paint(STRONG, job["jobId"].as_str().unwrap_or("-")),
        paint(style_of(status), status)
    );
    if is_transfer(job) {
        let kind = job["type"].as_str().unwrap_or_default();
        let _ = write!(line, "  {kind}  {} %", job["progress"]);
    }
    if let Some(counts) = job["deviceJobStatistics"].as_object() {
        let count = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (devices, good, bad) = (
            count("deviceCount"),
            count("succeededCount"),
            count("failedCount"),
        );
        let _ = write!(line, "  {devices} devices: {good} succeeded, {bad} failed");
        let open = count("pendingCount") + count("runningCount");
        if open > 0 {
            let _ = write!(line, ", {open} not done");
        }
    }
    line
}

/// How a job's status is painted.
pub(super) fn style_of(status: &str) -> anstyle::Style {
    match status {
        "completed" | "running" => GOOD,
        "failed" => BAD,
        _ => FAINT,
    }
}

const POLL_EVERY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_how_far_a_job_of_either_kind_is() {
        let plain = |job| anstream::adapter::strip_str(&line(&job)).to_string();
        let counts = json!({"deviceCount": 5, "succeededCount": 2, "failedCount": 1, "pendingCount": 1, "runningCount": 1});
        let job = json!({"jobId": "j", "status": "running", "deviceJobStatistics": counts});
        assert_eq!(
            plain(job),
            "j  running  5 devices: 2 succeeded, 1 failed, 2 not done"
        );
        let job = json!({"jobId": "j", "type": "export", "status": "running", "progress": 57});
        assert_eq!(plain(job), "j  running  export  57 %");
        assert_eq!(
            plain(json!({"jobId": "j", "status": "queued"})),
            "j  queued"
        );
    }

    #[test]
    fn only_a_job_that_is_completed_without_a_failure_is_good() {
        let counts = |failed: u64| json!({"failedCount": failed});
        for (job, expected) in [
            (
                json!({"status": "completed", "deviceJobStatistics": counts(0)}),
                exit_code::OK,
            ),
            (
                json!({"status": "completed", "deviceJobStatistics": counts(1)}),
                exit_code::FAILED,
            ),
            (
                json!({"status": "completed", "type": "import"}),
                exit_code::OK,
            ),
            (
                json!({"status": "cancelled", "type": "import"}),
                exit_code::FAILED,
            ),
            (json!({"status": "failed"}), exit_code::FAILED),
        ] {
            assert_eq!(verdict(&job), expected, "{job}");
        }
    }
}
