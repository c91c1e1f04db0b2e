//! IMAP (RFC 9051, RFC 3501) of a user who is logged in.
//!
//! | looking for | it is in |
//! |---|---|
//! | a connection: octets, time, who waits for whom | `conversation` |
//! | the connection itself; COMPRESS | `wire`, `deflate` |
//! | a session that no process has | `parked` |
//! | what a session knows; which command is carried out where | `session` |
//! | what is advertised, and ENABLE; what is switched off | `capability`; `extensions` |
//! | mailboxes that are open, shared by a user's sessions | `shared` |
//! | which letter has which number for a client | `selected` |
//! | what others have changed, told to a client; in mailboxes that it has asked about | `changes`; `notify` |
//! | SELECT and its like | `select` |
//! | FETCH | `fetch` |
//! | SEARCH; what is made of its result | `search`; `sort`, `thread` |
//! | letters that are read; what is read out of them once, and cached; their ids | `read`, [`postroad_catalog`] |
//! | texts of letters, indexed in the background for SEARCH | `indexing` |
//! | APPEND, REPLACE; letters out of parts of others | `append`, `catenate` |
//! | STORE, EXPUNGE, COPY and MOVE | `store`, `expunge`, `copy` |
//! | LIST, STATUS, and changing which mailboxes there are | `list`, `status`, `folders` |
//! | annotations, quotas, rights | `metadata`, `quota`, `acl` |
//! | letters without sequence numbers; how many letters a command takes | `uid_only`; `message_limit` |
//! | how a command ends; that a long one goes on | `ending`, `progress` |
//!
//! A session's commands run one after the other, each on a thread that may wait for the disk. What is long is written
//! piece by piece ([`session::Work`]), and between the pieces the client is waited for, with nothing held that others want.

mod acl;
mod append;
mod capability;
mod catenate;
mod changes;
mod conversation;
mod copy;
mod deflate;
mod ending;
mod expunge;
mod extensions;
mod fetch;
mod folders;
mod indexing;
mod list;
mod message_limit;
mod metadata;
mod notify;
mod parked;
mod progress;
mod quota;
mod read;
mod search;
mod select;
mod selected;
mod session;
mod shared;
mod sort;
mod status;
mod store;
mod thread;
mod uid_only;
mod wire;

pub(crate) use capability::BEFORE_LOGIN;
pub(crate) use conversation::serve;
pub(crate) use extensions::Extensions;
pub(crate) use shared::{Open, Shared};

#[cfg(test)]
mod tests;
