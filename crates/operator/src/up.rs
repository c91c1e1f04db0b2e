//! `postroad up`: the whole suite on this machine, unprivileged, with nothing to configure.
//!
//! | step | in |
//! |---|---|
//! | the folder, ours alone | [`folder`] |
//! | ports nobody has | [`ports`] |
//! | settings, written anew at each start until the user takes them over | [`settings`] |
//! | users with passwords, and account files for the user agent | [`users`] |
//! | a local certificate authority | [`tls`] |
//! | three agents, supervised | [`supervisor`] |
//! | what to do next | [`screen`] |

mod folder;
mod ports;
mod screen;
mod settings;
mod supervisor;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use postroad_config::{Config, Loaded};
use postroad_protocol::address::Domain;
use tokio::signal::unix::{SignalKind, signal};

use folder::Folder;
use ports::Listener;
use screen::Screen;
use supervisor::Suite;
use users::Known;

pub(crate) use ports::Offset;
pub(crate) use supervisor::program;
pub(crate) use users::WantedUser;

/// `postroad up`
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Where everything is kept [default: ~/.local/share/postroad]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The domain whose mail is local
    #[arg(long, default_value = "example.test", value_parser = local_domain)]
    domain: Domain,
    /// A user to have; without SECRET a password is made up. A secret given here can be read by other
    /// users of this machine: for tests only [default for a new folder: alice and bob]
    #[arg(long = "user", value_name = "NAME[:SECRET]")]
    users: Vec<WantedUser>,
    /// What is added to the well-known ports; "auto" takes the first free ones
    #[arg(long, default_value = "10000")]
    offset: Offset,
    /// One line of JSON when all is ready, for programs
    #[arg(long)]
    json: bool,
}

/// How it is said that all is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announcement {
    Screen,
    Json,
}

impl Up {
    fn announcement(&self) -> Announcement {
        if self.json { Announcement::Json } else { Announcement::Screen }
    }
}

fn local_domain(text: &str) -> Result<Domain, String> {
    match Domain::parse(text) {
        Ok(domain) if domain.literal().is_none() => Ok(domain),
        Ok(_) | Err(_) => Err("write a domain, as in \"example.test\"".into()),
    }
}

/// Where `postroad up` keeps everything unless told otherwise; `None` where there is no home.
pub(crate) fn default_dir() -> Option<PathBuf> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    data.map(|data| data.join("postroad"))
}

/// Runs the suite until it is told to stop.
pub(crate) fn run(options: &Up) -> Result<ExitCode> {
    let _log = postroad_observe::log::start(postroad_observe::log::Format::Text, "info")?;
    // One thread: what the agents hang on is the life of the thread that started them (prctl(2)).
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(up(options))
}

async fn up(options: &Up) -> Result<ExitCode> {
    // Before anything is started: what comes now must not end us between two steps.
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;

    let Some(dir) = options.dir.clone().or_else(default_dir) else {
        bail!("HOME isn't set: say where to keep everything, as in --dir ./postroad-data");
    };
    let folder = Folder::open(&dir)?;
    let prepared = prepare(&folder, options)?;
    let suite = tokio::select! {
        suite = Suite::start(&folder, &prepared.config_file) => suite?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
    };
    announce(&folder, &prepared, options.announcement())?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: mail under way is finished first; once more to end at once");
    tokio::pin! {
        let stopped = suite.stop();
    }
    tokio::select! {
        () = &mut stopped => Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::FAILURE),
        _ = terminate.recv() => Ok(ExitCode::FAILURE),
    }
}

/// Everything that is there before the first agent starts.
struct Prepared {
    config: Config,
    config_file: PathBuf,
    listeners: Vec<Listener>,
    users: Known,
    maildirs: BTreeMap<String, PathBuf>,
}

fn prepare(folder: &Folder, options: &Up) -> Result<Prepared> {
    for (name, _) in supervisor::AGENTS {
        program(name)?;
    }
    let Loaded { config, path, .. } = settings::provide(folder, &options.domain, options.offset)?;
    let listeners = ports::listeners(&config);
    ports::all_free(&listeners)?;
    let mut names = vec!["localhost".to_owned(), config.hostname.clone()];
    // Where mail programs ask for their settings.
    names.extend(config.domains.iter().map(|domain| format!("autoconfig.{domain}")));
    names.extend(config.domains.iter().map(|domain| format!("autodiscover.{domain}")));
    tls::provide(folder, &names)?;
    let users = users::provide(folder, &config, &options.users)?;
    let maildirs = users::equip(folder, &config, &listeners, &users)?;
    Ok(Prepared { config, config_file: path, listeners, users, maildirs })
}

/// Says on standard output that all is ready.
fn announce(folder: &Folder, prepared: &Prepared, announcement: Announcement) -> Result<()> {
    let text = if announcement == Announcement::Json {
        let known =
            |(name, password): (&String, &Option<String>)| Some((name.clone(), password.clone()?));
        let ready = screen::Ready {
            ready: true,
            ports: prepared.listeners.iter().map(|(service, at)| (*service, at.port())).collect(),
            ca: folder.path("tls/ca.pem"),
            users: prepared.users.iter().filter_map(known).collect(),
            maildirs: prepared.maildirs.clone(),
            config: prepared.config_file.clone(),
        };
        serde_json::to_string(&ready)? + "\n"
    } else {
        let domain = prepared.config.domains.first().map_or("this host", Domain::as_str);
        let (listeners, users) = (&prepared.listeners, &prepared.users);
        let programs = screen::programs_to_name();
        let (folder, programs) = (folder.root(), programs.as_deref());
        Screen { folder, programs, domain, listeners, users }.text()
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}
