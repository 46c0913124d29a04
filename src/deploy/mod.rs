//! Takes sealed values to where they are used: the hosts, containers and processes of a fleet.
//!
//! A hook declares what a component is and which values it is given; a deploy places them in
//! memory-backed folders of the target and starts the component. The libraries that speak with a
//! target stay in a folder each: `docker` alone knows bollard.

pub mod docker;
