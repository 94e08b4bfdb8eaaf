//! The servers under test: processes of their own, on ports the system chose, ended on drop.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `process` | one server process: what it said, its CPU time, its memory |
//! | `speaks` | what every MQTT server here is asked for, whatever its topics |
//! | `hub` | the released `hubnerite` |
//! | `calling_hub` | the emulator as a library, with its callers in the same process |
//! | `fleet` | `hubnerite fleet`, whose devices are under test as well |
//! | `http_client` | a client of HTTP that waits, for setting up |
//! | `broker` | mosquitto, and the brokers that the suite serves itself |
//! | `certificates` | what a broker shows over TLS: of the same kind as the hub's |

mod broker;
mod calling_hub;
mod certificates;
mod fleet;
mod http_client;
mod hub;
mod process;
mod speaks;

pub(crate) use broker::{Broker, mosquitto_path};
pub(crate) use calling_hub::CallingHub;
pub(crate) use certificates::Certificates;
pub(crate) use fleet::Fleet;
pub(crate) use http_client::HttpClient;
pub(crate) use hub::{Hub, HubOptions};
pub(crate) use process::Process;
pub(crate) use speaks::{Endpoint, SpeaksMqtt, Transport, callers};
