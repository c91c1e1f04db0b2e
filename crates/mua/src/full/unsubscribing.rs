//! A list that is left by one request, in a thread of its own: nobody waits for its host.

use std::thread;

use postroad_tui::effect::Job;
use postroad_tui::msg::What;

use super::wake::Teller;
use crate::account::Account;
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::unsubscribe::request;

/// Makes it, and says what came of it.
pub(super) fn start(job: Job, link: &SafeText, account: &Account, tell: &Teller) {
    let (link, account, teller) = (link.as_str().to_owned(), account.clone(), tell.clone());
    let asked = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = match runtime {
            Ok(runtime) => runtime.block_on(request(&account, &link)),
            Err(error) => return teller.failed(job, safe_line!("cannot ask: {error}"), ""),
        };
        match done {
            Ok(host) => {
                teller.tell(job, What::Told(safe_line!("{host} was asked to send no more")))
            }
            Err(error) => teller.failed(job, safe_line!("cannot unsubscribe: {error}"), ""),
        }
    };
    if let Err(error) = thread::Builder::new().name("unsubscribe".into()).spawn(asked) {
        tell.failed(job, safe_line!("cannot ask: {error}"), "");
    }
}
