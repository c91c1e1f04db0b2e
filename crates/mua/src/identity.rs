//! What this host tells about a caller that has no account: its name, its domain, the MTA's socket.

use std::path::PathBuf;

use postroad_protocol::address::{Address, Domain};

/// Where the MTA listens for local callers when nothing says otherwise.
const SUBMIT_SOCKET: &str = "/run/postroad/submit.sock";
/// The suite's settings, where they may be read.
const SETTINGS: &str = "/etc/postroad/postroad.toml";

/// This host and this caller.
#[derive(Debug, Clone)]
pub(crate) struct Here {
    /// The caller's login name, by its uid: the environment is anybody's to set.
    pub(crate) user: String,
    /// The caller's full name, where passwd knows one.
    pub(crate) full_name: Option<String>,
    /// The domain that addresses without one belong to.
    pub(crate) domain: Option<Domain>,
    /// The MTA's socket.
    pub(crate) submit_socket: PathBuf,
    /// The folder of the trace records.
    pub(crate) trace: Option<PathBuf>,
}

impl Here {
    /// Looks into passwd, the suite's settings (where readable) and the environment.
    pub(crate) fn look() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (user, full_name) =
            passwd_entry(&passwd, uid).unwrap_or_else(|| (format!("uid{uid}"), None));
        let settings = std::env::var_os("POSTROAD_CONFIG").unwrap_or_else(|| SETTINGS.into());
        let config = postroad_config::load(settings.as_ref()).ok().map(|loaded| loaded.config);
        let domain = config
            .as_ref()
            .and_then(|config| {
                config.domains.first().cloned().or_else(|| config.hostname.parse().ok())
            })
            .or_else(|| rustix::system::uname().nodename().to_str().ok()?.parse().ok())
            .or_else(|| "localhost".parse().ok());
        let submit_socket = std::env::var_os("POSTROAD_SUBMIT_SOCKET")
            .map(PathBuf::from)
            .or_else(|| config.as_ref().map(|config| config.mta.socket.clone()))
            .unwrap_or_else(|| SUBMIT_SOCKET.into());
        Self {
            user,
            full_name,
            domain,
            submit_socket,
            trace: config.map(|config| config.trace.dir),
        }
    }

    /// `user@domain`
    pub(crate) fn address(&self) -> Option<Address> {
        Address::parse(&format!("{}@{}", self.user, self.domain.as_ref()?)).ok()
    }
}

/// Name and full name of a uid (passwd(5)); the first comma ends the name in GECOS, `&` is the login.
fn passwd_entry(passwd: &str, uid: u32) -> Option<(String, Option<String>)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        let gecos = fields.nth(1)?.split(',').next().unwrap_or_default().replace('&', name);
        (number == uid).then(|| (name.to_owned(), Some(gecos).filter(|name| !name.is_empty())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_by_their_uid() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\n\
                      alice:x:1000:1000:Alice Example,,,:/home/alice:/bin/sh\nb:x:7:7::/:/bin/sh\n";
        let entry = |uid| passwd_entry(passwd, uid);
        assert_eq!(entry(0), Some(("root".into(), Some("root".into()))));
        assert_eq!(entry(1000), Some(("alice".into(), Some("Alice Example".into()))));
        assert_eq!(entry(7), Some(("b".into(), None)));
        assert_eq!(entry(8), None);
    }
}
