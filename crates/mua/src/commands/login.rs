//! `postroad-mua account --login`: tokens of a provider, by a browser or by another device.

use std::process::Child;

use super::Context;
use crate::account::{Account, ProofSource};
use crate::error::Error;
use crate::front::Usage;
use crate::full::browser;
use crate::oauth::login::{self, Wanted, Way};
use crate::safe_line;

/// Logs in, and says what the person is to do for it.
pub(super) async fn log_in(
    context: &mut Context<'_, '_>,
    account: &Account,
    way: Way,
) -> Result<(), Error> {
    let login = account.login.as_ref();
    let Some((login, ProofSource::Provider(provider))) = login.map(|it| (it, &it.proof)) else {
        let words =
            "this account shows a password, no tokens: there is no [oauth2] in the account file";
        return Err(Usage(words.into()).into());
    };
    let screen = &mut context.screen;
    let mut browser: Option<Child> = None;
    let done = login::log_in(account, &login.user, provider, way, |wanted| match wanted {
        Wanted::Page(url) => {
            // The page says itself who asks; what it brings back is of use to this program alone (PKCE).
            screen.say(&safe_line!("Log in on this page, and come back: {url}"));
            if has_desktop() {
                browser = browser::start_with(url.as_str()).ok();
            }
        }
        Wanted::Code { page, code, whole } => {
            screen.say(&safe_line!("Open {page} on any device, and type {code}"));
            if let Some(whole) = whole {
                screen.say(&safe_line!("or open {whole}"));
            }
        }
    })
    .await;
    // It may have ended; one that still runs is the person's.
    drop(browser.map(|mut child| child.try_wait()));
    done?;
    context.screen.say(&safe_line!("Logged in at {} as {}", provider.at(), login.user));
    Ok(())
}

/// How somebody logs in who hasn't said how.
pub(super) fn way() -> Way {
    if has_desktop() { Way::Browser } else { Way::Elsewhere }
}

/// Whether a browser could open on a screen of its own: one that would draw into our terminal isn't started.
fn has_desktop() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
