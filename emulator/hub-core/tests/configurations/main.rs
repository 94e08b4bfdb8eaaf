//! Automatic configurations, told by what they do to twins: no socket, no sleep, no clock.

#[cfg(test)]
mod application;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod model;
#[cfg(test)]
mod support;
#[cfg(test)]
mod writes;
