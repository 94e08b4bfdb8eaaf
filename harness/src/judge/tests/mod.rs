//! What the judge must say, rule by rule; and that it says what a judge would who keeps everything and
//! reads each rule word by word.

mod agreement;
mod naive;
mod rules;
mod scale;
mod support;
mod told;
mod waits;

use support::*;
