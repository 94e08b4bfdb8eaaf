//! Which hub an admin request is about: the one that `?hub=NAME` names, or else the one under whose
//! host name the request came. Makes none: to look is not to create.

use hyper::StatusCode;

use super::answer::Problem;
use super::route::{Parameter, ParameterKind};
use crate::directory::{Directory, NoHub};
use crate::host_names::{HubHost, HubNameError};
use crate::http::{Head, query_parameter};
use crate::hub::HubHandle;

/// What every operation that is about a hub takes.
pub(super) const PARAMETER: Parameter = Parameter {
    name: "hub",
    summary: "the hub that is meant; default: the one whose host name was dialled",
    kind: ParameterKind::Text,
};

/// The hub that a request is about; `host` is the one it came under.
pub(super) fn hub(directory: &Directory, head: &Head, host: &str) -> Result<HubHandle, Problem> {
    let Some(name) = query_parameter(head, PARAMETER.name) else {
        return directory.existing(host).map_err(|why| no_hub(&why));
    };
    named(directory, &name)
}

/// The hub that a person calls `name`; the names of the default hub stand for it here, too.
pub(super) fn named(directory: &Directory, name: &str) -> Result<HubHandle, Problem> {
    if directory.default_hub().is_host(name) {
        return Ok(directory.default_hub().clone());
    }
    directory
        .existing(parse(name)?.as_str())
        .map_err(|why| no_hub(&why))
}

/// The name of a hub other than the default one, as a person spells it.
pub(super) fn parse(name: &str) -> Result<HubHost, Problem> {
    HubHost::parse(name).map_err(|error: HubNameError| Problem::bad_request(error.to_string()))
}

fn no_hub(why: &NoHub) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, why.to_string()).with_remedy("see /admin/hubs")
}
