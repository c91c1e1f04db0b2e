//! Users of this host: looking them up, and becoming one of them for good.
//!
//! [`HostUser`] is a user, [`by_name`] and [`by_uid`] find one, [`HostUser::become_for_good`] becomes one, and
//! [`become_owner_of`] whoever owns a folder. Nobody becomes root here, or an account of the system's (row M03).
//!
//! `postroad-as` links this and little else: it runs as root, so what it is made of has to be read in one sitting.
#![forbid(unsafe_code)]

mod change;
pub mod limits;
mod user;

pub use change::{BecomeError, become_owner_of};
pub use user::{HostUser, LookUpError, by_name, by_uid, caller, caller_is_in};

/// The group of users of the host whose mail the access agent may have read, as each of them.
pub const SERVED: &str = "postroad-users";
/// The group of whoever may ask for that: the access agent.
pub const CALLERS: &str = "postroad-access";
