//! The networks that containers find each other in.

use std::collections::HashMap;

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};

use super::client::Engine;
use super::container::checked_name;
use super::error::{DockerError, checked_id};

/// The label of a network that says for which vault it was made.
const MADE_FOR: &str = "clws.vault";

impl Engine {
    /// Makes a bridge network of this name for a vault, unless there is one.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer.
    pub async fn ensure_network(&self, name: &str, vault: &str) -> Result<(), DockerError> {
        let name = checked_name("the network", name)?;
        let _one_at_a_time = self.networks.lock().await;
        let doing = format!("look at the network `{name}`");
        match self
            .ask(&doing, self.docker.inspect_network(name, None))
            .await
        {
            Err(error) if error.is_absence() => {}
            other => return other.map(drop),
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some([(MADE_FOR.to_owned(), vault.to_owned())].into()),
            ..NetworkCreateRequest::default()
        };
        let doing = format!("create the network `{name}`");
        match self.ask(&doing, self.docker.create_network(request)).await {
            // Somebody was faster.
            Err(DockerError::Refused { status: 409, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Removes the networks that were made for a vault and that no container is in, running or not: one that
    /// is stopped would not start without.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer; that somebody joins one meanwhile is no error.
    pub async fn remove_empty_networks(&self, vault: &str) -> Result<(), DockerError> {
        let label = format!("{MADE_FOR}={vault}");
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListNetworksOptionsBuilder::default()
            .filters(&filters)
            .build();
        let doing = "look for the networks that were made";
        let made = self.docker.list_networks(Some(options));
        for network in self.ask(doing, made).await? {
            let id = checked_id(doing, network.id)?;
            let filters = HashMap::from([("network", vec![id.as_str()])]);
            let options = ListContainersOptionsBuilder::default()
                .all(true)
                .filters(&filters)
                .build();
            let doing = "look who is in a network";
            let inside = self.docker.list_containers(Some(options));
            if !self.ask(doing, inside).await?.is_empty() {
                continue;
            }
            let removed = self.docker.remove_network(&id);
            match self.ask("remove an empty network", removed).await {
                // It is gone, or somebody is in it.
                Err(DockerError::Refused {
                    status: 403 | 404 | 409,
                    ..
                }) => {}
                other => other?,
            }
        }
        Ok(())
    }
}
