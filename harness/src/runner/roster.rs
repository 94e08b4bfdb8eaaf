//! Who takes part: cohorts with their devices, and whom a target means.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use device_sim::fleet::Selection;
use device_sim::random::Random;
use hub_proto::ids::DeviceId;
use hub_proto::sas::SasKey;

use crate::scenario::ast::{Cohort, Target};
use crate::scenario::span::Spanned;

/// Everybody, by cohort in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    seed: u64,
    cohorts: Vec<Members>,
    /// Two cohorts may have a device of the same id, which is then one identity.
    ids: BTreeMap<Arc<str>, DeviceId>,
}

/// A cohort's devices.
#[derive(Clone, Debug)]
pub(super) struct Members {
    pub(super) name: Arc<str>,
    pub(super) devices: Vec<Arc<str>>,
    /// The same devices in an order drawn by the seed: a share is its beginning, so that the same
    /// share is the same devices everywhere, and 10 % are among the 20 %.
    drawn: Vec<Arc<str>>,
}

/// Whom a target means.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Each identity once.
    pub(super) devices: Vec<Arc<str>>,
    /// The same for the fleet.
    pub(super) selection: Selection,
}

/// A target that means nobody.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unknown {
    Cohort(Spanned<String>),
    Device(Spanned<String>),
}

impl Roster {
    /// The devices of `cohorts`; ids must be well formed.
    pub(super) fn new(cohorts: &[Cohort], seed: u64) -> Result<Self, (usize, String)> {
        let mut roster = Self {
            seed,
            cohorts: Vec::new(),
            ids: BTreeMap::new(),
        };
        for (index, cohort) in cohorts.iter().enumerate() {
            let mut devices = Vec::new();
            for number in 1..=cohort.count {
                let id = expand(&cohort.id, &cohort.name.value, number, cohort.count);
                let parsed = DeviceId::parse(&id).map_err(|error| (index, error.to_string()))?;
                let id: Arc<str> = id.into();
                devices.push(Arc::clone(&id));
                roster.ids.insert(id, parsed);
            }
            let distinct: std::collections::BTreeSet<_> = devices.iter().collect();
            if distinct.len() < devices.len() {
                let problem = format!("`id: {}` gives several devices the same id", cohort.id);
                return Err((index, problem));
            }
            let drawn = shuffled(&devices, seed ^ fnv(&cohort.name.value));
            let name = cohort.name.value.as_str().into();
            roster.cohorts.push(Members {
                name,
                devices,
                drawn,
            });
        }
        Ok(roster)
    }

    pub(super) fn cohorts(&self) -> &[Members] {
        &self.cohorts
    }

    /// How many identities there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Every identity, in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&Arc<str>, &DeviceId)> {
        self.ids.iter()
    }

    pub(super) fn id(&self, name: &str) -> &DeviceId {
        self.ids.get(name).expect("names come from the roster")
    }

    /// What it was made with.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// One of `ids` that two cohorts have, and these.
    pub(super) fn doubled<'a>(&'a self, ids: &'a [Arc<str>]) -> Option<[&'a str; 3]> {
        let devices = self.cohorts.iter().map(|members| members.devices.len());
        if devices.sum::<usize>() == self.ids.len() {
            return None;
        }
        let meant: HashSet<&str> = ids.iter().map(|id| &**id).collect();
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for members in &self.cohorts {
            for id in members.devices.iter().filter(|id| meant.contains(&***id)) {
                if let Some(first) = seen.insert(id, &members.name) {
                    return Some([id, first, &members.name]);
                }
            }
        }
        None
    }

    /// Whom `target` means.
    pub(super) fn choose(&self, target: &Target) -> Result<Chosen, Unknown> {
        Ok(match target {
            Target::All => Chosen {
                devices: self.ids.keys().cloned().collect(),
                selection: Selection::All,
            },
            Target::Cohort(name) => {
                let index = self.cohort(name)?;
                Chosen {
                    devices: self.cohorts[index].devices.clone(),
                    selection: Selection::Cohort(index),
                }
            }
            Target::Device(name) => {
                let Some((id, _)) = self.ids.get_key_value(name.value.as_str()) else {
                    return Err(Unknown::Device(name.clone()));
                };
                Chosen::devices(vec![Arc::clone(id)])
            }
            Target::Share { share, of } => {
                let members = &self.cohorts[self.cohort(of)?];
                Chosen::devices(members.share(*share))
            }
        })
    }

    fn cohort(&self, name: &Spanned<String>) -> Result<usize, Unknown> {
        let found = self.cohorts.iter().position(|one| *one.name == name.value);
        found.ok_or_else(|| Unknown::Cohort(name.clone()))
    }
}

impl Members {
    /// So many of them, in the order of the file; at least one if any are asked for.
    fn share(&self, share: f64) -> Vec<Arc<str>> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cohort has far fewer devices than a float has whole numbers"
        )]
        let count = (share.clamp(0.0, 1.0) * self.drawn.len() as f64).ceil() as usize;
        let drawn: std::collections::BTreeSet<_> = self.drawn.iter().take(count).collect();
        let of_cohort = self.devices.iter().filter(|id| drawn.contains(id));
        of_cohort.cloned().collect()
    }
}

