//! The plain values of a hook, as an environment or a host has them.

use std::collections::BTreeMap;

use super::declaration::Hook;
use crate::name::{PartyName, Scope};

impl Hook {
    /// The settings for one host: those for all, overridden by environment, then by host.
    #[must_use]
    pub fn settings_for(&self, scope: &Scope, host: &PartyName) -> BTreeMap<String, String> {
        self.settings_by(&[scope.as_str(), host.as_str()])
    }

    /// The settings of an environment, where no host is meant.
    pub(crate) fn settings_in(&self, scope: &Scope) -> BTreeMap<String, String> {
        self.settings_by(&[scope.as_str()])
    }

    fn settings_by(&self, tables: &[&str]) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut add = |table: &toml::Table| {
            for (key, value) in table {
                match value {
                    toml::Value::Table(_) => {}
                    toml::Value::String(text) => drop(settings.insert(key.clone(), text.clone())),
                    other => drop(settings.insert(key.clone(), other.to_string())),
                }
            }
        };
        add(&self.settings);
        for name in tables {
            if let Some(toml::Value::Table(table)) = self.settings.get(*name) {
                add(table);
            }
        }
        settings
    }
}
