//! Emptying a hub, taking what it holds, putting it back.

use std::io::{self, Write};

use hub_core::HubError;
use hub_core::image::{ClientImage, ConfigurationImage, HubImage, JobImage};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document, whole};
use super::call::Call;
use super::route::{Handler, Parameter, ParameterKind, RequestBody, ResponseBody, Route};
use crate::hub::{HubContents, HubHandle, ResetOptions, WhichJobs};

/// A hub's worth of twins; larger ones are kept and restored by name.
const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;
const TOO_LARGE: &str = "let the hub keep the snapshot itself: POST /admin/snapshot?name=NAME, then POST \
     /admin/restore?name=NAME";
const FORMAT: &str = "hubnerite.snapshot";
/// 1 held neither configurations nor jobs.
const VERSION: u32 = 2;
const NAME_CHARS_MAX: usize = 128;

const NAME: Parameter = Parameter {
    name: "name",
    summary: "of a snapshot that the hub keeps in memory",
    kind: ParameterKind::Text,
};

/// Which jobs a snapshot holds, as parameters and bodies say it.
pub(super) const JOBS: Parameter = Parameter {
    name: "jobs",
    summary: "all, the default: refused while one runs; none: without them",
    kind: ParameterKind::Text,
};

const SUMMARY: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: || {
        json!({
            "type": "object",
            "required": ["identities", "configurations", "jobs", "newestEvent"],
            "properties": {
                "identities": { "type": "integer", "description": "devices and modules" },
                "configurations": { "type": "integer", "description": "automatic configurations" },
                "jobs": { "type": "integer", "description": "scheduled jobs, also those that ended" },
                "newestEvent": { "type": "integer", "description": "the number of the newest event" }
            }
        })
    },
};

const SNAPSHOT: RequestBody = RequestBody {
    is_required: false,
    bytes_max: SNAPSHOT_BYTES_MAX,
    content_type: JSON,
    schema: snapshot_schema,
    too_large: TOO_LARGE,
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "reset",
        verb: Method::POST,
        path: "/admin/reset",
        summary: "Empties the hub: identities, twins, queues, configurations, jobs, links; policies stay",
        parameters: &[Parameter {
            name: "keepConfigurations",
            summary: "leave the automatic configurations as they are",
            kind: ParameterKind::Flag,
        }],
        request: None,
        response: SUMMARY,
        handler: Handler::Now(reset),
    },
    Route {
        name: "takeSnapshot",
        verb: Method::POST,
        path: "/admin/snapshot",
        summary: "What the hub holds, as a document; with a name it is kept in memory instead",
        parameters: &[NAME, JOBS],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || json!({ "anyOf": [snapshot_schema(), (SUMMARY.schema)()] }),
        },
        handler: Handler::Now(take),
    },
    Route {
        name: "restore",
        verb: Method::POST,
        path: "/admin/restore",
        summary: "Has what a snapshot holds in place of what there is; all of it or nothing",
        parameters: &[NAME],
        request: Some(SNAPSHOT),
        response: SUMMARY,
        handler: Handler::Now(restore),
    },
    Route {
        name: "snapshots",
        verb: Method::GET,
        path: "/admin/snapshots",
        summary: "The snapshots that are kept, by name",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || json!({ "type": "array", "items": { "type": "object" } }),
        },
        handler: Handler::Always(list),
    },
    Route {
        name: "dropSnapshot",
        verb: Method::DELETE,
        path: "/admin/snapshots/{name}",
        summary: "Forgets a snapshot that is kept",
        parameters: &[],
        request: None,
        response: SUMMARY,
        handler: Handler::Now(forget),
    },
];

fn snapshot_schema() -> Value {
    let objects = || json!({ "type": "array", "items": { "type": "object" } });
    json!({
        "type": "object",
        "required": ["format", "version", "clients", "configurations", "jobs"],
        "additionalProperties": false,
        "properties": {
            "format": { "const": FORMAT },
            "version": { "const": VERSION },
            "takenAt": { "type": "string", "format": "date-time" },
            "clients": objects(),
            "configurations": objects(),
            "jobs": objects()
        }
    })
}

#[derive(Serialize)]
struct Taken<'a> {
    format: &'a str,
    version: u32,
    #[serde(rename = "takenAt")]
    at: String,
    clients: &'a [ClientImage],
    configurations: &'a [ConfigurationImage],
    jobs: &'a [JobImage],
}

/// What every version begins with.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: Value,
    #[serde(default)]
    version: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u32,
    #[serde(default, rename = "takenAt")]
    _taken_at: Option<String>,
    clients: Vec<ClientImage>,
    configurations: Vec<ConfigurationImage>,
    jobs: Vec<JobImage>,
}

fn summary(call: &Call, contents: HubContents) -> Answer {
    let HubContents {
        identities,
        configurations,
        jobs,
    } = contents;
    json_document(&json!({
        "identities": identities,
        "configurations": configurations,
        "jobs": jobs,
        "newestEvent": call.hub.event_log().newest(),
    }))
}

fn reset(call: &Call) -> Result<Answer, Problem> {
    let options = ResetOptions {
        keep_configurations: call.flag("keepConfigurations")?,
    };
    Ok(summary(call, call.hub.reset(options)))
}

