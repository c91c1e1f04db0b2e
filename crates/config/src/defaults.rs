//! The default of every setting.

use super::*;

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The port on loopback only: a new installation is open to nobody until it is told to be.
fn loopback(port: u16) -> Vec<SocketAddr> {
    LOOPBACK.map(|ip| SocketAddr::new(ip, port)).to_vec()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "/var/lib/postroad".into(),
            hostname: String::new(),
            domains: Vec::new(),
            log: Log::default(),
            trace: Trace::default(),
            tls: Tls::default(),
            accounts: Accounts::default(),
            mta: Mta::default(),
            route: Vec::new(),
            mda: Mda::default(),
            maa: Maa::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self { dir: "trace".into(), size_max: 64 * 1024 * 1024 }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            users: "users".into(),
            aliases: "aliases".into(),
            app_passwords: "app-passwords".into(),
            detail_separator: '+',
            scram: ScramOffer::All,
            oauth: OAuth::default(),
        }
    }
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            keys: None,
            audience: Vec::new(),
            user_claim: "email".into(),
            scope: String::new(),
            discovery: String::new(),
        }
    }
}

impl Default for Mta {
    fn default() -> Self {
        Self {
            smtp: loopback(25),
            submission: loopback(587),
            submissions: loopback(465),
            socket: "run/submit.sock".into(),
            control: "run/mta.sock".into(),
            queue: "queue".into(),
            networks: Vec::new(),
            clear_text_login: ClearTextLogin::Never,
            message_size_max: postroad_protocol::limits::MESSAGE_OCTETS_MAX,
            recipients_max: postroad_protocol::limits::RECIPIENTS_MAX,
            connections_max: 10_000,
            connections_per_client_max: 50,
            messages_per_user_max: 1_000,
            recipients_per_user_max: 10_000,
            octets_per_user_max: 2 * 1024 * 1024 * 1024,
            deliveries_max: 1_000,
            deliveries_per_next_hop_max: 20,
            family: Family::Any,
            source: Source::default(),
            retry: Retry::default(),
            dns: Dns::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5 * 60),
            longest: Duration::from_secs(4 * 60 * 60),
            warn_after: Duration::from_secs(4 * 60 * 60),
            give_up_after: Duration::from_secs(5 * 24 * 60 * 60),
        }
    }
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(20),
            smtp_port: 25,
            loopback: LoopbackHosts::Refused,
        }
    }
}

impl Default for Mda {
    fn default() -> Self {
        Self {
            socket: "run/lmtp.sock".into(),
            lmtp: Vec::new(),
            maildir: "mail/{user}".into(),
            mbox: String::new(),
            sieve: "sieve/{user}.sieve".into(),
            host_users: false,
            create_folders: false,
            programs: PathBuf::new(),
            submit: Submit::default(),
            quota: MailboxQuota::default(),
            filters: Filters::default(),
            message_size_max: postroad_protocol::limits::MESSAGE_OCTETS_MAX,
            delivery_time_max: Duration::from_secs(5 * 60),
        }
    }
}

impl Default for Filters {
    fn default() -> Self {
        Self { spam_header: String::new(), spam_score_max: 10, virus_header: String::new() }
    }
}

impl Default for MailboxQuota {
    fn default() -> Self {
        Self {
            storage: 0,
            letters: 0,
            last_letter: 10 * 1024 * 1024,
            over: OverQuota::TemporaryFor(Duration::from_secs(7 * 24 * 60 * 60)),
            warn_at: vec![80, 95],
        }
    }
}

impl Default for Maa {
    fn default() -> Self {
        Self {
            imap: loopback(143),
            imaps: loopback(993),
            pop3: loopback(110),
            pop3s: loopback(995),
            managesieve: loopback(4190),
            control: "run/maa.sock".into(),
            clear_text_login: ClearTextLogin::Never,
            connections_max: 10_000,
            connections_per_client_max: 50,
            users_max: 2_000,
            sessions_per_user_max: 50,
            park_after: Duration::from_secs(60),
            imap_extensions: Vec::new(),
            full_text: true,
            pop3_deleted: Pop3Deleted::default(),
            // Ports 80 and 443 are a web server's on many hosts.
            autoconfig: Autoconfig::default(),
        }
    }
}
