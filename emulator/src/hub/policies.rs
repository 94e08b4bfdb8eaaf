//! The shared access policies of a hub: one owner, changed while clients come and go.
//!
//! Readers take a snapshot, so that one request sees one state. A change holds from the next request
//! or connection on; who is connected stays, unless its links are to be closed.

use std::sync::{Arc, PoisonError, RwLock};

use hub_core::link::LinkClose;
use hub_proto::sas::SasKey;

use super::handle::HubHandle;
use crate::config::{Permissions, Policies, Policy};
use crate::random;

/// As many as the real hub takes.
pub(crate) const POLICIES_MAX: usize = 16;
const NAME_CHARS_MAX: usize = 64;

/// The policies as they are now.
#[derive(Debug)]
pub(crate) struct PolicyBook(RwLock<Arc<Policies>>);

impl From<Arc<Policies>> for PolicyBook {
    fn from(first: Arc<Policies>) -> Self {
        Self(RwLock::new(first))
    }
}

/// Why policies are not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No policy may be called so.
    #[error(
        "{0:?} is no name for a policy: take 1 to {NAME_CHARS_MAX} letters, digits, '-', '_' or '.'"
    )]
    Name(String),
    /// There is none of that name.
    #[error("there is no policy {0:?}")]
    Unknown(String),
    /// There are as many as there may be.
    #[error("there are {POLICIES_MAX} policies, and no more may be: delete one")]
    Full,
    /// It would permit nothing.
    #[error("a policy gives at least one permission")]
    NoPermission,
}

/// Which keys of a policy are drawn afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotatedKey {
    /// The first.
    Primary,
    /// The second.
    Secondary,
    /// Each.
    Both,
}

/// What a policy is to be. A key that is not given stays as it is, and is drawn for a new policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// What its bearer may do.
    pub permissions: Permissions,
    /// Either key is good.
    pub primary: Option<SasKey>,
    /// Either key is good.
    pub secondary: Option<SasKey>,
}

impl HubHandle {
    /// The hub's shared access policies as they are now.
    pub fn policies(&self) -> Arc<Policies> {
        let policies = self.policy_book().0.read();
        Arc::clone(&policies.unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a policy or changes it; gives what it is then.
    pub fn put_policy(&self, name: &str, change: PolicyChange) -> Result<Policy, PolicyError> {
        check_name(name)?;
        if change.permissions == Permissions::default() {
            return Err(PolicyError::NoPermission);
        }
        self.change(|policies| {
            let known = policies.0.get(name);
            if known.is_none() && policies.0.len() >= POLICIES_MAX {
                return Err(PolicyError::Full);
            }
            let kept = |key: fn(&Policy) -> &SasKey| known.map(|policy| key(policy).clone());
            let primary = change.primary.or_else(|| kept(|policy| &policy.primary));
            let secondary = change
                .secondary
                .or_else(|| kept(|policy| &policy.secondary));
            let policy = Policy {
                primary: primary.unwrap_or_else(random::sas_key),
                secondary: secondary.unwrap_or_else(random::sas_key),
                permissions: change.permissions,
            };
            policies.0.insert(name.to_owned(), policy.clone());
            Ok(policy)
        })
    }

    /// Draws keys of a policy afresh; gives what it is then.
    pub fn rotate_policy(&self, name: &str, which: RotatedKey) -> Result<Policy, PolicyError> {
        self.change(|policies| {
            let policy = policies.0.get_mut(name);
            let policy = policy.ok_or_else(|| PolicyError::Unknown(cut(name)))?;
            if which != RotatedKey::Secondary {
                policy.primary = random::sas_key();
            }
            if which != RotatedKey::Primary {
                policy.secondary = random::sas_key();
            }
            Ok(policy.clone())
        })
    }

    /// Removes a policy.
    pub fn delete_policy(&self, name: &str) -> Result<(), PolicyError> {
        self.change(|policies| {
            let removed = policies.0.remove(name);
            removed
                .map(|_| ())
                .ok_or_else(|| PolicyError::Unknown(cut(name)))
        })
    }

    /// Ends every link that came in by a token of the policy `name`; says how many.
    pub fn close_links_of_policy(&self, name: &str) -> usize {
        let mut closed = 0;
        for slot in self.slots() {
            let mut links: Vec<_> = slot.read_links(|links| {
                let of_policy = links.iter();
                let of_policy = of_policy.filter(|(_, link)| link.policy.as_deref() == Some(name));
                of_policy.map(|(id, _)| *id).collect()
            });
            links.sort_unstable();
            closed += links.len();
            for link in links {
                slot.command(|cell, now| cell.end_link(now, link, LinkClose::CredentialRevoked));
            }
        }
        closed
    }

    /// Changes a copy, which is put in place only if all went well.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Policies) -> Result<T, PolicyError>,
    ) -> Result<T, PolicyError> {
        let current = self.policy_book().0.write();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        let mut changed = Policies::clone(&current);
        let done = change(&mut changed)?;
        *current = Arc::new(changed);
        Ok(done)
    }
}

/// A name goes into tokens and connection strings as it stands.
fn check_name(name: &str) -> Result<(), PolicyError> {
    let is_good = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_good) {
        return Err(PolicyError::Name(cut(name)));
    }
    Ok(())
}

