//! Ways to work that `ganger init` writes into a new configuration: limits, policy and routes, for agents that are built in.

/// `--preset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Preset {
    /// Backend, frontend, database and documentation by agents of their own
    Crew,
    /// One builder for every ticket, and plans a few tickets at a time
    Staff,
    /// Skills are forged where they are missing, and qa-sentinel judges all work
    SideHustle,
}

impl Preset {
    fn text(self) -> &'static str {
        match self {
            Self::Crew => include_str!("../../presets/crew.toml"),
            Self::Staff => include_str!("../../presets/staff.toml"),
            Self::SideHustle => include_str!("../../presets/side-hustle.toml"),
        }
    }

    /// Its lines for `[project]`, and everything else.
    pub(crate) fn parts(self) -> (&'static str, &'static str) {
        let text = self.text();
        let of_project = text.strip_prefix("[project]\n").and_then(|rest| rest.split_once("\n\n"));
        of_project.unwrap_or(("", text))
    }
}

#[cfg(test)]
mod tests {
    use super::Preset;
    use crate::config::Config;
    use clap::ValueEnum;
    use ganger_engine::rules::routing::Router;
    use ganger_engine::{Policy, Routing, TicketSpec};

    fn config(preset: Preset) -> Config {
        toml::from_str(preset.text()).unwrap_or_else(|e| panic!("{preset:?}: {e}"))
    }

    fn routed(policy: &Policy, spec: TicketSpec) -> Routing {
        Router::of(policy).route(&spec)
    }

    #[test]
    fn every_preset_is_a_valid_configuration() {
        for preset in Preset::value_variants() {
            let faults = config(*preset).faults();
            assert!(faults.is_empty(), "{preset:?}: {faults:?}");
        }
    }

    /// "Work Routing Rules", phrase by phrase and path by path.
    #[test]
    fn the_crew_takes_what_its_rules_say() {
        let rules = [
            (
                "roy",
                "requirements.backend",
                "API, endpoint, GraphQL, database query, PostgreSQL, business logic, service, NATS, Kafka, event",
                "src/api/ src/services/ src/db/",
            ),
            (
                "jen",
                "requirements.frontend",
                "UI, component, page, React, Material-UI, dashboard, form, view, user experience, responsive",
                "src/components/ src/pages/",
            ),
            (
                "database",
                "requirements.database",
                "migration, schema change, table, column, index, ALTER TABLE, CREATE TABLE",
                "src/db/migrations/",
            ),
            (
                "documentation",
                "requirements.documentation",
                "documentation, README, API docs, user guide, CHANGELOG, release notes",
                "docs/ README.md CHANGELOG.md",
            ),
        ];
        let policy = config(Preset::Crew).to_policy();
        for (agent, subject, phrases, paths) in rules {
            let is_right = |routing: &Routing| {
                let route = policy.routes.iter().find(|route| Some(route.name.as_str()) == routing.route());
                routing.agent == agent && route.is_some_and(|route| route.subject == subject)
            };
            for phrase in phrases.split(", ") {
                for title in [format!("Add the {phrase} of orders"), phrase.to_lowercase(), phrase.to_uppercase()] {
                    let routing = routed(&policy, TicketSpec { title: title.clone(), ..TicketSpec::default() });
                    assert!(is_right(&routing), "{title}: {routing:?}");
                    let text =
                        TicketSpec { title: "Orders".into(), description: title.clone(), ..TicketSpec::default() };
                    assert_eq!(routed(&policy, text), routing, "{title}");
                }
            }
            for path in paths.split(' ') {
                let file = if path.ends_with('/') { format!("{path}orders.ts") } else { path.to_owned() };
                for file in [file, path.to_owned()] {
                    let spec =
                        TicketSpec { title: "Orders".into(), files: vec![file.clone()], ..TicketSpec::default() };
                    let routing = routed(&policy, spec);
                    assert!(is_right(&routing), "{file}: {routing:?}");
                }
            }
        }
    }

    /// Tickets of the same document, with the agents that it gives them.
    #[test]
    fn the_crew_routes_the_tickets_of_its_document() {
        let policy = config(Preset::Crew).to_policy();
        for (title, files, agent) in [
            (
                "Add inventory transaction API",
                &["src/api/transactions.ts", "tests/api/transactions.test.ts"][..],
                "roy",
            ),
            ("Inventory transaction API", &[], "roy"),
            ("Inventory dashboard UI", &[], "jen"),
            ("Update README with setup steps", &[], "documentation"),
        ] {
            let files = files.iter().map(ToString::to_string).collect();
            let routing = routed(&policy, TicketSpec { title: title.into(), files, ..TicketSpec::default() });
            assert_eq!(routing.agent, agent, "{title}: {}", routing.why);
        }
    }

    #[test]
    fn the_staff_gives_every_ticket_to_its_builder() {
        let policy = config(Preset::Staff).to_policy();
        let routing = routed(&policy, TicketSpec { title: "Anything".into(), ..TicketSpec::default() });
        assert_eq!(
            (routing.agent.as_str(), routing.why.to_string().as_str()),
            ("builder", "route builder takes what no other matches")
        );
    }
}
