//! Which route is meant for a domain.

use postroad_protocol::address::Domain;

use crate::{Config, Retry, Route};

impl Config {
    /// The route for mail to a domain, from the most special to the least: `example.org`, then `.example.org`
    /// (the longest), then `local` for our own domains, then `*`. Without one, mail for our own domains goes to
    /// the delivery agent's socket and all other mail by DNS.
    pub fn route_for(&self, domain: &Domain) -> Option<&Route> {
        let name = domain.as_str();
        let named = |pattern: &str| self.route.iter().find(|route| route.domain == pattern);
        let suffixes = self
            .route
            .iter()
            .filter(|route| route.domain.starts_with('.') && name.ends_with(route.domain.as_str()));
        let exact = if name == "local" { None } else { named(name) };
        exact
            .or_else(|| suffixes.max_by_key(|route| route.domain.len()))
            .or_else(|| self.domains.contains(domain).then(|| named("local")).flatten())
            // Without a word for them, our own domains are not for the smart host.
            .or_else(|| if self.domains.contains(domain) { None } else { named("*") })
    }
}

impl Route {
    /// When its mail is tried again: its own words, and for the rest what goes for all.
    pub fn retry(&self, general: &Retry) -> Retry {
        Retry {
            first: self.retry_first.unwrap_or(general.first),
            longest: self.retry_longest.unwrap_or(general.longest),
            warn_after: self.warn_after.unwrap_or(general.warn_after),
            give_up_after: self.give_up_after.unwrap_or(general.give_up_after),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(routes: &[&str], domain: &str, expected: Option<&str>) {
        let table: String = routes
            .iter()
            .map(|pattern| format!("[[route]]\ndomain = \"{pattern}\"\nnext_hop = \"smtp://x\"\n"))
            .collect();
        let text = format!("hostname = \"mx.our.example\"\ndomains = [\"our.example\"]\n{table}");
        let loaded = crate::parse(Path::new("postroad.toml"), &text).unwrap();
        let route = loaded.config.route_for(&Domain::parse(domain).unwrap());
        assert_eq!(route.map(|route| route.domain.as_str()), expected, "{domain}");
    }

    #[test]
    fn the_most_special_entry_wins() {
        let table = ["a.example", ".example", ".b.example", "*"];
        check(&table, "a.example", Some("a.example"));
        check(&table, "x.a.example", Some(".example"));
        check(&table, "x.b.example", Some(".b.example"));
        check(&table, "b.example", Some(".example"));
        check(&table, "elsewhere.test", Some("*"));
        check(&["*"], "our.example", None);
        check(&["*", "local"], "our.example", Some("local"));
        check(&["local"], "elsewhere.test", None);
    }
}