impl Chosen {
    fn devices(devices: Vec<Arc<str>>) -> Self {
        Self {
            selection: Selection::Devices(devices.clone()),
            devices,
        }
    }
}

/// The id of device `number`: `{n}` is the number, `{n:4}` the same with leading zeros. A template
/// without a place for it is taken as it is by a cohort of one.
fn expand(template: &str, cohort: &str, number: u32, count: u32) -> String {
    let template = if template.is_empty() {
        format!("{cohort}-{{n}}")
    } else {
        template.to_owned()
    };
    if count == 1 && !template.contains("{n") {
        return template;
    }
    let mut id = String::new();
    let mut rest = template.as_str();
    while let Some(start) = rest.find("{n") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        id.push_str(&rest[..start]);
        let width = rest[start + 2..start + length].trim_start_matches(':');
        let width = width.parse().unwrap_or(0_usize).min(ID_DIGITS_MAX);
        // Writing to a text cannot fail.
        let _ = write!(id, "{number:0width$}");
        rest = &rest[start + length + 1..];
    }
    id + rest
}

/// Fisher and Yates, with numbers from the seed.
fn shuffled(devices: &[Arc<str>], seed: u64) -> Vec<Arc<str>> {
    let mut random = Random::seeded(seed);
    let mut devices = devices.to_vec();
    for last in (1..devices.len()).rev() {
        let bound = last as u64 + 1;
        let chosen = usize::try_from(random.next_u64() % bound).unwrap_or(0);
        devices.swap(last, chosen);
    }
    devices
}

/// A key for the identity `name`: any will do for a hub that lives as long as the run, and the same run
/// must have the same.
pub(super) fn key(seed: u64, name: &str) -> SasKey {
    let mut random = Random::seeded(seed ^ fnv(name));
    let mut key = [0; 32];
    for word in key.chunks_exact_mut(8) {
        word.copy_from_slice(&random.next_u64().to_be_bytes());
    }
    SasKey::from_bytes(&key)
}

/// FNV-1a: the same number for the same text on every machine.
pub(super) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Ids are short; more zeros than this help nobody.
const ID_DIGITS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::test_scenario::cohort;
    use crate::scenario::span::Span;

    fn spanned(text: &str) -> Spanned<String> {
        Spanned {
            value: text.to_owned(),
            span: Span::default(),
        }
    }

    fn ids(chosen: &Chosen) -> Vec<&str> {
        chosen.devices.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn ids_count_from_one_and_are_padded_as_asked() {
        for (template, count, first) in [
            ("", 2, "pumps-1"),
            ("p-{n:4}", 2, "p-0001"),
            ("{n}-x", 2, "1-x"),
            ("lonely", 1, "lonely"),
        ] {
            let mut pumps = cohort("pumps", count);
            pumps.id = template.to_owned();
            let roster = Roster::new(&[pumps], 1).unwrap();
            assert_eq!(&*roster.cohorts()[0].devices[0], first);
        }
        let mut same = cohort("pumps", 2);
        same.id = "same".to_owned();
        assert!(Roster::new(&[same], 1).is_err());
    }

    #[test]
    fn a_share_is_drawn_by_the_seed_and_the_same_everywhere() {
        let draw = |seed: u64, share: f64| {
            let roster = Roster::new(&[cohort("pumps", 100)], seed).unwrap();
            let target = Target::Share {
                share,
                of: spanned("pumps"),
            };
            roster.choose(&target).unwrap()
        };
        let tenth = draw(1, 0.1);
        assert_eq!(tenth.devices.len(), 10);
        assert_eq!(ids(&tenth), ids(&draw(1, 0.1)));
        assert_ne!(ids(&tenth), ids(&draw(2, 0.1)));
        let fifth = draw(1, 0.2);
        assert!(tenth.devices.iter().all(|id| fifth.devices.contains(id)));
        assert_eq!(draw(1, 0.001).devices.len(), 1);
    }

    #[test]
    fn an_id_of_two_cohorts_is_found_among_those_meant() {
        let mut cohorts = [cohort("pump", 1), cohort("copy", 1), cohort("taps", 2)];
        cohorts[0].id = "gw".to_owned();
        cohorts[1].id = "gw".to_owned();
        let roster = Roster::new(&cohorts, 1).unwrap();
        let (gw, tap) = (Arc::from("gw"), Arc::from("taps-1"));
        let both = [Arc::clone(&tap), gw];
        assert_eq!(roster.doubled(&both), Some(["gw", "pump", "copy"]));
        assert_eq!(roster.doubled(&[tap]), None);
    }

    #[test]
    fn a_target_that_means_nobody_is_told_with_its_place() {
        let roster = Roster::new(&[cohort("pumps", 1)], 1).unwrap();
        let cohort = roster.choose(&Target::Cohort(spanned("pump"))).unwrap_err();
        assert_eq!(cohort, Unknown::Cohort(spanned("pump")));
        let device = roster.choose(&Target::Device(spanned("x"))).unwrap_err();
        assert_eq!(device, Unknown::Device(spanned("x")));
    }
}
