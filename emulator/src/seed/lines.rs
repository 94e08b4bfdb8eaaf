//! The lines of an export to entries, one JSON object a line; see `docs/ADMIN.md` and
//! Azure/azure-iot-sdk-csharp `ExportImportDevice.cs`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::document::unknown_key;
use super::entry::{DeviceEntry, Entries, Entry};
use super::place::{Mistake, Place};

/// What the hub makes anew (etags) may be there, since exports have it.
const KEYS: &[&str] = &[
    "id",
    "moduleId",
    "eTag",
    "status",
    "statusReason",
    "authentication",
    "twinETag",
    "tags",
    "properties",
    "capabilities",
    "deviceScope",
    "parentScopes",
    "managedBy",
];

/// Whether the text is lines of JSON: its first line is an object with an `id`.
pub(super) fn are_lines(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let object = |line| serde_json::from_str::<BTreeMap<String, &RawValue>>(line).ok();
    first
        .and_then(object)
        .is_some_and(|object| object.contains_key("id"))
}

/// Reads all lines; what is wrong with their form goes to `mistakes`.
pub(super) fn read(text: &str, mistakes: &mut Vec<Mistake>) -> Entries {
    let mut entries = Entries::default();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let place = Place {
            line: number,
            column: 1,
        };
        if let Err(mistake) = read_line(place, line, &mut entries, mistakes) {
            mistakes.push(mistake);
        }
    }
    entries
}

fn read_line(
    place: Place,
    line: &str,
    entries: &mut Entries,
    mistakes: &mut Vec<Mistake>,
) -> Result<(), Mistake> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(line).map_err(|error| {
        let column = error.column().max(1);
        let line = place.line;
        Place { line, column }.mistake(format!("this line is no JSON object: {error}"))
    })?;
    for key in object.keys() {
        if !KEYS.contains(&key.as_str()) {
            mistakes.push(unknown_key(place, "a line", key, KEYS));
        }
    }
    let text_of = |name: &str| -> Option<String> {
        let value = object.get(name)?;
        serde_json::from_str(value.get()).ok()
    };
    let id = text_of("id").filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| place.mistake("this line has no id"))?;
    let Some(module) = text_of("moduleId").filter(|module| !module.is_empty()) else {
        let text = line.to_owned();
        entries.devices.push(DeviceEntry {
            entry: Entry { place, id, text },
            modules: Vec::new(),
            numbers: None,
        });
        return Ok(());
    };
    let last = entries
        .devices
        .last_mut()
        .filter(|last| last.entry.id == id);
    let device = last.ok_or_else(|| {
        place.mistake(format!(
            "the module {module:?} does not stand behind its device {id:?}"
        ))
    })?;
    device.modules.push(Entry {
        place,
        id: module,
        text: line.to_owned(),
    });
    Ok(())
}