fn take(call: &Call) -> Result<Answer, Problem> {
    let which = which_jobs(call.text(JOBS.name).as_deref())?;
    let name = call.text(NAME.name);
    let name_chars = name.as_ref().map(|name| name.chars().count());
    if name_chars.is_some_and(|chars| !(1..=NAME_CHARS_MAX).contains(&chars)) {
        let detail = format!("a name has 1 to {NAME_CHARS_MAX} characters");
        return Err(Problem::bad_request(detail));
    }
    let image = export(&call.hub, which)?;
    let Some(name) = name else {
        let text = print(&call.hub, &image, SNAPSHOT_BYTES_MAX)?;
        return Ok(whole(StatusCode::OK, JSON, text));
    };
    let contents = HubContents::of(&image);
    call.hub.keep_snapshot(&name, image).map_err(|error| {
        Problem::new(StatusCode::CONFLICT, error.to_string())
            .with_remedy("forget one with DELETE /admin/snapshots/{name}")
    })?;
    Ok(summary(call, contents))
}

/// Which jobs are asked for.
pub(super) fn which_jobs(text: Option<&str>) -> Result<WhichJobs, Problem> {
    match text {
        None | Some("all") => Ok(WhichJobs::All),
        Some("none") => Ok(WhichJobs::None),
        Some(other) => Err(Problem::bad_request(format!(
            "jobs must be all or none, not {other:?}"
        ))),
    }
}

/// What the hub holds; a job that runs is half done, and is refused.
pub(super) fn export(hub: &HubHandle, which: WhichJobs) -> Result<HubImage, Problem> {
    hub.export(which).map_err(|error: HubError| {
        Problem::new(StatusCode::CONFLICT, error.to_string())
            .with_remedy("wait until it has ended, or leave jobs out (jobs=none, --without-jobs)")
    })
}

/// Refuses what no restore would take.
fn print(hub: &HubHandle, image: &HubImage, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let taken = Taken {
        format: FORMAT,
        version: VERSION,
        at: hub.now().wall.to_string(),
        clients: &image.clients,
        configurations: &image.configurations,
        jobs: &image.jobs,
    };
    let mut text = Bounded {
        bytes: Vec::new(),
        bytes_max,
    };
    serde_json::to_writer(&mut text, &taken).map_err(|error| {
        assert!(error.is_io(), "a snapshot is always JSON: {error}");
        let detail =
            format!("the snapshot has more than {bytes_max} bytes, which no restore takes");
        Problem::new(StatusCode::CONFLICT, detail).with_remedy(TOO_LARGE)
    })?;
    Ok(text.bytes)
}

/// So much and no more.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn restore(call: &Call) -> Result<Answer, Problem> {
    let restored = match (call.text(NAME.name), call.body.is_empty()) {
        (Some(name), true) => {
            let kept = call.hub.kept_snapshot(&name);
            call.hub.restore(&*kept.ok_or_else(|| no_such(&name))?)
        }
        (None, false) => call.hub.restore(&read(call)?),
        _ => {
            let detail = "a restore takes either a name or a document";
            return Err(Problem::bad_request(detail)
                .with_remedy("take one with POST /admin/snapshot and send it as the body"));
        }
    };
    let contents = restored.map_err(|error| {
        Problem::bad_request(format!("the snapshot cannot be restored: {error}"))
            .with_remedy("the hub is as it was")
    })?;
    Ok(summary(call, contents))
}

/// The version before all else: what another one holds would only be called misspelt.
fn read(call: &Call) -> Result<HubImage, Problem> {
    let head: Head = call.json()?;
    if head.format != FORMAT {
        let detail = format!(
            "this is no snapshot: its format is {}, not {FORMAT:?}",
            head.format
        );
        return Err(Problem::bad_request(detail).with_remedy("take one with POST /admin/snapshot"));
    }
    if head.version != VERSION {
        let is_newer = head.version.as_u64().is_some_and(|it| it > VERSION.into());
        let remedy = if is_newer {
            "a newer Hubnerite wrote it: restore it with that one, or take it anew"
        } else {
            "an older Hubnerite wrote it: take it anew with POST /admin/snapshot"
        };
        let detail = format!(
            "the snapshot has version {}, and this Hubnerite reads version {VERSION} alone",
            head.version
        );
        return Err(Problem::bad_request(detail).with_remedy(remedy));
    }
    let given: Given = call.json()?;
    Ok(HubImage {
        clients: given.clients,
        configurations: given.configurations,
        jobs: given.jobs,
    })
}

fn list(call: &Call) -> Answer {
    let kept = call.hub.kept_snapshots().into_iter();
    let kept = kept.map(|(name, contents)| {
        json!({
            "name": name,
            "identities": contents.identities,
            "configurations": contents.configurations,
            "jobs": contents.jobs,
        })
    });
    json_document(&kept.collect::<Vec<_>>())
}

fn forget(call: &Call) -> Result<Answer, Problem> {
    if call.hub.drop_snapshot(call.value(0)) {
        Ok(summary(call, HubContents::default()))
    } else {
        Err(no_such(call.value(0)))
    }
}

fn no_such(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is no snapshot {name:?}"),
    )
    .with_remedy("GET /admin/snapshots lists those there are")
}

#[cfg(test)]
mod tests {
    use super::super::call::read_body;
    use super::*;
    use crate::http::testing::with_body;
    use crate::test_hub::TestHub;

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_is_too_large_is_refused_with_the_way_round() {
        // ADM-4
        let hub = TestHub::start();
        hub.create("d");
        let image = hub.context.hub.export(WhichJobs::All).unwrap();
        let text = print(&hub.context.hub, &image, 10_000).unwrap();
        assert_eq!(print(&hub.context.hub, &image, text.len()).unwrap(), text);
        let taken = print(&hub.context.hub, &image, text.len() - 1).unwrap_err();
        let expected = RequestBody {
            bytes_max: text.len() - 1,
            ..SNAPSHOT
        };
        let given = with_body(&text, async |body| read_body(body, &expected).await);
        let given = given.await.unwrap_err();
        insta::assert_debug_snapshot!([taken, given]);
    }
}
