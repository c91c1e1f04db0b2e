//! Codes that are typed into another device (RFC 8628): for hosts without a browser.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::grant::{self, Refusal, Seconds, Tokens};
use crate::{Program, Secret, endpoint, limits};

/// What the user does elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What is typed there.
    pub user_code: String,
    /// The page to open there.
    pub page: Url,
    /// The same with the code in it, where there is one.
    pub whole_page: Option<Url>,
    code: Secret,
    interval: Duration,
    lasts: Duration,
}

/// The form that gets a code (§3.1).
pub fn begin(program: &Program, scope: &str) -> Secret {
    match scope {
        "" => grant::form(program, &[]),
        scope => grant::form(program, &[("scope", scope)]),
    }
}

#[derive(Deserialize)]
struct Answer {
    device_code: Option<String>,
    user_code: Option<String>,
    /// Google's name for it was there before the standard's.
    #[serde(alias = "verification_url")]
    verification_uri: Option<String>,
    verification_uri_complete: Option<String>,
    expires_in: Option<Seconds>,
    interval: Option<Seconds>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Reads the answer to that (§3.2).
///
/// # Errors
/// Where it says no, or something that isn't understood.
pub fn read(status: u16, body: &[u8]) -> Result<Device, Refusal> {
    let fits = body.len() <= limits::ANSWER_OCTETS_MAX;
    let answer = serde_json::from_slice::<Answer>(body).ok().filter(|_| fits);
    let answer = answer.ok_or(Refusal::NoAnswer { status })?;
    if let Some(code) = answer.error {
        return Err(grant::said(&code, answer.error_description.as_deref()));
    }
    let none = || Refusal::NoAnswer { status };
    let is_typed = |code: &String| {
        (1..=limits::USER_CODE_OCTETS_MAX).contains(&code.len())
            && !code.chars().any(char::is_control)
    };
    let seconds = |seconds: Option<Seconds>| seconds.and_then(|seconds| seconds.duration());
    Ok(Device {
        user_code: answer.user_code.filter(is_typed).ok_or_else(none)?,
        page: answer.verification_uri.as_deref().and_then(endpoint).ok_or_else(none)?,
        whole_page: answer.verification_uri_complete.as_deref().and_then(endpoint),
        code: Secret::new(answer.device_code.filter(|_| status == 200).ok_or_else(none)?),
        interval: seconds(answer.interval).unwrap_or(limits::INTERVAL),
        lasts: seconds(answer.expires_in).unwrap_or_default(),
    })
}

/// Asking until the user has said yes. Time is what has gone by since the code was given.
#[derive(Debug)]
pub struct Waiting {
    code: Secret,
    interval: Duration,
    next: Duration,
    until: Duration,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask at this time.
    AskAt(Duration),
    /// The code is good no more (§3.5, `expired_token`).
    Expired,
}

impl Waiting {
    /// Nothing was asked yet.
    pub fn new(device: &Device) -> Self {
        let interval = device.interval.min(limits::INTERVAL_MAX).max(Duration::from_secs(1));
        let until = device.lasts.min(limits::DEVICE_PATIENCE_MAX);
        Self { code: device.code.clone(), interval, next: interval, until }
    }

    /// What to do next.
    pub fn next(&self) -> Next {
        match self.next <= self.until {
            true => Next::AskAt(self.next),
            false => Next::Expired,
        }
    }

    /// The form that asks (§3.4).
    pub fn form(&self, program: &Program) -> Secret {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        grant::form(program, &[("grant_type", grant), ("device_code", self.code.expose())])
    }

    /// Takes the answer; `None` where it is to be asked again (§3.5).
    ///
    /// # Errors
    /// Where the server or the user says no.
    pub fn answered(
        &mut self,
        status: u16,
        body: &[u8],
        now: Duration,
    ) -> Result<Option<Tokens>, Refusal> {
        let refusal = match grant::read(status, body) {
            Ok(tokens) => return Ok(Some(tokens)),
            Err(refusal) => refusal,
        };
        match refusal.code() {
            Some("authorization_pending") => {}
            Some("slow_down") => self.slow_down(),
            _ => return Err(refusal),
        }
        self.next = now + self.interval;
        Ok(None)
    }