/// A text of a client's choosing, short enough to be told.
fn cut(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_hub::TestHub;

    fn of_devices() -> PolicyChange {
        PolicyChange {
            permissions: Permissions {
                device_connect: true,
                ..Permissions::default()
            },
            ..PolicyChange::default()
        }
    }

    #[tokio::test]
    async fn a_policy_is_made_with_fresh_keys_keeps_them_and_is_rotated_key_by_key() {
        // AUTH-8
        let test = TestHub::start();
        let hub = &test.context.hub;
        let before = hub.policies();
        let made = hub.put_policy("gate", of_devices()).unwrap();
        assert_ne!(made.primary, made.secondary);
        assert_eq!(hub.put_policy("gate", of_devices()).unwrap(), made);
        assert!(before.get("gate").is_none(), "a snapshot does not change");
        let first = hub.rotate_policy("gate", RotatedKey::Primary).unwrap();
        assert_eq!(first.secondary, made.secondary);
        assert_ne!(first.primary, made.primary);
        let both = hub.rotate_policy("gate", RotatedKey::Both).unwrap();
        assert!(both.primary != first.primary && both.secondary != first.secondary);
        assert_eq!(hub.policies().get("gate"), Some(&both));
        hub.delete_policy("gate").unwrap();
        assert_eq!(*hub.policies(), *before);
    }

    #[tokio::test]
    async fn what_makes_no_policy_is_refused_and_changes_nothing() {
        // AUTH-8
        let test = TestHub::start();
        let hub = &test.context.hub;
        let name = |name: &str| hub.put_policy(name, of_devices()).map(|_| ());
        for bad in ["", "a b", "a;b", "ä", &"x".repeat(NAME_CHARS_MAX + 1)] {
            assert!(matches!(name(bad), Err(PolicyError::Name(_))), "{bad}");
        }
        let nothing = hub.put_policy("none", PolicyChange::default());
        assert_eq!(nothing, Err(PolicyError::NoPermission));
        let unknown = PolicyError::Unknown("nobody".to_owned());
        assert_eq!(hub.delete_policy("nobody"), Err(unknown.clone()));
        let rotated = hub.rotate_policy("nobody", RotatedKey::Both);
        assert_eq!(rotated, Err(unknown));
        for number in hub.policies().0.len()..POLICIES_MAX {
            assert_eq!(name(&format!("p{number}")), Ok(()));
        }
        assert_eq!(name("one-more"), Err(PolicyError::Full));
        assert_eq!(name("service"), Ok(()), "one that is there is changed");
        assert_eq!(hub.policies().0.len(), POLICIES_MAX);
    }
}
