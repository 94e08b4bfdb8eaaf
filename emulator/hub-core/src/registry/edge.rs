//! Edge devices and their children: which scope a device has, and which it may name.
//!
//! Knows the rules of one device; whether a parent is there is asked of the caller, since it may live in
//! another shard. Source: Azure/azure-iot-cli-extension `hub.py`, Azure/azure-iot-sdk-node
//! `registry.js` (e2e), live records of a hub.

use hub_proto::ids::DeviceId;

use super::device::{DeviceIdentity, DeviceSpec, EdgeScopes};
use crate::error::HubError;

/// The modules that the hub makes for each Edge device.
pub(crate) const SYSTEM_MODULES: [&str; 2] = ["$edgeAgent", "$edgeHub"];
/// Who looks after them.
pub(crate) const MANAGED_BY_EDGE: &str = "iotEdge";

const SCHEME: &str = "ms-azure-iot-edge://";

/// The own scope of an Edge device.
pub(crate) fn own_scope(device: &DeviceId, generation: &str) -> Box<str> {
    format!("{SCHEME}{device}-{generation}").into()
}

/// The device that a scope names, if it has the form of one.
fn device_of(scope: &str) -> Option<DeviceId> {
    let (device, digits) = scope.strip_prefix(SCHEME)?.rsplit_once('-')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    DeviceId::parse(device).ok().filter(|_| is_number)
}

impl DeviceSpec {
    /// Turns the scopes a service asked for into those the device will have. `existing` is the
    /// identity that is replaced, `look_up` finds another.
    ///
    /// - An Edge device has a scope of its own, made once: a PUT that replaces it must repeat it. Its
    ///   parent, if any, is named in `parents`.
    /// - A leaf names its parent's scope as its own; what it says of `parents` does not count.
    /// - A parent must be an Edge device that is there, and there is one at most.
    ///
    /// The scope of a new Edge device is left out here: the shard makes it.
    pub fn settle_scopes(
        &mut self,
        existing: Option<&DeviceIdentity>,
        look_up: impl Fn(&DeviceId) -> Option<DeviceIdentity>,
    ) -> Result<(), HubError> {
        let asked = std::mem::take(&mut self.scopes);
        let own = asked.device.filter(|scope| !scope.is_empty());
        let check = |scope: &str| {
            let parent = device_of(scope).filter(|parent| *parent != self.id);
            let parent = parent.as_ref().and_then(&look_up);
            let is_parent = parent.is_some_and(|parent| {
                parent.edge && parent.scopes.device.as_deref() == Some(scope)
            });
            is_parent.then_some(()).ok_or_else(|| {
                HubError::DeviceScope(format!("Scope '{scope}' names no Edge device of this hub."))
            })
        };
        if !self.edge {
            if let Some(parent) = own {
                check(&parent)?;
                self.scopes = EdgeScopes {
                    parents: Box::new([parent.clone()]),
                    device: Some(parent),
                };
            }
            return Ok(());
        }
        let before = existing.filter(|existing| existing.edge);
        let before = before.and_then(|existing| existing.scopes.device.clone());
        match (&before, &own) {
            (Some(before), Some(own)) if before == own => {}
            (Some(_), _) => {
                return Err(HubError::Argument("Device scope is immutable".to_owned()));
            }
            // A leaf that becomes an Edge device must let go of its parent's scope first.
            (None, Some(_)) if existing.is_some() => {
                return Err(HubError::DeviceScope(
                    "A device that becomes an Edge device must send an empty deviceScope."
                        .to_owned(),
                ));
            }
            (None, _) => {}
        }
        if asked.parents.len() > 1 {
            return Err(HubError::DeviceScope(
                "A device has one parent at most.".to_owned(),
            ));
        }
        asked.parents.iter().try_for_each(|scope| check(scope))?;
        self.scopes = EdgeScopes {
            device: before,
            parents: asked.parents,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_the_device_before_its_last_dash() {
        let cases = [
            ("ms-azure-iot-edge://e-1-638", Some("e-1")),
            ("ms-azure-iot-edge://e-638", Some("e")),
            ("ms-azure-iot-edge://e-", None),
            ("ms-azure-iot-edge://e-6x", None),
            ("ms-azure-iot-edge://-638", None),
            ("ms-azure-iot-edge://638", None),
            ("other://e-638", None),
            ("", None),
        ];
        for (scope, expected) in cases {
            let device = device_of(scope);
            assert_eq!(device.as_ref().map(DeviceId::as_str), expected, "{scope}");
        }
        let device = DeviceId::parse("e-1").unwrap();
        assert_eq!(device_of(&own_scope(&device, "638")), Some(device));
    }
}