    /// Nothing came back: the same as being too fast (§3.5).
    pub fn not_answered(&mut self, now: Duration) {
        self.slow_down();
        self.next = now + self.interval;
    }

    fn slow_down(&mut self) {
        self.interval = (self.interval + limits::SLOWER_BY).min(limits::INTERVAL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"device_code":"GmRhmhcxhwAzkoEqiMEg","user_code":"WDJB-MJHT",
        "verification_uri":"https://example.com/device",
        "verification_uri_complete":"https://example.com/device?user_code=WDJB-MJHT","expires_in":60,"interval":5}"#;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test] // Tests RFC 8628 §3.1, §3.2, §3.4.
    fn a_code_is_asked_for() {
        let program = Program { id: "us".into(), secret: None };
        assert_eq!(begin(&program, "mail").expose(), "scope=mail&client_id=us");
        let device = read(200, ANSWER.as_bytes()).unwrap();
        assert_eq!(
            (device.user_code.as_str(), device.page.as_str()),
            ("WDJB-MJHT", "https://example.com/device")
        );
        assert_eq!(
            Waiting::new(&device).form(&program).expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=GmRhmhcxhwAzkoEqiMEg&client_id=us"
        );
        assert!(!format!("{device:?}").contains("GmRh"));
        for (from, to) in [
            ("WDJB-MJHT\",", "\",\"x\":\""),
            ("https://example.com/device\",", "http://example.com\","),
            ("device_code", "other"),
            ("WDJB-MJHT\",", "\\u001b[2J\","),
        ] {
            let odd = ANSWER.replacen(from, to, 1);
            assert_eq!(read(200, odd.as_bytes()), Err(Refusal::NoAnswer { status: 200 }), "{odd}");
        }
        let google = ANSWER.replace("verification_uri\"", "verification_url\"");
        assert!(read(200, google.as_bytes()).is_ok());
    }

    #[test] // Tests RFC 8628 §3.5.
    fn it_is_asked_again_as_the_server_wants_and_not_for_ever() {
        let mut waiting = Waiting::new(&read(200, ANSWER.as_bytes()).unwrap());
        assert_eq!(waiting.next(), Next::AskAt(seconds(5)));
        let error = |code: &str| format!("{{\"error\":\"{code}\"}}");
        let pending = error("authorization_pending");
        assert_eq!(waiting.answered(400, pending.as_bytes(), seconds(6)), Ok(None));
        assert_eq!(waiting.next(), Next::AskAt(seconds(11)));
        let slower = error("slow_down");
        assert_eq!(waiting.answered(400, slower.as_bytes(), seconds(11)), Ok(None));
        assert_eq!(waiting.next(), Next::AskAt(seconds(21)));
        waiting.not_answered(seconds(30));
        assert_eq!(waiting.next(), Next::AskAt(seconds(45)));
        let tokens = br#"{"access_token":"a","token_type":"Bearer"}"#;
        assert!(matches!(waiting.answered(200, tokens, seconds(45)), Ok(Some(_))));
        for code in ["access_denied", "expired_token", "invalid_client"] {
            assert!(waiting.answered(400, error(code).as_bytes(), seconds(46)).is_err(), "{code}");
        }
        assert_eq!(waiting.answered(400, pending.as_bytes(), seconds(58)), Ok(None));
        assert_eq!(waiting.next(), Next::Expired);
    }

    #[test]
    fn a_server_can_neither_have_us_hurry_nor_wait_for_ever() {
        let of = |expires: &str, interval: &str| {
            let answer = ANSWER
                .replace("\"expires_in\":60", &format!("\"expires_in\":{expires}"))
                .replace("\"interval\":5", &format!("\"interval\":{interval}"));
            Waiting::new(&read(200, answer.as_bytes()).unwrap())
        };
        assert_eq!(of("60", "0").next(), Next::AskAt(seconds(1)));
        assert_eq!(of("1e9", "1e9").next(), Next::AskAt(limits::INTERVAL_MAX));
        assert_eq!(of("0", "5").next(), Next::Expired);
        assert_eq!(of("-1", "5").next(), Next::Expired);
        let mut waiting = of("1e300", "5");
        for time in 1..100 {
            waiting.not_answered(seconds(time * 60));
        }
        assert_eq!(waiting.next(), Next::Expired);
    }
}
