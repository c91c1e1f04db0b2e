//! The tokio shell that all agents share: sockets, TLS, slots, signals. It knows no protocol.
//!
//! | looking for | it is in |
//! |---|---|
//! | sockets that listen, our own or handed over by systemd | [`listen`] |
//! | a connection: TCP, unix, TLS, and STARTTLS in between | [`io`] |
//! | certificates and whom to trust | [`tls`] |
//! | how many connections, from one client and from all | [`slots`] |
//! | lines between an operator's command and an agent | [`lines`] |
//! | messages and connections from one process of ours to another | [`channel`] |
//! | what a process can still reach | [`confine`] |
//! | SIGTERM, SIGINT, SIGHUP and the word to the service manager | [`process`] |
//!
//! An agent goes like this: [`tls::install_provider`], [`listen::Handed::take`] for the sockets it was
//! given, [`listen::bind_tcp`] for those it wasn't; [`process::Shutdown::on_signals`];
//! [`process::ready`]; then one [`listen::Listener::accept`] loop per service, which gives up when
//! [`process::Shutdown::requested`] ends.
#![forbid(unsafe_code)]

mod below_tls;
pub mod channel;
pub mod confine;
pub mod io;
pub mod lines;
pub mod listen;
pub mod process;
pub mod slots;
pub mod tls;

pub use channel::Channel;
pub use io::Io;
pub use lines::Lines;
pub use listen::{Listener, Peer};
pub use process::Shutdown;
pub use slots::Slots;
